/** Checks of cron expressions and time zones. */
import type { LogicalTime } from "../contract/Store.ts"
import { didYouMean } from "../model/nearestName.ts"
import type { Path } from "./path.ts"
import type { Problem } from "./problem.ts"
import { lastInstant, nextInstant, type NextWall, type WallSchedule } from "./zoneTimes.ts"
import { messageOf } from "../model/messageOf.ts"

/** Names for schedules that many have. */
const NAMED: ReadonlyMap<string, string> = new Map([
  ["@yearly", "0 0 1 1 *"],
  ["@annually", "0 0 1 1 *"],
  ["@monthly", "0 0 1 * *"],
  ["@weekly", "0 0 * * 0"],
  ["@daily", "0 0 * * *"],
  ["@midnight", "0 0 * * *"],
  ["@hourly", "0 * * * *"],
])

const fieldsOf = (expression: string): string => NAMED.get(expression.trim().toLowerCase()) ?? expression

const FIELDS = ["minute", "hour", "day of month", "month", "day of week"]

/** What is wrong with a cron expression of 5 fields, or 6 with seconds first, or a name such as `@daily`. */
export const cronProblems = async (expression: string, path: Path): Promise<ReadonlyArray<Problem>> => {
  if (known.has(expression)) return []
  const fields = fieldsOf(expression).trim().split(/\s+/)
  if (expression.trim().startsWith("@") && fields.length === 1) {
    const message = `${JSON.stringify(expression)} is no name of a schedule.${didYouMean(expression, [...NAMED.keys()])}`
    return [{ code: "INVALID_VALUE", message, path, hint: `Names: ${[...NAMED.keys()].join(", ")}.` }]
  }
  if (fields.length !== 5 && fields.length !== 6) {
    const found = `${fields.length} in ${JSON.stringify(expression)}`
    const message = `expected a cron expression of 5 fields (${FIELDS.join(", ")}), or 6 with seconds first; got ${found}.`
    return [{ code: "INVALID_VALUE", message, path, hint: 'Every six hours is "0 */6 * * *".' }]
  }
  // Few definitions have a schedule, so the parser is loaded when the first one does.
  const { CronExpressionParser } = await import("cron-parser")
  try {
    const parsed = CronExpressionParser.parse(fieldsOf(expression), { tz: "UTC" })
    parsed.next()
    await onTheWall(expression)
    return []
  } catch (cause) {
    const found = messageOf(cause)
    if (found.startsWith("Invalid explicit day of month")) {
      const message = `${JSON.stringify(expression)} never fires: none of its months has such a day.`
      return [{ code: "INVALID_VALUE", message, path, hint: "For the last day of each month, write L as the day." }]
    }
    const reason = plainly(found)
    return [
      {
        code: "INVALID_VALUE",
        message: `${JSON.stringify(expression)} is no cron expression: ${reason}.`,
        path,
        hint: `Fields: ${fields.length === 6 ? "second, " : ""}${FIELDS.join(", ")}.`,
      },
    ]
  }
}

/**
 * The next times of a schedule after `from`, in milliseconds since 1970. The expression and the zone
 * are right.
 */
export const nextTimes = async (expression: string, timezone: string, from: number, count: number): Promise<ReadonlyArray<number>> => {
  const { schedule } = await onTheWall(expression)
  const times: Array<number> = []
  for (let last = from; times.length < count;) {
    last = nextInstant(schedule, timezone, last)
    times.push(last)
  }
  return times
}

/** The last times of a schedule up to `until` and with it, the last one first, in milliseconds since 1970. */
export const previousTimes = async (expression: string, timezone: string, until: number, count: number): Promise<ReadonlyArray<number>> => {
  const { schedule, previous } = await onTheWall(expression)
  const times: Array<number> = []
  for (let end = until; times.length < count; end = times.at(-1)! - 1) times.push(lastInstant(schedule, previous, timezone, end))
  return times
}

interface OnTheWall {
  readonly schedule: WallSchedule
  readonly previous: NextWall
}

/** Schedules that were read, because thousands of pipelines have a few between them. */
const known = new Map<string, OnTheWall>()

const MOST_KNOWN = 1000

const onTheWall = async (expression: string): Promise<OnTheWall> => {
  const read = known.get(expression) ?? (await readSchedule(expression))
  if (known.size >= MOST_KNOWN) known.clear()
  known.set(expression, read)
  return read
}

/** Its times on a wall whose clock is never changed: the parser's own reckoning with zones leaves times out where clocks are moved. */
const readSchedule = async (expression: string): Promise<OnTheWall> => {
  const { CronExpressionParser } = await import("cron-parser")
  const parsed = CronExpressionParser.parse(fieldsOf(expression), { tz: "UTC" })
  const next: NextWall = (wall) => {
    parsed.reset(new Date(wall))
    return parsed.next().getTime()
  }
  const previous: NextWall = (wall) => {
    parsed.reset(new Date(wall))
    return parsed.prev().getTime()
  }
  return { schedule: { next, namesEveryHour: parsed.fields.hour.values.length === 24 }, previous }
}

/** What a run at this time is for, by the schedule: the last whole interval before it. */
export const lastInterval = async (expression: string, timezone: string, now: number): Promise<LogicalTime> => {
  const [scheduledAt, intervalStart] = await previousTimes(expression, timezone, now, 2)
  return { scheduledAt: scheduledAt!, intervalStart: intervalStart! }
}

const plainly = (message: string): string =>
  message
    .replace(/^Constraint error, got value (.*?) expected range (.*?)\.?$/, "$1 is not within $2")
    .replace(/^Validation error, cannot resolve alias "(.*?)"\.?$/, '"$1" is no name of a month or a day')
    .replace(/^Invalid characters, got value: (.*?)\.?$/, "$1 is no value of a field")
    .replace(/\.$/, "")

/** What is wrong with the name of a time zone. */
export const timezoneProblems = (timezone: string, path: Path): ReadonlyArray<Problem> => {
  if (isTimezone(timezone)) return []
  const guess = didYouMean(timezone, Intl.supportedValuesOf("timeZone"))
  return [
    {
      code: "INVALID_VALUE",
      message: `expected an IANA time zone, got ${JSON.stringify(timezone)}.${guess}`,
      path,
      hint: "Names look like UTC, Europe/Berlin or America/New_York.",
    },
  ]
}

const isTimezone = (timezone: string): boolean => {
  // Offsets such as +02:00 are accepted by Intl, and know no daylight saving time: a schedule asks for a zone.
  if (!/^[A-Za-z]/.test(timezone)) return false
  try {
    return new Intl.DateTimeFormat("en", { timeZone: timezone }).resolvedOptions().timeZone !== ""
  } catch {
    return false
  }
}
