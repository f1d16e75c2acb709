/**
 * Keys as bytes whose order is the order of the values: what sorts, groups and joins rows compares only bytes.
 *
 * The order per type is PostgreSQL's with collation C: text by its UTF-8, NaN equal to itself and above all numbers, -0 equal to 0, 1.0
 * equal to 1.00, intervals by their length with months of 30 days. Two values have the same bytes exactly where they are equal.
 */
import { type Column } from "../../model/Batch.ts"
import { type ColumnType, elementType, isArrayType } from "../../model/ColumnType.ts"
import type { Decimal, Whole } from "../../model/Decimal.ts"
import type { Interval } from "../../model/Interval.ts"
import type { Value } from "../../model/Value.ts"
import { decodeQuoted, decoderOf, isNullText } from "../../text/decode.ts"
import { TextColumn } from "../../text/TextRows.ts"
import type { KeyPart } from "../Step.ts"
import type { ByteWriter } from "./byteWriter.ts"

/** Whether values of the type have an order. JSON has none: the same document can be spelled in many ways. */
export const isOrdered = (type: ColumnType): boolean => type !== "json" && type !== "json[]"

/** Writes the part of a key that one row has. */
export type PutKey = (out: ByteWriter, row: number) => void

type PutValue = (out: ByteWriter, value: Value) => void

const NULL_FIRST = 0
const PRESENT = 1
const NULL_LAST = 2

/** The writer for one column of a batch. */
export const keyWriter = (column: Column, { descending, nullsFirst }: Pick<KeyPart, "descending" | "nullsFirst">): PutKey => {
  const putNull = nullsFirst ? NULL_FIRST : NULL_LAST
  const put = orderedWriter(column.type)
  const ascending =
    csvKey(column, putNull, put) ??
    ((out, row) => {
      const value = column.value(row)
      if (value === null) return out.byte(putNull)
      out.byte(PRESENT)
      put(out, value)
    })
  if (!descending) return ascending
  return (out, row) => {
    const start = out.length
    ascending(out, row)
    // The first byte says whether there is a value, and that order is `nulls`' own.
    for (let i = start + 1; i < out.length; i++) out.bytes[i] = 255 - out.bytes[i]!
  }
}

/** The same for a column of a CSV file, with all that is known of it looked up once. */
const csvKey = (column: Column, putNull: number, put: PutValue): PutKey | undefined => {
  if (!(column instanceof TextColumn) || column.rows.format !== "csv") return undefined
  const { rows, field, type } = column
  const { buffer, offsets, columns, quotes, quote, nulls } = rows
  const gap = rows.crlf && field === columns - 1 ? 2 : 1
  const isText = type === "string"
  const decode = decoderOf(type)
  return (out, row) => {
    const cell = row * columns + field
    const start = offsets[cell]!
    const end = offsets[cell + 1]! - gap
    if (isNullText(buffer, start, end, nulls)) return out.byte(putNull)
    out.byte(PRESENT)
    if (quotes && buffer[start] === quote && start < end) put(out, decodeQuoted(rows, start, end, type))
    // Text is its own key, and need not be made a string.
    else if (isText) putTextBytes(out, buffer, start, end)
    else put(out, decode(buffer, start, end))
  }
}

/** Writes values of the type, so that their bytes compare as they do. */
export const orderedWriter = (type: ColumnType): PutValue => {
  if (isArrayType(type)) return arrayWriter(orderedWriter(elementType(type)))
  switch (type) {
    case "boolean":
      return (out, value) => out.byte(value === true ? 1 : 0)
    case "integer":
    case "date":
    case "time":
    case "timestamp":
    case "timestamptz":
      return (out, value) => putWhole(out, value as Whole)
    case "double":
      return (out, value) => putDouble(out, value as number)
    case "decimal":
      return (out, value) => putDecimal(out, value as Decimal)
    case "interval":
      return (out, value) => putInterval(out, value as Interval)
    case "bytes":
      return (out, value) => putTextBytes(out, value as Uint8Array, 0, (value as Uint8Array).length)
    case "string":
    case "uuid":
    case "json":
      return (out, value) => putText(out, value as string)
  }
}

/** The middle of the first byte of a whole number: above it the count of bytes that follow, below it the same for negative ones. */
const ZERO = 0x80

/**
 * A whole number in as few bytes as it needs: their count, then the bytes. Infinite dates and times are at the ends. Negative numbers have
 * all of it inverted.
 */
const putWhole = (out: ByteWriter, value: Whole): void => {
  if (typeof value === "bigint") return putBigWhole(out, value)
  if (!Number.isFinite(value)) return out.byte(value > 0 ? 255 : 0)
  const magnitude = value < 0 ? -value - 1 : value
  // Two halves of at most 32 bits, whose bytes are had by shifts.
  const high = Math.floor(magnitude / WORD)
  const low = (magnitude - high * WORD) | 0
  const length = high === 0 ? byteLength(low) : 4 + byteLength(high)
  const at = out.room(1 + length)
  const { bytes } = out
  const mask = value < 0 ? -1 : 0
  bytes[at] = value < 0 ? ZERO - 1 - length : ZERO + length
  if (length < 4) putBytes(bytes, at + length, length, low ^ mask)
  else {
    out.view.setInt32(at + length - 3, low ^ mask)
    putBytes(bytes, at + length - 4, length - 4, high ^ mask)
  }
}

