/**
 * Pipelines as activities of Temporal.
 *
 * Compiled against `@temporalio/activity` and tested in its `Context`; not run against a Temporal server. An activity runs until it is
 * done, so give it a `startToCloseTimeout` for the longest run and a `heartbeatTimeout` of half a minute, after which Temporal takes a
 * worker for gone. A retry goes on from the checkpoint.
 */
import type { Engine, PipelineInput, Run } from "@deltaflow/core"
import { type JobData, jobRunner } from "../jobs.ts"
import { isFinal } from "../runJob.ts"

/** What is used of `@temporalio/activity`. */
export interface TemporalActivity {
  readonly Context: { readonly current: () => TemporalContext }
  readonly ApplicationFailure: { readonly nonRetryable: (message: string, type: string) => Error }
}

interface TemporalContext {
  readonly info: { readonly activityId: string; readonly activityRunId?: string; readonly workflowExecution?: { readonly runId: string } }
  readonly cancellationSignal: AbortSignal
  /** Rejects with what Temporal wants to see when the activity is cancelled. */
  readonly cancelled: Promise<never>
  readonly heartbeat: (details: unknown) => void
  readonly log: { readonly info: (line: string, meta?: Record<string, unknown>) => unknown }
}

/** Milliseconds between two heartbeats: a cancellation comes with the answer to one. */
const HEARTBEAT_MS = 5000

/**
 * For `Worker.create({ activities: { pipeline: temporalActivity(activity, engine, pipelines) } })`; its argument is what `jobData` makes.
 */
export const temporalActivity = (
  { Context, ApplicationFailure }: TemporalActivity,
  engine: Engine,
  pipelines: ReadonlyArray<PipelineInput>,
) => {
  const run = jobRunner(engine, pipelines)
  return async (data: JobData): Promise<Run> => {
    const { info, cancellationSignal: signal, cancelled, heartbeat, log } = Context.current()
    let last: unknown
    const beating = setInterval(() => heartbeat(last), HEARTBEAT_MS)
    try {
      const jobId = `temporal-${info.workflowExecution?.runId ?? info.activityRunId ?? ""}-${info.activityId}`
      const onProgress = (progress: unknown): void => heartbeat((last = progress))
      return await run(data, { jobId, signal, onProgress, onLog: (line, event) => log.info(line, { event }), onHearingError: undefined })
    } catch (error) {
      if (signal.aborted) return await cancelled
      const { name, message } = error as Error
      throw isFinal(error) ? ApplicationFailure.nonRetryable(message, name) : error
    } finally {
      clearInterval(beating)
    }
  }
}
