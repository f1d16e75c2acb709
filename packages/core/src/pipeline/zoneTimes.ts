/**
 * Times of a clock on the wall as instants, over the days on which the clock is changed.
 *
 * A schedule that names every hour goes by real time: where the clock is set back it comes in both of the hours, where it is set forward
 * there is no hour to leave out. One that names some hours comes once for each: where the clock is set back the first time, where it is set
 * forward over the time, as much later as the clock was moved.
 */

/** The next time on the wall behind this one, both as if they were UTC. */
export type NextWall = (wall: number) => number

export interface WallSchedule {
  readonly next: NextWall
  readonly namesEveryHour: boolean
}

const HOUR_MS = 3_600_000

/** No clock is moved by more. */
const LONGEST_MOVE = 4 * HOUR_MS

const formats = new Map<string, Intl.DateTimeFormat>()

/** What the wall shows less UTC, milliseconds. */
const offsetAt = (timezone: string, instant: number): number => {
  let format = formats.get(timezone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: timezone,
      calendar: "iso8601",
      hourCycle: "h23",
      era: "short",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    })
    formats.set(timezone, format)
  }
  const parts: Record<string, number> = {}
  for (const { type, value } of format.formatToParts(instant)) parts[type] = Number(value)
  const wall = Date.UTC(parts["year"]!, parts["month"]! - 1, parts["day"], parts["hour"], parts["minute"], parts["second"])
  return wall - Math.floor(instant / 1000) * 1000
}

/** When the clock is moved, and by what it is ahead of UTC before and after. */
interface Move {
  readonly at: number
  readonly before: number
  readonly after: number
}

/** The move between two instants; undefined where there is none. */
const moveBetween = (timezone: string, from: number, to: number): Move | undefined => {
  const [before, after] = [offsetAt(timezone, from), offsetAt(timezone, to)]
  if (before === after) return undefined
  let [early, late] = [Math.floor(from / 1000), Math.ceil(to / 1000)]
  while (late - early > 1) {
    const middle = Math.floor((early + late) / 2)
    if (offsetAt(timezone, middle * 1000) === before) early = middle
    else late = middle
  }
  return { at: late * 1000, before, after }
}

/** The first instant behind this one at which the schedule comes. */
export const nextInstant = (schedule: WallSchedule, timezone: string, from: number): number => {
  const near = moveBetween(timezone, from - LONGEST_MOVE, from + LONGEST_MOVE)
  if (near !== undefined) return nextNear(schedule, timezone, near, from)
  return instantOf(schedule, timezone, schedule.next(from + offsetAt(timezone, from)), from)
}

/** All that may come behind `from`, where a move of the clock is near: before it, after it, and what it leaves out. */
const nextNear = (schedule: WallSchedule, timezone: string, { at, before, after }: Move, from: number): number => {
  if (from < at) {
    const first = schedule.next(from + before) - before
    if (first < at) return first
  }
  const start = Math.max(from, at - 1)
  const { namesEveryHour } = schedule
  // What the wall shows once more was done the first time.
  const done = namesEveryHour || after > before ? start + after : Math.max(start + after, at + before - 1)
  const wall = schedule.next(done)
  const next = wall - after < at + LONGEST_MOVE ? wall - after : instantOf(schedule, timezone, wall, Math.max(start, at))
  if (namesEveryHour || after < before) return next
  const leftOut = schedule.next(start + before)
  return leftOut < at + after ? Math.min(next, leftOut - before) : next
}

/** The instant at which the wall shows this, the first where there are two; `from` is before it, and nothing comes in between. */
const instantOf = (schedule: WallSchedule, timezone: string, wall: number, from: number): number => {
  // Zones are from 12 hours behind UTC to 14 before it.
  const move = moveBetween(timezone, wall - 17 * HOUR_MS, wall + 15 * HOUR_MS)
  if (move === undefined) return wall - offsetAt(timezone, wall)
  if (wall - move.before < move.at) return wall - move.before
  if (from >= move.at) return wall - move.after
  return nextNear(schedule, timezone, move, move.at - 1)
}

/** The last instant at which the schedule comes, up to this one. `previous` gives the time on the wall before another. */
export const lastInstant = (schedule: WallSchedule, previous: NextWall, timezone: string, until: number): number => {
  let wall = previous(until + offsetAt(timezone, until) + 1)
  for (;;) {
    // Far from a move of the clock it is what the wall says; near to one it is looked for from before it.
    const early = wall - offsetAt(timezone, wall) - LONGEST_MOVE
    const isFar =
      offsetAt(timezone, early) === offsetAt(timezone, until) && offsetAt(timezone, early - LONGEST_MOVE) === offsetAt(timezone, early)
    if (isFar) return wall - offsetAt(timezone, until)
    let last: number | undefined
    for (let next = nextInstant(schedule, timezone, early); next <= until; next = nextInstant(schedule, timezone, next)) last = next
    if (last !== undefined) return last
    wall = previous(wall)
  }
}
