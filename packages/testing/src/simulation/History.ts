/** One history: processes that run a pipeline, in a world where everything goes wrong for a while, and then nothing any more. */
import type { DecodedPipeline, Destination, Files, Plugin, Run, Store } from "@deltaflow/core"
import { Engine, ProjectFiles, type RunResult, type StartedRun, StateStore } from "@deltaflow/core/effect"
import { memoryStore } from "@deltaflow/core/store/memory"
import { TEST_DEAD_LETTER } from "@deltaflow/core/testing"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { memoryFiles, type MemoryFiles } from "../memoryFiles.ts"
import { modesOf, typesIn } from "../pipeline/testEnds.ts"
import { type EndsOptions, Origin, positionsOf, simulatedDestination, simulatedSource, Table } from "./ends.ts"
import { type OpenHandles, outcomeOf, simulatedFiles, simulatedStore } from "./services.ts"
import { Process, World } from "./World.ts"

/** What a history is made of. */
export interface Setting {
  readonly definition: unknown
  readonly plugins: ReadonlyArray<Plugin>
  readonly decode: (definition: unknown, plugins: ReadonlyArray<Plugin>) => Promise<DecodedPipeline>
  /** All rows that come in the course of the history, by source. */
  readonly rows: ReadonlyMap<string, Pick<Origin, "schema" | "rows">>
  readonly delivery: (type: string) => Destination["delivery"]
  /** Whether sources forget what they were told is durable. */
  readonly forgets: boolean
  /** Types of destinations that are the real ones, over a disk that is simulated. */
  readonly realTypes: ReadonlySet<string>
}

/** What all processes share, and what stays when one is gone. */
interface Outside {
  readonly world: World
  readonly store: Store
  readonly disk: MemoryFiles
  readonly origins: ReadonlyMap<string, Origin>
  readonly tables: ReadonlyMap<string, Table>
}

/** One run that somebody asked a process for. */
interface Asked {
  readonly process: Process
  started: StartedRun | undefined
  exit: Exit.Exit<RunResult, unknown> | undefined
}

interface Host {
  readonly process: Process
  readonly open: Set<string>
  readonly handles: OpenHandles
  readonly pipeline: DecodedPipeline
  engine: Engine["Service"] | undefined
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  exit: Exit.Exit<unknown, unknown> | undefined
}

/** Chances of what happens between the steps of processes. */
const ACTIONS = { rows: 6, run: 8, wait: 6, kill: 3, power: 1, freeze: 4, thaw: 5, clock: 2, start: 3, end: 2, cancel: 2, stop: 3 }

const MOST_PROCESSES = 3

/** Steps of all processes after which a history has surely no end. */
const MOST_STEPS = 200_000

const DAY_MS = 86_400_000

export class History {
  readonly world: World
  private readonly setting: Setting
  private readonly outside: Outside
  private readonly hosts: Array<Host> = []
  private readonly asked: Array<Asked> = []
  /** Milliseconds for which modules may be loaded that something waits for, where nothing goes on. */
  private readonly loadingMs: number
  private steps = 0
  private processCount = 0

  constructor(setting: Setting, seed: number, faults: number, loadingMs = 0) {
    this.setting = setting
    this.loadingMs = loadingMs
    this.world = new World(seed, faults)
    const origins = [...setting.rows].map(([name, { schema }]) => [name, new Origin(name, schema, setting.forgets)] as const)
    this.outside = {
      world: this.world,
      store: memoryStore({ now: () => Math.floor(this.world.now) }),
      disk: memoryFiles(),
      origins: new Map(origins),
      tables: new TableMap(),
    }
    this.outside.disk.put("/project/.keep", "")
  }

  /** What the destination holds. */
  table(name: string): Table {
    return this.outside.tables.get(name)!
  }

  get files(): MemoryFiles {
    return this.outside.disk
  }

  /** All rows, one process, one run, and nothing goes wrong. Gives the error where it fails nevertheless. */
  async undisturbed(): Promise<unknown> {
    for (const name of this.outside.origins.keys()) this.addRows(name, Infinity)
    const host = await this.start()
    await this.settle()
    const error = await this.runToEnd(host)
    await this.end(host)
    return error
  }

  /** A time of troubles, then all is well again: then every run must end, and the next one bring everything home. */
  async disturbed(): Promise<void> {
    const { world } = this
    await this.start()
    const troubles = 10 + world.chance.below(30)
    for (let i = 0; i < troubles && world.violations.length === 0; i++) {
      await this.something()
      await this.some(world.chance.below(40))
    }
    world.tell("all is well again")
    world.faults = 0
    for (const { process } of this.hosts) if (process.isFrozen) process.thaw()
    for (const name of this.outside.origins.keys()) this.addRows(name, Infinity)
    await this.settle()
    for (const { process, exit } of this.asked)
      if (exit === undefined && !process.isGone) world.violate(`a run of ${process.name} does not end`)
    await this.comeHome()
  }

