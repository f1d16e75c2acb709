/** Parts of dates: EXTRACT, DATE_TRUNC, DATEDIFF and AGE. */
import { addWhole, compareWhole, Decimal, multiplyWhole, type Whole, whole } from "../../model/Decimal.ts"
import { Interval } from "../../model/Interval.ts"
import { civilFromDays, daysFromCivil, daysInMonth, microsOf, MICROS_PER_DAY, splitMicros } from "../../model/Temporal.ts"
import { quoteValue } from "../../model/Value.ts"
import { checkedStamp, endlessBetween, interval, isInfinite } from "./dates.ts"
import { decimalRuntime } from "./decimals.ts"
import { ExpressionError } from "../ExpressionError.ts"
import { subtractInteger } from "./integers.ts"
import { timeUnit } from "./intervalText.ts"
import { fn, type Signature } from "./signatures.ts"
import { fromLocal, toLocal, type Zone, zoneNamed } from "./zones.ts"

/** A moment taken apart. */
export interface Fields {
  readonly days: number
  readonly clock: number
  readonly year: number
  readonly month: number
  readonly day: number
}

export const fieldsOf = (stamp: Whole): Fields => {
  const { days, microsOfDay } = splitMicros(stamp)
  return { days, clock: microsOfDay, ...civilFromDays(days) }
}

const SMALL = 4096
const small: Array<Decimal | undefined> = []

/** Years and days are few numbers, so their decimals are shared. */
export const wholeDecimal = (value: number): Decimal => {
  if (value < 0 || value >= SMALL) return new Decimal(value, 0)
  return (small[value] ??= new Decimal(value, 0))
}

export const dayOfYear = ({ days, year }: Fields): number => days - daysFromCivil(year, 1, 1) + 1

/** 0 is Sunday. */
export const dayOfWeek = (days: number): number => (((days + 4) % 7) + 7) % 7

const isoDay = (days: number): number => dayOfWeek(days) || 7

/** The ISO week belongs to the year that has its Thursday. */
export const isoWeek = (days: number): { readonly year: number; readonly week: number } => {
  const thursday = days - isoDay(days) + 4
  const { year } = civilFromDays(thursday)
  return { year, week: Math.floor((thursday - daysFromCivil(year, 1, 1)) / 7) + 1 }
}

/** There is no year 0: before year 1 comes year -1. */
const shownYear = (year: number): number => (year > 0 ? year : year - 1)

const centuryOf = (year: number): number => (year > 0 ? Math.floor((year + 99) / 100) : -Math.floor((99 - (year - 1)) / 100))
const millenniumOf = (year: number): number => (year > 0 ? Math.floor((year + 999) / 1000) : -Math.floor((999 - (year - 1)) / 1000))

const JULIAN_EPOCH = 2_440_588

const julian = ({ days, clock }: Fields): Decimal => {
  const day = new Decimal(days + JULIAN_EPOCH, 0)
  return decimalRuntime.addDecimal(day, decimalRuntime.divideDecimal(new Decimal(clock, 0), new Decimal(MICROS_PER_DAY, 0)))
}

type StampPart = (fields: Fields) => Decimal

const MINUTE = 60_000_000
const HOUR = 3_600_000_000

const hourOf = (clock: number): number => Math.floor(clock / HOUR)
const minuteOf = (clock: number): number => Math.floor(clock / MINUTE) % 60

const clockParts: Readonly<Record<string, (clock: number) => Decimal>> = {
  hour: (clock) => wholeDecimal(hourOf(clock)),
  minute: (clock) => wholeDecimal(minuteOf(clock)),
  second: (clock) => new Decimal(clock % MINUTE, 6),
  millisecond: (clock) => new Decimal(clock % MINUTE, 3),
  microsecond: (clock) => new Decimal(clock % MINUTE, 0),
}

