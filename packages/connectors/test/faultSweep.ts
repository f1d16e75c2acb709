/**
 * The n-th-fault sweep: one fault at one operation of a whole run, then the fault is gone, the run is repeated, and the ledger must agree.
 *
 * A case is: a run that goes well (rows 1 to 20), new input (rows 21 to 45), the run with the fault, a run without, and now and then one
 * more that must find nothing new. All operations of the store, the source, the destination and the files are counted together. Time is
 * simulated, so that hanging and waiting cost nothing.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import os from "node:os"
import path from "node:path"
import { type Checkpoint, type Destination, type Files, type PipelineDefinition, type Row, type Run, type Store } from "@deltaflow/core"
import { defineDestination, defineSource, Engine, ProjectFiles, RunError, type RunResult, StateStore } from "@deltaflow/core/effect"
import { nodeFiles } from "@deltaflow/core/node"
import { memoryStore } from "@deltaflow/core/store/memory"
import {
  faultyDestination,
  faultyFiles,
  faultySource,
  faultyStore,
  type FaultPlan,
  Faults,
  memoryFiles,
  type MemoryFiles,
} from "@deltaflow/testing"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { csvDestination, csvSource, ndjsonDestination, sqliteDestination } from "../src/index.ts"

export const hows = ["before", "after", "short", "hangs", "crash"] as const

export interface Fault {
  /** Number of the operation, from 1. */
  readonly at: number
  readonly how: (typeof hows)[number]
  readonly forever: boolean
}

/** Every way in which the operation can fail. What hangs or is gone for ever needs no second form. */
export const ways: ReadonlyArray<Omit<Fault, "at">> = [
  { how: "before", forever: false },
  { how: "hangs", forever: false },
  { how: "after", forever: true },
  { how: "crash", forever: false },
  { how: "short", forever: false },
  { how: "before", forever: true },
  { how: "after", forever: false },
  { how: "hangs", forever: true },
]

const OLD_ROWS = 20
const ALL_ROWS = 45

const isFiltered = (id: number): boolean => id % 7 === 0
const isBad = (id: number): boolean => id % 10 === 5

const idsTo = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i + 1)

/** Where rows end, and how to find out. */
interface Output {
  readonly name: string
  /** Rows of runs before stay, so that only new rows are read. */
  readonly keeps: boolean
  /** Bad rows are set aside; without it there are none. */
  readonly skips: boolean
  /** Whether a row may be there twice after a fault. */
  readonly atLeastOnce?: boolean
  /** Whether rows are counted by their id on the way. */
  readonly counts?: boolean
  readonly source: "csv" | "stream"
  readonly destination: (place: Place) => Destination
  readonly entry: PipelineDefinition["destinations"][number]
  readonly read: (place: Place) => ReadonlyArray<Row>
  readonly errorHandling?: PipelineDefinition["error_handling"]
}

interface Place {
  readonly root: string
  /** The disk of the files service: simulated, but for SQLite, which goes to the real one by itself. */
  readonly files: Files
  readonly text: (name: string) => string
  /** Power off and on. A process that ends leaves the real disk as it is. */
  readonly crash: () => void
  readonly received: Array<Row>
  /** Closes what hanging operations left open for ever. */
  readonly dispose: () => Promise<void>
}

const simulatedPlace = (): Place & { readonly disk: MemoryFiles } => {
  const disk = memoryFiles()
  const root = "/project"
  return {
    root,
    disk,
    files: disk,
    text: (name) => disk.text(`${root}/${name}`) ?? "",
    crash: disk.crash,
    received: [],
    dispose: async () => undefined,
  }
}

const realPlace = (root: string): Place => {
  const files = nodeFiles()
  const handles: Array<{ readonly close: () => Promise<void> }> = []
  const kept = <H extends { readonly close: () => Promise<void> }>(handle: H): H => {
    handles.push(handle)
    return handle
  }
  return {
    root,
    files: {
      ...files,
      openRead: async (name) => kept(await files.openRead(name)),
      openWrite: async (name, mode) => kept(await files.openWrite(name, mode)),
    },
    text: (name) => (existsSync(path.join(root, name)) ? readFileSync(path.join(root, name), "utf8") : ""),
    crash: () => undefined,
    received: [],
    dispose: async () => void (await Promise.all(handles.map((handle) => handle.close()))),
  }
}