const WORD = 2 ** 32

/** Puts the lowest bytes of a number, the last of them at `end`. */
const putBytes = (bytes: Uint8Array, end: number, count: number, value: number): void => {
  for (let i = 0; i < count; i++) bytes[end - i] = value >>> (8 * i)
}

/** Bytes that 32 bits without a sign need. */
const byteLength = (value: number): number => (32 - Math.clz32(value) + 7) >> 3

const putBigWhole = (out: ByteWriter, value: bigint): void => {
  const magnitude = value < 0n ? -value - 1n : value
  let digits = magnitude.toString(16)
  if (digits.length % 2 === 1) digits = `0${digits}`
  const length = digits.length / 2
  const at = out.room(1 + length)
  const mask = value < 0n ? 255 : 0
  out.bytes[at] = value < 0n ? ZERO - 1 - length : ZERO + length
  for (let i = 0; i < length; i++) out.bytes[at + 1 + i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16) ^ mask
}

const putDouble = (out: ByteWriter, value: number): void => {
  const at = out.room(8)
  const { bytes, view } = out
  if (Number.isNaN(value)) {
    bytes.fill(255, at, at + 8)
    return
  }
  // -0 + 0 is 0.
  view.setFloat64(at, value + 0)
  if (bytes[at]! < 128) bytes[at]! += 128
  else for (let i = at; i < at + 8; i++) bytes[i] = 255 - bytes[i]!
}

/** Kinds of decimals, in their order. */
const Sign = { negativeInfinity: 0, negative: 1, zero: 2, positive: 3, infinity: 4, nan: 5 } as const

/** A decimal is 0.d₁d₂d₃… × 10^exponent: sign, exponent, digits without zeros at the end. */
const putDecimal = (out: ByteWriter, value: Decimal): void => {
  const { coefficient, scale } = value
  if (!value.isFinite) return out.byte(Number.isNaN(coefficient) ? Sign.nan : coefficient > 0 ? Sign.infinity : Sign.negativeInfinity)
  const isNegative = coefficient < 0
  const digits = String(coefficient)
    .slice(isNegative ? 1 : 0)
    .replace(/0+$/, "")
  if (digits === "") return out.byte(Sign.zero)
  out.byte(isNegative ? Sign.negative : Sign.positive)
  const start = out.length
  const written = String(coefficient).length - (isNegative ? 1 : 0)
  putWhole(out, written - scale)
  for (let i = 0; i < digits.length; i++) out.byte(digits.charCodeAt(i))
  out.byte(0)
  if (isNegative) for (let i = start; i < out.length; i++) out.bytes[i] = 255 - out.bytes[i]!
}

const DAY = 86_400_000_000n

const putInterval = (out: ByteWriter, { months, days, micros }: Interval): void =>
  putBigWhole(out, (BigInt(months) * 30n + BigInt(days)) * DAY + BigInt(micros))

/** Text ends with two zeros, so that a shorter one comes first; a zero within it is followed by 255. */
const putTextBytes = (out: ByteWriter, bytes: Uint8Array, start: number, end: number): void => {
  const length = end - start
  if (length > SHORT) return putLongText(out, bytes, start, end)
  const at = out.room(length + 2)
  const target = out.bytes
  let hasZeros = false
  for (let i = 0; i < length; i++) {
    const byte = bytes[start + i]!
    if (byte === 0) hasZeros = true
    target[at + i] = byte
  }
  target[at + length] = 0
  target[at + length + 1] = 0
  if (!hasZeros) return
  out.length = at
  putLongText(out, bytes, start, end)
}

/** Longer text is copied by the host. */
const SHORT = 48

const putLongText = (out: ByteWriter, bytes: Uint8Array, start: number, end: number): void => {
  const at = out.length
  out.copy(bytes, start, end)
  endText(out, at)
}

const putText = (out: ByteWriter, text: string): void => {
  const at = out.length
  if (text.isWellFormed()) out.utf8(text)
  else putHalves(out, text)
  endText(out, at)
}

const endText = (out: ByteWriter, start: number): void => {
  if (hasZero(out.bytes, start, out.length)) escapeZeros(out, start)
  const at = out.room(2)
  out.bytes[at] = 0
  out.bytes[at + 1] = 0
}

const hasZero = (bytes: Uint8Array, start: number, end: number): boolean => {
  for (let i = start; i < end; i++) if (bytes[i] === 0) return true
  return false
}

const escapeZeros = (out: ByteWriter, start: number): void => {
  const text = out.bytes.slice(start, out.length)
  out.length = start
  for (const byte of text) {
    out.byte(byte)
    if (byte === 0) out.byte(255)
  }
}

/** Text with halves of surrogate pairs, each in the three bytes that its number would have. */
const putHalves = (out: ByteWriter, text: string): void => {
  for (const character of text) {
    const code = character.charCodeAt(0)
    if (character.length === 2 || code < 0xd800 || code > 0xdfff) out.utf8(character)
    else for (const byte of [0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)]) out.byte(byte)
  }
}

/** Within arrays a null equals a null and is above all else; a shorter array comes first. */
const arrayWriter =
  (put: PutValue): PutValue =>
  (out, value) => {
    for (const item of value as ReadonlyArray<Value | null>) {
      if (item === null) out.byte(NULL_LAST)
      else {
        out.byte(PRESENT)
        put(out, item)
      }
    }
    out.byte(0)
  }
