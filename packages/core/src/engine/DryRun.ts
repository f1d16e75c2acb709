/** A dry run: everything is opened and planned, nothing is read or written, and no cursor can move. */
import * as Effect from "effect/Effect"
import type { StoreError } from "../contract/Errors.ts"
import { type Execution, finishRun, type Finished, newRunState, runEvent, transition } from "./Execution.ts"
import { openOnly } from "./Looking.ts"

export const dryRun = (execution: Execution): Effect.Effect<Finished, StoreError> =>
  Effect.gen(function* () {
    const { environment } = execution
    const startedAt = environment.now()
    const state = newRunState(execution)
    const begin = transition(execution, { status: "running", startedAt }, [runEvent(execution, "pipeline.started", { dry_run: true })])
    const exit = yield* Effect.exit(Effect.interruptible(Effect.andThen(begin, openOnly(execution))))
    return yield* finishRun(execution, state, { stopping: false, onStop: undefined }, exit, startedAt)
  }).pipe(Effect.uninterruptible)
