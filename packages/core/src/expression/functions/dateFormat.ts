/** TO_CHAR of dates, TO_DATE and TO_TIMESTAMP. */
import type { Whole } from "../../model/Decimal.ts"
import type { Interval } from "../../model/Interval.ts"
import { daysFromCivil, daysInMonth, microsOf } from "../../model/Temporal.ts"
import { quoteValue } from "../../model/Value.ts"
import { dayOfWeek, dayOfYear, type Fields, fieldsOf, isoWeek } from "./dateParts.ts"
import { checkedDate, checkedStamp, isInfinite } from "./dates.ts"
import { dateTemplate, isNumericPattern, type PatternPart, type TemplatePart } from "./dateTemplate.ts"
import { ExpressionError } from "../ExpressionError.ts"
import { fn, type Signature } from "./signatures.ts"

const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

const MINUTE = 60_000_000
const HOUR = 3_600_000_000

const hourOf = ({ clock }: Fields): number => Math.floor(clock / HOUR)
const microsOfSecond = ({ clock }: Fields): number => clock % 1_000_000
const hour12 = (fields: Fields): number => hourOf(fields) % 12 || 12
const shownYear = (year: number): number => (year > 0 ? year : 1 - year)
const isoYear = ({ days }: Fields): number => shownYear(isoWeek(days).year)
const isoDay = ({ days }: Fields): number => dayOfWeek(days) || 7
const isoDayOfYear = ({ days }: Fields): number => (isoWeek(days).week - 1) * 7 + (dayOfWeek(days) || 7)

const century = (year: number): number => (year > 0 ? Math.floor((year - 1) / 100) + 1 : Math.trunc(year / 100) - 1)

type Numeric = readonly [width: number, value: (fields: Fields) => number]

/** Numbers with the width to which zeros fill them. */
const NUMBERS: Readonly<Record<string, Numeric>> = {
  YYYY: [4, ({ year }) => shownYear(year)],
  YYY: [3, ({ year }) => shownYear(year) % 1000],
  YY: [2, ({ year }) => shownYear(year) % 100],
  Y: [1, ({ year }) => shownYear(year) % 10],
  IYYY: [4, isoYear],
  IYY: [3, (fields) => isoYear(fields) % 1000],
  IY: [2, (fields) => isoYear(fields) % 100],
  I: [1, (fields) => isoYear(fields) % 10],
  CC: [2, ({ year }) => century(year)],
  Q: [1, ({ month }) => Math.floor((month - 1) / 3) + 1],
  MM: [2, ({ month }) => month],
  WW: [2, (fields) => Math.floor((dayOfYear(fields) - 1) / 7) + 1],
  W: [1, ({ day }) => Math.floor((day - 1) / 7) + 1],
  IW: [2, ({ days }) => isoWeek(days).week],
  DDD: [3, dayOfYear],
  DD: [2, ({ day }) => day],
  D: [1, ({ days }) => dayOfWeek(days) + 1],
  IDDD: [3, isoDayOfYear],
  ID: [1, isoDay],
  J: [1, ({ days }) => days + 2_440_588],
  HH24: [2, hourOf],
  HH12: [2, hour12],
  HH: [2, hour12],
  MI: [2, ({ clock }) => Math.floor(clock / MINUTE) % 60],
  SS: [2, ({ clock }) => Math.floor(clock / 1_000_000) % 60],
  MS: [3, (fields) => Math.floor(microsOfSecond(fields) / 1000)],
  US: [6, microsOfSecond],
  FF1: [1, (fields) => Math.floor(microsOfSecond(fields) / 100_000)],
  FF2: [2, (fields) => Math.floor(microsOfSecond(fields) / 10_000)],
  FF3: [3, (fields) => Math.floor(microsOfSecond(fields) / 1000)],
  FF4: [4, (fields) => Math.floor(microsOfSecond(fields) / 100)],
  FF5: [5, (fields) => Math.floor(microsOfSecond(fields) / 10)],
  FF6: [6, microsOfSecond],
  SSSS: [1, ({ clock }) => Math.floor(clock / 1_000_000)],
  SSSSS: [1, ({ clock }) => Math.floor(clock / 1_000_000)],
}

/** These keep their zeros with FM too: they are fractions. */
const FRACTIONS = /^(MS|US|FF\d)$/

