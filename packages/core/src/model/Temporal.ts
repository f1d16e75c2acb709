/**
 * Dates and times as whole numbers: days since 1970-01-01, microseconds of the day, microseconds since 1970-01-01T00:00:00Z.
 *
 * The calendar is the proleptic Gregorian one, as in PostgreSQL. `infinity` and `-infinity` are kept as ±Infinity.
 */
import { type Whole, whole } from "./Decimal.ts"

export const MICROS_PER_DAY = 86_400_000_000

/**
 * Days since 1970-01-01 of a date in the proleptic Gregorian calendar. Algorithm: days_from_civil (Howard Hinnant, chrono-compatible date
 * algorithms).
 */
export const daysFromCivil = (year: number, month: number, day: number): number => {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  // Within an era all fits 32 bits, whose divisions take a fraction of the time.
  const yearOfEra = (y - era * 400) | 0
  const dayOfYear = (((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) | 0) + day - 1
  const dayOfEra = yearOfEra * 365 + ((yearOfEra / 4) | 0) - ((yearOfEra / 100) | 0) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

export interface CivilDate {
  readonly year: number
  readonly month: number
  readonly day: number
}

/** The inverse of `daysFromCivil`. Algorithm: civil_from_days (Howard Hinnant). */
export const civilFromDays = (days: number): CivilDate => {
  const z = days + 719_468
  const era = Math.floor(z / 146_097)
  const dayOfEra = (z - era * 146_097) | 0
  const yearOfEra = ((dayOfEra - ((dayOfEra / 1460) | 0) + ((dayOfEra / 36_524) | 0) - ((dayOfEra / 146_096) | 0)) / 365) | 0
  const dayOfYear = dayOfEra - (365 * yearOfEra + ((yearOfEra / 4) | 0) - ((yearOfEra / 100) | 0))
  const shifted = ((5 * dayOfYear + 2) / 153) | 0
  const month = shifted < 10 ? shifted + 3 : shifted - 9
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day: dayOfYear - (((153 * shifted + 2) / 5) | 0) + 1 }
}

export const isLeapYear = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)

export const daysInMonth = (year: number, month: number): number =>
  month === 2 ? (isLeapYear(year) ? 29 : 28) : month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31

const DATE = /^(\d{4,6})-(\d{1,2})-(\d{1,2})( BC)?$/i
const TIME = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?$/
const TIMESTAMP =
  /^(\d{4,6}-\d{1,2}-\d{1,2})(?:[T ](\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?))?\s*(Z|UTC|[+-]\d{1,2}(?::?\d{2})?(?::?\d{2})?)?( BC)?$/i

/** Days since 1970-01-01, or undefined where the text is no date that exists. */
export const parseDate = (text: string): number | undefined => {
  const trimmed = text.trim()
  const match = DATE.exec(trimmed)
  if (match === null) return parseInfinity(trimmed)
  const year = match[4] === undefined ? Number(match[1]) : 1 - Number(match[1])
  const month = Number(match[2])
  const day = Number(match[3])
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month) || Number(match[1]) === 0) return undefined
  return daysFromCivil(year, month, day)
}

/** To the nearest whole number, half to even, as PostgreSQL rounds digits past the sixth of a second. */
export const roundEven = (value: number): number => {
  const down = Math.floor(value)
  const rest = value - down
  return rest < 0.5 || (rest === 0.5 && down % 2 === 0) ? down : down + 1
}

/** Microseconds of the day, 24:00:00 included. Digits past the sixth are rounded. */
export const parseTime = (text: string): number | undefined => {
  const match = TIME.exec(text.trim())
  if (match === null) return undefined
  const hour = Number(match[1])
  const minute = Number(match[2])
  const second = Number(match[3] ?? 0)
  const fraction = match[4] === undefined ? 0 : roundEven(Number(`0.${match[4]}`) * 1_000_000)
  const micros = (hour * 3600 + minute * 60 + second) * 1_000_000 + fraction
  // A leap second is the first of the next minute, as PostgreSQL has it.
  return minute > 59 || second > 60 || micros > MICROS_PER_DAY ? undefined : micros
}

