/**
 * Rows of one shape with their schema: the unit that moves, is retried and is acknowledged.
 *
 * A batch holds columns over the same physical rows, and a selection that says which of them are still in. A filter
 * only makes a new selection; a step that computes only adds columns. A column decodes a value when somebody asks for
 * it, so what nobody touches goes from the source's bytes to the destination's.
 *
 * Batches are immutable and may be shared; the arrays inside are owned by the batch.
 */
import type { BatchSchema, ColumnSchema, ColumnType } from "./ColumnType.ts"
import { fromRowValue, type Row, toRowValue, typeOfRowValue, type Value, widenRowTypes } from "./Value.ts"

/** One column over the physical rows of a batch. */
export interface Column {
  readonly type: ColumnType
  /** The value in physical row `row`. Throws `ValueError` where the source's text is none of the type. */
  readonly value: (row: number) => Value | null
  readonly isNull: (row: number) => boolean
  /** Lets go of values that the column holds itself. Nobody reads it any more. */
  readonly release?: () => void
}

export class Batch {
  readonly schema: BatchSchema
  readonly columns: ReadonlyArray<Column>
  /** Physical rows, filtered ones included. */
  readonly rowCount: number
  /** The physical rows that are still in, ascending; undefined for all of them. */
  readonly selection: Int32Array | undefined
  /** Number of the first physical row within its source, from 1, for messages. */
  readonly firstRow: number
  /** About how many bytes the batch holds in memory; bounds what is in flight. */
  readonly byteSize: number

  constructor(fields: {
    readonly schema: BatchSchema
    readonly columns: ReadonlyArray<Column>
    readonly rowCount: number
    readonly selection?: Int32Array | undefined
    readonly firstRow?: number
    readonly byteSize: number
  }) {
    this.schema = fields.schema
    this.columns = fields.columns
    this.rowCount = fields.rowCount
    this.selection = fields.selection
    this.firstRow = fields.firstRow ?? 1
    this.byteSize = fields.byteSize
  }

  /** Rows that are still in. */
  get length(): number {
    return this.selection === undefined ? this.rowCount : this.selection.length
  }

  /** The physical row of the `index`-th row that is still in. */
  physicalRow(index: number): number {
    return this.selection === undefined ? index : this.selection[index]!
  }

  /** The same batch with other columns over the same physical rows. */
  withColumns(schema: BatchSchema, columns: ReadonlyArray<Column>, selection = this.selection): Batch {
    return new Batch({ ...this.parts(), schema, columns, selection })
  }

  /** The same batch with only these physical rows. */
  withSelection(selection: Int32Array | undefined): Batch {
    return new Batch({ ...this.parts(), selection })
  }

  withFirstRow(firstRow: number): Batch {
    return new Batch({ ...this.parts(), firstRow })
  }

  /** The rows from `start` to before `end`, counted among those still in. */
  slice(start: number, end: number): Batch {
    const rows = new Int32Array(Math.max(0, Math.min(end, this.length) - start))
    for (let i = 0; i < rows.length; i++) rows[i] = this.physicalRow(start + i)
    return this.withSelection(rows)
  }

  /** The rows as plain objects, freshly made: whoever gets them may keep and change them. */
  toRows(): Array<Row> {
    const rows: Array<Row> = []
    for (let i = 0; i < this.length; i++) rows.push(this.row(this.physicalRow(i)))
    return rows
  }

  /** One physical row as a plain object. */
  row(physicalRow: number): Row {
    const row: Row = {}
    this.schema.columns.forEach(({ name, type }, i) => setOwn(row, name, toRowValue(this.columns[i]!.value(physicalRow), type)))
    return row
  }

  /**
   * Lets go of computed values, once nobody reads the batch any more. What the garbage collector has not looked at for long may still refer
   * to the batch, and would keep all of them.
   */
  release(): void {
    for (const column of this.columns) column.release?.()
  }

  private parts() {
    const { schema, columns, rowCount, selection, firstRow, byteSize } = this
    return { schema, columns, rowCount, selection, firstRow, byteSize }
  }