/** Parts that are whole numbers. */
const dayParts: Readonly<Record<string, (fields: Fields) => number>> = {
  millennium: ({ year }) => millenniumOf(year),
  century: ({ year }) => centuryOf(year),
  decade: ({ year }) => Math.floor(year / 10),
  year: ({ year }) => shownYear(year),
  isoyear: ({ days }) => shownYear(isoWeek(days).year),
  quarter: ({ month }) => Math.floor((month + 2) / 3),
  month: ({ month }) => month,
  week: ({ days }) => isoWeek(days).week,
  day: ({ day }) => day,
  dow: ({ days }) => dayOfWeek(days),
  isodow: ({ days }) => isoDay(days),
  doy: dayOfYear,
}

/** Parts that only grow with time; of an infinite timestamp they are infinite, and all others null. */
const GROWING: ReadonlySet<string> = new Set(["year", "decade", "century", "millennium", "isoyear", "julian", "epoch"])

const FIELD_NAMES: Readonly<Record<string, string>> = {
  dow: "dow",
  doy: "doy",
  isodow: "isodow",
  isoyear: "isoyear",
  julian: "julian",
  j: "julian",
  jd: "julian",
  epoch: "epoch",
  timezone: "timezone",
  timezone_h: "timezone_hour",
  timezone_hour: "timezone_hour",
  timezone_m: "timezone_minute",
  timezone_minute: "timezone_minute",
}

const fieldName = (name: string): string | undefined => {
  const lowered = name.toLowerCase()
  return Object.hasOwn(FIELD_NAMES, lowered) ? FIELD_NAMES[lowered] : timeUnit(lowered)
}

const unknownField = (name: string, type: string): ExpressionError =>
  new ExpressionError("INVALID_ARGUMENT", `A ${type} has no field ${quoteValue(name)}.`)

/** A field made ready. */
export type Extractor<T> = (value: T) => Decimal | null

const ZERO_OFFSET: ReadonlySet<string> = new Set(["timezone", "timezone_hour", "timezone_minute"])

const stampPart = (name: string, type: "date" | "timestamp" | "timestamptz"): StampPart => {
  const field = fieldName(name)
  const clock = field === undefined ? undefined : clockParts[field]
  if (field === "epoch") return ({ days, clock: micros }) => new Decimal(microsOf(days, micros), 6)
  if (field === "julian") return julian
  const dayPart = field === undefined ? undefined : dayParts[field]
  if (dayPart !== undefined) return (fields) => wholeDecimal(dayPart(fields))
  if (clock !== undefined && type !== "date") return (fields) => clock(fields.clock)
  // Sessions are in UTC.
  if (field !== undefined && ZERO_OFFSET.has(field) && type === "timestamptz") return () => wholeDecimal(0)
  throw unknownField(name, type)
}

const extractor = (name: string, type: "timestamp" | "timestamptz"): Extractor<Whole> => {
  const part = stampPart(name, type)
  const isGrowing = GROWING.has(fieldName(name)!)
  return (stamp) => {
    if (!isInfinite(stamp)) return part(fieldsOf(stamp))
    return isGrowing ? new Decimal(stamp, 0) : null
  }
}

const stampField = (name: string): Extractor<Whole> => extractor(name, "timestamp")
const zonedField = (name: string): Extractor<Whole> => extractor(name, "timestamptz")

const dateField = (name: string): Extractor<number> => {
  const field = fieldName(name)
  const part = stampPart(name, "date")
  const isGrowing = GROWING.has(field!)
  return (days) => {
    if (!Number.isFinite(days)) return isGrowing ? new Decimal(days, 0) : null
    if (field === "epoch") return new Decimal(days * 86_400, 0)
    return field === "julian" ? new Decimal(days + JULIAN_EPOCH, 0) : part({ days, clock: 0, ...civilFromDays(days) })
  }
}

