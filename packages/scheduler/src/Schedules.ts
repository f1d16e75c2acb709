/** The next time of each schedule, and what is made of those that have come. */
import type { Store } from "@deltaflow/core"
import { newRunId } from "@deltaflow/core"
import { promised } from "@deltaflow/core/adapter"
import { type Claim, Claims } from "./Claims.ts"
import type { Known } from "./Pipelines.ts"
import type { Due, Outcome, Starter } from "./Starter.ts"
import { delayOf, firstToRun, intervalOf, MISSED_AFTER, timeAfter } from "./times.ts"

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
    // Behind the starts: a claim holds longer than this takes, and who finds one left finds its run too.
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
    await this.readAgain(name)
    const job = this.jobs!.get(name)
    if (one === undefined || job === undefined || job.isHeld(now) || (job.value.lastAt ?? 0) <= now + WRONG_CLOCK_MS) return
    const { schedule, timezone } = job.value
    const nextAt = (await timeAfter(schedule, timezone, now, one.settings)) ?? NEVER
    if (!(await job.settle({ schedule, timezone, nextAt }))) await this.readAgain(name)
  }

  private async startDue(one: Known, now: number, starts: boolean): Promise<void> {
    const { name } = one.stored
    // What was read may be old, and what another process left half done is first brought to an end.
    for (let looks = 0; looks < 3; looks++) {
      const job = this.jobs!.get(name)
      if (job === undefined || job.value.nextAt > now || (looks > 0 && job.isHeld(now))) return
      const isDone = !job.isHeld(now) && (await this.startOne(one, job, now, starts))
      if (isDone) return
      await this.readAgain(name)
    }
  }

  /** False where it is to be looked at once more. */
  private async startOne(one: Known, seen: Claim<Job>, now: number, starts: boolean): Promise<boolean> {
    const left = seen.left
    const runId = left ?? newRunId(now)
    if (!(await seen.take(now, runId))) return false
    const { schedule, timezone, nextAt, lastAt, isWaiting = false } = seen.value
    const settle = async (next: number | undefined, last = lastAt, waits = false) =>
      await seen.settle({
        schedule,
        timezone,
        nextAt: next ?? NEVER,
        ...(last === undefined ? {} : { lastAt: last }),
        ...(waits ? { isWaiting: true } : {}),
      })
    const after = async (time: number) => await timeAfter(schedule, timezone, time, one.settings)
    const { misfire = "run_once", misfire_limit: limit = MISFIRE_LIMIT } = one.settings
    if (left !== undefined && (await this.starter.isMade(left))) {
      await settle(await after(nextAt), nextAt)
      return false
    }
    const isMissed = !isWaiting && nextAt < now - MISSED_AFTER - (one.settings.jitter ?? 0)
    const oldest = isMissed ? await firstToRun(seen.value, now, misfire === "run_all" ? limit : 0, one.settings) : nextAt
    // What a process that is gone had claimed was not missed.
    const dueAt = misfire === "run_once" || left !== undefined ? nextAt : oldest
    const due = { one, runId, trigger: "schedule", dueAt: dueAt ?? now, data: { due_at: isoOf(dueAt ?? now) } } as const
    if (dueAt !== nextAt) this.starter.tell({ ...due, data: { due_at: isoOf(nextAt) } }, null, { skipped: true, reason: "it was missed" })
    if (dueAt === undefined || dueAt > now) {
      await settle(dueAt)
      return true
    }
    const isOne = misfire !== "run_all"
    const logicalTime = await intervalOf(schedule, timezone, dueAt, isOne ? now : dueAt)
    const whole: Due = { ...due, logicalTime, isPatient: !isOne && (isMissed || isWaiting) }
    const outcome: Outcome = await this.starter.begin(whole, starts)
    if (outcome === "busy") await settle(dueAt, lastAt, true)
    else this.settling.push(async () => await settle(await after(isOne ? now : dueAt), logicalTime.scheduledAt))
    return true
  }

  private async readAgain(name: string): Promise<void> {
    const job = await this.claims.get(name)
    if (job === undefined) this.jobs!.delete(name)
    else this.jobs!.set(name, job)
  }
}

const isoOf = (time: number): string => new Date(time).toISOString()
