/** Events as they happen, to any number of listeners, each with its own bounded queue; who does not keep up loses the oldest. */
import type { EngineEvent, EventFilter } from "../contract/Store.ts"
import { EventListener } from "./EventListener.ts"

export class EventHub {
  private readonly listeners = new Set<EventListener>()

  publish(event: EngineEvent): void {
    for (const listener of this.listeners) listener.push(event)
  }

  /** Events from now on. Ends when the iteration is left, when `signal` aborts, or when the hub closes. */
  listen(filter: EventFilter, signal?: AbortSignal): AsyncIterableIterator<EngineEvent> {
    const listener = new EventListener(filter, { whenFull: "drop", onClose: () => this.listeners.delete(listener) })
    this.listeners.add(listener)
    signal?.addEventListener("abort", () => listener.close(), { once: true })
    if (signal?.aborted === true) listener.close()
    return listener
  }

  close(): void {
    for (const listener of this.listeners) listener.close()
  }
}
