/** `deltaflow schedule`: the next times of a schedule, and runs for times that have gone by. */
import { nextTimes } from "@deltaflow/core/adapter"
import { table } from "@deltaflow/core/table"
import { backfillSchedule } from "@deltaflow/scheduler"
import { countFlag, type Invocation, isSet, type RunCommand, textFlag, UsageError } from "../Command.ts"
import { namedPipeline, openProject, openSession } from "../session.ts"

const MOST = 1000

export const run: RunCommand = async (invocation) => {
  const [verb] = invocation.operands
  if (verb === "next") return await showNext(invocation)
  if (verb === "backfill") return await backfill(invocation)
  throw new UsageError(`schedule takes next or backfill, not ${JSON.stringify(verb)}.`)
}

const timeFlag = (invocation: Invocation, flag: "from" | "to"): number | undefined => {
  const text = textFlag(invocation, flag)
  const time = text === undefined ? undefined : Date.parse(text)
  if (Number.isNaN(time)) throw new UsageError(`--${flag} takes a time such as 2026-02-15T10:30:00Z, not ${JSON.stringify(text)}.`)
  return time
}

/** The runs are started by a scheduler. */
const backfill = async (invocation: Invocation): Promise<number> => {
  const [from, to] = [timeFlag(invocation, "from"), timeFlag(invocation, "to")]
  if (from === undefined || to === undefined) throw new UsageError("schedule backfill needs --from TIME and --to TIME.")
  await using session = await openSession(invocation)
  const name = invocation.operands[1]!
  const { runs } = await backfillSchedule(session.engine, namedPipeline(session.project, name), { from, to })
  const { terminal } = invocation
  const waiting = runs.map(({ id, scheduledAt }) => ({ run_id: id, scheduled_at: new Date(scheduledAt).toISOString() }))
  if (isSet(invocation, "json")) terminal.data(JSON.stringify({ pipeline: name, runs: waiting }))
  else
    terminal.say(
      `${terminal.style("green", "✓")} ${runs.length === 1 ? "1 run waits" : `${runs.length} runs wait`} for times of ${name}, the first for ${waiting[0]!.scheduled_at}. deltaflow scheduler start, or serve, runs them.`,
    )
  return 0
}

const showNext = async (invocation: Invocation): Promise<number> => {
  const name = invocation.operands[1]!
  const count = countFlag(invocation, "count") ?? 10
  if (count < 1 || count > MOST) throw new UsageError(`--count takes a number from 1 to ${MOST}, not ${count}.`)
  const from = timeFlag(invocation, "from") ?? Date.now()
  const { schedule, timezone } = namedPipeline(await openProject(invocation), name)
  if (schedule === undefined) throw new UsageError(`${name} has no schedule.`)
  const times = await nextTimes(schedule, timezone, from, count)
  const { terminal } = invocation
  if (isSet(invocation, "json"))
    terminal.data(JSON.stringify({ pipeline: name, schedule, timezone, next: times.map((time) => new Date(time).toISOString()) }))
  else
    terminal.data(
      table(
        [{ title: "UTC" }, { title: timezone }],
        times.map((time) => [new Date(time).toISOString().slice(0, 19).replace("T", " "), local(time, timezone)]),
      ),
    )
  return 0
}

/** `2026-02-15 11:30:00 GMT+1`. */
const local = (time: number, timeZone: string): string => {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" })
  const zone = new Intl.DateTimeFormat("en", { timeZone, timeZoneName: "shortOffset" })
    .formatToParts(time)
    .find(({ type }) => type === "timeZoneName")
  return `${format.format(time)} ${zone?.value ?? ""}`.trim()
}
