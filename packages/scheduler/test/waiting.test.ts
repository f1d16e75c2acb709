import { createEngine, defineSource, type PipelineDefinition } from "@deltaflow/core"
import { memoryStore } from "@deltaflow/core/store/memory"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { backfillSchedule, tick } from "../src/index.ts"
import { definition, gate, nowhere, type World, world } from "./world.ts"

const START = "2026-01-01T00:00:30Z"

const after = (w: World, seconds: number) => w.at(new Date(w.clock.now + seconds * 1000).toISOString())

const statuses = async (w: World, pipeline: string) =>
  (await w.engine.listRuns({ pipeline })).runs.map(({ status, trigger, attempt }) => [status, trigger, attempt])

describe("runs that wait", () => {
  it("are started as soon as there is room, not before their time", async () => {
    await using w = world(START, [definition("one")])
    await w.scheduler.tick()
    const { id } = await w.engine.enqueueRun({ pipeline: "one" })
    const later = await w.engine.enqueueRun({ pipeline: "one", runAt: w.clock.now + 3_600_000 })
    expect(await w.scheduler.tick()).toEqual({
      started: [{ pipeline: "one", runId: id, trigger: "api", dueAt: w.clock.now }],
      nextAt: w.clock.now + 3_600_000,
    })
    await w.idle()
    expect(await after(w, 3599)).toEqual([])
    expect(await after(w, 1)).toEqual(["one"])
    expect((await w.engine.getRun(later.id))?.status).toBe("success")
  })

  it("come by priority, then in turns by tenant and by pipeline, then by time, where there is not room for all", async () => {
    const names = ["a1", "a2", "a3", "b1", "urgent"]
    const all = names.map((name) => definition(name, { scheduler: name === "urgent" ? { priority: 5 } : { tenant: name.slice(0, 1) } }))
    await using w = world(START, all, { concurrency: 2 })
    await w.scheduler.tick()
    for (const pipeline of names) {
      await w.engine.enqueueRun({ pipeline })
      w.clock.now++
    }
    await w.engine.enqueueRun({ pipeline: "a1", tenant: "c" })
    gate.isOpen = false
    expect(await after(w, 1)).toEqual(["urgent", "a1"])
    expect(await after(w, 1)).toEqual([])
    gate.isOpen = true
    await w.idle()
    gate.isOpen = false
    expect(await after(w, 1)).toEqual(["a2", "b1"])
    gate.isOpen = true
    await w.idle()
    expect(await after(w, 1)).toEqual(["a3", "a1"])
    expect(await after(w, 1)).toEqual([])
  })

  it("are those of schedules too, where the engine has no room", async () => {
    const all = ["a", "b", "c"].map((name) => definition(name, { schedule: "0 * * * *" }))
    await using w = world(START, all, { concurrency: 1 })
    await w.scheduler.tick()
    expect(await w.at("2026-01-01T01:00:00Z")).toEqual(["a"])
    expect(await after(w, 1)).toEqual(["b"])
    expect(await after(w, 1)).toEqual(["c"])
    expect(await after(w, 1)).toEqual([])
    const { runs } = await w.engine.listRuns()
    expect(runs.map(({ pipeline, logicalTime }) => [pipeline, logicalTime?.scheduledAt])).toEqual(
      ["c", "b", "a"].map((name) => [name, Date.parse("2026-01-01T01:00:00Z")]),
    )
  })

  it("do not pile up where a schedule comes faster than its runs end", async () => {
    await using w = world("2026-01-01T00:00:00Z", [definition("slow", { schedule: "* * * * * *", scheduler: { queue_overflow: "queue" } })])
    await w.scheduler.tick()
    gate.isOpen = false
    expect(await after(w, 1)).toEqual(["slow"])
    for (let i = 0; i < 8; i++) expect(await after(w, 1)).toEqual([])
    expect((await w.engine.listRuns()).total).toBe(2)
    gate.isOpen = true
    await w.idle()
    expect(await after(w, 0)).toEqual(["slow"])
  })

  it("wait on while the pipeline is paused, but for those that somebody asked for", async () => {
    const all = [definition("one", { schedule: "0 * * * *" })]
    await using w = world(START, all)
    await w.scheduler.tick()
    await w.engine.enqueueRun({ pipeline: "one", trigger: "schedule" })
    await Effect.runPromise(w.store.setPaused("one", true))
    expect(await after(w, 1)).toEqual([])
    const asked = await w.engine.enqueueRun({ pipeline: "one" })
    expect(await after(w, 1)).toEqual(["one"])
    expect((await w.engine.getRun(asked.id))?.status).toBe("success")
    await Effect.runPromise(w.store.setPaused("one", false))
    expect(await after(w, 1)).toEqual(["one"])
  })

  it("fail where their pipeline is gone or cannot be read any more", async () => {
    await using w = world(START, [])
    await w.save(definition("gone"))
    await w.save(definition("broken"))
    const gone = await w.engine.enqueueRun({ pipeline: definition("never") })
    const broken = await w.engine.enqueueRun({ pipeline: "broken" })
    await w.save({ ...definition("broken"), sources: [{ type: "none" }] })
    await w.scheduler.tick()
    expect(await after(w, 61)).toEqual([])
    expect(await w.engine.getRun(gone.id)).toMatchObject({ status: "failed", error: { code: "UNKNOWN_PIPELINE" } })
    expect(await w.engine.getRun(broken.id)).toMatchObject({ status: "failed", error: { code: "UNKNOWN_PLUGIN" } })
    expect(await Effect.runPromise(w.store.listEntries({ collection: "runs.waiting" }))).toEqual([])
  })

  it("are started once, however many processes look, and 1,000 that come at once all run", async () => {
    await using w = world(START, [definition("one"), definition("two")])
    const others = [w.scheduler, w.another(), w.another()]
    await Promise.all(others.map((one) => one.tick()))
    for (let i = 0; i < 20; i++) await w.engine.enqueueRun({ pipeline: i % 2 === 0 ? "one" : "two" })
    const ids = new Set<string>()
    let count = 0
    for (let looks = 0; ids.size < 20 && looks < 200; looks++) {
      w.clock.now += 100
      for (const { started } of await Promise.all(others.map((one) => one.tick())))
        for (const { runId } of started) {
          ids.add(runId)
          count++
        }
      await w.idle()
    }
    expect([ids.size, count]).toEqual([20, 20])
    expect((await w.engine.listRuns({ status: ["success"], limit: 0 })).total).toBe(20)
  })
})

