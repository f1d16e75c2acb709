/** Runs over time, as the three pictures of them need it: bars by pipeline, oldest first. */
import type { Run } from "../../contract/Store.ts"

export interface Bar {
  readonly number: number
  readonly run: Run
  readonly start: number
  readonly end: number
}

export interface Section {
  readonly pipeline: string
  readonly bars: ReadonlyArray<Bar>
}

export interface Chart {
  readonly title: string
  readonly start: number
  readonly end: number
  readonly sections: ReadonlyArray<Section>
}

/** A run that goes on lasts until now. */
export const chartOf = (runs: ReadonlyArray<Run>, { now, last }: { readonly now: number; readonly last: string | undefined }): Chart => {
  const pipelines = [...new Set(runs.map((run) => run.pipeline))].sort()
  const sections = pipelines.map((pipeline) => ({
    pipeline,
    bars: barsOf(
      runs.filter((run) => run.pipeline === pipeline),
      now,
    ),
  }))
  const bars = sections.flatMap((section) => section.bars)
  const start = Math.min(now, ...bars.map((bar) => bar.start))
  const end = Math.max(start + 1000, ...bars.map((bar) => bar.end))
  return { title: last === undefined ? "Pipeline Run History" : `Pipeline Run History (Last ${last})`, start, end, sections }
}

const barsOf = (runs: ReadonlyArray<Run>, now: number): ReadonlyArray<Bar> =>
  runs
    .map((run) => ({ run, start: run.startedAt ?? run.createdAt, end: run.completedAt ?? Math.max(now, run.createdAt) }))
    .sort((a, b) => a.start - b.start)
    .map((bar, i) => ({ number: i + 1, ...bar }))
