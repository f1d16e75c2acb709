/**
 * Numbers, booleans, dates and times straight from bytes, for the spellings that files are full of. Everything else goes through
 * `parseValue`, which also says what is wrong; so both ways give the same value, or the same error.
 */
import { Decimal } from "../model/Decimal.ts"
import { daysFromCivil, daysInMonth, microsOf } from "../model/Temporal.ts"
import { parseValue, type Value } from "../model/Value.ts"
import { decodeText } from "./decodeText.ts"

/** Digits that a double holds exactly, whatever they are. */
const EXACT_DIGITS = 15

const ZERO = 48
const MINUS = 45
const POINT = 46
const COLON = 58

export const decodeInteger = (buffer: Uint8Array, start: number, end: number): Value => {
  let at = start
  const negative = buffer[at] === MINUS
  if (negative) at++
  if (at >= end || end - at > EXACT_DIGITS) return parseValue(decodeText(buffer, start, end), "integer")
  let value = 0
  for (; at < end; at++) {
    const digit = buffer[at]! - ZERO
    if (digit < 0 || digit > 9) return parseValue(decodeText(buffer, start, end), "integer")
    value = value * 10 + digit
  }
  return negative && value !== 0 ? -value : value
}

export const decodeDecimal = (buffer: Uint8Array, start: number, end: number): Value => {
  let at = start
  const negative = buffer[at] === MINUS
  if (negative) at++
  // One more than digits, for the point; a text of 16 digits without a point is turned away below.
  if (end - at > EXACT_DIGITS + 1) return parseValue(decodeText(buffer, start, end), "decimal")
  const first = at
  let value = 0
  let point = -1
  for (; at < end; at++) {
    const digit = buffer[at]! - ZERO
    if (digit >= 0 && digit <= 9) value = value * 10 + digit
    else if (digit === POINT - ZERO && point < 0) point = at
    else return parseValue(decodeText(buffer, start, end), "decimal")
  }
  const digits = end - first - (point < 0 ? 0 : 1)
  if (digits < 1 || digits > EXACT_DIGITS) return parseValue(decodeText(buffer, start, end), "decimal")
  return new Decimal(negative && value !== 0 ? -value : value, point < 0 ? 0 : end - point - 1)
}

const POWERS: ReadonlyArray<number> = Array.from({ length: EXACT_DIGITS + 1 }, (_, i) => 10 ** i)

export const decodeDouble = (buffer: Uint8Array, start: number, end: number): Value => {
  let at = start
  const negative = buffer[at] === MINUS
  if (negative) at++
  if (end - at > EXACT_DIGITS + 1) return parseValue(decodeText(buffer, start, end), "double")
  const first = at
  let value = 0
  let point = -1
  for (; at < end; at++) {
    const digit = buffer[at]! - ZERO
    if (digit >= 0 && digit <= 9) value = value * 10 + digit
    else if (digit === POINT - ZERO && point < 0) point = at
    else return parseValue(decodeText(buffer, start, end), "double")
  }
  const digits = end - first - (point < 0 ? 0 : 1)
  if (digits < 1 || digits > EXACT_DIGITS) return parseValue(decodeText(buffer, start, end), "double")
  // Both sides of the division are exact, so it rounds once, as reading the text would.
  const number = point < 0 ? value : value / POWERS[end - point - 1]!
  return negative ? -number : number
}

export const decodeBoolean = (buffer: Uint8Array, start: number, end: number): Value => {
  const length = end - start
  // "true", "false" and the one-letter forms; the rest is rare.
  const first = buffer[start]
  if (length === 1) {
    if (first === 116 || first === 49) return true
    if (first === 102 || first === 48) return false
  } else if (length === 4 && first === 116 && buffer[start + 1] === 114 && buffer[start + 2] === 117 && buffer[start + 3] === 101)
    return true
  else if (length === 5 && first === 102 && matches(buffer, start, FALSE)) return false
  return parseValue(decodeText(buffer, start, end), "boolean")
}

const FALSE: ReadonlyArray<number> = [102, 97, 108, 115, 101]

const matches = (buffer: Uint8Array, start: number, bytes: ReadonlyArray<number>): boolean =>
  bytes.every((byte, i) => buffer[start + i] === byte)

/** Two digits as a number, or something above 99. */
const twoDigits = (buffer: Uint8Array, at: number): number => {
  const tens = buffer[at]! - ZERO
  const ones = buffer[at + 1]! - ZERO
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : 1000
}

/** Days of `YYYY-MM-DD` at `at`, or NaN where it is spelled otherwise or does not exist. */
const civilDays = (buffer: Uint8Array, at: number): number => {
  if (buffer[at + 4] !== MINUS || buffer[at + 7] !== MINUS) return NaN
  const century = twoDigits(buffer, at)
  const rest = twoDigits(buffer, at + 2)
  const month = twoDigits(buffer, at + 5)
  const day = twoDigits(buffer, at + 8)
  const year = century * 100 + rest
  if (century > 99 || rest > 99 || year === 0 || month < 1 || month > 12 || day < 1) return NaN
  return day <= 28 || day <= daysInMonth(year, month) ? daysFromCivil(year, month, day) : NaN
}

