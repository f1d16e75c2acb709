/** Casts between types: which there are, and what they do. */
import { type ColumnType, isArrayType, scalarTypes } from "../../model/ColumnType.ts"
import { Decimal, negate, powerOfTen, type Whole, whole } from "../../model/Decimal.ts"
import { Interval } from "../../model/Interval.ts"
import { microsOf, splitMicros, MICROS_PER_DAY } from "../../model/Temporal.ts"
import { int64, parseValue, quoteValue, type Value, ValueError } from "../../model/Value.ts"
import { parseBytes } from "./bytes.ts"
import { isStampInRange, readDate, readTime, readTimestamp } from "./dateText.ts"
import { bounded, MAX_SCALE, rescale, roundDecimal } from "./decimals.ts"
import { roundDouble } from "./doubles.ts"
import { ExpressionError, shown } from "../ExpressionError.ts"
import { formatAs } from "./format.ts"
import { outOfRange } from "./integers.ts"
import { parseInterval } from "./intervalText.ts"

/** Readers of text that know more forms than the model, which reads files. */
const READERS: Partial<Record<ColumnType, (text: string) => Value | undefined>> = {
  boolean: (text) => readBoolean(text),
  integer: (text) => readInteger(text),
  decimal: (text) => readDecimal(text),
  double: (text) => readDouble(text),
  bytes: parseBytes,
  date: readDate,
  time: readTime,
  timestamp: (text) => readTimestamp(text, false),
  timestamptz: (text) => readTimestamp(text, true),
  interval: parseInterval,
  uuid: (text) => readUuid(text),
}

/** A dash may stand behind any four digits. */
const readUuid = (text: string): string | undefined => {
  const match = /^(?:\{(.*)\}|([^{]*))$/.exec(text)
  const inner = match?.[1] ?? match?.[2] ?? ""
  if (!/^(?:[0-9a-f]{4}-?){7}[0-9a-f]{4}$/i.test(inner)) return undefined
  return inner
    .replaceAll("-", "")
    .toLowerCase()
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")
}

/** The value of a scalar type that a text stands for; throws `ExpressionError` where it stands for none. */
export const readText = (text: string, type: ColumnType): Value => {
  const read = READERS[type]
  const value = read === undefined ? readByModel(text, type) : read(text)
  if (value === undefined) throw new ExpressionError("INVALID_CAST", `${quoteValue(text)} is no ${type}.`)
  return value
}

const readByModel = (text: string, type: ColumnType): Value | undefined => {
  try {
    return parseValue(text, type)
  } catch (error) {
    if (error instanceof ValueError) return undefined
    throw error
  }
}

const WORDS: ReadonlyArray<readonly [word: string, least: number, value: boolean]> = [
  ["true", 1, true],
  ["yes", 1, true],
  ["on", 2, true],
  ["1", 1, true],
  ["false", 1, false],
  ["no", 1, false],
  ["off", 2, false],
  ["0", 1, false],
]

/** Words may be cut short as far as they stay clear. */
const readBoolean = (text: string): boolean | undefined => {
  const word = text.trim().toLowerCase()
  return WORDS.find(([full, least]) => word.length >= least && full.startsWith(word))?.[2]
}

const OTHER_BASE = /^[+-]?0(x_?[0-9a-f]+(_[0-9a-f]+)*|o_?[0-7]+(_[0-7]+)*|b_?[01]+(_[01]+)*)$/i
const GROUPED = /^[+-]?\d+(_\d+)+$/

/** The plain form, `1_000`, `0x1F`, `0o17` and `0b1`. */
const readInteger = (text: string): Whole | undefined => {
  const digits = text.trim()
  if (/^[+-]?\d{1,15}$/.test(digits)) return Number(digits) + 0
  // PostgreSQL reads digit by digit, so it finds the overflow before whatever else is wrong.
  if (/^[+-]?[1-9]\d{19}/.test(digits)) throw outOfRange(shown(digits))
  if (!/^[+-]?\d+$/.test(digits) && !GROUPED.test(digits) && !OTHER_BASE.test(digits)) return undefined
  const magnitude = BigInt(digits.replace(/[_+-]/g, ""))
  const value = int64(digits.startsWith("-") ? -magnitude : magnitude)
  if (value === undefined) throw outOfRange(shown(digits))
  return value
}

const otherBase = (text: string): Decimal => {
  const magnitude = whole(BigInt(text.replace(/[_+-]/g, "")))
  return new Decimal(text.startsWith("-") ? negate(magnitude) : magnitude, 0)
}

/** A number as `numeric_in` of PostgreSQL reads it, as far as it goes: sign, digits with `_` between them, exponent. */
const NUMBER_START = /^([+-]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*))(?:e([+-]?\d+(?:_\d+)*))?/i

/** The exponent at which `numeric_in` stops to read and says that the value is out of range, whatever stands behind it. */
const LARGEST_READ_EXPONENT = 2 ** 30 - 1

