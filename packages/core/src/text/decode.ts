/** From the bytes of a text format to values. */
import type { ColumnType } from "../model/ColumnType.ts"
import { Decimal, whole } from "../model/Decimal.ts"
import { int64, parseValue, quoteValue, type Value, ValueError } from "../model/Value.ts"
import { type CsvRows, csvEnd, csvStart, isCsvNull, JsonKind, type JsonRows } from "./TextRows.ts"

/** Text of UTF-8 bytes. Short ASCII, which most fields are, takes the cheap way. */
export const decodeText = (buffer: Uint8Array, start: number, end: number): string => asBuffer(buffer).utf8Slice(start, end)

interface Slicing {
  readonly utf8Slice: (start: number, end: number) => string
  readonly latin1Slice: (start: number, end: number) => string
}

const asBuffer = (buffer: Uint8Array): Slicing =>
  (Buffer.isBuffer(buffer) ? buffer : Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength)) as unknown as Slicing

/** A field of a CSV row; an unquoted null text is null. Throws `ValueError`. */
export const decodeCsvField = (rows: CsvRows, row: number, field: number, type: ColumnType): Value | null => {
  if (isCsvNull(rows, row, field)) return null
  const start = csvStart(rows, row, field)
  const end = csvEnd(rows, row, field)
  if (rows.buffer[start] === rows.quote && end > start) return parseText(unquote(rows, start, end), type)
  return decodeBytes(rows.buffer, start, end, type)
}

/** The text between quotes, with doubled quotes made single. */
export const unquote = (rows: CsvRows, start: number, end: number): string => {
  const inner = decodeText(rows.buffer, start + 1, end - 1)
  const quote = String.fromCharCode(rows.quote)
  return inner.includes(quote) ? inner.replaceAll(quote + quote, quote) : inner
}

/** A plain, unquoted text as a value of the type. Throws `ValueError`. */
export const decodeBytes = (buffer: Uint8Array, start: number, end: number, type: ColumnType): Value => {
  if (type === "string") return decodeText(buffer, start, end)
  if (type === "integer") return decodeInteger(buffer, start, end)
  if (type === "decimal") return decodeDecimal(buffer, start, end)
  return parseValue(decodeText(buffer, start, end), type)
}

const parseText = (text: string, type: ColumnType): Value => (type === "string" ? text : parseValue(text, type))

const decodeInteger = (buffer: Uint8Array, start: number, end: number): Value => {
  let at = start
  const negative = buffer[at] === 45
  if (negative) at++
  if (at === end || end - at > 15) return parseValue(decodeText(buffer, start, end), "integer")
  let value = 0
  for (; at < end; at++) {
    const digit = buffer[at]! - 48
    if (digit < 0 || digit > 9) return parseValue(decodeText(buffer, start, end), "integer")
    value = value * 10 + digit
  }
  return negative && value !== 0 ? -value : value
}

const decodeDecimal = (buffer: Uint8Array, start: number, end: number): Value => {
  let at = start
  const negative = buffer[at] === 45
  if (negative) at++
  if (at === end || end - at > 15) return parseValue(decodeText(buffer, start, end), "decimal")
  let value = 0
  let point = -1
  for (; at < end; at++) {
    const byte = buffer[at]!
    if (byte === 46 && point < 0) point = at
    else if (byte >= 48 && byte <= 57) value = value * 10 + byte - 48
    else return parseValue(decodeText(buffer, start, end), "decimal")
  }
  return new Decimal(negative && value !== 0 ? -value : value, point < 0 ? 0 : end - point - 1)
}

/** A JSON token as a value of the type. A JSON string is parsed for dates, times and the like; a number stays a number. Throws `ValueError`. */
export const decodeJsonToken = (rows: JsonRows, row: number, field: number, type: ColumnType): Value | null => {
  const cell = row * rows.columns + field
  const kind = rows.kinds[cell]!
  if (kind <= JsonKind.null) return null
  const start = rows.spans[2 * cell]!
  const end = rows.spans[2 * cell + 1]!
  if (type === "json") return decodeText(rows.buffer, start, end)
  switch (kind) {
    case JsonKind.string:
      return textValue(decodeText(rows.buffer, start + 1, end - 1), type)
    case JsonKind.escapedString:
      return textValue(JSON.parse(decodeText(rows.buffer, start, end)) as string, type)
    case JsonKind.true:
    case JsonKind.false:
      if (type === "boolean") return kind === JsonKind.true
      break
    case JsonKind.integer:
    case JsonKind.number:
      if (type === "integer" || type === "double" || type === "decimal") return numberValue(rows.buffer, start, end, type)
      break
    default:
      if (type.endsWith("[]")) return parseValue(decodeText(rows.buffer, start, end), type)
  }
  throw new ValueError(type, `${quoteValue(JSON.parse(decodeText(rows.buffer, start, end)))} is no ${type}`)
}

// A JSON string in a column of numbers or booleans is another type, not another spelling.
const textValue = (text: string, type: ColumnType): Value => {
  if (type === "string") return text
  if (type === "integer" || type === "boolean") throw new ValueError(type, `${quoteValue(text)} is text, not ${type}`)
  return parseValue(text, type)
}

const numberValue = (buffer: Uint8Array, start: number, end: number, type: ColumnType): Value => {
  if (type !== "integer") return decodeBytes(buffer, start, end, type)
  const text = decodeText(buffer, start, end)
  if (/^-?\d+$/.test(text)) return decodeBytes(buffer, start, end, type)
  // 1e3 and 1.0 are whole numbers that are spelled otherwise.
  const decimal = Decimal.parse(text)
  const integer = decimal?.withScale(0)
  const exact = decimal !== undefined && integer !== undefined && Decimal.compare(decimal, integer) === 0 ? integer.coefficient : undefined
  const value = exact === undefined ? undefined : typeof exact === "bigint" ? int64(exact) : whole(BigInt(exact))
  if (value === undefined) throw new ValueError("integer", `${text} is no integer`)
  return value
}