/** Microseconds since the epoch. Without a zone in the text it is taken as UTC; a timestamp without zone ignores one. */
export const parseTimestamp = (text: string, zoned: boolean): Whole | undefined => {
  const trimmed = text.trim()
  const match = TIMESTAMP.exec(trimmed)
  if (match === null) return parseInfinity(trimmed)
  const days = parseDate(match[1]! + (match[4] ?? ""))
  const micros = match[2] === undefined ? 0 : parseTime(match[2])
  if (days === undefined || micros === undefined) return undefined
  const offset = zoned && match[3] !== undefined ? parseOffset(match[3]) : 0
  return offset === undefined ? undefined : microsOf(days, micros - offset)
}

/** Days and microseconds joined to microseconds since the epoch, exact past 2^53 too. */
export const microsOf = (days: number, microsOfDay: number): Whole => {
  const micros = days * MICROS_PER_DAY + microsOfDay
  return Number.isSafeInteger(micros) ? micros : whole(BigInt(days) * BigInt(MICROS_PER_DAY) + BigInt(microsOfDay))
}

/** Days since the epoch and microseconds of that day. */
export const splitMicros = (micros: Whole): { readonly days: number; readonly microsOfDay: number } => {
  if (typeof micros === "number") {
    const days = Math.floor(micros / MICROS_PER_DAY)
    return { days, microsOfDay: micros - days * MICROS_PER_DAY }
  }
  const day = BigInt(MICROS_PER_DAY)
  const rest = ((micros % day) + day) % day
  return { days: Number((micros - rest) / day), microsOfDay: Number(rest) }
}

/** `2025-01-31`; years past 9999 and before 1 as PostgreSQL writes them. */
export const formatDate = (days: number): string => {
  if (!Number.isFinite(days)) return days > 0 ? "infinity" : "-infinity"
  const { year, month, day } = civilFromDays(days)
  const shown = year > 0 ? year : 1 - year
  return `${pad(shown, 4)}-${pad(month, 2)}-${pad(day, 2)}${year > 0 ? "" : " BC"}`
}

/** `04:05:06.7`, with as many digits of a second as it needs. */
export const formatTime = (micros: number): string => {
  const seconds = Math.floor(micros / 1_000_000)
  const fraction = micros - seconds * 1_000_000
  const text = `${pad(Math.floor(seconds / 3600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}`
  return fraction === 0 ? text : `${text}.${pad(fraction, 6).replace(/0+$/, "")}`
}

/** ISO 8601 in UTC, `2025-01-31T04:05:06.7`, and `Z` where it is zoned. */
export const formatTimestamp = (micros: Whole, zoned: boolean): string => {
  if (micros === Infinity || micros === -Infinity) return micros > 0 ? "infinity" : "-infinity"
  const { days, microsOfDay } = splitMicros(micros)
  const date = formatDate(days)
  const [civil, era] = date.endsWith(" BC") ? [date.slice(0, -3), " BC"] : [date, ""]
  return `${civil}T${formatTime(microsOfDay)}${zoned ? "Z" : ""}${era}`
}

const pad = (value: number, width: number): string => String(value).padStart(width, "0")

const parseInfinity = (text: string): number | undefined => {
  const word = text.toLowerCase()
  return word === "infinity" ? Infinity : word === "-infinity" ? -Infinity : undefined
}

const parseOffset = (text: string): number | undefined => {
  if (/^(z|utc)$/i.test(text)) return 0
  const parts = /^(\d{1,2}):?(\d{2})?:?(\d{2})?$/.exec(text.slice(1))
  if (parts === null) return undefined
  const [hour, minute, second] = [Number(parts[1]), Number(parts[2] ?? 0), Number(parts[3] ?? 0)]
  if (hour > 15 || minute > 59 || second > 59) return undefined
  return (text.startsWith("-") ? -1 : 1) * (hour * 3600 + minute * 60 + second) * 1_000_000
}
