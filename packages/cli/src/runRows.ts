/** A stored run as the HTTP API shows it, and as cells of a table. */
import type { EngineEvent, Run } from "@deltaflow/core"
import { count } from "./Live.ts"
import { shownDuration } from "@deltaflow/core/gantt"

export const runAsJson = (run: Run) => ({
  id: run.id,
  pipeline: run.pipeline,
  status: run.status,
  trigger: run.trigger,
  created_at: isoTime(run.createdAt),
  started_at: isoTime(run.startedAt),
  completed_at: isoTime(run.completedAt),
  duration_ms: durationOf(run) ?? null,
  full_refresh: run.fullRefresh,
  dry_run: run.dryRun,
  rows_extracted: run.rowsExtracted,
  rows_filtered: run.rowsFiltered,
  rows_loaded: run.rowsLoaded,
  rows_rejected: run.rowsRejected,
  stages: run.stages.map((stage) => ({ name: stage.name, rows_in: stage.rowsIn, rows_out: stage.rowsOut, duration_ms: stage.durationMs })),
  error: run.error,
  retry_of: run.retryOf,
  variables: run.variables,
})

export const eventAsJson = ({ id, type, timestamp, pipeline, runId, data }: EngineEvent) => ({
  id,
  event: type,
  timestamp: isoTime(timestamp),
  pipeline,
  run_id: runId,
  data,
})

/** Milliseconds that an ended run took. */
export const durationOf = ({ startedAt, completedAt }: Run): number | undefined =>
  startedAt === null || completedAt === null ? undefined : completedAt - startedAt

export const isoTime = (time: number | null): string | null => (time === null ? null : new Date(time).toISOString())

/** `2026-02-15 10:30:00`, UTC. */
export const shownTime = (time: number | null): string => (time === null ? "" : new Date(time).toISOString().slice(0, 19).replace("T", " "))

export const runColumns = [
  { title: "run" },
  { title: "pipeline" },
  { title: "status" },
  { title: "started (UTC)" },
  { title: "took", align: "right" },
  { title: "read", align: "right" },
  { title: "written", align: "right" },
  { title: "rejected", align: "right" },
] as const

export const runCells = (run: Run): ReadonlyArray<string> => [
  run.id,
  run.pipeline,
  run.status,
  shownTime(run.startedAt),
  shownDuration(durationOf(run)),
  count(run.rowsExtracted),
  count(run.rowsLoaded),
  count(run.rowsRejected),
]

/** RFC 4180, with a header. */
export const runsAsCsv = (runs: ReadonlyArray<Run>): string => {
  const header = [
    "id",
    "pipeline",
    "status",
    "trigger",
    "started_at",
    "completed_at",
    "duration_ms",
    "rows_extracted",
    "rows_loaded",
    "rows_rejected",
  ] as const
  const lines = runs.map(runAsJson).map((run) => header.map((name) => csvField(run[name])).join(","))
  return [header.join(","), ...lines].join("\n")
}

const csvField = (value: string | number | null): string => {
  const text = value === null ? "" : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
