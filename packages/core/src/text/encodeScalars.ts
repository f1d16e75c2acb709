/** Fields that may be copied as they stand, because their text is a canonical form of the column's type. */
import type { ColumnType } from "../model/ColumnType.ts"
import type { TextOutput } from "./encodeOutput.ts"

const MINUS = 45
const DOT = 46
const ZERO = 48
const NINE = 57

/** Copies a field, or gives -1 where its text is not plain enough to be judged here. */
export type CopyScalar = (out: TextOutput, at: number, bytes: Uint8Array, start: number, end: number) => number

/** Digits without zeros in front, at most 18 of them, and no minus zero. */
export const copyInteger: CopyScalar = (out, at, bytes, start, end) => {
  const target = out.bytes
  let from = start
  let to = at
  if (bytes[from] === MINUS) {
    target[to++] = MINUS
    from++
    if (bytes[from] === ZERO) return -1
  }
  const digits = end - from
  if (digits < 1 || digits > 18 || (digits > 1 && bytes[from] === ZERO)) return -1
  for (; from < end; from++) {
    const byte = bytes[from]!
    if (byte < ZERO || byte > NINE) return -1
    target[to++] = byte
  }
  return to
}

/** A number of JSON without an exponent, and no minus zero. */
export const copyDecimal: CopyScalar = (out, at, bytes, start, end) => {
  const target = out.bytes
  const isNegative = bytes[start] === MINUS
  let from = isNegative ? start + 1 : start
  if (from >= end || end - from > MOST_DIGITS || !isDigit(bytes[from]!)) return -1
  if (bytes[from] === ZERO && end - from > 1 && bytes[from + 1] !== DOT) return -1
  let to = at
  if (isNegative) target[to++] = MINUS
  let dot = -1
  let seen = 0
  for (; from < end; from++) {
    const byte = bytes[from]!
    if (isDigit(byte)) seen |= byte - ZERO
    else if (byte === DOT && dot < 0) dot = from
    else return -1
    target[to++] = byte
  }
  return dot === end - 1 || (isNegative && seen === 0) ? -1 : to
}

/** More digits than this may be past what a double holds. */
const MOST_DIGITS = 300

const isWord = (bytes: Uint8Array, start: number, word: ReadonlyArray<number>): boolean =>
  word.every((byte, i) => bytes[start + i] === byte)

const TRUE = [...Buffer.from("true")]
const FALSE = [...Buffer.from("false")]

const copyAll: CopyScalar = (out, at, bytes, start, end) => {
  const target = out.bytes
  let to = at
  for (let from = start; from < end; from++) target[to++] = bytes[from]!
  return to
}

export const copyBoolean: CopyScalar = (out, at, bytes, start, end) => {
  const length = end - start
  const isPlain = length === 4 ? isWord(bytes, start, TRUE) : length === 5 && isWord(bytes, start, FALSE)
  return isPlain ? copyAll(out, at, bytes, start, end) : -1
}

const isDigit = (byte: number): boolean => byte >= ZERO && byte <= NINE

const twoDigits = (bytes: Uint8Array, at: number): number => {
  const high = bytes[at]! - ZERO
  const low = bytes[at + 1]! - ZERO
  return high >= 0 && high <= 9 && low >= 0 && low <= 9 ? 10 * high + low : 99
}

/** `2025-01-28`. */
const isPlainDate = (bytes: Uint8Array, at: number): boolean => {
  const month = twoDigits(bytes, at + 5)
  const day = twoDigits(bytes, at + 8)
  const hasYear = twoDigits(bytes, at) < 99 && twoDigits(bytes, at + 2) < 99 && twoDigits(bytes, at) + twoDigits(bytes, at + 2) > 0
  return (
    hasYear &&
    bytes[at + 4] === MINUS &&
    bytes[at + 7] === MINUS &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    (day <= 28 || (month === 2 ? day === 29 && isLeapYear(bytes, at) : day <= 30 || (day === 31 && has31(month))))
  )
}

const isLeapYear = (bytes: Uint8Array, at: number): boolean => {
  const year = twoDigits(bytes, at + 2)
  return (year === 0 ? twoDigits(bytes, at) : year) % 4 === 0
}

const has31 = (month: number): boolean =>
  month === 1 || month === 3 || month === 5 || month === 7 || month === 8 || month === 10 || month === 12

/** Where `04:05:06` and up to six digits behind a point end, or -1. */
const plainTimeEnd = (bytes: Uint8Array, at: number, end: number): number => {
  if (at + 8 > end || bytes[at + 2] !== 58 || bytes[at + 5] !== 58) return -1
  if (twoDigits(bytes, at) > 23 || twoDigits(bytes, at + 3) > 59 || twoDigits(bytes, at + 6) > 59) return -1
  let to = at + 8
  if (to === end || bytes[to] !== DOT) return to
  while (++to < end && isDigit(bytes[to]!));
  return to - at - 9 >= 1 && to - at - 9 <= 6 ? to : -1
}

const copyDate: CopyScalar = (out, at, bytes, start, end) =>
  end - start === 10 && isPlainDate(bytes, start) ? copyAll(out, at, bytes, start, end) : -1

const copyTime: CopyScalar = (out, at, bytes, start, end) =>
  plainTimeEnd(bytes, start, end) === end ? copyAll(out, at, bytes, start, end) : -1

/** Where date, `T` or a space, and time end, or -1. */
const plainTimestampEnd = (bytes: Uint8Array, start: number, end: number): number => {
  if (end - start < 19 || !isPlainDate(bytes, start)) return -1
  const separator = bytes[start + 10]
  return separator === 0x54 || separator === 0x20 ? plainTimeEnd(bytes, start + 11, end) : -1
}

const copyTimestamp: CopyScalar = (out, at, bytes, start, end) =>
  plainTimestampEnd(bytes, start, end) === end ? copyAll(out, at, bytes, start, end) : -1

/** With `Z` or an offset such as `+02:00`. */
const copyTimestamptz: CopyScalar = (out, at, bytes, start, end) => {
  const zone = plainTimestampEnd(bytes, start, end)
  if (zone < 0) return -1
  const sign = bytes[zone]
  const isUtc = sign === 0x5a && zone + 1 === end
  const isOffset =
    (sign === 43 || sign === MINUS) &&
    zone + 6 === end &&
    bytes[zone + 3] === 58 &&
    twoDigits(bytes, zone + 1) <= 14 &&
    twoDigits(bytes, zone + 4) <= 59
  return isUtc || isOffset ? copyAll(out, at, bytes, start, end) : -1
}

const copyUuid: CopyScalar = (out, at, bytes, start, end) => {
  if (end - start !== 36) return -1
  for (let i = 0; i < 36; i++) {
    const byte = bytes[start + i]!
    const isDash = i === 8 || i === 13 || i === 18 || i === 23
    if (isDash ? byte !== MINUS : !(isDigit(byte) || (byte >= 0x61 && byte <= 0x66))) return -1
  }
  return copyAll(out, at, bytes, start, end)
}

/** What is copied as a JSON number or word. */
export const copyBare: Partial<Record<ColumnType, CopyScalar>> = {
  integer: copyInteger,
  decimal: copyDecimal,
  double: copyDecimal,
  boolean: copyBoolean,
}

/** What is copied as text. None of these holds a character that JSON or CSV would escape. */
export const copyWords: Partial<Record<ColumnType, CopyScalar>> = {
  date: copyDate,
  time: copyTime,
  timestamp: copyTimestamp,
  timestamptz: copyTimestamptz,
  uuid: copyUuid,
}
