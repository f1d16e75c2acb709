/** Time zones by name, from the host's own data, and the few abbreviations that everybody knows. */
import { splitMicros } from "../../model/Temporal.ts"
import { addWhole, type Whole } from "../../model/Decimal.ts"
import { quoteValue } from "../../model/Value.ts"
import { ExpressionError } from "../ExpressionError.ts"

/** A zone made ready: seconds to add to UTC at a moment, in milliseconds since 1970. */
export type Zone = (moment: number) => number

const HOUR = 3600

/** As PostgreSQL's default set has them; the summer ones are fixed too. */
const ABBREVIATIONS: Readonly<Record<string, number>> = {
  UTC: 0,
  UT: 0,
  GMT: 0,
  Z: 0,
  ZULU: 0,
  WET: 0,
  WEST: HOUR,
  BST: HOUR,
  CET: HOUR,
  MET: HOUR,
  CEST: 2 * HOUR,
  MEST: 2 * HOUR,
  EET: 2 * HOUR,
  EEST: 3 * HOUR,
  MSK: 3 * HOUR,
  JST: 9 * HOUR,
  KST: 9 * HOUR,
  EST: -5 * HOUR,
  EDT: -4 * HOUR,
  CST: -6 * HOUR,
  CDT: -5 * HOUR,
  MST: -7 * HOUR,
  MDT: -6 * HOUR,
  PST: -8 * HOUR,
  PDT: -7 * HOUR,
}

const zones = new Map<string, Zone>()

/** The zone of a name; undefined where there is none. */
export const findZone = (name: string): Zone | undefined => {
  const known = zones.get(name)
  if (known !== undefined) return known
  const fixed = Object.hasOwn(ABBREVIATIONS, name.toUpperCase()) ? ABBREVIATIONS[name.toUpperCase()]! : undefined
  const zone = fixed === undefined ? namedZone(name) : () => fixed
  if (zone !== undefined) zones.set(name, zone)
  return zone
}

/** For `AT TIME ZONE`; throws where there is no such zone. */
export const zoneNamed = (name: string): Zone => {
  const zone = findZone(name)
  if (zone !== undefined) return zone
  const hint = /^[+-]?\d/.test(name)
    ? " Write a fixed offset as an interval: INTERVAL '+02:00'."
    : " Use a name such as Europe/Berlin, or UTC."
  throw new ExpressionError("INVALID_ARGUMENT", `There is no time zone ${quoteValue(name)}.${hint}`)
}

const namedZone = (name: string): Zone | undefined => {
  if (!/^[a-z][a-z0-9_+-]*(\/[a-z0-9_+-]+)+$/i.test(name)) return undefined
  const format = formatOf(name)
  if (format === undefined) return undefined
  const remembered = new Map<number, number>()
  return (at) => {
    const moment = at > LAST ? at - Math.ceil((at - LAST) / CYCLE) * CYCLE : at
    const block = Math.floor(moment / BLOCK)
    // Since 1970 zones have changed at full quarters of an hour only.
    if (moment < 0 || !(Math.abs(moment) < LAST)) return offsetAt(format, Math.max(-LAST, Math.min(moment, LAST)))
    let offset = remembered.get(block)
    if (offset === undefined) {
      offset = offsetAt(format, moment)
      if (remembered.size >= MOST_REMEMBERED) remembered.clear()
      remembered.set(block, offset)
    }
    return offset
  }
}

const BLOCK = 900_000
/** After 400 years the calendar, days of the week included, is what it was; so are the rules of a zone. */
const CYCLE = 146_097 * 86_400_000
/** The end of what JavaScript's dates reach, in milliseconds. */
const LAST = 8.64e15 - 1
const MOST_REMEMBERED = 10_000

const formatOf = (name: string): Intl.DateTimeFormat | undefined => {
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: name, timeZoneName: "longOffset" })
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

const offsetAt = (format: Intl.DateTimeFormat, moment: number): number => {
  const text = format.formatToParts(moment).find((part) => part.type === "timeZoneName")?.value ?? ""
  const match = /^GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(text)
  if (match === null) throw new Error(`The host gave the offset ${text}, which is not of the form GMT+00:00.`)
  const seconds = Number(match[2] ?? 0) * HOUR + Number(match[3] ?? 0) * 60 + Number(match[4] ?? 0)
  return match[1] === "-" ? -seconds : seconds
}

const milliseconds = (micros: Whole): number => {
  const { days, microsOfDay } = splitMicros(micros)
  return days * 86_400_000 + Math.floor(microsOfDay / 1000)
}

const shifted = (micros: Whole, seconds: number): Whole => addWhole(micros, seconds * 1_000_000)

/** What a clock in the zone shows at the moment. */
export const toLocal = (micros: Whole, zone: Zone): Whole => shifted(micros, zone(milliseconds(micros)))

/**
 * The moment at which a clock in the zone shows this. Where clocks are set forward and no such moment exists, the time before the change
 * goes on; where they are set back and two exist, it is the second.
 */
export const fromLocal = (local: Whole, zone: Zone): Whole => {
  const clock = milliseconds(local)
  const before = zone(clock - 86_400_000)
  const after = zone(clock + 86_400_000)
  const fits = [before, after].filter((offset) => zone(clock - offset * 1000) === offset)
  return shifted(local, -(fits.at(-1) ?? before))
}
