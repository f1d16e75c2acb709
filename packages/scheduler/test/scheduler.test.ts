import { createEngine, type Store, StoreError } from "@deltaflow/core"
import { memoryStore } from "@deltaflow/core/store/memory"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { Scheduler } from "../src/index.ts"
import { definition, gate, nowhere, rows, type World, world } from "./world.ts"

describe("schedules", () => {
  it("start a run when it is due, once, and say when to look again", async () => {
    await using w = world("2026-01-01T00:00:30Z", [definition("hourly", { schedule: "0 * * * *" }), definition("idle")])
    expect(await w.scheduler.tick()).toEqual({ started: [], nextAt: Date.parse("2026-01-01T01:00:00Z") })
    expect(await w.at("2026-01-01T00:59:59Z")).toEqual([])
    expect(await w.at("2026-01-01T01:00:00Z")).toEqual(["hourly"])
    expect(await w.at("2026-01-01T01:00:01Z")).toEqual([])
    expect(await w.at("2026-01-01T02:00:00Z")).toEqual(["hourly"])
    const { runs } = await w.engine.listRuns({ pipeline: "hourly" })
    expect(runs.map(({ trigger, status }) => [trigger, status])).toEqual([
      ["schedule", "success"],
      ["schedule", "success"],
    ])
    const events = await w.engine.listEvents({ types: ["scheduler.triggered"] })
    expect(events.map(({ runId, data }) => [runId, data["due_at"]])).toEqual([
      [runs[1]!.id, "2026-01-01T01:00:00.000Z"],
      [runs[0]!.id, "2026-01-01T02:00:00.000Z"],
    ])
  })

  it("make up for what was missed with one run", async () => {
    await using w = world("2026-01-01T00:00:30Z", [definition("hourly", { schedule: "0 * * * *" })])
    await w.scheduler.tick()
    expect(await w.at("2026-01-01T09:30:00Z")).toEqual(["hourly"])
    expect(await w.at("2026-01-01T09:59:59Z")).toEqual([])
    expect(await w.at("2026-01-01T10:00:00Z")).toEqual(["hourly"])
  })

  it("leave out what was missed, start it once, or for each time, as the pipeline wants", async () => {
    const all = [
      definition("once", { schedule: "0 * * * *" }),
      definition("skip", { schedule: "0 * * * *", scheduler: { misfire: "skip" } }),
      definition("all", { schedule: "0 * * * *", scheduler: { misfire: "run_all", misfire_limit: 3 } }),
    ]
    await using w = world("2026-01-01T00:00:30Z", all)
    await w.scheduler.tick()
    expect(await w.at("2026-01-01T09:30:00Z")).toEqual(["all", "once"])
    expect(await w.at("2026-01-01T09:30:01Z")).toEqual(["all"])
    expect(await w.at("2026-01-01T09:30:02Z")).toEqual(["all"])
    expect(await w.at("2026-01-01T09:30:03Z")).toEqual([])
    // A look that comes late by less than a minute has missed nothing.
    expect((await w.at("2026-01-01T10:00:59Z")).toSorted()).toEqual(["all", "once", "skip"])
    // What was missed is left out; what is due now is not.
    expect(await w.at("2026-01-01T12:00:20Z")).toEqual(["all", "once", "skip"])
    expect(await w.at("2026-01-01T12:00:21Z")).toEqual(["all"])
    expect(await w.at("2026-01-01T12:00:22Z")).toEqual([])
    const eventsOf = async (pipeline: string) =>
      (await w.engine.listEvents({ pipeline, types: ["scheduler.triggered"] })).map(({ runId, data }) => [runId === null, data["due_at"]])
    expect(await eventsOf("all")).toEqual([
      [true, "2026-01-01T01:00:00.000Z"],
      ...[7, 8, 9, 10, 11, 12].map((hour) => [false, `2026-01-01T${String(hour).padStart(2, "0")}:00:00.000Z`]),
    ])
    expect(await eventsOf("skip")).toEqual([
      [true, "2026-01-01T01:00:00.000Z"],
      [false, "2026-01-01T10:00:00.000Z"],
      [true, "2026-01-01T11:00:00.000Z"],
      [false, "2026-01-01T12:00:00.000Z"],
    ])
  })

  it("run for each missed time one after the other, whatever the pipeline does with a run that is due while it runs", async () => {
    const all = [definition("all", { schedule: "*/30 * * * * *", scheduler: { misfire: "run_all", queue_overflow: "replace" } })]
    await using w = world("2026-01-01T00:00:01Z", all)
    await w.scheduler.tick()
    gate.isOpen = false
    expect(await w.at("2026-01-01T00:02:00Z")).toEqual(["all"])
    expect(await w.at("2026-01-01T00:02:01Z")).toEqual([])
    gate.isOpen = true
    await w.idle()
    for (let second = 2; second <= 4; second++) expect(await w.at(`2026-01-01T00:02:0${second}Z`)).toEqual(["all"])
    expect(await w.at("2026-01-01T00:02:05Z")).toEqual([])
    expect((await w.engine.listRuns({ pipeline: "all" })).runs.map(({ status }) => status)).toEqual(
      Array.from({ length: 4 }, () => "success"),
    )
  })

  it("do not take what waits for a run as missed", async () => {
    const all = [definition("both", { schedule: "0 * * * *", scheduler: { misfire: "skip", queue_overflow: "queue" } })]
    await using w = world("2026-01-01T00:00:30Z", all)
    await w.scheduler.tick()
    gate.isOpen = false
    w.clock.now = Date.parse("2026-01-01T00:59:59Z")
    const handle = await w.engine.start(all[0]!)
    expect(await w.at("2026-01-01T01:00:00Z")).toEqual([])
    gate.isOpen = true
    await handle.done
    expect(await w.at("2026-01-01T01:05:00Z")).toEqual(["both"])
  })

  it("are looked at again where the store was away at the first look", async () => {
    const store = memoryStore()
    let isAway = true
    const away = new StoreError({ code: "STORE_FAILED", message: "the store is away" })
    const flaky: Store = {
      ...store,
      saveDefinition: (saved, expected) => (isAway ? Effect.fail(away) : store.saveDefinition(saved, expected)),
    }
    await using engine = createEngine({ plugins: [rows, nowhere], store: flaky })
    const scheduler = new Scheduler(engine, { pipelines: [definition("hourly", { schedule: "0 * * * *" })] })
    await expect(scheduler.tick()).rejects.toBe(away)
    isAway = false
    expect((await scheduler.tick()).nextAt).toBeGreaterThan(0)
  })

  it("go on where the clock jumps, and nothing is run twice where it is set back a little", async () => {
    await using w = world("2026-01-01T00:00:30Z", [definition("hourly", { schedule: "0 * * * *" })])
    await w.scheduler.tick()
    expect(await w.at("2026-01-01T01:00:01Z")).toEqual(["hourly"])
    expect(await w.at("2026-01-01T00:59:58Z")).toEqual([])
    expect(await w.at("2026-01-01T01:00:00Z")).toEqual([])
    expect(await w.at("2026-01-01T00:30:00Z")).toEqual([])
    expect(await w.at("2026-01-01T01:00:00Z")).toEqual([])
    expect(await w.at("2026-01-01T02:00:00Z")).toEqual(["hourly"])
    // A year ahead and back: the year in between is not silent.
    expect(await w.at("2027-01-01T02:30:00Z")).toEqual(["hourly"])
    expect(await w.at("2026-01-01T02:31:00Z")).toEqual([])
    expect(await w.at("2026-01-01T03:00:00Z")).toEqual(["hourly"])
  })

  it("find the newest missed times of a year at once", async () => {
    const all = [definition("often", { schedule: "* * * * * *", scheduler: { misfire: "run_all", misfire_limit: 5 } })]
    await using w = world("2025-01-01T00:00:01Z", all)
    await w.scheduler.tick()
    expect(await w.at("2026-01-01T00:00:00Z")).toEqual(["often"])
    const due = (await w.engine.listEvents({ types: ["scheduler.triggered"] })).map(({ data }) => data["due_at"])
    expect(due).toEqual(["2025-01-01T00:00:02.000Z", "2025-12-31T23:58:55.000Z"])
  })

  it("start those that are due at once in the order of their times", async () => {
    const all = ["c", "a", "b"].map((name, i) => definition(name, { schedule: `${30 - i * 10} * * * *` }))
    await using w = world("2026-01-01T00:00:00Z", all)
    await w.scheduler.tick()
    expect(await w.at("2026-01-01T00:45:00Z")).toEqual(["b", "a", "c"])
  })

  it.each([
    ["daily at a time that there is not in spring", "30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z", 2],
    ["daily at a time that comes twice in autumn", "30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z", 2],
    ["hourly over the day of 25 hours", "0 * * * *", "2026-10-24T22:30:00Z", "2026-10-25T22:59:00Z", 24],
    ["hourly over the day of 23 hours", "0 * * * *", "2026-03-28T23:30:00Z", "2026-03-29T21:59:00Z", 22],
  ])("in Berlin: %s", async (_what, schedule, from, to, expected) => {
    await using w = world(from, [definition("there", { schedule, timezone: "Europe/Berlin" })])
    await w.scheduler.tick()
    let count = 0
    for (let time = Date.parse(from); time <= Date.parse(to); time += 15 * 60_000)
      count += (await w.at(new Date(time).toISOString())).length
    expect(count).toBe(expected)
  })

  it("change, pause and go on, and what came over HTTP has limits", async () => {
    await using w = world("2026-01-01T00:00:30Z", [])
    await w.save(definition("theirs", { schedule: "0 * * * *" }))
    await w.scheduler.tick()
    await Effect.runPromise(w.store.setPaused("theirs", true))
    expect(await w.at("2026-01-01T01:00:00Z")).toEqual([])
    await Effect.runPromise(w.store.setPaused("theirs", false))
    expect(await w.at("2026-01-01T01:10:00Z")).toEqual(["theirs"])
    await w.save(definition("theirs", { schedule: "30 * * * *" }))
    expect(await w.at("2026-01-01T01:20:00Z")).toEqual([])
    expect(await w.at("2026-01-01T01:30:00Z")).toEqual(["theirs"])
    await Effect.runPromise(
      w.store.saveEntry({ collection: "schedules", key: "theirs", value: { schedule: "45 * * * *", timezone: "UTC" }, expiresAt: null }),
    )
    await w.scheduler.tick()
    expect(await w.at("2026-01-01T01:45:00Z")).toEqual(["theirs"])
    await Effect.runPromise(w.store.deleteDefinition("theirs"))
    expect(await w.at("2026-01-01T03:00:00Z")).toEqual([])
    expect(await Effect.runPromise(w.store.listEntries({ collection: "scheduler.jobs" }))).toEqual([])
    await w.save({ ...definition("broken", { schedule: "0 * * * *" }), sources: [{ type: "none" }] })
    expect(await w.at("2026-01-01T05:00:00Z")).toEqual([])
  })

  it("start each run once, however many processes look", async () => {
    const all = Array.from({ length: 20 }, (_, i) => definition(`p${i}`, { schedule: "* * * * *" }))
    await using w = world("2026-01-01T00:00:30Z", all)
    const others = [w.scheduler, w.another(), w.another(), w.another()]
    await Promise.all(others.map((one) => one.tick()))
    for (let minute = 1; minute <= 5; minute++) {
      w.clock.now = Date.parse("2026-01-01T00:00:00Z") + minute * 60_000
      const ticks = await Promise.all(others.map((one) => one.tick()))
      expect(ticks.flatMap(({ started }) => started.map(({ pipeline }) => pipeline)).toSorted()).toEqual(
        all.map(({ name }) => name).toSorted(),
      )
      await w.idle()
    }
    expect((await w.engine.listRuns({ limit: 0 })).total).toBe(100)
  })

  it("skip, queue or replace where the pipeline runs already", async () => {
    const all = ["skip", "queue", "replace"].map((rule) =>
      definition(rule, { schedule: "*/5 * * * * *", scheduler: { queue_overflow: rule } }),
    )
    await using w = world("2026-01-01T00:00:01Z", all)
    await w.scheduler.tick()
    // The clock goes on by less than a lease holds.
    gate.isOpen = false
    expect(await w.at("2026-01-01T00:00:05Z")).toEqual(["queue", "replace", "skip"])
    expect(await w.at("2026-01-01T00:00:10Z")).toEqual(["replace"])
    expect(await w.at("2026-01-01T00:00:11Z")).toEqual([])
    gate.isOpen = true
    await w.idle()
    // What was queued comes as soon as there is room, what was skipped with its next time.
    expect(await w.at("2026-01-01T00:00:12Z")).toEqual(["queue"])
    expect(await w.at("2026-01-01T00:00:15Z")).toEqual(["queue", "replace", "skip"])
    const statuses = async (pipeline: string) => (await w.engine.listRuns({ pipeline })).runs.map(({ status }) => status)
    expect(await statuses("replace")).toEqual(["success", "success", "cancelled"])
    expect(await statuses("skip")).toEqual(["success", "success"])
    const skipped = (await w.engine.listEvents({ pipeline: "skip", types: ["scheduler.triggered"] })).filter(
      ({ data }) => data["skipped"] === true,
    )
    expect(skipped.map(({ runId, data }) => [runId, data["due_at"]])).toEqual([[null, "2026-01-01T00:00:10.000Z"]])
  })

  it("start the others where one cannot be started, and say so", async () => {
    const said: Array<string> = []
    const all = ["a", "b", "c"].map((name) => definition(name, { schedule: "0 * * * *" }))
    await using w = world("2026-01-01T00:00:30Z", all, { log: { warn: () => undefined, error: (message) => void said.push(message) } })
    await w.scheduler.tick()
    const start = w.engine.start.bind(w.engine)
    w.engine.start = async (pipeline, options) => {
      if (typeof pipeline === "object" && pipeline.name === "b") throw new Error("there is no room")
      return await start(pipeline, options)
    }
    expect(await w.at("2026-01-01T01:00:00Z")).toEqual(["a", "c"])
    expect(said).toEqual(["b: it could not be started: there is no room"])
    w.engine.start = start
    expect(await w.at("2026-01-01T02:00:00Z")).toEqual(["a", "b", "c"])
  })

  it("are taken over from a process that is gone after it started the run, and nothing is run twice", async () => {
    await using w = world("2026-01-01T00:00:30Z", [definition("hourly", { schedule: "0 * * * *" })])
    await w.scheduler.tick()
    let isGone = false
    const gone = new StoreError({ code: "STORE_FAILED", message: "the process is gone" })
    const dying: Store = {
      ...w.store,
      saveEntry: (entry, expected) =>
        isGone && entry.collection === "scheduler.jobs" ? Effect.fail(gone) : w.store.saveEntry(entry, expected),
    }
    await using engine = createEngine({ plugins: [rows, nowhere], store: dying, now: () => w.clock.now })
    const first = new Scheduler(engine, { now: () => w.clock.now })
    await first.tick()
    isGone = true
    w.clock.now = Date.parse("2026-01-01T01:00:00Z")
    await expect(first.tick()).rejects.toBe(gone)
    await w.idle()
    expect(await w.at("2026-01-01T01:00:01Z")).toEqual([])
    expect((await w.engine.listRuns({ pipeline: "hourly" })).runs.map(({ status }) => status)).toEqual(["success"])
    expect(await w.at("2026-01-01T02:00:00Z")).toEqual(["hourly"])
  })
})

