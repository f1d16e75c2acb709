import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { createEngine, defineSource, type Engine, newRunId, type Store } from "../src/index.ts"
import { memoryStore } from "../src/store/memory.ts"
import { keepRows, rowsSource } from "./memoryPlugins.ts"

const definition = { name: "numbers", sources: [{ type: "rows" }], destinations: [{ type: "keep" }] }

/** An engine whose writes wait until the gate opens. */
const gated = (store: Store, options: { readonly concurrency?: number } = {}) => {
  const gate = { isOpen: true }
  const kept = keepRows({
    onWrite: async () => {
      while (!gate.isOpen) await new Promise((resolve) => setTimeout(resolve, 1))
    },
  })
  const engine = createEngine({ plugins: [rowsSource([{ id: 1 }]), kept.destination], store, ...options })
  return { gate, kept, engine }
}

const running = async (engine: Engine, id: string): Promise<void> => {
  while ((await engine.getRun(id))?.status !== "running") await new Promise((resolve) => setTimeout(resolve, 1))
}

describe("a run that waits", () => {
  it("is pending until somebody starts it, with what it was given", async () => {
    const store = memoryStore()
    const { engine, kept } = gated(store)
    await using _ = engine
    const logicalTime = { scheduledAt: 3_600_000, intervalStart: 0 }
    const { id } = await engine.enqueueRun({ pipeline: definition, variables: { A: "x" }, logicalTime, trigger: "schedule", attempt: 2 })
    const before = await engine.getRun(id)
    expect(before).toMatchObject({ status: "pending", trigger: "schedule", pipeline: "numbers", variables: ["A"], logicalTime, attempt: 2 })
    await Effect.runPromise((await engine.service()).closeLostRuns)
    expect((await engine.getRun(id))?.status).toBe("pending")
    const run = await engine.start(definition, { runId: id })
    expect(await run.done).toMatchObject({
      id,
      status: "success",
      trigger: "schedule",
      logicalTime,
      createdAt: before!.createdAt,
      attempt: 2,
    })
    expect(kept.commits.length).toBe(1)
    expect(await Effect.runPromise(store.listEntries({ collection: "runs.waiting" }))).toEqual([])
  })

  it("outlives other runs of its pipeline, and a process that takes it for lost", async () => {
    let now = 1_000_000
    const store = memoryStore({ now: () => now })
    await using engine = createEngine({ plugins: [rowsSource([{ id: 1 }]), keepRows().destination], store, now: () => now })
    const { id } = await engine.enqueueRun({ pipeline: definition })
    now += 3_600_000
    expect(await engine.run(definition)).toMatchObject({ status: "success" })
    await using another = createEngine({ plugins: [], store, now: () => now })
    expect(await another.getRun(id)).toMatchObject({ status: "pending" })
  })

  it("hides no run that was lost, however many wait", async () => {
    let now = 1_000_000
    const store = memoryStore({ now: () => now, maxRuns: 5000 })
    await using engine = createEngine({ plugins: [rowsSource([{ id: 1 }]), keepRows().destination], store, now: () => now })
    const { id } = await engine.run(definition)
    const lost = { ...(await engine.getRun(id))!, id: "run_lost", status: "running" as const, completedAt: null }
    await Effect.runPromise(store.createRun(lost))
    for (let i = 0; i < 1500; i++) {
      now++
      await engine.enqueueRun({ pipeline: definition })
    }
    const other = { ...definition, name: "other" }
    await Effect.runPromise(store.createRun({ ...lost, id: "run_other", pipeline: "other" }))
    await Effect.runPromise((await engine.service()).closeLostRuns)
    expect(await engine.getRun("run_lost")).toMatchObject({ status: "failed", error: { code: "RUN_INTERRUPTED" } })
    expect((await engine.listRuns({ status: ["pending"], limit: 0 })).total).toBe(1500)
    // A run of its own pipeline finds one too.
    await Effect.runPromise(store.createRun({ ...lost, id: "run_again", pipeline: "other" }))
    await engine.run(other)
    expect(await engine.getRun("run_again")).toMatchObject({ status: "failed" })
    expect(await engine.getRun("run_other")).toMatchObject({ status: "failed" })
  })

  it("is started once, however many try", async () => {
    const store = memoryStore()
    const engines = Array.from({ length: 5 }, () => gated(store))
    const { id } = await engines[0]!.engine.enqueueRun({ pipeline: definition })
    const outcomes = await Promise.allSettled(engines.map(({ engine }) => engine.start(definition, { runId: id })))
    const [started, ...rest] = outcomes.toSorted((a, b) => (a.status < b.status ? -1 : 1))
    expect(started!.status).toBe("fulfilled")
    for (const outcome of rest) expect(outcome).toMatchObject({ status: "rejected", reason: { code: "RUN_EXISTS" } })
    if (started!.status === "fulfilled") await started!.value.done
    expect(engines.reduce((sum, { kept }) => sum + kept.commits.length, 0)).toBe(1)
    // Those who lost did not leave the pipeline locked.
    await expect(engines[1]!.engine.start(definition, { runId: id })).rejects.toMatchObject({ code: "RUN_EXISTS" })
    expect(await engines[2]!.engine.run(definition)).toMatchObject({ status: "success" })
    for (const { engine } of engines) await engine.close()
  })

  it("waits on while another run of its pipeline goes on", async () => {
    const store = memoryStore()
    const { engine, gate } = gated(store)
    await using _ = engine
    gate.isOpen = false
    const first = await engine.start(definition)
    await running(engine, first.id)
    const { id } = await engine.enqueueRun({ pipeline: definition })
    await expect(engine.start(definition, { runId: id })).rejects.toMatchObject({ code: "LEASE_HELD" })
    expect((await engine.getRun(id))?.status).toBe("pending")
    gate.isOpen = true
    await first.done
    expect(await (await engine.start(definition, { runId: id })).done).toMatchObject({ status: "success" })
  })

  it("can be cancelled, and is not started then", async () => {
    const store = memoryStore()
    const { engine, kept } = gated(store)
    await using _ = engine
    const { id } = await engine.enqueueRun({ pipeline: definition })
    expect(await engine.cancel(id)).toBe(true)
    expect(await engine.cancel(id)).toBe(false)
    expect(await engine.getRun(id)).toMatchObject({ status: "cancelled", error: { code: "RUN_CANCELLED" } })
    await expect(engine.start(definition, { runId: id })).rejects.toMatchObject({ code: "RUN_EXISTS" })
    expect(await engine.listEvents({ types: ["pipeline.cancelled"] })).toMatchObject([{ runId: id }])
    expect(kept.commits).toEqual([])
  })

  it("has an id of the caller's, which is taken once", async () => {
    const { engine } = gated(memoryStore())
    await using _ = engine
    const runId = newRunId(Date.now())
    expect(await engine.enqueueRun({ pipeline: definition, runId })).toEqual({ id: runId, pipeline: "numbers" })
    await expect(engine.enqueueRun({ pipeline: definition, runId })).rejects.toMatchObject({ code: "RUN_EXISTS" })
    const other = newRunId(Date.now())
    expect(await engine.run(definition, { runId: other })).toMatchObject({ id: other })
    await expect(engine.run(definition, { runId: other })).rejects.toMatchObject({ code: "RUN_EXISTS" })
    await expect(engine.run(definition, { runId: other, refusesWhileRunning: true })).rejects.toMatchObject({ code: "RUN_EXISTS" })
  })

  it("is of a pipeline that there is", async () => {
    const store = memoryStore()
    const { engine } = gated(store)
    await using _ = engine
    await expect(engine.enqueueRun({ pipeline: "numbers" })).rejects.toMatchObject({ code: "UNKNOWN_PIPELINE" })
    await Effect.runPromise(store.saveDefinition({ name: "numbers", definition: JSON.stringify(definition), source: null }))
    expect(await engine.enqueueRun({ pipeline: "numbers" })).toMatchObject({ pipeline: "numbers" })
    await expect(engine.enqueueRun({ pipeline: "numbers", tx: {} })).rejects.toThrow("takes no transaction of the host")
  })
})

