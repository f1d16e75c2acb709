/**
 * One pass: from the cursors of one checkpoint to the end of all sources, into the destinations that share that checkpoint.
 *
 * Extract, transform and load are three stages that overlap, joined by short queues; `Memory` bounds what is between them.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Scope from "effect/Scope"
import { type PipelineError, SourceError } from "../contract/Errors.ts"
import type { PluginContext } from "../contract/Plugin.ts"
import type { SourceReader, SourceRequest } from "../contract/Source.ts"
import { decodeCursor } from "../model/Cursor.ts"
import { blockingCount, queueMemory, throughBlocking } from "./Blocking.ts"
import { extract, type Extracted, type ExtractOptions } from "./Extract.ts"
import type { Loads } from "./Loads.ts"
import { limitOpening } from "./limitTime.ts"
import { makeMemory, type Memory } from "./Memory.ts"
import { type StepsOptions, transformBatch, type Transformed } from "./Steps.ts"
import { openStates, throughLast } from "./Stateful.ts"
import type { Remembering } from "./Remembering.ts"
import type { ResolvedPipeline, ResolvedSource } from "./Resolved.ts"
import type { Reached, RunState } from "./RunState.ts"
import { withOwnScope } from "./scopedForRun.ts"

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
  more: Pick<SourceRequest<unknown>, "follow" | "looksOnly"> & { readonly until?: Readonly<Record<string, string>> } = {},
): Effect.Effect<ReadonlyArray<OpenedSource>, PipelineError, Scope.Scope> =>
  Effect.forEach(pipeline.sources, (source) =>
    Effect.gen(function* () {
      const started = performance.now()
      const stored = cursors[source.name]
      const cursor = stored === undefined ? undefined : yield* readCursor(source, stored)
      const until = more.until?.[source.name]
      const open = source.plugin.open({
        ...context(source.name),
        config: source.config,
        batchSize: source.batchSize,
        columns: source.columns,
        cursor,
        incremental: source.incremental,
        optional: source.optional,
        follow: more.follow ?? false,
        looksOnly: more.looksOnly ?? false,
        ...(until === undefined ? {} : { until: yield* readCursor(source, until) }),
      })
      const reader = yield* withOwnScope(yield* Effect.scope)(open).pipe(limitOpening(source.timeout, () => openTimeout(source)))
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

export interface PassOptions extends ExtractOptions, StepsOptions {
  readonly loads: Loads
  readonly remembering: Remembering | undefined
}

/** Runs the three stages to the end of the sources, and then the final commit. */
export const runPass = (options: PassOptions): Effect.Effect<void, PipelineError, Scope.Scope> =>
  Effect.gen(function* () {
    const memory = passMemory(options)
    const queue = <A>(items: Stream.Stream<A, PipelineError>): Stream.Stream<A, PipelineError> =>
      options.overlaps ? Stream.buffer(items, { capacity: QUEUE }) : items
    yield* openStates(options)
    const forget = forgetting(options.loads)
    const rows = queue(throughSteps(options, queue(extract(options, memory)), memory))
    const stages = withTicks(options, rows).pipe(
      Stream.runForEach((item) =>
        item === undefined ? options.loads.flush : Effect.tap(load(options, item, memory), () => Effect.sync(() => forget(item))),
      ),
    )
    yield* stages
    if (options.remembering !== undefined) yield* options.remembering.finish
    yield* options.loads.finish
  })

/** Where rows may stay away for long, commits that are due come by the clock: with an undefined among the rows. */
const withTicks = <A>({ pipeline }: PassOptions, rows: Stream.Stream<A, PipelineError>): Stream.Stream<A | undefined, PipelineError> => {
  if (!pipeline.isStreaming) return rows
  const shortest = Math.min(...pipeline.destinations.map(({ flushInterval }) => flushInterval))
  const ticks = Stream.map(Stream.tick(Math.max(LEAST_TICK_MS, shortest / 4)), () => undefined)
  return Stream.merge(rows, ticks, { haltStrategy: "left" })
}

const LEAST_TICK_MS = 50

/** What bounds the rows between the stages of a pass. */
export const passMemory = ({ pipeline, plan }: StepsOptions): Memory => makeMemory(queueMemory(pipeline.bufferMemory, blockingCount(plan)))

/** The second stage: all steps. */
export const throughSteps = (
  options: ExtractOptions & StepsOptions,
  items: Stream.Stream<Extracted, PipelineError>,
  memory: Memory,
): Stream.Stream<Transformed, PipelineError> =>
  options.plan.steps.later.reduce(
    (before, steps) =>
      steps.kind === "blocking" ? throughBlocking(options, steps, memory, before) : throughLast(options, steps, memory, before),
    Stream.mapEffect(items, (item) => transform(options, item)),
  )

/** Batches that may wait between two stages. Memory is bounded by `buffer_memory`; this only keeps the queues short. */
const QUEUE = 1

const load = (options: PassOptions, item: Transformed, memory: Memory): Effect.Effect<void, PipelineError> =>
  options.loads.write(item).pipe(Effect.ensuring(memory.release(item.permits)))

/** Gives back the memory of what was loaded: rows at once, bytes when the next write has returned, as that waits for the one before. */
const forgetting = (loads: Loads) => {
  let written: (() => void) | undefined
  return (item: Transformed): void => {
    if (!loads.releases()) return
    written?.()
    written = item.kind === "encoded" ? item.release : undefined
    if (item.kind === "encoded") return
    item.batch?.release()
    item.release?.()
  }
}

const transform = (options: StepsOptions, item: Extracted): Effect.Effect<Transformed, PipelineError> => {
  const { state } = options
  if (item.kind === "encoded") {
    state.counters.addSteps(item.rowsIn, item.passed, NO_REJECTIONS)
    return Effect.succeed({ ...item, rejections: [], reached: reached(state, item) })
  }
  return Effect.map(transformBatch(options, options.plan.steps, item.batch, 0), (done) => ({
    ...item,
    kind: "batch" as const,
    ...done,
    reached: reached(state, item),
  }))
}

/** Invariant 5 holds at a commit too: what the stages have done for later rows is not counted with it. */
const reached = ({ counters }: RunState, { readSoFar }: Extracted): Reached => ({
  read: readSoFar,
  filtered: counters.filtered,
  added: counters.added,
})

const NO_REJECTIONS: ReadonlyMap<number, number> = new Map()