  private async comeHome(): Promise<void> {
    const { world } = this
    // The first time the lease of a process that is gone expires; the second time nobody can be about to begin any more.
    for (const wait of [60_000, 120_000]) {
      world.now += wait
      const host = await this.start()
      await this.settle()
      const error = await this.runToEnd(host)
      if (error !== undefined) world.violate(`all is well, and a run fails: ${describe(error)}`)
    }
    for (const one of this.hosts) if (!one.process.isGone) await this.end(one)
    for (const { id, status, completedAt } of this.runs()) if (completedAt === null) world.violate(`${id} is ${status} for ever`)
  }

  private runs(): ReadonlyArray<Run> {
    const found = outcomeOf(this.outside.store.listRuns({ limit: 1000 }))
    return found.ok ? found.value.runs : []
  }

  /** One of the things that happen in a bad time. */
  private async something(): Promise<void> {
    const { world, hosts } = this
    const { chance } = world
    const alive = hosts.filter(({ process }) => !process.isGone)
    const running = alive.filter(({ process, engine }) => process.isRunning && engine !== undefined)
    switch (chance.weighted(ACTIONS)) {
      case "rows":
        return this.addRows(chance.pick([...this.outside.origins.keys()]), 1 + chance.below(8))
      case "run":
        if (running.length > 0) this.ask(chance.pick(running))
        return
      case "wait":
        return await this.pass(chance.next() * 20_000)
      case "kill":
        if (alive.length > 0) chance.pick(alive).process.kill()
        return
      case "power":
        for (const { process } of alive) process.kill()
        world.tell("the power is off")
        return this.outside.disk.crash()
      case "freeze":
        if (running.length > 0) chance.pick(running).process.freeze()
        return
      case "thaw": {
        const frozen = alive.filter(({ process }) => process.isFrozen)
        if (frozen.length > 0) chance.pick(frozen).process.thaw()
        return
      }
      case "clock":
        return alive.length === 0 ? undefined : this.setClock(chance.pick(alive).process)
      case "start":
        if (alive.length < MOST_PROCESSES) await this.start(chance.oneIn(3))
        return
      case "end":
        if (running.length > 1) {
          const { process, fiber } = chance.pick(running)
          world.tell(`${process.name} is told to end`)
          fiber?.interruptUnsafe()
        }
        return
      case "cancel":
      case "stop": {
        const going = this.asked.filter(({ process, started, exit }) => process.isRunning && started !== undefined && exit === undefined)
        if (going.length === 0) return
        const { process, started } = chance.pick(going)
        const isCancelled = chance.oneIn(2)
        world.tell(`a run of ${process.name} is ${isCancelled ? "cancelled" : "asked to stop"}`)
        this.fork(process, isCancelled ? started!.cancel : started!.stop)
        return
      }
    }
  }

  private addRows(name: string, count: number): void {
    const origin = this.outside.origins.get(name)!
    const { rows } = this.setting.rows.get(name)!
    const next = rows.slice(origin.rows.length, origin.rows.length + count)
    if (next.length === 0) return
    origin.rows.push(...next)
    this.world.tell(`${name} has ${origin.rows.length} rows`)
  }

  /** Time passes, and what is due in it happens. */
  private async pass(milliseconds: number): Promise<void> {
    let isOver = false
    this.world.after(milliseconds, () => void (isOver = true))
    while (!isOver) {
      await turn()
      if (!this.world.work()) this.world.advance()
    }
  }

