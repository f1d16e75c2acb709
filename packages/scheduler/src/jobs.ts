/** Jobs of a host's queue: what they carry, and what becomes of one that is delivered. */
import { type Engine, EngineError, nearestName, newRunId, type PipelineInput, type Run, type RunOptions } from "@deltaflow/core"
import { type JobOptions, runJob } from "./runJob.ts"

/** Options of the run that a job can carry. Whoever reads the queue reads them: no place for secrets. */
export type JobRunOptions = Pick<RunOptions, "fullRefresh" | "payload" | "range" | "runId" | "timeout" | "variables">

/** What a job carries; JSON. Without `runId`, as in jobs that a schedule of the queue adds, it is made of the job's own id. */
export interface JobData extends JobRunOptions {
  readonly pipeline: string
}

/** What a job carries. Its run can be followed by `runId` before it has begun. */
export const jobData = (pipeline: string, options: JobRunOptions = {}): JobData & { readonly runId: string } => ({
  ...options,
  pipeline,
  runId: options.runId ?? newRunId(Date.now()),
})

/** What a queue gives with a delivery. */
export interface Delivery extends Pick<JobOptions, "onHearingError" | "onLog" | "onProgress"> {
  /** The same for each delivery of one job, and for no other job, ever. */
  readonly jobId: string
  readonly signal: AbortSignal | undefined
}

/** Runs a job: which of the pipelines it is of, once, whatever the queue does. Rejects as `runJob`, and where the data is none of a job. */
export type JobRunner = (data: unknown, delivery: Delivery) => Promise<Run>

export const jobRunner =
  (engine: Engine, pipelines: ReadonlyArray<PipelineInput>): JobRunner =>
  async (data, { jobId, signal, onLog, onProgress, onHearingError }) => {
    const { pipeline: name, runId = jobId, variables, ...options } = checked(data, jobId)
    const given = variables === undefined ? {} : { variables }
    const names: Array<string> = []
    for (const pipeline of pipelines) {
      // Text has to be read for its name.
      const found = typeof pipeline === "string" ? (await engine.decode(pipeline, given)).name : pipeline.name
      names.push(found)
      if (found !== name) continue
      const hearing = { onLog, onProgress, onHearingError }
      return await runJob(engine, pipeline, { ...options, ...given, ...hearing, runId, ...(signal === undefined ? {} : { signal }) })
    }
    const near = nearestName(name, names)
    const hint = near === undefined ? "Give it to the worker, or remove the job." : `Did you mean ${near}?`
    throw new EngineError({ code: "UNKNOWN_PIPELINE", message: `${name}: the worker has no pipeline of this name. ${hint}`, path: [name] })
  }

const checked = (data: unknown, jobId: string): JobData => {
  const given: Partial<JobData> = typeof data === "object" && data !== null ? data : {}
  const { pipeline, runId, fullRefresh, payload, range, timeout, variables } = given
  if (typeof pipeline !== "string" || (runId !== undefined && (typeof runId !== "string" || runId === "")))
    throw new EngineError({
      code: "INVALID_VALUE",
      message: `job ${jobId}: it carries no \`pipeline\`, or a \`runId\` that is no text. Make what it carries with jobData().`,
    })
  // And nothing else: who may add jobs shall not say what files and addresses a run may reach.
  const options = { runId, fullRefresh, payload, range, timeout, variables }
  return { pipeline, ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) }
}
