/**
 * Pipelines as jobs of Graphile Worker. The job's key is the id of its run.
 *
 * Progress and events go to the job's logger. When the worker shuts down, its run is cancelled, and the job's next attempt goes on from
 * there. Graphile Worker cannot tell a task that its job was removed: cancel the run by `engine.cancel(runId)`, and the job is done with.
 */
import type { Engine, PipelineInput } from "@deltaflow/core"
import { type JobData, jobData, jobRunner, type JobRunOptions } from "../jobs.ts"
import { isFinal } from "../runJob.ts"

/** What is used of the second parameter of a task. */
export interface GraphileHelpers {
  readonly job: { readonly id: string; readonly created_at: Date }
  readonly abortSignal: AbortSignal
  readonly logger: GraphileLogger
}

interface GraphileLogger {
  readonly info: (line: string, meta?: Record<string, unknown>) => unknown
  readonly debug: (line: string, meta?: Record<string, unknown>) => unknown
  readonly warn: (line: string, meta?: Record<string, unknown>) => unknown
}

/** For `run({ taskList: { pipeline: graphileTask(engine, pipelines) } })`. */
export const graphileTask = (engine: Engine, pipelines: ReadonlyArray<PipelineInput>) => {
  const run = jobRunner(engine, pipelines)
  return async (payload: unknown, { job, abortSignal, logger }: GraphileHelpers): Promise<void> => {
    const { id, created_at: createdAt } = job
    try {
      await run(payload, {
        jobId: `graphile-${createdAt.getTime()}-${id}`,
        signal: abortSignal,
        onProgress: (progress) => logger.debug(`${progress.runId} ${progress.read} read, ${progress.loaded} loaded`, { ...progress }),
        onLog: (line, event) => logger.info(line, { event }),
        onHearingError: undefined,
      })
    } catch (error) {
      const isCancelled = isFinal(error) && (error as { readonly code?: unknown }).code === "RUN_CANCELLED"
      // Whoever cancelled the run wants no other; a worker that shuts down does.
      if (!isCancelled || abortSignal.aborted) throw error
      logger.warn(`job ${id}: its run was cancelled, so it is done with`)
    }
  }
}

/** For `addJob(job.identifier, job.payload, job.spec)`. Five attempts, unless `spec` says so. */
export const graphileJob = <S extends object>(pipeline: string, options: JobRunOptions = {}, spec?: S, identifier = "pipeline") => {
  const payload: JobData & { readonly runId: string } = jobData(pipeline, options)
  return { identifier, payload, spec: { maxAttempts: 5, ...spec, jobKey: payload.runId } }
}
