/**
 * The values of rows, in two forms.
 *
 * A `Value` is what the engine computes with: whole numbers for dates and times, JSON as its text. A `RowValue` is
 * what JavaScript sees in a plain-object row: ISO 8601 text for dates and times, parsed JSON. `toRowValue` and
 * `fromRowValue` go between them and lose nothing.
 *
 * | type | Value | RowValue |
 * |---|---|---|
 * | boolean | boolean | boolean |
 * | integer | number where safe, else bigint (64 bits) | the same |
 * | double | number, NaN and infinities too | the same |
 * | decimal | Decimal | Decimal |
 * | string, uuid | string | string |
 * | bytes | Uint8Array | Uint8Array |
 * | date | days since 1970-01-01; ±Infinity | `2025-01-31` |
 * | time | microseconds of the day | `04:05:06.7` |
 * | timestamp, timestamptz | microseconds since 1970-01-01 (UTC): number where safe, else bigint; ±Infinity | `2025-01-31T04:05:06.7`, with
 * `Z` |
 * | interval | Interval | Interval |
 * | json | the JSON text | the parsed value: bigint and Decimal where a number would lose digits |
 * | T[] | array of the above, with nulls | array |
 */
import { type ColumnType, elementType, isArrayType, widen } from "./ColumnType.ts"
import { Decimal, type Whole, whole } from "./Decimal.ts"
import { Interval } from "./Interval.ts"
import { formatDate, formatTime, formatTimestamp, parseDate, parseTime, parseTimestamp } from "./Temporal.ts"
import { parseJson, parseJsonDecimals, stringifyJson } from "./Json.ts"

export type Value = boolean | Whole | string | Uint8Array | Decimal | Interval | ReadonlyArray<Value | null>

/** A value that does not belong to its column's type. The catcher adds where it stands. */
export class ValueError extends Error {
  override readonly name = "ValueError"
  readonly type: ColumnType
  constructor(type: ColumnType, message: string) {
    super(message)
    this.type = type
  }
}

/** What JavaScript may put into and finds in a row. */
export type RowValue = unknown

/** A row as JavaScript sees it. */
export type Row = Record<string, RowValue>

/**
 * The value that a text stands for in a column of this type: ISO 8601 or PostgreSQL forms for dates and times,
 * `true|false|t|f|1|0|yes|no|on|off` for booleans. Throws `ValueError` where it stands for none.
 */
export const parseValue = (text: string, type: ColumnType): Value => {
  const value = isArrayType(type) ? parseArray(text, type) : PARSERS[type]?.(text)
  if (value === undefined) throw new ValueError(type, `${quoteValue(text)} is no ${type}`)
  return value
}

/**
 * The text of a value in files: ISO 8601 dates and times, shortest doubles with the sign of a zero, JSON as it is, bytes in hex as
 * `\x00ff`. `parseValue` gives the same value back.
 */
export const formatValue = (value: Value, type: ColumnType): string => {
  switch (type) {
    case "string":
    case "uuid":
    case "json":
      return value as string
    case "date":
      return formatDate(value as number)
    case "time":
      return formatTime(value as number)
    case "timestamp":
    case "timestamptz":
      return formatTimestamp(value as Whole, type === "timestamptz")
    case "bytes":
      return formatBytes(value as Uint8Array)
    case "double":
      // String(-0) is "0".
      return Object.is(value, -0) ? "-0" : String(value)
    default:
      return isArrayType(type) ? stringifyJson(toRowValue(value, type)) : String(value)
  }
}

export const toRowValue = (value: Value | null, type: ColumnType): RowValue => {
  if (value === null) return null
  switch (type) {
    case "date":
    case "time":
    case "timestamp":
    case "timestamptz":
      return formatValue(value, type)
    case "json":
      return parseJson(value as string)
    case "bytes":
      // Whoever gets the row may change it.
      return new Uint8Array(value as Uint8Array)
    default:
      if (!isArrayType(type)) return value
      return (value as ReadonlyArray<Value | null>).map((item) => toRowValue(item, elementType(type)))
  }
}

/** Throws `ValueError` where JavaScript's value does not belong to the type. Text is parsed, `Date` is taken for dates and times. */
export const fromRowValue = (value: RowValue, type: ColumnType): Value | null => {
  if (value === null || value === undefined) return null
  const converted = isArrayType(type) ? fromArray(value, type) : CONVERTERS[type](value)
  if (converted !== undefined) return converted
  if (typeof value === "string") return parseValue(value, type)
  throw new ValueError(type, `${quoteValue(value)} is no ${type}`)
}

/** The column type that a JavaScript value has by itself; undefined for null and undefined. */
export const typeOfRowValue = (value: RowValue): ColumnType | undefined => {
  if (value === null || value === undefined) return undefined
  switch (typeof value) {
    case "boolean":
      return "boolean"
    case "bigint":
      return "integer"
    case "number":
      return Number.isSafeInteger(value) ? "integer" : "double"
    case "string":
      return "string"
    default:
      break
  }
  if (value instanceof Date) return "timestamptz"
  if (value instanceof Decimal) return "decimal"
  if (value instanceof Interval) return "interval"
  return value instanceof Uint8Array ? "bytes" : "json"
}

/**
 * The type for values of both, where rows are JavaScript's and know one kind of number: like `widen`, with integer and double meeting in
 * double.
 */
export const widenRowTypes = (a: ColumnType, b: ColumnType): ColumnType | undefined => {
  const wider = widen(a, b)
  if (wider !== undefined) return wider
  if (a !== "double" && b !== "double") return undefined
  const other = a === "double" ? b : a
  return other === "integer" ? "double" : other === "decimal" ? "decimal" : undefined
}

