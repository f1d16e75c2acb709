/** The next time of each schedule, and what is made of those that have come. */
import { createHash } from "node:crypto"
import { newRunId, type Store } from "@deltaflow/core"
import { previousTimes, promised } from "@deltaflow/core/adapter"
import { type Claim, Claims } from "./Claims.ts"
import type { Known } from "./Pipelines.ts"
import type { Starter } from "./Starter.ts"
import { delayOf, firstToRun, MISSED_AFTER, timeAfter } from "./times.ts"

interface Job {
  readonly schedule: string
  readonly timezone: string
  /** `Number.MAX_SAFE_INTEGER` where no time comes any more. */
  readonly nextAt: number
  /** The time of the last run. */
  readonly lastAt?: number
  /** Whether it was due while the pipeline ran, and waits for it since; of `misfire: run_all`. */
  readonly isWaiting?: boolean
}

/** A last run that is so far ahead, milliseconds, was made by a clock that was wrong; less is a clock that was set back a little. */
const WRONG_CLOCK_MS = 3_600_000

const NEVER = Number.MAX_SAFE_INTEGER

const MISFIRE_LIMIT = 100

export class Schedules {
  private readonly store: Store
  private readonly starter: Starter
  private readonly claims: Claims<Job>
  /** As they were when they were read; another process may have gone on, which is found out when one is due. */
  private jobs: Map<string, Claim<Job>> | undefined
  private readonly settling: Array<() => Promise<unknown>> = []

  constructor(store: Store, starter: Starter) {
    this.store = store
    this.starter = starter
    this.claims = new Claims(store, "at:")
  }

  /** Starts what is due, or lets it wait where others come first; gives when the next one is due. */
  async look(
    known: ReadonlyMap<string, Known>,
    isNew: boolean,
    now: number,
    mayStart: (due: number) => boolean,
  ): Promise<number | undefined> {
    if (isNew || this.jobs === undefined) await this.plan(known, now)
    const jobs = this.jobs!
    for (const [name, { value }] of jobs) if ((value.lastAt ?? 0) > now + WRONG_CLOCK_MS) await this.planAnew(name, known.get(name), now)
    const due: Array<{ readonly one: Known; readonly at: number }> = []
    for (const [name, job] of jobs) {
      const one = known.get(name)
      if (one === undefined || one.stored.paused || job.value.nextAt > now) continue
      const at = job.value.nextAt + delayOf(name, job.value.nextAt, one.settings.jitter ?? 0)
      if (at <= now) due.push({ one, at })
    }
    const starts = mayStart(due.length)
    for (const { one } of due.toSorted((a, b) => a.at - b.at)) await this.startDue(one, now, starts)
    // Behind the starts: who finds one that is not settled finds its run too.
    for (const settle of this.settling.splice(0)) await settle()
    return this.nextAt(known, now)
  }

  private nextAt(known: ReadonlyMap<string, Known>, now: number): number | undefined {
    let next = Infinity
    for (const [name, { value }] of this.jobs!) {
      const one = known.get(name)
      if (one === undefined || one.stored.paused || value.nextAt === NEVER) continue
      next = Math.min(next, Math.max(now + 1, value.nextAt + delayOf(name, value.nextAt, one.settings.jitter ?? 0)))
    }
    return next === Infinity ? undefined : next
  }

  /** Gives each schedule its next time, and takes away what has none any more. */
  private async plan(known: ReadonlyMap<string, Known>, now: number): Promise<void> {
    this.jobs ??= await this.claims.all()
    const jobs = this.jobs
    for (const [name, one] of known) if (!one.stored.paused) await this.planOne(name, one, now)
    for (const name of jobs.keys()) {
      const one = known.get(name)
      if (one !== undefined && (one.schedule !== null || one.stored.paused)) continue
      // One that cannot be read for now keeps its place.
      if (one === undefined && (await promised(this.store.getDefinition(name))) !== undefined) continue
      await this.claims.remove(name)
      jobs.delete(name)
    }
  }

  private async planOne(name: string, { schedule, timezone, settings }: Known, now: number): Promise<void> {
    const job = this.jobs!.get(name)
    if (schedule === null || (job?.value.schedule === schedule && job.value.timezone === timezone)) return
    const value = { schedule, timezone, nextAt: (await timeAfter(schedule, timezone, now, settings)) ?? NEVER }
    const isSet = job === undefined ? false : await job.settle(value)
    if (isSet) return
    // Another process may have been first.
    const there = job === undefined ? await this.claims.add(name, value) : await this.claims.get(name)
    if (there !== undefined) this.jobs!.set(name, there)
  }

