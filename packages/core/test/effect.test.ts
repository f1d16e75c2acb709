import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { describe, expect, it, onTestFinished } from "vitest"
import { defineDestination, defineSource, defineTransform, Engine, ProjectFiles, StateStore } from "../src/effect.ts"
import { type EngineEvent, type Files, type PipelineDefinition, type Row, SourceError } from "../src/index.ts"
import { memoryStore } from "../src/store/memory.ts"
import { sqliteStore } from "../src/store/sqlite.ts"
import type { Plugin } from "../src/engine/Options.ts"

const definition = (more: Partial<PipelineDefinition> = {}): PipelineDefinition => ({
  name: "numbers",
  sources: [{ type: "numbers" }],
  destinations: [{ type: "keep" }],
  ...more,
})

const numbers = (count: number) =>
  defineSource<unknown, number>({
    type: "numbers",
    read: ({ cursor, batchSize }) =>
      Stream.range((cursor ?? 0) + 1, count).pipe(
        Stream.grouped(batchSize),
        Stream.map((ids) => ({ rows: ids.map((id) => ({ id })), cursor: ids.at(-1)! })),
      ),
  })

/** Keeps the rows of final commits, and tells what happened to its scope. */
const keeping = (write: Effect.Effect<void, unknown> = Effect.void) => {
  const rows: Array<Row> = []
  const log: Array<string> = []
  const destination = defineDestination({
    type: "keep",
    open: ({ name }) =>
      Effect.gen(function* () {
        const pending: Array<Row> = []
        yield* Effect.acquireRelease(
          Effect.sync(() => log.push("opened")),
          () => Effect.sync(() => log.push("closed")),
        )
        return {
          label: `${name}!`,
          write: (batch) => Effect.tap(write, () => Effect.sync(() => pending.push(...batch))),
          commit: () => Effect.sync(() => void rows.push(...pending.splice(0))),
        }
      }),
  })
  return { rows, log, destination }
}

const withEngine = <A, E>(plugins: ReadonlyArray<Plugin>, use: Effect.Effect<A, E, Engine>, store = StateStore.layerMemory): Promise<A> =>
  Effect.runPromise(Effect.provide(use, Engine.layer({ plugins }).pipe(Layer.provide(store)), { local: true }))