/** `th`, `st`, `nd` or `rd` behind a number. */
export const ordinalOf = (digits: string): string => {
  if (/1\d$/.test(digits)) return "th"
  return ["th", "st", "nd", "rd"][Number(digits.at(-1))] ?? "th"
}

/** What TH or th adds to a number. */
const ordinalFor = (digits: string, ordinal: PatternPart["ordinal"]): string => {
  if (ordinal === undefined) return ""
  return ordinal === "TH" ? ordinalOf(digits).toUpperCase() : ordinalOf(digits)
}

/** As the pattern is written: `MONTH`, `Month` or `month`. */
const inCase = (text: string, written: string): string => {
  if (written === written.toUpperCase()) return text.toUpperCase()
  return written === written.toLowerCase() ? text.toLowerCase() : text
}

const NAME_WIDTH = 9
const ROMAN_MONTHS = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"]
const ROMAN_WIDTH = 4

const formatPart = (part: PatternPart, fields: Fields, zoned: boolean): string => {
  const number = NUMBERS[part.name]
  if (number === undefined) return formatWord(part, fields, zoned)
  const [width, value] = number
  const digits = String(value(fields))
  const text = part.fill && !FRACTIONS.test(part.name) ? digits : padded(digits, width)
  return text + ordinalFor(digits, part.ordinal)
}

const padded = (digits: string, width: number): string =>
  digits.startsWith("-") ? `-${digits.slice(1).padStart(width, "0")}` : digits.padStart(width, "0")

const formatWord = ({ name, written, fill, ordinal }: PatternPart, fields: Fields, zoned: boolean): string => {
  const isAfternoon = hourOf(fields) >= 12
  const filled = (text: string): string => (fill ? text : text.padEnd(NAME_WIDTH))
  switch (name) {
    case "MONTH":
      return filled(inCase(MONTHS[fields.month - 1]!, written))
    case "MON":
      return inCase(MONTHS[fields.month - 1]!.slice(0, 3), written)
    case "DAY":
      return filled(inCase(DAYS[dayOfWeek(fields.days)]!, written))
    case "DY":
      return inCase(DAYS[dayOfWeek(fields.days)]!.slice(0, 3), written)
    case "RM": {
      const roman = ROMAN_MONTHS[fields.month - 1]!
      return inCase(fill ? roman : roman.padEnd(ROMAN_WIDTH), written)
    }
    case "AM":
    case "PM":
      return inCase(isAfternoon ? "PM" : "AM", written)
    case "A.M.":
    case "P.M.":
      return inCase(isAfternoon ? "P.M." : "A.M.", written)
    case "AD":
    case "BC":
      return inCase(fields.year > 0 ? "AD" : "BC", written)
    case "A.D.":
    case "B.C.":
      return inCase(fields.year > 0 ? "A.D." : "B.C.", written)
    case "TZ":
      return zoned ? inCase("UTC", written) : ""
    case "TZH":
      return "+00"
    case "OF":
      return fill ? "+0" : "+00"
    case "TZM":
      return "00"
    default:
      return withComma(shownYear(fields.year)) + ordinalFor(String(shownYear(fields.year)), ordinal)
  }
}

/** `Y,YYY` */
const withComma = (year: number): string => `${Math.floor(year / 1000)},${String(year % 1000).padStart(3, "0")}`

const format = (stamp: Whole, parts: ReadonlyArray<TemplatePart>, zoned: boolean): string | null => {
  // PostgreSQL gives null for an empty template too.
  if (isInfinite(stamp) || parts.length === 0) return null
  const fields = fieldsOf(stamp)
  let text = ""
  for (const part of parts) text += part.kind === "text" ? part.text : formatPart(part, fields, zoned)
  return text
}

const formatStampAs = (stamp: Whole, parts: ReadonlyArray<TemplatePart>): string | null => format(stamp, parts, false)
const formatZonedAs = (stamp: Whole, parts: ReadonlyArray<TemplatePart>): string | null => format(stamp, parts, true)