const timeField = (name: string): Extractor<number> => {
  const field = fieldName(name)
  if (field === "epoch") return (clock) => new Decimal(clock, 6)
  const part = field === undefined ? undefined : clockParts[field]
  if (part === undefined) throw unknownField(name, "time")
  return part
}

const intervalParts: Readonly<Record<string, (span: Interval) => Decimal>> = {
  millennium: ({ months }) => new Decimal(Math.trunc(months / 12_000) + 0, 0),
  century: ({ months }) => new Decimal(Math.trunc(months / 1200) + 0, 0),
  decade: ({ months }) => new Decimal(Math.trunc(months / 120) + 0, 0),
  year: ({ months }) => new Decimal(Math.trunc(months / 12) + 0, 0),
  quarter: ({ months }) => new Decimal(Math.trunc((months % 12) / 3) + (months < 0 ? -1 : 1), 0),
  month: ({ months }) => new Decimal((months % 12) + 0, 0),
  day: ({ days }) => new Decimal(days, 0),
  hour: ({ micros }) => new Decimal(Math.trunc(micros / HOUR) + 0, 0),
  minute: ({ micros }) => new Decimal((Math.trunc(micros / MINUTE) % 60) + 0, 0),
  second: ({ micros }) => new Decimal((micros % MINUTE) + 0, 6),
  millisecond: ({ micros }) => new Decimal((micros % MINUTE) + 0, 3),
  microsecond: ({ micros }) => new Decimal((micros % MINUTE) + 0, 0),
  // A year has 365.25 days here, and a month 30.
  epoch: ({ months, days, micros }) => {
    const seconds = Math.trunc(months / 12) * 31_557_600 + (months % 12) * 2_592_000 + days * 86_400
    return new Decimal(addWhole(multiplyWhole(seconds, 1_000_000), micros), 6)
  },
}

const GROWING_SPANS: ReadonlySet<string> = new Set(["hour", "day", "week", "year", "decade", "century", "millennium", "epoch"])

const intervalField = (name: string): Extractor<Interval> => {
  const part = intervalParts[fieldName(name) ?? ""]
  if (part === undefined) throw unknownField(name, "interval")
  const isGrowing = GROWING_SPANS.has(fieldName(name)!)
  return (span) => (span.isFinite ? part(span) : isGrowing ? new Decimal(span.months, 0) : null)
}

const extract = <T>(field: Extractor<T>, value: T): Decimal | null => field(value)

/** A field made ready for DATE_PART. */
type DoubleExtractor<T> = (value: T) => number | null

const extractDouble = <T>(field: DoubleExtractor<T>, value: T): number | null => field(value)

/** DATE_PART adds up doubles, and so gives their last digits. */
const DOUBLES: Readonly<Record<string, (part: Decimal) => number>> = {
  epoch: ({ coefficient }) => Number(coefficient) / 1_000_000,
  second: ({ coefficient }) => Math.trunc(Number(coefficient) / 1_000_000) + (Number(coefficient) % 1_000_000) / 1_000_000,
  millisecond: ({ coefficient }) => Math.trunc(Number(coefficient) / 1_000_000) * 1000 + (Number(coefficient) % 1_000_000) / 1000,
}

/** A part by a way of its own; undefined where it has none for the value. */
type OwnPart<T> = (value: T) => number | undefined

const doubled =
  <T>(make: (name: string) => Extractor<T>, special: Readonly<Record<string, OwnPart<T>>> = {}) =>
  (name: string): DoubleExtractor<T> => {
    const field = fieldName(name) ?? ""
    const extractPart = make(name)
    const convert = DOUBLES[field] ?? ((part: Decimal): number => part.toNumber())
    const byItself = (value: T): number | null => {
      const part = extractPart(value)
      return part === null ? null : convert(part)
    }
    const own = special[field]
    return own === undefined ? byItself : (value) => own(value) ?? byItself(value)
  }

