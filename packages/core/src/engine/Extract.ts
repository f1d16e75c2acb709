/** The first stage: batches from all sources in order, decoded here or by worker threads. */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type PipelineError, EngineError, SourceError } from "../contract/Errors.ts"
import type { ModuleReference } from "../contract/Plugin.ts"
import type { ChunkStream, Decode, DecodeErrorFields, RowStream, SourceBatch, SourceChunk } from "../contract/Source.ts"
import { Batch } from "../model/Batch.ts"
import type { BatchSchema } from "../model/ColumnType.ts"
import { encodeCursor, type CursorValue } from "../model/Cursor.ts"
import type { Plan } from "../pipeline/Plan.ts"
import type { Memory } from "./Memory.ts"
import { limitTime } from "./limitTime.ts"
import type { OpenedSource } from "./Pass.ts"
import { WORKER_BYTES, type WorkerStart } from "./Prepare.ts"
import { isSide } from "../transform/Step.ts"
import type { RunState } from "./RunState.ts"
import type { WorkerResult, Workers } from "./Workers.ts"
import { messageOf } from "../model/messageOf.ts"

export interface ExtractOptions {
  readonly opened: ReadonlyArray<OpenedSource>
  readonly plan: Plan
  readonly state: RunState
  readonly startWorkers: WorkerStart | undefined
  /** Whether streams go on until the run is stopped. Default false. */
  readonly follows?: boolean
}

interface Item {
  readonly permits: number
  /** The source's cursor once these rows are durable, encoded. */
  readonly cursor: { readonly source: string; readonly encoded: string } | undefined
  readonly rowsIn: number
  /** Rows read from all sources up to and with these. */
  readonly readSoFar: number
  /** Gives the memory of the rows back. Called once they are loaded, where nothing else holds them. */
  readonly release?: (() => void) | undefined
}

export type Extracted =
  | (Item & { readonly kind: "batch"; readonly batch: Batch })
  | (Item & {
      readonly kind: "encoded"
      readonly bytes: Uint8Array
      readonly rows: number
      readonly passed: ReadonlyArray<number>
      readonly schema: BatchSchema
    })

/** The rows of all sources but those that a join reads for itself. */
export const extract = (options: ExtractOptions, memory: Memory): Stream.Stream<Extracted, PipelineError> =>
  Stream.fromIterable(options.opened.map((opened, index) => ({ opened, index }))).pipe(
    Stream.filter(({ opened }) => !isSide(options.plan.spec, opened.source.name)),
    Stream.flatMap(({ opened, index }) => extractOne(options, opened, index, memory), { concurrency: 1 }),
  )

/** The rows of a source that a join reads for itself. */
export const extractSide = (options: ExtractOptions, name: string, memory: Memory): Stream.Stream<Extracted, PipelineError> => {
  const index = options.opened.findIndex(({ source }) => source.name === name)
  return extractOne(options, options.opened[index]!, index, memory)
}

const extractOne = (
  options: ExtractOptions,
  opened: OpenedSource,
  index: number,
  memory: Memory,
): Stream.Stream<Extracted, PipelineError> => {
  const count = options.state.counters.sources[index]!
  count.totalBytes = opened.reader.totalBytes
  count.totalRows = opened.reader.totalRows
  count.durationMs += opened.openMs
  const read = opened.reader.read(options.plan.offers[index] ?? {})
  const items = read.rows.kind === "batches" ? fromBatches(options, opened, read.rows) : fromChunks(options, opened, read.rows, memory)
  // A graceful stop waits for the next cursor, so that what was read is not read again.
  let atCursor = true
  const goesOn = (item: Raw): boolean => {
    if (options.state.stopping && atCursor) return false
    atCursor = item.cursor !== undefined
    return true
  }
  const stopping = opened.source.isStream ? endingAtCursor(options.state, items, () => atCursor) : items
  return timed(stopping, count).pipe(
    Stream.takeWhile(goesOn),
    Stream.mapEffect((item) => admit(options, opened, index, item, memory)),
    Stream.onExit(() => Effect.sync(() => void (count.done = true))),
  )
}

/** A stream whose next rows may be far away ends at once where the run is to stop and nothing lies behind the last cursor. */
const endingAtCursor = <A>(
  state: RunState,
  items: Stream.Stream<A, PipelineError>,
  isAtCursor: () => boolean,
): Stream.Stream<A, PipelineError> =>
  Stream.transformPull(items, (pull) =>
    Effect.succeed(
      Effect.suspend(() => (isAtCursor() ? Effect.raceFirst(pull, Effect.andThen(Deferred.await(state.stopped), Cause.done())) : pull)),
    ),
  )

/** Adds up the time that passes until the source gives what it is asked for. */
const timed = <A>(items: Stream.Stream<A, PipelineError>, count: { durationMs: number }): Stream.Stream<A, PipelineError> =>
  Stream.transformPull(items, (pull) =>
    Effect.succeed(
      Effect.suspend(() => {
        const started = performance.now()
        return Effect.onExit(pull, () => Effect.sync(() => void (count.durationMs += performance.now() - started)))
      }),
    ),
  )

