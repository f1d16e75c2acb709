import { describe, expect, it } from "vitest"
import {
  type Checkpoint,
  createEngine,
  defineDestination,
  defineSource,
  defineTransform,
  DestinationError,
  type PipelineDefinition,
  type Row,
  RunError,
  type RunHandle,
  SourceError,
  type Store,
} from "../src/index.ts"
import { memoryStore } from "../src/store/memory.ts"
import { keepRows, rowsSource } from "./memoryPlugins.ts"

const numbers = (count: number) => Array.from({ length: count }, (_, i) => ({ id: i + 1, name: `n${i + 1}` }))

const definition = (more: Partial<PipelineDefinition> = {}): PipelineDefinition => ({
  name: "numbers",
  sources: [{ type: "rows", batch_size: 10 }],
  destinations: [{ type: "keep" }],
  ...more,
})

describe("a run", () => {
  it("brings all rows in order from the source to the destination, and counts them", async () => {
    const kept = keepRows()
    await using engine = createEngine({ plugins: [rowsSource(numbers(95)), kept.destination] })
    const run = await engine.run(definition())
    expect(run).toMatchObject({ status: "success", rowsExtracted: 95, rowsLoaded: 95, rowsFiltered: 0, rowsRejected: 0, error: null })
    expect(kept.rows).toEqual(numbers(95))
    expect(kept.commits.map((commit) => commit.final)).toEqual([true])
    expect(kept.closed).toEqual([true])
  })

  it("filters, maps, renames and selects", async () => {
    const kept = keepRows()
    await using engine = createEngine({ plugins: [rowsSource(numbers(30)), kept.destination] })
    const run = await engine.run(
      definition({
        transforms: [
          { type: "filter", condition: "id % 2 = 0 AND id > 20" },
          { type: "map", fields: { label: "name || '!'" } },
          { type: "rename", columns: { id: "number" } },
          { type: "select", columns: ["label", "number"] },
        ],
      }),
    )
    expect(kept.rows).toEqual([22, 24, 26, 28, 30].map((n) => ({ label: `n${n}!`, number: n })))
    expect(run).toMatchObject({ rowsExtracted: 30, rowsFiltered: 25, rowsLoaded: 5 })
    expect(run.progress.steps.map((step) => step.rowsOut)).toEqual([5, 5, 5, 5])
  })

  it("tells of its start and its end in events, in order, and keeps them", async () => {
    const kept = keepRows()
    await using engine = createEngine({ plugins: [rowsSource(numbers(3)), kept.destination] })
    const events = engine.events({ types: ["pipeline.started", "pipeline.completed"] })
    const run = await engine.run(definition())
    const seen = [(await events.next()).value, (await events.next()).value]
    expect(seen.map((event) => event.type)).toEqual(["pipeline.started", "pipeline.completed"])
    expect(seen[1].data).toMatchObject({ rows_extracted: 3, rows_loaded: 3, rows_rejected: 0 })
    const stored = await engine.listEvents({ runId: run.id, types: ["pipeline.started", "pipeline.completed"] })
    expect(stored.map((event) => event.id)).toEqual(seen.map((event) => event.id))
  })

  it("fails with the source's error, and leaves no commit", async () => {
    const kept = keepRows()
    const broken = defineSource({
      type: "rows",
      async *read() {
        yield [{ id: 1 }]
        throw new Error("the wire was cut")
      },
    })
    await using engine = createEngine({ plugins: [broken, kept.destination] })
    const error = await engine.run(definition()).catch((cause: unknown) => cause as RunError)
    expect(error).toBeInstanceOf(RunError)
    expect(error).toMatchObject({ code: "SOURCE_FAILED", message: "sources[0] (rows): the wire was cut", cause: expect.any(SourceError) })
    expect((error as RunError).run).toMatchObject({ status: "failed", rowsLoaded: 0, error: { stage: "extract" } })
    expect(kept.commits).toEqual([])
    expect(kept.closed).toEqual([false])
  })

  it("rejects a wrong definition with all issues before a run begins", async () => {
    await using engine = createEngine({ plugins: [rowsSource([]), keepRows().destination] })
    await expect(engine.run({ name: "Bad Name", sources: [{ type: "rowz" }], destinations: [] })).rejects.toMatchObject({
      _tag: "DefinitionError",
      issues: expect.arrayContaining([expect.objectContaining({ path: "name" }), expect.objectContaining({ code: "UNKNOWN_PLUGIN" })]),
    })
    expect((await engine.listRuns()).total).toBe(0)
  })

  it("finds a wrong expression before a row is read, in the run too", async () => {
    const kept = keepRows()
    await using engine = createEngine({ plugins: [rowsSource(numbers(3)), kept.destination] })
    const transforms = [{ type: "filter", condition: "idd > 1" }] as const
    await expect(engine.run(definition({ transforms }))).rejects.toMatchObject({
      code: "UNKNOWN_COLUMN",
      message: expect.stringContaining("idd"),
    })
    expect(kept.closed).toEqual([])
  })

  it("ends as cancelled when its signal aborts, with everything closed", async () => {
    const controller = new AbortController()
    const kept = keepRows({ onWrite: () => controller.abort() })
    let closed = false
    const endless = defineSource({
      type: "rows",
      async *read() {
        try {
          for (let id = 0; ; id++) yield [{ id }]
        } finally {
          closed = true
        }
      },
    })
    await using engine = createEngine({ plugins: [endless, kept.destination] })
    const handle = await engine.start(definition(), { signal: controller.signal })
    const run = await handle.done
    expect(run).toMatchObject({ status: "cancelled", error: { code: "RUN_CANCELLED" } })
    expect(closed).toBe(true)
    expect(kept.closed).toEqual([false])
  })

  it("ends when it takes longer than its timeout", async () => {
    const stuck = keepRows({ onWrite: () => new Promise(() => {}) })
    await using engine = createEngine({ plugins: [rowsSource(numbers(1)), stuck.destination] })
    await expect(engine.run(definition(), { timeout: 50 })).rejects.toMatchObject({ code: "RUN_TIMEOUT" })
    expect(stuck.closed).toEqual([false])
  })

  it("ends a step that never resolves at the step's time limit", async () => {
    const stuck = defineTransform({ type: "stuck", row: () => new Promise(() => {}) })
    await using engine = createEngine({ plugins: [rowsSource(numbers(1)), keepRows().destination, stuck] })
    const run = engine.run(definition({ transforms: [{ type: "stuck" }], defaults: { timeout: "50ms" } }))
    await expect(run).rejects.toMatchObject({ code: "STEP_TIMEOUT", message: expect.stringContaining("stuck") })
  })

  it("does not meet a second engine in the same process", async () => {
    const [a, b] = [keepRows(), keepRows()]
    await using first = createEngine({ plugins: [rowsSource(numbers(5)), a.destination] })
    await using second = createEngine({ plugins: [rowsSource(numbers(7)), b.destination] })
    const [one, two] = await Promise.all([first.run(definition()), second.run(definition())])
    expect([one.rowsLoaded, two.rowsLoaded]).toEqual([5, 7])
    expect((await first.listRuns()).total).toBe(1)
  })
})

