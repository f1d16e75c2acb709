/**
 * Steps that need all rows, between the stages of a pass. They take every batch and give its room back at once; what they give begins
 * when the sources have ended. Cursors wait until then: a commit never covers a row that a step still holds.
 */
import { tmpdir } from "node:os"
import path from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { PipelineError } from "../contract/Errors.ts"
import { Batch } from "../model/Batch.ts"
import type { Plan } from "../pipeline/Plan.ts"
import type { BlockingRun } from "../transform/blocking/host.ts"
import { SpillFile } from "../transform/blocking/spill.ts"
import { placeOf } from "../transform/failure.ts"
import { type BlockingSteps, sidesOf } from "../transform/Step.ts"
import type { Memory } from "./Memory.ts"
import { type Extracted, type ExtractOptions, extractSide } from "./Extract.ts"
import { sqlOpener } from "./SqlTables.ts"
import { collectRejections, itemOf, type StepsOptions, transformBatch, transformFailure, type Transformed } from "./Steps.ts"

type BlockingOptions = ExtractOptions & StepsOptions

/** A folder of this user's, because another user's could not be written. */
export const defaultTempFolder = (): string => path.join(tmpdir(), `deltaflow-${process.getuid?.() ?? "spill"}`)

/** Of `buffer_memory`, what bounds the rows between the stages where `blocking` steps hold rows too. */
export const queueMemory = (bufferMemory: number, blocking: number): number => (blocking === 0 ? bufferMemory : bufferMemory / 4)

/** How many blocking steps share the memory. */
export const blockingCount = (plan: Plan): number => plan.steps.later.filter(({ kind }) => kind === "blocking").length

/** What each of the blocking steps may hold. */
const stepMemory = (bufferMemory: number, blocking: number): number => (bufferMemory - queueMemory(bufferMemory, blocking)) / blocking

/** Takes the items through one blocking step and the row-wise steps behind it. */
export const throughBlocking = (
  options: BlockingOptions,
  steps: BlockingSteps,
  memory: Memory,
  items: Stream.Stream<Transformed, PipelineError>,
): Stream.Stream<Transformed, PipelineError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const { pipeline } = options
      const openSpill = yield* spillOpener(options, steps.step)
      const room = {
        memory: stepMemory(pipeline.bufferMemory, blockingCount(options.plan)),
        batchSize: Math.max(...pipeline.sources.map((source) => source.batchSize)),
      }
      const sql = yield* sqlOpener(options, steps.step, room)
      const remembered = options.remembering?.step === steps.step ? { remembered: options.remembering.states } : {}
      const stage = new BlockingStage(options, steps, steps.start({ ...room, openSpill, openSql: sql.open, ...remembered }), memory)
      return Stream.fromIterable(sidesOf([pipeline.steps[steps.step]!])).pipe(
        Stream.flatMap((source) => Stream.mapEffect(extractSide(options, source, memory), (item) => stage.takeSide(item, source)), {
          concurrency: 1,
        }),
        Stream.concat(Stream.flatMap(items, (item) => stage.take(item), { concurrency: 1 })),
        Stream.filter((item) => item !== undefined),
        Stream.concat(Stream.suspend(() => interruptible(stage.given(), sql.interrupt))),
        Stream.concat(Stream.suspend(() => Stream.fromIterable(stage.cursors()))),
      )
    }),
  )

/** Whoever stops to wait for the next item has `interrupt` called: a query would go on until it has a row. */
const interruptible = <A>(items: Stream.Stream<A, PipelineError>, interrupt: Effect.Effect<void>): Stream.Stream<A, PipelineError> =>
  Stream.transformPull(items, (pull) => Effect.succeed(Effect.onInterrupt(pull, () => interrupt)))

/** One spill file, opened when it is first asked for, and closed with the scope. */
const spillOpener = ({ spill, pipeline }: StepsOptions, step: number): Effect.Effect<() => Promise<SpillFile>, never, Scope.Scope> => {
  const place = placeOf({ steps: pipeline.steps, runtime: { pipeline_name: pipeline.name } }, step)
  return Effect.map(
    Effect.acquireRelease(
      Effect.sync((): { file: Promise<SpillFile> | undefined } => ({ file: undefined })),
      (opened) => Effect.promise(() => closeSpill(opened.file)),
    ),
    (opened) => () => (opened.file ??= SpillFile.open({ ...spill, place, timeout: pipeline.timeout })),
  )
}

const closeSpill = async (opened: Promise<SpillFile> | undefined): Promise<void> => {
  const file = await opened?.catch(() => {
    // Whoever asked for it has heard of the failure; there is nothing to close.
    return undefined
  })
  await file?.close()
}

