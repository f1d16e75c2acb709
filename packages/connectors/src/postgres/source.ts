import {
  type Pushdown,
  type PushedCondition,
  type Source,
  type SourceBatch,
  SourceError,
  type SourceRead,
  type SourceReader,
  type SourceRequest,
  formatValue,
} from "@deltaflow/core"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { type ChangesConfig, forgetChanges, openChanges } from "./cdc/changes.ts"
import { compareChanges } from "./cdc/cursor.ts"
import { connectionCheck } from "./check.ts"
import { columnsOf, type SourceColumn } from "./columns.ts"
import { copiedRows, selectList, shapeOf } from "./copiedRows.ts"
import { checkIncremental, CursorFollower, type PostgresCursor } from "./cursor.ts"
import { type GivenHost, hostOf, isPool, type PgHost } from "./driver.ts"
import { type Place, readFailure } from "./failures.ts"
import { type Bound, boundOf, upperBound } from "./lateCommits.ts"
import { type ConnectionConfig, connectionFields } from "./options.ts"
import { type LastRun, setValue, valueOf, withSettings } from "./parameters.ts"
import { beginIn, exportedSnapshot, type Pieces, piecesOf, rowsOfPieces } from "./pieces.ts"
import { quoteName, quoteTable } from "./quote.ts"
import { Session } from "./session.ts"
import { CONNECT_MS } from "./settings.ts"
import { sqlType } from "./types.ts"

const readingFields = {
  schema: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "The schema of the table. Default: public." })),
  table: Schema.optionalKey(Schema.NonEmptyString.annotate({ description: "The table or view to read. Either this or `query`." })),
  query: Schema.optionalKey(
    Schema.NonEmptyString.annotate({
      description:
        "The SELECT to read. `:last_run`, `:run_id`, `:pipeline_name`, `:environment` and `:payload` are values, never text of it.",
    }),
  ),
}

const parallelField = {
  parallel: Schema.optionalKey(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 32 })).annotate({
      description:
        "Connections that read the table at once, each another piece of it, all in one snapshot. Not with `incremental`. Default: 1.",
    }),
  ),
}

const SLOT = /^[a-z0-9_]{1,63}$/

const changesFields = {
  mode: Schema.optionalKey(
    Schema.Literals(["batch", "cdc"]).annotate({
      description: "`batch` reads rows, `cdc` reads the tables once and from then on what changes in them, deletes too. Default: batch.",
    }),
  ),
  tables: Schema.optionalKey(
    Schema.NonEmptyArray(Schema.NonEmptyString).annotate({
      description: "`cdc`: the tables to follow, as `orders` or `shop.orders`. Default: `table`, else all of the publication.",
    }),
  ),
  publication: Schema.optionalKey(
    Schema.NonEmptyString.annotate({
      description:
        "`cdc`: the publication of the tables. One that is not there is made by the first run. Default: a name of the pipeline's.",
    }),
  ),
  slot: Schema.optionalKey(
    Schema.String.check(Schema.isPattern(SLOT, { expected: "small letters, digits and underscores, 63 at most" })).annotate({
      description: "`cdc`: the replication slot, which the first run makes. Of this pipeline alone. Default: a name of the pipeline's.",
    }),
  ),
}

type Config = ChangesConfig & { readonly query?: string; readonly mode?: "batch" | "cdc"; readonly parallel?: number }

const isChanges = ({ mode }: Pick<Config, "mode">): boolean => mode === "cdc"

const problemOf = (config: Omit<Config, keyof ConnectionConfig>) => {
  const { table, query, tables, publication, slot, parallel = 1 } = config
  if (parallel > 1 && (query !== undefined || isChanges(config)))
    return { path: ["parallel"], issue: `parallel reads a table in pieces, and no ${query === undefined ? "log" : "query"}` }
  if (!isChanges(config)) {
    const foreign = Object.entries({ tables, publication, slot }).find(([, value]) => value !== undefined)?.[0]
    if (foreign !== undefined) return { path: [foreign], issue: `${foreign} goes with mode: cdc` }
    return (table === undefined) === (query === undefined) ? { path: ["table"], issue: "give either table or query" } : undefined
  }
  if (query !== undefined) return { path: ["query"], issue: "mode: cdc follows tables, and no query" }
  if (table !== undefined && tables !== undefined) return { path: ["table"], issue: "give either table or tables" }
  const isNamed = table !== undefined || tables !== undefined || publication !== undefined
  return isNamed ? undefined : { path: ["tables"], issue: "name the tables to follow, or a publication" }
}

