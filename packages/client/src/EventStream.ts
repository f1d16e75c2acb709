/** Events as they come, by server-sent events; a connection that breaks is made again, and goes on behind the last event. */
import { DeltaflowError } from "./errors.ts"
import { sleep, type Transport } from "./Transport.ts"
import { camel, type EventType, type PipelineEvent } from "./shapes.ts"

export interface EventFilter {
  readonly pipeline?: string
  readonly type?: EventType
}

export interface StreamOptions extends EventFilter {
  /** Only events behind the one with this id. */
  readonly after?: string
  readonly signal?: AbortSignal
}

/** Between two connections, milliseconds. */
const FIRST_WAIT = 500
const LONGEST_WAIT = 10_000

/** A stream on which nothing came for so long, not even a comment, is dead; the server comments every 15 s. */
const SILENT_MS = 45_000

export async function* streamEvents(transport: Transport, { after, signal, pipeline, type }: StreamOptions): AsyncGenerator<PipelineEvent> {
  let last = after
  let wait = FIRST_WAIT
  const isOver = (): boolean => signal?.aborted === true
  while (!isOver()) {
    try {
      for await (const event of oneStream(transport, { pipeline, type }, last, signal)) {
        last = event.id
        wait = FIRST_WAIT
        yield event
      }
    } catch (error) {
      if (isOver()) return
      // What the server refuses it will refuse again.
      if (error instanceof DeltaflowError && error.status >= 400 && error.status < 500 && error.status !== 429) throw error
    }
    await sleep(wait, signal)
    wait = Math.min(wait * 2, LONGEST_WAIT)
  }
}

async function* oneStream(
  transport: Transport,
  query: Readonly<Record<string, string | undefined>>,
  last: string | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<PipelineEvent> {
  const leaving = new AbortController()
  const leave = (): void => leaving.abort()
  signal?.addEventListener("abort", leave, { once: true })
  const headers = { accept: "text/event-stream", ...(last === undefined ? {} : { "last-event-id": last }) }
  const response = await transport.open({ method: "GET", path: "/events/stream", query, headers, signal: leaving.signal })
  let timer = setTimeout(leave, SILENT_MS)
  const decoder = new TextDecoder()
  const reader = response.body!.getReader()
  let rest = ""
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      clearTimeout(timer)
      timer = setTimeout(leave, SILENT_MS)
      const blocks = (rest + decoder.decode(value, { stream: true })).split("\n\n")
      rest = blocks.pop()!
      for (const block of blocks) {
        const data = block.split("\n").flatMap((line) => (line.startsWith("data: ") ? [line.slice(6)] : []))
        if (data.length > 0) yield camel<PipelineEvent>(JSON.parse(data.join("\n")))
      }
    }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener("abort", leave)
    leave()
  }
}
