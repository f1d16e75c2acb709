/** Steps with a state: set up once, fed in order, finished behind all rows, closed whatever happens. */
import * as fc from "fast-check"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import {
  createEngine,
  defineTransform,
  type DefinitionError,
  type EngineOptions,
  type FinishResult,
  type PipelineDefinition,
  type Row,
  type RunError,
  type RunOptions,
  type Transform,
} from "../src/index.ts"
import { defineTransform as defineEffectTransform } from "../src/effect.ts"
import { memoryStore } from "../src/store/memory.ts"
import { keepRows, type KeepOptions, rowsSource } from "./memoryPlugins.ts"

const numbers = (count: number): ReadonlyArray<Row> => Array.from({ length: count }, (_, i) => ({ id: i + 1 }))

const definition = (more: Partial<PipelineDefinition> = {}): PipelineDefinition => ({
  name: "numbers",
  sources: [{ type: "rows", batch_size: 10 }],
  transforms: [{ type: "total" }],
  destinations: [{ type: "keep" }],
  ...more,
})

interface Case extends Pick<EngineOptions, "store" | "log"> {
  readonly transforms: ReadonlyArray<Transform>
  readonly rows?: ReadonlyArray<Row>
  readonly pipeline?: PipelineDefinition
  readonly keep?: KeepOptions
  readonly options?: RunOptions
}

/** Runs the case; `error` where the run fails. */
const run = async ({ transforms, rows = numbers(25), pipeline = definition(), keep = {}, options = {}, ...engineOptions }: Case) => {
  const kept = keepRows(keep)
  await using engine = createEngine({ plugins: [rowsSource(rows), ...transforms, kept.destination], ...engineOptions })
  const outcome = await engine.run(pipeline, options).then(
    (result) => ({ result, error: undefined }),
    (error: unknown) => ({ result: undefined, error: error as RunError }),
  )
  return { ...outcome, kept, rows: kept.rows }
}

/** Adds up ids, and tells what was called. */
const totals = (more: Partial<Parameters<typeof defineTransform<unknown, { sum: number }>>[0]> = {}) => {
  const calls: Array<string> = []
  const transform = defineTransform<unknown, { sum: number }>({
    type: "total",
    setup: () => {
      calls.push("setup")
      return { sum: 0 }
    },
    row: (row, { state }) => {
      state.sum += row["id"] as number
      return { id: row["id"], sum: state.sum }
    },
    finish: ({ state }) => {
      calls.push("finish")
      return { id: null, sum: state.sum }
    },
    close: () => void calls.push("close"),
    ...more,
  })
  return { calls, transform }
}

const failing = (at: number) =>
  totals({
    row: (row) => {
      if (row["id"] === at) throw new Error("no")
      return row
    },
  })