const fitting = Schema.makeFilter(problemOf)

export const PostgresSourceConfig = Schema.Struct({ ...connectionFields, ...readingFields, ...parallelField, ...changesFields }).check(
  fitting,
)

const { connection: _, ...otherFields } = connectionFields
const HostedConfig = Schema.Struct({ ...otherFields, ...readingFields, ...parallelField }).check(fitting)

/** A connection can be tried before one knows what to read. */
const CheckConfig = Schema.toStandardSchemaV1(Schema.Struct({ ...connectionFields, ...readingFields, ...parallelField, ...changesFields }))
const HostedCheckConfig = Schema.toStandardSchemaV1(Schema.Struct({ ...otherFields, ...readingFields, ...parallelField }))

const makeSource = <C extends Config>(config: Source<C>["config"], host: PgHost | undefined): Source<C> => ({
  kind: "source",
  type: "postgres",
  summary: "A table or query of PostgreSQL",
  config,
  supportsIncremental: true,
  fingerprint: ({ schema = "public", table, query, mode, tables, publication, slot }) =>
    mode === "cdc"
      ? { mode, schema, tables: tables ?? (table === undefined ? null : [table]), publication, slot }
      : { schema, table, query },
  isStream: isChanges,
  compareCursors: compareChanges,
  forget: (context) => (isChanges(context.config) ? forgetChanges(context) : Effect.void),
  check:
    host === undefined
      ? connectionCheck(CheckConfig, host, SourceError, readFailure)
      : connectionCheck(HostedCheckConfig, host, SourceError, readFailure),
  open: (request) => (isChanges(request.config) ? openChanges(request) : openRows(request, host)),
})

const openRows = <C extends Config>(request: SourceRequest<C>, host: PgHost | undefined): ReturnType<Source<C>["open"]> =>
  Effect.gen(function* () {
    const session = yield* Effect.acquireRelease(
      Effect.tryPromise({
        try: () => Session.open({ config: request.config, context: request, host, Failure: SourceError }),
        catch: (cause) => readFailure({ name: request.name, server: undefined }, cause),
      }),
      (opened) => Effect.promise(() => closeSession(opened, request)),
    )
    return yield* Effect.tryPromise({ try: () => makeReader(session, request, host), catch: (cause) => failed(session, request, cause) })
  })

/**
 * Rows of a PostgreSQL table, view or query, by the package `pg`, read by COPY in one snapshot.
 *
 * Delivery: exactly once into a destination that can. Order: by the cursor column where `incremental` names one, else as PostgreSQL gives
 * them. Deletes: not seen. Late commits: closed for values that the server gives itself; see decision 18.
 */
export const postgresSource: Source<typeof PostgresSourceConfig.Type> = makeSource(
  Schema.toStandardSchemaV1(PostgresSourceConfig),
  undefined,
)

/** The same over a pool or a client of the host's, which is never closed: definitions then name no `connection`. */
export const postgresSourceOver = (host: GivenHost): Source<typeof HostedConfig.Type> =>
  makeSource(Schema.toStandardSchemaV1(HostedConfig), hostOf(host))

/** What cannot be cleaned up is told and left: the run has ended by now, one way or the other. */
const closeSession = async (session: Session, { name, log }: SourceRequest<Config>): Promise<void> => {
  const problem = await session.close()
  if (problem !== undefined) log.warn(readFailure(session.place(name), problem).message)
}

