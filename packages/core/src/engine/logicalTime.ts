/** The time that a run is for. A definition that names it is never run without one: rows of no time at all would look like no rows. */
import * as Effect from "effect/Effect"
import { EngineError, type StoreError } from "../contract/Errors.ts"
import type { LogicalTime, StoreReader } from "../contract/Store.ts"
import type { DecodedPipeline } from "../pipeline/DecodedPipeline.ts"
import { lastInterval } from "../pipeline/schedule.ts"
import type { RunOptions } from "./Options.ts"

const NAMED = /:(scheduled_at|interval_start|interval_end)\b/

/** That which is given, or of the run that is retried, or the last whole interval of the schedule. */
export const logicalTimeOf = (
  store: StoreReader,
  decoded: DecodedPipeline,
  { logicalTime, retryOf }: RunOptions,
  now: number,
): Effect.Effect<LogicalTime | undefined, EngineError | StoreError> =>
  Effect.gen(function* () {
    if (logicalTime !== undefined) return logicalTime
    const retried = retryOf === undefined ? undefined : (yield* store.getRun(retryOf))?.logicalTime
    if (retried !== undefined && retried !== null) return retried
    const [, named] = NAMED.exec(JSON.stringify(decoded.written)) ?? []
    if (named === undefined) return undefined
    const { name, schedule, timezone } = decoded
    if (schedule !== undefined) return yield* Effect.promise(() => lastInterval(schedule, timezone, now))
    const message = `${name}: \`:${named}\` is the time of a schedule, and there is none. Give the pipeline a schedule, or the run a logicalTime.`
    return yield* Effect.fail(new EngineError({ code: "MISSING_KEY", message, path: [name, "schedule"] }))
  })