const julianDouble = ({ days, clock }: Fields): number =>
  days + JULIAN_EPOCH + (Math.floor(clock / 1_000_000) + (clock % 1_000_000) / 1_000_000) / 86_400

const finiteParts: Readonly<Record<string, (fields: Fields) => number>> = {
  ...dayParts,
  hour: ({ clock }) => hourOf(clock),
  minute: ({ clock }) => minuteOf(clock),
  julian: julianDouble,
}

const ofStamp = Object.fromEntries(
  Object.entries(finiteParts).map(([field, part]): [string, OwnPart<Whole>] => [
    field,
    (stamp) => (isInfinite(stamp) ? undefined : part(fieldsOf(stamp))),
  ]),
)

const epochDouble = ({ months, days, micros, isFinite }: Interval): number | undefined =>
  isFinite ? micros / 1_000_000 + 31_557_600 * Math.trunc(months / 12) + 2_592_000 * (months % 12) + 86_400 * days : undefined

const stampDouble = doubled(stampField, ofStamp)
const zonedDouble = doubled(zonedField, ofStamp)
const timeDouble = doubled(timeField)
const intervalDouble = doubled(intervalField, { epoch: epochDouble })

const midnight = (date: number): Whole => (Number.isFinite(date) ? microsOf(date, 0) : date)

const datePart = (field: DoubleExtractor<Whole>, date: number): number | null => extractDouble(field, checkedStamp(midnight(date)))

/** Cuts a finite moment down to a part of time. */
export type Truncation = (stamp: Whole) => Whole

const startOf = (year: number, month = 1, day = 1): Whole => microsOf(daysFromCivil(year, month, day), 0)

const cutFields =
  (cut: (fields: Fields) => Whole): Truncation =>
  (stamp) =>
    cut(fieldsOf(stamp))

/** For units that are always as long, and begin with 1970. */
const cutMicros =
  (unit: number): Truncation =>
  (stamp) => {
    if (typeof stamp === "number") {
      const rest = stamp - Math.floor(stamp / unit) * unit
      // A quotient that is just below a whole number may be rounded up to it.
      const cut = stamp - (rest < 0 ? rest + unit : rest)
      if (Number.isSafeInteger(cut)) return cut
    }
    const { days, microsOfDay } = splitMicros(stamp)
    return microsOf(days, microsOfDay - (microsOfDay % unit))
  }

const truncations: Readonly<Record<string, Truncation>> = {
  millennium: cutFields(({ year }) =>
    startOf(year > 0 ? Math.floor((year + 999) / 1000) * 1000 - 999 : -Math.floor((999 - (year - 1)) / 1000) * 1000 + 1),
  ),
  century: cutFields(({ year }) =>
    startOf(year > 0 ? Math.floor((year + 99) / 100) * 100 - 99 : -Math.floor((99 - (year - 1)) / 100) * 100 + 1),
  ),
  decade: cutFields(({ year }) => startOf(year > 0 ? Math.floor(year / 10) * 10 : -Math.floor((8 - (year - 1)) / 10) * 10)),
  year: cutFields(({ year }) => startOf(year)),
  quarter: cutFields(({ year, month }) => startOf(year, month - ((month - 1) % 3))),
  month: cutFields(({ year, month }) => startOf(year, month)),
  week: cutFields(({ days }) => microsOf(days - isoDay(days) + 1, 0)),
  day: cutMicros(MICROS_PER_DAY),
  hour: cutMicros(HOUR),
  minute: cutMicros(MINUTE),
  second: cutMicros(1_000_000),
  millisecond: cutMicros(1000),
  microsecond: cutMicros(1),
}

const truncation = (name: string): Truncation => {
  const cut = truncations[timeUnit(name) ?? ""]
  if (cut === undefined) throw new ExpressionError("INVALID_ARGUMENT", `date_trunc does not know the unit ${quoteValue(name)}.`)
  return cut
}

