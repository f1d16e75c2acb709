import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { createEngine, defineSource, defineTransform, type EngineEvent, type PipelineDefinition } from "../src/index.ts"
import { paceOf } from "../src/engine/stageEvents.ts"
import { memoryStore } from "../src/store/memory.ts"
import { keepRows, rowsSource } from "./memoryPlugins.ts"

const numbers = (count: number) => Array.from({ length: count }, (_, i) => ({ id: i + 1 }))

const definition = (more: Partial<PipelineDefinition> = {}): PipelineDefinition => ({
  name: "numbers",
  sources: [{ type: "rows", name: "numbers", batch_size: 10 }],
  destinations: [{ type: "keep", name: "kept" }],
  ...more,
})

/** `extract started`, for each event of a stage, and the type of the others. */
const told = (events: ReadonlyArray<EngineEvent>): ReadonlyArray<string> =>
  events.map(({ type, data }) => (type.startsWith("pipeline.stage.") ? `${type.split(".")[2]} ${String(data["status"])}` : type))

const ofStage = (events: ReadonlyArray<EngineEvent>, stage: string) =>
  events.filter(({ type }) => type === `pipeline.stage.${stage}`).map(({ data }) => data)

describe("events of stages", () => {
  it("tell that each stage begins and ends, with its counts, and are kept as they were heard", async () => {
    await using engine = createEngine({ plugins: [rowsSource(numbers(95)), keepRows().destination] })
    const heard: Array<EngineEvent> = []
    const events = engine.events()
    const run = await engine.run(definition({ transforms: [{ type: "filter", condition: "id <= 30", name: "first" }] }))
    for await (const event of events) if (heard.push(event) && event.type === "pipeline.completed") break
    expect(told(heard).toSorted()).toEqual([
      "extract completed",
      "extract started",
      "load completed",
      "load started",
      "pipeline.completed",
      "pipeline.started",
      "transform completed",
      "transform started",
    ])
    expect(told(heard).slice(0, 2)).toEqual(["pipeline.started", "extract started"])
    expect(told(heard).slice(-4)).toEqual(["extract completed", "transform completed", "load completed", "pipeline.completed"])
    expect(ofStage(heard, "extract").at(-1)).toMatchObject({ rows_processed: 95, sources: [{ name: "numbers", rows: 95 }] })
    expect(ofStage(heard, "transform").at(-1)).toMatchObject({ rows_processed: 95, steps: [{ name: "first", rows_in: 95, rows_out: 30 }] })
    expect(ofStage(heard, "load").at(-1)).toMatchObject({ rows_processed: 30, destinations: [{ name: "kept", rows: 30 }] })
    expect(await engine.listEvents({ runId: run.id })).toEqual(heard)
    const ids = heard.map(({ id }) => id)
    expect(ids).toEqual(ids.toSorted())
  })

  it("come as rows move, once a second and not with every batch", async () => {
    let batches = 0
    let wasHeard = false
    const endless = defineSource({
      type: "rows",
      async *read() {
        for (; !wasHeard; batches++) {
          yield [{ id: batches }]
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
      },
    })
    await using engine = createEngine({ plugins: [endless, keepRows().destination] })
    const running = engine.events({ types: ["pipeline.stage.load"] })
    const handle = await engine.start(definition())
    const first: Array<EngineEvent> = []
    for await (const event of running) if (first.push(event) === 2) break
    wasHeard = true
    const { id, status, rowsLoaded } = await handle.done
    expect(status).toBe("success")
    expect(told(first)).toEqual(["load started", "load running"])
    expect(first[1]!.timestamp - first[0]!.timestamp).toBeGreaterThanOrEqual(900)
    expect(first[1]!.data["rows_processed"]).toBeGreaterThan(0)
    const loads = ofStage(await engine.listEvents({ runId: id }), "load")
    expect(batches).toBeGreaterThan(20)
    expect(loads.length).toBeLessThanOrEqual(5)
    expect(loads.at(-1)).toMatchObject({ status: "completed", rows_processed: rowsLoaded })
  })

  it("say which stage failed", async () => {
    const broken = defineTransform({
      type: "broken",
      row: () => {
        throw new Error("no")
      },
    })
    await using engine = createEngine({ plugins: [rowsSource(numbers(3)), keepRows().destination, broken] })
    const handle = await engine.start(definition({ transforms: [{ type: "filter", condition: "id > 0" }, { type: "broken" }] }))
    const { id } = await handle.done
    const events = told(await engine.listEvents({ runId: id }))
    expect(events.at(-1)).toBe("pipeline.failed")
    expect(events).toContain("extract cancelled")
    expect(events.some((event) => event.startsWith("load"))).toBe(false)
  })

  it("also come where there are no rows; a dry run has none", async () => {
    await using engine = createEngine({ plugins: [rowsSource([]), keepRows().destination] })
    const { id } = await engine.run(definition())
    expect(told(await engine.listEvents({ runId: id })).slice(-3)).toEqual(["extract completed", "load completed", "pipeline.completed"])
    const dry = await engine.run(definition(), { dryRun: true })
    expect(told(await engine.listEvents({ runId: dry.id }))).toEqual(["pipeline.started", "pipeline.completed"])
  })

  it("end where another process has closed the run", async () => {
    const store = memoryStore()
    let release: () => void = () => undefined
    const closed = new Promise<void>((resolve) => (release = resolve))
    const source = defineSource({
      type: "rows",
      async *read() {
        await closed
        yield [{ id: 1 }]
      },
    })
    await using engine = createEngine({ plugins: [source, keepRows().destination], store })
    const events = engine.events()
    const handle = await engine.start(definition())
    const heard = [(await events.next()).value, (await events.next()).value] as ReadonlyArray<EngineEvent>
    await Effect.runPromise(store.updateRun(handle.id, { status: "failed" }))
    release()
    await handle.done
    await events.return?.()
    for await (const event of events) expect.fail(event.type)
    expect(told(heard)).toEqual(["pipeline.started", "extract started"])
    expect(await engine.listEvents({ runId: handle.id })).toEqual(heard)
  })

  it("are spaced so that a day of running makes some thousands, not a million", () => {
    let events = 0
    for (let elapsed = 0; elapsed < 86_400_000; elapsed += paceOf(elapsed)) events++
    expect(paceOf(0)).toBe(1000)
    expect(events).toBeLessThan(9000)
  })
})

describe("a measured run", () => {
  it("gives the same rows, and a time for each step by itself", async () => {
    const transforms: PipelineDefinition["transforms"] = [
      { type: "filter", condition: "id % 3 = 0" },
      { type: "map", fields: { half: "id / 2" } },
      { type: "rename", columns: { id: "number" } },
      { type: "slow" },
    ]
    const slow = defineTransform({
      type: "slow",
      row: async (row) => (await new Promise((resolve) => setTimeout(resolve, 2)), row),
    })
    const results = []
    for (const profile of [false, true]) {
      const kept = keepRows()
      await using engine = createEngine({ plugins: [rowsSource(numbers(100)), kept.destination, slow] })
      const { progress, stages, startedAt, completedAt } = await engine.run(definition({ transforms }), { profile })
      results.push({ rows: kept.rows, counts: progress.steps.map(({ rowsIn, rowsOut }) => [rowsIn, rowsOut]), progress, stages })
      const all = [...progress.sources, ...progress.steps, ...progress.destinations].reduce((sum, { durationMs }) => sum + durationMs, 0)
      // Stages that take turns take no longer together than the run; whole milliseconds at both of its ends are uncertain.
      if (profile) expect(all).toBeLessThanOrEqual(completedAt! - startedAt! + 2)
    }
    const [plain, measured] = results
    expect(measured!.rows).toEqual(plain!.rows)
    expect(measured!.counts).toEqual(plain!.counts)
    const times = measured!.progress.steps.map(({ durationMs }) => durationMs)
    expect(times.every((time) => time > 0)).toBe(true)
    expect(times[3]).toBeGreaterThan(times[0]! + times[1]! + times[2]!)
    expect(plain!.progress.steps.slice(1).every(({ durationMs }) => durationMs === 0)).toBe(true)
    expect(measured!.stages.find(({ name }) => name === "transform: slow")!.durationMs).toBe(Math.round(times[3]!))
  })

  it("counts the waiting for a source", async () => {
    const source = defineSource({
      type: "rows",
      async *read() {
        await new Promise((resolve) => setTimeout(resolve, 50))
        yield [{ id: 1 }]
      },
    })
    await using engine = createEngine({ plugins: [source, keepRows().destination] })
    const { progress } = await engine.run(definition())
    expect(progress.sources[0]!.durationMs).toBeGreaterThanOrEqual(45)
  })
})