/** What a source gives, before the engine has counted it and found room for it. */
type Raw =
  | {
      readonly kind: "batch"
      readonly batch: Batch
      readonly cursor: CursorValue | undefined
      readonly bytesRead: number
      readonly permits?: number
      readonly release?: (() => void) | undefined
    }
  | {
      readonly kind: "encoded"
      readonly result: WorkerResult
      readonly cursor: CursorValue | undefined
      readonly bytesRead: number
      readonly permits: number
      readonly release: () => void
    }

const admit = (
  options: ExtractOptions,
  opened: OpenedSource,
  index: number,
  raw: Raw,
  memory: Memory,
): Effect.Effect<Extracted, PipelineError> =>
  Effect.gen(function* () {
    const { state } = options
    // Gives timers, signals and the other stages a turn, also where a source never waits.
    yield* Effect.yieldNow
    const count = state.counters.sources[index]!
    const rowsIn = raw.kind === "batch" ? raw.batch.length : raw.result.rowsIn
    count.rows += rowsIn
    count.bytes += raw.bytesRead
    const readSoFar = state.counters.read
    state.moved("extract")
    count.lag = opened.reader.lag?.()
    const cursor =
      raw.cursor === undefined || opened.source.incremental === undefined
        ? undefined
        : { source: opened.source.name, encoded: yield* encode(opened, raw.cursor) }
    if (raw.kind === "encoded") {
      const { bytes, rows, passed, schema } = raw.result
      return {
        kind: "encoded",
        permits: raw.permits,
        cursor,
        rowsIn,
        readSoFar,
        bytes,
        rows,
        passed,
        schema,
        release: raw.release,
      } as const
    }
    const batch = options.plan.conform(raw.batch, index)
    const permits = raw.permits ?? (yield* memory.take(batch.byteSize))
    return { kind: "batch", permits, cursor, rowsIn, readSoFar, batch, release: raw.release } as const
  })

const encode = (opened: OpenedSource, cursor: CursorValue): Effect.Effect<string, SourceError> =>
  Effect.try({
    try: () => encodeCursor(cursor),
    catch: (cause) =>
      new SourceError({
        code: "CURSOR_INVALID",
        message: `${opened.source.name}: the source gave a cursor that cannot be stored: ${messageOf(cause)}`,
        path: [opened.source.name],
        cause,
      }),
  })

const fromBatches = ({ follows }: ExtractOptions, opened: OpenedSource, rows: RowStream): Stream.Stream<Raw, PipelineError> => {
  let rowsBefore = 0
  const toRaw = ({ batch, cursor, release }: SourceBatch): Raw => {
    const numbered = batch.firstRow === 1 && rowsBefore > 0 ? batch.withFirstRow(rowsBefore + 1) : batch
    rowsBefore += batch.length
    return { kind: "batch", batch: numbered, cursor, bytesRead: batch.byteSize, release }
  }
  // Of what never ends nobody knows when the next rows come.
  const stream = follows === true && opened.source.isStream ? rows.stream : withIdleLimit(opened, rows.stream)
  return Stream.map(stream, toRaw)
}

/** Fails where the source gives nothing for longer than its timeout. */
const withIdleLimit = <A>(opened: OpenedSource, stream: Stream.Stream<A, SourceError>): Stream.Stream<A, SourceError> => {
  const { timeout, name } = opened.source
  if (!Number.isFinite(timeout)) return stream
  const error = () =>
    new SourceError({
      code: "STEP_TIMEOUT",
      message: `${name}: the source gave no rows for ${timeout / 1000} s. Raise its timeout, or see what it waits for.`,
      path: [name],
      retryable: true,
    })
  // Each pull by itself: the limit of a whole stream goes by the time of day, which may jump.
  return Stream.transformPull(stream, (pull) => Effect.succeed(limitTime(timeout, error)(pull)))
}

const fromChunks = (
  options: ExtractOptions,
  opened: OpenedSource,
  rows: ChunkStream,
  memory: Memory,
): Stream.Stream<Raw, PipelineError> => {
  const chunks = withIdleLimit(opened, rows.stream).pipe(
    Stream.mapEffect((chunk) => Effect.map(memory.take(chunk.bytes.byteLength), (permits) => ({ chunk, permits }))),
  )
  const local = Effect.map(
    loadModule<Decode>(rows.decoder),
    (decode) => (chunk: SourceChunk, permits: number) => decodeHere(opened, rows, decode, chunk, permits),
  )
  return Stream.unwrap(
    Effect.gen(function* () {
      const decodeLocally = yield* local
      const workers = isLarge(opened) && options.startWorkers !== undefined ? yield* options.startWorkers(rows.decoder) : undefined
      if (workers === undefined)
        return chunks.pipe(
          Stream.mapEffect(({ chunk, permits }) => decodeLocally(chunk, permits)),
          Stream.flatMap(Stream.fromIterable),
        )
      return chunks.pipe(
        Stream.mapEffect(
          ({ chunk, permits }) => Effect.map(workers.run(chunk.bytes, isOwned(chunk)), (result) => ({ chunk, permits, result })),
          {
            concurrency: workers.capacity,
          },
        ),
        Stream.mapEffect(({ chunk, permits, result }) => fromWorker(rows, workers, { chunk, permits, result }, decodeLocally)),
        Stream.flatMap(Stream.fromIterable),
      )
    }),
  )
}

