/** Texts of intervals: `1 year 2 mons -3 days 04:05:06.7`, `1.5 hours ago`, `P1Y2M3DT4H`, `1-2`. */
import { Interval } from "../../model/Interval.ts"
import { roundEven } from "../../model/Temporal.ts"

const MICROS: Readonly<Record<string, number>> = {
  hour: 3_600_000_000,
  minute: 60_000_000,
  second: 1_000_000,
  millisecond: 1000,
  microsecond: 1,
}
const MONTHS: Readonly<Record<string, number>> = { millennium: 12_000, century: 1200, decade: 120, year: 12, month: 1 }
const DAYS: Readonly<Record<string, number>> = { week: 7, day: 1 }
const DAY = 86_400_000_000

const UNITS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries({
    microsecond: "us usec usecs usecond useconds microsecond microseconds",
    millisecond: "ms msec msecs msecond mseconds millisecond milliseconds",
    second: "s sec secs second seconds",
    minute: "m min mins minute minutes",
    hour: "h hr hrs hour hours",
    day: "d day days",
    week: "w week weeks",
    month: "mon mons month months",
    quarter: "qtr quarter quarters",
    year: "y yr yrs year years",
    decade: "dec decs decade decades",
    century: "c cent century centuries",
    millennium: "mil mils millennium millennia",
  }).flatMap(([unit, names]) => names.split(" ").map((name) => [name, unit])),
)

/** The full name of a unit of time, for any of its spellings. */
export const timeUnit = (name: string): string | undefined => {
  const lowered = name.toLowerCase()
  return Object.hasOwn(UNITS, lowered) ? UNITS[lowered] : undefined
}

/** An interval without end, forward or backward. */
export const endlessInterval = (sign: number): Interval => {
  const value = sign < 0 ? -Infinity : Infinity
  return new Interval(value, value, value)
}

const SECONDS = ["second", "millisecond", "microsecond"]

/** Adds up the parts of an interval; fractions go down into the next smaller part. */
class Parts {
  private readonly seen = new Set<string>()
  private months = 0
  private days = 0
  private micros = 0

  /** False where the unit is none of an interval's, or was there before. */
  add(amount: number, unit: string): boolean {
    // A fraction of a second stands for milliseconds and microseconds.
    if (!this.mark(unit === "second" && !Number.isInteger(amount) ? SECONDS : [unit])) return false
    if (unit in MICROS) this.micros += roundEven(amount * MICROS[unit]!)
    else if (unit in DAYS) this.addDays(amount * DAYS[unit]!)
    else if (unit === "month") this.addMonths(amount)
    else if (unit in MONTHS) this.months += Math.round(amount * MONTHS[unit]!)
    else return false
    return true
  }

  /** A clock time stands for hours, minutes and seconds. */
  addClock(micros: number): boolean {
    if (!this.mark(["hour", "minute", ...SECONDS])) return false
    this.micros += micros
    return true
  }

  private mark(units: ReadonlyArray<string>): boolean {
    const isNew = units.every((unit) => !this.seen.has(unit))
    for (const unit of units) this.seen.add(unit)
    return isNew
  }

  private addMonths(amount: number): void {
    const whole = Math.trunc(amount)
    this.months += whole
    this.addDays(round9((amount - whole) * 30))
  }

  private addDays(amount: number): void {
    const whole = Math.trunc(amount)
    this.days += whole
    this.micros += roundEven(round9(amount - whole) * DAY)
  }

  negate(): void {
    this.months = -this.months
    this.days = -this.days
    this.micros = -this.micros
  }

  result(): Interval | undefined {
    const { months, days, micros } = this
    const fits = Math.abs(months) < 2 ** 31 && Math.abs(days) < 2 ** 31 && Number.isSafeInteger(micros)
    return fits ? new Interval(months + 0, days + 0, micros + 0) : undefined
  }
}

// Doubles of decimal fractions are a little off.
const round9 = (value: number): number => Math.round(value * 1e9) / 1e9

const CLOCK = "([+-]?)(\\d+):(\\d\\d)(?::(\\d\\d(?:\\.\\d*)?))?"
const TOKEN = new RegExp(
  `\\s*(?:${CLOCK}|([+-]?)(\\d+)-(\\d+)(?![-\\d])|([+-]?\\s*(?:\\d+\\.?\\d*|\\.\\d*))\\s*([a-z]+)?|(ago)$|(@))\\s*`,
  "iy",
)

