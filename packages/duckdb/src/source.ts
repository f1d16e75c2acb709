import {
  type Batch,
  type ColumnSchema,
  PathError,
  resolveInside,
  type Source,
  SourceError,
  type SourceReader,
  type SourceRequest,
} from "@deltaflow/core"
import type { DuckDBConnection, DuckDBResult } from "@duckdb/node-api"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { type Duckdb, loadBindings, loadDuckdb, quoteName } from "./api.ts"
import { typesOf } from "./describe.ts"
import { queryProblem, readError } from "./failures.ts"
import { type OpenFile, openForReading } from "./openFiles.ts"
import { bindableQuery, bindRuntime } from "./query.ts"
import { ResultBuilder } from "./resultRows.ts"
import { type NamedType, type ResultColumns, resultColumns, valuesOf } from "./results.ts"

export const DuckdbSourceConfig = Schema.Struct({
  path: Schema.String.annotate({ description: "The database file, relative to the project." }),
  table: Schema.optionalKey(Schema.String).annotate({ description: "The table or view to read. Either this or `query`." }),
  query: Schema.optionalKey(Schema.String).annotate({
    description: "The query to read. `:last_run`, `:run_id` and other runtime values are bound as parameters. It reaches no other files.",
  }),
}).check(
  Schema.makeFilter((config) =>
    (config.table === undefined) === (config.query === undefined) ? { path: ["table"], issue: "give either table or query" } : undefined,
  ),
)

type Config = typeof DuckdbSourceConfig.Type

/**
 * Rows of a DuckDB table, view or query.
 *
 * Delivery: all rows in each run. Order: as DuckDB gives them. Deletes: not seen. The file is opened for reading alone, and not while
 * another process writes to it.
 */
export const duckdbSource: Source<Config> = {
  kind: "source",
  type: "duckdb",
  summary: "A table or query of a DuckDB file, by the package `@deltaflow/duckdb`",
  config: Schema.toStandardSchemaV1(DuckdbSourceConfig),
  open: (request) =>
    Effect.gen(function* () {
      const file = yield* Effect.tryPromise({ try: () => findFile(request), catch: failed(request) })
      if (file === undefined) return withoutRows(request)
      const reading = yield* Effect.acquireRelease(Effect.tryPromise({ try: () => Reading.open(file), catch: failed(request) }), (opened) =>
        Effect.promise(() => opened.close()),
      )
      return yield* Effect.tryPromise({ try: () => makeReader(reading, request), catch: failed(request) })
    }),
}

/** The absolute path; undefined where the file may be missing, and is. */
const findFile = async (request: SourceRequest<Config>): Promise<string | undefined> => {
  const { config, optional, name, projectRoot, files, allowOutside } = request
  const file = await resolveInside(projectRoot, config.path, files, allowOutside)
  if ((await files.stat(file)) !== undefined) return file
  if (optional === true) return undefined
  const message = `${name}: there is no file ${config.path} in ${projectRoot}. Check path, or set optional: true.`
  throw new SourceError({ code: "FILE_NOT_FOUND", message, path: [name, "path"] })
}

const withoutRows = ({ columns = {}, config }: SourceRequest<Config>): SourceReader => ({
  schema: { columns: Object.entries(columns).map(([name, type]): ColumnSchema => ({ name, type, nullable: true })) },
  isEmpty: true,
  notes: [`there is no file ${config.path}, so there are no rows`],
  read: () => ({ rows: { kind: "batches", stream: Stream.empty } }),
})

/** An opened file, and what is being read from it. */
class Reading {
  readonly duckdb: Duckdb
  readonly connection: DuckDBConnection
  private readonly file: OpenFile
  private working: Promise<unknown> = Promise.resolve()

  private constructor(duckdb: Duckdb, file: OpenFile) {
    this.duckdb = duckdb
    this.file = file
    this.connection = file.connection
  }

  static async open(path: string): Promise<Reading> {
    return new Reading(await loadDuckdb(), await openForReading(path))
  }

  async work<A>(call: () => Promise<A>): Promise<A> {
    const result = call()
    this.working = result
    return await result
  }

  /** Ends what is being read. */
  async close(): Promise<void> {
    const interrupting = setInterval(() => this.connection.interrupt(), 20)
    this.connection.interrupt()
    // Who waits for rows hears of the failure; here only its end counts.
    await Promise.allSettled([this.working])
    clearInterval(interrupting)
    await this.file.close()
  }
}