/** Who takes a buffer back put nothing else into it. */
const isOwned = ({ bytes, release }: SourceChunk): boolean => release !== undefined && bytes.buffer instanceof ArrayBuffer

/** Threads pay from some size on. */
const isLarge = (opened: OpenedSource): boolean => (opened.reader.totalBytes ?? 0) >= WORKER_BYTES

interface Answered {
  readonly chunk: SourceChunk
  readonly permits: number
  readonly result: WorkerResult | Uint8Array
}

const fromWorker = (
  rows: ChunkStream,
  workers: Workers,
  { chunk, permits, result }: Answered,
  decodeLocally: (chunk: SourceChunk, permits: number) => Effect.Effect<ReadonlyArray<Raw>, PipelineError>,
): Effect.Effect<ReadonlyArray<Raw>, PipelineError> => {
  // No worker had time, or one could not do it: here row and line numbers are known, and bad rows can be set aside.
  if (result instanceof Uint8Array) return decodeLocally({ ...chunk, bytes: result }, permits)
  rows.decoded(chunk, { rows: result.rowsIn, lines: result.lines })
  chunk.release?.(result.chunk)
  const release = (): void => workers.reuse(result.bytes.buffer)
  return Effect.succeed([{ kind: "encoded", result, cursor: chunk.cursor, bytesRead: result.bytesRead, permits, release }])
}

const decodeHere = (
  opened: OpenedSource,
  rows: ChunkStream,
  decode: Decode,
  chunk: SourceChunk,
  permits: number,
): Effect.Effect<ReadonlyArray<Raw>, PipelineError> =>
  Effect.try({
    try: () => {
      const decoded = decode(chunk.bytes)
      const firstRow = rows.decoded(chunk, decoded)
      const release = (): void => {
        decoded.release?.()
        chunk.release?.(chunk.bytes.buffer)
      }
      return numbered(decoded.batches, opened.reader.schema, firstRow, chunk, { permits, release })
    },
    catch: (cause) => {
      if (isDecodeError(cause)) return rows.located(chunk, cause)
      if (cause instanceof SourceError) return cause
      throw cause
    },
  }).pipe(Effect.withSpan("decode", { attributes: { source: opened.source.name } }))

/** What goes with a chunk's last batch. */
interface ChunkEnd {
  readonly permits: number
  readonly release: () => void
}

/** The chunk's room is given back with its last batch, which also carries the cursor. */
const numbered = (
  batches: ReadonlyArray<Batch>,
  schema: BatchSchema,
  firstRow: number,
  chunk: SourceChunk,
  { permits, release }: ChunkEnd,
): ReadonlyArray<Raw> => {
  if (batches.length === 0) {
    // A chunk without rows still moves the cursor, and its room must be given back.
    return [{ kind: "batch", batch: Batch.empty(schema), cursor: chunk.cursor, bytesRead: chunk.bytes.byteLength, permits, release }]
  }
  let next = firstRow
  return batches.map((batch, i): Raw => {
    const isLast = i === batches.length - 1
    const item = batch.withFirstRow(next)
    next += batch.rowCount
    return {
      kind: "batch",
      batch: item,
      cursor: isLast ? chunk.cursor : undefined,
      bytesRead: isLast ? chunk.bytes.byteLength : 0,
      permits: isLast ? permits : 0,
      release: isLast ? release : undefined,
    }
  })
}

const isDecodeError = (cause: unknown): cause is DecodeErrorFields =>
  typeof cause === "object" && cause !== null && "code" in cause && "line" in cause && "row" in cause && !(cause instanceof SourceError)

/** Loads what a reference names: the function that the module's export makes of the options. */
export const loadModule = <F>(reference: ModuleReference): Effect.Effect<F, EngineError> =>
  Effect.tryPromise({
    try: async () => {
      const module = (await import(/* @vite-ignore */ reference.url)) as Record<string, (options: unknown) => F>
      const make = module[reference.name]
      if (typeof make !== "function") throw new TypeError(`${reference.url} has no export ${reference.name}`)
      return make(reference.options)
    },
    catch: (cause) =>
      new EngineError({
        code: "MODULE_FAILED",
        message: `${reference.url}: ${messageOf(cause)}`,
        cause,
      }),
  })