/** A value for a message: at most 60 characters, control characters escaped. */
export const quoteValue = (value: unknown): string => {
  const text = typeof value === "string" ? JSON.stringify(value) : typeof value === "object" ? safeJson(value) : String(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

const safeJson = (value: unknown): string => {
  try {
    return stringifyJson(value)
  } catch {
    // A cyclic object is still only to be named in a message.
    return Object.prototype.toString.call(value)
  }
}

const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n

/** The whole number, or undefined outside 64 bits. */
export const int64 = (value: bigint): Whole | undefined => (value >= INT64_MIN && value <= INT64_MAX ? whole(value) : undefined)

const INTEGER = /^[+-]?\d+$/
const DOUBLE = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/
const UUID = /^\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?$/i

const TRUE = new Set(["true", "t", "1", "yes", "y", "on"])
const FALSE = new Set(["false", "f", "0", "no", "n", "off"])

const parseBoolean = (text: string): boolean | undefined => {
  const word = text.trim().toLowerCase()
  return TRUE.has(word) ? true : FALSE.has(word) ? false : undefined
}

const parseInteger = (text: string): Whole | undefined => {
  const digits = text.trim()
  if (!INTEGER.test(digits)) return undefined
  return digits.length < 16 ? Number(digits) + 0 : int64(BigInt(digits))
}

const parseDouble = (text: string): number | undefined => {
  const number = text.trim()
  if (DOUBLE.test(number)) return Number(number)
  const decimal = Decimal.parse(number)
  return decimal === undefined || decimal.isFinite ? undefined : decimal.toNumber()
}

const parseUuid = (text: string): string | undefined => {
  const match = UUID.exec(text.trim())
  return match === null ? undefined : match.slice(1).join("-").toLowerCase()
}

const parseBytes = (text: string): Uint8Array | undefined => {
  if (!text.startsWith("\\x") || text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text.slice(2))) return undefined
  return new Uint8Array(Buffer.from(text.slice(2), "hex"))
}

const formatBytes = (value: Uint8Array): string => `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex")}`

const parseInterval = (text: string): Interval | undefined => {
  const endless = /^(-?)infinity$/i.exec(text.trim())
  if (endless !== null) {
    const value = endless[1] === "-" ? -Infinity : Infinity
    return new Interval(value, value, value)
  }
  const match = INTERVAL.exec(text.trim())
  if (match === null || text.trim() === "") return undefined
  const part = (i: number): number => (match[i] === undefined ? 0 : Number(match[i]))
  const clockSign = match[5] === "-" ? -1 : 1
  const seconds = part(6) * 3600 + part(7) * 60 + part(8)
  const micros = match[9] === undefined ? 0 : Number(match[9].padEnd(6, "0"))
  return new Interval(part(1) * 12 + part(2), part(3) * 7 + part(4), clockSign * (seconds * 1_000_000 + micros))
}

// The form that `Interval.toString` and PostgreSQL print; the expression language reads more.
const INTERVAL =
  /^(?:([+-]?\d+) years?)? ?(?:([+-]?\d+) mons?(?:ths?)?)? ?(?:([+-]?\d+) weeks?)? ?(?:([+-]?\d+) days?)? ?(?:([+-])?(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?$/

const parseJsonText = (text: string): string | undefined => {
  try {
    JSON.parse(text)
    return text
  } catch {
    return undefined
  }
}

const PARSERS: Partial<Record<ColumnType, (text: string) => Value | undefined>> = {
  boolean: parseBoolean,
  integer: parseInteger,
  double: parseDouble,
  decimal: (text) => Decimal.parse(text),
  string: (text) => text,
  bytes: parseBytes,
  date: parseDate,
  time: parseTime,
  timestamp: (text) => parseTimestamp(text, false),
  timestamptz: (text) => parseTimestamp(text, true),
  interval: parseInterval,
  uuid: parseUuid,
  json: parseJsonText,
}

const parseArray = (text: string, type: `${string}[]` & ColumnType): Value | undefined => {
  if (parseJsonText(text) === undefined) return undefined
  return fromArray(type === "decimal[]" ? parseJsonDecimals(text) : parseJson(text), type)
}

const fromArray = (value: RowValue, type: ColumnType): Value | undefined =>
  Array.isArray(value) && isArrayType(type) ? value.map((item) => fromRowValue(item, elementType(type))) : undefined

const fromNumber = (value: RowValue): Whole | undefined => {
  if (typeof value === "bigint") return int64(value)
  return typeof value === "number" && Number.isSafeInteger(value) ? value + 0 : undefined
}

const fromDate = (value: RowValue): number | undefined =>
  value instanceof Date && !Number.isNaN(value.getTime()) ? value.getTime() * 1000 : undefined

type Converter = (value: RowValue) => Value | undefined

const CONVERTERS: Record<Exclude<ColumnType, `${string}[]`>, Converter> = {
  boolean: (value) => (typeof value === "boolean" ? value : undefined),
  integer: fromNumber,
  double: (value) => (typeof value === "number" ? value : undefined),
  decimal: (value) => {
    if (value instanceof Decimal) return value
    if (typeof value === "number") return Decimal.fromNumber(value)
    return typeof value === "bigint" ? Decimal.fromWhole(whole(value)) : undefined
  },
  string: (value) => (typeof value === "string" ? value : undefined),
  bytes: (value) => (value instanceof Uint8Array ? value : undefined),
  date: (value) => {
    const micros = fromDate(value)
    return micros === undefined ? undefined : Math.floor(micros / 86_400_000_000)
  },
  time: () => undefined,
  timestamp: fromDate,
  timestamptz: fromDate,
  interval: (value) => (value instanceof Interval ? value : undefined),
  uuid: () => undefined,
  json: (value) => stringifyJson(value),
}