/** PostgreSQL reads past these in the texts of dates and intervals. */
export const PUNCTUATION = /[!"#$%&'()*;<=>?[\\\]^`{|}~]|,(?!\d)|(?<!\d),/g

const BARE_NUMBER = /^\s*[+-]?\s*(\d+\.?\d*|\.\d+)\s*$/

/** `INTERVAL '5' DAY`: a number alone counts the unit that the type names. */
export const withUnit = (text: string, unit: string): string => (BARE_NUMBER.test(text) ? `${text} ${unit}` : text)

/** The interval, or undefined where the text is none. */
export const parseInterval = (text: string): Interval | undefined => {
  const trimmed = text.trim()
  const endless = /^([+-]?)infinity$/i.exec(trimmed)
  if (endless !== null) return endlessInterval(endless[1] === "-" ? -1 : 1)
  if (/^[+-]?P/i.test(trimmed)) return parseIso(trimmed)
  const parts = new Parts()
  const plain = trimmed.replace(PUNCTUATION, " ")
  let seen = 0
  TOKEN.lastIndex = 0
  for (let at = 0; at < plain.length; at = TOKEN.lastIndex) {
    const match = TOKEN.exec(plain)
    if (match === null) return undefined
    if (match[11] !== undefined) continue
    if (match[10] !== undefined) {
      if (seen === 0) return undefined
      parts.negate()
      continue
    }
    if (!addToken(parts, match, TOKEN.lastIndex === plain.length, plain.slice(TOKEN.lastIndex))) return undefined
    seen++
  }
  return seen === 0 ? undefined : parts.result()
}

const addToken = (parts: Parts, match: RegExpExecArray, isLast: boolean, rest: string): boolean => {
  const [, clockSign, hours, minutes, seconds, yearSign, years, months, number, unit] = match
  if (hours !== undefined) return addClock(parts, clockSign === "-" ? -1 : 1, Number(hours), Number(minutes), Number(seconds ?? 0))
  if (years !== undefined) {
    const sign = yearSign === "-" ? -1 : 1
    return Number(months) < 12 && parts.add(sign * Number(years), "year") && parts.add(sign * Number(months), "month")
  }
  // A point alone is zero.
  const amount = Number(
    number!
      .replace(/\s+/g, "")
      .replace(/^([+-]?)\./, "$10.")
      .replace(/\.$/, ""),
  )
  if (unit !== undefined) {
    const name = timeUnit(unit)
    return name !== undefined && parts.add(amount, name)
  }
  // A number without a unit is days where a clock time follows, else seconds.
  if (isLast) return parts.add(amount, "second")
  return /^[+-]?\d+:/.test(rest) && parts.add(amount, "day")
}

const addClock = (parts: Parts, sign: number, hours: number, minutes: number, seconds: number): boolean => {
  if (minutes > 59 || seconds >= 61) return false
  return parts.addClock(sign * ((hours * 60 + minutes) * 60_000_000 + roundEven(seconds * 1_000_000)))
}

const ISO_PART = /([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)([YMWDHS])/gy
const ISO_DATE: Readonly<Record<string, string>> = { Y: "year", M: "month", W: "week", D: "day" }
const ISO_TIME: Readonly<Record<string, string>> = { H: "hour", M: "minute", S: "second" }

/** ISO 8601 durations with designators. */
const parseIso = (text: string): Interval | undefined => {
  const match = /^([+-]?)P([^T]*)(?:T(.+))?$/i.exec(text.toUpperCase())
  if (match === null || (match[2] === "" && match[3] === undefined)) return undefined
  const parts = new Parts()
  if (!addIso(parts, match[2]!, ISO_DATE) || !addIso(parts, match[3] ?? "", ISO_TIME)) return undefined
  if (match[1] === "-") parts.negate()
  return parts.result()
}

const addIso = (parts: Parts, text: string, units: Readonly<Record<string, string>>): boolean => {
  ISO_PART.lastIndex = 0
  let at = 0
  while (at < text.length) {
    const match = ISO_PART.exec(text)
    const unit = match === null ? undefined : units[match[2]!]
    if (match === null || unit === undefined || !parts.add(Number(match[1]), unit)) return false
    at = ISO_PART.lastIndex
  }
  return true
}
