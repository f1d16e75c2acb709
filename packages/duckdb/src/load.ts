/** One load into a table of DuckDB: rows wait in a temporary table, and go into the table with the checkpoint. */
import {
  type Batch,
  type BatchSchema,
  type Checkpoint,
  type ColumnSchema,
  DestinationError,
  isSameSchema,
  type LoadRequest,
  messageOf,
  ValueError,
} from "@deltaflow/core"
import type { DuckDBConnection } from "@duckdb/node-api"
import { type Duckdb, quoteName } from "./api.ts"
import { saveCheckpoint } from "./checkpoints.ts"
import { readError } from "./failures.ts"
import { ColumnsError, Table } from "./table.ts"

/** Rows that wait, with the columns that they have. A row that lacks a column must not change it in an upsert. */
interface Waiting {
  readonly name: string
  readonly schema: BatchSchema
  readonly table: Table
  /** Where the rows of each batch begin, and what their numbers are. */
  readonly batches: Array<{ readonly from: number; readonly numberOf: (index: number) => number }>
  rows: number
}

/** A column as DuckDB describes it: `DECIMAL(38,2)`. */
interface Known {
  readonly name: string
  readonly type: string
}

export class DuckdbLoad {
  private readonly duckdb: Duckdb
  private readonly connection: DuckDBConnection
  private readonly request: LoadRequest<{ readonly table: string }>
  private waiting: Array<Waiting> = []
  /** What this load has committed last. */
  private known: Checkpoint | undefined
  private made = 0
  private isReplaced = false

  constructor(duckdb: Duckdb, connection: DuckDBConnection, request: LoadRequest<{ readonly table: string }>) {
    this.duckdb = duckdb
    this.connection = connection
    this.request = request
  }

  /** What can be known to go wrong is told before a row is read. */
  async open(): Promise<void> {
    const { schema, writeMode, key } = this.request
    const known = await this.columnsOf(this.target)
    if (known === undefined) return
    this.checkColumns(known, schema.columns)
    if (writeMode === "upsert" && !(await this.isUnique(key)))
      throw this.error(
        "OUTPUT_NOT_WRITABLE",
        `nothing makes ${key.join(", ")} unique in it, so an upsert cannot find rows by it. Give the table a primary key, or let this destination make it.`,
      )
  }

  private get target(): string {
    return `main.${quoteName(this.request.config.table)}`
  }

  /** All rows of the batch, or none: a batch that fails leaves nothing behind. */
  async write(batch: Batch): Promise<void> {
    if (batch.length === 0) return
    const waiting = await this.waitingFor(batch.schema)
    await waiting.table.addWhole(batch, (row, column, cause) => this.wrongValue(batch.firstRow + row, column, cause))
    waiting.batches.push({ from: waiting.rows, numberOf: (index) => batch.firstRow + batch.physicalRow(index) })
    waiting.rows += batch.length
  }

  private async waitingFor(schema: BatchSchema): Promise<Waiting> {
    const last = this.waiting.at(-1)
    if (last !== undefined && isSameSchema(last.schema, schema)) return last
    const known = await this.columnsOf(this.target)
    if (known !== undefined) this.checkColumns(known, schema.columns)
    const name = `_deltaflow_rows_${this.made++}`
    const table = new Table(this.duckdb, this.connection, [name])
    try {
      await table.create(schema)
    } catch (cause) {
      throw cause instanceof ColumnsError ? this.error("DUPLICATE_COLUMN", `${cause.message}.`) : cause
    }
    const made: Waiting = { name, schema, table, batches: [], rows: 0 }
    this.waiting.push(made)
    return made
  }

