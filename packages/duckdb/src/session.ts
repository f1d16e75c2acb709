/** The tables of one query in a run, in a database of their own. */
import { availableParallelism } from "node:os"
import path from "node:path"
import { type Batch, type BatchSchema, messageOf, type OnBadRow, type SqlRequest, type SqlSession, TransformError } from "@deltaflow/core"
import type { DuckDBConnection, DuckDBInstance, DuckDBResult } from "@duckdb/node-api"
import { connectClosed, type Duckdb, loadBindings, loadDuckdb, openClosedDatabase } from "./api.ts"
import { queryProblem, runError } from "./failures.ts"
import { LOCK_FILE, makeFolder, removeFolder } from "./folder.ts"
import { bindableQuery, bindRuntime } from "./query.ts"
import { ResultBuilder } from "./resultRows.ts"
import { resultColumns, valuesOf } from "./results.ts"
import { ColumnsError, Table } from "./table.ts"

/** With less for each of its threads DuckDB fails rather than going to disk. */
const THREAD_MEMORY = 64 * 1024 * 1024
const LEAST_MEMORY = 2 * THREAD_MEMORY

export const openSession = async (request: SqlRequest): Promise<SqlSession> => {
  const { place, folder: parent, memory, threads } = request
  const duckdb = await loadDuckdb()
  const opened: { folder?: string; instance?: DuckDBInstance } = {}
  try {
    opened.folder = await makeFolder(parent)
    opened.instance = await openClosedDatabase({
      path: path.join(opened.folder, LOCK_FILE),
      threads: Math.max(1, Math.min(threads, availableParallelism(), Math.floor(memory / THREAD_MEMORY))),
      memory: Math.max(memory, LEAST_MEMORY),
      spillFolder: path.join(opened.folder, "spill"),
    })
    const session = new Session(duckdb, request, opened.folder, opened.instance, await connectClosed(opened.instance))
    await session.create()
    return session
  } catch (cause) {
    opened.instance?.closeSync()
    if (opened.folder !== undefined) await removeFolder(opened.folder)
    throw asTransformError(cause, place, parent)
  }
}

const asTransformError = (cause: unknown, place: string, folder: string): TransformError => {
  if (cause instanceof ColumnsError) return new TransformError({ code: "SCHEMA_CHANGED", message: `${place}: ${cause.message}.`, cause })
  const code = (cause as NodeJS.ErrnoException | undefined)?.code
  if (typeof code !== "string" || cause instanceof TransformError) return runError(cause, place, folder)
  const what = `rows cannot be kept in ${folder}: ${messageOf(cause)}. Choose another tempFolder.`
  return new TransformError({ code: code === "ENOSPC" ? "DISK_FULL" : "SPILL_FAILED", message: `${place}: ${what}`, cause })
}

class Session implements SqlSession {
  private readonly duckdb: Duckdb
  private readonly request: SqlRequest
  private readonly folder: string
  private readonly instance: DuckDBInstance
  private readonly connection: DuckDBConnection
  private readonly tables: ReadonlyArray<Table>
  /** What is under way; closing waits for it. */
  private working: Promise<unknown> = Promise.resolve()
  private closed = false
  private interrupting: NodeJS.Timeout | undefined

  constructor(duckdb: Duckdb, request: SqlRequest, folder: string, instance: DuckDBInstance, connection: DuckDBConnection) {
    this.duckdb = duckdb
    this.request = request
    this.folder = folder
    this.instance = instance
    this.connection = connection
    this.tables = request.tables.map(({ names }) => new Table(duckdb, connection, names))
  }

  async create(): Promise<void> {
    for (const [i, table] of this.tables.entries()) await table.create(this.request.tables[i]!.schema)
  }

  async define(table: number, schema: BatchSchema): Promise<void> {
    await this.work(() => this.tables[table]!.define(schema))
  }

  async add(table: number, batch: Batch, onBadRow: OnBadRow): Promise<void> {
    await this.work(() => this.tables[table]!.add(batch, onBadRow))
  }

  private async work<A>(call: () => Promise<A>): Promise<A> {
    if (this.closed) throw this.interrupted()
    const result = call()
    this.working = result
    try {
      return await result
    } catch (cause) {
      throw this.closed ? this.interrupted() : asTransformError(cause, this.request.place, path.dirname(this.folder))
    }
  }

  private interrupted(): TransformError {
    return new TransformError({ code: "RUN_CANCELLED", message: `${this.request.place}: the query was interrupted.` })
  }

  async *rows(): AsyncGenerator<Batch, void, undefined> {
    const result = await this.work(() => this.run())
    if (result === undefined) return
    const read = resultColumns(this.duckdb, namedTypes(result))
    if (!read.ok) throw new TransformError({ ...read.problem, message: `${this.request.place}: ${read.problem.message}` })
    const bindings = await loadBindings()
    const builder = new ResultBuilder(read.schema, read.columns, this.request.batchSize)
    for (;;) {
      const chunk = await this.work(() => result.fetchChunk())
      if (chunk === null || chunk.rowCount === 0) break
      const columns = valuesOf(this.duckdb, bindings, chunk, read.columns)
      for (let row = 0; row < chunk.rowCount; row++) {
        builder.add(columns.map((values) => values[row]!))
        if (builder.isFull) yield builder.build()
      }
    }
    if (builder.rows > 0) yield builder.build()
  }

  /** Undefined where the query cannot be bound for want of columns that nobody knows, as no row has come. */
  private async run(): Promise<DuckDBResult | undefined> {
    for (const table of this.tables) await table.complete()
    const { query, runtimeValues } = this.request
    const statement = await this.connection.prepare(bindableQuery(query)).catch((cause: unknown) => {
      if (this.tables.every((table) => table.isKnown)) throw this.bindError(cause)
      return undefined
    })
    if (statement === undefined) return undefined
    bindRuntime(statement, runtimeValues)
    return await statement.stream()
  }

  /** The rows came with other columns than planned. */
  private bindError(cause: unknown): TransformError {
    const { code, message, hint } = queryProblem(cause, bindableQuery(this.request.query))
    const text = `${this.request.place}: ${message}${hint === undefined ? "" : ` ${hint}`}`
    return new TransformError({ code, message: text, cause, ...(hint === undefined ? {} : { hint }) })
  }

  interrupt(): void {
    this.closed = true
    const interrupt = (): void => this.connection.interrupt()
    interrupt()
    // What is about to begin would not hear of it.
    this.interrupting ??= setInterval(interrupt, 20)
  }

  async close(): Promise<void> {
    this.interrupt()
    // Who waits for the result hears of the failure; here only its end counts.
    await Promise.allSettled([this.working])
    clearInterval(this.interrupting)
    this.connection.closeSync()
    this.instance.closeSync()
    await removeFolder(this.folder)
  }
}

export const namedTypes = (result: DuckDBResult) => result.columnTypes().map((type, i) => ({ name: result.columnName(i), type }))