const fileOutput = (type: "csv" | "ndjson", mode: "append" | "replace", skips: boolean): Output => ({
  name: `${type} ${mode}`,
  keeps: mode === "append",
  skips,
  source: "csv",
  destination: () => (type === "csv" ? csvDestination : ndjsonDestination) as Destination,
  entry: { type, path: `out/rows.${type}`, write_mode: mode, flush_interval: 0 },
  read: ({ text }) => rowsOfText(type, text(`out/rows.${type}`)),
})

const rowsOfText = (type: "csv" | "ndjson", text: string): ReadonlyArray<Row> => {
  if (text !== "" && !text.endsWith("\n")) throw new Error(`a torn line: ${JSON.stringify(text.slice(-40))}`)
  const lines = text.split("\n").slice(0, -1)
  if (type === "ndjson") return lines.map((line) => JSON.parse(line) as Row)
  if (lines.length > 0 && !lines[0]!.startsWith("id,name")) throw new Error(`no header: ${lines[0]!}`)
  return lines.slice(1).map((line) => {
    const [id, name] = line.split(",")
    return { id: Number(id), name }
  })
}

const sqliteOutput = (mode: "append" | "replace" | "upsert", skips: boolean): Output => ({
  name: `sqlite ${mode}`,
  keeps: mode !== "replace",
  skips,
  source: "stream",
  destination: () => sqliteDestination as Destination,
  entry: {
    type: "sqlite",
    path: "out.db",
    table: "rows",
    write_mode: mode,
    flush_interval: 0,
    ...(mode === "upsert" ? { key: "id" } : {}),
  },
  read: ({ root }) => {
    const database = new DatabaseSync(path.join(root, "out.db"), { readOnly: true })
    try {
      return database.prepare("SELECT id, name FROM rows ORDER BY rowid").all()
    } finally {
      database.close()
    }
  },
})

/** Through a step that goes on from what earlier runs have seen: a row that it counts twice is there twice. */
const countedOutput: Output = {
  ...sqliteOutput("upsert", false),
  name: "sqlite counted",
  counts: true,
  read: ({ root }) => {
    const database = new DatabaseSync(path.join(root, "out.db"), { readOnly: true })
    try {
      const rows = database.prepare("SELECT id, name, times FROM rows ORDER BY id").all()
      return rows.flatMap((row) => Array.from({ length: Number(row["times"]) }, () => row))
    } finally {
      database.close()
    }
  },
}

/** Neither transactional nor idempotent: what it got, it has. */
const serviceOutput: Output = {
  name: "service",
  keeps: true,
  skips: false,
  atLeastOnce: true,
  source: "stream",
  destination: ({ received }) =>
    defineDestination({
      type: "service",
      delivery: "none",
      open: () => Effect.succeed({ commitsEarly: true, write: (rows) => Effect.sync(() => void received.push(...rows)) }),
    }),
  entry: { type: "service", write_mode: "append", flush_interval: 0 },
  read: ({ received }) => received,
  errorHandling: { strategy: "retry", max_retries: 2, retry_delay: "1s" },
}

export const outputs: ReadonlyArray<Output> = [
  fileOutput("csv", "append", true),
  fileOutput("csv", "replace", false),
  fileOutput("ndjson", "append", false),
  fileOutput("ndjson", "replace", true),
  sqliteOutput("append", false),
  sqliteOutput("upsert", false),
  sqliteOutput("replace", false),
  countedOutput,
  serviceOutput,
]

const rowOf = (id: number): Row => ({ id, name: `row ${id}` })

/** A stream of the first rows, ten at a time. */
const streamSource = (count: () => number) =>
  defineSource<unknown, { readonly id: number }>({
    type: "stream",
    read: ({ cursor, batchSize }) =>
      Stream.fromIterable(idsTo(count()).slice(cursor?.id ?? 0)).pipe(
        Stream.grouped(batchSize),
        Stream.map((ids) => ({ rows: ids.map(rowOf), cursor: { id: ids.at(-1)! } })),
      ),
  })

const putFile = (disk: MemoryFiles, name: string, from: number, to: number): void => {
  const rows = idsTo(to).slice(from - 1)
  disk.put(`/project/in/${name}.csv`, ["id,name", ...rows.map((id) => `${id},row ${id}`), ""].join("\n"))
}

const DEAD_LETTER = "errors/rejected.ndjson"