describe("dependencies", () => {
  const all = [
    definition("orders"),
    definition("users"),
    definition("report", { depends_on: ["orders", "users"] }),
    definition("alarm", { trigger: { type: "pipeline", depends_on: [{ name: "orders", status: "failed" }] } }),
    definition("always", { trigger: { type: "pipeline", depends_on: [{ name: "orders", status: "completed" }] } }),
  ]
  const run = async (w: World, name: string, fails = false) => {
    w.clock.now += 1000
    gate.fails = fails
    const handle = await w.engine.start(all.find((one) => one.name === name)!)
    await handle.done
    gate.fails = false
  }
  const next = (w: World) => w.at(new Date(w.clock.now + 1000).toISOString())

  it("start a pipeline when all that it waits for have ended as it wants, each time anew", async () => {
    await using w = world("2026-01-01T00:00:00Z", all)
    await run(w, "orders")
    await run(w, "users")
    // What ended before anybody looked is no reason.
    expect(await next(w)).toEqual([])
    await run(w, "orders")
    expect(await next(w)).toEqual(["always"])
    expect(await next(w)).toEqual([])
    await run(w, "users")
    expect(await next(w)).toEqual(["report"])
    expect(await next(w)).toEqual([])
    await run(w, "orders", true)
    expect(await next(w)).toEqual(["alarm", "always"])
    await run(w, "users")
    expect(await next(w)).toEqual([])
    await run(w, "orders")
    expect(await next(w)).toEqual(["always", "report"])
    expect((await w.engine.listRuns({ pipeline: "report" })).runs.map(({ trigger }) => trigger)).toEqual(["dependency", "dependency"])
  })

  it("start it once, however many processes look", async () => {
    await using w = world("2026-01-01T00:00:00Z", all)
    const others = [w.scheduler, w.another(), w.another()]
    await Promise.all(others.map((one) => one.tick()))
    await run(w, "orders")
    await run(w, "users")
    const ticks = await Promise.all(others.map((one) => one.tick()))
    expect(ticks.flatMap(({ started }) => started.map(({ pipeline }) => pipeline)).toSorted()).toEqual(["always", "report"])
  })
})

it("looks by itself until it is stopped, and waits for its runs", async () => {
  const engine = createEngine({ plugins: [rows, nowhere] })
  const scheduler = new Scheduler(engine, { pipelines: [definition("often", { schedule: "* * * * * *" })], interval: 20 })
  await scheduler.start()
  await expect.poll(async () => (await engine.listRuns({ status: ["success"] })).total, { timeout: 20_000 }).toBeGreaterThanOrEqual(2)
  await scheduler.stop()
  const { total } = await engine.listRuns({ limit: 0 })
  await new Promise((resolve) => setTimeout(resolve, 1200))
  expect((await engine.listRuns({ limit: 0 })).total).toBe(total)
  await engine.close()
})
