/** Arithmetic on dates, times and intervals. */
import { addWhole, Decimal, negate, type Whole } from "../../model/Decimal.ts"
import { Interval } from "../../model/Interval.ts"
import { civilFromDays, daysFromCivil, daysInMonth, microsOf, MICROS_PER_DAY, splitMicros } from "../../model/Temporal.ts"
import { isDateInRange, isStampInRange } from "./dateText.ts"
import { ExpressionError, shown } from "../ExpressionError.ts"
import { formatAs } from "./format.ts"
import { divisionByZero } from "./integers.ts"
import { fn, op, type Signature } from "./signatures.ts"
import { fromLocal, toLocal, type Zone, zoneNamed } from "./zones.ts"

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

const addDays = (date: number, days: Whole): number => (Number.isFinite(date) ? checkedDate(date + Number(days)) : date)
const addDaysTo = (days: Whole, date: number): number => addDays(date, days)
const subtractDays = (date: number, days: Whole): number => addDays(date, -Number(days))

const subtractDates = (a: number, b: number): number => {
  if (!Number.isFinite(a) || !Number.isFinite(b)) throw outOfRange(`${formatAs(a, "date")} - ${formatAs(b, "date")}`)
  return a - b
}

const dateAtTime = (date: number, time: number): Whole => (Number.isFinite(date) ? checkedStamp(microsOf(date, time)) : date)
const timeAtDate = (time: number, date: number): Whole => dateAtTime(date, time)

/** Months first (the day is kept within the month), then days, then the clock. */
export const addInterval = (stamp: Whole, span: Interval): Whole => {
  if (isInfinite(stamp)) return stamp
  const { days, microsOfDay } = splitMicros(stamp)
  const moved = (span.months === 0 ? days : addMonths(days, span.months)) + span.days
  return checkedStamp(addWhole(microsOf(moved, microsOfDay), span.micros))
}

const addMonths = (days: number, months: number): number => {
  const { year, month, day } = civilFromDays(days)
  const total = year * 12 + (month - 1) + months
  const newYear = Math.floor(total / 12)
  const newMonth = total - newYear * 12 + 1
  return daysFromCivil(newYear, newMonth, Math.min(day, daysInMonth(newYear, newMonth)))
}

const negateInterval = ({ months, days, micros }: Interval): Interval => interval(-months, -days, -micros)

const addIntervalTo = (span: Interval, stamp: Whole): Whole => addInterval(stamp, span)
const subtractInterval = (stamp: Whole, span: Interval): Whole => addInterval(stamp, negateInterval(span))

const stampOf = (date: number): Whole => (Number.isFinite(date) ? microsOf(date, 0) : date)
const addIntervalToDate = (date: number, span: Interval): Whole => addInterval(stampOf(date), span)
const addDateToInterval = (span: Interval, date: number): Whole => addInterval(stampOf(date), span)
const subtractIntervalFromDate = (date: number, span: Interval): Whole => subtractInterval(stampOf(date), span)

/** Days and clock time; never months, whose length differs. */
const subtractStamps = (a: Whole, b: Whole): Interval => {
  if (isInfinite(a) || isInfinite(b)) throw outOfRange("The difference of infinite timestamps")
  const micros = addWhole(a, negate(b))
  const days = typeof micros === "number" ? Math.trunc(micros / MICROS_PER_DAY) : Number(micros / BigInt(MICROS_PER_DAY))
  return interval(0, days, addWhole(micros, negate(microsOf(days, 0))))
}

const withinDay = (micros: number): number => {
  const rest = micros % MICROS_PER_DAY
  return rest < 0 ? rest + MICROS_PER_DAY : rest + 0
}

const addIntervalToTime = (time: number, span: Interval): number => withinDay(time + (span.micros % MICROS_PER_DAY))
const addTimeToInterval = (span: Interval, time: number): number => addIntervalToTime(time, span)
const subtractIntervalFromTime = (time: number, span: Interval): number => withinDay(time - (span.micros % MICROS_PER_DAY))
const subtractTimes = (a: number, b: number): Interval => interval(0, 0, a - b)

const addIntervals = (a: Interval, b: Interval): Interval => interval(a.months + b.months, a.days + b.days, addWhole(a.micros, b.micros))
const subtractIntervals = (a: Interval, b: Interval): Interval =>
  interval(a.months - b.months, a.days - b.days, addWhole(a.micros, negate(b.micros)))

