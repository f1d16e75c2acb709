/** Rows with the types of their columns, and single values for comparing and showing. */
import {
  type BatchSchema,
  type ColumnSchema,
  type ColumnType,
  Decimal,
  elementType,
  formatValue,
  fromRowValue,
  isArrayType,
  parseJson,
  type Row,
  RowSchema,
  type RowValue,
  stringifyJson,
  type Value,
  ValueError,
  widen,
} from "@deltaflow/core"

/** Rows as plain objects, each with every column. */
export interface TestRows {
  readonly schema: BatchSchema
  readonly rows: ReadonlyArray<Row>
}

export const noRows: TestRows = { schema: { columns: [] }, rows: [] }

export type ColumnTypes = Readonly<Record<string, ColumnType>>

export const namesOf = ({ columns }: BatchSchema): ReadonlyArray<string> => columns.map(({ name }) => name)

export const typesOf = ({ columns }: BatchSchema): ColumnTypes => Object.fromEntries(columns.map(({ name, type }) => [name, type]))

/** The columns of both; where types differ, the wider one or the later. */
export const mergeSchemas = (before: BatchSchema, after: BatchSchema): BatchSchema => {
  const columns = new Map<string, ColumnSchema>(before.columns.map((column) => [column.name, column]))
  for (const column of after.columns) {
    const known = columns.get(column.name)
    columns.set(column.name, known === undefined ? column : { ...column, type: widen(known.type, column.type) ?? column.type })
  }
  return { columns: [...columns.values()] }
}

/** A value that is not of its column's type. */
export interface WrongValue {
  readonly row: number
  readonly column: string
  readonly message: string
}

/**
 * Rows as people wrote them, with types: those that are declared, else those of the values. `fromFile` says that a `Decimal` is only how
 * the digits of a number came through, and no type that somebody chose.
 */
export const typedRows = (
  written: ReadonlyArray<Row>,
  declared: ColumnTypes,
  { fromFile }: { readonly fromFile: boolean },
): TestRows | ReadonlyArray<WrongValue> => {
  const undeclared = written.map((row) =>
    mapRow(row, (value, name) => (fromFile && !Object.hasOwn(declared, name) ? asDouble(value) : value)),
  )
  const schema = schemaOf(undeclared, declared)
  if (!("columns" in schema)) return [schema]
  const wrong: Array<WrongValue> = []
  const rows = written.map((row, i) =>
    Object.fromEntries(
      schema.columns.map(({ name, type }) => {
        const value = Object.hasOwn(row, name) ? asType(row[name], type) : null
        const message = problemOf(value, type)
        if (message !== undefined) wrong.push({ row: i, column: name, message })
        return [name, value]
      }),
    ),
  )
  return wrong.length > 0 ? wrong : { schema, rows }
}

const mapRow = (row: Row, map: (value: RowValue, name: string) => RowValue): Row =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, map(value, name)]))

const schemaOf = (rows: ReadonlyArray<Row>, declared: ColumnTypes): BatchSchema | WrongValue => {
  try {
    const found = new RowSchema(declared).next(rows)
    const others = Object.entries(declared).filter(([name]) => found.columns.every((column) => column.name !== name))
    return { columns: [...found.columns, ...others.map(([name, type]) => ({ name, type, nullable: true }))] }
  } catch (error) {
    if (!(error instanceof Error) || !("row" in error) || !("column" in error)) throw error
    return { row: Number(error.row), column: String(error.column), message: error.message }
  }
}

/** A number of which a double keeps every digit is one. */
const asDouble = (value: RowValue): RowValue => {
  if (!(value instanceof Decimal)) return value
  const double = value.toNumber()
  return Decimal.compare(value, Decimal.fromNumber(double)) === 0 ? double : value
}

/** A number in a file is a number, whatever its column says of numbers. */
const asType = (value: RowValue, type: ColumnType): RowValue => {
  if (typeof value === "bigint" && type === "double") return Number(value)
  if (!(value instanceof Decimal)) return value
  if (type === "double") return value.toNumber()
  return type === "integer" && /^-?\d+\.0+$/.test(value.toString()) ? Number(value.toString()) : value
}

const problemOf = (value: RowValue, type: ColumnType): string | undefined => {
  const cell = cellOf(value, type)
  return "problem" in cell ? cell.problem : undefined
}

/** A value of a type, or what is wrong with it. */
export const cellOf = (value: RowValue, type: ColumnType): { readonly value: Value | null } | { readonly problem: string } => {
  try {
    return { value: fromRowValue(asType(value, type), type) }
  } catch (error) {
    if (error instanceof ValueError) return { problem: error.message }
    throw error
  }
}

/** A text that two values share exactly where they are equal. */
export const identityOf = (value: Value | null, type: ColumnType): string => {
  if (value === null) return "null"
  // In quotes, for the word null is not a null.
  if (type === "string") return JSON.stringify(value)
  if (isArrayType(type)) {
    const inner = elementType(type)
    return `[${(value as ReadonlyArray<Value | null>).map((item) => JSON.stringify(identityOf(item, inner))).join(",")}]`
  }
  if (type === "json") return stringifyJson(sorted(parseJson(value as string)))
  if (value instanceof Decimal) return value.isFinite ? withoutZeros(value.toString()) : value.toString()
  // Not even zero has a sign that a row is different for.
  return type === "double" ? String(value) : formatValue(value, type)
}

const withoutZeros = (text: string): string => (text.includes(".") ? text.replace(/\.?0+$/, "").replace(/^-0$/, "0") : text)

const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== "object" || value === null || value instanceof Decimal) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  )
}

/** The value as a person reads it: a text that could be taken for something else is in quotes. */
export const shownValue = (value: RowValue, type: ColumnType): string => {
  const cell = cellOf(value, type)
  if ("problem" in cell) return typeof value === "string" ? JSON.stringify(value) : stringifyJson(value)
  if (cell.value === null) return "null"
  const text = formatValue(cell.value, type)
  return type === "string" && isAmbiguous(text) ? JSON.stringify(text) : text
}

const isAmbiguous = (text: string): boolean => text !== text.trim() || /^(|null|true|false|NaN|missing|[-+]?[\d.]+|".*")$/.test(text)
