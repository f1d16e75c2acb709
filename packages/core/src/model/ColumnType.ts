/**
 * The types that a column can have, and the schema of a batch.
 *
 * A type is plain text, so that it travels through JSON, YAML and worker threads as it is.
 */

/** Every scalar type, in the order in which the documentation lists them. */
export const scalarTypes = [
  "boolean",
  "integer",
  "double",
  "decimal",
  "string",
  "bytes",
  "date",
  "time",
  "timestamp",
  "timestamptz",
  "interval",
  "uuid",
  "json",
] as const

export type ScalarType = (typeof scalarTypes)[number]

/** An array of one scalar type, written as PostgreSQL writes it: `integer[]`. */
export type ArrayType = `${ScalarType}[]`

export type ColumnType = ScalarType | ArrayType

export interface ColumnSchema {
  readonly name: string
  readonly type: ColumnType
  /** False only where the source promises that there is always a value. */
  readonly nullable: boolean
}

/** The columns of a batch, in order. Names are unique. */
export interface BatchSchema {
  readonly columns: ReadonlyArray<ColumnSchema>
}

export const isArrayType = (type: ColumnType): type is ArrayType => type.endsWith("[]")

/** `integer` of `integer[]`. */
export const elementType = (type: ArrayType): ScalarType => type.slice(0, -2) as ScalarType

export const isColumnType = (text: string): text is ColumnType =>
  (scalarTypes as ReadonlyArray<string>).includes(text.endsWith("[]") ? text.slice(0, -2) : text)

/** Where the column stands in the schema, or -1. */
export const columnIndex = (schema: BatchSchema, name: string): number => schema.columns.findIndex((column) => column.name === name)

export const isSameSchema = (a: BatchSchema, b: BatchSchema): boolean =>
  a === b ||
  (a.columns.length === b.columns.length &&
    a.columns.every((column, i) => {
      const other = b.columns[i]!
      return column.name === other.name && column.type === other.type && column.nullable === other.nullable
    }))

/**
 * The smallest type that holds the values of both, or undefined where there is none.
 * Used where batches of one source differ, and where rows of several sources are concatenated.
 */
export const widen = (a: ColumnType, b: ColumnType): ColumnType | undefined => {
  if (a === b) return a
  const wider = widening[a]
  if (wider?.includes(b)) return b
  return widening[b]?.includes(a) ? a : undefined
}

// An integer of 64 bits does not fit a double exactly, so integer and double meet only where the author says so.
const widening: Partial<Record<ColumnType, ReadonlyArray<ColumnType>>> = {
  integer: ["decimal"],
  date: ["timestamp"],
}
