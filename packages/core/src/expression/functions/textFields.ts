/**
 * What generated code asks of a field's bytes without decoding it. Each function knows the one spelling that files are full of and says so
 * where a field is spelled otherwise; the code then decodes the field, as it would have done at first.
 */
import { daysInMonth } from "../../model/Temporal.ts"
import { wholeDecimal } from "./dateParts.ts"

/** Digits that a double holds exactly, whatever they are. */
const EXACT_DIGITS = 15

const POWERS: ReadonlyArray<number> = Array.from({ length: EXACT_DIGITS + 1 }, (_, i) => 10 ** i)

const ZERO = 48
const MINUS = 45
const POINT = 46

/** What the comparisons give where the field is no plain number. */
const UNKNOWN = 2

export const sameBytes = (buffer: Uint8Array, start: number, bytes: Uint8Array): boolean => {
  for (let i = 0; i < bytes.length; i++) if (buffer[start + i] !== bytes[i]) return false
  return true
}

/** Compares the digits with `coefficient` · 10^-`scale`. The field may have a point where `pointed`. */
const compareNumber = (buffer: Uint8Array, start: number, end: number, coefficient: number, scale: number, pointed: boolean): number => {
  const isNegative = buffer[start] === MINUS
  const first = isNegative ? start + 1 : start
  if (end - first > EXACT_DIGITS || end <= first) return UNKNOWN
  let value = 0
  let fraction = -1
  for (let at = first; at < end; at++) {
    const digit = buffer[at]! - ZERO
    if (digit >= 0 && digit <= 9) {
      value = value * 10 + digit
      if (fraction >= 0) fraction++
    } else if (pointed && digit === POINT - ZERO && fraction < 0 && at > first) fraction = 0
    else return UNKNOWN
  }
  // A point at the end is read by nobody here.
  if (fraction === 0) return UNKNOWN
  const places = fraction < 0 ? 0 : fraction
  let left = isNegative ? -value : value
  let right = coefficient
  if (places < scale) {
    if (end - first + scale - places > EXACT_DIGITS) return UNKNOWN
    left *= POWERS[scale - places]!
  } else if (places > scale) {
    if (places - scale > EXACT_DIGITS) return UNKNOWN
    right *= POWERS[places - scale]!
    if (right > Number.MAX_SAFE_INTEGER || right < -Number.MAX_SAFE_INTEGER) return UNKNOWN
  }
  return left < right ? -1 : left > right ? 1 : 0
}

/** -1, 0, 1, or 2 where the field is no plain decimal. */
export const compareDecimalField = (buffer: Uint8Array, start: number, end: number, coefficient: number, scale: number): number =>
  compareNumber(buffer, start, end, coefficient, scale, true)

export const compareIntegerField = (buffer: Uint8Array, start: number, end: number, coefficient: number, scale: number): number =>
  compareNumber(buffer, start, end, coefficient, scale, false)

/** Digits with the point left out, and how many stood behind it in `places`; NaN where the field is no plain decimal. */
const readNumber = (buffer: Uint8Array, start: number, end: number): number => {
  const isNegative = buffer[start] === MINUS
  const first = isNegative ? start + 1 : start
  if (end - first > EXACT_DIGITS || end <= first) return Number.NaN
  let value = 0
  let point = -1
  for (let at = first; at < end; at++) {
    const digit = buffer[at]! - ZERO
    if (digit >= 0 && digit <= 9) value = value * 10 + digit
    else if (digit === POINT - ZERO && point < 0 && at > first && at < end - 1) point = at
    else return Number.NaN
  }
  places = point < 0 ? 0 : end - point - 1
  return isNegative ? -value : value
}

/** The second result of `readNumber`, which is read right after the call: an object per field would cost more than the reading. */
let places = 0

export const compareDoubleField = (buffer: Uint8Array, start: number, end: number, constant: number): number => {
  const digits = readNumber(buffer, start, end)
  if (digits !== digits) return UNKNOWN
  const value = digits / POWERS[places]!
  return value < constant ? -1 : value > constant ? 1 : 0
}

/** The field times `coefficient` · 10^-`scale`, rounded to a whole number half away from zero; NaN where that is not plain. */
export const multipliedField = (buffer: Uint8Array, start: number, end: number, coefficient: number, scale: number): number => {
  const digits = readNumber(buffer, start, end)
  const product = digits * coefficient
  const shift = places + scale
  if (!(product <= Number.MAX_SAFE_INTEGER && product >= -Number.MAX_SAFE_INTEGER) || shift > EXACT_DIGITS) return Number.NaN
  if (shift === 0) return product + 0
  const unit = POWERS[shift]!
  const whole = Math.trunc(product / unit)
  const rest = Math.abs(product - whole * unit)
  return (rest * 2 >= unit ? whole + (product < 0 ? -1 : 1) : whole) + 0
}

const twoDigits = (buffer: Uint8Array, at: number): number => {
  const tens = buffer[at]! - ZERO
  const ones = buffer[at + 1]! - ZERO
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : 1000
}

/** Year, month or day of a date or timestamp in plain ISO 8601, `part` 0, 1 or 2; -1 where it is spelled otherwise, or does not exist. */
export const isoField = (buffer: Uint8Array, start: number, end: number, part: number, longest: number): number => {
  if (end - start < 10 || end - start > longest || buffer[start + 4] !== MINUS || buffer[start + 7] !== MINUS) return -1
  const century = twoDigits(buffer, start)
  const rest = twoDigits(buffer, start + 2)
  const month = twoDigits(buffer, start + 5)
  const day = twoDigits(buffer, start + 8)
  const year = century * 100 + rest
  if (century > 99 || rest > 99 || year === 0 || month < 1 || month > 12 || day < 1) return -1
  if (day > 28 && day > daysInMonth(year, month)) return -1
  if (end - start > 10 && !isPlainClock(buffer, start + 10, end)) return -1
  return part === 0 ? year : part === 1 ? month : day
}

/** `T04:05:06`, with a blank for the T, up to six digits of a second, and a Z: all that cannot move the day. */
const isPlainClock = (buffer: Uint8Array, start: number, end: number): boolean => {
  const last = buffer[end - 1] === 90 ? end - 1 : end
  if (last - start < 9 || (buffer[start] !== 84 && buffer[start] !== 32) || buffer[start + 3] !== 58 || buffer[start + 6] !== 58)
    return false
  if (twoDigits(buffer, start + 1) > 23 || twoDigits(buffer, start + 4) > 59 || twoDigits(buffer, start + 7) > 59) return false
  if (last === start + 9) return true
  if (buffer[start + 9] !== POINT || last - start > 16 || last - start < 11) return false
  for (let at = start + 10; at < last; at++) if (buffer[at]! < 48 || buffer[at]! > 57) return false
  return true
}

export const textFieldRuntime = {
  sameBytes,
  compareDecimalField,
  compareIntegerField,
  compareDoubleField,
  multipliedField,
  isoField,
  wholeDecimal,
}
