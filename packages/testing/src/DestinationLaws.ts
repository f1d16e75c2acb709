/**
 * What every destination promises, as laws: `runLaws(destinationLaws({ destination, make, … }), { test })`.
 *
 * `make` gives a new, empty place each time, and says how to read back what readers of it see.
 */
import { inspect } from "node:util"
import assert from "node:assert/strict"
import {
  Batch,
  type BatchSchema,
  type Checkpoint,
  type ColumnType,
  type Destination,
  DestinationError,
  type Encode,
  type CommitResult,
  type Load,
  type LoadRequest,
  loadPromiseForm,
  type Row,
  type RowValue,
  setOwn,
  type WriteMode,
} from "@deltaflow/core"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import fc from "fast-check"
import type { FaultPlan } from "./faults.ts"
import { type Effort, effortOf, type Law } from "./Law.ts"
import { checkConfigJson, checkError, contextFor, decodeConfig, type PluginSetting, withoutLeak } from "./pluginContext.ts"
import { cutRows, rowsOf, schemas } from "./rows.ts"

/** A new, empty place. */
export interface DestinationPlace extends PluginSetting {
  /** As a pipeline would give it. */
  readonly config: unknown
  /** What readers see now, in order; no rows where nothing is there yet. */
  readonly readBack: () => Promise<ReadonlyArray<Row>> | ReadonlyArray<Row>
  readonly dispose?: () => Promise<void> | void
}

export interface DestinationLawsOptions extends Effort {
  readonly destination: Destination
  readonly make: () => Promise<DestinationPlace> | DestinationPlace
  /** The column types that it can hold. Default: all. */
  readonly types?: ReadonlyArray<ColumnType>
  /** Whether it can hold a value, where it cannot hold all of its types: what it cannot hold must be an error. Default: all. */
  readonly holds?: (value: RowValue, type: ColumnType) => boolean
  /** Column names that it can hold. Default: any, also those that break things. */
  readonly names?: fc.Arbitrary<string>
  /** How rows come back, where that is not as they went in: a CSV file gives texts. */
  readonly expected?: (rows: ReadonlyArray<Row>, schema: BatchSchema) => ReadonlyArray<Row>
}

type NamedCheck = readonly [title: string, check: () => Promise<void>]

export const destinationLaws = (options: DestinationLawsOptions): ReadonlyArray<Law> => {
  const { destination } = options
  const modes = destination.writeModes.filter((mode) => mode === "append" || mode === "replace" || mode === "upsert")
  const laws: ReadonlyArray<NamedCheck> = [
    ...modes.flatMap((mode) => modeLaws(options, mode)),
    ...(destination.checkpoint === undefined ? [] : [checkpointLaw(options), ...fencingLaws(options)]),
    ["takes its config through JSON", () => inPlace(options, (place) => checkConfigJson(destination.config, place.config))],
  ]
  return laws.map(([title, check]) => ({ name: `${destination.type} destination: ${title}`, check }))
}

const modeLaws = (options: DestinationLawsOptions, mode: WriteMode): ReadonlyArray<NamedCheck> => [
  [`${mode}: holds all rows, in order, whatever the batches and values`, () => holdsAll(options, mode)],
  [`${mode}: a second load does to the first what the mode says`, () => secondLoad(options, mode)],
  [`${mode}: an empty load leaves no rows, and fails nobody`, () => emptyLoad(options, mode)],
  [`${mode}: a load that ends without its commit changes nothing`, () => withoutCommit(options, mode)],
  ...(options.holds === undefined
    ? []
    : [[`${mode}: names row and column of a value that it cannot hold`, () => cannotHold(options, mode)] satisfies NamedCheck]),
  [`${mode}: any file operation that fails leaves the old rows or the new, and nothing open`, () => anyFault(options, mode)],
  ...(mode === "append"
    ? []
    : [[`${mode}: the same rows loaded twice are there once`, () => twiceIsOnce(options, mode)] satisfies NamedCheck]),
  ...(mode === "replace"
    ? [["replace: readers see the old rows until the commit", () => untouchedUntilCommit(options)] satisfies NamedCheck]
    : []),
]

