/**
 * A world in which all is simulated that a process sees from outside: its clock, its turn on the processor, and each call that leaves it.
 *
 * One seed gives one history. Nothing here waits for real time: when all processes wait, time moves to what comes next.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { MixedScheduler, type Scheduler } from "effect/Scheduler"
import { Chance } from "./Chance.ts"

/** How a call ends. */
export type Outcome<A> = { readonly ok: true; readonly value: A } | { readonly ok: false; readonly error: unknown }

/** One call that leaves a process. */
export interface Call<A> {
  /** `commit orders`, for the history. */
  readonly what: string
  /** Whether it takes effect by itself once it is sent, as on a server, also where the process is gone by then. */
  readonly isRemote: boolean
  readonly perform: () => Outcome<A> | Promise<Outcome<A>>
  /** Half of it, where half of it can be done. */
  readonly performHalf?: () => Promise<unknown>
  /** For a result that nobody gets. */
  readonly discard?: (value: A) => void
}

/** Milliseconds after which who waits for an answer is told that none will come. */
const SILENCE_MS = 120_000

/** 2026-01-01. */
const START = 1_767_225_600_000

interface Event {
  readonly at: number
  readonly number: number
  readonly run: () => void
}

export class World {
  readonly chance: Chance
  readonly processes: Array<Process> = []
  /** What happened, a line each. */
  readonly history: Array<string> = []
  /** What must not have happened. */
  readonly violations: Array<string> = []
  /** Which share of calls goes wrong. */
  faults: number
  now = START
  private readonly events: Array<Event> = []
  private count = 0
  private calls = 0

  constructor(seed: number, faults: number) {
    this.chance = new Chance(seed)
    this.faults = faults
  }

  tell(line: string): void {
    this.history.push(`${((this.now - START) / 1000).toFixed(3)} ${line}`)
  }

  violate(what: string): void {
    this.tell(`VIOLATION: ${what}`)
    this.violations.push(what)
  }

  /** Gives what takes the event back. */
  after(milliseconds: number, run: () => void): () => void {
    const event: Event = { at: this.now + Math.max(0, milliseconds), number: this.count++, run }
    let place = this.events.length
    while (place > 0 && this.events[place - 1]!.at > event.at) place--
    this.events.splice(place, 0, event)
    return () => {
      const at = this.events.indexOf(event)
      if (at >= 0) this.events.splice(at, 1)
    }
  }

  /** Lets one process do its next piece of work; false where none has any. */
  work(): boolean {
    const ready = this.processes.filter((process) => process.isRunning && process.tasks.length > 0)
    if (ready.length === 0) return false
    const { tasks } = this.chance.pick(ready)
    const [task] = tasks.splice(this.chance.below(tasks.length), 1)
    task!()
    return true
  }

  /** Moves time to what comes next; false where nothing comes any more. */
  advance(): boolean {
    const event = this.events.shift()
    if (event === undefined) return false
    this.now = Math.max(this.now, event.at)
    event.run()
    return true
  }

  /** Sends a call on its way. `answer` is called at most once, and never for a process that is gone. Gives what stops waiting for it. */
  send<A>(process: Process, call: Call<A>, answer: (outcome: Outcome<A> | undefined) => void): () => void {
    if (process.isGone) return () => undefined
    const number = ++this.calls
    const fate = this.fateOf(call)
    let isAwaited = true
    process.waiting++
    const told = (outcome: Outcome<A> | undefined): void => {
      process.waiting--
      if (isAwaited && !process.isGone) process.deliver(() => (isAwaited ? answer(outcome) : undefined))
      else if (outcome?.ok === true) call.discard?.(outcome.value)
    }
    const line = (how: string): void => this.tell(`${process.name} ${call.what} #${number} ${how}`)
    this.after(fate.requestMs, () => {
      if (process.isGone && !call.isRemote) return
      if (fate.how === "before") {
        line("fails, and has done nothing")
        if (fate.isPartial) void call.performHalf?.()
        this.after(fate.answerMs, () => told(undefined))
        return
      }
      const done = (outcome: Outcome<A>): void => {
        line(outcome.ok ? (fate.how === "after" ? "is done, and seems to fail" : "is done") : `fails: ${String(outcome.error)}`)
        const isTold = fate.how === "well"
        if (!isTold && outcome.ok) call.discard?.(outcome.value)
        this.after(fate.answerMs, () => told(isTold ? outcome : undefined))
      }
      const outcome = call.perform()
      if (outcome instanceof Promise) void outcome.then(done)
      else done(outcome)
    })
    return () => void (isAwaited = false)
  }