const definitionOf = (output: Output): PipelineDefinition => ({
  name: "ledger",
  defaults: { timeout: "20s", batch_size: 10, workers: 1 },
  sources: [
    {
      ...(output.source === "csv" ? { type: "csv", path: "in/*.csv", columns: { id: "integer" } } : { type: "stream" }),
      ...(output.keeps ? { incremental: true } : {}),
    },
  ],
  transforms: [
    { type: "filter", condition: "id % 7 <> 0" },
    ...(output.skips ? [{ type: "map", fields: { name: "CASE WHEN 100 / (id % 10 - 5) = 0 THEN '' ELSE name END" } } as const] : []),
    ...(output.counts === true
      ? [{ type: "aggregate", group_by: ["id"], metrics: { name: "MIN(name)", times: "COUNT(*)" } } as const]
      : []),
  ],
  destinations: [output.entry],
  ...(output.skips
    ? { error_handling: { strategy: "skip", dead_letter: { type: "ndjson", path: DEAD_LETTER, write_mode: "append" } } }
    : output.errorHandling === undefined
      ? {}
      : { error_handling: output.errorHandling }),
})

/** A world with its store, disk and clock, through the runs of one case. */
class World {
  readonly output: Output
  readonly place: Place
  readonly store: Store
  private readonly disk: MemoryFiles | undefined
  private rows = OLD_ROWS

  constructor(output: Output, folder: string, now: () => number) {
    const simulated = output.source === "csv" ? simulatedPlace() : undefined
    this.output = output
    this.disk = simulated?.disk
    this.place = simulated ?? realPlace(folder)
    this.store = memoryStore({ now })
    if (this.disk !== undefined) putFile(this.disk, "a", 1, OLD_ROWS)
  }

  addInput(): void {
    this.rows = ALL_ROWS
    if (this.disk === undefined) return
    putFile(this.disk, "b", 21, 30)
    putFile(this.disk, "c", 31, 38)
    putFile(this.disk, "d", 39, ALL_ROWS)
  }

  /** What is still open of the process that has ended. */
  openHandles(): ReadonlyArray<string> {
    return this.disk?.openHandles() ?? []
  }

  /** One life of the process: an engine, one run of it. */
  run(faults: Faults) {
    const { output, place, store } = this
    const files = faultyFiles(place.files, faults)
    const plugins = [
      faultySource<any>(output.source === "csv" ? csvSource : streamSource(() => this.rows), faults),
      faultyDestination(output.destination(place), faults),
      ...(output.skips && output.name !== "ndjson replace" ? [ndjsonDestination] : []),
    ]
    const layer = Engine.layer({ plugins, projectRoot: place.root }).pipe(
      Layer.provide(Layer.succeed(StateStore, faultyStore(store, faults))),
      Layer.provide(Layer.succeed(ProjectFiles, files)),
    )
    const program = Engine.use((engine) => engine.run(definitionOf(output)))
    return { files, result: Effect.exit(Effect.provide(program, layer, { local: true })) }
  }

  read(): ReadonlyArray<number> {
    return this.output.read(this.place).map((row) => Number(row["id"]))
  }

  deadLetters(): ReadonlyArray<number> {
    return rowsOfText("ndjson", this.place.text(DEAD_LETTER)).map((letter) => Number((letter["row"] as Row)["id"]))
  }

  cursor(): number {
    const [checkpoint] = Effect.runSync(this.store.getCheckpoints("ledger"))
    const own = (checkpoint as Pick<Checkpoint, "cursors"> | undefined)?.cursors["sources[0]"]
    return this.output.source === "stream" && own !== undefined ? (JSON.parse(own) as { readonly id: number }).id : 0
  }

  runs(): ReadonlyArray<Run> {
    return Effect.runSync(this.store.listRuns({ limit: 100 })).runs
  }
}

type Ended = Exit.Exit<RunResult, unknown>

const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

/** So many turns without a new operation, and no fault to wait for: nothing will come any more. */
const STUCK_TURNS = 100_000

/** Turns of the event loop without a new operation after which nothing but the clock can go on. */
const QUIET_TURNS = 25