/** Rows to load, with the schema that they share and a key that is unique: a whole number that counts up. */
interface Loading {
  readonly schema: BatchSchema
  readonly rows: ReadonlyArray<Row>
  readonly pieces: ReadonlyArray<ReadonlyArray<Row>>
}

const KEY = "row_key"

const loadings = (options: DestinationLawsOptions): fc.Arbitrary<Loading> =>
  keyedSchemas(options)
    .chain((schema) => fc.record({ schema: fc.constant(schema), rows: heldRows(options, schema) }, { noNullPrototype: true }))
    .chain(({ schema, rows }) => cutRows(rows).map((pieces) => ({ schema, rows, pieces })))

const keyedSchemas = ({ types, names }: DestinationLawsOptions): fc.Arbitrary<BatchSchema> =>
  schemas({ maxColumns: 5, minColumns: 0, ...(types === undefined ? {} : { types }), ...(names === undefined ? {} : { names }) }).map(
    ({ columns }) => ({
      columns: [{ name: KEY, type: "integer" as const, nullable: false }, ...columns.filter(({ name }) => name.toLowerCase() !== KEY)],
    }),
  )

const heldRows = (options: DestinationLawsOptions, schema: BatchSchema, maxLength?: number): fc.Arbitrary<ReadonlyArray<Row>> =>
  rowsOf(schema, maxLength === undefined ? {} : { maxLength }).map((rows) =>
    keyed(rows.filter((row) => notHeld(options, schema, row) === undefined)),
  )

/** The first column whose value the destination cannot hold. */
const notHeld = ({ holds }: DestinationLawsOptions, { columns }: BatchSchema, row: Row): string | undefined =>
  holds === undefined ? undefined : columns.find(({ name, type }) => row[name] !== null && name !== KEY && !holds(row[name], type))?.name

const keyed = (rows: ReadonlyArray<Row>): ReadonlyArray<Row> =>
  rows.map((row, i) => {
    const made: Row = { [KEY]: i + 1 }
    for (const [name, value] of Object.entries(row)) if (name !== KEY) setOwn(made, name, value)
    return made
  })

/** Two loads of one schema. */
const pairs = (options: DestinationLawsOptions): fc.Arbitrary<readonly [Loading, Loading]> =>
  loadings(options).chain((first) =>
    heldRows(options, first.schema, 8).map((rows) => [first, { schema: first.schema, rows, pieces: [rows] }] as const),
  )

const property = async <A>(
  options: DestinationLawsOptions,
  input: fc.Arbitrary<A>,
  check: (place: DestinationPlace, given: A) => Promise<void>,
): Promise<void> => {
  await fc.assert(
    fc.asyncProperty(input, (given) => inPlace(options, (place) => check(place, given))),
    effortOf(options),
  )
}

const inPlace = async (options: DestinationLawsOptions, use: (place: DestinationPlace) => Promise<void>): Promise<void> => {
  const place = await options.make()
  try {
    await use(place)
  } finally {
    await place.dispose?.()
  }
}

const holdsAll = (options: DestinationLawsOptions, mode: WriteMode): Promise<void> =>
  property(options, fc.tuple(loadings(options), fc.constantFrom("rows", "slices", "encoded")), async (place, [loading, how]) => {
    await load(options, place, mode, loading, { how })
    await expectRows(options, place, mode, loading.schema, loading.rows)
  })

const secondLoad = (options: DestinationLawsOptions, mode: WriteMode): Promise<void> =>
  property(options, pairs(options), async (place, [first, second]) => {
    await load(options, place, mode, first)
    await load(options, place, mode, second)
    await expectRows(options, place, mode, first.schema, after(mode, first.rows, second.rows))
  })

/** What two loads leave. */
const after = (mode: WriteMode, first: ReadonlyArray<Row>, second: ReadonlyArray<Row>): ReadonlyArray<Row> => {
  if (mode === "replace") return second
  return mode === "append" ? [...first, ...second] : [...second, ...first.slice(second.length)]
}

