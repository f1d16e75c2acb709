/**
 * Texts of dates and times in the many forms that PostgreSQL reads; ISO 8601 first, month before day where numbers alone could be either.
 */
import { type Whole } from "../../model/Decimal.ts"
import { addWhole } from "../../model/Decimal.ts"
import { daysFromCivil, daysInMonth, microsOf, parseDate, parseTime, parseTimestamp, splitMicros } from "../../model/Temporal.ts"
import { PUNCTUATION } from "./intervalText.ts"
import { findZone, fromLocal } from "./zones.ts"

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
const MONTH_NAMES =
  /^(jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?|nov(ember)?|dec(ember)?)$/
const WEEKDAYS = /^(sun(day)?|mon(day)?|tue(s|sday)?|wed(nesday)?|thu(r|rs|rsday)?|fri(day)?|sat(urday)?)$/

/** What was found in a text. */
interface Found {
  numbers: Array<{ readonly digits: string; readonly place: number }>
  month: number | undefined
  monthPlace: number
  clock: number | undefined
  half: "am" | "pm" | undefined
  isBefore: boolean
  /** Seconds east of UTC, or the name of a zone. */
  zone: number | string | undefined
}

export interface ReadStamp {
  readonly days: number
  readonly clock: number | undefined
  readonly zone: number | string | undefined
}

const TOKEN =
  /\s*(?:(\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)|([+-]\d{1,2}(?::?\d{2})?(?::\d{2})?(?=\s|$))|(\d+)|([a-z]+(?:[/_][a-z_+-]+\d*)*)|[-/.,])/iy

/** Reads the parts of a text that is not plain ISO 8601. */
const findParts = (text: string): Found | undefined => {
  const found: Found = {
    numbers: [],
    month: undefined,
    monthPlace: -1,
    clock: undefined,
    half: undefined,
    isBefore: false,
    zone: undefined,
  }
  const plain = text.replace(PUNCTUATION, " ")
  TOKEN.lastIndex = 0
  let place = 0
  for (let at = 0; at < plain.length; at = TOKEN.lastIndex) {
    const match = TOKEN.exec(plain)
    if (match === null) return plain.slice(at).trim() === "" ? found : undefined
    const [, clock, offset, digits, word] = match
    if (clock !== undefined) found.clock = parseTime(clock)
    if (clock !== undefined && found.clock === undefined) return undefined
    // An offset can only follow a time; before it, the sign is a separator of a date.
    if (offset !== undefined && found.clock !== undefined) found.zone = offsetSeconds(offset)
    else if (offset !== undefined) found.numbers.push({ digits: offset.slice(1), place: place++ })
    if (digits !== undefined) found.numbers.push({ digits, place: place++ })
    // PostgreSQL reads `pm-08` as the name of a zone.
    if (word !== undefined && /^[ap]m$/i.test(word) && /^[+-]/.test(plain.slice(TOKEN.lastIndex))) return undefined
    if (word !== undefined && !addWord(found, word, place++)) return undefined
  }
  return found
}

const addWord = (found: Found, word: string, place: number): boolean => {
  const lowered = word.toLowerCase()
  if (MONTH_NAMES.test(lowered)) {
    if (found.month !== undefined) return false
    found.month = MONTHS.indexOf(lowered.slice(0, 3)) + 1
    found.monthPlace = place
  } else if (lowered === "am" || lowered === "pm") found.half = lowered
  else if (lowered === "bc") found.isBefore = true
  else if (lowered !== "ad" && lowered !== "t" && lowered !== "at" && !WEEKDAYS.test(lowered)) {
    if (findZone(word) === undefined || found.zone !== undefined) return false
    found.zone = word
  }
  return true
}

const offsetSeconds = (text: string): number => {
  const [, hours, minutes, seconds] = /^.(\d{1,2}):?(\d{2})?:?(\d{2})?$/.exec(text)!
  return (text.startsWith("-") ? -1 : 1) * (Number(hours) * 3600 + Number(minutes ?? 0) * 60 + Number(seconds ?? 0))
}

/** Two digits are a year from 1970 to 2069. */
const yearOf = (digits: string): number => {
  const year = Number(digits)
  if (digits.length > 2) return year
  return year < 70 ? year + 2000 : year + 1900
}

const dateOf = ({ numbers, month, isBefore }: Found): number | undefined => {
  const digits = numbers.map((number) => number.digits)
  const parts = month === undefined ? numericDate(digits) : namedDate(digits, month)
  if (parts === undefined) return undefined
  const [yearDigits, monthNumber, day] = parts
  const shown = isBefore ? Number(yearDigits) : yearOf(yearDigits)
  const year = isBefore ? 1 - shown : shown
  if (shown === 0 || monthNumber < 1 || monthNumber > 12 || day < 1 || day > daysInMonth(year, monthNumber)) return undefined
  return daysFromCivil(year, monthNumber, day)
}

