/** Arithmetic on dates, times and intervals. */
import { addWhole, Decimal, negate, type Whole, whole } from "../../model/Decimal.ts"
import { Interval } from "../../model/Interval.ts"
import { civilFromDays, daysFromCivil, daysInMonth, microsOf, MICROS_PER_DAY, roundEven, splitMicros } from "../../model/Temporal.ts"
import { endlessInterval } from "./intervalText.ts"
import { int64 } from "../../model/Value.ts"
import { isDateInRange, isStampInRange } from "./dateText.ts"
import { ExpressionError, shown } from "../ExpressionError.ts"
import { formatAs } from "./format.ts"
import { divisionByZero } from "./integers.ts"
import { fn, op, type Signature } from "./signatures.ts"
import { fromLocal, toLocal, type Zone, zoneNamed } from "./zones.ts"

const PG_EPOCH = daysFromCivil(2000, 1, 1)

const outOfRange = (what: string): ExpressionError => new ExpressionError("NUMBER_OUT_OF_RANGE", `${what} is out of range.`)

export const isInfinite = (value: Whole): boolean => value === Infinity || value === -Infinity

export const checkedDate = (days: number): number => {
  if (!isDateInRange(days)) throw outOfRange("The date")
  return days
}

export const checkedStamp = (micros: Whole): Whole => {
  if (!isStampInRange(micros)) throw outOfRange("The timestamp")
  return micros
}

export const interval = (months: number, days: number, micros: Whole): Interval => {
  const fits = Math.abs(months) < 2 ** 31 && Math.abs(days) < 2 ** 31 && typeof micros === "number" && Number.isSafeInteger(micros)
  if (!fits) throw outOfRange("The interval")
  return new Interval(months + 0, days + 0, micros + 0)
}

const addDays = (date: number, days: Whole): number => {
  const moved = date + Number(days)
  // Dates that are far from the first and the last one need no further look.
  if (moved > -MANY_DAYS && moved < MANY_DAYS) return moved
  return Number.isFinite(date) ? checkedDate(moved) : date
}

const MANY_DAYS = 2_000_000
const subtractDays = (date: number, days: Whole): number => addDays(date, -Number(days))

const subtractDates = (a: number, b: number): number => {
  const days = a - b
  if (!Number.isFinite(days)) throw outOfRange(`${formatAs(a, "date")} - ${formatAs(b, "date")}`)
  return days
}

const dateAtTime = (date: number, time: number): Whole => (Number.isFinite(date) ? checkedStamp(microsOf(date, time)) : date)

/** Months first (the day is kept within the month), then days, then the clock. */
export const addInterval = (stamp: Whole, span: Interval): Whole =>
  (span.months === 0 && typeof stamp === "number" ? addSafely(stamp, span) : undefined) ?? addSteps(stamp, span)

/** The sum where every step stays safe, and with it in range; undefined otherwise, and where something is infinite. */
const addSafely = (stamp: number, { days, micros }: Interval): number | undefined => {
  const moved = stamp + days * MICROS_PER_DAY
  const sum = moved + micros
  return isSafe(moved) && isSafe(sum) ? sum : undefined
}

/** Of whole numbers; quicker than to ask whether they are whole. */
const isSafe = (value: number): boolean => value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER

/** `addInterval` of a span that is nothing but so many microseconds, days among them. */
const addMicros = (stamp: Whole, micros: number, span: Interval): Whole => {
  if (typeof stamp === "number") {
    const sum = stamp + micros
    if (isSafe(sum)) return sum
  }
  return addSteps(stamp, span)
}

/**
 * What a span adds where its days and its clock time go the same way, so that no step goes further than the sum; undefined for any other.
 */
export const microsOfSpan = ({ months, days, micros, isFinite }: Interval): number | undefined => {
  const sum = days * MICROS_PER_DAY + micros
  return isFinite && months === 0 && days * micros >= 0 && isSafe(sum) ? sum : undefined
}