describe("a stateful step", () => {
  it("has one state for the run, and its last rows come behind all others and go through the steps behind", async () => {
    const { calls, transform } = totals()
    const pipeline = definition({ transforms: [{ type: "total" }, { type: "map", fields: { double: "sum * 2" } }] })
    const { rows, result, kept } = await run({ transforms: [transform], pipeline })
    expect(rows).toHaveLength(26)
    expect(rows[24]).toEqual({ id: 25, sum: 325, double: 650 })
    expect(rows[25]).toEqual({ id: null, sum: 325, double: 650 })
    expect(calls).toEqual(["setup", "finish", "close"])
    expect(result).toMatchObject({ rowsExtracted: 25, rowsLoaded: 26, rowsFiltered: 0, rowsRejected: 0 })
    expect(result!.progress).toMatchObject({ read: 25, added: 1, loaded: 26, filtered: 0 })
    expect(kept.closed).toEqual([true])
  })

  it("sets up a new state for each run of an engine", async () => {
    const { calls, transform } = totals()
    const kept = keepRows()
    await using engine = createEngine({ plugins: [rowsSource(numbers(3)), transform, kept.destination] })
    await engine.run(definition())
    await engine.run(definition())
    expect(kept.rows.map((row) => row["sum"])).toEqual([1, 3, 6, 6, 1, 3, 6, 6])
    expect(calls).toEqual(["setup", "finish", "close", "setup", "finish", "close"])
  })

  it("is looked at in a preview like any step, and not set up by what opens nothing of it", async () => {
    const { calls, transform } = totals()
    await using engine = createEngine({ plugins: [rowsSource(numbers(3)), transform, keepRows().destination] })
    await engine.validate(definition())
    await engine.explain(definition())
    await engine.run(definition(), { dryRun: true })
    expect(calls).toEqual([])
    const preview = await engine.preview(definition())
    expect(preview.rows.map((row) => row["sum"])).toEqual([1, 3, 6, 6])
    expect(calls).toEqual(["setup", "finish", "close"])
    expect((await engine.preview(definition(), { limit: 2 })).rows).toHaveLength(2)
    expect(calls.slice(3)).toEqual(["setup", "close"])
  })

  it.each<[string, (sum: number) => FinishResult | Promise<FinishResult>, number]>([
    ["a row", (sum) => ({ sum }), 1],
    ["a list", (sum) => [{ sum }, { sum }], 2],
    ["nothing", () => undefined, 0],
    ["null", () => null, 0],
    ["an empty list", () => [], 0],
    ["a promise", async (sum) => ({ sum }), 1],
    [
      "a generator",
      function* (sum) {
        for (let i = 0; i < 23; i++) yield { sum }
      },
      23,
    ],
    [
      "an async generator",
      async function* (sum) {
        for (let i = 0; i < 10; i++) yield await Promise.resolve({ sum })
      },
      10,
    ],
    ["a set", (sum) => new Set([{ sum }]), 1],
  ])("may give as last rows %s", async (_, finish, count) => {
    const { transform } = totals({ finish: ({ state }) => finish(state.sum) })
    const { rows, error } = await run({ transforms: [transform] })
    expect(error).toBeUndefined()
    expect(rows.slice(25)).toEqual(Array.from({ length: count }, () => ({ id: null, sum: 325 })))
  })

  it("takes what a generator gives before it goes on: one object for all rows is no harm", async () => {
    const { transform } = totals({
      finish: function* () {
        const shared = { id: 0, sum: 0, tags: [0] }
        for (let i = 0; i < 3; i++) {
          shared.id = i
          shared.tags[0] = i
          yield shared
        }
      },
    })
    const { rows } = await run({ transforms: [transform], rows: [] })
    expect(rows).toEqual([0, 1, 2].map((i) => ({ id: i, sum: 0, tags: [i] })))
  })

  it("may hold all rows back: they are filtered where they do not come out, and added where more do", async () => {
    const holds = (copies: number): Transform =>
      defineTransform({
        type: "total",
        setup: (): Array<Row> => [],
        row: (row, { state }) => {
          state.push(row)
          return null
        },
        finish: ({ state }) => Array.from({ length: copies }, () => state).flat(),
      })
    const none = await run({ transforms: [holds(0)] })
    expect(none.result!.progress).toMatchObject({ read: 25, filtered: 25, loaded: 0, added: 0 })
    const twice = await run({ transforms: [holds(2)] })
    expect(twice.rows).toEqual([...numbers(25), ...numbers(25)])
    expect(twice.result!.progress).toMatchObject({ read: 25, filtered: 0, loaded: 50, added: 25 })
  })

  it("works as a patch and over batches, and beside steps that need all rows", async () => {
    const counter = { setup: () => ({ count: 0 }), finish: ({ state }: { state: { count: number } }) => ({ n: state.count }) }
    const patch = defineTransform({ type: "number", ...counter, patch: (_, { state }) => ({ n: ++state.count }) })
    const batch = defineTransform({
      type: "count",
      ...counter,
      batch: (rows, { state }) => {
        state.count += rows.length
        return rows
      },
    })
    const transforms = [{ type: "number" }, { type: "sort", by: "n", order: "desc" }, { type: "count" }, { type: "number" }] as const
    const { rows, error } = await run({ transforms: [patch, batch], pipeline: definition({ transforms }) })
    expect(error).toBeUndefined()
    const ids = numbers(25).map(({ id }) => id)
    expect(rows.map(({ id }) => id)).toEqual([25, null, ...ids.slice(0, 24).toReversed(), null, null])
    expect(rows.map(({ n }) => n)).toEqual(Array.from({ length: 27 }, (_, i) => i + 1).concat(27))
  })

  it("gives the same for any cutting into batches and any number of workers", async () => {
    const sessions = (): Transform =>
      defineTransform({
        type: "total",
        setup: () => ({ open: undefined as { from: number; ids: Array<number> } | undefined }),
        row: async (row, { state }) => {
          const id = row["id"] as number
          if (id % 3 === 0) await Promise.resolve()
          const before = state.open
          if (before !== undefined && before.ids.length < 4) {
            before.ids.push(id)
            return null
          }
          state.open = { from: id, ids: [id] }
          return before === undefined ? null : { ...before }
        },
        finish: ({ state }) => (state.open === undefined ? [] : [{ ...state.open }]),
      })
    const property = fc.asyncProperty(
      fc.nat(40),
      fc.integer({ min: 1, max: 45 }),
      fc.integer({ min: 1, max: 4 }),
      async (count, batchSize, workers) => {
        const { rows } = await run({ transforms: [sessions()], rows: numbers(count), options: { batchSize, workers } })
        const ids = numbers(count).map(({ id }) => id as number)
        const expected = Array.from({ length: Math.ceil(count / 4) }, (_, i) => ids.slice(4 * i, 4 * i + 4))
        expect(rows.map((row) => row["ids"])).toEqual(expected)
      },
    )
    await fc.assert(property, { numRuns: 60 })
  })
})

