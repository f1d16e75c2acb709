/** What a run that has ended says, for people and as JSON. */
import type { DecodedPipeline, PipelineDefinition, RunProgress, RunResult } from "@deltaflow/core"
import { table } from "@deltaflow/core/table"
import { count } from "./Live.ts"
import { shownDuration } from "@deltaflow/core/gantt"
import { runAsJson } from "./runRows.ts"
import type { Terminal } from "./Terminal.ts"

export type Runnable = DecodedPipeline | PipelineDefinition

export const done = (terminal: Terminal, text: string): string => `${terminal.style("green", "✓")} ${text}`

export const sayLoaded = (terminal: Terminal, { name, version }: Runnable): void => {
  terminal.say(done(terminal, `Loaded pipeline: ${name}${version === undefined || version === "" ? "" : ` v${version}`}`))
}

export const sayResult = (terminal: Terminal, pipeline: Runnable, result: RunResult, milliseconds: number): void => {
  const { progress, rowsRejected, dryRun, pipeline: name } = result
  if (dryRun) return terminal.say(`\nDry run of ${name}: everything opens and fits. Nothing was read or written.`)
  for (const source of progress.sources) terminal.say(done(terminal, `Source: ${source.name} (${plural(source.rows, "row")})`))
  progress.steps.forEach((step, i) => terminal.say(done(terminal, `Transform: ${step.name} (${stepCount(pipeline, i, step.rowsOut)})`)))
  for (const destination of progress.destinations)
    terminal.say(done(terminal, `Destination: ${destination.label} (${plural(destination.rows, "row")} written)`))
  if (rowsRejected > 0) terminal.say(`${terminal.style("yellow", "!")} ${plural(rowsRejected, "row")} rejected, see the dead letter`)
  terminal.say(`\nPipeline completed in ${(milliseconds / 1000).toFixed(1)}s`)
}

const stepCount = (pipeline: Runnable, index: number, rows: number): string => {
  const definition = "steps" in pipeline ? stepDefinition(pipeline, index) : undefined
  if (definition === undefined) return `${plural(rows, "row")} passed`
  switch (definition.type) {
    case "rename":
      return `${plural(Object.keys(definition.columns).length, "column")} renamed`
    case "select":
      return `${plural(definition.columns.length, "column")} kept`
    case "map":
      return `${plural(Object.keys(definition.fields).length, "column")} computed`
    default:
      return `${plural(rows, "row")} passed`
  }
}

const stepDefinition = (pipeline: DecodedPipeline, index: number) => {
  const step = pipeline.steps[index]
  return step?.kind === "builtin" ? step.step : undefined
}

const plural = (value: number, noun: string): string => `${count(value)} ${noun}${value === 1 ? "" : "s"}`

/** How much is kept, and how to go on. Gives the exit code. */
export const sayInterrupted = (terminal: Terminal, { rowsLoaded }: RunResult, goOn: string): number => {
  const kept = rowsLoaded === 0 ? "nothing was written" : `${plural(rowsLoaded, "row")} written, and they stay`
  terminal.say(`Interrupted: ${kept}. ${goOn}`)
  return 130
}

/** One line of where the time of a measured run went. */
interface ProfileLine {
  readonly stage: "start" | "extract" | "transform" | "load"
  readonly name: string
  readonly rows: number | null
  readonly durationMs: number
  /** Of the whole run, from 0 to 1. */
  readonly share: number
}

/** The stages of a measured run take turns, so what is left of the whole is opening, planning and closing. */
export const profileOf = ({ progress, startedAt, completedAt }: RunResult): ReadonlyArray<ProfileLine> => {
  const stages = stageTimes(progress)
  const known = stages.reduce((sum, { durationMs }) => sum + durationMs, 0)
  const whole = Math.max(known, (completedAt ?? 0) - (startedAt ?? 0))
  const rest = { stage: "start", name: "opening and planning", rows: null, durationMs: whole - known } as const
  return [rest, ...stages].map((line) => ({ ...line, share: whole === 0 ? 0 : line.durationMs / whole }))
}

const stageTimes = ({ sources, steps, destinations }: RunProgress): ReadonlyArray<Omit<ProfileLine, "share">> => [
  ...sources.map(({ name, rows, durationMs }) => ({ stage: "extract", name, rows, durationMs }) as const),
  ...steps.map(({ name, rowsOut, durationMs }) => ({ stage: "transform", name, rows: rowsOut, durationMs }) as const),
  ...destinations.map(({ label, rows, durationMs }) => ({ stage: "load", name: label, rows, durationMs }) as const),
]

export const profileTable = (lines: ReadonlyArray<ProfileLine>): string =>
  table(
    [
      { title: "stage" },
      { title: "step" },
      { title: "rows", align: "right" },
      { title: "time", align: "right" },
      { title: "share", align: "right" },
    ],
    lines.map(({ stage, name, rows, durationMs, share }) => [
      stage,
      name,
      rows === null ? "" : count(rows),
      durationMs < 1000 ? `${durationMs.toFixed(1)} ms` : shownDuration(durationMs),
      `${(share * 100).toFixed(1)} %`,
    ]),
  )

export const resultAsJson = (result: RunResult, isMeasured: boolean) => ({
  run: {
    ...runAsJson(result),
    sources: result.progress.sources.map(({ name, rows, bytes }) => ({ name, rows, bytes })),
    steps: result.progress.steps.map(({ name, type, rowsIn, rowsOut }) => ({ name, type, rows_in: rowsIn, rows_out: rowsOut })),
    destinations: result.progress.destinations.map(({ name, location, rows }) => ({ name, location: location ?? null, rows })),
    ...(isMeasured
      ? {
          profile: profileOf(result).map(({ stage, name, rows, durationMs, share }) => ({
            stage,
            name,
            rows,
            duration_ms: Math.round(durationMs * 1000) / 1000,
            share: Math.round(share * 10_000) / 10_000,
          })),
        }
      : {}),
  },
})
