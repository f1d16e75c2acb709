/** Starts pipelines when they are due: by their schedules, and after the pipelines that they depend on. */
import {
  type DecodedPipeline,
  DefinitionError,
  type Engine,
  EngineError,
  type EngineService,
  type Log,
  type OutsideOptions,
  type PipelineInput,
  type Run,
  type RunOptions,
  type StoredDefinition,
  StoreError,
} from "@deltaflow/core"
import { entriesOf, newEventId, nextTimes, promised } from "@deltaflow/core/adapter"
import { outsideOptions } from "@deltaflow/core/node"
import { type Claim, Claims } from "./Claims.ts"

export interface SchedulerOptions {
  /** Pipelines of the host, from its files or its code. Those in the store that are none of these came from outside. */
  readonly pipelines?: ReadonlyArray<PipelineInput>
  /** Hosts that pipelines from outside may reach though their addresses are not public. Default: none. */
  readonly allowHosts?: ReadonlyArray<string>
  /** Milliseconds between two looks. Default 1,000. */
  readonly interval?: number
  /** Default: silent. */
  readonly log?: Pick<Log, "warn" | "error">
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
}

/** What a look has started. */
export interface Started {
  readonly pipeline: string
  readonly runId: string
  readonly trigger: "schedule" | "dependency"
  /** When it was due, milliseconds since 1970; of a dependency now. */
  readonly dueAt: number
}

export interface Tick {
  readonly started: ReadonlyArray<Started>
  /** When to look again: the next due time, or undefined where nothing has a schedule. */
  readonly nextAt: number | undefined
}

/** How late a look may come, milliseconds. A time that is older was missed. */
const MISSED_AFTER = 60_000

const MISFIRE_LIMIT = 100

interface Job {
  readonly schedule: string
  readonly timezone: string
  readonly nextAt: number
  /** Whether it was due while the pipeline ran, and waits for it since. */
  readonly isWaiting?: boolean
}

/** The last run of each pipeline that one depends on, as they were when it was started last. */
interface Seen {
  readonly runs: Readonly<Record<string, string>>
}

interface Known {
  readonly stored: StoredDefinition
  readonly decoded: DecodedPipeline
  readonly schedule: string | null
  readonly timezone: string
}

export class Scheduler {
  private readonly engine: Engine
  private readonly options: SchedulerOptions
  private readonly now: () => number
  private readonly own = new Map<string, DecodedPipeline>()
  private readonly decodedByName = new Map<string, { readonly definition: string; readonly decoded: DecodedPipeline | undefined }>()
  private readonly running = new Map<string, Promise<unknown>>()
  /** For pipelines that are none of the host's. */
  private readonly outside: OutsideOptions
  private opened: Promise<EngineService> | undefined
  private timer: NodeJS.Timeout | undefined
  private looking: Promise<unknown> | undefined
  private isStopped = false

  constructor(engine: Engine, options: SchedulerOptions = {}) {
    this.engine = engine
    this.options = options
    this.now = options.now ?? Date.now
    this.outside = outsideOptions(options.allowHosts)
  }

  private async open(): Promise<EngineService> {
    this.opened ??= this.openNow()
    try {
      return await this.opened
    } catch (error) {
      // The next look tries again: the store may be there by then.
      this.opened = undefined
      throw error
    }
  }

  private async openNow(): Promise<EngineService> {
    const service = await this.engine.service()
    for (const pipeline of this.options.pipelines ?? []) {
      const decoded = await promised(service.decode(pipeline))
      this.own.set(decoded.name, decoded)
      const stored = await promised(service.store.getDefinition(decoded.name))
      const definition = { name: decoded.name, definition: JSON.stringify(decoded.written), source: stored?.source ?? null }
      await promised(service.store.saveDefinition(definition))
    }
    return service
  }

  /** Looks from now on, until `stop`. Rejects where the host's pipelines are wrong. */
  async start(): Promise<void> {
    await this.open()
    const look = (): void => {
      this.looking = this.tick()
        .catch((error: unknown) => this.options.log?.error(`scheduler: ${error instanceof Error ? error.message : String(error)}`))
        .finally(() => {
          if (this.isStopped) return
          this.timer = setTimeout(look, this.options.interval ?? 1000)
        })
    }
    look()
  }