/** Rounds to microseconds, half to even as the C library does. */
const roundEven = (value: number): number => {
  const down = Math.floor(value)
  const rest = value - down
  return rest < 0.5 ? down : rest > 0.5 ? down + 1 : down % 2 === 0 ? down : down + 1
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
  if (!Number.isFinite(factor)) throw outOfRange(`${shown(span)} * ${factor}`)
  return scaleInterval(span, (value) => value * factor)
}

const multiplyByInterval = (factor: number, span: Interval): Interval => multiplyInterval(span, factor)

const divideInterval = (span: Interval, divisor: number): Interval => {
  if (divisor === 0) throw divisionByZero(span, "/")
  if (Number.isNaN(divisor)) throw outOfRange(`${shown(span)} / ${divisor}`)
  return scaleInterval(span, (value) => value / divisor)
}

/** A clock time without zone, read in the zone, or the clock time in the zone at a moment. */
const atZone = (zone: Zone, local: Whole): Whole => (isInfinite(local) ? local : checkedStamp(fromLocal(local, zone)))
const inZone = (zone: Zone, moment: Whole): Whole => (isInfinite(moment) ? moment : checkedStamp(toLocal(moment, zone)))

const offsetOf = ({ months, days, micros }: Interval): number => {
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
  const days = Math.floor(seconds / 86_400)
  if (!isDateInRange(days)) throw outOfRange("The timestamp")
  return checkedStamp(microsOf(days, roundEven((seconds - days * 86_400) * 1_000_000)))
}

const justifyHours = ({ months, days, micros }: Interval): Interval => {
  const carried = Math.trunc(micros / MICROS_PER_DAY)
  return interval(months, days + carried, micros - carried * MICROS_PER_DAY)
}

const justifyDays = ({ months, days, micros }: Interval): Interval => {
  const carried = Math.trunc(days / 30)
  return interval(months + carried, days - carried * 30, micros)
}

const isFiniteDate = (value: Whole): boolean => !isInfinite(value)

const PG_EPOCH = daysFromCivil(2000, 1, 1)

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

const intervalAt = ({ months, days, micros }: Interval, precision: Whole): Interval => {
  const unit = 10 ** (6 - Number(precision))
  return interval(months, days, Math.sign(micros) * Math.floor((Math.abs(micros) + unit / 2) / unit) * unit)
}

/** The bits by which PostgreSQL's parser names the fields of an interval. */
const FIELD = { month: 2, year: 4, day: 8, hour: 1024, minute: 2048 }

/** Keeps the fields that `INTERVAL '…' DAY` and the like name, and those above. */
const intervalFields = ({ months, days, micros }: Interval, mask: Whole): Interval => {
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
  addDaysTo,
  subtractDays,
  subtractDates,
  dateAtTime,
  timeAtDate,
  addInterval,
  addIntervalTo,
  subtractInterval,
  addIntervalToDate,
  addDateToInterval,
  subtractIntervalFromDate,
  subtractStamps,
  addIntervalToTime,
  addTimeToInterval,
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
  isFiniteDate,
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
  op("integer + date", "date", "addDaysTo"),
  op("date - integer", "date", "subtractDays"),
  op("date - date", "integer", "subtractDates"),
  op("date + time", "timestamp", "dateAtTime"),
  op("time + date", "timestamp", "timeAtDate"),
  op("date + interval", "timestamp", "addIntervalToDate"),
  op("interval + date", "timestamp", "addDateToInterval"),
  op("date - interval", "timestamp", "subtractIntervalFromDate"),
  ...(["timestamp", "timestamptz"] as const).flatMap((type) => [
    op(`${type} + interval`, type, "addInterval"),
    op(`interval + ${type}`, type, "addIntervalTo"),
    op(`${type} - interval`, type, "subtractInterval"),
    op(`${type} - ${type}`, "interval", "subtractStamps"),
  ]),
  op("time + interval", "time", "addIntervalToTime"),
  op("interval + time", "time", "addTimeToInterval"),
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
  fn("isfinite(date)", "boolean", "isFiniteDate"),
  fn("isfinite(timestamp)", "boolean", "isFiniteDate"),
  fn("isfinite(timestamptz)", "boolean", "isFiniteDate"),
]
