/** What hangs, and what fails at an awkward moment: the run ends all the same, and everything is closed. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { describe, expect, it } from "vitest"
import { Engine, StateStore } from "../src/effect.ts"
import * as effectful from "../src/effect.ts"
import {
  createEngine,
  defineDestination,
  defineSource,
  DestinationError,
  type EngineEvent,
  type Log,
  type PipelineDefinition,
  type Plugin,
  type Row,
  type Store,
  StoreError,
} from "../src/index.ts"
import { memoryStore } from "../src/store/memory.ts"
import { keepRows, rowsSource } from "./memoryPlugins.ts"

const numbers = (count: number) => Array.from({ length: count }, (_, i) => ({ id: i + 1 }))

const definition = (more: Partial<PipelineDefinition> = {}): PipelineDefinition => ({
  name: "numbers",
  sources: [{ type: "rows", batch_size: 10 }],
  destinations: [{ type: "keep" }],
  ...more,
})

const down = (name: string) => new StoreError({ code: "STORE_FAILED", message: `${name}: down` })

interface Simulated {
  readonly plugins: ReadonlyArray<Plugin>
  readonly store?: (now: () => number) => Store
  readonly pipeline?: PipelineDefinition
  readonly log?: Log
  /** Interrupts the run once this has become true. */
  readonly cancelWhen?: () => boolean
}

/** Runs under a clock that moves on by itself, and says how much simulated time passed. */
const simulate = ({ plugins, store = (now) => memoryStore({ now }), pipeline = definition(), log, cancelWhen }: Simulated) => {
  const program = Effect.gen(function* () {
    const clock = yield* TestClock.testClockWith(Effect.succeed)
    const engine = yield* Engine
    const fiber = yield* Effect.forkDetach(engine.run(pipeline), { startImmediately: true })
    let cancelledAt: number | undefined
    let ended = false
    fiber.addObserver(() => void (ended = true))
    for (let i = 0; !ended && i < 10_000; i++) {
      for (let turns = 0; turns < 10; turns++) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      if (cancelledAt === undefined && cancelWhen?.() === true) {
        cancelledAt = clock.currentTimeMillisUnsafe()
        yield* Effect.forkDetach(Fiber.interrupt(fiber), { startImmediately: true })
      } else if (!ended) yield* TestClock.adjust("1 second")
    }
    const exit = yield* Fiber.await(fiber)
    return { exit, seconds: (clock.currentTimeMillisUnsafe() - (cancelledAt ?? 0)) / 1000, runs: (yield* engine.listRuns()).runs }
  })
  const layer = Engine.layer({ plugins, ...(log === undefined ? {} : { log }) }).pipe(
    Layer.provide(StateStore.layer(store)),
    Layer.provideMerge(TestClock.layer()),
  )
  return Effect.runPromise(Effect.provide(program, layer, { local: true }))
}

const errorOf = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

describe("a cancel", () => {
  it("reaches a source that waits for its signal before the source is closed, so that its `finally` runs", async () => {
    const log: Array<string> = []
    const waiting = defineSource({
      type: "rows",
      async *read({ signal }) {
        try {
          yield [{ id: 1 }]
          log.push("waits")
          await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true }))
        } finally {
          log.push("closed")
        }
      },
    })
    await using engine = createEngine({ plugins: [waiting, keepRows().destination] })
    const handle = await engine.start(definition())
    while (log.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    await handle.cancel()
    expect(log).toEqual(["waits", "closed"])
    expect((await handle.done).status).toBe("cancelled")
  })

  it("does not wait for ever for a source that heeds nothing, and tells what it left open", async () => {
    const warnings: Array<string> = []
    let isStuck = false
    const stubborn = defineSource({
      type: "rows",
      async *read() {
        yield [{ id: 1 }]
        isStuck = true
        await new Promise(() => {})
      },
    })
    const silent = () => undefined
    const log: Log = { debug: silent, info: silent, error: silent, warn: (message) => void warnings.push(message) }
    const { seconds, runs } = await simulate({ plugins: [stubborn, keepRows().destination], log, cancelWhen: () => isStuck })
    expect(runs[0]?.status).toBe("cancelled")
    expect(seconds).toBeLessThanOrEqual(11)
    expect(warnings).toEqual([expect.stringContaining("did not close within 5 s")])
  })

  it("does not close a load under a call that goes on", async () => {
    const log: Array<string> = []
    const slow = defineDestination({
      type: "keep",
      open: () => ({
        write: async () => {
          log.push("write begins")
          await new Promise((resolve) => setTimeout(resolve, 50))
          log.push("write ends")
        },
        close: () => void log.push("closed"),
      }),
    })
    await using engine = createEngine({ plugins: [rowsSource(numbers(1)), slow] })
    const handle = await engine.start(definition())
    while (log.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    await handle.cancel()
    expect(log).toEqual(["write begins", "write ends", "closed"])
  })
})