const placeOf = (session: Session, { name, config }: SourceRequest<Config>): Place =>
  session.place(name, config.table === undefined ? "query" : `${config.schema ?? "public"}.${config.table}`)

const failed = (session: Session, request: SourceRequest<Config>, cause: unknown): SourceError =>
  readFailure(placeOf(session, request), cause)

const makeReader = async (session: Session, request: SourceRequest<Config>, host: PgHost | undefined): Promise<SourceReader> => {
  const { config, incremental, runtimeValues } = request
  // Before the snapshot: what begins between the two has later values.
  const bound = incremental === undefined ? undefined : await boundOf(session, request)
  // One snapshot for the schema and the rows; nothing that the query calls can write.
  await session.begin("ISOLATION LEVEL REPEATABLE READ READ ONLY")
  const table = config.table === undefined ? undefined : quoteTable(config.schema ?? "public", config.table)
  const from = table ?? `(${await withSettings(session, trimmed(config.query!), runtimeValues, lastRunOf(request))}\n) AS rows`
  const columns = await columnsOf(session, from, table)
  const declared = columns.map((column): SourceColumn => declaredColumn(column, request))
  checkIncremental({ columns: declared }, request)
  const pieces = (config.parallel ?? 1) > 1 ? await piecesFor(session, table!, request) : undefined
  const reading: Reading = { session, request, from, columns: declared, bound, host, pieces }
  await warnOfIndex(session, table, request)
  await warnOfNulls(reading)
  const plan = await prepareCursor(reading)
  return {
    schema: { columns: declared.map(({ name, type, nullable }) => ({ name, type, nullable })) },
    notes: declared.map(({ name, type, sqlType: own }) => `${name}: ${type} (${own})`),
    read: (offer) => readRows(reading, plan, offer),
  }
}

/** As it is said of `:last_run`: the cursor's value, or that of the first run. */
const lastRunOf = ({ incremental, cursor }: SourceRequest<Config>): LastRun | undefined => {
  if (incremental?.column === undefined) return undefined
  const value = (cursor as PostgresCursor | undefined)?.value ?? incremental.initialValue ?? "1970-01-01T00:00:00Z"
  return { value, lookback: cursor === undefined ? 0 : (incremental.lookback ?? 0) }
}

const piecesFor = async (session: Session, table: string, request: SourceRequest<Config>): Promise<Pieces> => {
  const { name, incremental } = request
  if (incremental === undefined) return await piecesOf(session, table, request)
  const message = `${name}: with incremental rows come in the order of ${incremental.column}, and parallel reads pages. Take one of them out.`
  throw new SourceError({ code: "INVALID_VALUE", message, path: [name, "parallel"] })
}

interface Reading {
  readonly session: Session
  readonly request: SourceRequest<Config>
  readonly from: string
  readonly columns: ReadonlyArray<SourceColumn>
  readonly bound: Bound | undefined
  readonly host: PgHost | undefined
  /** Where it is read by several connections. */
  readonly pieces: Pieces | undefined
}

/** A semicolon at the end is no second statement. */
const trimmed = (query: string): string => query.replace(/[\s;]+$/, "")

/** A declared type takes the place of the one that the column has; PostgreSQL's text is read as it. */
const declaredColumn = (column: SourceColumn, { columns = {} }: SourceRequest<Config>): SourceColumn =>
  Object.hasOwn(columns, column.name) && columns[column.name] !== column.type
    ? { ...column, type: columns[column.name]!, isDeclared: true }
    : column

const warnOfIndex = async (
  session: Session,
  table: string | undefined,
  { incremental, log, name }: SourceRequest<Config>,
): Promise<void> => {
  const column = incremental?.column
  if (table === undefined || column === undefined) return
  const [found] = await session.query(
    `SELECT 1 FROM pg_catalog.pg_index JOIN pg_catalog.pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
     WHERE indrelid = $1::regclass AND attname = $2 AND indisvalid AND indpred IS NULL
     UNION ALL SELECT 1 FROM pg_catalog.pg_class WHERE oid = $1::regclass AND relkind <> 'r'`,
    [table, column],
  )
  if (found === undefined)
    log.warn(
      `${name}: no index begins with the cursor column ${column}, so each run looks at the whole table. Run CREATE INDEX CONCURRENTLY ON ${table} (${quoteName(column)}).`,
    )
}