describe("the state of a step", () => {
  it.each([
    ["a row", failing(13), "row 13: no."],
    ["finish", totals({ finish: () => Promise.reject(new Error("no")) }), "finish: no."],
    [
      "finish, half-way",
      totals({
        finish: function* () {
          yield { sum: 1 }
          throw new Error("no")
        },
      }),
      "finish, after row 1: no.",
    ],
  ])("is closed once where %s fails, and nothing is committed", async (_, { calls, transform }, message) => {
    const { error, kept } = await run({ transforms: [transform] })
    expect(error?.message).toContain(`numbers / transforms[0] (custom total): ${message}`)
    expect(calls.filter((call) => call !== "finish")).toEqual(["setup", "close"])
    expect(kept.rows).toEqual([])
    expect(kept.closed).toEqual([false])
  })

  it("does not finish after a row has failed", async () => {
    const { calls, transform } = failing(25)
    await run({ transforms: [transform] })
    expect(calls).toEqual(["setup", "close"])
  })

  it("that cannot be set up fails the run before a row is read, and only what was set up is closed", async () => {
    const first = totals({ type: "first" })
    const second = totals({ setup: () => Promise.reject(Object.assign(new Error("model not found"), { retryable: true })) })
    let read = 0
    const transforms = [{ type: "first" }, { type: "total" }]
    const pipeline = definition({ transforms })
    const { error } = await run({ transforms: [first.transform, second.transform], pipeline, keep: { onWrite: () => void read++ } })
    expect(error?.message).toContain("transforms[1] (custom total): setup: model not found. Correct what setup opens or reads.")
    expect(first.calls).toEqual(["setup", "close"])
    expect(second.calls).toEqual([])
    expect(read).toBe(0)
  })

  it("is closed once where the run is cancelled, after the signal has aborted and calls have ended", async () => {
    const events: Array<string> = []
    const reached = Promise.withResolvers<void>()
    const transform = defineTransform({
      type: "total",
      setup: () => ({ client: true }),
      row: async (row, { signal }) => {
        if (row["id"] !== 12) return row
        reached.resolve()
        await new Promise((resolve) => signal.addEventListener("abort", resolve))
        await new Promise((resolve) => setTimeout(resolve, 20))
        events.push("call ended")
        return row
      },
      finish: () => void events.push("finish"),
      close: ({ signal }) => void events.push(`close, aborted: ${signal.aborted}`),
    })
    await using engine = createEngine({ plugins: [rowsSource(numbers(25)), transform, keepRows().destination] })
    const handle = await engine.start(definition())
    await reached.promise
    await handle.cancel()
    expect((await handle.done).status).toBe("cancelled")
    expect(events).toEqual(["call ended", "close, aborted: true"])
  })

  it.each([
    ["setup", totals({ setup: () => new Promise(() => {}) }), /setup took longer than 0.05 s/, []],
    ["a row", totals({ row: () => new Promise(() => {}) }), /rows 1 to 10 did not finish within 0.05 s/, ["setup", "close"]],
    ["finish", totals({ finish: () => new Promise(() => {}) }), /finish took longer than 0.05 s/, ["setup", "close"]],
  ])("is closed where %s never ends: the time limit ends the run", async (_, { calls, transform }, message, expected) => {
    const { error } = await run({ transforms: [transform], pipeline: definition({ defaults: { timeout: "50ms" } }) })
    expect(error).toMatchObject({ code: "STEP_TIMEOUT" })
    expect(error?.message).toMatch(message)
    expect(calls).toEqual(expected)
  })

  it("that does not close well is told in the log, and the run succeeds", async () => {
    const warnings: Array<string> = []
    const log = { debug() {}, info() {}, error() {}, warn: (message: string) => void warnings.push(message) }
    const { transform } = totals({ close: () => Promise.reject(new Error("socket is gone")) })
    const { result } = await run({ transforms: [transform], log })
    expect(result?.status).toBe("success")
    expect(warnings).toEqual(["numbers / transforms[0] (custom total): close: socket is gone."])
  })

  it("is a new one for each attempt, so that no row counts twice", async () => {
    let attempt = 0
    const { calls, transform } = totals({
      finish: ({ state }) => {
        if (++attempt === 1) throw Object.assign(new Error("busy"), { retryable: true })
        return { sum: state.sum }
      },
    })
    const pipeline = definition({ error_handling: { strategy: "retry", max_retries: 2, retry_delay: 0 } })
    const { rows } = await run({ transforms: [transform], pipeline })
    expect(rows.at(-1)).toEqual({ id: null, sum: 325 })
    expect(rows).toHaveLength(26)
    expect(calls).toEqual(["setup", "close", "setup", "close"])
  })

  it("does not see a row twice where a batch fails and rows are skipped: the whole batch is set aside", async () => {
    const seen: Array<unknown> = []
    const transform = defineTransform({
      type: "total",
      setup: () => seen,
      batch: (rows, { state }) => {
        if (rows.some((row) => row["id"] === 15)) throw new Error("no")
        state.push(...rows.map((row) => row["id"]))
        return rows
      },
    })
    const letter = keepRows({ type: "letter" })
    const kept = keepRows()
    const pipeline = definition({ error_handling: { strategy: "skip", dead_letter: { type: "letter" } } })
    await using engine = createEngine({ plugins: [rowsSource(numbers(25)), transform, kept.destination, letter.destination] })
    const { progress } = await engine.run(pipeline)
    expect(seen).toEqual(kept.rows.map((row) => row["id"]))
    expect(new Set(seen).size).toBe(15)
    expect(progress).toMatchObject({ read: 25, loaded: 15, rejected: 10, filtered: 0, added: 0 })
    expect(letter.rows.map((row) => row["row_number"])).toEqual([11, 12, 13, 14, 15, 16, 17, 18, 19, 20])
  })
})

