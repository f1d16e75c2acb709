/** One table of a query: a temporary one, which grows columns and wider types while rows come. */
import { type Batch, type BatchSchema, type ColumnSchema, type ColumnType, type OnBadRow, type Value, ValueError } from "@deltaflow/core"
import type { DuckDBAppender, DuckDBConnection, DuckDBDataChunk, DuckDBValue } from "@duckdb/node-api"
import { type Duckdb, quoteName } from "./api.ts"
import { type Digits, digitsWith, NO_DIGITS, sqlType, toDuckdb, type ToDuckdb, UnfitError, vectorType } from "./values.ts"

/** Stands in a table whose columns nobody knows, as DuckDB has none without columns. */
const NO_COLUMN = "_"

/** Rows that go to DuckDB at once; its own measure. */
const CHUNK_ROWS = 2048

/** Columns that a table cannot have. */
export class ColumnsError extends Error {
  override readonly name = "ColumnsError"
}

interface TableColumn {
  readonly name: string
  readonly type: ColumnType
  readonly convert: ToDuckdb
  readonly isDecimal: boolean
  /** What the values so far need. */
  digits: Digits
  /** Digits behind the point that the table has room for. */
  scale: number
}

/** A value in the client's form, or a decimal that gets its scale when it is put into a chunk. */
type Taken = DuckDBValue | Value

export class Table {
  private readonly duckdb: Duckdb
  private readonly connection: DuckDBConnection
  private readonly names: ReadonlyArray<string>
  private columns: ReadonlyArray<TableColumn> = []
  private appender: DuckDBAppender | undefined
  private chunk: DuckDBDataChunk | undefined

  /** `names` are those that the query has for it; the first is the table's, the others are views of it. */
  constructor(duckdb: Duckdb, connection: DuckDBConnection, names: ReadonlyArray<string>) {
    this.duckdb = duckdb
    this.connection = connection
    this.names = names
  }

  /** Whether its columns are known. */
  get isKnown(): boolean {
    return this.columns.length > 0
  }

  private get sqlName(): string {
    return `temp.${quoteName(this.names[0]!)}`
  }

  /** Makes the table, empty. */
  async create(schema: BatchSchema | undefined): Promise<void> {
    await this.connection.run(`CREATE TEMP TABLE ${quoteName(this.names[0]!)} (${quoteName(NO_COLUMN)} BOOLEAN)`)
    if (schema !== undefined && schema.columns.length > 0) await this.define(schema)
  }

  /** Gives it these columns. Those that it has already stay with their values; types may have become wider. Throws `ColumnsError`. */
  async define({ columns }: BatchSchema): Promise<void> {
    checkNames(this.names[0]!, columns)
    this.closeAppender()
    const before = this.columns
    if (before.length === 0) {
      const list = columns.map(({ name, type }) => `${quoteName(name)} ${sqlType(type, 0)}`)
      await this.connection.run(`CREATE OR REPLACE TEMP TABLE ${quoteName(this.names[0]!)} (${list.join(", ")})`)
    }
    const made: Array<TableColumn> = []
    for (const [i, column] of columns.entries()) made.push(await this.column(column, before.length === 0 ? column : before[i], before[i]))
    this.columns = made
  }

  /** `there` is the column as the table has it, `known` what is known of its values. */
  private async column(
    { name, type }: ColumnSchema,
    there: Pick<ColumnSchema, "type"> | undefined,
    known: TableColumn | undefined,
  ): Promise<TableColumn> {
    const digits = known === undefined ? NO_DIGITS : known.type === type ? known.digits : digitsOf(known.type)
    if (there === undefined) await this.connection.run(`ALTER TABLE ${this.sqlName} ADD COLUMN ${quoteName(name)} ${sqlType(type, 0)}`)
    else if (there.type !== type) await this.widen(name, there.type, type)
    return {
      name,
      type,
      convert: toDuckdb(this.duckdb, type),
      isDecimal: type === "decimal" || type === "decimal[]",
      digits,
      scale: known?.type === type ? known.scale : 0,
    }
  }

  private async widen(name: string, from: ColumnType, to: ColumnType): Promise<void> {
    const column = quoteName(name)
    if (from === "double" || (to === "double" && (await this.count(`CAST(${column} AS DOUBLE)::HUGEINT <> ${column}`)) > 0n))
      throw new ColumnsError(`the column ${name} was ${from} and is now ${to}, as which some values would lose digits`)
    await this.connection.run(`ALTER TABLE ${this.sqlName} ALTER ${column} TYPE ${sqlType(to, 0)}`)
  }

  private async count(condition: string): Promise<bigint> {
    const result = await this.connection.run(`SELECT count(*) FROM ${this.sqlName} WHERE ${condition}`)
    return (await result.getRows())[0]![0] as bigint
  }