describe("runs that failed", () => {
  it("are made anew after a wait that grows, as often as the pipeline wants", async () => {
    const scheduler = { retries: 2, retry_delay: "10s", retry_backoff: "exponential" }
    await using w = world(START, [definition("flaky", { schedule: "0 * * * *", scheduler }), definition("once", { schedule: "0 * * * *" })])
    await w.scheduler.tick()
    gate.fails = true
    expect(await w.at("2026-01-01T01:00:00Z")).toEqual(["flaky", "once"])
    expect(await after(w, 1)).toEqual([])
    expect(await after(w, 8)).toEqual([])
    expect(await after(w, 1)).toEqual(["flaky"])
    expect(await after(w, 1)).toEqual([])
    expect(await after(w, 18)).toEqual([])
    gate.fails = false
    expect(await after(w, 1)).toEqual(["flaky"])
    expect(await after(w, 600)).toEqual([])
    expect(await statuses(w, "flaky")).toEqual([
      ["success", "retry", 3],
      ["failed", "retry", 2],
      ["failed", "schedule", 1],
    ])
    const { runs } = await w.engine.listRuns({ pipeline: "flaky" })
    expect(runs.map(({ retryOf }) => retryOf)).toEqual([runs[1]!.id, runs[2]!.id, null])
    // What is done again is for the same time.
    expect(runs.map(({ logicalTime }) => logicalTime)).toEqual(Array.from({ length: 3 }, () => runs[2]!.logicalTime))
  })

  it("are made anew once, however many processes look, and not where a person started them", async () => {
    const scheduler = { retries: 1, retry_delay: 0 }
    await using w = world(START, [definition("flaky", { schedule: "0 * * * *", scheduler })])
    const others = [w.scheduler, w.another(), w.another()]
    await Promise.all(others.map((one) => one.tick()))
    gate.fails = true
    expect(await w.at("2026-01-01T01:00:00Z")).toEqual(["flaky"])
    w.clock.now += 1000
    const all = await Promise.all(others.map((one) => one.tick()))
    expect(all.flatMap(({ started }) => started).length).toBe(1)
    await w.idle()
    await (
      await w.engine.start(definition("flaky"))
    ).done
    for (let i = 0; i < 3; i++) expect(await after(w, 60)).toEqual([])
    expect(await statuses(w, "flaky")).toEqual([
      ["failed", "manual", 1],
      ["failed", "retry", 2],
      ["failed", "schedule", 1],
    ])
  })

  it("because their process was lost are taken over at once, but not for ever", async () => {
    await using w = world(START, [definition("lost")])
    await w.scheduler.tick()
    const lose = async (id: string) => {
      const run = (await w.engine.getRun(id))!
      await Effect.runPromise(
        w.store.updateRun(id, { status: "failed", completedAt: w.clock.now, error: { ...FAILURE, code: "RUN_INTERRUPTED" } }, [
          { id: `evt_${w.clock.now}_${id}`, type: "pipeline.failed", timestamp: w.clock.now, pipeline: run.pipeline, runId: id, data: {} },
        ]),
      )
    }
    gate.isOpen = false
    const { id } = await w.engine.enqueueRun({ pipeline: "lost" })
    await w.scheduler.tick()
    let last = id
    for (let i = 0; i < 2; i++) {
      while ((await w.engine.getRun(last))?.status !== "running") await new Promise((resolve) => setTimeout(resolve, 1))
      await lose(last)
      gate.isOpen = true
      await w.engine.cancel(last)
      gate.isOpen = false
      expect(await after(w, 1)).toEqual(["lost"])
      last = (await w.engine.listRuns({ pipeline: "lost" })).runs[0]!.id
    }
    while ((await w.engine.getRun(last))?.status !== "running") await new Promise((resolve) => setTimeout(resolve, 1))
    await lose(last)
    gate.isOpen = true
    await w.engine.cancel(last)
    expect(await after(w, 1)).toEqual([])
    expect((await w.engine.listRuns({ pipeline: "lost" })).runs.map(({ attempt }) => attempt)).toEqual([3, 2, 1])
  })
})

