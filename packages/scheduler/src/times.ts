/** The times of a schedule, with its dates, its jitter, and what becomes of those that were missed. */
import { createHash } from "node:crypto"
import { nextTimes } from "@deltaflow/core/adapter"
import type { Known } from "./Pipelines.ts"

/** How late a look may come, milliseconds. A time that is older was missed. */
export const MISSED_AFTER = 60_000

/** The first time after `from`, undefined where none comes. */
export const timeAfter = async (
  schedule: string,
  timezone: string,
  from: number,
  settings: Known["settings"],
): Promise<number | undefined> => {
  const { start_date: start, end_date: end } = settings
  // The start itself may be a time.
  const after = start === undefined ? from : Math.max(from, Date.parse(start) - 1)
  const [next] = await timesAfter(schedule, timezone, after, 1)
  return next === undefined || (end !== undefined && next > Date.parse(end)) ? undefined : next
}

/** Fewer where the schedule ends. One that never comes is told by `validate`. */
const timesAfter = async (schedule: string, timezone: string, from: number, count: number): Promise<ReadonlyArray<number>> => {
  try {
    return await nextTimes(schedule, timezone, from, count)
  } catch {
    return []
  }
}

/** The first time that still gets a run: those that are not missed, and of the ones before them at most `limit`. */
export const firstToRun = async (
  { schedule, timezone, nextAt }: { readonly schedule: string; readonly timezone: string; readonly nextAt: number },
  now: number,
  limit: number,
  settings: Known["settings"],
): Promise<number | undefined> => {
  const missedUntil = now - MISSED_AFTER
  // Of long gaps only about `limit` times are computed: those since the middle, as long as they are too few.
  const missedSince = async (from: number) =>
    (await timesAfter(schedule, timezone, from, limit + 1)).filter((time) => time < missedUntil).length
  let from = nextAt - 1
  if ((await missedSince(from)) > limit) {
    let few = missedUntil
    while (few - from > 500) {
      const middle = Math.floor((few + from) / 2)
      if ((await missedSince(middle)) > limit) from = middle
      else few = middle
    }
    from = few
  }
  return await timeAfter(schedule, timezone, from, settings)
}

/** How much later than its time a run starts: the same for all processes, another for each time, from 0 to below `jitter`. */
export const delayOf = (pipeline: string, time: number, jitter: number): number => {
  if (jitter === 0) return 0
  const chance = createHash("sha256").update(`${pipeline} ${time}`).digest().readUInt32BE() / 2 ** 32
  return Math.floor(chance * jitter)
}