  /** Starts nothing more, and waits for the runs that it has started, at most `timeoutMs` (default 30,000). They go on. */
  async stop(timeoutMs = 30_000): Promise<void> {
    this.isStopped = true
    clearTimeout(this.timer)
    await this.looking
    let timer: NodeJS.Timeout | undefined
    await Promise.race([Promise.allSettled(this.running.values()), new Promise((resolve) => (timer = setTimeout(resolve, timeoutMs)))])
    clearTimeout(timer)
  }

  /** Starts what is due now, each once, whatever other processes do on the same store; for hosts that only have a cron of their own. */
  async tick(): Promise<Tick> {
    const service = await this.open()
    const now = this.now()
    const known = await this.known(service)
    const scheduled = await this.tickSchedules(service, known, now)
    const dependent = await this.tickDependencies(service, known, now)
    return { started: [...scheduled.started, ...dependent], nextAt: scheduled.nextAt }
  }

  /** Those that are on and can be read. */
  private async known(service: EngineService): Promise<ReadonlyMap<string, Known>> {
    const set = new Map<string, { readonly schedule: string | null; readonly timezone: string }>()
    for await (const { key, value } of entriesOf(service.store, "schedules"))
      set.set(key, value as { schedule: string | null; timezone: string })
    const known = new Map<string, Known>()
    for (const stored of await promised(service.store.listDefinitions())) {
      if (stored.paused) continue
      const decoded = await this.decoded(service, stored)
      if (decoded === undefined) continue
      const own = { schedule: decoded.schedule ?? null, timezone: decoded.timezone }
      known.set(stored.name, { stored, decoded, ...(set.get(stored.name) ?? own) })
    }
    return known
  }

  private async decoded(service: EngineService, { name, definition }: StoredDefinition): Promise<DecodedPipeline | undefined> {
    const own = this.own.get(name)
    if (own !== undefined) return own
    const before = this.decodedByName.get(name)
    if (before?.definition === definition) return before.decoded
    const decoded = await promised(service.decode(definition)).catch((error: unknown) => {
      if (!(error instanceof DefinitionError)) throw error
      this.options.log?.warn(`${name}: its definition cannot be read any more, so it is not started: ${error.message}`)
      return undefined
    })
    this.decodedByName.set(name, { definition, decoded })
    return decoded
  }

  private async tickSchedules(service: EngineService, known: ReadonlyMap<string, Known>, now: number): Promise<Tick> {
    const claims = new Claims<Job>(service.store, "at:")
    const jobs = await claims.all()
    const due: Array<{ readonly one: Known; readonly job: Claim<Job> }> = []
    let nextAt: number | undefined
    for (const [name, one] of known) {
      const job = jobs.get(name)
      const { schedule, timezone } = one
      if (schedule === null) {
        if (job !== undefined) await claims.remove(name)
        continue
      }
      const isSame = job?.value.schedule === schedule && job.value.timezone === timezone
      if (job !== undefined && isSame) {
        if (job.value.nextAt <= now) due.push({ one, job })
        else nextAt = Math.min(nextAt ?? Infinity, job.value.nextAt)
        continue
      }
      const first = await this.nextAfter(schedule, timezone, now)
      if (first === undefined) continue
      nextAt = Math.min(nextAt ?? Infinity, first)
      if (job === undefined) await claims.add(name, { schedule, timezone, nextAt: first })
      else await job.settle({ schedule, timezone, nextAt: first })
    }
    for (const name of jobs.keys())
      if (!known.has(name) && (await promised(service.store.getDefinition(name))) === undefined) await claims.remove(name)
    const started: Array<Started> = []
    for (const { one, job } of due.toSorted((a, b) => a.job.value.nextAt - b.job.value.nextAt)) {
      const run = await this.startDue(service, one, job, now)
      if (run !== undefined) started.push(run)
      if (job.value.nextAt > now) nextAt = Math.min(nextAt ?? Infinity, job.value.nextAt)
    }
    return { started, nextAt }
  }

