import type { DatabaseSync, StatementSync } from "node:sqlite"
import {
  Batch,
  type BatchSchema,
  type ColumnSchema,
  messageOf,
  type Pushdown,
  type PushedCondition,
  resolveInside,
  type Source,
  SourceError,
  type SourceRead,
  type SourceReader,
  type SourceRequest,
  type Value,
  ValuesColumn,
} from "@deltaflow/core"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { readFailure } from "../files/failures.ts"
import { checkCursorColumns } from "../sql/cursorColumns.ts"
import { CursorFollower, lookedBack, type SqliteCursor } from "./cursor.ts"
import { describeSqlite, isSqliteError, openDatabase, quoteName, type SqliteValue } from "./database.ts"
import { columnType, fromSqlite, storedType, toSqlite } from "./types.ts"

export const SqliteSourceConfig = Schema.Struct({
  path: Schema.String.annotate({ description: "The database file, relative to the project." }),
  table: Schema.optionalKey(Schema.String).annotate({ description: "The table or view to read. Either this or `query`." }),
  query: Schema.optionalKey(Schema.String).annotate({
    description: "The query to read. `:last_run`, `:run_id`, `:scheduled_at` and other runtime values are bound as parameters.",
  }),
}).check(
  Schema.makeFilter((config) =>
    (config.table === undefined) === (config.query === undefined) ? { path: ["table"], issue: "give either table or query" } : undefined,
  ),
)

type Config = typeof SqliteSourceConfig.Type

/**
 * Rows of a SQLite table, view or query, read in one snapshot.
 *
 * Delivery: exactly once into a destination that can. Order: by the cursor column where `incremental` names one, else as SQLite gives them.
 * Deletes: not seen. Late commits: SQLite has one writer at a time, but a row that is written later with an older cursor value is missed;
 * `lookback` reads again.
 */
export const sqliteSource: Source<Config> = {
  kind: "source",
  type: "sqlite",
  summary: "A table or query of a SQLite file",
  config: Schema.toStandardSchemaV1(SqliteSourceConfig),
  supportsIncremental: true,
  open: (request) =>
    Effect.gen(function* () {
      const isThere = yield* Effect.tryPromise({ try: () => findDatabase(request), catch: failed(request) })
      if (!isThere) return withoutRows(request)
      const database = yield* Effect.acquireRelease(
        Effect.tryPromise({ try: () => openDatabase(request, request.config.path, "read"), catch: failed(request) }),
        (opened) => Effect.sync(() => opened.close()),
      )
      return yield* Effect.try({ try: () => makeReader(database, request), catch: failed(request) })
    }),
}

/** Whether the file is there; false only where it may be missing. */
const findDatabase = async ({ projectRoot, config, files, allowOutside, optional, name }: SourceRequest<Config>): Promise<boolean> => {
  const found = await files.stat(await resolveInside(projectRoot, config.path, files, allowOutside))
  if (found !== undefined || optional === true) return found !== undefined
  const message = `${name}: there is no file ${config.path} in ${projectRoot}. Check path, or set optional: true.`
  throw new SourceError({ code: "FILE_NOT_FOUND", message, path: [name, "path"] })
}

const withoutRows = ({ columns = {}, config }: SourceRequest<Config>): SourceReader => ({
  schema: { columns: Object.entries(columns).map(([name, type]): ColumnSchema => ({ name, type, nullable: true })) },
  notes: [`there is no file ${config.path}, so there are no rows`],
  read: () => ({ rows: { kind: "batches", stream: Stream.empty } }),
})

const makeReader = (database: DatabaseSync, request: SourceRequest<Config>): SourceReader => {
  // One snapshot for the sample, the schema and the rows.
  database.exec("BEGIN")
  const base = request.config.table === undefined ? `(${request.config.query})` : quoteName(request.config.table)
  const schema = readSchema(database, base, request)
  checkCursorColumns(schema, request, "SQLite")
  return {
    schema,
    notes: schema.columns.map((column) => `${column.name}: ${column.type}`),
    read: (offer) => readRows(database, base, schema, request, offer),
  }
}

/** Rows that are looked at for the type of a column that declares none. */
const SAMPLE = 1000

const readSchema = (database: DatabaseSync, base: string, request: SourceRequest<Config>): BatchSchema => {
  const statement = prepare(database, `SELECT * FROM ${base} LIMIT ${SAMPLE}`)
  const columns = statement.columns()
  const filled = request.config.table === undefined ? undefined : filledColumns(database, request.config.table)
  let sample: ReadonlyArray<Array<SqliteValue>> | undefined
  return {
    columns: columns.map((column, i): ColumnSchema => {
      const declared = Object.hasOwn(request.columns ?? {}, column.name) ? request.columns![column.name] : undefined
      const type = declared ?? columnType(column.type) ?? sampledType((sample ??= allRows(statement, request)), i)
      return { name: column.name, type, nullable: filled?.has(column.name) !== true }
    }),
  }
}