type DateParts = readonly [year: string, month: number, day: number]

const numericDate = (digits: ReadonlyArray<string>): DateParts | undefined => {
  const [first, second, third] = digits
  if (digits.length === 1 && first!.length === 8) return [first!.slice(0, 4), Number(first!.slice(4, 6)), Number(first!.slice(6))]
  if (digits.length === 1 && first!.length === 6) return [first!.slice(0, 2), Number(first!.slice(2, 4)), Number(first!.slice(4))]
  if (digits.length !== 3) return undefined
  if (first!.length > 2) return [first!, Number(second), Number(third)]
  return [third!, Number(first), Number(second)]
}

const namedDate = (digits: ReadonlyArray<string>, month: number): DateParts | undefined => {
  const [first, second] = digits
  if (digits.length !== 2) return undefined
  return first!.length > 2 ? [first!, month, Number(second)] : [second!, month, Number(first)]
}

const clockOf = ({ clock, half }: Found): number | undefined => {
  if (clock === undefined || half === undefined) return clock
  const hour = Math.floor(clock / HOUR)
  if (hour < 1 || hour > 12) return undefined
  return clock - (hour === 12 ? 12 * HOUR : 0) + (half === "pm" ? 12 * HOUR : 0)
}

const HOUR = 3_600_000_000

const readStamp = (text: string): ReadStamp | undefined => {
  const compact = text.replace(/(\d)T(\d)/i, "$1 $2").replace(/^(\d{8}) (\d{2})(\d{2})(\d{2})(?=\D|$)/, "$1 $2:$3:$4")
  const found = findParts(compact)
  const days = found === undefined ? undefined : dateOf(found)
  if (found === undefined || days === undefined) return undefined
  if (found.half !== undefined && clockOf(found) === undefined) return undefined
  return { days, clock: clockOf(found), zone: found.zone }
}

const EARLIEST = -2_440_588
const LAST_DATE = daysFromCivil(5_874_897, 12, 31)
const END_OF_TIME = daysFromCivil(294_277, 1, 1)

export const isDateInRange = (days: number): boolean => !Number.isFinite(days) || (days >= EARLIEST && days <= LAST_DATE)

export const isStampInRange = (micros: Whole): boolean => {
  // What is safe in a number is no more than 285,000 years away, so only bigints may be out of range.
  if (typeof micros === "number") return true
  const { days } = splitMicros(micros)
  return days >= EARLIEST && days < END_OF_TIME
}

const within = <T extends Whole>(value: T | undefined, isInRange: (value: T) => boolean): T | undefined =>
  value !== undefined && isInRange(value) ? value : undefined

/** The model reads an offset after a date; to PostgreSQL a fourth number after dashes is a mistake. */
const FOUR_NUMBERS = /^\s*\d+-\d+-\d+-/

const EPOCH = /^\s*epoch\s*$/i

export const readDate = (text: string): number | undefined => {
  if (EPOCH.test(text)) return 0
  if (FOUR_NUMBERS.test(text)) return undefined
  const days = parseDate(text)
  if (days !== undefined) return within(days, isDateInRange)
  const stamp = parseTimestamp(text, false)
  return within(stamp === undefined ? readStamp(text)?.days : splitMicros(stamp).days, isDateInRange)
}

export const readTime = (text: string): number | undefined => {
  const clock = parseTime(text)
  if (clock !== undefined) return clock
  const compact = /^\s*(\d{2})(\d{2})(\d{2})?(\.\d+)?\s*$/.exec(text)
  if (compact !== null) return parseTime(`${compact[1]}:${compact[2]}:${compact[3] ?? "00"}${compact[4] ?? ""}`)
  const found = findParts(text)
  if (found === undefined || found.clock === undefined) return undefined
  return found.numbers.length === 0 || dateOf(found) !== undefined ? clockOf(found) : undefined
}

export const readTimestamp = (text: string, zoned: boolean): Whole | undefined => {
  if (EPOCH.test(text)) return 0
  if (FOUR_NUMBERS.test(text)) return undefined
  const plain = parseTimestamp(text, zoned)
  return within(plain ?? looseTimestamp(text, zoned), isStampInRange)
}

const looseTimestamp = (text: string, zoned: boolean): Whole | undefined => {
  const stamp = readStamp(text)
  if (stamp === undefined) return undefined
  const local = microsOf(stamp.days, stamp.clock ?? 0)
  if (!zoned || stamp.zone === undefined) return local
  if (typeof stamp.zone === "number") return addWhole(local, -stamp.zone * 1_000_000)
  return fromLocal(local, findZone(stamp.zone)!)
}