  private async nextAfter(schedule: string, timezone: string, from: number): Promise<number | undefined> {
    try {
      return (await nextTimes(schedule, timezone, from, 1))[0]
    } catch {
      return undefined // One that never comes; `validate` says so.
    }
  }

  private async startDue(service: EngineService, one: Known, job: Claim<Job>, now: number): Promise<Started | undefined> {
    const { schedule, timezone } = job.value
    const leftAt = job.leftAt
    if (job.isHeld(now) || !(await job.take(now))) return undefined
    const settle = async (nextAt = Number.MAX_SAFE_INTEGER, isWaiting = false) =>
      await job.settle({ schedule, timezone, nextAt, isWaiting })
    const { misfire = "run_once", misfire_limit: limit = MISFIRE_LIMIT } = one.decoded.scheduler
    const { isWaiting = false } = job.value
    const isMissed = !isWaiting && job.value.nextAt < now - MISSED_AFTER
    const oldest = isMissed ? await this.firstToRun(job.value, now, misfire === "run_all" ? limit : 0) : job.value.nextAt
    // What a process that is gone had claimed was not missed: its run may be there.
    const dueAt = misfire === "run_once" || leftAt !== undefined ? job.value.nextAt : oldest
    if (dueAt !== job.value.nextAt) {
      const data = { trigger: "schedule", skipped: true, reason: "it was missed", due_at: new Date(job.value.nextAt).toISOString() }
      await this.tell(service, one.stored.name, null, data)
    }
    if (dueAt === undefined || dueAt > now) {
      await settle(dueAt)
      return undefined
    }
    const waits = misfire === "run_all" && (isMissed || isWaiting)
    const outcome = await this.startOnce(service, one, "schedule", leftAt, { due_at: new Date(dueAt).toISOString() }, waits)
    // One that waits stays due until the one that runs has ended.
    if (outcome === "queued") await settle(dueAt, true)
    else await settle(await this.nextAfter(schedule, timezone, misfire === "run_all" ? dueAt : now))
    return typeof outcome === "object" ? { pipeline: one.stored.name, runId: outcome.id, trigger: "schedule", dueAt } : undefined
  }

  /** The first time that still gets a run: those within the last minute, and of the ones before them at most `limit`. */
  private async firstToRun({ schedule, timezone, nextAt }: Job, now: number, limit: number): Promise<number | undefined> {
    const missedUntil = now - MISSED_AFTER
    // Of long gaps only about `limit` times are computed: those since the middle, as long as they are too few.
    const missedSince = async (from: number) => {
      const times = await nextTimes(schedule, timezone, from, limit + 1)
      return times.filter((time) => time < missedUntil)
    }
    let from = nextAt - 1
    if ((await missedSince(from)).length > limit) {
      let few = missedUntil
      while (few - from > 500) {
        const middle = Math.floor((few + from) / 2)
        if ((await missedSince(middle)).length > limit) from = middle
        else few = middle
      }
      from = few
    }
    return await this.nextAfter(schedule, timezone, from)
  }

  private async tickDependencies(service: EngineService, known: ReadonlyMap<string, Known>, now: number): Promise<ReadonlyArray<Started>> {
    const dependents = [...known.values()].filter(({ decoded }) => decoded.dependsOn.length > 0)
    if (dependents.length === 0) return []
    const claims = new Claims<Seen>(service.store, "after:")
    const all = await claims.all()
    const started: Array<Started> = []
    for (const one of dependents) {
      const { name } = one.stored
      const runs = await this.lastRunsOf(service, one.decoded)
      const claim = all.get(name)
      if (claim === undefined) {
        // What ended before anybody looked is no reason to start.
        await claims.add(name, { runs: Object.fromEntries([...runs].map(([dependency, run]) => [dependency, run.id])) })
        continue
      }
      const isReady = one.decoded.dependsOn.every(({ name: dependency, status }) => {
        const run = runs.get(dependency)
        return (
          run !== undefined &&
          run.id !== claim.value.runs[dependency] &&
          (status === "completed" ? run.status !== "cancelled" : run.status === status)
        )
      })
      if (!isReady || claim.isHeld(now)) continue
      const leftAt = claim.leftAt
      if (!(await claim.take(now))) continue
      const seen = Object.fromEntries([...runs].map(([dependency, run]) => [dependency, run.id]))
      const outcome = await this.startOnce(service, one, "dependency", leftAt, { after: seen })
      await claim.settle({ runs: outcome === "queued" ? claim.value.runs : seen })
      if (typeof outcome === "object") started.push({ pipeline: name, runId: outcome.id, trigger: "dependency", dueAt: now })
    }
    return started
  }