describe("a destination that hangs", () => {
  it("while it opens ends the run at its time limit; what it opens later is closed", async () => {
    const log: Array<string> = []
    let open: () => void = () => undefined
    const late = defineDestination({
      type: "keep",
      open: async () => {
        await new Promise<void>((resolve) => (open = resolve))
        log.push("opened")
        return { write: () => undefined, close: () => void log.push("closed") }
      },
    })
    const { exit, seconds } = await simulate({
      plugins: [rowsSource(numbers(1)), late],
      pipeline: definition({ defaults: { timeout: "20s" } }),
    })
    expect(String(exit)).toContain("the destination did not open within 20 s")
    expect(seconds).toBeLessThanOrEqual(32)
    open()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(log).toEqual(["opened", "closed"])
  })

  it("while it closes does not keep another from being closed", async () => {
    const closed: Array<string> = []
    const destination = (type: string, release: Effect.Effect<unknown>) =>
      effectful.defineDestination({
        type,
        open: () =>
          Effect.as(
            Effect.acquireRelease(Effect.void, () => release),
            { write: () => Effect.void },
          ),
      })
    const good = destination(
      "good",
      Effect.sync(() => closed.push("good")),
    )
    const { exit } = await simulate({
      plugins: [rowsSource(numbers(1)), good, destination("stuck", Effect.never)],
      pipeline: definition({ destinations: [{ type: "good" }, { type: "stuck" }] }),
    })
    expect(Exit.isSuccess(exit)).toBe(true)
    expect(closed).toEqual(["good"])
  })

  it("as a dead letter fails the run", async () => {
    const stuck = keepRows({ type: "letters", onWrite: () => new Promise(() => {}) })
    const { exit } = await simulate({
      plugins: [rowsSource(numbers(3)), keepRows().destination, stuck.destination],
      pipeline: definition({
        transforms: [{ type: "map", fields: { inverse: "1 / (id - 2)" } }],
        error_handling: { strategy: "skip", dead_letter: { type: "letters" } },
      }),
    })
    expect(String(exit)).toContain("a rejected row could not be put into the dead letter")
  })
})