/** Rows without a value in the cursor column are never new, so they are not read; whoever runs the pipeline is told. */
const warnOfNulls = async ({ session, request, from, columns }: Reading): Promise<void> => {
  const name = request.incremental?.column
  const column = columns.find((one) => one.name === name)
  if (column === undefined || !column.nullable) return
  const [row] = await session.query(`SELECT count(*) AS rows FROM ${from} WHERE ${quoteName(column.name)} IS NULL`)
  const rows = Number(row!["rows"])
  if (rows > 0)
    request.log.warn(`${request.name}: ${rows} rows have no value in the cursor column ${column.name}, so they are not read`, { rows })
}

/** Conditions by which an increment is read. */
interface CursorPlan {
  readonly column: SourceColumn | undefined
  readonly conditions: ReadonlyArray<string>
}

const prepareCursor = async ({ session, request, columns, bound }: Reading): Promise<CursorPlan> => {
  const column = columns.find(({ name }) => name === request.incremental?.column)
  if (column === undefined) return { column, conditions: [] }
  const name = quoteName(column.name)
  const cursor = request.cursor as PostgresCursor | undefined
  const from = cursor?.value ?? request.incremental?.initialValue
  const upper = bound === undefined ? undefined : upperBound(bound, column)
  if (from === undefined) return { column, conditions: [`${name} IS NOT NULL`, ...(upper === undefined ? [] : [upper])] }
  await setValue(session, "cursor", from)
  const start = `${valueOf("cursor")}::${column.sqlType}`
  const lookback = request.incremental?.lookback
  if (lookback !== undefined) await setValue(session, "lookback", `${lookback} milliseconds`)
  const back = lookback === undefined ? "" : ` - ${valueOf("lookback")}::interval`
  return { column, conditions: [`${name} >= ${start}${back}`, ...(upper === undefined ? [] : [upper])] }
}

const ORDERED = new Set(["=", "<>", "<", "<=", ">", ">="])

/** Comparisons that mean the same here and there. Text goes by its bytes with us. */
const canPush = ({ operator, type }: PushedCondition, column: SourceColumn | undefined): boolean => {
  if (column === undefined || column.type !== type) return false
  if (operator === "is null" || operator === "is not null") return true
  if (!ORDERED.has(operator) || type.endsWith("[]") || type === "json" || type === "interval" || type === "double") return false
  // Of a type of its own, such as an enum or inet, nobody knows what its order means.
  return type !== "string" || /^(text|character varying)/.test(column.sqlType)
}