const emptyLoad = (options: DestinationLawsOptions, mode: WriteMode): Promise<void> =>
  property(options, loadings(options), async (place, { schema }) => {
    await load(options, place, mode, { schema, rows: [], pieces: [] })
    await expectRows(options, place, mode, schema, [])
  })

const withoutCommit = (options: DestinationLawsOptions, mode: WriteMode): Promise<void> =>
  property(options, fc.tuple(pairs(options), fc.boolean()), async (place, [[first, second], hasFirst]) => {
    if (hasFirst) await load(options, place, mode, first)
    await load(options, place, mode, second, { commit: false })
    await expectRows(options, place, mode, first.schema, hasFirst ? first.rows : [])
  })

const cannotHold = async (options: DestinationLawsOptions, mode: WriteMode): Promise<void> => {
  const withBad = keyedSchemas(options)
    .chain((schema) => rowsOf(schema, { minLength: 1 }).map((rows) => ({ schema, rows: keyed(rows) })))
    .filter(({ schema, rows }) => rows.some((row) => notHeld(options, schema, row) !== undefined))
  await property(options, withBad, async (place, { schema, rows }) => {
    const exit = await loadExit(options, place, mode, { schema, rows, pieces: [rows] }, {})
    assert.ok(Exit.isFailure(exit), "a value that the destination cannot hold was taken")
    const error = errorOf(exit.cause)
    checkError(error, DestinationError, place, options.destination.type)
    const bad = rows.findIndex((row) => notHeld(options, schema, row) !== undefined)
    const { row, column } = error as DestinationError
    assert.deepEqual({ row, column }, { row: bad + 1, column: notHeld(options, schema, rows[bad]!) })
    await expectRows(options, place, mode, schema, [])
  })
}

const untouchedUntilCommit = (options: DestinationLawsOptions): Promise<void> =>
  property(options, pairs(options), async (place, [first, second]) => {
    await load(options, place, "replace", first)
    const beforeCommit = () => expectRows(options, place, "replace", first.schema, first.rows)
    await load(options, place, "replace", second, { beforeCommit })
    await expectRows(options, place, "replace", first.schema, second.rows)
  })

const twiceIsOnce = (options: DestinationLawsOptions, mode: WriteMode): Promise<void> =>
  property(options, loadings(options), async (place, loading) => {
    await load(options, place, mode, loading)
    await load(options, place, mode, loading)
    await expectRows(options, place, mode, loading.schema, loading.rows)
  })

const MOST_FAULTS = 40

const anyFault = async (options: DestinationLawsOptions, mode: WriteMode): Promise<void> => {
  const [pair] = fc.sample(
    pairs(options).filter(([first, second]) => first.rows.length > 0 && second.rows.length > 0),
    { numRuns: 1, seed: options.seed ?? 1 },
  )
  const [first, second] = pair!
  for (const how of ["before", "after", "short"] as const) {
    for (let at = 1; at <= MOST_FAULTS; at++) {
      let struck = false
      const plan: FaultPlan = { at, how, code: "ENOSPC", onFault: () => void (struck = true) }
      await inPlace(options, async (place) => {
        await load(options, place, mode, first)
        const exit = await loadExit(options, place, mode, second, { plan })
        if (!struck) return
        if (Exit.isFailure(exit)) checkError(errorOf(exit.cause), DestinationError, place, options.destination.type)
        const found = comparable(await readBackAfter(place, `operation ${at} failed ${how}`), mode)
        const allowed = [first.rows, after(mode, first.rows, second.rows)].map((rows) =>
          comparable(asRead(options, rows, first.schema), mode),
        )
        const wanted = Exit.isFailure(exit) ? allowed : [allowed[1]]
        assert.ok(
          wanted.some((rows) => isDeepEqual(rows, found)),
          `operation ${at} failed ${how}: neither the old rows nor the new are there, but ${inspect(found)}`,
        )
      })
      if (!struck) break
    }
  }
}

/** What cannot even be read back after a failure was torn by it. */
const readBackAfter = async (place: DestinationPlace, what: string): Promise<ReadonlyArray<Row>> => {
  try {
    return await place.readBack()
  } catch (cause) {
    throw new Error(`${what}: what is there cannot be read back: ${String(cause)}`, { cause })
  }
}