  async add(batch: Batch, onBadRow: OnBadRow): Promise<void> {
    for (let start = 0; start < batch.length; start += CHUNK_ROWS) {
      const values = this.read(batch, start, Math.min(batch.length, start + CHUNK_ROWS), onBadRow)
      for (const column of this.columns) if (column.digits.behind > column.scale) await this.rescale(column)
      if (values[0]!.length > 0) await this.append(values)
    }
  }

  /** Adds all rows, or none: throws what `wrong` makes of the first row that the table cannot hold. */
  async addWhole(batch: Batch, wrong: (row: number, column: string, error: unknown) => Error): Promise<void> {
    const before = this.columns.map(({ digits }) => digits)
    const parts: Array<ReadonlyArray<ReadonlyArray<Taken | null>>> = []
    try {
      for (let start = 0; start < batch.length; start += CHUNK_ROWS)
        parts.push(
          this.read(batch, start, Math.min(batch.length, start + CHUNK_ROWS), (row, column, error) => {
            throw wrong(row, column, error)
          }),
        )
    } catch (cause) {
      this.columns.forEach((column, i) => (column.digits = before[i]!))
      throw cause
    }
    for (const column of this.columns) if (column.digits.behind > column.scale) await this.rescale(column)
    for (const values of parts) await this.append(values)
  }

  /** All that was added is in the table. */
  flush(): void {
    this.closeAppender()
  }

  /** The values of each column, of the rows that the table can hold. */
  private read(batch: Batch, start: number, end: number, onBadRow: OnBadRow): ReadonlyArray<Array<Taken | null>> {
    const { columns } = this
    const values = columns.map((): Array<Taken | null> => [])
    const taken: Array<Taken | null> = columns.map(() => null)
    const digits = columns.map(({ digits: known }) => known)
    for (let i = start; i < end; i++) {
      const row = batch.physicalRow(i)
      if (!this.readRow(batch, row, taken, digits, onBadRow)) continue
      for (let column = 0; column < columns.length; column++) {
        values[column]!.push(taken[column]!)
        columns[column]!.digits = digits[column]!
      }
    }
    return values
  }

  private readRow(batch: Batch, row: number, taken: Array<Taken | null>, digits: Array<Digits>, onBadRow: OnBadRow): boolean {
    const { columns } = this
    let at = 0
    try {
      for (; at < columns.length; at++) {
        const column = columns[at]!
        const value = batch.columns[at]!.value(row)
        if (column.isDecimal) digits[at] = value === null ? column.digits : digitsWith(column.digits, value)
        taken[at] = value === null || column.isDecimal ? value : column.convert(value, 0)
      }
      return true
    } catch (error) {
      if (!(error instanceof UnfitError || error instanceof ValueError)) throw error
      onBadRow(row, columns[at]!.name, error)
      return false
    }
  }

  /** Makes room for more digits behind the point. */
  private async rescale(column: TableColumn): Promise<void> {
    this.closeAppender()
    column.scale = column.digits.behind
    await this.connection.run(`ALTER TABLE ${this.sqlName} ALTER ${quoteName(column.name)} TYPE ${sqlType(column.type, column.scale)}`)
  }

  private async append(values: ReadonlyArray<ReadonlyArray<Taken | null>>): Promise<void> {
    const { columns } = this
    this.appender ??= await this.connection.createAppender(this.names[0]!, "main", "temp")
    this.chunk ??= this.duckdb.DuckDBDataChunk.create(columns.map(({ type, scale }) => vectorType(this.duckdb, type, scale)))
    this.chunk.reset()
    this.chunk.rowCount = values[0]!.length
    columns.forEach(({ isDecimal, convert, scale }, i) => {
      const taken = isDecimal ? values[i]!.map((value) => (value === null ? null : convert(value as Value, scale))) : values[i]!
      this.chunk!.setColumnValues(i, taken as ReadonlyArray<DuckDBValue>)
    })
    this.appender.appendDataChunk(this.chunk)
  }

  /** All rows are in: makes the other names of the table. */
  async complete(): Promise<void> {
    this.closeAppender()
    for (const name of this.names.slice(1)) await this.connection.run(`CREATE TEMP VIEW ${quoteName(name)} AS FROM ${this.sqlName}`)
  }

  private closeAppender(): void {
    this.appender?.closeSync()
    this.appender = undefined
    this.chunk = undefined
  }
}

/** What values of the type need as decimals. */
const digitsOf = (type: ColumnType): Digits => (type === "integer" ? { before: 19, behind: 0 } : NO_DIGITS)

const checkNames = (table: string, columns: ReadonlyArray<ColumnSchema>): void => {
  const seen = new Map<string, string>()
  for (const { name } of columns) {
    if (name.includes("\0")) throw new ColumnsError(`a column of ${table} has a NUL in its name, which SQL cannot have. Rename it`)
    const other = seen.get(name.toLowerCase())
    if (other !== undefined)
      throw new ColumnsError(
        `the columns ${other} and ${name} of ${table} differ in case alone, which SQL does not tell apart. Rename one of them`,
      )
    seen.set(name.toLowerCase(), name)
  }
}
