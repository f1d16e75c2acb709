/** Runs for scheduled times that have gone by. */
import { type Engine, EngineError, type PipelineInput } from "@deltaflow/core"
import { nextTimes, previousTimes, promised } from "@deltaflow/core/adapter"

export interface BackfillOptions {
  /** Milliseconds since 1970. */
  readonly from: number
  /** Times before this one. */
  readonly to: number
  /** Default -1: behind runs that wait for other reasons. */
  readonly priority?: number
}

export interface WaitingBackfill {
  readonly pipeline: string
  /** In the order of their times. */
  readonly runs: ReadonlyArray<{ readonly id: string; readonly scheduledAt: number }>
}

const MOST = 10_000

/**
 * Lets one run wait for each time of the schedule from `from` to before `to`, each with that time as its own. Rejects with `RANGE_REFUSED`
 * where there are none, or more than 10,000, or where the definition does not name `:interval_start`, `:interval_end` or `:scheduled_at`:
 * every run would then read the same.
 */
export const backfillSchedule = async (engine: Engine, pipeline: PipelineInput, options: BackfillOptions): Promise<WaitingBackfill> => {
  const service = await engine.service()
  const { name, schedule, timezone, written } = await promised(service.decode(pipeline))
  const refused = (why: string) => new EngineError({ code: "RANGE_REFUSED", message: `${name}: ${why}`, path: [name] })
  if (schedule === undefined) throw refused("it has no schedule, so there are no times to run it for.")
  if (!/:(interval_start|interval_end|scheduled_at)\b/.test(JSON.stringify(written)))
    throw refused("nothing in it names `:interval_start`, `:interval_end` or `:scheduled_at`, so each run would read the same.")
  const times = await timesBetween(schedule, timezone, options, refused)
  let [intervalStart] = await previousTimes(schedule, timezone, times[0]! - 1, 1)
  const runs: Array<{ readonly id: string; readonly scheduledAt: number }> = []
  for (const scheduledAt of times) {
    const { id } = await engine.enqueueRun({
      pipeline,
      trigger: "schedule",
      runAt: scheduledAt,
      priority: options.priority ?? -1,
      logicalTime: { scheduledAt, intervalStart: intervalStart! },
    })
    runs.push({ id, scheduledAt })
    intervalStart = scheduledAt
  }
  return { pipeline: name, runs }
}

const timesBetween = async (
  schedule: string,
  timezone: string,
  { from, to }: BackfillOptions,
  refused: (why: string) => EngineError,
): Promise<ReadonlyArray<number>> => {
  const times: Array<number> = []
  const span = `from ${new Date(from).toISOString()} to ${new Date(to).toISOString()}`
  for (let after = from - 1; ; after = times.at(-1)!) {
    const page = (await nextTimes(schedule, timezone, after, PAGE)).filter((time) => time < to)
    times.push(...page)
    if (times.length > MOST) throw refused(`its schedule has more than ${MOST} times ${span}. Take a shorter span.`)
    if (page.length < PAGE) break
  }
  if (times.length === 0) throw refused(`its schedule has no time ${span}.`)
  return times
}

const PAGE = 500