describe("a stateful step of an incremental pipeline", () => {
  const incremental = definition({
    sources: [{ type: "rows", batch_size: 10, incremental: true }],
    destinations: [{ type: "keep", flush_interval: 0 }],
  })

  it("is refused with finish, registered or from a module, unless each run stands for itself", async () => {
    const { calls, transform } = totals()
    const refused = (await run({ transforms: [transform], pipeline: incremental })).error as unknown as DefinitionError
    expect(refused.code).toBe("UNSUPPORTED_FEATURE")
    expect(refused.message).toContain("the step `total` gives rows at the end, by its `finish`")
    expect(calls).toEqual([])
    const module = { ...incremental, transforms: [{ type: "custom", module: "total.ts", export: "total" }] } as const
    const kept = keepRows()
    await using engine = createEngine({
      plugins: [rowsSource(numbers(3)), kept.destination],
      loadModule: async () => ({ total: { setup: () => 0, row: (row: Row) => row, finish: () => [] } }),
    })
    await expect(engine.run(module)).rejects.toMatchObject({ code: "UNSUPPORTED_FEATURE" })
    expect(kept.rows).toEqual([])
  })

  it("commits early without finish", async () => {
    const { calls: _, transform } = totals()
    const { finish: _finish, ...state } = transform.apply.state!
    const plain: Transform = { ...transform, apply: { ...transform.apply, state } }
    const { kept } = await run({ transforms: [plain], pipeline: incremental, keep: { commitsEarly: true } })
    expect(kept.commits.length).toBeGreaterThan(1)
  })

  /** Gives rows in groups of seven; the last one may be smaller. */
  const groups = (dies: (group: number) => boolean): Transform =>
    defineTransform({
      type: "total",
      eachRun: true,
      setup: () => ({ held: [] as Array<number>, group: 0 }),
      row: (row, { state }) => {
        state.held.push(row["id"] as number)
        if (state.held.length < 7) return null
        if (dies(++state.group)) throw new Error("killed")
        return state.held.splice(0).map((id) => ({ id }))
      },
      finish: ({ state }) => state.held.map((id) => ({ id })),
    })

  it("commits nothing before its last rows are out, so that a failure loses and repeats none", async () => {
    const property = fc.asyncProperty(
      fc.integer({ min: 1, max: 60 }),
      fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 3 }),
      async (count, deaths) => {
        const store = memoryStore()
        const left = [...deaths]
        const kept = keepRows({ commitsEarly: true })
        const transform = groups((group) => group === left[0] && left.shift() !== undefined)
        await using engine = createEngine({ plugins: [rowsSource(numbers(count)), transform, kept.destination], store })
        for (let i = 0; i < 5; i++) await Promise.allSettled([engine.run(incremental)])
        expect(kept.rows).toEqual(numbers(count))
      },
    )
    await fc.assert(property, { numRuns: 40 })
  })

  it("gives what it holds where the run is stopped at a cursor, and goes on behind it", async () => {
    const store = memoryStore()
    const kept = keepRows({ commitsEarly: true })
    const gate = Promise.withResolvers<void>()
    const slow = defineTransform({
      type: "slow",
      patch: async (row) => {
        if (row["id"] === 15) await gate.promise
        return null
      },
    })
    const pipeline = { ...incremental, transforms: [{ type: "slow" }, { type: "total" }] }
    await using engine = createEngine({ plugins: [rowsSource(numbers(50)), slow, groups(() => false), kept.destination], store })
    const handle = await engine.start(pipeline)
    const stopping = handle.stop()
    gate.resolve()
    await stopping
    await handle.done
    expect(kept.rows).toEqual(numbers(kept.rows.length))
    expect(kept.rows.length % 10).toBe(0)
    await engine.run(pipeline)
    expect(kept.rows).toEqual(numbers(50))
  })
})