it("a run that is retried has the payload and the time of the one before", async () => {
  const seen: Array<unknown> = []
  const told = defineSource({
    type: "told",
    async *read({ runtimeValues }) {
      seen.push([runtimeValues["payload"], runtimeValues["scheduled_at"]])
      yield { rows: [{ id: 1 }] }
    },
  })
  await using engine = createEngine({ plugins: [told, keepRows().destination] })
  const pipeline = { ...definition, sources: [{ type: "told" }] }
  const logicalTime = { scheduledAt: 3_600_000, intervalStart: 0 }
  const first = await engine.run(pipeline, { payload: { id: 7 }, logicalTime })
  const second = await engine.run(pipeline, { retryOf: first.id })
  const third = await engine.enqueueRun({ pipeline, retryOf: second.id })
  await (
    await engine.start(pipeline, { runId: third.id })
  ).done
  await engine.run(pipeline)
  expect(seen).toEqual([...Array.from({ length: 3 }, () => [{ id: 7 }, "1970-01-01T01:00:00.000Z"]), [null, null]])
  expect((await engine.getRun(third.id))?.logicalTime).toEqual(logicalTime)
})

describe("an engine with room for a few runs", () => {
  it("lets one more wait until another has ended, or refuses it", async () => {
    const { engine, gate } = gated(memoryStore(), { concurrency: 1 })
    await using _ = engine
    gate.isOpen = false
    const first = await engine.start(definition)
    const next = engine.start({ ...definition, name: "next" })
    await running(engine, first.id)
    await expect(engine.start({ ...definition, name: "third" }, { refusesWhileRunning: true })).rejects.toMatchObject({
      code: "ENGINE_BUSY",
      retryable: true,
    })
    expect((await engine.listRuns()).total).toBe(1)
    gate.isOpen = true
    await first.done
    expect(await (await next).done).toMatchObject({ status: "success" })
    expect(await engine.run({ ...definition, name: "third" }, { refusesWhileRunning: true })).toMatchObject({ status: "success" })
  })

  it("gives the room back where a run could not be made", async () => {
    const { engine } = gated(memoryStore(), { concurrency: 1 })
    await using _ = engine
    const runId = newRunId(Date.now())
    await engine.run(definition, { runId })
    for (let i = 0; i < 3; i++) await expect(engine.run(definition, { runId })).rejects.toMatchObject({ code: "RUN_EXISTS" })
    expect(await engine.run(definition)).toMatchObject({ status: "success" })
  })
})