const truncateStamp = (cut: Truncation, stamp: Whole): Whole => (isInfinite(stamp) ? stamp : checkedStamp(cut(stamp)))

const truncateInZone = (cut: Truncation, stamp: Whole, zone: Zone): Whole =>
  isInfinite(stamp) ? stamp : checkedStamp(fromLocal(cut(toLocal(stamp, zone)), zone))

const truncateNamed = (cut: Truncation, stamp: Whole, zone: string): Whole => truncateInZone(cut, stamp, zoneNamed(zone))

const INTERVAL_MONTHS: Readonly<Record<string, number>> = { millennium: 12_000, century: 1200, decade: 120, year: 12, quarter: 3, month: 1 }
const INTERVAL_MICROS: Readonly<Record<string, number>> = {
  hour: HOUR,
  minute: MINUTE,
  second: 1_000_000,
  millisecond: 1000,
  microsecond: 1,
}

const truncateInterval = (name: string, span: Interval): Interval => {
  const { months, days, micros } = span
  const unit = timeUnit(name) ?? ""
  if (!span.isFinite && (unit === "day" || INTERVAL_MONTHS[unit] !== undefined || INTERVAL_MICROS[unit] !== undefined)) return span
  const down = (value: number, size: number): number => Math.trunc(value / size) * size
  if (INTERVAL_MONTHS[unit] !== undefined) return interval(down(months, INTERVAL_MONTHS[unit]), 0, 0)
  if (unit === "day") return interval(months, days, 0)
  if (INTERVAL_MICROS[unit] !== undefined) return interval(months, days, down(micros, INTERVAL_MICROS[unit]))
  throw new ExpressionError("INVALID_ARGUMENT", `date_trunc does not know the unit ${quoteValue(name)} of an interval.`)
}

/** Counts the borders of a unit that lie between two moments, as data warehouses do. Weeks begin on Monday. */
export type UnitCounter = (stamp: Whole) => Whole

const floorDivide = (value: Whole, by: number): Whole => {
  if (typeof value === "number") return Math.floor(value / by)
  const quotient = value / BigInt(by)
  return whole(value % BigInt(by) < 0n ? quotient - 1n : quotient)
}

const counters: Readonly<Record<string, UnitCounter>> = {
  year: (stamp) => fieldsOf(stamp).year,
  quarter: (stamp) => fieldsOf(stamp).year * 4 + Math.floor((fieldsOf(stamp).month - 1) / 3),
  month: (stamp) => fieldsOf(stamp).year * 12 + fieldsOf(stamp).month,
  week: (stamp) => Math.floor((splitMicros(stamp).days + 3) / 7),
  day: (stamp) => splitMicros(stamp).days,
  hour: (stamp) => floorDivide(stamp, HOUR),
  minute: (stamp) => floorDivide(stamp, MINUTE),
  second: (stamp) => floorDivide(stamp, 1_000_000),
  millisecond: (stamp) => floorDivide(stamp, 1000),
  microsecond: (stamp) => stamp,
}

const unitCounter = (name: string): UnitCounter => {
  const counter = counters[timeUnit(name) ?? ""]
  if (counter !== undefined) return counter
  throw new ExpressionError(
    "INVALID_ARGUMENT",
    `datediff does not know the unit ${quoteValue(name)}. Use ${Object.keys(counters).join(", ")}.`,
  )
}

const differenceOf = (count: UnitCounter, from: Whole, to: Whole): Whole => {
  if (isInfinite(from) || isInfinite(to)) throw new ExpressionError("NUMBER_OUT_OF_RANGE", "datediff: an infinite date is infinitely far.")
  return subtractInteger(count(to), count(from))
}

const differenceOfDates = (count: UnitCounter, from: number, to: number): Whole => differenceOf(count, midnight(from), midnight(to))

