/** Values of the engine as the API shows them. */
import { type EngineEvent, parseJson, type Run, type RunProgress, type StoredCheckpoint } from "@deltaflow/core"

/** To the second, as everything on the page of the API. */
export const isoTime = (time: number | null): string | null => (time === null ? null : `${new Date(time).toISOString().slice(0, 19)}Z`)

export const durationOf = ({ startedAt, completedAt }: Run): number | null =>
  startedAt === null || completedAt === null ? null : completedAt - startedAt

export const lastRunAsJson = (run: Run) => ({
  id: run.id,
  status: run.status,
  started_at: isoTime(run.startedAt),
  duration_ms: durationOf(run),
  rows_loaded: run.rowsLoaded,
})

export interface RunProgressJson {
  readonly stage: "extract" | "transform" | "load"
  readonly rows_processed: number
}

/** How far a run is that goes on; `live` is what its own process knows. */
export const progressOf = (run: Run, live: RunProgress | undefined): RunProgressJson | null => {
  if (run.status !== "running" && run.status !== "pending") return null
  return live === undefined
    ? { stage: run.rowsLoaded > 0 ? "load" : "extract", rows_processed: run.rowsExtracted }
    : { stage: live.stage, rows_processed: live.read }
}

export const startedRunAsJson = (run: Run, live: RunProgress | undefined) => ({
  id: run.id,
  pipeline: run.pipeline,
  status: run.status,
  started_at: isoTime(run.startedAt),
  progress: progressOf(run, live),
})

export const runAsJson = (run: Run, live: RunProgress | undefined) => ({
  id: run.id,
  pipeline: run.pipeline,
  revision: run.revision,
  status: run.status,
  trigger: run.trigger,
  started_at: isoTime(run.startedAt),
  completed_at: isoTime(run.completedAt),
  duration_ms: durationOf(run),
  full_refresh: run.fullRefresh,
  dry_run: run.dryRun,
  rows_extracted: run.rowsExtracted,
  rows_loaded: run.rowsLoaded,
  rows_rejected: run.rowsRejected,
  progress: progressOf(run, live),
  stages: run.stages.map((stage) => ({
    name: stage.name,
    rows_in: stage.rowsIn,
    rows_out: stage.rowsOut,
    duration_ms: Math.round(stage.durationMs),
  })),
  error: run.error,
  attempt: run.attempt,
  retry_of: run.retryOf,
  variables: run.variables,
})

/** Events may be close together, so their times are exact. */
export const eventAsJson = ({ id, type, timestamp, pipeline, runId, data }: EngineEvent) => ({
  id,
  type,
  timestamp: new Date(timestamp).toISOString(),
  pipeline,
  run_id: runId,
  data,
})

export const stateAsJson = (pipeline: string, checkpoints: ReadonlyArray<StoredCheckpoint>) => ({
  pipeline,
  destinations: checkpoints.map(({ destination, runId, updatedAt, cursors }) => ({
    destination,
    run_id: runId,
    updated_at: isoTime(updatedAt),
    cursors: Object.fromEntries(Object.entries(cursors).map(([source, text]) => [source, parsed(text)])),
  })),
})

const parsed = (text: string): unknown => {
  try {
    return parseJson(text)
  } catch {
    return text // A cursor that is no JSON stands for itself.
  }
}