const addSteps = (stamp: Whole, span: Interval): Whole => {
  if (!span.isFinite) {
    if (isInfinite(stamp) && stamp !== span.micros) throw outOfRange("The timestamp")
    return span.micros
  }
  if (isInfinite(stamp)) return stamp
  const { days, microsOfDay } = splitMicros(stamp)
  // Each step has to stay in range, whatever the next would make of it.
  let moved = days
  if (span.months !== 0) checkedStamp(microsOf((moved = addMonths(moved, span.months)), microsOfDay))
  if (span.days !== 0) checkedStamp(microsOf((moved += span.days), microsOfDay))
  return checkedStamp(addWhole(microsOf(moved, microsOfDay), span.micros))
}

const addMonths = (days: number, months: number): number => {
  const { year, month, day } = civilFromDays(days)
  const total = year * 12 + (month - 1) + months
  const newYear = Math.floor(total / 12)
  const newMonth = total - newYear * 12 + 1
  return daysFromCivil(newYear, newMonth, Math.min(day, daysInMonth(newYear, newMonth)))
}

const negateInterval = (span: Interval): Interval =>
  span.isFinite ? interval(-span.months, -span.days, -span.micros) : endlessInterval(-span.months)

const subtractInterval = (stamp: Whole, span: Interval): Whole => addInterval(stamp, negateInterval(span))

const stampOf = (date: number): Whole => (Number.isFinite(date) ? checkedStamp(microsOf(date, 0)) : date)
const addIntervalToDate = (date: number, span: Interval): Whole => addInterval(stampOf(date), span)
const subtractIntervalFromDate = (date: number, span: Interval): Whole => subtractInterval(stampOf(date), span)

/** The difference of two moments of which one at least is infinite. */
export const endlessBetween = (a: Whole, b: Whole): Interval => {
  if (a === b) throw outOfRange("The difference of two infinite timestamps")
  return endlessInterval(isInfinite(a) ? Number(a) : -Number(b))
}

/** Days and clock time; never months, whose length differs. */
const subtractStamps = (a: Whole, b: Whole): Interval => {
  if (isInfinite(a) || isInfinite(b)) return endlessBetween(a, b)
  const micros = addWhole(a, negate(b))
  if (typeof micros === "bigint" && int64(micros) === undefined) throw outOfRange("The interval")
  const days = typeof micros === "number" ? Math.trunc(micros / MICROS_PER_DAY) : Number(micros / BigInt(MICROS_PER_DAY))
  return interval(0, days, addWhole(micros, negate(microsOf(days, 0))))
}

const withinDay = (micros: number): number => {
  const rest = micros % MICROS_PER_DAY
  return rest < 0 ? rest + MICROS_PER_DAY : rest + 0
}

const finiteMicros = (span: Interval): number => {
  if (!span.isFinite) throw outOfRange("A time of day with an infinite interval")
  return span.micros % MICROS_PER_DAY
}

const addIntervalToTime = (time: number, span: Interval): number => withinDay(time + finiteMicros(span))
const subtractIntervalFromTime = (time: number, span: Interval): number => withinDay(time - finiteMicros(span))
const subtractTimes = (a: number, b: number): Interval => interval(0, 0, a - b)

const addIntervals = (a: Interval, b: Interval): Interval => {
  if (!a.isFinite || !b.isFinite) return endlessSum(a, b)
  return interval(a.months + b.months, a.days + b.days, addWhole(a.micros, b.micros))
}

const subtractIntervals = (a: Interval, b: Interval): Interval => {
  if (!a.isFinite || !b.isFinite) return endlessSum(a, b.isFinite ? b : endlessInterval(-b.months))
  return interval(a.months - b.months, a.days - b.days, addWhole(a.micros, negate(b.micros)))
}

const endlessSum = (a: Interval, b: Interval): Interval => {
  if (!a.isFinite && !b.isFinite && a.months !== b.months) throw outOfRange("The interval")
  return a.isFinite ? b : a
}

const sixDigits = (value: number): number => roundEven(value * 1_000_000) / 1_000_000

/** What is left of months becomes days of 24 hours, 30 to the month; what is left of days becomes time. */
const scaleInterval = ({ months, days, micros }: Interval, scaled: (value: number) => number): Interval => {
  const wholeMonths = Math.trunc(scaled(months))
  const wholeDays = Math.trunc(scaled(days))
  const restDays = sixDigits((scaled(months) - wholeMonths) * 30)
  let seconds = sixDigits((scaled(days) - wholeDays + restDays - Math.trunc(restDays)) * 86_400)
  let carried = Math.trunc(restDays)
  if (Math.abs(seconds) >= 86_400) {
    carried += Math.trunc(seconds / 86_400)
    seconds -= Math.trunc(seconds / 86_400) * 86_400
  }
  return interval(wholeMonths, wholeDays + carried, roundEven(scaled(micros) + seconds * 1_000_000))
}