/** Runs to the end; time moves on only once the fault has struck and all is quiet. `cancels` interrupts the run then. */
const drive = (result: Effect.Effect<Ended>, faults: Faults, cancels: boolean) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkDetach(result, { startImmediately: true })
    let quiet = 0
    let seen = 0
    let isCancelled = false
    while (fiber.pollUnsafe() === undefined) {
      yield* turn
      quiet = faults.operations.length === seen ? quiet + 1 : 0
      seen = faults.operations.length
      if (quiet > STUCK_TURNS) {
        const last = faults.operations.slice(-3).map(({ name, target }) => `${name} ${target}`)
        yield* Effect.forkDetach(Fiber.interrupt(fiber), { startImmediately: true })
        return Exit.fail(`stuck after ${last.join(", ")}`)
      }
      if (!faults.struck() || quiet < QUIET_TURNS) continue
      quiet = 0
      if (cancels && !isCancelled) {
        isCancelled = true
        yield* Effect.forkDetach(Fiber.interrupt(fiber), { startImmediately: true })
      } else yield* TestClock.adjust("5 seconds")
    }
    return Option.getOrElse(Exit.getSuccess(yield* Fiber.await(fiber)), (): Ended => Exit.fail("interrupted"))
  })

const HANDLE_CALLS: ReadonlySet<string> = new Set(["openRead", "openWrite", "read", "write", "sync", "truncate"])

/** What went wrong in one case; empty where all is well. */
const failuresOf = (output: Output, fault: Fault, folder: string) =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const found: Array<string> = []
    const expectThat = (isTrue: boolean, what: () => string): void => void (isTrue || found.push(what()))
    const world = new World(output, folder, () => clock.currentTimeMillisUnsafe())
    const good = () => {
      const faults = new Faults()
      return drive(world.run(faults).result, faults, false)
    }
    const first = yield* good()
    expectThat(Exit.isSuccess(first), () => `the first run failed: ${describe(first)}`)
    const before = { ids: world.read(), cursor: world.cursor() }
    world.addInput()
    const plan: FaultPlan = { ...fault, ...(fault.how === "crash" ? { onFault: world.place.crash } : {}) }
    const faults = new Faults(plan)
    yield* TestClock.adjust("1 minute")
    const { files, result } = world.run(faults)
    const second = yield* drive(result, faults, fault.how === "crash" || (fault.how === "hangs" && fault.at % 2 === 0))
    const struck = faults.operations[fault.at - 1]
    const isGone = fault.how === "crash" || (fault.how === "hangs" && (fault.forever || HANDLE_CALLS.has(struck?.name ?? "")))
    const open = [...files.openHandles(), ...world.openHandles()]
    expectThat(isGone || open.length === 0, () => `open after the run: ${open.join(", ")}`)
    checkEnd(world, second, before, expectThat)
    // The lease of a process that is gone expires.
    yield* TestClock.adjust("1 minute")
    const third = yield* good()
    expectThat(Exit.isSuccess(third), () => `the repeated run failed: ${describe(third)}`)
    checkLedger(world, expectThat)
    for (const run of [second, third]) checkCounts(run, expectThat)
    if (output.keeps && fault.at % 4 === 0) {
      const after = [world.read(), world.deadLetters()]
      const fourth = yield* good()
      expectThat(Exit.isSuccess(fourth), () => `the last run failed: ${describe(fourth)}`)
      const rows = Exit.isSuccess(fourth) ? fourth.value.rowsExtracted : 0
      expectThat(rows === 0, () => `the last run found ${rows} new rows`)
      expectThat(same(after, [world.read(), world.deadLetters()]), () => "the last run changed the output")
    }
    yield* Effect.promise(world.place.dispose)
    return { found, isStruck: faults.struck(), operation: struck }
  })

type ExpectThat = (isTrue: boolean, what: () => string) => void

/** What must hold at once after the run with the fault, before anything is repeated. */
const checkEnd = (
  world: World,
  end: Ended,
  before: { readonly ids: ReadonlyArray<number>; readonly cursor: number },
  expectThat: ExpectThat,
): void => {
  const { output } = world
  if (output.source === "stream") {
    const ids = new Set(world.read())
    const cursor = world.cursor()
    const ahead = idsTo(cursor).filter((id) => !isFiltered(id) && !(output.skips && isBad(id)) && !ids.has(id))
    expectThat(ahead.length === 0, () => `the cursor is at ${cursor}, ahead of rows ${ahead.join(", ")}`)
    expectThat(cursor >= before.cursor, () => `the cursor went back from ${before.cursor} to ${cursor}`)
  }
  if (!output.keeps) {
    const now = world.read()
    const isWhole = same(now, before.ids) || same(now, loadedIds(output))
    expectThat(isWhole, () => `the output is neither old nor new: ${now.join(" ")}`)
  }
  if (Exit.isSuccess(end)) {
    const missing = loadedIds(output).filter((id) => !world.read().includes(id))
    expectThat(missing.length === 0, () => `the run succeeded without rows ${missing.join(", ")}`)
  }
}