describe("the engine as a service", () => {
  it("runs a pipeline of plugins in the Effect form", async () => {
    const kept = keeping()
    const double = defineTransform({ type: "double", row: ({ id }) => Effect.succeed({ id, twice: Number(id) * 2 }) })
    const later = defineTransform({ type: "later", patch: ({ id }) => Effect.delay(Effect.succeed({ later: id }), 1) })
    const run = await withEngine(
      [numbers(25), double, later, kept.destination],
      Engine.use((engine) =>
        engine.run(definition({ transforms: [{ type: "double" }, { type: "filter", condition: "id > 20" }, { type: "later" }] })),
      ),
    )
    expect(run).toMatchObject({ status: "success", rowsExtracted: 25, rowsFiltered: 20, rowsLoaded: 5 })
    expect(run.progress.destinations[0]).toMatchObject({ label: "destinations[0]!" })
    expect(kept.rows).toEqual([21, 22, 23, 24, 25].map((id) => ({ id, twice: id * 2, later: id })))
    expect(kept.log).toEqual(["opened", "closed"])
  })

  it("goes on from the cursor of a stream, in a store that is a layer", async () => {
    const kept = keeping()
    const incremental = definition({ sources: [{ type: "numbers", incremental: true, batch_size: 10 }] })
    const store = memoryStore()
    const run = (count: number) =>
      withEngine(
        [numbers(count), kept.destination],
        Engine.use((engine) => engine.run(incremental)),
        Layer.succeed(StateStore, store),
      )
    expect([(await run(25)).rowsLoaded, (await run(25)).rowsLoaded, (await run(32)).rowsLoaded]).toEqual([25, 0, 7])
    expect(kept.rows.map((row) => row["id"])).toEqual(Array.from({ length: 32 }, (_, i) => i + 1))
  })

  it("fails with tagged errors: the definition's, the run's with its cause", async () => {
    class Down extends Data.TaggedError("Down")<{ readonly retryable: boolean }> {
      override readonly message = "the service is down"
    }
    const broken = defineSource({
      type: "numbers",
      read: () => Stream.concat(Stream.make([{ id: 1 }]), Stream.fail(new Down({ retryable: true }))),
    })
    const program = Effect.gen(function* () {
      const engine = yield* Engine
      const wrong = yield* engine
        .run({ ...definition(), sources: [{ type: "nmbers" }] })
        .pipe(Effect.catchTag("DefinitionError", ({ issues }) => Effect.succeed(issues.map((issue) => issue.code))))
      const failed = yield* engine.run(definition()).pipe(Effect.catchTag("RunError", (error) => Effect.succeed(error)))
      return { wrong, failed }
    })
    const { wrong, failed } = await withEngine([broken, keeping().destination], program)
    expect(wrong).toEqual(["UNKNOWN_PLUGIN"])
    expect(failed).toMatchObject({ code: "SOURCE_FAILED", run: { status: "failed" }, message: "sources[0] (numbers): the service is down" })
    const cause = (failed as { readonly cause: SourceError }).cause
    expect([cause._tag, cause.retryable, cause.cause]).toEqual(["SourceError", true, expect.any(Down)])
  })

  it("cancels the run when whoever runs it is interrupted, and everything is closed then", async () => {
    const log: Array<string> = []
    const endless = defineSource({
      type: "numbers",
      read: () =>
        Stream.unwrap(
          Effect.as(
            Effect.acquireRelease(
              Effect.sync(() => log.push("source opened")),
              () => Effect.sync(() => log.push("source closed")),
            ),
            Stream.concat(Stream.make([{ id: 1 }]), Stream.never),
          ),
        ),
    })
    const kept = keeping()
    const program = Effect.gen(function* () {
      const engine = yield* Engine
      const fiber = yield* Effect.forkChild(engine.run(definition()), { startImmediately: true })
      while (kept.log.length === 0) yield* Effect.sleep(1)
      yield* Fiber.interrupt(fiber)
      return { closed: [...log, ...kept.log], runs: (yield* engine.listRuns()).runs.map((run) => run.status) }
    })
    const { closed, runs } = await withEngine([endless, kept.destination], program)
    expect(closed).toEqual(["source opened", "source closed", "opened", "closed"])
    expect(runs).toEqual(["cancelled"])
    expect(kept.rows).toEqual([])
  })

  it("leaves a started run alone when its starter is interrupted, and ends it with the scope", async () => {
    const stuck = keeping(Effect.never)
    const store = memoryStore()
    const id = await withEngine(
      [numbers(1), stuck.destination],
      Effect.gen(function* () {
        const engine = yield* Engine
        const fiber = yield* Effect.forkChild(Effect.flatMap(engine.start(definition()), (started) => started.done))
        while (stuck.log.length === 0) yield* Effect.sleep(1)
        yield* Fiber.interrupt(fiber)
        const [run] = (yield* engine.listRuns()).runs
        expect(run?.status).toBe("running")
        return run!.id
      }),
      Layer.succeed(StateStore, store),
    )
    expect(stuck.log).toEqual(["opened", "closed"])
    expect((await Effect.runPromise(store.getRun(id)))?.status).toBe("cancelled")
  })

  it("gives events as a stream that ends with the engine", async () => {
    const seen: Array<EngineEvent["type"]> = []
    const listening = await withEngine(
      [numbers(3), keeping().destination],
      Effect.gen(function* () {
        const engine = yield* Engine
        const types = ["pipeline.started", "pipeline.completed"]
        const fiber = yield* Effect.forkDetach(
          Stream.runForEach(engine.events({ types }), (event) => Effect.sync(() => seen.push(event.type))),
          { startImmediately: true },
        )
        yield* engine.run(definition())
        return fiber
      }),
    )
    expect(Exit.isSuccess(await Effect.runPromise(Fiber.await(listening)))).toBe(true)
    expect(seen).toEqual(["pipeline.started", "pipeline.completed"])
  })

  it("takes its files from a service", async () => {
    const paths: Array<string> = []
    const files = { stat: async (path: string) => void paths.push(path) } as unknown as Files
    const looking = defineSource({
      type: "numbers",
      read: ({ files: given }) =>
        Stream.fromEffect(
          Effect.as(
            Effect.promise(() => given.stat("/there")),
            [{ id: 1 }],
          ),
        ),
    })
    const layer = Engine.layer({ plugins: [looking, keeping().destination] }).pipe(
      Layer.provide(StateStore.layerMemory),
      Layer.provide(Layer.succeed(ProjectFiles, files)),
    )
    await Effect.runPromise(
      Effect.provide(
        Engine.use((engine) => engine.run(definition())),
        layer,
      ),
    )
    expect(paths).toEqual(["/there"])
  })

  it("takes its time from the clock: an hour of waiting takes no time in a test", async () => {
    let tries = 0
    const flaky = defineSource({
      type: "numbers",
      read: () =>
        Stream.suspend(() =>
          ++tries < 3
            ? Stream.fail(new SourceError({ code: "SOURCE_FAILED", message: "not yet", retryable: true }))
            : Stream.make([{ id: tries }]),
        ),
    })
    const kept = keeping()
    const program = Effect.gen(function* () {
      const engine = yield* Engine
      const retrying = definition({ error_handling: { strategy: "retry", max_retries: 5, retry_delay: "30m", backoff: "constant" } })
      const fiber = yield* Effect.forkChild(engine.run(retrying), { startImmediately: true })
      const clock = yield* Clock.Clock
      // Longer than a lease lives, in steps in which it can be renewed.
      while (fiber.pollUnsafe() === undefined) {
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        yield* TestClock.adjust("4 seconds")
      }
      return { run: yield* Fiber.join(fiber), now: clock.currentTimeMillisUnsafe() }
    })
    const layer = Engine.layer({ plugins: [flaky, kept.destination] }).pipe(
      Layer.provide(StateStore.layerMemory),
      Layer.provideMerge(TestClock.layer()),
    )
    const { run, now } = await Effect.runPromise(Effect.provide(program, layer))
    expect(run.status).toBe("success")
    expect(now).toBeGreaterThanOrEqual(3_600_000)
    expect(run.completedAt! - run.startedAt!).toBeGreaterThanOrEqual(3_600_000)
    expect(kept.rows).toEqual([{ id: 3 }])
  })

  it("closes the store that a layer made, and only then", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "deltaflow-effect-"))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const store = sqliteStore({ path: path.join(folder, "state.db") })
    const exit = await withEngine(
      [numbers(2), keeping().destination],
      Engine.use((engine) => Effect.exit(engine.run(definition()))),
      StateStore.layer(() => store),
    )
    expect(Exit.isSuccess(exit)).toBe(true)
    expect(await Effect.runPromise(Effect.flip(store.getRun("run")))).toMatchObject({ _tag: "StoreError" })
  })

  it("looks without running: validate, explain, preview, state, schema", async () => {
    const kept = keeping()
    const incremental = definition({ sources: [{ type: "numbers", incremental: true }] })
    const seen = await withEngine(
      [numbers(5), kept.destination],
      Effect.gen(function* () {
        const engine = yield* Engine
        const validation = yield* engine.validate(definition())
        const explanation = yield* engine.explain(definition())
        const preview = yield* engine.preview(definition(), { limit: 2 })
        yield* engine.setState(incremental, "sources[0]", "3")
        const set = yield* engine.getState("numbers")
        const { rowsLoaded } = yield* engine.run(incremental)
        yield* engine.resetState("numbers")
        const cancelled = yield* engine.cancel("run_nowhere")
        const schema = yield* engine.jsonSchema
        return { validation, explanation, preview, set, rowsLoaded, cancelled, schema, events: yield* engine.listEvents({ limit: 1 }) }
      }),
    )
    expect(seen.validation.destinations[0]?.guarantee).toContain("at least once")
    expect(seen.explanation.sources[0]?.columns).toEqual([{ name: "id", type: "integer", nullable: true }])
    expect(seen.preview.rows).toEqual([{ id: 1 }, { id: 2 }])
    expect(seen.set[0]?.cursors).toEqual({ "sources[0]": "3" })
    expect([seen.rowsLoaded, seen.cancelled, seen.events.length]).toEqual([2, false, 1])
    expect(JSON.stringify(seen.schema)).toContain("draft-07")
  })
})

