/**
 * Pipelines as jobs of pg-boss.
 *
 * A job is cancelled by `boss.cancel`: its heartbeat tells the worker. A run that was cancelled, or whose definition is wrong, fails its
 * job for good. pg-boss keeps no progress and no log of a job while it is active: they go to `onProgress` and `onLog`, and the
 * finished run is the job's `output`.
 */
import type { Engine, EngineEvent, PipelineInput } from "@deltaflow/core"
import { type JobData, jobData, jobRunner, type JobRunOptions } from "../jobs.ts"
import { isFinal, type JobProgress } from "../runJob.ts"

/** What is used of a job of pg-boss. */
export interface PgBossJob {
  readonly id: string
  readonly data: unknown
  readonly signal: AbortSignal
}

export interface PgBossOptions {
  readonly onProgress?: (job: PgBossJob, progress: JobProgress) => unknown
  readonly onLog?: (job: PgBossJob, line: string, event: EngineEvent) => unknown
  /** Told where one of these two fails: the run goes on. Default: nobody. */
  readonly onHearingError?: (error: unknown) => void
}

interface PgBossResult {
  readonly id: string
  readonly status: "completed" | "failed" | "deadletter"
  readonly output: object
}

/** For `boss.work(queue, { perJobResults: true }, pgBossHandler(engine, pipelines))`. */
export const pgBossHandler = (engine: Engine, pipelines: ReadonlyArray<PipelineInput>, options: PgBossOptions = {}) => {
  const run = jobRunner(engine, pipelines)
  const one = async (job: PgBossJob): Promise<PgBossResult> => {
    const { id, data, signal } = job
    const { onProgress, onLog, onHearingError } = options
    const hearing = { onHearingError, onProgress: onProgress?.bind(undefined, job), onLog: onLog?.bind(undefined, job) }
    try {
      return { id, status: "completed", output: await run(data, { jobId: `pg-boss-${id}`, signal, ...hearing }) }
    } catch (error) {
      const { name, message, code } = error as Error & { readonly code?: unknown }
      return { id, status: isFinal(error) ? "deadletter" : "failed", output: { name, code, message } }
    }
  }
  return (jobs: ReadonlyArray<PgBossJob>): Promise<Array<PgBossResult>> => Promise.all(jobs.map(one))
}

/** For `boss.send(pgBossJob(queue, pipeline))`. May take a day, and is given to another worker half a minute after its own is gone. */
export const pgBossJob = <O extends object>(queue: string, pipeline: string, options: JobRunOptions = {}, more?: O) => {
  const data: JobData & { readonly runId: string } = jobData(pipeline, options)
  return { name: queue, data, options: { expireInSeconds: 86_400, heartbeatSeconds: 30, retryBackoff: true, ...more } }
}
