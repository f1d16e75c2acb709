/**
 * Events as they come, for any number of listeners: one reader of the store for all of them, so that events of other processes are seen
 * too, and a thousand listeners cost one query.
 */
import type { Engine, EngineEvent, EventFilter, Store } from "@deltaflow/core"
import { EventListener, promised } from "@deltaflow/core/adapter"

export type FeedFilter = Pick<EventFilter, "pipeline" | "types">

const PAGE = 1000

/** Between looks at the store where no event of this process says that there is something new. */
const LOOK_MS = 100

export class EventFeed {
  private readonly engine: Engine
  private readonly store: Store
  private readonly now: () => number
  private readonly listeners = new Set<EventListener>()
  private reading: Promise<void> | undefined
  private wake: (() => void) | undefined
  private isClosed = false

  constructor(engine: Engine, store: Store, now: () => number) {
    this.engine = engine
    this.store = store
    this.now = now
  }

  /** From now on, or from behind the event `after`. Ends with the signal. */
  listen(filter: FeedFilter, after: string | undefined, signal: AbortSignal): AsyncIterableIterator<EngineEvent> {
    // Who is too slow is let go, and may come again with the last id.
    const listener = new EventListener(filter, { whenFull: "close", onClose: () => this.listeners.delete(listener) })
    this.listeners.add(listener)
    signal.addEventListener("abort", () => listener.close(), { once: true })
    if (signal.aborted || this.isClosed) listener.close()
    this.reading ??= this.readAll().finally(() => (this.reading = undefined))
    return after === undefined ? listener : this.caughtUp(listener, filter, after)
  }

  /** What the store has first; then what came meanwhile, but nothing twice. */
  private async *caughtUp(listener: EventListener, filter: FeedFilter, after: string): AsyncGenerator<EngineEvent> {
    const seen = new Set<string>()
    try {
      for (let last = after; ;) {
        const page = await promised(this.store.listEvents({ ...filter, after: last, limit: PAGE }))
        for (const event of page) {
          seen.add(event.id)
          yield event
        }
        if (page.length < PAGE) break
        last = page.at(-1)!.id
      }
      for await (const event of listener) if (!seen.delete(event.id)) yield event
    } finally {
      listener.close()
    }
  }

  /** For as long as somebody listens. */
  private async readAll(): Promise<void> {
    const since = this.now()
    let after: string | undefined
    const local = this.engine.events()
    void this.wakeOn(local)
    try {
      while (this.listeners.size > 0 && !this.isClosed) {
        const from = after === undefined ? { since } : { after }
        const events = await this.read(from)
        for (const event of events) for (const listener of this.listeners) listener.push(event)
        after = events.at(-1)?.id ?? after
        if (events.length < PAGE) await this.pause()
      }
    } finally {
      await local.return?.()
    }
  }

  private async read(from: EventFilter): Promise<ReadonlyArray<EngineEvent>> {
    try {
      return await promised(this.store.listEvents({ ...from, limit: PAGE }))
    } catch {
      return [] // The store is away; the next look goes on from the same place.
    }
  }

  private async wakeOn(local: AsyncIterableIterator<EngineEvent>): Promise<void> {
    for await (const _ of local) this.wake?.()
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, LOOK_MS)
      timer.unref()
      this.wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  close(): void {
    this.isClosed = true
    for (const listener of this.listeners) listener.close()
    this.wake?.()
  }
}