  /** So many steps, or fewer where there is nothing to do. */
  private async some(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      await turn()
      if (!this.world.work() && !this.world.advance()) return
    }
  }

  /** Everything that is to happen happens. */
  private async settle(): Promise<void> {
    for (;;) {
      await turn()
      if (++this.steps > MOST_STEPS) return this.world.violate("the history has no end")
      if (this.world.work() || this.world.advance()) continue
      if (this.loadingMs > 0) await new Promise((resolve) => setTimeout(resolve, this.loadingMs))
      if (!this.world.work() && !this.world.advance()) return
    }
  }

  private setClock(process: Process): void {
    const { chance } = this.world
    process.skew += (chance.oneIn(2) ? 1 : -1) * chance.pick([1000, 60_000, 3_600_000, DAY_MS, 365 * DAY_MS])
    this.world.tell(`the clock of ${process.name} is off by ${process.skew / 1000} s`)
  }

  private async start(hasWrongClock = false): Promise<Host> {
    const { world, store, disk, origins, tables } = this.outside
    const process = new Process(world, `process ${++this.processCount}`)
    world.tell(`${process.name} starts`)
    if (hasWrongClock) this.setClock(process)
    const open = new Set<string>()
    const handles: OpenHandles = new Map()
    const held = (source: string): number => this.held(source)
    const plugins = this.plugins({ world, process, origins, tables, held, open })
    const pipeline = await this.setting.decode(this.setting.definition, plugins)
    const host: Host = { process, open, handles, pipeline, engine: undefined, fiber: undefined, exit: undefined }
    const files: Files = simulatedFiles(world, process, disk, handles)
    let runs = 0
    const options = { plugins, projectRoot: "/project", newRunId: () => `run_${process.name.slice(8)}_${++runs}` }
    const layer = Engine.layer(options).pipe(
      Layer.provide(Layer.succeed(StateStore, simulatedStore(world, process, store))),
      Layer.provide(Layer.succeed(ProjectFiles, files)),
    )
    const main = Engine.use((engine) => {
      host.engine = engine
      return Effect.never
    })
    const fiber = this.fork(process, Effect.provide(main, layer, { local: true }))
    host.fiber = fiber
    fiber.addObserver((exit) => {
      host.exit = exit
      host.engine = undefined
      this.checkClosed(host)
      world.tell(`${process.name} has ended`)
      process.kill()
    })
    this.hosts.push(host)
    return host
  }

  private fork<A, E>(process: Process, effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> {
    return Effect.runFork(Effect.provideService(effect, Clock.Clock, process.clock), { scheduler: process.scheduler })
  }

  private checkClosed({ process, open, handles }: Host): void {
    // A process does not wait for ever for what it closes.
    if (process.waiting > 0) return
    const left = [...open, ...handles.values()]
    if (left.length > 0) this.world.violate(`${process.name} has left open: ${left.join(", ")}`)
  }

  private ask({ process, engine, pipeline }: Host): Asked {
    this.world.tell(`${process.name} is asked for a run`)
    const asked: Asked = { process, started: undefined, exit: undefined }
    const run = Effect.flatMap(engine!.start(pipeline, { workers: 1 }), (started) => {
      asked.started = started
      return started.done
    })
    this.fork(process, run).addObserver((exit) => {
      asked.exit = exit
      const failure = failureOf(exit)
      this.world.tell(`a run of ${process.name} has ended: ${failure === undefined ? "success" : describe(failure)}`)
    })
    this.asked.push(asked)
    return asked
  }

  private async runToEnd(host: Host): Promise<unknown> {
    if (host.engine === undefined) return host.exit ?? "the engine did not start"
    const asked = this.ask(host)
    await this.settle()
    if (asked.exit === undefined) return "the run does not end"
    return failureOf(asked.exit)
  }

  private async end(host: Host): Promise<void> {
    host.fiber?.interruptUnsafe()
    await this.settle()
    if (host.exit === undefined && !host.process.isGone) this.world.violate(`${host.process.name} does not end`)
  }

  private plugins(options: EndsOptions): ReadonlyArray<Plugin> {
    const { definition, plugins, delivery, realTypes } = this.setting
    const destinations = typesIn(definition, "destinations").filter((type) => !realTypes.has(type))
    return [
      ...typesIn(definition, "sources").map((type) => simulatedSource(options, type)),
      ...destinations.map((type) =>
        simulatedDestination(options, { type, delivery: delivery(type) as "transactional", writeModes: modesOf(type, plugins) }),
      ),
      simulatedDestination(options, { type: TEST_DEAD_LETTER, delivery: "none", writeModes: ["append"] }),
      ...plugins,
    ]
  }

  /** Up to where every destination holds the rows of a source. */
  private held(source: string): number {
    const stored = outcomeOf(this.outside.store.getCheckpoints(nameOf(this.setting.definition)))
    const checkpoints = stored.ok ? stored.value : []
    const names = this.hosts[0]!.pipeline.destinations.map(({ name }) => name)
    return Math.min(
      ...names.map((name) => {
        const cursors = this.table(name).checkpoint?.cursors ?? checkpoints.find(({ destination }) => destination === name)?.cursors ?? {}
        return positionsOf(cursors, this.outside.origins)[source] ?? 0
      }),
    )
  }
}

/** Tables are there when somebody asks for them. */
class TableMap extends Map<string, Table> {
  override get(name: string): Table {
    let table = super.get(name)
    if (table === undefined) {
      table = new Table(name)
      this.set(name, table)
    }
    return table
  }
}

const failureOf = (exit: Exit.Exit<RunResult, unknown>): unknown => {
  if (Exit.isFailure(exit)) return Cause.squash(exit.cause)
  return exit.value.status === "success" ? undefined : (exit.value.failure ?? exit.value.status)
}

const nameOf = (definition: unknown): string => (definition as { readonly name: string }).name

const describe = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}` : String(error))

/** Lets promises settle: nothing in a history waits for anything that is real. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