/** Parts of an interval. They may be negative, and hours more than a day has. */
const SPAN_NUMBERS: Readonly<Record<string, readonly [width: number, value: (span: Interval) => number]>> = {
  YYYY: [4, ({ months }) => Math.trunc(months / 12)],
  YYY: [3, ({ months }) => Math.trunc(months / 12) % 1000],
  YY: [2, ({ months }) => Math.trunc(months / 12) % 100],
  Y: [1, ({ months }) => Math.trunc(months / 12) % 10],
  CC: [2, ({ months }) => Math.trunc(Math.trunc(months / 12) / 100)],
  MM: [2, ({ months }) => months % 12],
  DDD: [3, ({ months, days }) => months * 30 + days],
  DD: [2, ({ days }) => days],
  HH24: [2, ({ micros }) => Math.trunc(micros / HOUR)],
  HH12: [2, ({ micros }) => Math.trunc(micros / HOUR) % 12 || 12],
  HH: [2, ({ micros }) => Math.trunc(micros / HOUR) % 12 || 12],
  MI: [2, ({ micros }) => Math.trunc(micros / MINUTE) % 60],
  SS: [2, ({ micros }) => Math.trunc(micros / 1_000_000) % 60],
  SSSS: [1, ({ micros }) => Math.trunc(micros / 1_000_000)],
  SSSSS: [1, ({ micros }) => Math.trunc(micros / 1_000_000)],
  MS: [3, ({ micros }) => Math.trunc((micros % 1_000_000) / 1000)],
  US: [6, ({ micros }) => micros % 1_000_000],
  ...Object.fromEntries(
    [1, 2, 3, 4, 5, 6].map((digits) => [
      `FF${digits}`,
      [digits, ({ micros }: Interval) => Math.trunc((micros % 1_000_000) / 10 ** (6 - digits))] as const,
    ]),
  ),
}

/** For an interval, words and places in a calendar mean nothing. */
const spanTemplate = (template: string): ReadonlyArray<TemplatePart> => {
  const parts = dateTemplate(template)
  for (const part of parts) {
    if (part.kind === "pattern" && SPAN_NUMBERS[part.name] === undefined)
      throw new ExpressionError(
        "INVALID_ARGUMENT",
        `The template ${quoteValue(template)} uses ${part.name}, which an interval does not have.`,
      )
  }
  return parts
}

const formatSpanAs = (span: Interval, parts: ReadonlyArray<TemplatePart>): string | null => {
  if (!span.isFinite || parts.length === 0) return null
  let text = ""
  for (const part of parts) text += part.kind === "text" ? part.text : formatSpanPart(part, span)
  return text
}

const formatSpanPart = ({ name, fill, ordinal }: PatternPart, span: Interval): string => {
  const [width, value] = SPAN_NUMBERS[name]!
  const digits = String(value(span) + 0)
  // Of days and fractions the sign counts into the width; of the hours of half a day it is lost.
  const isPlain = name.startsWith("DD") || FRACTIONS.test(name)
  const isBefore = name.startsWith("HH") && span.micros <= -HOUR && !digits.startsWith("-")
  const signed = isBefore ? width + 1 : digits.startsWith("-") && isPlain ? width - 1 : width
  const text = fill && !FRACTIONS.test(name) ? digits : padded(digits, signed)
  return text + ordinalFor(digits, ordinal)
}

/** Patterns that TO_DATE and TO_TIMESTAMP do not read. */
const UNREAD = new Set("IYYY IYY IY I IDDD ID IW WW W CC TZ TZH TZM OF Y,YYY".split(" "))

const readTemplate = (template: string): ReadonlyArray<TemplatePart> => {
  const parts = dateTemplate(template)
  for (const part of parts) {
    if (part.kind === "pattern" && UNREAD.has(part.name)) {
      throw new ExpressionError(
        "INVALID_ARGUMENT",
        `The template ${quoteValue(template)} uses ${part.name}, which is only there for to_char.`,
      )
    }
  }
  return parts
}

/** Reads a text by a template into its fields. */
class Reader {
  private readonly text: string
  private at = 0
  readonly fields = new Map<string, number>()
  half: "am" | "pm" | undefined
  isBefore = false

  constructor(text: string) {
    this.text = text
  }

  read(parts: ReadonlyArray<TemplatePart>): void {
    parts.forEach((part, i) => {
      // What the text does not reach is as if it were not in the template.
      if (this.at >= this.text.length) return
      if (part.kind === "text") this.skipText(part.text, part.isQuoted)
      else this.readPart(part, parts[i + 1])
    })
  }