const readDecimal = (text: string): Decimal | undefined => {
  const trimmed = text.trim()
  if (OTHER_BASE.test(trimmed)) return otherBase(trimmed)
  const [start, digits = "", power = "0"] = NUMBER_START.exec(trimmed) ?? []
  const exponent = Number(power.replaceAll("_", ""))
  if (Math.abs(exponent) > LARGEST_READ_EXPONENT) throw tooLarge(text)
  // The words for NaN and infinity, or no number at all.
  if (start !== trimmed) return Decimal.parse(trimmed)
  const isZero = !/[1-9]/.test(digits)
  const value = Decimal.parse(`${digits}e${isZero ? Math.min(exponent, MAX_SCALE) : exponent}`.replaceAll("_", ""))
  // Digits past the end of the scale are not rounded away when a text is read.
  if (value === undefined || value.scale > MAX_SCALE) throw tooLarge(text)
  return bounded(value)
}

const tooLarge = (text: string): ExpressionError =>
  new ExpressionError("NUMBER_OUT_OF_RANGE", `${quoteValue(text)} does not fit a decimal.`)

const readDouble = (text: string): number | undefined => {
  const trimmed = text.trim()
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed)) return specialDouble(trimmed.toLowerCase()) ?? hexDouble(trimmed)
  const value = Number(trimmed)
  const isLost = !Number.isFinite(value) || (value === 0 && /[1-9]/.test(trimmed.replace(/e.*/i, "")))
  if (isLost) throw new ExpressionError("NUMBER_OUT_OF_RANGE", `${quoteValue(text)} does not fit a double.`)
  return value
}

const HEX_DOUBLE = /^([+-]?)0x([0-9a-f]+)(?:\.([0-9a-f]*))?(?:p([+-]?\d{1,5}))?$/i

/** `0x1F.8p3`, as C reads it. */
const hexDouble = (text: string): number | undefined => {
  const match = HEX_DOUBLE.exec(text)
  if (match === null) return undefined
  const [, sign, integer, fraction = "", power = "0"] = match
  const value = Number(BigInt(`0x${integer!}${fraction}`)) * 2 ** (Number(power) - 4 * fraction.length)
  if (!Number.isFinite(value)) throw new ExpressionError("NUMBER_OUT_OF_RANGE", `${quoteValue(text)} does not fit a double.`)
  return sign === "-" ? -value : value
}

const specialDouble = (text: string): number | undefined => {
  if (text === "nan") return Number.NaN
  const match = /^([+-]?)inf(inity)?$/.exec(text)
  return match === null ? undefined : match[1] === "-" ? -Infinity : Infinity
}

const integerToDecimal = (value: Whole): Decimal => new Decimal(value, 0)
const integerToDouble = (value: Whole): number => Number(value)
const integerToBoolean = (value: Whole): boolean => value !== 0

const decimalToInteger = (value: Decimal): Whole => {
  const rounded = value.isFinite ? rescale(value, 0).coefficient : undefined
  const integer = typeof rounded === "bigint" ? int64(rounded) : rounded
  if (integer === undefined) throw outOfRange(shown(value))
  return integer
}

const decimalToDouble = (value: Decimal): number => {
  const number = value.toNumber()
  const isLost = !Number.isFinite(number) || (number === 0 && value.coefficient !== 0)
  if (value.isFinite && isLost)
    throw new ExpressionError("NUMBER_OUT_OF_RANGE", `${shown(value)} is too ${number === 0 ? "near to zero" : "large"} for a double.`)
  return number
}

const doubleToInteger = (value: number): Whole => {
  const rounded = roundDouble(value)
  const integer = Number.isFinite(rounded) ? int64(BigInt(rounded)) : undefined
  if (integer === undefined) throw outOfRange(shown(value))
  return integer
}

/** PostgreSQL takes 15 significant digits of a double. */
const doubleToDecimal = (value: number): Decimal =>
  Number.isFinite(value) ? shortened(Decimal.parse(fifteenDigits(value))!) : new Decimal(value, 0)

/** As many as JavaScript writes. */
const EXACT_DIGITS = 100

/** A value that lies exactly between goes to the even digit, as C has it; JavaScript goes away from zero. */
const fifteenDigits = (value: number): string => {
  const rounded = value.toExponential(14)
  if (!/5e/.test(value.toExponential(15))) return rounded
  const [mantissa, exponent] = rounded.split("e") as [string, string]
  const place = Number(exponent) - 14
  const unit = place >= 0 ? new Decimal(powerOfTen(place), 0) : new Decimal(1, -place)
  const nearest = Decimal.parse(rounded)!
  const error = Decimal.add(Decimal.parse(value.toExponential(EXACT_DIGITS))!, Decimal.negate(nearest))
  const isTie = Decimal.compare(Decimal.multiply(error.coefficient < 0 ? Decimal.negate(error) : error, new Decimal(2, 0)), unit) === 0
  if (!isTie || Number(mantissa.at(-1)) % 2 === 0) return rounded
  return Decimal.add(nearest, value < 0 ? unit : Decimal.negate(unit)).toString()
}

