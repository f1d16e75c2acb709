/** Every time zone from 2020 to 2035: the times of schedules on the days on which clocks are changed, against a count of every minute. */
import { describe, expect, it } from "vitest"
import { nextTimes, previousTimes } from "./schedule.ts"

const HOUR = 3_600_000
const DAY = 24 * HOUR
const MINUTE = 60_000

interface Move {
  readonly at: number
  readonly before: number
  readonly after: number
}

/** What the wall shows, by the platform's own tables. */
const wallOf = (timezone: string): ((instant: number) => number) => {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone: timezone, dateStyle: "short", timeStyle: "medium" })
  return (instant) => Date.parse(`${format.format(instant).replace(" ", "T")}Z`)
}

const movesOf = (timezone: string): ReadonlyArray<Move> => {
  const wall = wallOf(timezone)
  const offset = (instant: number) => wall(instant) - instant
  const moves: Array<Move> = []
  for (let week = Date.UTC(2020, 0, 1); week < Date.UTC(2036, 0, 1); week += 7 * DAY) {
    const [before, after] = [offset(week), offset(week + 7 * DAY)]
    if (before === after) continue
    let [early, late] = [week, week + 7 * DAY]
    while (late - early > MINUTE) {
      const middle = early + Math.floor((late - early) / 2 / MINUTE) * MINUTE
      if (offset(middle) === before) early = middle
      else late = middle
    }
    moves.push({ at: late, before, after })
  }
  return moves
}

/** Zones that move their clocks at the same times are the same to a schedule. */
const zones = (): ReadonlyMap<string, ReadonlyArray<Move>> => {
  const distinct = new Map<string, readonly [string, ReadonlyArray<Move>]>()
  for (const timezone of Intl.supportedValuesOf("timeZone")) {
    const moves = movesOf(timezone)
    if (moves.length > 0) distinct.set(JSON.stringify(moves), [timezone, moves])
  }
  return new Map(distinct.values())
}

/** All minutes whose wall clock the schedule names. */
const everyMinute = ({ at, before, after }: Move, [start, end]: Span, minutes: number): ReadonlyArray<number> => {
  const times: Array<number> = []
  for (let instant = Math.ceil(start / MINUTE) * MINUTE; instant < end; instant += MINUTE)
    if (new Date(instant + (instant < at ? before : after)).getUTCMinutes() % minutes === 0) times.push(instant)
  return times
}

/** Each named time of each day once: where the wall shows it first, or by the old clock where it does not show it. */
const onceEach = ({ at, before, after }: Move, [start, end]: Span, hours: ReadonlyArray<number>, minute: number): ReadonlyArray<number> => {
  const times = new Set<number>()
  for (let day = Math.floor(start / DAY) - 2; day <= Math.floor(end / DAY) + 2; day++) {
    for (const hour of hours) {
      const wall = day * DAY + hour * HOUR + minute * MINUTE
      const isBefore = wall - before < at || wall - after < at
      const instant = isBefore ? wall - before : wall - after
      if (instant > start && instant < end) times.add(instant)
    }
  }
  return [...times].toSorted((a, b) => a - b)
}

type Span = readonly [start: number, end: number]

const evenHours = Array.from({ length: 12 }, (_, i) => i * 2)

const schedules: ReadonlyArray<readonly [expression: string, times: (move: Move, span: Span) => ReadonlyArray<number>]> = [
  ["0 * * * *", (move, span) => everyMinute(move, span, 60)],
  ["*/20 * * * *", (move, span) => everyMinute(move, span, 20)],
  ["30 2 * * *", (move, span) => onceEach(move, span, [2], 30)],
  ["45 2,3 * * *", (move, span) => onceEach(move, span, [2, 3], 45)],
  ["0 0 * * *", (move, span) => onceEach(move, span, [0], 0)],
  ["15 */2 * * *", (move, span) => onceEach(move, span, evenHours, 15)],
]

const all = zones()

it("there are zones of many kinds", () => {
  expect(all.size).toBeGreaterThan(30)
  const moves = [...all.values()].flat()
  expect(new Set(moves.map(({ before, after }) => (after - before) / MINUTE)).size).toBeGreaterThan(4)
})

describe.each([...all])("%s", (timezone, moves) => {
  it.each(schedules)("%s", { timeout: 120_000 }, async (expression, expected) => {
    for (const move of moves) {
      const span: Span = [move.at - DAY - 1, move.at + DAY]
      const times = expected(move, span)
      expect((await nextTimes(expression, timezone, span[0], times.length + 1)).filter((time) => time < span[1])).toEqual(times)
      expect((await previousTimes(expression, timezone, span[1] - 1, times.length)).toReversed()).toEqual(times)
    }
  })
})