describe("an incremental run", () => {
  const incremental = definition({ sources: [{ type: "rows", batch_size: 10, incremental: true }] })

  it("reads only what is new since the last one", async () => {
    const store = memoryStore()
    const kept = keepRows()
    const run = async (rows: ReadonlyArray<object>) => {
      await using engine = createEngine({ plugins: [rowsSource(rows), kept.destination], store })
      return await engine.run(incremental)
    }
    expect((await run(numbers(25))).rowsExtracted).toBe(25)
    expect((await run(numbers(25))).rowsExtracted).toBe(0)
    expect((await run(numbers(32))).rowsExtracted).toBe(7)
    expect(kept.rows).toEqual(numbers(32))
  })

  it("goes on from the last commit after a failure", async () => {
    const store = memoryStore()
    let failing = true
    const kept = keepRows({
      commitsEarly: true,
      onWrite: (rows) => {
        if (failing && rows.some((row) => row["id"] === 25)) throw new Error("no")
      },
    })
    await using engine = createEngine({ plugins: [rowsSource(numbers(40)), kept.destination], store })
    const pipeline = { ...incremental, destinations: [{ type: "keep", flush_interval: "0s" }] } as const
    const error = await engine.run(pipeline).catch((cause: unknown) => cause as RunError)
    expect((error as RunError).run).toMatchObject({ status: "failed", rowsExtracted: 20, rowsLoaded: 20 })
    expect(kept.rows).toEqual(numbers(20))
    failing = false
    expect(await engine.run(pipeline, { retryOf: (error as RunError).run.id })).toMatchObject({ rowsExtracted: 20, trigger: "retry" })
    expect(kept.rows).toEqual(numbers(40))
  })

  it("brings a destination that is behind up to date without repeating rows for the other", async () => {
    const store = memoryStore()
    let failing = true
    const good = keepRows({ type: "good", commitsEarly: true })
    const late = keepRows({
      type: "late",
      commitsEarly: true,
      onWrite: () => {
        if (failing) throw new Error("down")
      },
    })
    const both = {
      ...incremental,
      destinations: [
        { type: "good", flush_interval: 0 },
        { type: "late", flush_interval: 0 },
      ],
    }
    await using engine = createEngine({ plugins: [rowsSource(numbers(20)), good.destination, late.destination], store })
    await engine.run({ ...both, destinations: [both.destinations[0]!] })
    await expect(engine.run(both)).rejects.toThrow("down")
    failing = false
    await engine.run(both)
    expect(good.rows).toEqual(numbers(20))
    expect(late.rows).toEqual(numbers(20))
  })

  it("refuses a cursor of another definition, and takes a full refresh", async () => {
    const kept = keepRows()
    await using engine = createEngine({ plugins: [rowsSource(numbers(4)), kept.destination] })
    await engine.run(incremental)
    const changed = { ...incremental, sources: [{ type: "rows", incremental: { column: "id" } }] } as const
    await expect(engine.run(changed)).rejects.toMatchObject({ code: "DEFINITION_CHANGED", hint: expect.stringContaining("--full-refresh") })
    expect((await engine.run(changed, { fullRefresh: true })).rowsLoaded).toBe(4)
  })

  it("brings a cursor of an older version forward, and hands none over that the source cannot know", async () => {
    const store = memoryStore()
    const kept = keepRows()
    const run = async (traits: object, rows: number) => {
      const source = defineSource<unknown, { readonly after?: number; readonly id?: number }>({
        type: "rows",
        ...traits,
        async *read({ cursor }) {
          const from = "cursorVersion" in traits ? (cursor?.id ?? 0) : (cursor?.after ?? 0)
          const next = numbers(rows).slice(from)
          if (next.length > 0) yield { rows: next, cursor: "cursorVersion" in traits ? { id: rows } : { after: rows } }
        },
      })
      await using engine = createEngine({ plugins: [source, kept.destination], store })
      return await engine.run(incremental)
    }
    const forward = (cursor: { readonly after?: number }) => ({ id: cursor.after })
    await run({}, 3)
    await expect(run({ cursorVersion: 2 }, 5)).rejects.toMatchObject({
      code: "CURSOR_INVALID",
      message: expect.stringContaining("was stored as version 1, the source `rows` has 2, and cannot bring it forward."),
    })
    const failing = () => {
      throw new Error("no such key")
    }
    await expect(run({ cursorVersion: 2, migrateCursor: failing }, 5)).rejects.toThrow("could not be brought to 2: no such key.")
    expect((await run({ cursorVersion: 2, migrateCursor: forward }, 5)).rowsExtracted).toBe(2)
    expect((await run({ cursorVersion: 2, migrateCursor: failing }, 6)).rowsExtracted).toBe(1)
    await expect(run({}, 7)).rejects.toMatchObject({
      code: "CURSOR_INVALID",
      message: expect.stringContaining("was stored by a newer version of the source `rows`, as 2, and this one knows 1. Update it."),
    })
    expect(kept.rows).toEqual(numbers(6))
  })

  it("knows what the cursors beside the rows were made by, also with a store that is behind or another one", async () => {
    let beside: Checkpoint | undefined
    const rows: Array<Row> = []
    const destination = defineDestination({
      type: "keep",
      writeModes: ["append"],
      checkpoint: async () => beside,
      open: () => ({
        write: (written) => void rows.push(...written),
        commit: (checkpoint) => void (beside = checkpoint),
      }),
    })
    const run = async (count: number, traits: object, options: { readonly store?: Store; readonly source?: object } = {}) => {
      const source = defineSource<unknown, { readonly after: number; readonly unit?: "rows" }>({
        type: "rows",
        ...traits,
        async *read({ cursor }) {
          const next = numbers(count).slice(cursor?.after ?? 0)
          if (next.length > 0) yield { rows: next, cursor: { after: count, ...("cursorVersion" in traits ? { unit: "rows" } : {}) } }
        },
      })
      await using engine = createEngine({ plugins: [source, destination], store: options.store ?? memoryStore() })
      const written = { ...incremental.sources[0]!, ...options.source }
      return await engine.run({ ...incremental, sources: [written] }, options.source === undefined ? {} : { fullRefresh: true })
    }
    const migrated: Array<unknown> = []
    const second = { cursorVersion: 2, migrateCursor: (cursor: object) => (migrated.push(cursor), { ...cursor, unit: "rows" }) }
    await run(2, {})
    await expect(run(3, { cursorVersion: 2 })).rejects.toThrow("was stored as version 1, the source `rows` has 2")
    const behind = memoryStore()
    await run(3, second, { store: behind })
    expect(migrated).toEqual([{ after: 2 }])
    await run(4, second)
    // This store still has the cursor of the run before, and the destination has a later one.
    await run(5, second, { store: behind })
    expect(migrated).toHaveLength(1)
    await expect(run(6, {})).rejects.toThrow("was stored by a newer version of the source `rows`, as 2, and this one knows 1.")
    expect(rows).toEqual(numbers(5))
    await run(6, second, { source: { table: "another" } })
    await expect(run(7, second)).rejects.toMatchObject({ code: "DEFINITION_CHANGED" })
    await expect(run(7, second, { store: behind })).rejects.toMatchObject({ code: "DEFINITION_CHANGED" })
    expect(rows).toHaveLength(11)
  })

  it("stops gracefully at a cursor, and goes on from there", async () => {
    const started = Promise.withResolvers<RunHandle>()
    const stopAt100 = async (rows: ReadonlyArray<Row>) => {
      if (rows.some(({ id }) => id === 100)) void (await started.promise).stop()
    }
    const kept = keepRows({ commitsEarly: true, onWrite: stopAt100 })
    await using engine = createEngine({ plugins: [rowsSource(numbers(500)), kept.destination] })
    const handle = await engine.start(incremental)
    started.resolve(handle)
    const stopped = await handle.done
    expect(stopped.status).toBe("cancelled")
    expect(stopped.rowsLoaded).toBeLessThan(500)
    expect(kept.rows).toEqual(numbers(stopped.rowsLoaded))
    await engine.run(incremental)
    expect(kept.rows).toEqual(numbers(500))
  })

  it("forgets its cursors on request", async () => {
    const kept = keepRows()
    await using engine = createEngine({ plugins: [rowsSource(numbers(3)), kept.destination] })
    await engine.run(incremental)
    await engine.resetState("numbers")
    expect((await engine.run(incremental)).rowsExtracted).toBe(3)
  })
})