// `%.15g` writes no zeros at the end.
const shortened = (value: Decimal): Decimal => {
  const text = value.toString()
  return text.includes(".") ? Decimal.parse(text.replace(/\.?0+$/, ""))! : value
}

const booleanToInteger = (value: boolean): Whole => (value ? 1 : 0)

const dateToTimestamp = (days: number): Whole => {
  if (!Number.isFinite(days)) return days
  const micros = microsOf(days, 0)
  if (!isStampInRange(micros)) throw new ExpressionError("NUMBER_OUT_OF_RANGE", "The date is out of the range of timestamps.")
  return micros
}

const timestampToDate = (micros: Whole): number => (micros === Infinity || micros === -Infinity ? micros : splitMicros(micros).days)

const timestampToTime = (micros: Whole): number | null =>
  micros === Infinity || micros === -Infinity ? null : splitMicros(micros).microsOfDay

const timeToInterval = (micros: number): Interval => new Interval(0, 0, micros)

const intervalToTime = (interval: Interval): number => {
  if (!interval.isFinite) throw new ExpressionError("NUMBER_OUT_OF_RANGE", "An infinite interval has no time of day.")
  const rest = interval.micros % MICROS_PER_DAY
  return rest < 0 ? rest + MICROS_PER_DAY : rest + 0
}

/** `numeric(p, s)`: rounded to the scale, and no more than p digits. */
const withPrecision = (value: Decimal, precision: Whole, scale: Whole): Decimal => {
  if (!value.isFinite) {
    if (value.coefficient === value.coefficient)
      throw new ExpressionError("NUMBER_OUT_OF_RANGE", `${shown(value)} does not fit numeric(${String(precision)}, ${String(scale)}).`)
    return value
  }
  // With a negative scale, digits before the point are rounded away too.
  const rounded = roundDecimal(value, scale)
  const digits = Number(precision) - Number(scale)
  const limit = digits < 0 ? new Decimal(1, -digits) : new Decimal(powerOfTen(digits), 0)
  const magnitude = rounded.coefficient < 0 ? Decimal.negate(rounded) : rounded
  if (Decimal.compare(magnitude, limit) >= 0) {
    throw new ExpressionError("NUMBER_OUT_OF_RANGE", `${shown(value)} does not fit numeric(${String(precision)}, ${String(scale)}).`)
  }
  return rounded
}

const asSmallint = (value: Whole): Whole => {
  if (value < -32_768 || value > 32_767) throw new ExpressionError("NUMBER_OUT_OF_RANGE", `${shown(value)} does not fit a smallint.`)
  return value
}

const same = (value: Value): Value => value

/** Casts that are not to or from text. */
const CASTS: Partial<Record<ColumnType, Partial<Record<ColumnType, string>>>> = {
  integer: { decimal: "integerToDecimal", double: "integerToDouble", boolean: "integerToBoolean" },
  decimal: { integer: "decimalToInteger", double: "decimalToDouble" },
  double: { integer: "doubleToInteger", decimal: "doubleToDecimal" },
  boolean: { integer: "booleanToInteger" },
  date: { timestamp: "dateToTimestamp", timestamptz: "dateToTimestamp" },
  timestamp: { date: "timestampToDate", time: "timestampToTime", timestamptz: "same" },
  timestamptz: { date: "timestampToDate", time: "timestampToTime", timestamp: "same" },
  time: { interval: "timeToInterval" },
  interval: { time: "intervalToTime" },
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** The function of `runtime` that casts, or undefined where there is no such cast. */
export const castName = (from: ColumnType, to: ColumnType): string | undefined => {
  if (from === "string") return isArrayType(to) ? "textToArray" : `textTo${capital(to)}`
  if (to === "string") return isArrayType(from) ? "arrayToText" : `${from}ToText`
  return CASTS[from]?.[to]
}

const textCasts = (): Record<string, (value: never) => Value> => {
  const casts: Record<string, (value: never) => Value> = {}
  for (const type of scalarTypes) {
    if (type === "string") continue
    casts[`textTo${capital(type)}`] = (text: string) => readText(text, type)
    casts[`${type}ToText`] = (value: Value) => formatAs(value, type)
  }
  return casts
}

export const castRuntime = {
  ...textCasts(),
  integerToDecimal,
  integerToDouble,
  integerToBoolean,
  decimalToInteger,
  decimalToDouble,
  doubleToInteger,
  doubleToDecimal,
  booleanToInteger,
  dateToTimestamp,
  timestampToDate,
  timestampToTime,
  timeToInterval,
  intervalToTime,
  withPrecision,
  asSmallint,
  same,
}