describe("last rows that are none", () => {
  it.each<[string, unknown, string]>([
    ["a number", 7, "finish: row 1 is 7 (number), which is no row"],
    ["text", "rows", 'finish: row 1 is "rows" (string), which is no row'],
    ["a map", new Map([["a", 1]]), 'finish: row 1 is ["a",1] (array), which is no row'],
    ["a list with a hole", [{ sum: 1 }, null], "finish: row 2 is null, which is no row"],
    ["values of another type", [{ sum: "many" }], 'row 1 of finish, column sum: the step gave "many", and the column is integer'],
  ])("end the run: %s", async (_, given, message) => {
    const { transform } = totals({ finish: () => given as FinishResult })
    for (const strategy of ["fail", "skip"] as const) {
      const error_handling = strategy === "skip" ? { strategy, dead_letter: { type: "keep" } } : { strategy }
      const { error, kept } = await run({ transforms: [transform], pipeline: definition({ error_handling }) })
      expect(error?.message).toContain(message)
      expect(kept.rows).toEqual([])
    }
  })

  it("are rejected by the steps behind as any row is", async () => {
    const { transform } = totals({
      finish: () => [
        { id: 0, sum: 0 },
        { id: 1, sum: 5 },
      ],
    })
    const transforms = [{ type: "total" }, { type: "map", fields: { part: "100 / sum" } }] as const
    const letter = keepRows({ type: "letter" })
    const kept = keepRows()
    const pipeline = definition({ transforms, error_handling: { strategy: "skip", dead_letter: { type: "letter" } } })
    await using engine = createEngine({ plugins: [rowsSource(numbers(2)), transform, kept.destination, letter.destination] })
    const { progress } = await engine.run(pipeline)
    expect(kept.rows.map((row) => row["part"])).toEqual([100, 33, 20])
    expect(progress).toMatchObject({ read: 2, added: 2, loaded: 3, rejected: 1, filtered: 0 })
    expect(letter.rows).toMatchObject([{ code: "DIVISION_BY_ZERO", row: { id: 0, sum: 0 } }])
  })
})

