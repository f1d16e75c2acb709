/** Between column types and those of PostgreSQL, whose values go as texts both ways. */
import {
  type Batch,
  type Column,
  type ColumnType,
  elementType,
  formatValue,
  isArrayType,
  type ScalarType,
  type Value,
  ValuesColumn,
} from "@deltaflow/core"

const TYPES: Readonly<Record<ScalarType, string>> = {
  boolean: "boolean",
  integer: "bigint",
  double: "double precision",
  decimal: "numeric",
  string: "text",
  bytes: "bytea",
  date: "date",
  time: "time without time zone",
  timestamp: "timestamp without time zone",
  timestamptz: "timestamp with time zone",
  interval: "interval",
  uuid: "uuid",
  // Of the two that there are, the one that keeps the text as it is.
  json: "json",
}

/** The type to make a column with. It holds every value of the column type, unchanged. */
export const sqlType = (type: ColumnType): string => (isArrayType(type) ? `${sqlType(elementType(type))}[]` : TYPES[type])

/**
 * Types that take the texts of a column type without changing the value, or refuse them. A modifier such as that of `numeric(10,2)` is
 * missing on purpose: to it values would be rounded.
 */
const ALSO: Readonly<Partial<Record<ScalarType, ReadonlyArray<string>>>> = {
  integer: ["integer", "smallint", "numeric", "text", "character varying"],
  string: ["character varying"],
  uuid: ["text", "character varying"],
  // Which keeps the value, and not the white space and the order of keys.
  json: ["jsonb", "text"],
}

/** Types of columns of ours, whose texts have rules. */
const OURS: ReadonlySet<string> = new Set([...Object.values(TYPES), "integer", "smallint", "real"])

/**
 * Whether texts of a column go into a column of the table as they are. All others are looked at: they are cast there and back, and have to
 * be the same then. `target` is as `format_type` writes it.
 */
export const isDirect = (type: ColumnType, target: string): boolean => {
  if (isArrayType(type)) return target.endsWith("[]") && isDirect(elementType(type), target.slice(0, -2))
  // A text that is too long for varchar(10) is refused, and never cut.
  const name = target.replace(/^character varying\(\d+\)$/, "character varying")
  if (name === TYPES[type] || ALSO[type]?.includes(name) === true) return true
  // An enum, a range, inet: what such a type takes as a text is the value.
  return type === "string" && !OURS.has(name.replace(/\(\d+(,\d+)?\)/, "").replace(/(\[\])+$/, "")) && !name.startsWith("character(")
}

/** The batch with its arrays as the texts that PostgreSQL reads: `{1,NULL}`. */
export const withArrayTexts = (batch: Batch): Batch => {
  const { columns } = batch.schema
  if (!columns.some(({ type }) => isArrayType(type))) return batch
  return batch.withColumns(
    { columns: columns.map((column) => (isArrayType(column.type) ? { ...column, type: "string" } : column)) },
    columns.map(({ type }, i) => (isArrayType(type) ? arrayTexts(batch, batch.columns[i]!, elementType(type)) : batch.columns[i]!)),
  )
}

const arrayTexts = (batch: Batch, column: Column, element: ScalarType): Column => {
  const texts: Array<string | null> = []
  for (let i = 0; i < batch.length; i++) {
    const row = batch.physicalRow(i)
    const value = column.value(row)
    texts[row] = value === null ? null : arrayText(value as ReadonlyArray<Value | null>, element)
  }
  return new ValuesColumn("string", texts)
}

const arrayText = (items: ReadonlyArray<Value | null>, element: ScalarType): string =>
  `{${items.map((item) => (item === null ? "NULL" : `"${formatValue(item, element).replaceAll(/["\\]/g, "\\$&")}"`)).join(",")}}`

/** The items of an array of one dimension as PostgreSQL writes it: texts, or null. Throws `RangeError` for any other. */
export const arrayItems = (text: string): ReadonlyArray<string | null> => {
  if (!/^\{.*\}$/s.test(text)) throw new RangeError(`${text} is no array of one dimension that begins at 1`)
  const items: Array<string | null> = []
  const item = /"((?:[^"\\]|\\.)*)"|([^{},"]+)/gsy
  let at = 1
  while (at < text.length - 1) {
    item.lastIndex = at
    const [found, quoted, plain] = item.exec(text) ?? []
    if (found === undefined) throw new RangeError(`${text} is no array of one dimension`)
    items.push(quoted === undefined ? (plain === "NULL" ? null : plain!) : quoted.replaceAll(/\\(.)/gs, "$1"))
    // The comma, or the bracket at the end.
    at += found.length + 1
  }
  return items
}