  /** The last run of each dependency that ended and was no dry run. */
  private async lastRunsOf(service: EngineService, { dependsOn }: DecodedPipeline): Promise<ReadonlyMap<string, Run>> {
    const found = new Map<string, Run>()
    for (const { name } of dependsOn) {
      const { runs } = await promised(service.store.listRuns({ pipeline: name, status: ["success", "failed", "cancelled"], limit: 20 }))
      const last = runs.find((run) => !run.dryRun)
      if (last !== undefined) found.set(name, last)
    }
    return found
  }

  /** `leftAt`: when a process that is gone claimed it; its run may be there. */
  private async startOnce(
    service: EngineService,
    one: Known,
    trigger: "schedule" | "dependency",
    leftAt: number | undefined,
    data: Readonly<Record<string, unknown>>,
    waits = false,
  ): Promise<{ readonly id: string } | "queued" | "skipped"> {
    const { name } = one.stored
    if (leftAt !== undefined) {
      const { runs } = await promised(service.store.listRuns({ pipeline: name, since: leftAt, limit: 20 }))
      const there = runs.find((run) => run.trigger === trigger)
      if (there !== undefined) return there
    }
    try {
      return await this.startOrWait(service, one, trigger, data, waits)
    } catch (error) {
      // A store that is away is away for all; anything else is this pipeline's own, and must not keep the others waiting.
      if (error instanceof StoreError) throw error
      this.options.log?.error(`${name}: it could not be started: ${service.mask(error instanceof Error ? error.message : String(error))}`)
      await this.tell(service, name, null, { trigger, skipped: true, reason: "it could not be started", ...data })
      return "skipped"
    }
  }

  private async startOrWait(
    service: EngineService,
    one: Known,
    trigger: "schedule" | "dependency",
    data: Readonly<Record<string, unknown>>,
    waits: boolean,
  ): Promise<{ readonly id: string } | "queued" | "skipped"> {
    const { name } = one.stored
    try {
      const handle = await this.begin(service, one, trigger)
      await this.tell(service, name, handle.id, { trigger, ...data })
      return handle
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== "LEASE_HELD") throw error
      const rule = waits ? "queue" : (one.decoded.scheduler.queue_overflow ?? "skip")
      if (rule === "queue") return "queued"
      if (rule === "skip") {
        await this.tell(service, name, null, { trigger, skipped: true, reason: "it runs already", ...data })
        return "skipped"
      }
      const [running] = (await promised(service.store.listRuns({ pipeline: name, status: ["running", "pending"], limit: 1 }))).runs
      // One that another process has goes on; this one waits for it.
      if (running === undefined || !(await this.engine.cancel(running.id))) return "queued"
      const handle = await this.begin(service, one, trigger)
      await this.tell(service, name, handle.id, { trigger, replaced: running.id, ...data })
      return handle
    }
  }

  private async begin(
    service: EngineService,
    { stored, decoded }: Known,
    trigger: RunOptions["trigger"],
  ): Promise<{ readonly id: string }> {
    const handle = await this.engine.start(decoded, {
      ...(this.own.has(stored.name) ? {} : this.outside),
      trigger: trigger!,
      revision: stored.revision,
      refusesWhileRunning: true,
    })
    const done = handle.done
      .catch((error: unknown) =>
        this.options.log?.error(`${stored.name}: ${service.mask(error instanceof Error ? error.message : String(error))}`),
      )
      .finally(() => this.running.delete(handle.id))
    this.running.set(handle.id, done)
    return handle
  }

  private async tell(
    service: EngineService,
    pipeline: string,
    runId: string | null,
    data: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const timestamp = this.now()
    await promised(
      service.store.appendEvents([{ id: newEventId(timestamp), type: "scheduler.triggered", timestamp, pipeline, runId, data }]),
    )
  }
}
