/**
 * Steps with a state. It is set up before the first row is read and closed with the run. Where a step gives last rows, cursors wait for
 * them: a commit never covers a row that the step may still hold.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type PipelineError, TransformError } from "../contract/Errors.ts"
import { Batch } from "../model/Batch.ts"
import { pathOf, placeOf } from "../transform/failure.ts"
import { within } from "../transform/settle.ts"
import type { LastSteps, StatefulStep } from "../transform/Step.ts"
import { limitOpening, limitTime } from "./limitTime.ts"
import type { Memory } from "./Memory.ts"
import type { ResolvedPipeline } from "./Resolved.ts"
import { withOwnScope } from "./scopedForRun.ts"
import { itemOf, type StepsOptions, transformBatch, transformFailure, type Transformed } from "./Steps.ts"

/** Sets up the states, in the order of the steps; each is closed with the scope, at the same time as sources and destinations. */
export const openStates = (options: Pick<StepsOptions, "plan" | "pipeline">): Effect.Effect<void, PipelineError, Scope.Scope> =>
  Effect.gen(function* () {
    const { plan, pipeline } = options
    const scope = yield* Effect.scope
    yield* Effect.forEach(plan.steps.stateful, (step) => openState(pipeline, step).pipe(withOwnScope(scope), limited(pipeline, step)), {
      discard: true,
    })
  })

const openState = (pipeline: ResolvedPipeline, { setup, close }: StatefulStep): Effect.Effect<void, PipelineError, Scope.Scope> =>
  Effect.acquireRelease(Effect.tryPromise({ try: setup, catch: transformFailure }), () => Effect.promise(close))

const limited =
  (pipeline: ResolvedPipeline, { step }: StatefulStep) =>
  <A>(open: Effect.Effect<A, PipelineError>): Effect.Effect<A, PipelineError> =>
    limitOpening(pipeline.timeout, () => tooSlow(pipeline, step, "setup"))(open)

const tooSlow = (pipeline: ResolvedPipeline, step: number, what: string): TransformError =>
  new TransformError({
    code: "STEP_TIMEOUT",
    message: `${place(pipeline, step)}: ${what} took longer than ${pipeline.timeout / 1000} s. Raise timeout, or see what it waits for.`,
    path: pathOf(pipeline.steps[step]!, step),
  })

const place = (pipeline: ResolvedPipeline, step: number): string =>
  placeOf({ steps: pipeline.steps, runtime: { pipeline_name: pipeline.name } }, step)

/** Takes the items through the steps behind a stateful one, and then what its `finish` gives. */
export const throughLast = (
  options: StepsOptions,
  steps: LastSteps,
  memory: Memory,
  items: Stream.Stream<Transformed, PipelineError>,
): Stream.Stream<Transformed, PipelineError> =>
  Stream.suspend(() => {
    const cursors = new Map<string, NonNullable<Transformed["cursor"]>>()
    const take = (item: Transformed): Effect.Effect<Transformed, PipelineError> => {
      if (item.cursor !== undefined) cursors.set(item.cursor.source, item.cursor)
      return behind(options, steps, { ...item, cursor: undefined })
    }
    return Stream.mapEffect(items, take).pipe(
      Stream.concat(Stream.suspend(() => lastRows(options, steps, memory))),
      Stream.concat(
        Stream.suspend(() => Stream.fromIterable(Array.from(cursors.values(), (cursor) => ({ ...itemOf(empty(), 0), cursor })))),
      ),
    )
  })

const empty = (): Batch => Batch.empty({ columns: [] })

const behind = (options: StepsOptions, steps: LastSteps, item: Transformed): Effect.Effect<Transformed, PipelineError> =>
  Effect.map(transformBatch(options, steps, item.batch!, steps.step + 1), (done) => ({
    ...item,
    ...done,
    rejections: [...item.rejections, ...done.rejections],
  }))

const lastRows = (options: StepsOptions, steps: LastSteps, memory: Memory): Stream.Stream<Transformed, PipelineError> => {
  const { pipeline, state } = options
  const batchSize = Math.max(...pipeline.sources.map((source) => source.batchSize))
  const give = (batch: Batch): Effect.Effect<Transformed, PipelineError> =>
    Effect.gen(function* () {
      // Gives timers, signals and the load a turn.
      yield* Effect.yieldNow
      const permits = yield* memory.take(batch.byteSize)
      state.counters.addBlocking(steps.step, { rowsOut: batch.length })
      return yield* behind(options, steps, itemOf(batch, permits))
    })
  return Stream.mapEffect(pieces(options, steps, batchSize), give)
}

/** How long the `finally` of a generator may take, milliseconds. */
const GRACE_MS = 1000

/** Each piece has the time that one batch has. A generator that is left before its end runs its `finally`. */
const pieces = ({ pipeline, state, overlaps }: StepsOptions, steps: LastSteps, batchSize: number): Stream.Stream<Batch, PipelineError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const batches = yield* Effect.acquireRelease(
        Effect.sync(() => steps.finish(batchSize)),
        (generator) => Effect.promise(() => within(GRACE_MS, [generator.return()])),
      )
      const next = Effect.suspend(() => {
        const started = performance.now()
        const took = Effect.sync(() => {
          const milliseconds = performance.now() - started
          state.counters.transformMs += milliseconds
          if (!overlaps) state.counters.steps[steps.step]!.durationMs += milliseconds
        })
        return Effect.tryPromise({ try: () => batches.next(), catch: transformFailure }).pipe(
          limitTime(pipeline.timeout, () => tooSlow(pipeline, steps.step, "finish")),
          Effect.ensuring(took),
        )
      })
      const pull = Effect.flatMap(next, (result) => (result.done === true ? Cause.done() : Effect.succeed([result.value] as const)))
      return Stream.fromPull(Effect.succeed(pull))
    }),
  )
