/**
 * What every source promises, as laws: `runLaws(sourceLaws({ source, config }), { test })`.
 *
 * The source has to stand still while the laws run: the same rows each time it is read from its beginning.
 */
import assert from "node:assert/strict"
import {
  type CursorValue,
  type Decode,
  decodeCursor,
  encodeCursor,
  type IncrementalOptions,
  loadPromiseForm,
  type Row,
  type Source,
  type SourceBatch,
  type SourceChunk,
  SourceError,
  type SourceRead,
  type SourceRequest,
} from "@deltaflow/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cause from "effect/Cause"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import fc from "fast-check"
import type { FaultPlan } from "./faults.ts"
import { type Effort, effortOf, type Law } from "./Law.ts"
import { checkConfigJson, checkError, contextFor, decodeConfig, type PluginSetting, withoutLeak } from "./pluginContext.ts"

export interface SourceLawsOptions extends Effort, PluginSetting {
  readonly source: Source
  /** As a pipeline would give it. */
  readonly config: unknown
  /** The rows that the source has to give. Without them, what it gives at first is taken for true. */
  readonly rows?: ReadonlyArray<Row>
  /** Declared types of columns. */
  readonly columns?: SourceRequest<unknown>["columns"]
  /** `false` reads all rows each time. Default: `{}` where the source supports it. */
  readonly incremental?: IncrementalOptions | false
  /** Configs with which opening or reading has to fail. */
  readonly badConfigs?: ReadonlyArray<unknown>
}

export const sourceLaws = (options: SourceLawsOptions): ReadonlyArray<Law> =>
  [
    ["gives the same rows in any batch size", () => anyBatchSize(options)],
    ["loses and repeats nothing when it is resumed at any cursor", () => anyCursor(options)],
    ["gives cursors that survive being stored", () => storedCursors(options)],
    ["leaves nothing open wherever it is stopped", () => anyStop(options)],
    ["leaves nothing open, and says what is wrong, when any file operation fails", () => anyFault(options)],
    ["fails with a code and without secrets", () => badConfigs(options)],
    ["takes its config through JSON", () => checkConfigJson(options.source.config, options.config)],
  ].map(([title, check]) => ({ name: `${options.source.type} source: ${title as string}`, check: check as () => Promise<void> }))

/** Rows that came together, with the cursor that holds after them. */
interface Part {
  readonly rows: ReadonlyArray<Row>
  readonly cursor?: CursorValue
}

interface Reading {
  readonly batchSize: number
  readonly cursor?: CursorValue
  /** Stop after so many parts. */
  readonly take?: number
  readonly plan?: FaultPlan
  readonly signal?: AbortSignal
}

// Small ones and two large ones, in one range, so that a counter-example shrinks to one row a batch.
const batchSizes = fc.integer({ min: 1, max: 10 }).map((size) => (size === 9 ? 100 : size === 10 ? 5000 : size))

const anyBatchSize = async (options: SourceLawsOptions): Promise<void> => {
  const expected = options.rows ?? rowsOf(await read(options, { batchSize: 1000 }))
  const property = fc.asyncProperty(batchSizes, async (batchSize) => {
    assert.deepEqual(rowsOf(await read(options, { batchSize })), expected)
  })
  await fc.assert(property, effortOf(options))
}

const anyCursor = async (options: SourceLawsOptions): Promise<void> => {
  const property = fc.asyncProperty(batchSizes, batchSizes, fc.nat(), async (firstSize, thenSize, at) => {
    const parts = await read(options, { batchSize: firstSize })
    const places = parts.flatMap((part, i) => (part.cursor === undefined || startsAnew(options, parts, i) ? [] : [i]))
    if (places.length === 0) {
      assert.ok(
        incrementalOf(options) === undefined || rowsOf(parts).length === 0,
        "the source says that it is incremental, and gives no cursor",
      )
      return
    }
    const place = places[at % places.length]!
    const rest = await read(options, { batchSize: thenSize, cursor: stored(parts[place]!.cursor) })
    assert.deepEqual(rowsOf(rest), rowsOf(parts.slice(place + 1)), `resumed after ${rowsOf(parts.slice(0, place + 1)).length} rows`)
  })
  await fc.assert(property, effortOf(options))
}

/** Without increments the next run reads all again once this one has come to its end, so the last cursor promises nothing. */
const startsAnew = (options: SourceLawsOptions, parts: ReadonlyArray<Part>, place: number): boolean =>
  incrementalOf(options) === undefined && rowsOf(parts.slice(place + 1)).length === 0

const incrementalOf = ({ source, incremental }: SourceLawsOptions): IncrementalOptions | undefined => {
  if (incremental === false) return undefined
  return incremental ?? (source.supportsIncremental === true ? {} : undefined)
}

/** A cursor as the next run gets it. */
const stored = (cursor: CursorValue): CursorValue => decodeCursor(encodeCursor(cursor))

const storedCursors = async (options: SourceLawsOptions): Promise<void> => {
  for (const { cursor } of await read(options, { batchSize: 3 })) {
    if (cursor !== undefined) assert.deepEqual(stored(cursor), cursor)
  }
}