const multiplyInterval = (span: Interval, factor: number): Interval => {
  const direction = Number.isFinite(factor) && span.isFinite ? undefined : factor * signOf(span)
  if (direction === undefined) return scaleInterval(span, (value) => value * factor)
  // One of them is zero and the other infinite.
  if (direction === 0 || Number.isNaN(direction)) throw outOfRange(`${shown(span)} * ${factor}`)
  return endlessInterval(direction)
}

/** -1, 0 or 1, as the interval compares with none; infinite where it is. */
const signOf = (span: Interval): number => (span.isFinite ? Interval.compare(span, NO_TIME) : span.months)

const NO_TIME = new Interval(0, 0, 0)

const multiplyByInterval = (factor: number, span: Interval): Interval => multiplyInterval(span, factor)

const divideInterval = (span: Interval, divisor: number): Interval => {
  if (divisor === 0) throw divisionByZero(span, "/")
  if (Number.isNaN(divisor) || (!span.isFinite && !Number.isFinite(divisor))) throw outOfRange(`${shown(span)} / ${divisor}`)
  if (!span.isFinite) return endlessInterval(span.months * divisor)
  return scaleInterval(span, (value) => value / divisor)
}

/** A clock time without zone, read in the zone, or the clock time in the zone at a moment. */
const atZone = (zone: Zone, local: Whole): Whole => (isInfinite(local) ? local : checkedStamp(fromLocal(local, zone)))
const inZone = (zone: Zone, moment: Whole): Whole => (isInfinite(moment) ? moment : checkedStamp(toLocal(moment, zone)))

const offsetOf = ({ months, days, micros, isFinite }: Interval): number => {
  if (!isFinite) throw new ExpressionError("INVALID_ARGUMENT", "An interval that is a time zone must be finite.")
  if (months !== 0 || days !== 0)
    throw new ExpressionError("INVALID_ARGUMENT", "An interval that is a time zone cannot hold months or days.")
  return micros
}

const atOffset = (offset: Interval, local: Whole): Whole => (isInfinite(local) ? local : checkedStamp(addWhole(local, -offsetOf(offset))))
const inOffset = (offset: Interval, moment: Whole): Whole =>
  isInfinite(moment) ? moment : checkedStamp(addWhole(moment, offsetOf(offset)))

const invalidField = (what: string): ExpressionError =>
  new ExpressionError("NUMBER_OUT_OF_RANGE", `${what} is no date or time that exists.`)

const makeDate = (year: Whole, month: Whole, day: Whole): number => {
  const [y, m, d] = [Number(year), Number(month), Number(day)]
  // There is no year 0: -1 is 1 BC.
  const civil = y < 0 ? y + 1 : y
  if (y === 0 || m < 1 || m > 12 || d < 1 || Math.abs(y) > 6_000_000 || d > daysInMonth(civil, m))
    throw invalidField(`${year}-${month}-${day}`)
  return checkedDate(daysFromCivil(civil, m, d))
}

const makeTime = (hour: Whole, minute: Whole, second: number): number => {
  const [h, m] = [Number(hour), Number(minute)]
  const micros = (h * 60 + m) * 60_000_000 + roundEven(second * 1_000_000)
  const fits = h >= 0 && m >= 0 && m <= 59 && second >= 0 && second <= 60 && micros <= MICROS_PER_DAY
  if (!fits) throw invalidField(`${hour}:${minute}:${second}`)
  return micros
}

const makeTimestamp = (year: Whole, month: Whole, day: Whole, hour: Whole, minute: Whole, second: number): Whole =>
  checkedStamp(microsOf(makeDate(year, month, day), makeTime(hour, minute, second)))