  /** Invariants 2 and 7: rows and checkpoint in one transaction, and only with an epoch that is not behind. */
  async commit(checkpoint: Checkpoint): Promise<Record<string, never>> {
    const { connection, request } = this
    // A result without rows has columns all the same.
    if (this.waiting.length === 0 && request.schema.columns.length > 0) await this.waitingFor(request.schema)
    for (const { table } of this.waiting) table.flush()
    await connection.run("BEGIN TRANSACTION")
    try {
      await this.replaceRows()
      for (const waiting of this.waiting) await this.take(waiting)
      await saveCheckpoint(connection, checkpoint, this.known ?? request.checkpoint, request.name)
      await connection.run("COMMIT")
      this.known = checkpoint
    } catch (cause) {
      await this.rollback()
      throw cause
    }
    for (const { name } of this.waiting) await connection.run(`DROP TABLE temp.${quoteName(name)}`)
    this.waiting = []
    return {}
  }

  private async rollback(): Promise<void> {
    try {
      await this.connection.run("ROLLBACK")
    } catch (cause) {
      // A commit that failed has ended the transaction.
      if (!/no transaction is active/.test(readError(cause).exception_message)) throw cause
    }
  }

  private async replaceRows(): Promise<void> {
    if (this.request.writeMode !== "replace" || this.isReplaced) return
    this.isReplaced = true
    if ((await this.columnsOf(this.target)) !== undefined) await this.connection.run(`DELETE FROM ${this.target}`)
  }

  private async take(waiting: Waiting): Promise<void> {
    const { request } = this
    const staged = `temp.${quoteName(waiting.name)}`
    const own = (await this.columnsOf(staged))!
    const known = await this.columnsOf(this.target)
    if (known === undefined) await this.createTable(own)
    else await this.fitTable(known, own, waiting)
    const names = own.map(({ name }) => quoteName(name))
    const list = names.join(", ")
    const into = `INSERT INTO ${this.target} (${list})`
    if (request.writeMode !== "upsert") return await this.insert(`${into} SELECT ${list} FROM ${staged} ORDER BY rowid`)
    const key = request.key.map(quoteName).join(", ")
    const others = names.filter((_, i) => !request.key.includes(own[i]!.name)).map((name) => `${name} = excluded.${name}`)
    const latest = `rowid IN (SELECT max(rowid) FROM ${staged} GROUP BY ${key})`
    const action = others.length === 0 ? "NOTHING" : `UPDATE SET ${others.join(", ")}`
    await this.insert(`${into} SELECT ${list} FROM ${staged} WHERE ${latest} ORDER BY rowid ON CONFLICT (${key}) DO ${action}`)
  }

  /** What a constraint of the table refuses is about the rows. */
  private async insert(sql: string): Promise<void> {
    try {
      await this.connection.run(sql)
    } catch (cause) {
      const { exception_type: type, exception_message: message } = readError(cause)
      if (type !== "Constraint" && type !== "Conversion" && type !== "Out of Range") throw cause
      throw this.error("DESTINATION_FAILED", message.split("\n")[0]!, { cause })
    }
  }

  private async createTable(columns: ReadonlyArray<Known>): Promise<void> {
    const { key, writeMode } = this.request
    const list = columns.map(({ name, type }) => `${quoteName(name)} ${type}`)
    const primary = writeMode === "upsert" ? [`PRIMARY KEY (${key.map(quoteName).join(", ")})`] : []
    await this.connection.run(`CREATE TABLE ${this.target} (${[...list, ...primary].join(", ")})`)
  }

  /** Adds columns that the table lacks, gives decimals more digits, and refuses values that the table would change. */
  private async fitTable(known: ReadonlyArray<Known>, own: ReadonlyArray<Known>, waiting: Waiting): Promise<void> {
    for (const column of own) {
      const there = known.find(({ name }) => name.toLowerCase() === column.name.toLowerCase())
      if (there === undefined) await this.connection.run(`ALTER TABLE ${this.target} ADD COLUMN ${quoteName(column.name)} ${column.type}`)
      else if (there.type !== column.type) await this.fitColumn(there, column, waiting)
    }
  }