const anyStop = async (options: SourceLawsOptions): Promise<void> => {
  const property = fc.asyncProperty(batchSizes, fc.nat({ max: 20 }), fc.boolean(), async (batchSize, take, abort) => {
    if (!abort) return void (await read(options, { batchSize, take }))
    // As the engine does it: the signal says so, and the fiber is interrupted.
    const controller = new AbortController()
    const exit = await readExit(options, { batchSize, take, signal: controller.signal }, () => controller.abort())
    if (Exit.isFailure(exit))
      assert.ok(Cause.hasInterruptsOnly(exit.cause) || Option.isSome(Cause.findErrorOption(exit.cause)), Cause.pretty(exit.cause))
  })
  await fc.assert(property, effortOf(options))
}

/** The first operations are where files are opened; far into a large file nothing new happens. */
const MOST_FAULTS = 60

const anyFault = async (options: SourceLawsOptions): Promise<void> => {
  const expected = options.rows ?? rowsOf(await read(options, { batchSize: 3 }))
  for (let at = 1; at <= MOST_FAULTS; at++) {
    let struck = false
    const plan: FaultPlan = { at, onFault: () => void (struck = true) }
    const exit = await readExit(options, { batchSize: 3, plan })
    if (!struck) return
    // A source may get on without what failed, but not without rows; where it fails, it says why.
    if (Exit.isSuccess(exit)) assert.deepEqual(rowsOf(exit.value), expected, `rows are missing where operation ${at} failed`)
    else
      checkError(
        Option.getOrElse(Cause.findErrorOption(exit.cause), () => Cause.pretty(exit.cause)),
        SourceError,
        options,
        options.source.type,
      )
  }
}

const badConfigs = async (options: SourceLawsOptions): Promise<void> => {
  for (const config of options.badConfigs ?? []) {
    const { issues } = await options.source.config["~standard"].validate(config)
    if (issues !== undefined) continue
    const exit = await readExit({ ...options, config }, { batchSize: 3 })
    assert.ok(Exit.isFailure(exit), `the source takes a config with which it should fail: ${JSON.stringify(config)}`)
    checkError(
      Option.getOrElse(Cause.findErrorOption(exit.cause), () => Cause.pretty(exit.cause)),
      SourceError,
      options,
      options.source.type,
    )
  }
}

const rowsOf = (parts: ReadonlyArray<Part>): ReadonlyArray<Row> => parts.flatMap(({ rows }) => rows)

const read = async (options: SourceLawsOptions, reading: Reading): Promise<ReadonlyArray<Part>> => {
  const exit = await readExit(options, reading)
  if (Exit.isSuccess(exit)) return exit.value
  throw Option.getOrElse(Cause.findErrorOption(exit.cause), () => new Error(Cause.pretty(exit.cause)))
}

/** Opens, reads and closes; `onEnough` is called, once, when `take` parts have come. Fails where something is still open then. */
const readExit = async (
  options: SourceLawsOptions,
  reading: Reading,
  onEnough?: () => void,
): Promise<Exit.Exit<ReadonlyArray<Part>, SourceError>> => {
  const { source, columns } = options
  const context = contextFor(options, reading.plan, reading.signal)
  const config: unknown = await decodeConfig(source.config, options.config)
  const request = {
    ...context,
    config,
    batchSize: reading.batchSize,
    cursor: reading.cursor,
    incremental: incrementalOf(options),
    ...(columns === undefined ? {} : { columns }),
  }
  await loadPromiseForm()
  const effect = Effect.scoped(Effect.flatMap(source.open(request), (reader) => collect(reader.read({}), reading.take, onEnough)))
  return await withoutLeak(options, context.files, () =>
    Effect.runPromiseExit(effect, reading.signal === undefined ? undefined : { signal: reading.signal }),
  )
}

const collect = (opened: SourceRead, take = Infinity, onEnough?: () => void): Effect.Effect<ReadonlyArray<Part>, SourceError> => {
  const parts: Array<Part> = []
  const stream = partsOf(opened)
  const counted = Stream.tap(stream, (part) =>
    Effect.suspend(() => {
      parts.push(part)
      if (parts.length !== take || onEnough === undefined) return Effect.void
      onEnough()
      return Effect.yieldNow
    }),
  )
  const some = take === Infinity || onEnough !== undefined ? counted : Stream.take(counted, take)
  return Effect.map(Stream.runDrain(some), () => parts)
}

const partsOf = ({ rows }: SourceRead): Stream.Stream<Part, SourceError> => {
  if (rows.kind === "batches") return Stream.map(rows.stream, ({ batch, ...rest }: SourceBatch) => ({ rows: batch.toRows(), ...rest }))
  const decoder = Effect.promise(async () => {
    const module = (await import(rows.decoder.url)) as Record<string, (options: unknown) => Decode>
    return module[rows.decoder.name]!(rows.decoder.options)
  })
  return Stream.unwrap(Effect.map(decoder, (decode) => Stream.mapEffect(rows.stream, (chunk) => decodeChunk(rows, decode, chunk))))
}

const decodeChunk = (
  rows: Extract<SourceRead["rows"], { kind: "chunks" }>,
  decode: Decode,
  chunk: SourceChunk,
): Effect.Effect<Part, SourceError> =>
  Effect.try({
    try: () => {
      const result = decode(chunk.bytes)
      rows.decoded(chunk, result)
      const part = { rows: result.batches.flatMap((batch) => batch.toRows()) }
      return "cursor" in chunk ? { ...part, cursor: chunk.cursor } : part
    },
    catch: (error) => rows.located(chunk, error as Parameters<typeof rows.located>[1]),
  })