describe("a store that fails", () => {
  /** The calls of one name fail, or hang, as often as `times` says; `after` they took effect where that is true. */
  const failing = (store: Store, name: keyof Store, times: number, how: "before" | "after" | "hangs"): Store => {
    let left = times
    const call = store[name] as (...args: ReadonlyArray<unknown>) => Effect.Effect<unknown, StoreError>
    const wrapped = (...args: ReadonlyArray<unknown>) =>
      Effect.suspend(() => {
        if (left-- <= 0) return call(...args)
        if (how === "hangs") return Effect.never
        return how === "before" ? Effect.fail(down(name)) : Effect.andThen(call(...args), Effect.fail(down(name)))
      })
    return { ...store, [name]: wrapped }
  }

  it.each(["before", "after"] as const)("at the end of a run (%s) is asked again: the run keeps its end, told once", async (how) => {
    const store = memoryStore()
    let isLast = false
    let left = 2
    const awkward: Store = {
      ...store,
      updateRun: (id, change, events) =>
        Effect.suspend(() => {
          isLast = change.status === "success"
          if (!isLast || left-- <= 0) return store.updateRun(id, change, events)
          const failed = Effect.fail(down("updateRun"))
          return how === "before" ? failed : Effect.andThen(store.updateRun(id, change, events), failed)
        }),
    }
    await using engine = createEngine({ plugins: [rowsSource(numbers(3)), keepRows().destination], store: awkward })
    const heard: Array<EngineEvent> = []
    const events = engine.events({ types: ["pipeline.completed"] })
    const run = await engine.run(definition())
    expect([run.status, run.rowsLoaded]).toEqual(["success", 3])
    heard.push((await events.next()).value as EngineEvent)
    const stored = (await engine.listEvents({ runId: run.id })).filter((event) => event.type === "pipeline.completed")
    expect(stored.map((event) => event.id)).toEqual(heard.map((event) => event.id))
    expect((await engine.getRun(run.id))?.status).toBe("success")
  })

  it("when the lease is released does not undo the run's success", async () => {
    const warnings: Array<string> = []
    const silent = () => undefined
    const log: Log = { debug: silent, info: silent, error: silent, warn: (message) => void warnings.push(message) }
    const store = failing(memoryStore(), "releaseLease", 1, "before")
    await using engine = createEngine({ plugins: [rowsSource(numbers(3)), keepRows().destination], store, log })
    expect((await engine.run(definition())).status).toBe("success")
    expect(warnings).toEqual([expect.stringContaining("the lease could not be released")])
  })

  it("when the lease is taken, although it took it, gives it back: the next run need not wait", async () => {
    const store = failing(memoryStore(), "acquireLease", 1, "after")
    await using engine = createEngine({ plugins: [rowsSource(numbers(3)), keepRows().destination], store })
    await expect(engine.run(definition())).rejects.toMatchObject({ code: "STORE_FAILED" })
    expect((await engine.listRuns()).runs.map((run) => run.status)).toEqual(["failed"])
    expect((await engine.run(definition())).status).toBe("success")
  })

  it("by not answering fails the run in time", async () => {
    const { exit, seconds } = await simulate({
      plugins: [rowsSource(numbers(3)), keepRows().destination],
      store: (now) => failing(memoryStore({ now }), "getCheckpoints", 1, "hangs"),
    })
    expect(String(exit)).toContain("getCheckpoints did not answer within 30 s")
    expect(seconds).toBeLessThanOrEqual(35)
  })

  it("once while a lease is renewed is asked again", async () => {
    const later = Stream.fromEffect(Effect.as(Effect.sleep("20 seconds"), [{ id: 2 }]))
    const slow = effectful.defineSource({ type: "rows", read: () => Stream.concat(Stream.make([{ id: 1 }]), later) })
    const { exit } = await simulate({
      plugins: [slow, keepRows().destination],
      store: (now) => failing(memoryStore({ now }), "renewLease", 2, "before"),
    })
    expect(Exit.isSuccess(exit)).toBe(true)
  })
})

describe("the counts of a run that fails", () => {
  it("are those of its last commit, also where the source was far ahead", async () => {
    const store = memoryStore()
    const kept = keepRows({
      commitsEarly: true,
      onWrite: async (rows) => {
        // The stages before have all the time to run ahead.
        await new Promise((resolve) => setTimeout(resolve, 10))
        if (rows.some((row) => row["id"] === 41)) throw new DestinationError({ code: "OUTPUT_NOT_WRITABLE", message: "no" })
      },
    })
    await using engine = createEngine({ plugins: [rowsSource(numbers(500)), kept.destination], store })
    const pipeline = definition({
      sources: [{ type: "rows", batch_size: 10, incremental: true }],
      transforms: [{ type: "filter", condition: "id % 2 = 1" }],
      destinations: [{ type: "keep", flush_interval: 0 }],
    })
    expect(await errorOf(engine.run(pipeline))).toMatchObject({
      run: { rowsExtracted: 40, rowsFiltered: 20, rowsLoaded: 20, rowsRejected: 0 },
    })
    expect(kept.rows.length).toBe(20)
  })
})

