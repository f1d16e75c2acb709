/** `:payload` of runs, kept so that a run that is retried is for the same. */
import * as Effect from "effect/Effect"
import type { StoreError } from "../contract/Errors.ts"
import type { Store, StoreReader } from "../contract/Store.ts"
import type { RunOptions } from "./Options.ts"

const PAYLOADS = "runs.payloads"

const KEPT_MS = 30 * 86_400_000

/** That which is given, or that of the run that is retried. */
export const payloadOf = (store: StoreReader, { payload, retryOf }: RunOptions): Effect.Effect<unknown, StoreError> =>
  payload !== undefined || retryOf === undefined
    ? Effect.succeed(payload)
    : Effect.map(store.getEntry(PAYLOADS, retryOf), (entry) => entry?.value)

export const keepPayload = (store: Store, runId: string, payload: unknown, now: number): Effect.Effect<void, StoreError> =>
  Effect.asVoid(store.saveEntry({ collection: PAYLOADS, key: runId, value: payload, expiresAt: now + KEPT_MS }))