/**
 * Columns of a table that never hold null: those that are declared so, and the number of the row. What a query gives may be null, whatever
 * its tables declare.
 */
const filledColumns = (database: DatabaseSync, table: string): ReadonlySet<string> => {
  const pragma = (name: string) => database.prepare(`PRAGMA ${name}(${quoteName(table)})`).all() as unknown
  const columns = pragma("table_xinfo") as ReadonlyArray<{ name: string; type: string; notnull: number; pk: number }>
  const indexes = pragma("index_list") as ReadonlyArray<{ origin: string }>
  // A key of one INTEGER is the row's number, save where SQLite has made an index for it.
  const key = columns.filter(({ pk }) => pk > 0)
  const isNumber = key.length === 1 && key[0]!.type.toUpperCase() === "INTEGER" && indexes.every(({ origin }) => origin !== "pk")
  return new Set([...columns.filter(({ notnull }) => notnull === 1), ...(isNumber ? key : [])].map(({ name }) => name))
}

const sampledType = (rows: ReadonlyArray<Array<SqliteValue>>, column: number) => {
  const types = new Set(rows.map((row) => storedType(row[column]!)).filter((type) => type !== undefined))
  if (types.size === 1) return [...types][0]!
  return types.size === 2 && types.has("integer") && types.has("double") ? "double" : "string"
}

const allRows = (statement: StatementSync, request: SourceRequest<Config>): ReadonlyArray<Array<SqliteValue>> =>
  statement.all(runtimeParameters(statement, request)) as unknown as ReadonlyArray<Array<SqliteValue>>

const prepare = (database: DatabaseSync, sql: string): StatementSync => {
  const statement = database.prepare(sql)
  statement.setReadBigInts(true)
  statement.setReturnArrays(true)
  statement.setAllowUnknownNamedParameters(true)
  return statement
}

/** Values of `:last_run` and the like; SQLite ignores those that the query does not name. */
const runtimeParameters = (_statement: StatementSync, request: SourceRequest<Config>): Record<string, SqliteValue> => {
  const values = Object.entries(request.runtimeValues).map(([name, value]): [string, SqliteValue] => [
    name,
    value === null || typeof value === "string" ? value : JSON.stringify(value),
  ])
  return { ...Object.fromEntries(values), ...lastRun(request) }
}

/**
 * Where increments go by a column, `:last_run` is a little before its last value: a query that says `>` still gives the rows that share
 * this value, of which those that were given before are left out afterwards.
 */
const lastRun = ({ incremental, cursor }: SourceRequest<Config>): { readonly last_run?: SqliteValue } => {
  if (incremental?.column === undefined) return {}
  const value = (cursor as SqliteCursor | undefined)?.value ?? incremental.initialValue
  if (value === undefined) return {}
  // A number of the first run is a text in the definition.
  if (typeof value === "string" && /^-?\d+$/.test(value)) return { last_run: BigInt(value) - 1n }
  const from = lookedBack(value, cursor === undefined ? undefined : incremental.lookback)
  return { last_run: typeof from === "bigint" ? from - 1n : typeof from === "number" ? from - 1 : String(from).slice(0, -1) }
}

const OPERATORS = new Set(["=", "<>", "<", "<=", ">", ">="])

/** Only comparisons that SQLite makes just as PostgreSQL does: whole numbers, and text by its bytes. */
const canPush = ({ type, operator }: PushedCondition): boolean =>
  operator === "is null" || operator === "is not null" || (OPERATORS.has(operator) && (type === "integer" || type === "string"))

const readRows = (
  database: DatabaseSync,
  base: string,
  schema: BatchSchema,
  request: SourceRequest<Config>,
  offer: Pushdown,
): SourceRead => {
  const cursorColumn = request.incremental?.column
  const kept =
    offer.columns === undefined
      ? undefined
      : new Set([...offer.columns, ...(cursorColumn === undefined ? [] : [cursorColumn]), ...(request.incremental?.key ?? [])])
  const columns = schema.columns.filter((column) => kept?.has(column.name) ?? true)
  const shape: BatchSchema = { columns }
  const conditions = (offer.conditions ?? []).filter(canPush)
  const cursor = request.cursor as SqliteCursor | undefined
  const where = [...conditions.map(conditionSql), ...cursorSql(cursorColumn, cursor, request)]
  // A limit together with ties at the cursor would leave rows out, so it is taken only without a cursor.
  const limit = cursorColumn === undefined ? offer.limit : undefined
  const sql = [
    `SELECT ${columns.map((column) => quoteName(column.name)).join(", ") || "1"} FROM ${base}`,
    where.length === 0 ? "" : `WHERE ${where.map((item) => item.sql).join(" AND ")}`,
    cursorColumn === undefined ? "" : `ORDER BY ${quoteName(cursorColumn)}`,
    limit === undefined ? "" : `LIMIT ${limit}`,
  ]
    .filter((part) => part !== "")
    .join(" ")
  const statement = prepare(database, sql)
  const rows = statement.iterate(runtimeParameters(statement, request), ...where.flatMap((item) => item.values)) as unknown as Iterator<
    Array<SqliteValue>
  >
  const follow = cursorColumn === undefined ? undefined : new CursorFollower(shape, cursorColumn, request, cursor)
  warnOfNulls(database, base, cursorColumn, request)
  return {
    accepted: { columns: offer.columns !== undefined, conditions, limit: limit !== undefined },
    notes: [sql],
    rows: { kind: "batches", stream: Stream.unfold(1, (firstRow) => nextBatch(rows, shape, request, firstRow, follow)) },
  }
}

