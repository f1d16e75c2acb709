/** From the bytes of a text format to values. */
import type { ColumnType } from "../model/ColumnType.ts"
import { Decimal, whole } from "../model/Decimal.ts"
import { int64, parseValue, quoteValue, type Value, ValueError } from "../model/Value.ts"
import {
  decodeBoolean,
  decodeDate,
  decodeDecimal,
  decodeDouble,
  decodeInteger,
  decodeTimestamp,
  decodeTimestamptz,
  isoText,
} from "./decodeNumber.ts"
import { decodeText } from "./decodeText.ts"
import { type CsvRows, csvEnd, csvStart, JsonKind, type JsonRows, type TextRows } from "./textLayout.ts"

export { isoText } from "./decodeNumber.ts"
export { decodeText } from "./decodeText.ts"

/** Gives the value that plain text stands for. Throws `ValueError`. */
export type DecodeBytes = (buffer: Uint8Array, start: number, end: number) => Value

const DECODERS: Partial<Record<ColumnType, DecodeBytes>> = {
  string: decodeText,
  integer: decodeInteger,
  decimal: decodeDecimal,
  double: decodeDouble,
  boolean: decodeBoolean,
  date: decodeDate,
  timestamp: decodeTimestamp,
  timestamptz: decodeTimestamptz,
}

/** The function for one type, for loops that know theirs. */
export const decoderOf = (type: ColumnType): DecodeBytes =>
  DECODERS[type] ?? ((buffer, start, end) => parseValue(decodeText(buffer, start, end), type))

/** A plain, unquoted text as a value of the type. Throws `ValueError`. */
export const decodeBytes = (buffer: Uint8Array, start: number, end: number, type: ColumnType): Value => {
  switch (type) {
    case "string":
      return decodeText(buffer, start, end)
    case "integer":
      return decodeInteger(buffer, start, end)
    case "decimal":
      return decodeDecimal(buffer, start, end)
    case "double":
      return decodeDouble(buffer, start, end)
    case "boolean":
      return decodeBoolean(buffer, start, end)
    case "date":
      return decodeDate(buffer, start, end)
    case "timestamp":
      return decodeTimestamp(buffer, start, end)
    case "timestamptz":
      return decodeTimestamptz(buffer, start, end)
    default:
      return parseValue(decodeText(buffer, start, end), type)
  }
}

/** A field of a CSV row; an unquoted null text is null. Throws `ValueError`. */
export const decodeCsvField = (rows: CsvRows, row: number, field: number, type: ColumnType): Value | null => {
  const start = csvStart(rows, row, field)
  const end = csvEnd(rows, row, field)
  if (isNullText(rows.buffer, start, end, rows.nulls)) return null
  if (rows.quotes && rows.buffer[start] === rows.quote && end > start) return parseText(unquote(rows, start, end), type)
  return decodeBytes(rows.buffer, start, end, type)
}

/** Whether the bytes are one of the texts that mean null. */
export const isNullText = (buffer: Uint8Array, start: number, end: number, nulls: ReadonlyArray<Uint8Array>): boolean => {
  for (let i = 0; i < nulls.length; i++) if (isSameText(buffer, start, end, nulls[i]!)) return true
  return false
}

const isSameText = (buffer: Uint8Array, start: number, end: number, text: Uint8Array): boolean => {
  if (end - start !== text.length) return false
  for (let i = 0; i < text.length; i++) if (buffer[start + i] !== text[i]) return false
  return true
}

/** The field's text, where it is a date or time in the form in which rows show it; see `isoText`. */
export const isoField = (rows: TextRows, row: number, field: number, type: "date" | "timestamp" | "timestamptz"): string | undefined => {
  if (rows.format === "csv") return isoText(rows.buffer, csvStart(rows, row, field), csvEnd(rows, row, field), type)
  const cell = row * rows.columns + field
  return rows.kinds[cell] === JsonKind.string
    ? isoText(rows.buffer, rows.spans[2 * cell]! + 1, rows.spans[2 * cell + 1]! - 1, type)
    : undefined
}

/** A quoted field, quotes included, as a value of the type. Throws `ValueError`. */
export const decodeQuoted = (rows: CsvRows, start: number, end: number, type: ColumnType): Value =>
  parseText(unquote(rows, start, end), type)

/** The text between quotes, with doubled quotes made single. */
export const unquote = (rows: CsvRows, start: number, end: number): string => {
  const inner = decodeText(rows.buffer, start + 1, end - 1)
  const quote = String.fromCharCode(rows.quote)
  return inner.includes(quote) ? inner.replaceAll(quote + quote, quote) : inner
}

const parseText = (text: string, type: ColumnType): Value => (type === "string" ? text : parseValue(text, type))

/**
 * A JSON token as a value of the type. A JSON string is parsed for dates, times and the like; a number stays a number. Throws `ValueError`.
 */
export const decodeJsonToken = (rows: JsonRows, row: number, field: number, type: ColumnType): Value | null => {
  const cell = row * rows.columns + field
  const kind = rows.kinds[cell]!
  return kind <= JsonKind.null ? null : decodeToken(rows.buffer, kind, rows.spans[2 * cell]!, rows.spans[2 * cell + 1]!, type)
}

/** A token that is not null, by its kind. */
export const decodeToken = (buffer: Uint8Array, kind: number, start: number, end: number, type: ColumnType): Value => {
  if (type === "json") return decodeText(buffer, start, end)
  switch (kind) {
    case JsonKind.string:
      if (type === "integer" || type === "boolean") break
      return decodeBytes(buffer, start + 1, end - 1, type)
    case JsonKind.escapedString:
      if (type === "integer" || type === "boolean") break
      return parseText(JSON.parse(decodeText(buffer, start, end)) as string, type)
    case JsonKind.true:
    case JsonKind.false:
      if (type === "boolean") return kind === JsonKind.true
      break
    case JsonKind.integer:
      if (type === "integer" || type === "double" || type === "decimal") return decodeBytes(buffer, start, end, type)
      break
    case JsonKind.number:
      if (type === "integer") return wholeNumber(decodeText(buffer, start, end))
      if (type === "double" || type === "decimal") return decodeBytes(buffer, start, end, type)
      break
    default:
      if (type.endsWith("[]")) return parseValue(decodeText(buffer, start, end), type)
  }
  throw wrongKind(decodeText(buffer, start, end), kind, type)
}

// A JSON string in a column of numbers or booleans is another type, not another spelling.
const wrongKind = (token: string, kind: number, type: ColumnType): ValueError => {
  const isText = kind === JsonKind.string || kind === JsonKind.escapedString
  return new ValueError(type, `${quoteValue(JSON.parse(token))} is ${isText ? "text, not" : "no"} ${type}`)
}

/** 1e3 and 1.0 are whole numbers that are spelled otherwise. */
const wholeNumber = (text: string): Value => {
  const decimal = Decimal.parse(text)
  const integer = decimal?.withScale(0)
  const exact = decimal !== undefined && integer !== undefined && Decimal.compare(decimal, integer) === 0 ? integer.coefficient : undefined
  const value = exact === undefined ? undefined : typeof exact === "bigint" ? int64(exact) : whole(BigInt(exact))
  if (value === undefined) throw new ValueError("integer", `${text} is no integer`)
  return value
}
