/** Who may run a pipeline: what the command needs to know of leases to go on after a crash. */
import { setTimeout as sleep } from "node:timers/promises"
import type { Lease, Store } from "@deltaflow/core"
import * as Effect from "effect/Effect"

export const leaseOf = (store: Store, pipeline: string): Promise<Lease | undefined> =>
  Effect.runPromise(store.getLease(`pipeline:${pipeline}`))

const LOOK_MS = 200

/**
 * A process that was killed holds its lease until it runs out, and one that lives renews it long before. Waits for the one or the other;
 * `onWait` is called once with the milliseconds that it takes at most. Gives whether the pipeline is free.
 */
export const waitForLease = async (
  store: Store,
  pipeline: string,
  { onWait, signal }: { readonly onWait: (milliseconds: number) => void; readonly signal: AbortSignal },
): Promise<boolean> => {
  const first = await leaseOf(store, pipeline)
  if (first === undefined) return true
  onWait(Math.max(0, first.expiresAt - Date.now()))
  while (!signal.aborted) {
    await sleep(LOOK_MS)
    const lease = await leaseOf(store, pipeline)
    if (lease === undefined) return true
    if (lease.epoch !== first.epoch || lease.expiresAt > first.expiresAt) return false
  }
  return false
}
