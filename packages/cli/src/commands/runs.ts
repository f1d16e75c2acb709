/** `deltaflow runs`: the history as a table, as data or as a chart, and one run in full. */
import type { Run, RunFilter } from "@deltaflow/core"
import { table } from "@deltaflow/core/table"
import { countFlag, type Invocation, isSet, type RunCommand, textFlag, UsageError } from "../Command.ts"
import { chartOf, mermaidGantt, shownDuration, svgGantt } from "@deltaflow/core/gantt"
import { textGantt } from "../gantt/text.ts"
import { count } from "../Live.ts"
import { reportUnknownRun } from "../report.ts"
import { durationOf, isoTime, runAsJson, runCells, runColumns, runsAsCsv } from "../runRows.ts"
import { openSession } from "../session.ts"

const FORMATS = ["table", "json", "csv", "mermaid", "svg"]

export const run: RunCommand = async (invocation) => {
  const [verb, id] = invocation.operands
  if (verb !== undefined && (verb !== "show" || id === undefined))
    throw new UsageError("runs takes nothing, or show ID. See deltaflow runs --help.")
  const form = formOf(invocation)
  const filter = filterOf(invocation, form, Date.now())
  await using session = await openSession(invocation)
  if (id !== undefined) return showRun(invocation, await session.engine.getRun(id), id)
  const { runs, total } = await session.engine.listRuns(filter)
  invocation.terminal.data(listed(invocation, runs, form))
  if (total > runs.length) invocation.terminal.say(`${count(total - runs.length)} more: raise --limit to see them`)
  return 0
}

const formOf = (invocation: Invocation): string => {
  const form = textFlag(invocation, "format") ?? (isSet(invocation, "json") ? "json" : "table")
  if (!FORMATS.includes(form)) throw new UsageError(`--format takes ${FORMATS.join(", ")}, not ${JSON.stringify(form)}.`)
  return form
}

/** What a screen holds, and what a chart or another program can take. */
const limitOf = (invocation: Invocation, form: string): number => (form === "table" && !isSet(invocation, "gantt") ? 50 : 1000)

const filterOf = (invocation: Invocation, form: string, now: number): RunFilter => {
  const last = textFlag(invocation, "last")
  const pipeline = textFlag(invocation, "pipeline")
  return {
    limit: countFlag(invocation, "limit") ?? limitOf(invocation, form),
    ...(last === undefined ? {} : { since: now - milliseconds(last) }),
    ...(pipeline === undefined ? {} : { pipeline }),
  }
}

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

export const milliseconds = (text: string): number => {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)([smhdw])$/.exec(text) ?? []
  if (amount === undefined || unit === undefined)
    throw new UsageError(`--last takes a time such as 90m, 24h or 7d, not ${JSON.stringify(text)}.`)
  return Number(amount) * UNITS[unit]!
}

const listed = (invocation: Invocation, runs: ReadonlyArray<Run>, form: string): string => {
  const { terminal } = invocation
  const chart = () => chartOf(runs, { now: Date.now(), last: textFlag(invocation, "last") })
  switch (form) {
    case "json":
      return JSON.stringify(runs.map(runAsJson))
    case "csv":
      return runsAsCsv(runs)
    case "mermaid":
      return mermaidGantt(chart())
    case "svg":
      return svgGantt(chart())
    default:
      if (runs.length === 0) return "No runs."
      return isSet(invocation, "gantt") ? textGantt(chart(), terminal, terminal.width) : table(runColumns, runs.map(runCells))
  }
}

const showRun = (invocation: Invocation, run: Run | undefined, id: string): number => {
  const { terminal } = invocation
  if (run === undefined) return reportUnknownRun(terminal, id, isSet(invocation, "json"))
  terminal.data(isSet(invocation, "json") ? JSON.stringify(runAsJson(run)) : runText(run))
  return 0
}

export const runText = (run: Run): string => {
  const facts: ReadonlyArray<readonly [string, string]> = [
    ["run", run.id],
    ["pipeline", run.pipeline],
    ["status", run.status],
    ["trigger", run.retryOf === null ? run.trigger : `${run.trigger} of ${run.retryOf}`],
    ["started", isoTime(run.startedAt) ?? "not yet"],
    ["took", shownDuration(durationOf(run)) || "not ended"],
    [
      "rows",
      `${count(run.rowsExtracted)} read, ${count(run.rowsFiltered)} filtered, ${count(run.rowsLoaded)} written, ${count(run.rowsRejected)} rejected`,
    ],
  ]
  const lines = [...facts, ...failureFacts(run)].map(([name, value]) => `${name.padEnd(10)}${value}`)
  return run.stages.length === 0 ? lines.join("\n") : [...lines, "", stageTable(run)].join("\n")
}

const failureFacts = ({ error }: Run): ReadonlyArray<readonly [string, string]> =>
  error === null ? [] : [["error", `${error.code}: ${error.message}`], ...(error.hint === null ? [] : [["hint", error.hint] as const])]

const stageTable = ({ stages }: Run): string =>
  table(
    [{ title: "stage" }, { title: "in", align: "right" }, { title: "out", align: "right" }, { title: "took", align: "right" }],
    stages.map((stage) => [stage.name, count(stage.rowsIn), count(stage.rowsOut), shownDuration(stage.durationMs)]),
  )