/** Seconds since 1970, as a moment. */
const fromEpoch = (seconds: number): Whole => {
  if (seconds === Infinity || seconds === -Infinity) return seconds
  if (Number.isNaN(seconds)) throw outOfRange("The timestamp NaN")
  if (!isDateInRange(Math.floor(seconds / 86_400))) throw outOfRange("The timestamp")
  // PostgreSQL rounds what it has counted from 2000.
  const micros = roundEven((seconds - PG_EPOCH * 86_400) * 1_000_000)
  return checkedStamp(addWhole(whole(BigInt(micros)), microsOf(PG_EPOCH, 0)))
}

const justifyHours = (span: Interval): Interval => {
  const { months, days, micros } = span
  if (!span.isFinite) return span
  const carried = Math.trunc(micros / MICROS_PER_DAY)
  return interval(months, ...sameSign(days + carried, micros - carried * MICROS_PER_DAY, MICROS_PER_DAY))
}

const justifyDays = (span: Interval): Interval => {
  const { months, days, micros } = span
  if (!span.isFinite) return span
  const carried = Math.trunc(days / DAYS_PER_MONTH)
  return interval(...sameSign(months + carried, days - carried * DAYS_PER_MONTH, DAYS_PER_MONTH), micros)
}

const DAYS_PER_MONTH = 30

/** A larger and a smaller part with one sign: of the smaller one `unit` is worth one of the larger. */
const sameSign = (large: number, small: number, unit: number): [number, number] => {
  if (large > 0 && small < 0) return [large - 1, small + unit]
  return large < 0 && small > 0 ? [large + 1, small - unit] : [large, small]
}

/** Time becomes days and days months as far as they reach; then all have one sign. */
const justifyInterval = (span: Interval): Interval => {
  if (!span.isFinite) return span
  let { months, days, micros } = span
  // Whole months of days first, so that the days do not overflow.
  if ((days > 0 && micros > 0) || (days < 0 && micros < 0)) {
    months += Math.trunc(days / DAYS_PER_MONTH)
    days %= DAYS_PER_MONTH
  }
  days += Math.trunc(micros / MICROS_PER_DAY)
  micros %= MICROS_PER_DAY
  months += Math.trunc(days / DAYS_PER_MONTH)
  days %= DAYS_PER_MONTH
  if (months > 0 && (days < 0 || (days === 0 && micros < 0))) [months, days] = [months - 1, days + DAYS_PER_MONTH]
  else if (months < 0 && (days > 0 || (days === 0 && micros > 0))) [months, days] = [months + 1, days - DAYS_PER_MONTH]
  return interval(months, ...sameSign(days, micros, MICROS_PER_DAY))
}

const isFiniteInterval = (span: Interval): boolean => span.isFinite
const isFiniteDate = (value: Whole): boolean => !isInfinite(value)

/** Rounds half away from the start of 2000, from which PostgreSQL counts. */
const timestampAt = (stamp: Whole, precision: Whole): Whole => {
  if (isInfinite(stamp)) return stamp
  const epoch = microsOf(PG_EPOCH, 0)
  const sinceEpoch = new Decimal(addWhole(stamp, negate(epoch)), 6)
  return addWhole(sinceEpoch.withScale(Number(precision)).withScale(6).coefficient, epoch)
}

const timeAt = (time: number, precision: Whole): number => {
  const unit = 10 ** (6 - Number(precision))
  return Math.floor((time + unit / 2) / unit) * unit
}

const intervalAt = (span: Interval, precision: Whole): Interval => {
  const { months, days, micros } = span
  if (!span.isFinite) return span
  const unit = 10 ** (6 - Number(precision))
  return interval(months, days, Math.sign(micros) * Math.floor((Math.abs(micros) + unit / 2) / unit) * unit)
}

/** The bits by which PostgreSQL's parser names the fields of an interval. */
const FIELD = { month: 2, year: 4, day: 8, hour: 1024, minute: 2048 }

/** Keeps the fields that `INTERVAL '…' DAY` and the like name, and those above. */
const intervalFields = (span: Interval, mask: Whole): Interval => {
  const { months, days, micros } = span
  if (!span.isFinite) return span
  const down = (unit: number): number => Math.trunc(micros / unit) * unit
  switch (Number(mask)) {
    case FIELD.year:
      return interval(Math.trunc(months / 12) * 12, 0, 0)
    case FIELD.month:
    case FIELD.month + FIELD.year:
      return interval(months, 0, 0)
    case FIELD.day:
      return interval(months, days, 0)
    case FIELD.hour:
      return interval(months, days, down(3_600_000_000))
    case FIELD.minute:
    case FIELD.minute + FIELD.hour:
    case FIELD.minute + FIELD.hour + FIELD.day:
      return interval(months, days, down(60_000_000))
    default:
      return interval(months, days, micros)
  }
}