const makeReader = async (reading: Reading, request: SourceRequest<Config>): Promise<SourceReader> => {
  const { config, runtimeValues } = request
  const base = config.table === undefined ? `(${bindableQuery(config.query!)}\n)` : quoteName(config.table)
  const types = await typesOf(reading.connection, `FROM ${base}`, runtimeValues).catch((cause: unknown) => {
    throw queryError(request, cause)
  })
  const all = readable(reading, request, types)
  checkDeclared(request, all.schema.columns)
  return {
    schema: all.schema,
    read: ({ columns, limit }) => {
      const wanted = columns === undefined ? types : types.filter(({ name }) => columns.includes(name))
      const sql = `SELECT ${wanted.map(({ name }) => quoteName(name)).join(", ")} FROM ${base}${limit === undefined ? "" : ` LIMIT ${limit}`}`
      const batches = new Batches(reading, request, sql, wanted)
      const next = Effect.tryPromise({ try: () => batches.next(), catch: failed(request) })
      return {
        accepted: { columns: columns !== undefined, limit: limit !== undefined },
        notes: [sql],
        rows: {
          kind: "batches",
          stream: Stream.unfold(undefined, () => Effect.map(next, (batch) => (batch === undefined ? undefined : [{ batch }, undefined]))),
        },
      }
    },
  }
}

const readable = (
  reading: Reading,
  request: SourceRequest<Config>,
  types: ReadonlyArray<NamedType>,
): Extract<ResultColumns, { ok: true }> => {
  const columns = resultColumns(reading.duckdb, types)
  if (columns.ok) return columns
  const { code, message, hint } = columns.problem
  throw new SourceError({ code, message: `${request.name}: ${message}${hint === undefined ? "" : ` ${hint}`}`, path: [request.name] })
}

/** DuckDB knows the types of its columns; another one is asked for in the query. */
const checkDeclared = ({ columns = {}, name }: SourceRequest<Config>, found: ReadonlyArray<ColumnSchema>): void => {
  const other = found.find((column) => Object.hasOwn(columns, column.name) && columns[column.name] !== column.type)
  if (other === undefined) return
  const message = `${name}: the column ${other.name} is ${other.type} in DuckDB, and declared as ${columns[other.name]}. Cast it in \`query\`, or take it out of \`columns\`.`
  throw new SourceError({ code: "INVALID_VALUE", message, path: [name, "columns", other.name] })
}

/** The rows of one query, batch by batch. The query runs when the first is asked for. */
class Batches {
  private readonly reading: Reading
  private readonly request: SourceRequest<Config>
  private readonly sql: string
  private readonly types: ReadonlyArray<NamedType>
  private batches: AsyncGenerator<Batch, void, undefined> | undefined

  constructor(reading: Reading, request: SourceRequest<Config>, sql: string, types: ReadonlyArray<NamedType>) {
    this.reading = reading
    this.request = request
    this.sql = sql
    this.types = types
  }

  /** Undefined behind the last one. */
  async next(): Promise<Batch | undefined> {
    this.batches ??= this.read()
    return (await this.batches.next()).value ?? undefined
  }

  private async *read(): AsyncGenerator<Batch, void, undefined> {
    const { reading, request } = this
    const bindings = await loadBindings()
    const { schema, columns } = readable(reading, request, this.types)
    const result = await reading.work(() => this.run())
    const builder = new ResultBuilder(schema, columns, request.batchSize)
    for (;;) {
      const chunk = await reading.work(() => result.fetchChunk())
      if (chunk === null || chunk.rowCount === 0) break
      const values = valuesOf(reading.duckdb, bindings, chunk, columns)
      for (let row = 0; row < chunk.rowCount; row++) {
        builder.add(values.map((column) => column[row]!))
        if (builder.isFull) yield builder.build()
      }
    }
    if (builder.rows > 0) yield builder.build()
  }

  private async run(): Promise<DuckDBResult> {
    const statement = await this.reading.connection.prepare(this.sql)
    bindRuntime(statement, this.request.runtimeValues)
    return await statement.stream()
  }
}

const queryError = ({ name, config }: SourceRequest<Config>, cause: unknown): SourceError => {
  const { code, message, hint } = queryProblem(cause, "")
  const key = config.table === undefined ? "query" : "table"
  return new SourceError({ code, message: `${name}: ${message}${hint === undefined ? "" : ` ${hint}`}`, path: [name, key], cause })
}

const failed =
  ({ name, config }: SourceRequest<Config>) =>
  (cause: unknown): SourceError => {
    if (cause instanceof SourceError) return cause
    const [first = ""] = readError(cause).exception_message.split("\n")
    const isLocked = /Could not set lock/.test(first)
    const advice = isLocked ? " Another process writes to the file: try again when it is done." : ""
    const code = cause instanceof PathError ? cause.code : "SOURCE_FAILED"
    return new SourceError({ code, message: `${name} (${config.path}): ${first}${advice}`, path: [name], retryable: isLocked, cause })
  }