class BlockingStage {
  private readonly options: StepsOptions
  private readonly steps: BlockingSteps
  private readonly run: BlockingRun
  private readonly memory: Memory
  /** The last cursor of each source. */
  private readonly waiting = new Map<string, NonNullable<Transformed["cursor"]>>()

  constructor(options: StepsOptions, steps: BlockingSteps, run: BlockingRun, memory: Memory) {
    this.options = options
    this.steps = steps
    this.run = run
    this.memory = memory
  }

  /** Takes the rows; what goes on at once are rows that were rejected, and those that need not wait for others. */
  take(item: Transformed): Stream.Stream<Transformed | undefined, PipelineError> {
    if (item.cursor !== undefined) this.waiting.set(item.cursor.source, item.cursor)
    const batch = item.batch!
    const { run } = this
    const rejected = collectRejections(this.options, batch)
    const add = batch.length === 0 || run.through !== undefined ? undefined : () => run.add(batch, rejected.onRowError)
    const done = Stream.fromEffect(this.taken(item, rejected, add))
    if (batch.length === 0 || run.through === undefined) return done
    const given = Stream.fromAsyncIterable(this.timed(run.through(batch, rejected.onRowError)), transformFailure)
    // The room that these rows take is the one of the rows that they were made of: taking more while that is held could wait for ever.
    return Stream.concat(
      Stream.mapEffect(given, (one) => this.give(one, 0)),
      done,
    )
  }

  /** Takes rows of a source that the step reads for itself. */
  takeSide(item: Extracted, source: string): Effect.Effect<Transformed | undefined, PipelineError> {
    const batch = item.kind === "batch" ? item.batch : Batch.empty({ columns: [] })
    const rejected = collectRejections(this.options, batch)
    return this.taken({ ...itemOf(batch, item.permits, []), release: item.release }, rejected, () =>
      this.run.addSide!(batch, source, rejected.onRowError),
    )
  }

  /** Counts the rows of an item that has been taken, and gives its memory back. */
  private taken(
    item: Transformed,
    rejected: ReturnType<typeof collectRejections>,
    add: (() => void | Promise<void>) | undefined,
  ): Effect.Effect<Transformed | undefined, PipelineError> {
    return Effect.gen({ self: this }, function* () {
      const batch = item.batch!
      const started = performance.now()
      const added = add === undefined ? undefined : yield* Effect.try({ try: add, catch: transformFailure })
      if (added !== undefined) yield* Effect.tryPromise({ try: () => added, catch: transformFailure })
      this.took(performance.now() - started)
      this.options.state.counters.addBlocking(this.steps.step, { rowsIn: batch.length, rejected: rejected.rejections.length })
      // The step keeps copies, so nothing refers to the batch any more.
      batch.release()
      item.release?.()
      yield* this.memory.release(item.permits)
      const rejections = [...item.rejections, ...rejected.rejections]
      return rejections.length === 0 ? undefined : itemOf(Batch.empty(batch.schema), 0, rejections)
    })
  }

  /** The rows that come out, after the row-wise steps behind. */
  given(): Stream.Stream<Transformed, PipelineError> {
    const batches = Stream.fromAsyncIterable(this.timed(this.run.finish()), transformFailure)
    return Stream.mapEffect(batches, (batch) => Effect.flatMap(this.memory.take(batch.byteSize), (permits) => this.give(batch, permits)))
  }

  private async *timed(batches: AsyncGenerator<Batch, void, undefined>): AsyncGenerator<Batch, void, undefined> {
    let started = performance.now()
    for await (const batch of batches) {
      this.took(performance.now() - started)
      yield batch
      started = performance.now()
    }
  }

  private took(milliseconds: number): void {
    const { state, overlaps } = this.options
    state.counters.transformMs += milliseconds
    if (!overlaps) state.counters.steps[this.steps.step]!.durationMs += milliseconds
  }

  private give(batch: Batch, permits: number): Effect.Effect<Transformed, PipelineError> {
    return Effect.gen({ self: this }, function* () {
      // Gives timers, signals and the load a turn.
      yield* Effect.yieldNow
      this.options.state.counters.addBlocking(this.steps.step, { rowsOut: batch.length })
      const done = yield* transformBatch(this.options, this.steps, batch, this.steps.step + 1)
      return { ...itemOf(done.batch, permits, done.rejections), ...done }
    })
  }

  cursors(): ReadonlyArray<Transformed> {
    return Array.from(this.waiting.values(), (cursor) => ({ ...itemOf(Batch.empty({ columns: [] }), 0, []), cursor }))
  }
}