  private fateOf({ performHalf }: Pick<Call<unknown>, "performHalf">): Fate {
    const { chance } = this
    const quick = () => chance.next() * 3
    const well: Fate = { how: "well", requestMs: quick(), answerMs: quick(), isPartial: false }
    if (chance.next() >= this.faults) return well
    switch (chance.weighted({ before: 6, after: 6, slow: 5, slowAnswer: 3, silent: 2 })) {
      case "before":
        return { ...well, how: "before", isPartial: performHalf !== undefined && chance.oneIn(2) }
      case "after":
        return { ...well, how: "after" }
      case "slow":
        return { ...well, requestMs: chance.next() * 30_000 }
      case "slowAnswer":
        return { ...well, answerMs: chance.next() * 30_000 }
      case "silent":
        return { ...well, how: chance.oneIn(2) ? "before" : "after", answerMs: SILENCE_MS }
    }
  }
}

interface Fate {
  readonly how: "well" | "before" | "after"
  readonly requestMs: number
  readonly answerMs: number
  readonly isPartial: boolean
}

/** One process: its clock may be wrong, it may stand still for a while, and it may be gone at any moment. */
export class Process {
  readonly name: string
  /** What it would do next, in any order. */
  readonly tasks: Array<() => void> = []
  readonly clock: Clock.Clock
  readonly scheduler: Scheduler
  /** Calls that have no answer yet. */
  waiting = 0
  /** Milliseconds by which its time of day is ahead. */
  skew = 0
  private readonly world: World
  private state: "running" | "frozen" | "gone" = "running"
  private readonly inbox: Array<() => void> = []

  constructor(world: World, name: string) {
    this.world = world
    this.name = name
    this.clock = clockOf(world, this)
    this.scheduler = new MixedScheduler("async", (task) => {
      this.tasks.push(task)
      return () => {
        const at = this.tasks.indexOf(task)
        if (at >= 0) this.tasks.splice(at, 1)
      }
    })
    world.processes.push(this)
  }

  get isRunning(): boolean {
    return this.state === "running"
  }

  get isFrozen(): boolean {
    return this.state === "frozen"
  }

  get isGone(): boolean {
    return this.state === "gone"
  }

  freeze(): void {
    this.world.tell(`${this.name} stands still`)
    this.state = "frozen"
  }

  thaw(): void {
    this.world.tell(`${this.name} goes on`)
    this.state = "running"
    for (const message of this.inbox.splice(0)) message()
  }

  kill(): void {
    this.world.tell(`${this.name} is gone`)
    this.state = "gone"
    this.tasks.length = 0
    this.inbox.length = 0
  }

  /** Does something in the process, now or when it goes on. */
  deliver(message: () => void): void {
    if (this.state === "running") message()
    else if (this.state === "frozen") this.inbox.push(message)
  }
}

/** Time of day may be wrong and jump; what is left of a wait does not depend on it. */
const clockOf = (world: World, process: Process): Clock.Clock => {
  const time = () => Math.floor(world.now + process.skew)
  const nanos = () => BigInt(time()) * 1_000_000n
  const monotonic = () => BigInt(Math.floor(world.now * 1000)) * 1000n
  return {
    currentTimeMillisUnsafe: time,
    currentTimeMillis: Effect.sync(time),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: monotonic,
    monotonicTimeNanos: Effect.sync(monotonic),
    sleep: (duration) =>
      Effect.callback<void>((resume) => {
        if (process.isGone) return Effect.void
        const cancel = world.after(Duration.toMillis(duration), () => process.deliver(() => resume(Effect.void)))
        return Effect.sync(cancel)
      }),
  }
}