export const decodeDate = (buffer: Uint8Array, start: number, end: number): Value => {
  const days = end - start === 10 ? civilDays(buffer, start) : NaN
  return days === days ? days : parseValue(decodeText(buffer, start, end), "date")
}

/** Microseconds of `HH:MM:SS` at `at`, or NaN. */
const clockMicros = (buffer: Uint8Array, at: number): number => {
  if (buffer[at + 2] !== COLON || buffer[at + 5] !== COLON) return NaN
  const hour = twoDigits(buffer, at)
  const minute = twoDigits(buffer, at + 3)
  const second = twoDigits(buffer, at + 6)
  return hour > 23 || minute > 59 || second > 59 ? NaN : (hour * 3600 + minute * 60 + second) * 1_000_000
}

export const decodeTimestamp = (buffer: Uint8Array, start: number, end: number): Value =>
  quickTimestamp(buffer, start, end, false) ?? parseValue(decodeText(buffer, start, end), "timestamp")

export const decodeTimestamptz = (buffer: Uint8Array, start: number, end: number): Value =>
  quickTimestamp(buffer, start, end, true) ?? parseValue(decodeText(buffer, start, end), "timestamptz")

/** `YYYY-MM-DD`, alone or with `HH:MM:SS`, up to six digits of a second and `Z` or an offset; undefined for every other spelling. */
const quickTimestamp = (buffer: Uint8Array, start: number, end: number, zoned: boolean): Value | undefined => {
  const length = end - start
  const days = length >= 10 ? civilDays(buffer, start) : NaN
  if (days !== days) return undefined
  if (length === 10) return microsOf(days, 0)
  const separator = buffer[start + 10]
  const clock = length >= 19 && (separator === 84 || separator === 32) ? clockMicros(buffer, start + 11) : NaN
  if (clock !== clock) return undefined
  let at = start + 19
  let fraction = 0
  if (buffer[at] === POINT && at < end) {
    let unit = 100_000
    for (at++; at < end; at++) {
      const digit = buffer[at]! - ZERO
      if (digit < 0 || digit > 9) break
      fraction += digit * unit
      unit /= 10
    }
    // No digit at all, or a seventh, which would have to be rounded.
    if (unit === 100_000 || unit < 0.1) return undefined
  }
  const offset = at === end ? 0 : zoneOffset(buffer, at, end)
  return offset === offset ? microsOf(days, clock + fraction - (zoned ? offset : 0)) : undefined
}

/**
 * The text in the form in which rows show a date or time (ISO 8601, UTC, no more digits than needed), where it is in this form, or as
 * PostgreSQL writes it in UTC; undefined where there is more to change.
 */
export const isoText = (buffer: Uint8Array, start: number, end: number, type: "date" | "timestamp" | "timestamptz"): string | undefined => {
  if (type === "date") {
    const days = end - start === 10 ? civilDays(buffer, start) : NaN
    return days === days ? decodeText(buffer, start, end) : undefined
  }
  const zoned = type === "timestamptz"
  const separator = buffer[start + 10]
  const zone = !zoned ? end : buffer[end - 1] === 90 ? end - 1 : isUtcOffset(buffer, end - 3) ? end - 3 : -1
  if ((separator !== 84 && separator !== 32) || zone < start + 19) return undefined
  if (zone !== start + 19 && !isShortFraction(buffer, start + 19, zone)) return undefined
  if (quickTimestamp(buffer, start, zone, false) === undefined) return undefined
  return separator === 84 && zone >= end - 1 ? decodeText(buffer, start, end) : withSigns(buffer, start, zone, zoned)
}

const isUtcOffset = (buffer: Uint8Array, at: number): boolean => buffer[at] === 43 && buffer[at + 1] === ZERO && buffer[at + 2] === ZERO

/** The longest time, with its signs. */
const signed = new Uint8Array(27)

/** The text up to `end` with the `T` and the `Z` of ISO 8601. */
const withSigns = (buffer: Uint8Array, start: number, end: number, zoned: boolean): string => {
  const length = end - start
  for (let i = 0; i < length; i++) signed[i] = buffer[start + i]!
  signed[10] = 84
  if (zoned) signed[length] = 90
  return decodeText(signed, 0, zoned ? length + 1 : length)
}

/** A point with one to six digits behind it, the last of which is no zero. */
const isShortFraction = (buffer: Uint8Array, from: number, to: number): boolean => {
  if (to - from < 2 || to - from > 7 || buffer[from] !== POINT || buffer[to - 1] === ZERO) return false
  for (let at = from + 1; at < to; at++) if (buffer[at]! < ZERO || buffer[at]! > ZERO + 9) return false
  return true
}

/** Microseconds of `Z`, `+HH` or `+HH:MM`, or NaN. */
const zoneOffset = (buffer: Uint8Array, at: number, end: number): number => {
  const sign = buffer[at]
  if (sign === 90 && at + 1 === end) return 0
  if (sign !== 43 && sign !== MINUS) return NaN
  const hour = at + 3 <= end ? twoDigits(buffer, at + 1) : 1000
  const minute = at + 3 === end ? 0 : at + 6 === end && buffer[at + 3] === COLON ? twoDigits(buffer, at + 4) : 1000
  return hour > 15 || minute > 59 ? NaN : (sign === MINUS ? -1 : 1) * (hour * 60 + minute) * 60_000_000
}