const readRows = (reading: Reading, { column: by, conditions: increments }: CursorPlan, offer: Pushdown): SourceRead => {
  const { request, columns, from } = reading
  const wanted =
    offer.columns === undefined
      ? undefined
      : new Set([...offer.columns, ...(by === undefined ? [] : [by.name]), ...(request.incremental?.key ?? [])])
  const read = columns.filter(({ name }) => wanted?.has(name) ?? true)
  const accepted = (offer.conditions ?? []).filter((condition) =>
    canPush(
      condition,
      columns.find(({ name }) => name === condition.column),
    ),
  )
  const conditions = [...accepted.map((condition, i) => conditionSql(condition, columns, `p${i}`)), ...increments]
  // A limit together with ties at the cursor would leave rows out, so it is taken only without a cursor.
  const limit = by === undefined ? offer.limit : undefined
  const sqlOf = (all: ReadonlyArray<string>): string =>
    [
      `SELECT ${selectList(read)} FROM ${from}`,
      all.length === 0 ? "" : `WHERE ${all.join(" AND ")}`,
      by === undefined ? "" : `ORDER BY ${quoteName(by.name)}`,
      limit === undefined ? "" : `LIMIT ${limit}`,
    ]
      .filter((part) => part !== "")
      .join(" ")
  const sql = sqlOf(conditions)
  const setValues = async (session: Session): Promise<void> => {
    for (const [i, { value, type }] of accepted.entries()) if (value !== null) await setValue(session, `p${i}`, formatValue(value, type))
  }
  const rows = async function* (): AsyncGenerator<SourceBatch> {
    await setValues(reading.session)
    const { pieces } = reading
    if (pieces === undefined || pieces.conditions.length === 1 || limit !== undefined) return yield* batchesOf(reading, sql, read, by)
    const others = await moreSessions(reading, Math.min(request.config.parallel!, pieces.conditions.length) - 1)
    try {
      for (const session of others) await setValues(session)
      yield* rowsOfPieces([reading.session, ...others], pieces, (piece) => sqlOf([...conditions, piece]), read, request)
    } finally {
      await Promise.all(others.map((session) => closeSession(session, request)))
    }
  }
  const { pieces } = reading
  const inPieces = pieces === undefined ? [] : [`in ${pieces.conditions.length} pieces, ${request.config.parallel} at once`]
  return {
    accepted: { columns: offer.columns !== undefined, conditions: accepted, limit: limit !== undefined },
    notes: [sql, ...inPieces],
    rows: { kind: "batches", stream: Stream.fromAsyncIterable(rows(), (cause) => failed(reading.session, request, cause)) },
  }
}

/** Connections that see what the first one sees; fewer where no more are to be had in time. */
const moreSessions = async ({ session, request, host }: Reading, count: number): Promise<ReadonlyArray<Session>> => {
  const snapshot = await exportedSnapshot(session)
  const opened: Array<Session> = []
  try {
    for (let i = 0; i < count; i++) {
      const another = await anotherSession(request, host)
      if (another === undefined) break
      opened.push(another)
      await beginIn(another, snapshot)
    }
  } catch (cause) {
    await Promise.all(opened.map((one) => closeSession(one, request)))
    throw cause
  }
  if (opened.length < count)
    request.log.warn(`${request.name}: ${opened.length + 1} connections read the table and not ${count + 1}: there are no more to be had`)
  return opened
}

/** Undefined where none was to be had in time. */
const anotherSession = async (request: SourceRequest<Config>, host: PgHost | undefined): Promise<Session | undefined> => {
  // A client of the host's is one connection.
  if (host !== undefined && !isPool(host)) return undefined
  const opening = Session.open({ config: request.config, context: request, host, Failure: SourceError })
  if (host === undefined) return await opening
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), request.config.connect_timeout ?? CONNECT_MS)
  })
  const session = await Promise.race([opening, late])
  clearTimeout(timer)
  // Who comes too late goes back to the pool.
  if (session === undefined) void opening.then((one) => one.close(), ignore)
  return session
}

// A connection that nobody waits for any more.
const ignore = (): void => undefined

const conditionSql = ({ column, operator, type }: PushedCondition, columns: ReadonlyArray<SourceColumn>, parameter: string): string => {
  const name = quoteName(column)
  if (operator === "is null" || operator === "is not null") return `${name} ${operator.toUpperCase()}`
  const collation =
    columns.find((one) => one.name === column)!.type === "string" && operator !== "=" && operator !== "<>" ? ' COLLATE "C"' : ""
  return `${name} ${operator} ${valueOf(parameter)}::${sqlType(type)}${collation}`
}

async function* batchesOf(
  { session, request }: Reading,
  sql: string,
  read: ReadonlyArray<SourceColumn>,
  by: SourceColumn | undefined,
): AsyncGenerator<SourceBatch> {
  const follow = by === undefined ? undefined : new CursorFollower(shapeOf(read), by.name, request)
  for await (const copied of copiedRows(session, sql, read, request)) {
    if (follow === undefined) {
      yield copied
      continue
    }
    const batch = follow.take(copied.batch)
    const cursor = follow.cursor()
    yield { ...copied, batch, ...(cursor === undefined ? {} : { cursor }) }
  }
}