  /**
   * A batch over plain objects. Without a schema the columns are the union of the rows' keys in order of appearance, and
   * each type is the smallest that holds its values: a column of only nulls is a string, mixed types are an error.
   * Throws `RowsError`.
   */
  static fromRows(rows: ReadonlyArray<Row>, schema?: BatchSchema, firstRow = 1): Batch {
    const shape = schema ?? inferSchema(rows)
    const columns = shape.columns.map((column) => new ObjectColumn(rows, column.name, column.type))
    return new Batch({
      schema: shape,
      columns,
      rowCount: rows.length,
      firstRow,
      byteSize: rows.length * shape.columns.length * OBJECT_VALUE_BYTES,
    })
  }

  static empty(schema: BatchSchema): Batch {
    return Batch.fromRows([], schema)
  }
}

/** A rough size of one value in a plain object, pointer and header together. */
const OBJECT_VALUE_BYTES = 32

/** Sets a key that may be `__proto__` or `constructor` as the row's own. */
export const setOwn = (row: Row, name: string, value: unknown): void => {
  if (name === "__proto__") Object.defineProperty(row, name, { value, writable: true, enumerable: true, configurable: true })
  else row[name] = value
}

/**
 * Values, one per physical row, which other batches may share. Rows that are not in any more may hold undefined, all others a value or
 * null.
 */
export class ValuesColumn implements Column {
  readonly type: ColumnType
  readonly values: ReadonlyArray<Value | null | undefined>
  constructor(type: ColumnType, values: ReadonlyArray<Value | null | undefined>) {
    this.type = type
    this.values = values
  }
  value(row: number): Value | null {
    return this.values[row] ?? null
  }
  isNull(row: number): boolean {
    return this.values[row] === null || this.values[row] === undefined
  }
}

/** Values that a step of the engine computed for this batch alone. */
export class ComputedColumn extends ValuesColumn {
  release(): void {
    ;(this.values as Array<unknown>).length = 0
  }
}

/** The same value in every row. */
export class ConstantColumn implements Column {
  readonly type: ColumnType
  readonly constant: Value | null
  constructor(type: ColumnType, constant: Value | null) {
    this.type = type
    this.constant = constant
  }
  value(): Value | null {
    return this.constant
  }
  isNull(): boolean {
    return this.constant === null
  }
}

/** One key of plain objects. Keys on the prototype do not count. */
export class ObjectColumn implements Column {
  readonly rows: ReadonlyArray<Row>
  readonly key: string
  readonly type: ColumnType
  constructor(rows: ReadonlyArray<Row>, key: string, type: ColumnType) {
    this.rows = rows
    this.key = key
    this.type = type
  }
  value(row: number): Value | null {
    const object = this.rows[row]!
    return Object.hasOwn(object, this.key) ? fromRowValue(object[this.key], this.type) : null
  }
  isNull(row: number): boolean {
    const object = this.rows[row]!
    return !Object.hasOwn(object, this.key) || object[this.key] === null || object[this.key] === undefined
  }
}

/** Rows whose values do not fit one schema. `row` counts from 0 within the rows given. */
export class RowsError extends Error {
  override readonly name = "RowsError"
  readonly row: number
  readonly column: string
  constructor(row: number, column: string, message: string) {
    super(message)
    this.row = row
    this.column = column
  }
}

/**
 * The smallest schema that holds all rows; declared columns have their type whatever is in them. Text stays text, also where it looks like
 * a number: a zip code "01234" is none. Throws `RowsError` where values of different kinds stand in one column.
 */
export const inferSchema = (rows: ReadonlyArray<Row>, declared: Readonly<Record<string, ColumnType>> = {}): BatchSchema => {
  const types = new Map<string, ColumnType | undefined>()
  rows.forEach((row, index) => {
    for (const name of Object.keys(row)) {
      types.set(name, Object.hasOwn(declared, name) ? declared[name] : mergeType(types.get(name), row[name], index, name))
    }
  })
  return { columns: Array.from(types, ([name, type]): ColumnSchema => ({ name, type: type ?? "string", nullable: true })) }
}

const mergeType = (known: ColumnType | undefined, value: unknown, row: number, name: string): ColumnType | undefined => {
  const type = typeOfRowValue(value)
  if (type === undefined || known === undefined) return type ?? known
  const wider = widenRowTypes(known, type)
  if (wider !== undefined) return wider
  throw new RowsError(
    row,
    name,
    `the rows mix ${known} and ${type} in one column. Give one type to all rows, or declare the column's type.`,
  )
}