  private async fitColumn(there: Known, column: Known, waiting: Waiting): Promise<void> {
    const name = quoteName(column.name)
    const cast = `TRY_CAST(${name} AS ${there.type})`
    // JSON has no equality of its own.
    const isChanged =
      column.type === "JSON"
        ? `${name}::VARCHAR IS DISTINCT FROM ${cast}::VARCHAR`
        : `${name} IS DISTINCT FROM TRY_CAST(${cast} AS ${column.type})`
    const staged = `temp.${quoteName(waiting.name)}`
    const found = await this.connection.runAndReadAll(`SELECT rowid FROM ${staged} WHERE ${isChanged} ORDER BY rowid LIMIT 1`)
    const [row] = found.getRows()
    if (row === undefined || (await this.widened(there, column))) return
    const number = rowNumber(waiting, Number(row[0]))
    throw this.error(
      "VALUE_NOT_SUPPORTED",
      `row ${number}, column ${column.name}: its ${column.type} does not fit ${there.type} without a change. Give the column of the table another type, or change the value before.`,
      { row: number, column: column.name },
    )
  }

  /** More digits behind the point, where the values that are there keep theirs. */
  private async widened(there: Known, column: Known): Promise<boolean> {
    const [scale, wanted] = [scaleOf(there.type), scaleOf(column.type)]
    if (scale === undefined || wanted === undefined || wanted <= scale || this.request.schemaChanges !== "evolve") return false
    try {
      await this.connection.run(`ALTER TABLE ${this.target} ALTER ${quoteName(there.name)} TYPE ${column.type}`)
      return true
    } catch (cause) {
      if (readError(cause).exception_type === "Conversion") return false
      throw cause
    }
  }

  /** Undefined where there is no such table. */
  private async columnsOf(table: string): Promise<ReadonlyArray<Known> | undefined> {
    try {
      const found = await this.connection.runAndReadAll(`DESCRIBE ${table}`)
      return found.getRows().map(([name, type]) => ({ name: String(name), type: String(type) }))
    } catch (cause) {
      if (readError(cause).exception_type === "Catalog") return undefined
      throw cause
    }
  }

  private checkColumns(known: ReadonlyArray<Known>, columns: ReadonlyArray<ColumnSchema>): void {
    const names = new Set(known.map(({ name }) => name.toLowerCase()))
    const missing = columns.filter(({ name }) => !names.has(name.toLowerCase()))
    const { schemaChanges } = this.request
    if (missing.length === 0 || schemaChanges === "evolve") return
    throw this.error(
      "SCHEMA_CHANGED",
      `the table has no column ${missing.map(({ name }) => name).join(", ")}, and schema_changes is ${schemaChanges}. Add the column, select others, or set schema_changes: evolve.`,
    )
  }

  private async isUnique(key: ReadonlyArray<string>): Promise<boolean> {
    const found = await this.connection.runAndReadAll(
      `SELECT constraint_column_names FROM duckdb_constraints() WHERE table_name = $table AND constraint_type IN ('PRIMARY KEY', 'UNIQUE')`,
      { table: this.request.config.table },
    )
    const wanted = key.toSorted().join("\0")
    return found.getRowsJson().some(([names]) => (names as unknown as ReadonlyArray<string>).toSorted().join("\0") === wanted)
  }

  private wrongValue(row: number, column: string, cause: unknown): DestinationError {
    const message = messageOf(cause)
    const code = cause instanceof ValueError ? "VALUE_TYPE" : "VALUE_NOT_SUPPORTED"
    return this.error(code, `row ${row}, column ${column}: ${message}.`, { row, column, cause })
  }

  private error(
    code: DestinationError["code"],
    message: string,
    more: { readonly row?: number; readonly column?: string; readonly cause?: unknown } = {},
  ): DestinationError {
    const { name, config } = this.request
    return new DestinationError({ code, message: `${name} (${config.table}): ${message}`, path: [name], ...more })
  }
}

/** Digits behind the point of a decimal type. */
const scaleOf = (type: string): number | undefined => {
  const scale = /^DECIMAL\(\d+,(\d+)\)$/.exec(type)?.[1]
  return scale === undefined ? undefined : Number(scale)
}

const rowNumber = ({ batches }: Waiting, index: number): number => {
  const batch = batches.findLast(({ from }) => from <= index)!
  return batch.numberOf(index - batch.from)
}
