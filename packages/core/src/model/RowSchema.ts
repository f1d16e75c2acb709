/** The schema of rows that arrive as plain objects, batch by batch: columns are only ever added, types only widen. */
import { inferSchema, RowsError } from "./Batch.ts"
import { type BatchSchema, type ColumnSchema, type ColumnType, isSameSchema } from "./ColumnType.ts"
import { type Row, widenRowTypes } from "./Value.ts"

export class RowSchema {
  private known: BatchSchema = { columns: [] }
  private readonly onlyNull = new Set<string>()
  private readonly declared: Readonly<Record<string, ColumnType>>

  constructor(declared: Readonly<Record<string, ColumnType>> = {}) {
    this.declared = declared
  }

  /** The schema that holds these rows and all before them. Throws `RowsError` where types cannot meet. */
  next(rows: ReadonlyArray<Row>): BatchSchema {
    const found = inferSchema(rows, this.declared)
    const columns = new Map(this.known.columns.map((column) => [column.name, column]))
    for (const column of found.columns) columns.set(column.name, this.merge(columns.get(column.name), column, rows))
    const schema = { columns: [...columns.values()] }
    if (!isSameSchema(schema, this.known)) this.known = schema
    return this.known
  }

  private merge(known: ColumnSchema | undefined, found: ColumnSchema, rows: ReadonlyArray<Row>): ColumnSchema {
    const { name } = found
    if (Object.hasOwn(this.declared, name)) return found
    const empty = rows.every((row) => row[name] === null || row[name] === undefined)
    if (known === undefined) {
      if (empty) this.onlyNull.add(name)
      return found
    }
    if (empty) return known
    // Until the first value came, the type was only a guess.
    if (this.onlyNull.delete(name) || known.type === found.type) return found
    const type = widenRowTypes(known.type, found.type)
    if (type === undefined)
      throw new RowsError(
        0,
        name,
        `the column was ${known.type} before and now holds ${found.type}. Give one type to all rows, or declare the column's type.`,
      )
    return { ...known, type }
  }
}
