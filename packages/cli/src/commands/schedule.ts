/** `deltaflow schedule next`: the next times of a pipeline's schedule. */
import { nextTimes } from "@deltaflow/core/adapter"
import { table } from "@deltaflow/core/table"
import { countFlag, isSet, type RunCommand, textFlag, UsageError } from "../Command.ts"
import { namedPipeline, openProject } from "../session.ts"

const MOST = 1000

export const run: RunCommand = async (invocation) => {
  const [verb, name] = invocation.operands as readonly [string, string]
  if (verb !== "next") throw new UsageError(`schedule takes next, not ${JSON.stringify(verb)}.`)
  const count = countFlag(invocation, "count") ?? 10
  if (count < 1 || count > MOST) throw new UsageError(`--count takes a number from 1 to ${MOST}, not ${count}.`)
  const text = textFlag(invocation, "from")
  const from = text === undefined ? Date.now() : Date.parse(text)
  if (Number.isNaN(from)) throw new UsageError(`--from takes a time such as 2026-02-15T10:30:00Z, not ${JSON.stringify(text)}.`)
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
