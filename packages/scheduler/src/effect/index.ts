/**
 * Pipelines at the times of an Effect `Schedule`.
 *
 * One program never runs a pipeline twice at once: it waits for the run before it goes on with the schedule. A run of the pipeline that
 * goes on elsewhere makes it leave the time out. Interrupting cancels the run, and waits until all is closed.
 */
import * as Effect from "effect/Effect"
import type { DefinitionError, EngineError, PipelineInput, Run, RunOptions, StoreError } from "@deltaflow/core"
import { Engine } from "@deltaflow/core/effect"

export type ScheduledRunOptions = Omit<RunOptions, "refusesWhileRunning" | "signal">

/**
 * One run, for `Effect.schedule(scheduledRun(pipeline), Schedule.cron("0 2 * * *", "Europe/Berlin"))`. Gives undefined, and logs why, where
 * the run fails, where it is left out, and where the store is away for a moment: the schedule goes on. Fails with what stays wrong.
 */
export const scheduledRun = (
  pipeline: PipelineInput,
  options: ScheduledRunOptions = {},
): Effect.Effect<Run | undefined, DefinitionError | EngineError | StoreError, Engine> =>
  Effect.gen(function* () {
    const engine = yield* Engine
    return yield* engine.run(pipeline, { trigger: "schedule", ...options, refusesWhileRunning: true }).pipe(
      Effect.catchTag("RunError", (error) => goOn("warning", error)),
      Effect.catch((error) => (error.retryable ? goOn(error.code === "LEASE_HELD" ? "debug" : "warning", error) : Effect.fail(error))),
    )
  })

const goOn = (
  level: "debug" | "warning",
  { code, message }: { readonly code: string; readonly message: string },
): Effect.Effect<undefined> =>
  Effect.as(level === "debug" ? Effect.logDebug(`${code}: ${message}`) : Effect.logWarning(`${code}: ${message}`), undefined)