describe("the forms of a stateful transform", () => {
  it("in Effect: the state is scoped, last rows may be a stream, and both forms give the same", async () => {
    const calls: Array<string> = []
    const effect = (finish: "effect" | "stream"): Transform =>
      defineEffectTransform({
        type: "total",
        setup: () =>
          Effect.acquireRelease(
            Effect.sync(() => {
              calls.push("setup")
              return { sum: 0 }
            }),
            () => Effect.sync(() => void calls.push("close")),
          ),
        row: (row, { state }) =>
          Effect.sync(() => {
            state.sum += row["id"] as number
            return { id: row["id"], sum: state.sum }
          }),
        finish: ({ state }) =>
          finish === "effect" ? Effect.succeed({ id: null, sum: state.sum }) : Stream.make({ id: null, sum: state.sum }),
      })
    const plain = await run({ transforms: [totals().transform] })
    for (const form of ["effect", "stream"] as const) expect((await run({ transforms: [effect(form)] })).rows).toEqual(plain.rows)
    expect(calls).toEqual(["setup", "close", "setup", "close"])
  })

  it("in Effect: what a setup that fails had acquired is released", async () => {
    const calls: Array<string> = []
    const transform = defineEffectTransform({
      type: "total",
      setup: () =>
        Effect.andThen(
          Effect.acquireRelease(Effect.void, () => Effect.sync(() => void calls.push("released"))),
          Effect.fail(new Error("no model")),
        ),
      row: (row) => Effect.succeed(row),
    })
    const { error } = await run({ transforms: [transform] })
    expect(error?.message).toContain("setup: no model.")
    expect(calls).toEqual(["released"])
  })

  it("as a module's plain object", async () => {
    const kept = keepRows()
    const default_ = {
      setup: () => ({ sum: 0 }),
      row: (row: Row, { state }: { state: { sum: number } }) => ({ sum: (state.sum += row["id"] as number) }),
      finish: ({ state }: { state: { sum: number } }) => state,
    }
    await using engine = createEngine({
      plugins: [rowsSource(numbers(2)), kept.destination],
      loadModule: async () => ({ default: default_ }),
    })
    await engine.run(definition({ transforms: [{ type: "custom", module: "sum.ts" }] }))
    expect(kept.rows).toEqual([{ sum: 1 }, { sum: 3 }, { sum: 3 }])
  })

  it.each<[Record<string, unknown>, string]>([
    [{ setup: () => 1 }, "give exactly one of row, patch and batch"],
    [{ row: () => null, batch: () => [] }, "give exactly one of row, patch and batch"],
    [{ row: () => null, finish: () => [] }, "finish needs setup, which makes the state that it gets"],
    [{ row: () => null, close: () => [] }, "close needs setup, which makes the state that it gets"],
    [{ row: () => null, setup: 5 }, "setup is no function"],
    [{ row: "upper" }, "row is no function"],
    [{ row: () => null, setup: () => 1, eachRun: true }, "eachRun says something of finish, which is not there"],
    [{ row: () => null, concurrency: 0 }, "concurrency is a whole number from 1"],
  ])("is checked: %j", (options, message) => {
    expect(() => defineTransform({ type: "wrong", ...options })).toThrow(`defineTransform wrong: ${message}`)
  })
})