const isDeepEqual = (a: unknown, b: unknown): boolean => {
  try {
    assert.deepEqual(a, b)
    return true
  } catch (error) {
    if (error instanceof assert.AssertionError) return false
    throw error
  }
}

const checkpointLaw = (options: DestinationLawsOptions): NamedCheck => [
  "its checkpoint is the one of the last commit, and not that of a load that ended without",
  () =>
    property(options, pairs(options), async (place, [first, second]) => {
      const mode = options.destination.writeModes[0]!
      assert.equal(await checkpointOf(options, place), undefined, "there is a checkpoint before any commit")
      await load(options, place, mode, first)
      assert.deepEqual((await checkpointOf(options, place))?.cursors, { rows: "1" })
      await load(options, place, mode, second, { commit: false, cursor: "2" })
      assert.deepEqual((await checkpointOf(options, place))?.cursors, { rows: "1" })
      await load(options, place, mode, second, { cursor: "2" })
      assert.deepEqual((await checkpointOf(options, place))?.cursors, { rows: "2" })
    }),
]

/** Invariant 7. The rows stay those of the commits that counted. */
const fencingLaws = (options: DestinationLawsOptions): ReadonlyArray<NamedCheck> => {
  const mode = options.destination.writeModes[0]!
  const refused = async (place: DestinationPlace, [first, second]: readonly [Loading, Loading], how: LoadOptions): Promise<void> => {
    const exit = await loadExit(options, place, mode, second, { ...how, cursor: "2" })
    assert.ok(Exit.isFailure(exit), "a commit was taken that had to be refused")
    checkError(errorOf(exit.cause), DestinationError, place, options.destination.type)
    assert.deepEqual((await checkpointOf(options, place))?.cursors, { rows: "1" })
    await expectRows(options, place, mode, first.schema, first.rows)
  }
  return [
    [
      "refuses the commit of a run that was overtaken",
      () =>
        property(options, pairs(options), async (place, loadings) => {
          await load(options, place, mode, loadings[0], { epoch: 9 })
          await refused(place, loadings, { epoch: 8 })
        }),
    ],
    [
      "refuses a commit where another has come since the run began",
      () =>
        property(options, pairs(options), async (place, loadings) => {
          await load(options, place, mode, loadings[0], { checkpoint: null })
          await refused(place, loadings, { checkpoint: null })
          const own = (await checkpointOf(options, place))!
          await refused(place, loadings, { checkpoint: { ...own, batchId: own.batchId + 1 } })
          await refused(place, loadings, { checkpoint: { ...own, runId: "another" } })
          await load(options, place, mode, loadings[1], { checkpoint: own, cursor: "2" })
        }),
    ],
  ]
}

const checkpointOf = async ({ destination }: DestinationLawsOptions, place: DestinationPlace): Promise<Checkpoint | undefined> => {
  const config: unknown = await decodeConfig(destination.config, place.config)
  return await Effect.runPromise(destination.checkpoint!({ ...contextFor(place), config }))
}

const expectRows = async (
  options: DestinationLawsOptions,
  place: DestinationPlace,
  mode: WriteMode,
  schema: BatchSchema,
  rows: ReadonlyArray<Row>,
): Promise<void> => {
  assert.deepEqual(comparable(await place.readBack(), mode), comparable(asRead(options, rows, schema), mode))
}

const asRead = ({ expected }: DestinationLawsOptions, rows: ReadonlyArray<Row>, schema: BatchSchema): ReadonlyArray<Row> =>
  expected?.(rows, schema) ?? rows

/** A table has no order of its own once rows were updated in it. */
const comparable = (rows: ReadonlyArray<Row>, mode: WriteMode): ReadonlyArray<Row> =>
  mode === "upsert" ? rows.toSorted((a, b) => Number(a[KEY]) - Number(b[KEY])) : rows

interface LoadOptions {
  /** Batches of rows, slices of one batch, or bytes that were encoded apart, where the load takes them. */
  readonly how?: "rows" | "slices" | "encoded"
  readonly commit?: boolean
  readonly cursor?: string
  /** Default: one more than the last. */
  readonly epoch?: number
  /** What must stand beside the rows. Default: nobody asked. */
  readonly checkpoint?: Checkpoint | null
  readonly plan?: FaultPlan
  readonly beforeCommit?: () => Promise<void>
}