  /** The clock is right again: the next time is counted from now, or nothing would run until the time that it showed. */
  private async planAnew(name: string, one: Known | undefined, now: number): Promise<void> {
    const job = await this.readAgain(name)
    if (one === undefined || job === undefined || (job.value.lastAt ?? 0) <= now + WRONG_CLOCK_MS) return
    const { schedule, timezone } = job.value
    const nextAt = (await timeAfter(schedule, timezone, now, one.settings)) ?? NEVER
    if (!(await job.settle({ schedule, timezone, nextAt }))) await this.readAgain(name)
  }

  private async startDue(one: Known, now: number, starts: boolean): Promise<void> {
    const { stored, settings } = one
    // Another process may have been first.
    const job = await this.readAgain(stored.name)
    if (job === undefined || job.value.nextAt > now) return
    const { schedule, timezone, nextAt, lastAt, isWaiting = false } = job.value
    const settle = async (next: number | undefined, last = lastAt, waits = false) =>
      await job.settle({
        schedule,
        timezone,
        nextAt: next ?? NEVER,
        ...(last === undefined ? {} : { lastAt: last }),
        ...(waits ? { isWaiting: true } : {}),
      })
    const { misfire = "run_once", misfire_limit: limit = MISFIRE_LIMIT } = settings
    const isMissed = !isWaiting && nextAt < now - MISSED_AFTER - (settings.jitter ?? 0)
    const oldest = isMissed ? await firstToRun(job.value, now, misfire === "run_all" ? limit : 0, settings) : nextAt
    const dueAt = misfire === "run_once" ? nextAt : oldest
    const runId = await this.runIdFor(stored.name, dueAt ?? now, now)
    const due = { one, runId, trigger: "schedule", dueAt: dueAt ?? now, data: { due_at: isoOf(dueAt ?? now) } } as const
    const tellMissed = () =>
      this.starter.tell({ ...due, data: { due_at: isoOf(nextAt) } }, null, { skipped: true, reason: "it was missed" })
    if (dueAt === undefined || dueAt > now) {
      if (await settle(dueAt)) tellMissed()
      return
    }
    if (dueAt !== nextAt && !(await this.starter.isMade(runId))) tellMissed()
    const isOne = misfire !== "run_all"
    const following = await timeAfter(schedule, timezone, dueAt, settings)
    const isLast = following === undefined || following > now
    const scheduledAt = isLast || !isOne ? dueAt : await lastTime(schedule, timezone, now)
    const intervalStart = lastAt !== undefined && lastAt < dueAt && !isMissed ? lastAt : await lastTime(schedule, timezone, dueAt - 1)
    const next = isLast || !isOne ? following : await timeAfter(schedule, timezone, now, settings)
    const outcome = await this.starter.begin(
      {
        ...due,
        logicalTime: { scheduledAt, intervalStart },
        isPatient: !isOne && (isMissed || isWaiting),
        mayTell: async () => await settle(next, scheduledAt),
      },
      starts,
    )
    if (outcome === "busy") await settle(dueAt, lastAt, true)
    else if (outcome !== "skipped") this.settling.push(async () => await settle(next, scheduledAt))
  }

  /** The same for every process that sees this time, so that one run is made; another one where a clock that was wrong made it. */
  private async runIdFor(pipeline: string, time: number, now: number): Promise<string> {
    const id = runIdOf(pipeline, time)
    const made = await promised(this.store.getRun(id))
    return made !== undefined && made.createdAt > now + WRONG_CLOCK_MS ? runIdOf(`${pipeline} ${made.createdAt}`, time) : id
  }

  private async readAgain(name: string): Promise<Claim<Job> | undefined> {
    const job = await this.claims.get(name)
    if (job === undefined) this.jobs!.delete(name)
    else this.jobs!.set(name, job)
    return job
  }
}

const runIdOf = (made: string, time: number): string => {
  const digest = createHash("sha256").update(`${made} ${time}`).digest()
  let at = 0
  return newRunId(time, () => Number(digest.readBigUInt64BE(8 * at++) >> 11n) / 2 ** 53)
}

const lastTime = async (schedule: string, timezone: string, until: number): Promise<number> =>
  (await previousTimes(schedule, timezone, until, 1))[0]!

const isoOf = (time: number): string => new Date(time).toISOString()