const loadedIds = (output: Output): ReadonlyArray<number> => idsTo(ALL_ROWS).filter((id) => !isFiltered(id) && !(output.skips && isBad(id)))

/** Nothing lost, nothing twice, in order; every rejected row in the dead letter; every run at its end. */
const checkLedger = (world: World, expectThat: ExpectThat): void => {
  const { output } = world
  const ids = world.read()
  const wanted = loadedIds(output)
  const lost = wanted.filter((id) => !ids.includes(id))
  const extra = ids.filter((id) => !wanted.includes(id))
  expectThat(lost.length === 0, () => `lost: ${lost.join(", ")}`)
  expectThat(extra.length === 0, () => `never asked for: ${extra.join(", ")}`)
  const twice = ids.filter((id, i) => ids.indexOf(id) !== i)
  expectThat(output.atLeastOnce === true || twice.length === 0, () => `twice: ${twice.join(", ")}`)
  if (output.atLeastOnce !== true)
    expectThat(
      same(
        ids,
        ids.toSorted((a, b) => a - b),
      ),
      () => `out of order: ${ids.join(" ")}`,
    )
  if (output.skips) {
    const letters = world.deadLetters()
    const bad = idsTo(ALL_ROWS).filter((id) => isBad(id) && !isFiltered(id))
    const missing = bad.filter((id) => !letters.includes(id))
    expectThat(missing.length === 0, () => `neither loaded nor in the dead letter: ${missing.join(", ")}`)
    const good = letters.filter((id) => !bad.includes(id))
    expectThat(good.length === 0, () => `good rows in the dead letter: ${good.join(", ")}`)
  }
  const open = world.runs().filter((run) => run.completedAt === null)
  expectThat(open.length === 0, () => `without an end: ${open.map((run) => `${run.id} ${run.status}`).join(", ")}`)
}

/** Invariant 5, in what the run tells, also where it failed: then of what was durable. */
const checkCounts = (end: Ended, expectThat: ExpectThat): void => {
  const run = Exit.isSuccess(end) ? end.value : runOf(end)
  if (run === undefined) return
  const { rowsExtracted, rowsLoaded, rowsFiltered, rowsRejected } = run
  const sum = rowsLoaded + rowsFiltered + rowsRejected
  expectThat(rowsExtracted === sum, () => `read ${rowsExtracted}, loaded + filtered + rejected ${sum}`)
}

const runOf = (end: Exit.Failure<RunResult, unknown>): RunResult | undefined => {
  const error = Option.getOrUndefined(Cause.findErrorOption(end.cause))
  return error instanceof RunError ? error.run : undefined
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

const describe = (end: Ended): string => (Exit.isSuccess(end) ? end.value.status : String(end.cause))

export interface CaseResult {
  /** One line: the case and what went wrong. Undefined where all is well. */
  readonly failure: string | undefined
  /** False where the run ended before it came to the operation. */
  readonly isStruck: boolean
}

/** Runs one case. The line of a failure starts with what `FAULT_CASE` takes to run it alone. */
export const runCase = async (output: Output, fault: Fault): Promise<CaseResult> => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "deltaflow-fault-"))
  try {
    const checked = await Effect.runPromise(Effect.provide(failuresOf(output, fault, folder), TestClock.layer(), { local: true }))
    const id = `FAULT_CASE="${output.name}:${fault.at}:${fault.how}:${fault.forever ? "forever" : "once"}"`
    const where = `${checked.operation?.name ?? ""} ${checked.operation?.target ?? ""}`
    return {
      failure: checked.found.length === 0 ? undefined : `${id} ${where}: ${checked.found.join("; ")}`,
      isStruck: checked.isStruck,
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Operations of the run that the faults are put into, counted without one. */
export const countOperations = async (output: Output): Promise<number> => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "deltaflow-fault-"))
  try {
    const counted = Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const world = new World(output, folder, () => clock.currentTimeMillisUnsafe())
      const none = new Faults()
      yield* drive(world.run(none).result, none, false)
      world.addInput()
      yield* TestClock.adjust("1 minute")
      const faults = new Faults()
      yield* drive(world.run(faults).result, faults, false)
      return faults.operations.length
    })
    return await Effect.runPromise(Effect.provide(counted, TestClock.layer(), { local: true }))
  } finally {
    rmSync(folder, { recursive: true })
  }
}
