/** Events in the form of `text/event-stream`: https://html.spec.whatwg.org/multipage/server-sent-events.html */
import type { EngineEvent } from "@deltaflow/core"
import { eventAsJson } from "../shapes.ts"

const encoder = new TextEncoder()

const texts = new WeakMap<EngineEvent, Uint8Array>()

/** Made once, however many listen. */
const bytesOf = (event: EngineEvent): Uint8Array => {
  const known = texts.get(event)
  if (known !== undefined) return known
  const bytes = encoder.encode(`id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(eventAsJson(event))}\n\n`)
  texts.set(event, bytes)
  return bytes
}

/** Between two comments, which keep what stands between from closing the connection. */
export const COMMENT_MS = 15_000

/** Pulled by whoever reads; `onEnd` is called once, when nobody does any more. */
export const eventStream = (events: AsyncIterableIterator<EngineEvent>, onEnd: () => void): ReadableStream<Uint8Array> => {
  let timer: NodeJS.Timeout | undefined
  let hasEnded = false
  const end = (): void => {
    if (hasEnded) return
    hasEnded = true
    clearInterval(timer)
    onEnd()
  }
  return new ReadableStream<Uint8Array>({
    start: (controller) => {
      // So that the headers go out at once.
      controller.enqueue(encoder.encode(": events\n\n"))
      timer = setInterval(() => {
        if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(": waiting\n\n"))
      }, COMMENT_MS)
      timer.unref()
    },
    pull: async (controller) => {
      const { done, value } = await events.next()
      if (done !== true) return controller.enqueue(bytesOf(value))
      end()
      controller.close()
    },
    cancel: async () => {
      end()
      await events.return?.()
    },
  })
}
