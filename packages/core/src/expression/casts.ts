/** Casts between types: which there are, and what they do. */
import { type ColumnType, isArrayType, scalarTypes } from "../model/ColumnType.ts"
import { Decimal, type Whole } from "../model/Decimal.ts"
import { Interval } from "../model/Interval.ts"
import { microsOf, splitMicros, MICROS_PER_DAY } from "../model/Temporal.ts"
import { int64, parseValue, quoteValue, type Value, ValueError } from "../model/Value.ts"
import { roundDouble } from "./doubles.ts"
import { ExpressionError } from "./ExpressionError.ts"
import { formatAs } from "./format.ts"
import { outOfRange } from "./integers.ts"

/** The value that a text stands for; throws `ExpressionError` where it stands for none. */
export const readText = (text: string, type: ColumnType): Value => {
  try {
    return parseValue(text, type)
  } catch (error) {
    if (error instanceof ValueError) throw new ExpressionError("INVALID_CAST", `${quoteValue(text)} is no ${type}.`)
    throw error
  }
}

const integerToDecimal = (value: Whole): Decimal => new Decimal(value, 0)
const integerToDouble = (value: Whole): number => Number(value)
const integerToBoolean = (value: Whole): boolean => value !== 0

const decimalToInteger = (value: Decimal): Whole => {
  const rounded = value.isFinite ? value.withScale(0).coefficient : undefined
  const integer = typeof rounded === "bigint" ? int64(rounded) : rounded
  if (integer === undefined) throw outOfRange(String(value))
  return integer
}

const decimalToDouble = (value: Decimal): number => {
  const number = value.toNumber()
  if (value.isFinite && !Number.isFinite(number)) throw new ExpressionError("NUMBER_OUT_OF_RANGE", `${value} is too large for a double.`)
  return number
}

const doubleToInteger = (value: number): Whole => {
  const rounded = roundDouble(value)
  const integer = Number.isFinite(rounded) ? int64(BigInt(rounded)) : undefined
  if (integer === undefined) throw outOfRange(String(value))
  return integer
}

/** PostgreSQL takes 15 significant digits of a double. */
const doubleToDecimal = (value: number): Decimal =>
  Number.isFinite(value) ? shortened(Decimal.parse(value.toPrecision(15))!) : new Decimal(value, 0)

// `%.15g` writes no zeros at the end.
const shortened = (value: Decimal): Decimal => {
  const text = value.toString()
  return text.includes(".") ? Decimal.parse(text.replace(/\.?0+$/, ""))! : value
}

const booleanToInteger = (value: boolean): Whole => (value ? 1 : 0)

const dateToTimestamp = (days: number): Whole => (Number.isFinite(days) ? microsOf(days, 0) : days)
const timestampToDate = (micros: Whole): number => (micros === Infinity || micros === -Infinity ? (micros as number) : splitMicros(micros).days)

const timestampToTime = (micros: Whole): number | null =>
  micros === Infinity || micros === -Infinity ? null : splitMicros(micros).microsOfDay

const timeToInterval = (micros: number): Interval => new Interval(0, 0, micros)

const intervalToTime = (interval: Interval): number => {
  const rest = interval.micros % MICROS_PER_DAY
  return rest < 0 ? rest + MICROS_PER_DAY : rest + 0
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
  same,
}
