/** Events as they happen, to any number of listeners, each with its own bounded queue. */
import type { EngineEvent, EventFilter } from "../contract/Store.ts"

/** A listener that does not keep up loses the oldest events beyond this many; the store has them all. */
const CAPACITY = 10_000

export class EventHub {
  private readonly listeners = new Set<Listener>()

  publish(event: EngineEvent): void {
    for (const listener of this.listeners) listener.push(event)
  }

  /** Events from now on. Ends when the iteration is left, when `signal` aborts, or when the hub closes. */
  listen(filter: EventFilter, signal?: AbortSignal): AsyncIterableIterator<EngineEvent> {
    const listener = new Listener(filter, () => this.listeners.delete(listener))
    this.listeners.add(listener)
    signal?.addEventListener("abort", () => listener.close(), { once: true })
    if (signal?.aborted === true) listener.close()
    return listener
  }

  close(): void {
    for (const listener of this.listeners) listener.close()
  }
}

class Listener implements AsyncIterableIterator<EngineEvent> {
  private readonly filter: EventFilter
  private readonly onClose: () => void
  private readonly queue: Array<EngineEvent> = []
  private waiting: ((result: IteratorResult<EngineEvent>) => void) | undefined
  private closed = false

  constructor(filter: EventFilter, onClose: () => void) {
    this.filter = filter
    this.onClose = onClose
  }

  push(event: EngineEvent): void {
    if (!matches(event, this.filter)) return
    if (this.waiting !== undefined) {
      this.waiting({ done: false, value: event })
      this.waiting = undefined
      return
    }
    this.queue.push(event)
    if (this.queue.length > CAPACITY) this.queue.shift()
  }

  close(): void {
    this.closed = true
    this.onClose()
    this.waiting?.({ done: true, value: undefined })
    this.waiting = undefined
  }

  next(): Promise<IteratorResult<EngineEvent>> {
    const event = this.queue.shift()
    if (event !== undefined) return Promise.resolve({ done: false, value: event })
    if (this.closed) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve) => (this.waiting = resolve))
  }

  return(): Promise<IteratorResult<EngineEvent>> {
    this.close()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

const matches = (event: EngineEvent, filter: EventFilter): boolean =>
  (filter.pipeline === undefined || event.pipeline === filter.pipeline) &&
  (filter.runId === undefined || event.runId === filter.runId) &&
  (filter.types === undefined || filter.types.includes(event.type))