describe("bad rows", () => {
  const odd = (rows: ReadonlyArray<{ readonly [key: string]: unknown }>) => {
    if (rows.some((row) => Number(row["id"]) % 10 === 3)) throw new DestinationError({ code: "VALUE_NOT_SUPPORTED", message: "no threes" })
  }
  const skipping = definition({ error_handling: { strategy: "skip", dead_letter: { type: "letters" } } })

  it("costs one row each: a failing batch is halved until the bad row is alone", async () => {
    const kept = keepRows({ onWrite: odd })
    const letters = keepRows({ type: "letters" })
    await using engine = createEngine({ plugins: [rowsSource(numbers(100)), kept.destination, letters.destination] })
    const run = await engine.run(skipping)
    expect(run).toMatchObject({ status: "success", rowsExtracted: 100, rowsLoaded: 90, rowsRejected: 10 })
    expect(letters.rows.map((row) => row["row_number"])).toEqual([3, 13, 23, 33, 43, 53, 63, 73, 83, 93])
    expect(letters.rows[0]).toMatchObject({
      step: "destinations[0]",
      code: "VALUE_NOT_SUPPORTED",
      error: "no threes",
      row: { id: 3, name: "n3" },
    })
  })

  it("puts rows that a step cannot compute into the dead letter", async () => {
    const kept = keepRows()
    const letters = keepRows({ type: "letters" })
    await using engine = createEngine({ plugins: [rowsSource(numbers(10)), kept.destination, letters.destination] })
    const run = await engine.run({ ...skipping, transforms: [{ type: "map", fields: { inverse: "100 / (id - 4)" } }] })
    expect(run).toMatchObject({ rowsExtracted: 10, rowsLoaded: 9, rowsRejected: 1, rowsFiltered: 0 })
    expect(letters.rows).toMatchObject([{ step: "map", code: "DIVISION_BY_ZERO", row_number: 4 }])
  })

  it("fails at one more than max_errors", async () => {
    const kept = keepRows({ onWrite: odd })
    const letters = keepRows({ type: "letters" })
    await using engine = createEngine({ plugins: [rowsSource(numbers(100)), kept.destination, letters.destination] })
    const run = engine.run({ ...skipping, error_handling: { ...skipping.error_handling, max_errors: 4 } })
    await expect(run).rejects.toMatchObject({ code: "TOO_MANY_ERRORS" })
    expect(kept.commits).toEqual([])
  })

  it("fails the run when the dead letter cannot be written", async () => {
    const kept = keepRows({ onWrite: odd })
    const letters = keepRows({ type: "letters", onWrite: () => Promise.reject(new Error("full")) })
    await using engine = createEngine({ plugins: [rowsSource(numbers(10)), kept.destination, letters.destination] })
    await expect(engine.run(skipping)).rejects.toMatchObject({ code: "DEAD_LETTER_FAILED" })
  })

  it("tries again what says that it may work later, and only that", async () => {
    let tries = 0
    const flaky = keepRows({
      onWrite: () => {
        if (++tries < 3) throw new DestinationError({ code: "DESTINATION_FAILED", message: "busy", retryable: true })
      },
    })
    await using engine = createEngine({ plugins: [rowsSource(numbers(3)), flaky.destination] })
    const run = await engine.run(definition({ error_handling: { strategy: "retry", max_retries: 3, retry_delay: "1ms" } }))
    expect([run.status, tries]).toEqual(["success", 3])
    expect((await engine.listEvents({ types: ["pipeline.retrying"] })).length).toBe(2)
  })
})

describe("looking", () => {
  it("previews rows after a step and writes nothing", async () => {
    const kept = keepRows()
    await using engine = createEngine({ plugins: [rowsSource(numbers(100)), kept.destination] })
    const pipeline = definition({
      transforms: [
        { type: "filter", condition: "id > 50" },
        { type: "select", columns: ["id"] },
      ],
    })
    expect((await engine.preview(pipeline, { limit: 2 })).rows).toEqual([{ id: 51 }, { id: 52 }])
    expect((await engine.preview(pipeline, { limit: 1, step: 0 })).rows).toEqual([{ id: 1, name: "n1" }])
    expect(kept.closed).toEqual([])
    expect((await engine.listRuns()).total).toBe(0)
  })

  it("runs dry: the run is kept, nothing is written, no cursor moves", async () => {
    const kept = keepRows()
    await using engine = createEngine({ plugins: [rowsSource(numbers(4)), kept.destination] })
    const run = await engine.run(definition({ sources: [{ type: "rows", incremental: true }] }), { dryRun: true })
    expect(run).toMatchObject({ status: "success", dryRun: true, rowsExtracted: 0 })
    expect(kept.closed).toEqual([])
    expect(await engine.getState("numbers")).toEqual([])
  })
})
