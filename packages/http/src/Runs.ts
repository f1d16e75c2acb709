/** Starts runs and knows how far those of this process are. What becomes of them is in the store, whoever asks. */
import {
  type DecodedPipeline,
  DefinitionError,
  type Engine,
  EngineError,
  type EngineService,
  type Run,
  type RunOptions,
  type RunProgress,
  type StoredDefinition,
} from "@deltaflow/core"
import { promised } from "@deltaflow/core/adapter"
import { type Catalogue, invalidPipeline } from "./Catalogue.ts"
import { Problem } from "./problems.ts"
import type { Reach } from "./reach.ts"

export interface RunRequest extends Pick<RunOptions, "fullRefresh" | "dryRun" | "variables" | "retryOf" | "payload"> {
  readonly trigger: NonNullable<RunOptions["trigger"]>
}

/** What a dry run tried. */
export interface DryRunCheck {
  readonly name: string
  readonly ok: boolean
  readonly message: string | null
}

const CHECKS = "http.checks"
const KEPT_MS = 30 * 86_400_000

export class Runs {
  private readonly engine: Engine
  private readonly service: EngineService
  private readonly catalogue: Catalogue
  private readonly reach: Reach
  private readonly now: () => number
  private readonly live = new Map<string, { progress: RunProgress | undefined; readonly done: Promise<unknown> }>()
  private isDraining = false
  private lostTimer: NodeJS.Timeout | undefined

  constructor(engine: Engine, catalogue: Catalogue, reach: Reach, now: () => number) {
    this.engine = engine
    this.service = catalogue.service
    this.catalogue = catalogue
    this.reach = reach
    this.now = now
  }

  progress(runId: string): RunProgress | undefined {
    return this.live.get(runId)?.progress
  }

  get count(): number {
    return this.live.size
  }

  get draining(): boolean {
    return this.isDraining
  }

  /** Starts a run and gives it as soon as it goes on, or has ended. */
  async start(stored: StoredDefinition, request: RunRequest): Promise<Run> {
    if (this.isDraining)
      throw new Problem("UNAVAILABLE", "The server is stopping, and takes no new runs.", { headers: { "retry-after": "5" } })
    const pipeline = await this.catalogue.runnable(stored)
    const options: RunOptions = {
      ...request,
      revision: stored.revision,
      refusesWhileRunning: true,
      ...this.reach.of(stored.name),
    }
    const id = await this.startOrReplace(pipeline, options)
    return await this.whenStarted(id)
  }

  private async startOrReplace(pipeline: DecodedPipeline, options: RunOptions): Promise<string> {
    try {
      return await this.begin(pipeline, options)
    } catch (error) {
      if (error instanceof DefinitionError) throw invalidPipeline(error.issues)
      if (!(error instanceof EngineError)) throw error
      if (error.code === "ENGINE_BUSY") return await this.enqueue(pipeline, options)
      if (error.code !== "LEASE_HELD") throw error
      if (pipeline.scheduler.queue_overflow === "queue" && options.dryRun !== true) return await this.enqueue(pipeline, options)
      const running = await this.runningOf(pipeline.name)
      if (pipeline.scheduler.queue_overflow !== "replace" || running === undefined) throw alreadyRuns(pipeline.name, running)
      await this.cancel(running)
      return await this.begin(pipeline, options).catch(async (again: unknown) => {
        if (again instanceof EngineError && again.code === "LEASE_HELD")
          throw alreadyRuns(pipeline.name, await this.runningOf(pipeline.name))
        throw again
      })
    }
  }

  /** A run that waits; the scheduler of this handler starts it, or any other on the store. */
  private async enqueue({ name }: DecodedPipeline, options: RunOptions): Promise<string> {
    const { total } = await promised(this.service.store.listRuns({ pipeline: name, status: ["pending"], limit: 0 }))
    if (total >= MOST_WAITING)
      throw new Problem(
        "RUN_CONFLICT",
        `${MOST_WAITING} runs of the pipeline ${name} wait already. Wait for some of them, or cancel them.`,
        {
          details: { pipeline: name, run_id: null },
        },
      )
    const { trigger, fullRefresh, variables, payload, retryOf } = options
    const given = Object.fromEntries(
      Object.entries({ trigger, fullRefresh, variables, payload, retryOf }).filter(([, value]) => value !== undefined),
    )
    return (await this.engine.enqueueRun({ pipeline: name, ...given })).id
  }

