/**
 * Pipelines as jobs of BullMQ. The job's id is that of its run.
 *
 * Progress and events are on the job. `worker.cancelJob` cancels the run, and such a job is not tried again, nor one whose definition is
 * wrong. Close the worker before the engine: it waits for its jobs.
 */
import type { Engine, PipelineInput, Run } from "@deltaflow/core"
import { type JobData, jobData, jobRunner, type JobRunOptions } from "../jobs.ts"
import { isFinal } from "../runJob.ts"

/** What is used of a job of BullMQ. */
export interface BullmqJob {
  readonly id?: string | undefined
  readonly timestamp: number
  readonly data: unknown
  readonly updateProgress: (progress: object) => Promise<unknown>
  readonly log: (line: string) => Promise<unknown>
}

export interface BullmqOptions {
  /** Told where progress or a line did not reach the queue: the run goes on. Default: nobody. */
  readonly onHearingError?: (error: unknown) => void
}

/** For `new Worker(name, bullmqProcessor(engine, pipelines), { connection })`. */
export const bullmqProcessor = (engine: Engine, pipelines: ReadonlyArray<PipelineInput>, { onHearingError }: BullmqOptions = {}) => {
  const run = jobRunner(engine, pipelines)
  // BullMQ makes a signal for processors that name three parameters.
  return async (job: BullmqJob, _token: string | undefined, signal: AbortSignal | undefined): Promise<Run> => {
    try {
      return await run(job.data, {
        jobId: `bullmq-${job.timestamp}-${job.id ?? ""}`,
        signal,
        onProgress: (progress) => job.updateProgress(progress),
        onLog: (line) => job.log(line),
        onHearingError,
      })
    } catch (error) {
      throw isFinal(error) ? notAgain(error) : error
    }
  }
}

/**
 * For `queue.add(job.name, job.data, job.opts)` and `queue.addBulk([job])`. Three attempts, a second and more apart, unless `opts` says so.
 */
export const bullmqJob = <O extends object>(pipeline: string, options: JobRunOptions = {}, opts?: O) => {
  const data: JobData & { readonly runId: string } = jobData(pipeline, options)
  const backoff = { type: "exponential", delay: 1000 }
  return { name: pipeline, data, opts: { attempts: 3, backoff, ...opts, jobId: data.runId } }
}

/** BullMQ knows its error by the name. */
const notAgain = (cause: unknown): Error => {
  const error = new Error(cause instanceof Error ? cause.message : String(cause), { cause })
  error.name = "UnrecoverableError"
  return error
}