/** Years, months, days and time from `b` to `a`, as one would say it. */
const ageBetween = (a: Whole, b: Whole): Interval => {
  if (isInfinite(a) || isInfinite(b)) return endlessBetween(a, b)
  const sign = compareWhole(a, b) < 0 ? -1 : 1
  const [later, earlier] = sign < 0 ? [fieldsOf(b), fieldsOf(a)] : [fieldsOf(a), fieldsOf(b)]
  let clock = later.clock - earlier.clock
  let days = later.day - earlier.day
  let months = (later.year - earlier.year) * 12 + later.month - earlier.month
  if (clock < 0) {
    clock += MICROS_PER_DAY
    days--
  }
  if (days < 0) {
    // A borrowed month is as long as the month of the earlier date.
    days += daysInMonth(earlier.year, earlier.month)
    months--
  }
  return interval(sign * months, sign * days, sign * clock)
}

export const datePartRuntime = {
  stampField,
  zonedField,
  dateField,
  timeField,
  intervalField,
  stampDouble,
  zonedDouble,
  timeDouble,
  intervalDouble,
  extract,
  extractDouble,
  datePart,
  truncation,
  truncateStamp,
  truncateNamed,
  truncateInterval,
  unitCounter,
  differenceOf,
  differenceOfDates,
  ageBetween,
}

/** What is wrong with a constant name of a field or unit, before any row. */
const refusing =
  (make: (name: string) => unknown) =>
  (constants: ReadonlyArray<unknown>): string | undefined => {
    const name = constants[0]
    if (typeof name !== "string") return undefined
    try {
      make(name)
      return undefined
    } catch (error) {
      if (error instanceof ExpressionError) return error.message
      throw error
    }
  }

const ready = (by: string, make: (name: string) => unknown) => ({ prepare: { by, from: [0] }, refuse: refusing(make) })

const FIELDS = [
  ["timestamp", "stampField", stampField],
  ["timestamptz", "zonedField", zonedField],
  ["time", "timeField", timeField],
  ["interval", "intervalField", intervalField],
] as const

const DOUBLE_FIELDS = [
  ["timestamp", "stampDouble", stampDouble],
  ["timestamptz", "zonedDouble", zonedDouble],
  ["time", "timeDouble", timeDouble],
  ["interval", "intervalDouble", intervalDouble],
] as const

const truncating = ready("truncation", truncation)
const counting = ready("unitCounter", unitCounter)

export const datePartSignatures: ReadonlyArray<Signature> = [
  fn("extract(string, date)", "decimal", "extract", { ...ready("dateField", dateField), nullable: true }),
  ...FIELDS.map(([type, by, make]) => fn(`extract(string, ${type})`, "decimal", "extract", { ...ready(by, make), nullable: true })),
  ...DOUBLE_FIELDS.map(([type, by, make]) =>
    fn(`date_part(string, ${type})`, "double", "extractDouble", { ...ready(by, make), nullable: true }),
  ),
  // A date has hours here: PostgreSQL takes it for midnight.
  fn("date_part(string, date)", "double", "datePart", { ...ready("stampDouble", stampDouble), nullable: true }),
  fn("date_trunc(string, timestamp)", "timestamp", "truncateStamp", truncating),
  fn("date_trunc(string, timestamptz)", "timestamptz", "truncateStamp", truncating),
  fn("date_trunc(string, timestamptz, string)", "timestamptz", "truncateNamed", truncating),
  fn("date_trunc(string, interval)", "interval", "truncateInterval", {
    refuse: refusing((name) => truncateInterval(name, new Interval(0, 0, 0))),
  }),
  fn("datediff(string, timestamp, timestamp)", "integer", "differenceOf", counting),
  fn("datediff(string, timestamptz, timestamptz)", "integer", "differenceOf", counting),
  fn("datediff(string, date, date)", "integer", "differenceOfDates", counting),
  fn("age(timestamp, timestamp)", "interval", "ageBetween"),
  fn("age(timestamptz, timestamptz)", "interval", "ageBetween"),
]
