/**
 * One job of a queue is one success of a pipeline, however often the queue delivers it.
 *
 * The job carries the id of its run. Its retries have that id with a number behind it, so that the store, which takes an id once, lets
 * one delivery start each of them, and only when the one before has ended without success. A delivery that comes while the run goes on,
 * or while another run of the pipeline does, waits for it.
 */
import {
  type Engine,
  EngineError,
  type EngineEvent,
  isTerminal,
  type PipelineInput,
  type Run,
  RunError,
  type RunOptions,
} from "@deltaflow/core"
import { promised, WAITING } from "@deltaflow/core/adapter"
import { hear } from "./hear.ts"

export interface JobOptions extends Omit<RunOptions, "retryOf" | "refusesWhileRunning" | "onProgress"> {
  readonly runId: string
  /** Called with the counts, at most about every second, and once at the end. A call waits for the one before. */
  readonly onProgress?: ((progress: JobProgress) => unknown) | undefined
  /** Called with each event of the job's runs, one after the other, as a line of text too. */
  readonly onLog?: ((line: string, event: EngineEvent) => unknown) | undefined
  /** Told where `onProgress` or `onLog` fails: the run goes on. Default: nobody. */
  readonly onHearingError?: ((error: unknown) => void) | undefined
}

/** How far a job is; JSON. */
export interface JobProgress {
  readonly runId: string
  readonly stage: "extract" | "transform" | "load"
  readonly read: number
  readonly loaded: number
  readonly filtered: number
  readonly rejected: number
}

/** Milliseconds between two looks at a run that somebody else is at. */
const LOOK_MS = 500

/**
 * Gives the run that ended well. Rejects with `RunError` where the run of this delivery did not: the next delivery goes on from its
 * checkpoint.
 */
export const runJob = async (engine: Engine, pipeline: PipelineInput, options: JobOptions): Promise<Run> => {
  const { runId, signal } = options
  const { name } = await engine.decode(pipeline, options.variables === undefined ? {} : { variables: options.variables })
  for (;;) {
    if (signal?.aborted === true) throw cancelledBefore(name)
    const runs = await runsOf(engine, runId)
    const success = runs.all.find(({ status }) => status === "success")
    if (runs.all.some((run) => !isOf(run, name))) throw ofAnother(runs.all[0]!, name)
    if (success !== undefined) return success
    if (runs.all.every(({ status }) => isTerminal(status)) || (await isWaiting(engine, runs))) {
      try {
        return await attempt(engine, pipeline, { ...options, ...nextOf(runId, runs) })
      } catch (error) {
        if (!isBusy(error)) throw error
      }
    }
    await pause(LOOK_MS, signal)
    // Where its process is gone, the run that is waited for ends here, when its lease is over.
    await promised((await engine.service()).closeLostRuns)
  }
}

/** Whether another delivery of the job would end in the same way: its definition is wrong, it was refused for good, or it was cancelled. */
export const isFinal = (error: unknown): boolean => {
  if (error instanceof RunError) return error.code === "RUN_CANCELLED" || hasTag(error.cause, "DefinitionError")
  return hasTag(error, "DefinitionError") || (hasTag(error, "EngineError") && !error.retryable)
}

const hasTag = (error: unknown, tag: string): error is EngineError =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === tag

interface JobRuns {
  /** Oldest first: those of the job, then those by which somebody retried one of them. */
  readonly all: ReadonlyArray<Run>
  /** How many are the job's own. */
  readonly own: number
}

const runsOf = async (engine: Engine, runId: string): Promise<JobRuns> => {
  const own: Array<Run> = []
  for (;;) {
    const run = await engine.getRun(own.length === 0 ? runId : `${runId}.${own.length}`)
    if (run === undefined) break
    own.push(run)
  }
  const [first] = own
  const last = own.at(-1)
  if (first === undefined || last === undefined || last.status === "success" || !isTerminal(last.status))
    return { all: own, own: own.length }
  return { all: [...own, ...(await retriesOf(engine, own))], own: own.length }
}

/** What people have made of it by hand, such as with `deltaflow run --retry`. */
const retriesOf = async (engine: Engine, own: ReadonlyArray<Run>): Promise<ReadonlyArray<Run>> => {
  const { pipeline, createdAt } = own[0]!
  const known = new Set(own.map(({ id }) => id))
  const later: Array<Run> = []
  for (;;) {
    const { runs, total } = await engine.listRuns({ pipeline, since: createdAt, limit: PAGE, skip: later.length })
    later.push(...runs)
    if (runs.length < PAGE || later.length >= total) break
  }
  return later.toReversed().filter(({ id, retryOf }) => retryOf !== null && known.has(retryOf) && !known.has(id) && known.add(id))
}

const PAGE = 1000

const attempt = async (engine: Engine, pipeline: PipelineInput, options: JobOptions): Promise<Run> => {
  const { onLog: _onLog, onHearingError: _onHearingError, ...given } = options
  const hearing = hear(engine, options)
  try {
    const { onProgress } = hearing
    const {
      progress: _progress,
      failure: _failure,
      ...run
    } = await engine.run(pipeline, { ...given, onProgress, refusesWhileRunning: true })
    return run
  } finally {
    await hearing.end()
  }
}

/** Whether the first run was put into the store by `enqueueRun`, for this job to start it. */
const isWaiting = async (engine: Engine, { all }: JobRuns): Promise<boolean> => {
  if (all.length !== 1 || all[0]!.status !== "pending") return false
  return (await promised((await engine.service()).store.getEntry(WAITING, all[0]!.id))) !== undefined
}

/** Without `attempt`, by which a scheduler on the same store knows the runs that it makes anew itself. */
const nextOf = (runId: string, { all, own }: JobRuns): Pick<RunOptions, "retryOf" | "runId" | "trigger"> => {
  const last = all.at(-1)
  return last === undefined || !isTerminal(last.status) ? { runId } : { runId: `${runId}.${own}`, retryOf: last.id, trigger: "retry" }
}

const isOf = ({ pipeline }: Run, name: string): boolean => pipeline === name || pipeline === `${name}/backfill`

/** Another delivery, or another run of the pipeline, was first, or the engine has no room. */
const isBusy = (error: unknown): boolean => hasTag(error, "EngineError") && BUSY.has(error.code)

const BUSY = new Set<string>(["RUN_EXISTS", "LEASE_HELD", "ENGINE_BUSY"])

const pause = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener("abort", end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal?.addEventListener("abort", end)
  })

const cancelledBefore = (pipeline: string): EngineError =>
  new EngineError({
    code: "RUN_CANCELLED",
    message: `${pipeline}: the job was cancelled before its run began. Add it again to run it.`,
    path: [pipeline],
  })

const ofAnother = (run: Run, pipeline: string): EngineError =>
  new EngineError({
    code: "RUN_EXISTS",
    message: `${pipeline}: the job's run ${run.id} is one of ${run.pipeline}. Give each job a run id of its own.`,
    path: [pipeline],
  })