describe("a transform in the Effect form", () => {
  it("is interrupted with its run", async () => {
    const log: Array<string> = []
    const begun = Deferred.makeUnsafe<void>()
    const stuck = defineTransform({
      type: "stuck",
      row: () =>
        Deferred.succeed(begun, undefined).pipe(
          Effect.andThen(Effect.never),
          Effect.onInterrupt(() => Effect.sync(() => log.push("interrupted"))),
        ),
    })
    const run = Effect.gen(function* () {
      const engine = yield* Engine
      const fiber = yield* Effect.forkChild(engine.run(definition({ transforms: [{ type: "stuck" }] })))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      return yield* Fiber.await(fiber)
    })
    const exit = await withEngine([numbers(1), keeping().destination, stuck], run)
    expect(Exit.isFailure(exit)).toBe(true)
    expect(log).toEqual(["interrupted"])
  })

  it("fails a row with its own error, and needs exactly one function", async () => {
    const failing = defineTransform({
      type: "failing",
      row: ({ id }) => (id === 2 ? Effect.fail(new Error("no twos")) : Effect.succeed({ id })),
    })
    const error = await withEngine(
      [numbers(3), keeping().destination, failing],
      Engine.use((engine) => Effect.flip(engine.run(definition({ transforms: [{ type: "failing" }] })))),
    )
    expect(error).toMatchObject({ _tag: "RunError", message: expect.stringContaining("no twos") })
    expect(() => defineTransform({ type: "none" })).toThrow("exactly one of row, patch and batch")
  })
})
