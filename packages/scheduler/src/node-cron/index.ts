/**
 * Pipelines at the times of node-cron. Each time of a schedule starts one run, also where several processes have the same schedule on
 * one store; while a run of the pipeline goes on, wherever it is, none is started.
 */
import { type Engine, EngineError, newRunId, type PipelineInput, type Run, RunError, type RunOptions } from "@deltaflow/core"

/** What is used of the context of a task. */
export interface NodeCronContext {
  readonly date: Date
  readonly execution?: { readonly reason: "invoked" | "scheduled" }
}

export interface NodeCronOptions extends Omit<RunOptions, "refusesWhileRunning" | "retryOf" | "runId"> {
  /** Told why a time is left out: the pipeline runs, or another process has the time. Default: nobody. */
  readonly onSkip?: (error: EngineError) => void
}

/**
 * For `cron.schedule(expression, nodeCronTask(engine, pipeline))`. Gives the run, or undefined where the time is left out. Rejects where
 * the run fails, which node-cron logs; the next one goes on from the checkpoint.
 */
export const nodeCronTask =
  (engine: Engine, pipeline: PipelineInput, { onSkip, ...options }: NodeCronOptions = {}) =>
  async ({ date, execution }: NodeCronContext): Promise<Run | undefined> => {
    const { name } = await engine.decode(pipeline, options.variables === undefined ? {} : { variables: options.variables })
    const isScheduled = execution?.reason !== "invoked"
    // The same in all processes, so that the store takes it from one of them.
    const time = new Date(Math.floor(date.getTime() / 1000) * 1000).toISOString()
    const runId = isScheduled ? `cron-${name}-${time}` : newRunId(Date.now())
    const trigger = isScheduled ? ("schedule" as const) : ("manual" as const)
    try {
      return await engine.run(pipeline, { trigger, ...options, runId, refusesWhileRunning: true })
    } catch (error) {
      if (error instanceof RunError || !isTaken(error)) throw error
      onSkip?.(error)
      return undefined
    }
  }

const isTaken = (error: unknown): error is EngineError =>
  error instanceof EngineError && (error.code === "LEASE_HELD" || error.code === "RUN_EXISTS")