export const dateRuntime = {
  addDays,
  subtractDays,
  subtractDates,
  dateAtTime,
  addInterval,
  addMicros,
  subtractInterval,
  addIntervalToDate,
  subtractIntervalFromDate,
  subtractStamps,
  addIntervalToTime,
  subtractIntervalFromTime,
  subtractTimes,
  addIntervals,
  subtractIntervals,
  negateInterval,
  multiplyInterval,
  multiplyByInterval,
  divideInterval,
  zoneNamed,
  atZone,
  inZone,
  atOffset,
  inOffset,
  makeDate,
  makeTime,
  makeTimestamp,
  fromEpoch,
  justifyHours,
  justifyDays,
  justifyInterval,
  isFiniteDate,
  isFiniteInterval,
  timestampAt,
  timeAt,
  intervalAt,
  intervalFields,
}

const refuseZone = (constants: ReadonlyArray<unknown>): string | undefined => {
  try {
    if (typeof constants[0] === "string") zoneNamed(constants[0])
    return undefined
  } catch (error) {
    if (error instanceof ExpressionError) return error.message
    throw error
  }
}

const zoned = { prepare: { by: "zoneNamed", from: [0] }, refuse: refuseZone }

export const dateSignatures: ReadonlyArray<Signature> = [
  op("date + integer", "date", "addDays"),
  op("integer + date", "date", "addDays", { swapped: true }),
  op("date - integer", "date", "subtractDays"),
  op("date - date", "integer", "subtractDates"),
  op("date + time", "timestamp", "dateAtTime"),
  op("time + date", "timestamp", "dateAtTime", { swapped: true }),
  op("date + interval", "timestamp", "addIntervalToDate"),
  op("interval + date", "timestamp", "addIntervalToDate", { swapped: true }),
  op("date - interval", "timestamp", "subtractIntervalFromDate"),
  ...(["timestamp", "timestamptz"] as const).flatMap((type) => [
    op(`${type} + interval`, type, "addInterval"),
    op(`interval + ${type}`, type, "addInterval", { swapped: true }),
    op(`${type} - interval`, type, "subtractInterval"),
    op(`${type} - ${type}`, "interval", "subtractStamps"),
  ]),
  op("time + interval", "time", "addIntervalToTime"),
  op("interval + time", "time", "addIntervalToTime", { swapped: true }),
  op("time - interval", "time", "subtractIntervalFromTime"),
  op("time - time", "interval", "subtractTimes"),
  op("interval + interval", "interval", "addIntervals"),
  op("interval - interval", "interval", "subtractIntervals"),
  op("- interval", "interval", "negateInterval"),
  op("interval * double", "interval", "multiplyInterval"),
  op("double * interval", "interval", "multiplyByInterval"),
  op("interval / double", "interval", "divideInterval"),
  fn("timezone(string, timestamp)", "timestamptz", "atZone", zoned),
  fn("timezone(string, timestamptz)", "timestamp", "inZone", zoned),
  fn("timezone(interval, timestamp)", "timestamptz", "atOffset"),
  fn("timezone(interval, timestamptz)", "timestamp", "inOffset"),
  fn("make_date(integer, integer, integer)", "date", "makeDate"),
  fn("make_time(integer, integer, double)", "time", "makeTime"),
  fn("make_timestamp(integer, integer, integer, integer, integer, double)", "timestamp", "makeTimestamp"),
  fn("to_timestamp(double)", "timestamptz", "fromEpoch"),
  fn("justify_hours(interval)", "interval", "justifyHours"),
  fn("justify_days(interval)", "interval", "justifyDays"),
  fn("justify_interval(interval)", "interval", "justifyInterval"),
  fn("isfinite(date)", "boolean", "isFiniteDate"),
  fn("isfinite(timestamp)", "boolean", "isFiniteDate"),
  fn("isfinite(interval)", "boolean", "isFiniteInterval"),
  fn("isfinite(timestamptz)", "boolean", "isFiniteDate"),
]
