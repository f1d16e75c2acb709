/** Starts runs: those that are due, where there is room, and those that wait, in the order in which they should. */
import {
  DeltaflowError,
  EngineError,
  type EngineEvent,
  type LogicalTime,
  messageOf,
  type Run,
  type RunHandle,
  type RunOptions,
  type RunTrigger,
  StoreError,
} from "@deltaflow/core"
import { entriesOf, newEventId, promised, WAITING, type WaitingRun } from "@deltaflow/core/adapter"
import type { Context, Started } from "./Options.ts"
import { type Candidate, candidateOf, FairOrder } from "./order.ts"
import type { Known, Pipelines } from "./Pipelines.ts"

/** A run that is to be made. */
export interface Due {
  readonly one: Known
  readonly runId: string
  readonly trigger: RunTrigger
  readonly dueAt: number
  readonly logicalTime?: LogicalTime
  /** For the event that tells of it. */
  readonly data: Readonly<Record<string, unknown>>
  /** Asked before it is told that it is left out: false where another process has decided. */
  readonly mayTell?: () => Promise<boolean>
  /** Whether it is left alone where the pipeline runs, whatever `queue_overflow` says. */
  readonly isPatient?: boolean
}

/** `there`: another process has made the run. */
export type Outcome = "started" | "queued" | "skipped" | "busy" | "there"

/** When to look again for runs that could not be started now, milliseconds. */
const SOON_MS = 1000

/** How long a run may wait for a pipeline that nobody knows, milliseconds: a process that has it may just be starting. */
const UNKNOWN_MS = 60_000

interface Running {
  readonly pipeline: string
  readonly tenant: string | null
  readonly done: Promise<unknown>
}

export class Starter {
  private readonly context: Context
  private readonly pipelines: Pipelines
  private readonly onEnd: () => void
  private readonly running = new Map<string, Running>()
  private readonly told: Array<EngineEvent> = []
  readonly started: Array<Started> = []

  constructor(context: Context, pipelines: Pipelines, onEnd: () => void) {
    this.context = context
    this.pipelines = pipelines
    this.onEnd = onEnd
  }

  /** Ends when the runs have ended that were started here. */
  async ended(): Promise<void> {
    await Promise.allSettled([...this.running.values()].map(({ done }) => done))
  }

  /** What was started since it was asked for last. */
  takeStarted(): ReadonlyArray<Started> {
    return this.started.splice(0)
  }

  /** Starts it, or does as the pipeline wants where that cannot be. With `mayStart` false it waits for those that come first. */
  async begin(due: Due, mayStart: boolean): Promise<Outcome> {
    const { name } = due.one.stored
    try {
      if (!mayStart) return (await this.runningOf(name)) === undefined ? await this.enqueue(due) : await this.overflow(due)
      return await this.startOrElse(due, () => this.overflow(due))
    } catch (error) {
      // A store that is away is away for all; anything else is this pipeline's own, and must not keep the others waiting.
      if (error instanceof StoreError) throw error
      this.context.log.error(`${name}: it could not be started: ${this.context.service.mask(messageOf(error))}`)
      return await this.skip(due, "it could not be started")
    }
  }

  private async startOrElse(due: Due, whileRunning: () => Promise<Outcome>): Promise<Outcome> {
    try {
      const { one, logicalTime, ...made } = due
      await this.start(one, made, logicalTime === undefined ? {} : { logicalTime })
      this.tell(due, due.runId)
      return "started"
    } catch (error) {
      const code = error instanceof EngineError ? error.code : undefined
      if (code === "RUN_EXISTS") return "there"
      if (code === "ENGINE_BUSY") return await this.enqueue(due)
      if (code === "LEASE_HELD") return await whileRunning()
      throw error
    }
  }

  private async overflow(due: Due): Promise<Outcome> {
    if (due.isPatient === true) return "busy"
    const { name } = due.one.stored
    const rule = due.one.settings.queue_overflow ?? "skip"
    const running = await this.runningOf(name)
    if (running?.id === due.runId) return "there"
    if (rule === "skip") return await this.skip(due, "it runs already")
    const waiting = (await this.waiting()).filter(({ pipeline, trigger }) => pipeline === name && trigger === due.trigger)
    if (rule === "queue") {
      if (waiting.length === 0) return await this.enqueue(due)
      // A schedule that comes faster than its runs end would fill the queue for ever.
      return await this.skip(due, "another one waits already")
    }
    const replaced = [...waiting.map(({ id }) => id), ...(running === undefined ? [] : [running.id])]
    for (const id of replaced) await this.context.engine.cancel(id)
    // One that another process has goes on; this one waits for it.
    const replacing = { ...due, data: { ...due.data, replaced: running?.id ?? null } }
    return await this.startOrElse(replacing, () => this.enqueue(replacing))
  }

  private async skip(due: Due, reason: string): Promise<Outcome> {
    if ((await due.mayTell?.()) !== false) this.tell(due, null, { skipped: true, reason })
    return "skipped"
  }

  private async runningOf(pipeline: string): Promise<Run | undefined> {
    const { store } = this.context.service
    const [running] = (await promised(store.listRuns({ pipeline, status: ["running"], limit: 1 }))).runs
    if (running !== undefined) return running
    const { runs } = await promised(store.listRuns({ pipeline, status: ["pending"] }))
    const waiting = new Set((await this.waiting()).map(({ id }) => id))
    return runs.find(({ id }) => !waiting.has(id))
  }