interface Clause {
  readonly sql: string
  readonly values: ReadonlyArray<SqliteValue>
}

// A value of another type than the column's must still arrive, to be refused with its row rather than left out in silence.
const conditionSql = ({ column, operator, type, value }: PushedCondition): Clause => {
  const name = quoteName(column)
  if (operator === "is null" || operator === "is not null") return { sql: `${name} ${operator.toUpperCase()}`, values: [] }
  const stored = type === "integer" ? "integer" : "text"
  return { sql: `(${name} ${operator} ? COLLATE BINARY OR typeof(${name}) NOT IN ('${stored}', 'null'))`, values: [toSqlite(value, type)] }
}

const cursorSql = (column: string | undefined, cursor: SqliteCursor | undefined, request: SourceRequest<Config>): ReadonlyArray<Clause> => {
  if (column === undefined) return []
  const from = cursor?.value ?? request.incremental?.initialValue
  if (from === undefined) return [{ sql: `${quoteName(column)} IS NOT NULL`, values: [] }]
  return [{ sql: `${quoteName(column)} >= ?`, values: [lookedBack(from, request.incremental?.lookback)] }]
}

const warnOfNulls = (database: DatabaseSync, base: string, column: string | undefined, request: SourceRequest<Config>): void => {
  if (column === undefined) return
  const [count] = allRows(prepare(database, `SELECT count(*) FROM ${base} WHERE ${quoteName(column)} IS NULL`), request)[0] ?? [0n]
  if (count !== 0n)
    request.log.warn(`${request.name}: ${String(count)} rows have no value in the cursor column ${column}, so they are not read`, {
      rows: String(count),
    })
}

const nextBatch = (
  rows: Iterator<Array<SqliteValue>>,
  shape: BatchSchema,
  request: SourceRequest<Config>,
  firstRow: number,
  follow: CursorFollower | undefined,
) =>
  Effect.try({
    try: () => {
      const values: Array<Array<Value | null>> = shape.columns.map(() => [])
      let count = 0
      let taken = 0
      while (count < request.batchSize) {
        const next = rows.next()
        if (next.done === true) break
        count++
        if (follow !== undefined && !follow.take(next.value)) continue
        addRow(values, next.value, shape, request, firstRow + taken)
        taken++
      }
      if (count === 0) return undefined
      const columns = shape.columns.map((column, i) => new ValuesColumn(column.type, values[i]!))
      const batch = new Batch({ schema: shape, columns, rowCount: taken, firstRow, byteSize: taken * shape.columns.length * VALUE_BYTES })
      const cursor = follow?.cursor()
      return [cursor === undefined ? { batch } : { batch, cursor }, firstRow + taken] as const
    },
    catch: failed(request),
  })

/** A rough size of one value in memory. */
const VALUE_BYTES = 24

const addRow = (
  values: Array<Array<Value | null>>,
  row: Array<SqliteValue>,
  shape: BatchSchema,
  request: SourceRequest<Config>,
  rowNumber: number,
): void => {
  for (let i = 0; i < values.length; i++) {
    const column = shape.columns[i]!
    try {
      values[i]!.push(fromSqlite(row[i]!, column.type))
    } catch (cause) {
      throw new SourceError({
        code: "VALUE_TYPE",
        message: `${request.name}: row ${rowNumber}, column ${column.name}: ${messageOf(cause)}. Give the column's type under columns.`,
        path: [request.name],
        row: rowNumber,
        column: column.name,
        cause,
      })
    }
  }
}

const failed =
  (request: SourceRequest<Config>) =>
  (cause: unknown): SourceError => {
    if (cause instanceof SourceError) return cause
    if (!isSqliteError(cause)) return readFailure(request.config.path, request.name, cause)
    const { message, retryable } = describeSqlite(cause)
    return new SourceError({
      code: "SOURCE_FAILED",
      message: `${request.name} (${request.config.path}): ${message}`,
      path: [request.name],
      retryable,
      cause,
    })
  }
