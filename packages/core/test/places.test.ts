import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { createEngine, type Engine } from "../src/index.ts"
import { memoryStore } from "../src/store/memory.ts"
import { keepRows, rowsSource } from "./memoryPlugins.ts"

const definition = {
  name: "numbers",
  sources: [{ type: "rows" }],
  destinations: [{ type: "keep" }],
  scheduler: { concurrency: 2 },
}

const running = async (engine: Engine, id: string): Promise<void> => {
  while ((await engine.getRun(id))?.status !== "running") await new Promise((resolve) => setTimeout(resolve, 1))
}

describe("runs of one pipeline at the same time", () => {
  it("are as many as it says, each under a lease of its own", async () => {
    const store = memoryStore()
    const gate = { isOpen: false }
    const kept = keepRows({
      onWrite: async () => {
        while (!gate.isOpen) await new Promise((resolve) => setTimeout(resolve, 1))
      },
    })
    await using engine = createEngine({ plugins: [rowsSource([{ id: 1 }]), kept.destination], store })
    await using other = createEngine({ plugins: [rowsSource([{ id: 1 }]), kept.destination], store })
    const [first, second] = [await engine.start(definition), await other.start(definition)]
    await running(engine, first.id)
    await running(engine, second.id)
    await expect(engine.start(definition, { refusesWhileRunning: true })).rejects.toMatchObject({ code: "LEASE_HELD" })
    // Neither is taken for lost.
    await Effect.runPromise((await engine.service()).closeLostRuns)
    gate.isOpen = true
    for (const run of [first, second]) expect(await run.done).toMatchObject({ pipeline: "numbers", status: "success" })
    expect(kept.commits.length).toBe(2)
    const events = await engine.listEvents({ types: ["pipeline.completed"] })
    expect(events.map(({ pipeline }) => pipeline)).toEqual(["numbers", "numbers"])
    expect(await engine.run(definition)).toMatchObject({ status: "success" })
    expect(await Effect.runPromise(store.listEntries({ collection: "runs.places" }))).toEqual([])
  })

  it("that were lost are told from those that go on, in every place", async () => {
    let now = 1_000_000
    const store = memoryStore({ now: () => now })
    const gate = { isOpen: false }
    const kept = keepRows({
      onWrite: async () => {
        while (!gate.isOpen) await new Promise((resolve) => setTimeout(resolve, 1))
      },
    })
    const plugins = [rowsSource([{ id: 1 }]), kept.destination]
    await using engine = createEngine({ plugins, store, now: () => now })
    const first = await engine.start(definition)
    await running(engine, first.id)
    // The second place belonged to a process that is gone.
    const lost = { ...(await engine.getRun(first.id))!, id: "run_lost" }
    await Effect.runPromise(store.createRun(lost))
    await Effect.runPromise(store.saveEntry({ collection: "runs.places", key: lost.id, value: "numbers/2", expiresAt: null }))
    await Effect.runPromise(store.acquireLease("pipeline:numbers/2", lost.id, 5000))
    const closeLost = Effect.runPromise((await engine.service()).closeLostRuns)
    await closeLost
    expect((await engine.getRun(lost.id))?.status).toBe("running")
    now += 5001
    const second = await engine.start(definition)
    await running(engine, second.id)
    expect(await engine.getRun(lost.id)).toMatchObject({ status: "failed", error: { code: "RUN_INTERRUPTED" } })
    expect((await engine.getRun(first.id))?.status).toBe("running")
    gate.isOpen = true
    for (const run of [first, second]) expect((await run.done).status).toBe("success")
  })

  it("stay in their places when one of them is started once more", async () => {
    let now = 1_000_000
    const store = memoryStore({ now: () => now })
    const kept = keepRows({ onWrite: () => new Promise<void>((resolve) => setTimeout(resolve, 200)) })
    await using engine = createEngine({ plugins: [rowsSource([{ id: 1 }]), kept.destination], store, now: () => now })
    const three = { ...definition, scheduler: { concurrency: 3 } }
    const [first, second, third] = [await engine.start(three), await engine.start(three), await engine.start(three)]
    for (const run of [first, second, third]) await running(engine, run.id)
    await second.cancel()
    await expect(engine.start(three, { runId: third.id })).rejects.toMatchObject({ code: "RUN_EXISTS" })
    const places = await Effect.runPromise(store.listEntries({ collection: "runs.places" }))
    expect(places.map(({ key, value }) => [key, value])).toEqual([[third.id, "numbers/3"]])
    await third.done
    // One that is lost does not live on by being asked for.
    const lost = { ...(await engine.getRun(first.id))!, id: "run_lost", status: "running" as const }
    await Effect.runPromise(store.createRun(lost))
    await Effect.runPromise(store.acquireLease("pipeline:numbers/2", lost.id, 5000))
    await Effect.runPromise(store.saveEntry({ collection: "runs.places", key: lost.id, value: "numbers/2", expiresAt: null }))
    await expect(engine.start(three, { runId: lost.id, refusesWhileRunning: true })).rejects.toMatchObject({ code: "RUN_EXISTS" })
    now += 5001
    await Effect.runPromise((await engine.service()).closeLostRuns)
    expect((await engine.getRun(lost.id))?.status).toBe("failed")
  })

  it("are refused where they would share a cursor", async () => {
    await using engine = createEngine({ plugins: [rowsSource([{ id: 1 }]), keepRows().destination] })
    const incremental = { ...definition, sources: [{ type: "rows", incremental: { column: "id" } }] }
    await expect(engine.validate(incremental)).rejects.toThrow(/scheduler.concurrency: runs at the same time would read from one cursor/)
  })
})

it("an engine that closes lets nobody wait for room", async () => {
  let release: () => void = () => undefined
  const kept = keepRows({ onWrite: () => new Promise<void>((resolve) => (release = resolve)) })
  const engine = createEngine({ plugins: [rowsSource([{ id: 1 }]), kept.destination], concurrency: 1 })
  const first = await engine.start({ ...definition, name: "first" })
  await running(engine, first.id)
  const next = engine.start({ ...definition, name: "next" }).catch((error: unknown) => error)
  const closed = engine.close()
  expect(await next).toMatchObject({ code: "RUN_CANCELLED" })
  release()
  await closed
})
