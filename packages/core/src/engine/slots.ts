/**
 * Runs of one pipeline at the same time, by `scheduler.concurrency`: each has a place with a lease and checkpoints of its own. The first
 * place is the pipeline itself.
 */
import * as Effect from "effect/Effect"
import type { StoreError } from "../contract/Errors.ts"
import type { Lease, Run, Store, StoreReader } from "../contract/Store.ts"

/** In which place a run is that is not in the first: the name of that place. */
const PLACES = "runs.places"

/** Longer than any run. */
const KEPT_MS = 365 * 86_400_000

export const leaseName = (place: string): string => `pipeline:${place}`

/** No pipeline can have the name of a further place. */
export const placesOf = (pipeline: string, concurrency: number): ReadonlyArray<string> =>
  Array.from({ length: concurrency }, (_, i) => (i === 0 ? pipeline : `${pipeline}/${i + 1}`))

/** Before the run is in the store, so that nobody takes it for lost. */
export const keepPlace = (store: Store, run: Run, place: string, now: number): Effect.Effect<void, StoreError> =>
  place === run.pipeline
    ? Effect.void
    : Effect.asVoid(store.saveEntry({ collection: PLACES, key: run.id, value: place, expiresAt: now + KEPT_MS }))

export const forgetPlace = (store: Store, run: Run, place: string): Effect.Effect<void, StoreError> =>
  place === run.pipeline ? Effect.void : Effect.asVoid(store.deleteEntry(PLACES, run.id))

/** The lease under which the run goes on, undefined where nobody renews it any more. */
export const leaseOf = (store: StoreReader, run: Run): Effect.Effect<Lease | undefined, StoreError> =>
  Effect.gen(function* () {
    const first = yield* store.getLease(leaseName(run.pipeline))
    if (first?.owner === run.id) return first
    const place = (yield* store.getEntry(PLACES, run.id))?.value as string | undefined
    const lease = place === undefined ? undefined : yield* store.getLease(leaseName(place))
    return lease?.owner === run.id ? lease : undefined
  })