  private async begin(pipeline: DecodedPipeline, options: RunOptions): Promise<string> {
    const state: { progress: RunProgress | undefined } = { progress: undefined }
    const handle = await this.engine.start(pipeline, { ...options, onProgress: (progress) => (state.progress = progress) })
    const done = handle.done.then(async (result) => {
      if (options.dryRun === true) await this.keepChecks(pipeline, result)
    })
    const entry = {
      get progress() {
        return state.progress
      },
      done: done.then(nothing, nothing).finally(() => this.live.delete(handle.id)),
    }
    this.live.set(handle.id, entry)
    return handle.id
  }

  /** Everything up to what failed. */
  private async keepChecks(
    pipeline: DecodedPipeline,
    run: Run & { readonly failure: { readonly path: ReadonlyArray<string>; readonly message: string } | undefined },
  ): Promise<void> {
    const names = ["definition", ...pipeline.sources.map(({ name }) => name), "plan"]
    const failed = run.failure === undefined ? -1 : names.findIndex((name) => run.failure!.path.includes(name))
    const last = run.failure === undefined ? names.length - 1 : failed < 0 ? names.length - 1 : failed
    const checks = names.slice(0, last + 1).map((name, i): DryRunCheck => {
      const ok = run.failure === undefined || i < last
      return { name, ok, message: ok ? null : (run.error?.message ?? null) }
    })
    await promised(this.service.store.saveEntry({ collection: CHECKS, key: run.id, value: checks, expiresAt: this.now() + KEPT_MS }))
  }

  async checksOf(runId: string): Promise<ReadonlyArray<DryRunCheck>> {
    const entry = await promised(this.service.store.getEntry(CHECKS, runId))
    return entry === undefined ? [] : (entry.value as ReadonlyArray<DryRunCheck>)
  }

  async runningOf(pipeline: string): Promise<Run | undefined> {
    for (const status of ["running", "pending"] as const) {
      const [run] = (await promised(this.service.store.listRuns({ pipeline, status: [status], limit: 1 }))).runs
      if (run !== undefined) return run
    }
    return undefined
  }

  /** A run is announced when its lease is held; until then it stands in the store as pending. */
  private async whenStarted(id: string): Promise<Run> {
    for (let wait = 1; ; wait = Math.min(wait * 2, 50)) {
      const run = await promised(this.service.store.getRun(id))
      if (run === undefined) throw new Problem("INTERNAL", "The run is not in the store any more.")
      if (run.status !== "pending" || wait >= 50) return run
      await sleep(wait)
    }
  }

  /** Ends the run wherever it goes on, and waits until it has ended, for a while. */
  async cancel(run: Run): Promise<Run> {
    await this.engine.cancel(run.id)
    return (await promised(this.service.store.getRun(run.id))) ?? run
  }

  /** From now on runs of processes that are gone are closed. */
  watchLost(everyMs: number): void {
    this.lostTimer = setInterval(() => {
      void promised(this.service.closeLostRuns).catch(nothing)
    }, everyMs)
    this.lostTimer.unref()
  }

  /** Takes no more runs, and waits for those that go on. */
  async drain(timeoutMs: number): Promise<void> {
    this.isDraining = true
    clearInterval(this.lostTimer)
    const all = Promise.allSettled([...this.live.values()].map(({ done }) => done))
    let timer: NodeJS.Timeout | undefined
    await Promise.race([all, new Promise((resolve) => (timer = setTimeout(resolve, timeoutMs)))])
    clearTimeout(timer)
  }
}

/** Runs of one pipeline that may wait. */
const MOST_WAITING = 1000

// What the store could not say now is asked again with the next tick; how a run ended is in the store.
const nothing = (): void => undefined

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const alreadyRuns = (pipeline: string, running: Run | undefined): Problem =>
  new Problem("RUN_CONFLICT", `The pipeline ${pipeline} runs already. Wait for that run, or cancel it.`, {
    details: { pipeline, run_id: running?.id ?? null },
  })
