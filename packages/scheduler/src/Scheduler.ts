/**
 * Starts pipelines when they should: by their schedules, after the pipelines that they depend on, again where they failed, and those that
 * wait. See docs/decisions/0024-starting-what-is-due.md.
 */
import { type Engine, messageOf } from "@deltaflow/core"
import { promised } from "@deltaflow/core/adapter"
import { Dependencies } from "./Dependencies.ts"
import type { Context, SchedulerOptions, Started, Tick } from "./Options.ts"
import { Pipelines } from "./Pipelines.ts"
import { Retries } from "./Retries.ts"
import { Schedules } from "./Schedules.ts"
import { Starter } from "./Starter.ts"

interface Parts {
  readonly context: Context
  readonly pipelines: Pipelines
  readonly starter: Starter
  readonly schedules: Schedules
  readonly dependencies: Dependencies
  readonly retries: Retries
}

export class Scheduler {
  private readonly engine: Engine
  private readonly options: SchedulerOptions
  private readonly now: () => number
  private opened: Promise<Parts> | undefined
  private timer: NodeJS.Timeout | undefined
  private looking: Promise<unknown> | undefined
  private isStarted = false
  private isStopped = false
  private starter: Starter | undefined

  constructor(engine: Engine, options: SchedulerOptions = {}) {
    this.engine = engine
    this.options = options
    this.now = options.now ?? Date.now
  }

  private async open(): Promise<Parts> {
    this.opened ??= this.openNow()
    try {
      return await this.opened
    } catch (error) {
      // The next look tries again: the store may be there by then.
      this.opened = undefined
      throw error
    }
  }

  private async openNow(): Promise<Parts> {
    const service = await this.engine.service()
    const context: Context = { engine: this.engine, service, now: this.now, log: this.options.log ?? silent }
    const pipelines = new Pipelines(service, this.options)
    await pipelines.open()
    const starter = new Starter(context, pipelines, () => this.lookSoon())
    this.starter = starter
    return {
      context,
      pipelines,
      starter,
      schedules: new Schedules(service.store, starter),
      dependencies: new Dependencies(service.store, starter),
      retries: new Retries(context, starter),
    }
  }

  /** Looks from now on, until `stop`. Rejects where the host's pipelines are wrong. */
  async start(): Promise<void> {
    await this.open()
    this.isStarted = true
    this.look()
  }

  private look(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    this.looking = this.tick()
      .catch((error: unknown) => this.options.log?.error(`scheduler: ${messageOf(error)}`))
      .finally(() => {
        this.looking = undefined
        if (!this.isStopped) this.lookIn(this.options.interval ?? 1000)
      })
  }

  private lookIn(milliseconds: number): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.look(), milliseconds)
    if (this.options.keepsAlive === false) this.timer.unref()
  }

  /** There is room now for one that waits. */
  private lookSoon(): void {
    if (!this.isStarted || this.isStopped || this.timer === undefined) return
    this.lookIn(SOON_MS)
  }

  /** Starts nothing more, and waits for the runs that it has started, at most `timeoutMs` (default 30,000). They go on. */
  async stop(timeoutMs = 30_000): Promise<void> {
    this.isStopped = true
    clearTimeout(this.timer)
    await this.looking
    let timer: NodeJS.Timeout | undefined
    await Promise.race([this.starter?.ended(), new Promise((resolve) => (timer = setTimeout(resolve, timeoutMs)))])
    clearTimeout(timer)
  }

  /** Starts what is due now, each once, whatever other processes do on the same store. */
  async tick(): Promise<Tick> {
    const { context, pipelines, starter, schedules, dependencies, retries } = await this.open()
    const { service } = context
    const now = this.now()
    if (this.options.schedules === false) {
      if ((await starter.waiting()).length === 0) return { started: [], nextAt: undefined }
      await pipelines.refresh()
      const nextAt = await starter.dispatch(now)
      return { started: starter.takeStarted(), nextAt }
    }
    const isNew = await pipelines.refresh()
    await promised(service.closeLostRuns)
    const ended = await retries.look(pipelines.all, now)
    // What waits comes before what is due now.
    const waitsUntil = await starter.dispatch(now)
    const isFree = (due: number) => waitsUntil === undefined && service.room() >= due
    const nextAt = await schedules.look(pipelines.all, isNew, now, isFree)
    await dependencies.look(pipelines.all, isNew ? undefined : ended, now, isFree(1))
    const thenAt = await starter.dispatch(now)
    await starter.flush()
    const times = [nextAt, thenAt].filter((time) => time !== undefined)
    return { started: starter.takeStarted(), nextAt: times.length === 0 ? undefined : Math.min(...times) }
  }

  /** Ends when the runs have ended that it has started. */
  async ended(): Promise<void> {
    await this.starter?.ended()
  }
}

/** Between the end of a run and the look for one that waited for it, milliseconds: several may end at once. */
const SOON_MS = 5

const silent = { warn: () => undefined, error: () => undefined }

/**
 * One look for a host that has a cron of its own and no process that stays: starts what is due, waits for it, and goes on until nothing is
 * due any more or `timeoutMs` (default 60,000) have gone by. What still runs then goes on with the process; where that ends too, the next
 * tick takes it over. `nextAt` says when to come again.
 */
export const tick = async (
  engine: Engine,
  options: Omit<SchedulerOptions, "interval"> & { readonly timeoutMs?: number } = {},
): Promise<Tick> => {
  const scheduler = new Scheduler(engine, options)
  const until = performance.now() + (options.timeoutMs ?? 60_000)
  const started: Array<Started> = []
  for (;;) {
    const look = await scheduler.tick()
    started.push(...look.started)
    const left = until - performance.now()
    if (look.started.length === 0 || left <= 0) return { started, nextAt: look.nextAt }
    let timer: NodeJS.Timeout | undefined
    await Promise.race([scheduler.ended(), new Promise((resolve) => (timer = setTimeout(resolve, left)))])
    clearTimeout(timer)
  }
}