describe("rows that were rejected", () => {
  const skipping = definition({
    sources: [{ type: "rows", batch_size: 10, incremental: true }],
    transforms: [{ type: "map", fields: { inverse: "1 / (id - 3)" } }],
    destinations: [{ type: "keep", flush_interval: 0 }],
    error_handling: { strategy: "skip", dead_letter: { type: "letters" } },
  })

  it("hold the cursor back where the dead letter is written only at the end", async () => {
    let isBroken = true
    const kept = keepRows({
      commitsEarly: true,
      onWrite: (rows) => {
        if (isBroken && rows.some((row) => row["id"] === 35)) throw new DestinationError({ code: "OUTPUT_NOT_WRITABLE", message: "no" })
      },
    })
    const letters = keepRows({ type: "letters" })
    await using engine = createEngine({ plugins: [rowsSource(numbers(50)), kept.destination, letters.destination] })
    await expect(engine.run(skipping)).rejects.toMatchObject({ code: "OUTPUT_NOT_WRITABLE" })
    expect([kept.rows, letters.rows, await engine.getState("numbers")]).toEqual([[], [], []])
    isBroken = false
    expect(await engine.run(skipping)).toMatchObject({ rowsExtracted: 50, rowsLoaded: 49, rowsRejected: 1 })
    expect(letters.rows.map((row) => row["row"])).toEqual([{ id: 3 }])
  })

  it("are all in a dead letter that can only replace, also where destinations stand at different places", async () => {
    let letters: ReadonlyArray<Row> = []
    const replacing = defineDestination({
      type: "letters",
      writeModes: ["replace"],
      open: () => {
        const pending: Array<Row> = []
        return { write: (rows) => void pending.push(...rows), commit: () => void (letters = pending) }
      },
    })
    const rows = numbers(3)
    const early = keepRows({ type: "early", commitsEarly: true })
    const keep = keepRows({ commitsEarly: true })
    await using engine = createEngine({ plugins: [rowsSource(rows), keep.destination, early.destination, replacing] })
    const onlyOne = { ...skipping, transforms: [{ type: "map", fields: { inverse: "1 / (id % 3)" } }] } as const
    await engine.run(onlyOne)
    rows.push(...numbers(6).slice(3))
    // The second destination starts from nothing, the first from its checkpoint: two passes.
    const run = await engine.run({ ...onlyOne, destinations: [{ type: "keep" }, { type: "early" }] })
    expect([keep.rows.length, early.rows.length, run.rowsRejected]).toEqual([4, 4, 3])
    expect(letters.map((letter) => letter["row"])).toEqual([{ id: 6 }, { id: 3 }, { id: 6 }])
  })

  it("are durable before the cursor that lies behind them", async () => {
    const order: Array<string> = []
    const watching = (type: string, commitsEarly: boolean) =>
      defineDestination({
        type,
        open: () => ({
          commitsEarly,
          write: () => undefined,
          commit: (checkpoint, final) => void order.push(`${type} ${final ? "end" : "early"}`),
        }),
      })
    await using engine = createEngine({ plugins: [rowsSource(numbers(10)), watching("keep", false), watching("letters", false)] })
    await engine.run(skipping)
    expect(order).toEqual(["letters end", "keep end"])
  })
})

describe("an increment without rows", () => {
  it("is no error where a source knows its columns only from rows", async () => {
    const kept = keepRows()
    await using engine = createEngine({ plugins: [rowsSource(numbers(3)), kept.destination] })
    const pipeline = definition({
      sources: [{ type: "rows", incremental: true }],
      transforms: [{ type: "filter", condition: "id > 1" }],
    })
    expect((await engine.run(pipeline)).rowsLoaded).toBe(2)
    expect(await engine.run(pipeline)).toMatchObject({ status: "success", rowsExtracted: 0 })
    await using empty = createEngine({ plugins: [rowsSource([{ other: 1 }]), kept.destination] })
    await expect(empty.run(pipeline)).rejects.toMatchObject({ code: "UNKNOWN_COLUMN" })
  })
})

it("looks again at a store that was away when the engine was used first", async () => {
  const kept = keepRows()
  const store = memoryStore()
  let isAway = true
  const away: Store = { ...store, listRuns: (filter) => (isAway ? Effect.fail(down("listRuns")) : store.listRuns(filter)) }
  await using engine = createEngine({ store: away, plugins: [rowsSource(numbers(3)), kept.destination] })
  await expect(engine.run(definition())).rejects.toMatchObject({ code: "STORE_FAILED" })
  isAway = false
  expect((await engine.run(definition())).rowsLoaded).toBe(3)
})
