/**
 * One pass: from the cursors of one checkpoint to the end of all sources, into the destinations that share that checkpoint.
 *
 * Extract, transform and load are three stages that overlap, joined by short queues; `Memory` bounds what is between them.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Scope from "effect/Scope"
import { type PipelineError, EngineError, SourceError, TransformError } from "../contract/Errors.ts"
import type { PluginContext } from "../contract/Plugin.ts"
import type { SourceReader } from "../contract/Source.ts"
import type { Batch } from "../model/Batch.ts"
import { decodeCursor } from "../model/Cursor.ts"
import type { Plan } from "../pipeline/Plan.ts"
import type { StepsResult } from "../transform/Step.ts"
import { extract, type Extracted, type ExtractOptions } from "./Extract.ts"
import type { LoadItem, Loads, Rejection } from "./Loads.ts"
import { limitTime } from "./limitTime.ts"
import { makeMemory, type Memory } from "./Memory.ts"
import type { ResolvedPipeline, ResolvedSource } from "./Resolved.ts"

export interface OpenedSource {
  readonly source: ResolvedSource
  readonly reader: SourceReader
  /** Milliseconds. A source that has to look at its first rows to know its columns does it here. */
  readonly openMs: number
}

/** Opens all sources, in order. `cursors` holds encoded cursors by source name. */
export const openSources = (
  pipeline: ResolvedPipeline,
  cursors: Readonly<Record<string, string>>,
  context: (name: string) => PluginContext,
): Effect.Effect<ReadonlyArray<OpenedSource>, PipelineError, Scope.Scope> =>
  Effect.forEach(pipeline.sources, (source) =>
    Effect.gen(function* () {
      const started = performance.now()
      const stored = cursors[source.name]
      const cursor = stored === undefined ? undefined : yield* readCursor(source, stored)
      const reader = yield* source.plugin
        .open({
          ...context(source.name),
          config: source.config,
          batchSize: source.batchSize,
          columns: source.columns,
          cursor,
          incremental: source.incremental,
          optional: source.optional,
        })
        .pipe(limitTime(source.timeout, () => openTimeout(source)))
      return { source, reader, openMs: performance.now() - started }
    }),
  )

const openTimeout = (source: ResolvedSource): SourceError =>
  new SourceError({
    code: "STEP_TIMEOUT",
    message: `${source.name}: the source did not open within ${source.timeout / 1000} s. Raise its timeout, or see what it waits for.`,
    path: [source.name],
    retryable: true,
  })

const readCursor = (source: ResolvedSource, stored: string) =>
  Effect.try({
    try: () => decodeCursor(stored),
    catch: (cause) =>
      new SourceError({
        code: "CURSOR_INVALID",
        message: `${source.name}: the stored cursor cannot be read. Run with a full refresh, or reset the state.`,
        path: [source.name],
        cause,
      }),
  })

export interface PassOptions extends ExtractOptions {
  readonly pipeline: ResolvedPipeline
  readonly loads: Loads
  /** Whether a stage may go on while the next one works. Where times are measured each waits for the others. */
  readonly overlaps: boolean
}

/** Runs the three stages to the end of the sources, and then the final commit. */
export const runPass = (options: PassOptions): Effect.Effect<void, PipelineError, Scope.Scope> =>
  Effect.gen(function* () {
    const memory = makeMemory(options.pipeline.bufferMemory)
    const queue = <A>(items: Stream.Stream<A, PipelineError>): Stream.Stream<A, PipelineError> =>
      options.overlaps ? Stream.buffer(items, { capacity: QUEUE }) : items
    const stages = queue(extract(options, memory)).pipe(
      Stream.mapEffect((item) => transform(options, item)),
      queue,
      Stream.runForEach((item) => load(options, item, memory)),
    )
    yield* stages
    yield* options.loads.finish
  })

/** Batches that may wait between two stages. Memory is bounded by `buffer_memory`; this only keeps the queues short. */
const QUEUE = 4

interface Transformed extends LoadItem {
  readonly permits: number
}

const load = (options: PassOptions, item: Transformed, memory: Memory): Effect.Effect<void, PipelineError> =>
  options.loads.write(item).pipe(Effect.ensuring(memory.release(item.permits)))

const transform = (options: PassOptions, item: Extracted): Effect.Effect<Transformed, PipelineError> => {
  const { state } = options
  if (item.kind === "encoded") {
    state.counters.addSteps(item.rowsIn, item.passed, NO_REJECTIONS)
    return Effect.succeed({ ...item, rejections: [] })
  }
  return Effect.gen(function* () {
    const started = performance.now()
    const rejections: Array<Rejection> = []
    const rejectedByStep = new Map<number, number>()
    const source = item.batch
    const onRowError = state.skipsRows
      ? (failure: { readonly row: number; readonly step: number; readonly error: TransformError }) => {
          rejections.push({
            row: source.row(failure.row),
            rowNumber: source.firstRow + failure.row,
            step: stepName(options, failure.step),
            error: failure.error,
          })
          rejectedByStep.set(failure.step, (rejectedByStep.get(failure.step) ?? 0) + 1)
        }
      : undefined
    const result = yield* runSteps(options, source, onRowError)
    state.counters.addSteps(source.length, result.passed, rejectedByStep)
    state.counters.transformMs += performance.now() - started
    return { ...item, kind: "batch" as const, batch: result.batch, rejections }
  })
}

const NO_REJECTIONS: ReadonlyMap<number, number> = new Map()

const stepName = (options: PassOptions, step: number): string => options.pipeline.steps[step]?.type ?? `step ${step + 1}`

const runSteps = (
  options: PassOptions,
  batch: Batch,
  onRowError: Parameters<Plan["steps"]["run"]>[1],
): Effect.Effect<StepsResult, PipelineError> => {
  const { steps } = options.plan
  if (!steps.isAsync) return Effect.try({ try: () => steps.run(batch, onRowError) as StepsResult, catch: transformFailure })
  // A step that never resolves ends here: by the time limit, or by the run's signal.
  return Effect.tryPromise({ try: async () => await steps.run(batch, onRowError), catch: transformFailure }).pipe(
    limitTime(options.pipeline.timeout, () => stepTimeout(options, batch)),
  )
}

const stepTimeout = (options: PassOptions, batch: Batch): TransformError => {
  const names = options.pipeline.steps.filter((step) => step.type === "custom").map((step) => step.name ?? step.type)
  const rows = `rows ${batch.firstRow} to ${batch.firstRow + batch.rowCount - 1}`
  return new TransformError({
    code: "STEP_TIMEOUT",
    message: `${options.pipeline.name} / ${names.join(", ")}: ${rows} did not finish within ${options.pipeline.timeout / 1000} s. Raise timeout, or see what the step waits for.`,
    path: [options.pipeline.name],
  })
}

const transformFailure = (cause: unknown): PipelineError => {
  if (cause instanceof TransformError || cause instanceof SourceError || cause instanceof EngineError) return cause
  throw cause
}