  fail(what: string): ExpressionError {
    return new ExpressionError("INVALID_CAST", `${quoteValue(this.text)}: ${what}.`)
  }

  /** A blank or sign of the template stands for any blanks and signs; what is in quotes stands for as many characters. */
  private skipText(text: string, isQuoted: boolean): void {
    if (isQuoted) this.at += text.length
    else if (/[\s]/.test(text)) this.skipBlanks()
    else {
      this.skipBlanks()
      if (/[^A-Za-z0-9]/.test(this.text[this.at] ?? "")) this.at++
    }
  }

  private skipBlanks(): void {
    while (/\s/.test(this.text[this.at] ?? "")) this.at++
  }

  private readPart(part: PatternPart, next: TemplatePart | undefined): void {
    while (/[\s]/.test(this.text[this.at] ?? "")) this.at++
    if (isNumericPattern(part.name)) this.readNumber(part, next)
    else this.readWord(part.name)
  }

  /** Takes all digits, or where another number follows at once, as many as the pattern has. */
  private readNumber({ name, ordinal }: PatternPart, next: TemplatePart | undefined): void {
    const isTight = next?.kind === "pattern" && isNumericPattern(next.name)
    const widest = WIDTHS[name] ?? Math.max(name.length, 2)
    const pattern = isTight || FRACTIONS.test(name) ? new RegExp(`\\d{1,${widest}}`, "y") : /[+-]?\d+/y
    pattern.lastIndex = this.at
    const digits = pattern.exec(this.text)?.[0]
    if (digits === undefined) throw this.fail(`${name} finds no digits at ${quoteValue(this.text.slice(this.at))}`)
    this.at += digits.length + (ordinal === undefined ? 0 : 2)
    if (FRACTIONS.test(name)) this.fields.set("micros", (this.fields.get("micros") ?? 0) + fraction(name, digits))
    else this.fields.set(name, yearOf(name, digits))
  }

  private readWord(name: string): void {
    const rest = this.text.slice(this.at).toLowerCase()
    if (name === "MONTH" || name === "MON") return this.takeName(MONTHS, name, rest, (index) => this.fields.set("MM", index + 1))
    if (name === "DAY" || name === "DY") return this.takeName(DAYS, name, rest, () => undefined)
    if (name === "RM") {
      const roman = /^[ivx]+/.exec(rest)?.[0] ?? ""
      return this.takeName(ROMAN_MONTHS, name, roman, (index) => this.fields.set("MM", index + 1))
    }
    const word = (name.includes(".") ? /^[abp]\.[dcm]\./ : /^(am|pm|ad|bc)/).exec(rest)?.[0]
    if (word === undefined) throw this.fail(`${name} finds nothing at ${quoteValue(rest)}`)
    this.at += word.length
    if (word.startsWith("p")) this.half = "pm"
    else if (word.endsWith("m") || word.endsWith("m.")) this.half = "am"
    else this.isBefore = word.startsWith("b")
  }

  private takeName(names: ReadonlyArray<string>, name: string, rest: string, take: (index: number) => unknown): void {
    const isShort = name === "MON" || name === "DY"
    const index = names.findLastIndex((full) => rest.startsWith((isShort ? full.slice(0, 3) : full).toLowerCase()))
    if (index < 0) throw this.fail(`${name} finds no name at ${quoteValue(rest)}`)
    this.at += isShort ? 3 : names[index]!.length
    take(index)
  }
}

const WIDTHS: Readonly<Record<string, number>> = {
  YYYY: 4,
  YYY: 3,
  YY: 2,
  Y: 1,
  HH24: 2,
  HH12: 2,
  DDD: 3,
  MS: 3,
  US: 6,
  SSSS: 5,
  SSSSS: 5,
  FF1: 1,
  FF2: 2,
  FF3: 3,
  FF4: 4,
  FF5: 5,
  FF6: 6,
  J: 7,
  Q: 1,
  D: 1,
}

const fraction = (name: string, digits: string): number => {
  const width = name === "MS" ? 3 : name === "US" ? 6 : Number(name.slice(2))
  return Number(digits.slice(0, width).padEnd(6, "0"))
}

