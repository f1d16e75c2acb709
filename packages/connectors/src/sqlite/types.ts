/**
 * Between column types and what SQLite stores.
 *
 * SQLite would turn the text of a decimal into a double in a column with numeric affinity, so exact types are declared with TEXT in their
 * names:
 * `DECIMAL TEXT`, `TIMESTAMPTZ TEXT`. The source reads these names back.
 */
import { type ColumnType, Decimal, formatValue, isColumnType, parseValue, type Value } from "@deltaflow/core"
import type { SqliteValue } from "./database.ts"

const DECLARED: Readonly<Partial<Record<ColumnType, string>>> = {
  boolean: "BOOLEAN",
  integer: "INTEGER",
  double: "DOUBLE",
  decimal: "DECIMAL TEXT",
  string: "TEXT",
  bytes: "BLOB",
  date: "DATE TEXT",
  time: "TIME TEXT",
  timestamp: "TIMESTAMP TEXT",
  timestamptz: "TIMESTAMPTZ TEXT",
  // A name with INTERVAL in it would get integer affinity from its first three letters.
  interval: "DURATION TEXT",
  uuid: "UUID TEXT",
  json: "JSON TEXT",
}

/** The type to declare a column with. */
export const declaredType = (type: ColumnType): string =>
  DECLARED[type] ?? `${type.slice(0, -2).toUpperCase().replace("INTE", "WHOL")}_ARRAY TEXT`

/** The column type that a declared type stands for; undefined where it says nothing. */
export const columnType = (declared: string | null): ColumnType | undefined => {
  const name = (declared ?? "").trim().toUpperCase()
  if (name === "") return undefined
  const ours = Object.entries(DECLARED).find(([, text]) => text === name)?.[0]
  if (ours !== undefined && isColumnType(ours)) return ours
  const array = /^(\w+)_ARRAY TEXT$/.exec(name)?.[1]?.replace("WHOL", "INTE").toLowerCase()
  if (array !== undefined && isColumnType(`${array}[]`)) return `${array}[]` as ColumnType
  return byAffinity(name)
}

// The rules of https://www.sqlite.org/datatype3.html, section 3.1, and the names that other tools use.
const byAffinity = (name: string): ColumnType | undefined => {
  if (name.startsWith("BOOL")) return "boolean"
  if (name.includes("INT")) return "integer"
  if (/CHAR|CLOB|TEXT/.test(name)) return "string"
  if (name.includes("BLOB")) return "bytes"
  return /REAL|FLOA|DOUB/.test(name) ? "double" : undefined
}

/** The type of a value that SQLite gave, where the column declares none. */
export const storedType = (value: SqliteValue): ColumnType | undefined => {
  if (value === null) return undefined
  if (typeof value === "bigint") return "integer"
  if (typeof value === "number") return "double"
  return typeof value === "string" ? "string" : "bytes"
}

/** What to bind. Throws `RangeError` for what SQLite cannot hold. */
export const toSqlite = (value: Value | null, type: ColumnType): SqliteValue => {
  if (value === null) return null
  switch (type) {
    case "boolean":
      return value === true ? 1n : 0n
    case "integer":
      return BigInt(value as number | bigint)
    case "double":
      // SQLite has no NaN: it would store null in its place.
      if (Number.isNaN(value)) throw new RangeError("SQLite cannot hold NaN")
      return value as number
    case "bytes":
      return value as Uint8Array
    default:
      return formatValue(value, type)
  }
}

/** The value of a column of this type. Throws `ValueError` or `RangeError` where the stored value is another. */
export const fromSqlite = (value: SqliteValue, type: ColumnType): Value | null => {
  if (value === null) return null
  if (typeof value === "bigint") return fromInteger(value, type)
  if (typeof value === "number") return fromReal(value, type)
  if (typeof value === "string") return fromText(value, type)
  if (type === "bytes") return value
  throw new RangeError(`a blob of ${value.byteLength} bytes is no ${type}`)
}

const fromInteger = (value: bigint, type: ColumnType): Value => {
  switch (type) {
    case "integer":
    case "decimal": {
      const whole = value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER ? Number(value) : value
      return type === "integer" ? whole : Decimal.fromWhole(whole)
    }
    case "boolean":
      if (value === 0n || value === 1n) return value === 1n
      break
    case "double":
      return Number(value)
    default:
      break
  }
  throw new RangeError(`the integer ${value} is no ${type}`)
}

const fromReal = (value: number, type: ColumnType): Value => {
  if (type === "double") return value
  if (type === "decimal") return Decimal.fromNumber(value)
  throw new RangeError(`the number ${value} is no ${type}`)
}

const fromText = (value: string, type: ColumnType): Value => {
  if (type === "integer" || type === "double" || type === "boolean" || type === "bytes")
    throw new RangeError(`the text ${JSON.stringify(value)} is no ${type}`)
  return parseValue(value, type)
}