  private async enqueue(due: Due): Promise<Outcome> {
    const { one, runId, trigger, dueAt, logicalTime } = due
    try {
      await this.context.engine.enqueueRun({
        pipeline: one.stored.name,
        runId,
        trigger,
        runAt: dueAt,
        ...(logicalTime === undefined ? {} : { logicalTime }),
      })
    } catch (error) {
      if (error instanceof EngineError && error.code === "RUN_EXISTS") return "there"
      throw error
    }
    this.tell(due, runId, { queued: true })
    return "queued"
  }

  /** Whether a run that somebody had begun to make is there, or waits. */
  async isMade(runId: string): Promise<boolean> {
    const { store } = this.context.service
    return (await promised(store.getRun(runId))) !== undefined || (await promised(store.getEntry(WAITING, runId))) !== undefined
  }

  private async start(
    { stored, settings }: Known,
    { runId, trigger, dueAt }: Pick<Started, "runId" | "trigger" | "dueAt">,
    options: Pick<RunOptions, "logicalTime">,
  ): Promise<void> {
    const handle = await this.context.engine.start(await this.pipelines.decodedOf(stored), {
      ...this.pipelines.limitsOf(stored.name),
      ...(settings.timeout === undefined ? {} : { timeout: settings.timeout }),
      revision: stored.revision,
      refusesWhileRunning: true,
      runId,
      trigger,
      ...options,
    })
    this.started.push({ pipeline: stored.name, runId, trigger, dueAt })
    this.watch(handle, settings.tenant ?? null)
  }

  private watch({ id, pipeline, done }: RunHandle, tenant: string | null): void {
    const { log, service } = this.context
    const watched = done
      .catch((error: unknown) => log.error(`${pipeline}: ${service.mask(messageOf(error))}`))
      .finally(() => {
        this.running.delete(id)
        this.onEnd()
      })
    this.running.set(id, { pipeline, tenant, done: watched })
  }

  async waiting(): Promise<ReadonlyArray<WaitingRun>> {
    const found: Array<WaitingRun> = []
    for await (const { value } of entriesOf(this.context.service.store, WAITING)) found.push(value as WaitingRun)
    return found
  }

  /** Starts runs that wait, as many as there is room for; gives when the next one may be started, undefined where none waits. */
  async dispatch(now: number): Promise<number | undefined> {
    const waiting = await this.waiting()
    if (waiting.length === 0) return undefined
    const ready: Array<Candidate> = []
    let nextAt = Infinity
    for (const run of waiting) {
      const one = this.pipelines.all.get(run.pipeline)
      if (run.runAt > now) nextAt = Math.min(nextAt, run.runAt)
      else if (one === undefined) await this.refuseUnknown(run, now)
      else if (!one.stored.paused || run.trigger === "api" || run.trigger === "manual") ready.push(candidateOf(run, one))
    }
    const left = await this.dispatchAll(ready)
    if (left > 0) nextAt = Math.min(nextAt, now + SOON_MS)
    return nextAt === Infinity ? undefined : nextAt
  }

  private async dispatchAll(ready: ReadonlyArray<Candidate>): Promise<number> {
    const { room } = this.context.service
    const order = new FairOrder(ready, [...this.running.values()], room() < ready.length)
    const busy = new Set<string>()
    let left = 0
    for (let next = order.next(); next !== undefined; next = order.next()) {
      const { run, one } = next
      const outcome = busy.has(run.pipeline) ? "busy" : await this.startWaiting(run, one)
      if (outcome === "full") return left + order.size + 1
      if (outcome === "busy") {
        busy.add(run.pipeline)
        left++
      } else if (outcome === "started") order.count(next)
    }
    return left
  }

  private async startWaiting(run: WaitingRun, one: Known): Promise<"started" | "busy" | "full" | "gone"> {
    try {
      await this.start(one, { runId: run.id, trigger: run.trigger, dueAt: run.options.logicalTime?.scheduledAt ?? run.runAt }, {})
      return "started"
    } catch (error) {
      const code = error instanceof EngineError ? error.code : undefined
      if (code === "RUN_EXISTS") return "gone"
      if (code === "LEASE_HELD") return "busy"
      if (code === "ENGINE_BUSY") return "full"
      if (error instanceof StoreError) throw error
      await this.refuse(run, error)
      return "gone"
    }
  }

  /** It can never start; nobody should wait for it. */
  private async refuse(run: WaitingRun, error: unknown): Promise<void> {
    const { log, service } = this.context
    const message = service.mask(messageOf(error))
    log.error(`${run.pipeline}: ${run.id}, which waited, could not be started: ${message}`)
    await promised(service.refuseRun(run.id, { code: error instanceof DeltaflowError ? error.code : "RUN_INTERRUPTED", message }))
  }

  private async refuseUnknown(run: WaitingRun, now: number): Promise<void> {
    if (now - Math.max(run.createdAt, run.runAt) < UNKNOWN_MS) return
    const message = `${run.pipeline}: there is no pipeline of this name any more, or its definition cannot be read.`
    await this.refuse(run, new EngineError({ code: "UNKNOWN_PIPELINE", message, path: [run.pipeline] }))
  }

  tell({ one, trigger, data }: Due, runId: string | null, more: Readonly<Record<string, unknown>> = {}): void {
    const timestamp = this.context.now()
    const pipeline = one.stored.name
    this.told.push({
      id: newEventId(timestamp),
      type: "scheduler.triggered",
      timestamp,
      pipeline,
      runId,
      data: { trigger, ...more, ...data },
    })
  }

  /** Stores what was told since the last time. */
  async flush(): Promise<void> {
    const events = this.told.splice(0)
    if (events.length > 0) await promised(this.context.service.store.appendEvents(events))
  }
}