const load = async (
  options: DestinationLawsOptions,
  place: DestinationPlace,
  mode: WriteMode,
  loading: Loading,
  how: LoadOptions = {},
): Promise<void> => {
  const exit = await loadExit(options, place, mode, loading, how)
  if (Exit.isFailure(exit)) throw errorOf(exit.cause)
}

const errorOf = (cause: Cause.Cause<unknown>): unknown =>
  Option.getOrElse(Cause.findErrorOption(cause), () => new Error(Cause.pretty(cause)))

/** What the engine's store would keep for a place. */
interface Kept {
  runs: number
  state: unknown
}

const keptFor = new WeakMap<DestinationPlace, Kept>()

const kept = (place: DestinationPlace): Kept => {
  const known = keptFor.get(place) ?? { runs: 0, state: undefined }
  keptFor.set(place, known)
  return known
}

/** One run of its own: opens, writes, commits where it should, and closes. */
const loadExit = async (
  { destination }: DestinationLawsOptions,
  place: DestinationPlace,
  mode: WriteMode,
  loading: Loading,
  how: LoadOptions,
): Promise<Exit.Exit<void, unknown>> => {
  const memory = kept(place)
  const context = { ...contextFor(place, how.plan), runId: `run_${++memory.runs}` }
  const config: unknown = await decodeConfig(destination.config, place.config)
  const request: LoadRequest<unknown> = {
    ...context,
    config,
    schema: loading.schema,
    writeMode: mode,
    key: [KEY],
    schemaChanges: "evolve",
    epoch: how.epoch ?? memory.runs,
    ...(how.checkpoint === undefined ? {} : { checkpoint: how.checkpoint }),
    state: memory.state,
    keepsState: true,
    fullRefresh: false,
  }
  const run = { ...how, runId: context.runId, epoch: how.epoch ?? memory.runs }
  await loadPromiseForm()
  const effect = Effect.scoped(Effect.flatMap(destination.open(request), (opened) => fill(opened, loading, run)))
  const exit = await withoutLeak(place, context.files, () => Effect.runPromiseExit(effect))
  // The store is written after the destination has committed, and only then.
  if (Exit.isSuccess(exit) && exit.value !== undefined) memory.state = exit.value.state
  return Exit.map(exit, () => undefined)
}

const fill = (
  opened: Load,
  loading: Loading,
  how: LoadOptions & { readonly runId: string; readonly epoch: number },
): Effect.Effect<CommitResult | undefined, DestinationError> =>
  Effect.gen(function* () {
    for (const batch of batchesOf(loading, how.how)) yield* writeBatch(opened, batch, how.how === "encoded")
    if (how.beforeCommit !== undefined) yield* Effect.promise(how.beforeCommit)
    if (how.commit === false) return undefined
    const { runId, epoch, cursor = "1" } = how
    return yield* opened.commit({ pipeline: "laws", runId, cursors: { rows: cursor }, epoch, batchId: loading.pieces.length }, true)
  })

/** Slices leave rows out by a selection, as a filter does. */
const batchesOf = ({ schema, rows, pieces }: Loading, how: LoadOptions["how"]): ReadonlyArray<Batch> => {
  if (how !== "slices") return pieces.map((piece) => Batch.fromRows(piece, schema))
  const whole = Batch.fromRows(rows, schema)
  let start = 0
  return pieces.map((piece) => whole.slice(start, (start += piece.length)))
}

const writeBatch = (opened: Load, batch: Batch, encoded: boolean): Effect.Effect<void, DestinationError> => {
  const { encoded: target } = opened
  if (!encoded || target === undefined) return opened.write(batch)
  const { url, name, options } = target.encoder(batch.schema)
  return Effect.flatMap(
    Effect.promise(async () => ((await import(url)) as Record<string, (options: unknown) => Encode>)[name]!(options)(batch)),
    (bytes) => target.write(bytes, batch.length, batch.schema),
  )
}