/** Years of fewer than four digits are near 2020. */
const yearOf = (name: string, digits: string): number => {
  const value = Number(digits)
  if (!/^Y{1,3}$/.test(name) || digits.length > 3) return value
  if (digits.length === 3) return value < 520 ? value + 2000 : value + 1000
  return value < 70 ? value + 2000 : value + 1900
}

const inRange = (reader: Reader, name: string, least: number, most: number, otherwise: number): number => {
  const value = reader.fields.get(name)
  if (value === undefined) return otherwise
  if (value < least || value > most) throw reader.fail(`${name} is ${value}, and must be from ${least} to ${most}`)
  return value
}

const dateOf = (reader: Reader): number => {
  const { fields } = reader
  const julian = fields.get("J")
  if (julian !== undefined) return julian - 2_440_588
  const named = fields.get("YYYY") ?? fields.get("YYY") ?? fields.get("YY") ?? fields.get("Y") ?? 0
  const year = reader.isBefore && named > 0 ? 1 - named : named
  if (fields.has("DDD")) return daysFromCivil(year, 1, 1) + inRange(reader, "DDD", 1, 366, 1) - 1
  const month = inRange(reader, "MM", 1, 12, 1)
  const day = inRange(reader, "DD", 1, 31, 1)
  if (day > daysInMonth(year, month)) throw reader.fail(`the month has no day ${day}`)
  return daysFromCivil(year, month, day)
}

const clockOf = (reader: Reader): number => {
  const seconds = reader.fields.get("SSSS") ?? reader.fields.get("SSSSS")
  const fractional = reader.fields.get("micros") ?? 0
  if (seconds !== undefined) return seconds * 1_000_000 + fractional
  const minute = inRange(reader, "MI", 0, 59, 0)
  const second = inRange(reader, "SS", 0, 59, 0)
  return (hourRead(reader) * 60 + minute) * MINUTE + second * 1_000_000 + fractional
}

const hourRead = (reader: Reader): number => {
  const of12 = reader.fields.has("HH12") ? "HH12" : "HH"
  const hour = reader.fields.has(of12) ? inRange(reader, of12, 1, 12, 0) : inRange(reader, "HH24", 0, 23, 0)
  if (reader.half === undefined && !reader.fields.has(of12)) return hour
  if (hour < 1 || hour > 12) throw reader.fail(`the hour ${hour} has no AM or PM`)
  return (hour % 12) + (reader.half === "pm" ? 12 : 0)
}

const readBy = (text: string, parts: ReadonlyArray<TemplatePart>): Reader => {
  const reader = new Reader(text)
  reader.read(parts)
  return reader
}

const dateBy = (text: string, parts: ReadonlyArray<TemplatePart>): number => checkedDate(dateOf(readBy(text, parts)))

const timestampBy = (text: string, parts: ReadonlyArray<TemplatePart>): Whole => {
  const reader = readBy(text, parts)
  return checkedStamp(microsOf(dateOf(reader), clockOf(reader)))
}

export const dateFormatRuntime = {
  dateTemplate,
  spanTemplate,
  formatSpanAs,
  readTemplate,
  formatStampAs,
  formatZonedAs,
  dateBy,
  timestampBy,
}

const refusing =
  (make: (template: string) => unknown) =>
  (constants: ReadonlyArray<unknown>): string | undefined => {
    const template = constants[1]
    try {
      if (typeof template === "string") make(template)
      return undefined
    } catch (error) {
      if (error instanceof ExpressionError) return error.message
      throw error
    }
  }

const writing = { prepare: { by: "dateTemplate", from: [1] }, refuse: refusing(dateTemplate), nullable: true }
const reading = { prepare: { by: "readTemplate", from: [1] }, refuse: refusing(readTemplate) }

export const dateFormatSignatures: ReadonlyArray<Signature> = [
  fn("to_char(timestamp, string)", "string", "formatStampAs", writing),
  fn("to_char(timestamptz, string)", "string", "formatZonedAs", writing),
  fn("to_char(interval, string)", "string", "formatSpanAs", {
    prepare: { by: "spanTemplate", from: [1] },
    refuse: refusing(spanTemplate),
    nullable: true,
  }),
  fn("to_date(string, string)", "date", "dateBy", reading),
  fn("to_timestamp(string, string)", "timestamptz", "timestampBy", reading),
]
