/** One listener of events, with its own bounded queue. */
import type { EngineEvent, EventFilter } from "../contract/Store.ts"

/** Events that wait for one listener. The store has them all. */
const CAPACITY = 10_000

export interface EventListenerOptions {
  /** What becomes of a listener that does not keep up: it loses the oldest events, or it is closed behind those that wait. */
  readonly whenFull: "drop" | "close"
  readonly onClose: () => void
}

export class EventListener implements AsyncIterableIterator<EngineEvent> {
  private readonly filter: EventFilter
  private readonly options: EventListenerOptions
  private readonly queue: Array<EngineEvent> = []
  private waiting: ((result: IteratorResult<EngineEvent>) => void) | undefined
  private closed = false

  constructor(filter: EventFilter, options: EventListenerOptions) {
    this.filter = filter
    this.options = options
  }

  push(event: EngineEvent): void {
    if (this.closed || !matches(event, this.filter)) return
    if (this.waiting !== undefined) {
      this.waiting({ done: false, value: event })
      this.waiting = undefined
      return
    }
    this.queue.push(event)
    if (this.queue.length <= CAPACITY) return
    if (this.options.whenFull === "close") this.close()
    else this.queue.shift()
  }

  close(): void {
    this.closed = true
    this.options.onClose()
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