const FAILURE = { message: "", stage: null, step: null, hint: null }

describe("the time that a run is for", () => {
  /** Gives what it was told of the run. */
  const told = defineSource({
    type: "told",
    async *read({ runtimeValues }) {
      seen.push([runtimeValues["scheduled_at"], runtimeValues["interval_start"], runtimeValues["interval_end"]])
      yield { rows: [{ id: 1 }] }
    },
  })
  const seen: Array<ReadonlyArray<unknown>> = []
  const hourly: PipelineDefinition = {
    name: "hourly",
    description: "from :interval_start to :interval_end",
    sources: [{ type: "told" }],
    destinations: [{ type: "nowhere" }],
    schedule: "0 * * * *",
  }
  const hour = (n: number) => `2026-01-01T${String(n).padStart(2, "0")}:00:00.000Z`

  it("is that of its schedule, and spans what was missed where one run makes up for it", async () => {
    seen.length = 0
    const clock = { now: Date.parse(START) }
    const now = () => clock.now
    await using engine = createEngine({ plugins: [told, nowhere], store: memoryStore({ now }), now })
    const options = { pipelines: [hourly], now }
    await tick(engine, options)
    clock.now = Date.parse(hour(1))
    await tick(engine, options)
    clock.now = Date.parse(hour(5)) + 90_000
    expect((await tick(engine, options)).started.map(({ dueAt }) => new Date(dueAt).toISOString())).toEqual([hour(2)])
    // Started by hand, it is for the last whole hour.
    await engine.run(hourly)
    expect(seen).toEqual([
      [hour(1), hour(0), hour(1)],
      [hour(5), hour(1), hour(5)],
      [hour(5), hour(4), hour(5)],
    ])
  })

  it("is each time of the past in a backfill, one run after the other", async () => {
    seen.length = 0
    const clock = { now: Date.parse("2026-02-01T00:00:30Z") }
    const now = () => clock.now
    await using engine = createEngine({ plugins: [told, nowhere], store: memoryStore({ now }), now })
    const from = Date.parse(hour(3))
    const { runs } = await backfillSchedule(engine, hourly, { from, to: Date.parse(hour(6)) })
    expect(runs.map(({ scheduledAt }) => new Date(scheduledAt).toISOString())).toEqual([hour(3), hour(4), hour(5)])
    expect((await tick(engine, { pipelines: [hourly], now })).started.map(({ runId }) => runId)).toEqual(runs.map(({ id }) => id))
    expect(seen).toEqual([3, 4, 5].map((n) => [hour(n), hour(n - 1), hour(n)]))
    const refused = async (definition: PipelineDefinition, to: number, why: RegExp) =>
      await expect(backfillSchedule(engine, definition, { from, to })).rejects.toThrow(why)
    await refused(hourly, from, /no time from 2026-01-01T03:00:00.000Z to 2026-01-01T03:00:00.000Z/)
    await refused(hourly, from + 10_001 * 3_600_000, /more than 10000 times/)
    await refused({ ...hourly, description: "" }, from + 1, /each run would read the same/)
    const { schedule: _, ...unscheduled } = hourly
    await refused(unscheduled, from + 1, /no schedule/)
  })

  it("is never nothing where the definition names it", async () => {
    await using engine = createEngine({ plugins: [told, nowhere] })
    const { schedule: _, ...unscheduled } = hourly
    await expect(engine.run(unscheduled)).rejects.toThrow(/:interval_start` is the time of a schedule, and there is none/)
    const run = await engine.run(unscheduled, { logicalTime: { scheduledAt: 3_600_000, intervalStart: 0 } })
    expect(run.logicalTime).toEqual({ scheduledAt: 3_600_000, intervalStart: 0 })
  })
})

describe("schedules with dates and jitter", () => {
  it("have times from their start to their end", async () => {
    const scheduler = { start_date: "2026-01-01T02:00:00Z", end_date: "2026-01-01T03:30:00Z" }
    await using w = world(START, [definition("short", { schedule: "0 * * * *", scheduler })])
    expect((await w.scheduler.tick()).nextAt).toBe(Date.parse("2026-01-01T02:00:00Z"))
    expect(await w.at("2026-01-01T01:00:00Z")).toEqual([])
    expect(await w.at("2026-01-01T02:00:00Z")).toEqual(["short"])
    expect(await w.at("2026-01-01T03:00:00Z")).toEqual(["short"])
    expect((await w.scheduler.tick()).nextAt).toBeUndefined()
    expect(await w.at("2026-01-01T04:00:00Z")).toEqual([])
  })

  it("start their runs apart, each within the jitter and for its own time, the same for every process", async () => {
    const all = Array.from({ length: 10 }, (_, i) => definition(`p${i}`, { schedule: "0 * * * *", scheduler: { jitter: "10m" } }))
    await using w = world(START, all)
    const other = w.another()
    await Promise.all([w.scheduler.tick(), other.tick()])
    const starts = new Map<string, number>()
    for (let minute = 0; minute < 15; minute++) {
      w.clock.now = Date.parse("2026-01-01T01:00:00Z") + minute * 60_000
      for (const { started } of await Promise.all([w.scheduler.tick(), other.tick()]))
        for (const { pipeline } of started) {
          expect(starts.has(pipeline)).toBe(false)
          starts.set(pipeline, minute)
        }
      await w.idle()
    }
    expect(starts.size).toBe(10)
    expect(Math.max(...starts.values())).toBeLessThanOrEqual(10)
    expect(new Set(starts.values()).size).toBeGreaterThan(3)
    const { runs } = await w.engine.listRuns()
    for (const { logicalTime } of runs) expect(logicalTime?.scheduledAt).toBe(Date.parse("2026-01-01T01:00:00Z"))
  })
})

it("one tick does all that is due and waits for it, for hosts with a cron of their own", async () => {
  const clock = { now: Date.parse(START) }
  const now = () => clock.now
  const store = memoryStore({ now })
  await using w = world(START, [])
  void w
  const all = [definition("first", { schedule: "0 * * * *" }), definition("second", { depends_on: ["first"] })]
  const look = async () => {
    // Each comes as a process of its own.
    await using engine = createEngine({ plugins: [(await import("./world.ts")).rows, nowhere], store, now })
    const { started, nextAt } = await tick(engine, { pipelines: all, now })
    return [started.map(({ pipeline }) => pipeline), nextAt === undefined ? undefined : new Date(nextAt).toISOString()]
  }
  expect(await look()).toEqual([[], "2026-01-01T01:00:00.000Z"])
  clock.now = Date.parse("2026-01-01T01:00:05Z")
  expect(await look()).toEqual([["first", "second"], "2026-01-01T02:00:00.000Z"])
  expect(await look()).toEqual([[], "2026-01-01T02:00:00.000Z"])
})
