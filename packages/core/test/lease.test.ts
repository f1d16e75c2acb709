import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { createEngine, defineSource, type Run, type Store } from "../src/index.ts"
import { memoryStore } from "../src/store/memory.ts"
import { keepRows, rowsSource } from "./memoryPlugins.ts"

const definition = { name: "numbers", sources: [{ type: "rows" }], destinations: [{ type: "keep" }] }
const LEASE = "pipeline:numbers"

describe("one pipeline, several engines on one store", () => {
  it("runs in one place at a time", async () => {
    const store = memoryStore()
    let release: () => void = () => undefined
    const slow = keepRows({ onWrite: () => new Promise<void>((resolve) => (release = resolve)) })
    await using first = createEngine({ plugins: [rowsSource([{ id: 1 }]), slow.destination], store })
    await using second = createEngine({ plugins: [rowsSource([{ id: 1 }]), keepRows().destination], store })
    const events = first.events({ types: ["pipeline.started"] })
    const running = await first.start(definition)
    await events.next()
    await expect(second.run(definition)).rejects.toMatchObject({ code: "LEASE_HELD" })
    await expect(second.resetState("numbers")).rejects.toMatchObject({ code: "LEASE_HELD" })
    while ((await first.getRun(running.id))?.status === "pending") await new Promise((resolve) => setTimeout(resolve, 1))
    release()
    // The write may not have begun yet when it was released.
    const interval = setInterval(() => release(), 1)
    expect((await running.done).status).toBe("success")
    clearInterval(interval)
    expect((await second.run(definition)).status).toBe("success")
  })

  it("ends where another process cancels it, and closes what it opened", async () => {
    const store = memoryStore()
    let isClosed = false
    const endless = defineSource({
      type: "endless",
      async *read({ signal }) {
        try {
          while (!signal.aborted) {
            yield { rows: [{ id: 1 }] }
            await new Promise((resolve) => setTimeout(resolve, 5))
          }
        } finally {
          isClosed = true
        }
      },
    })
    await using first = createEngine({ plugins: [endless, keepRows().destination], store })
    await using second = createEngine({ plugins: [], store })
    const { id, done } = await first.start({ ...definition, sources: [{ type: "endless" }] })
    while ((await second.getRun(id))?.status !== "running") await new Promise((resolve) => setTimeout(resolve, 1))
    expect(await second.cancel(id)).toBe(true)
    expect(await done).toMatchObject({ status: "cancelled", error: { code: "RUN_CANCELLED" } })
    expect(isClosed).toBe(true)
    expect(await second.cancel(id)).toBe(false)
    expect(await second.cancel("run_none")).toBe(false)
    expect(await Effect.runPromise(store.listEntries({ collection: "runs.cancels" }))).toEqual([])
  })

  it("does not commit once another process has taken the lease over", async () => {
    let now = 1_000_000
    const store = memoryStore({ now: () => now })
    const kept = keepRows({
      onWrite: async () => {
        // Frozen for a minute, while somebody else takes over.
        now += 60_000
        const taken = await Effect.runPromise(store.acquireLease(LEASE, "somebody else", 15_000))
        expect(taken?.epoch).toBe(2)
      },
    })
    await using engine = createEngine({ plugins: [rowsSource([{ id: 1 }]), kept.destination], store, now: () => now })
    await expect(engine.run(definition)).rejects.toMatchObject({ code: "LEASE_LOST" })
    expect(kept.commits).toEqual([])
    expect((await engine.getState("numbers")).length).toBe(0)
  })

  it("says that it lost the run where another process closed it, and leaves the run as that one closed it", async () => {
    let now = 1_000_000
    const store = memoryStore({ now: () => now })
    const other = () => createEngine({ plugins: [], store, now: () => now })
    const kept = keepRows({
      onCommit: async () => {
        // Frozen after its rows are kept and before the store says so.
        now += 60_000
        await using next = other()
        const { runs } = await next.listRuns({ pipeline: "numbers" })
        expect(runs).toMatchObject([{ status: "failed", error: { code: "RUN_INTERRUPTED" } }])
      },
    })
    await using engine = createEngine({ plugins: [rowsSource([{ id: 1 }]), kept.destination], store, now: () => now })
    await expect(engine.run(definition)).rejects.toMatchObject({ code: "LEASE_LOST" })
    const { runs } = await engine.listRuns({ pipeline: "numbers" })
    expect(runs).toMatchObject([{ status: "failed", error: { code: "RUN_INTERRUPTED" } }])
  })

  it("does not begin a run that another process has closed before it began", async () => {
    let now = 1_000_000
    const store = memoryStore({ now: () => now })
    const closing = Effect.promise(async () => {
      now += 60_000
      await using next = createEngine({ plugins: [], store, now: () => now })
      const { runs } = await next.listRuns({ pipeline: "numbers" })
      expect(runs).toMatchObject([{ status: "failed", error: { code: "RUN_INTERRUPTED" } }])
    })
    let isFrozen = true
    const freezing: Store = {
      ...store,
      acquireLease: (key, holder, ms) => {
        const acquire = store.acquireLease(key, holder, ms)
        if (!isFrozen) return acquire
        isFrozen = false
        return Effect.andThen(closing, acquire)
      },
    }
    const kept = keepRows()
    await using engine = createEngine({ plugins: [rowsSource([{ id: 1 }]), kept.destination], store: freezing, now: () => now })
    await expect(engine.run(definition)).rejects.toMatchObject({ code: "LEASE_LOST" })
    expect(kept.commits).toEqual([])
    expect(await engine.run(definition)).toMatchObject({ status: "success", rowsLoaded: 1 })
  })

  it("closes the run of a process that is gone, at the next start", async () => {
    let now = 1_000_000
    const store = memoryStore({ now: () => now })
    const lost: Run = {
      id: "run_lost",
      pipeline: "numbers",
      revision: 1,
      status: "running",
      trigger: "manual",
      createdAt: now,
      startedAt: now,
      completedAt: null,
      fullRefresh: false,
      dryRun: false,
      rowsExtracted: 0,
      rowsFiltered: 0,
      rowsLoaded: 0,
      rowsRejected: 0,
      stages: [],
      error: null,
      attempt: 1,
      retryOf: null,
      variables: [],
      logicalTime: null,
    }
    await Effect.runPromise(store.createRun(lost))
    await Effect.runPromise(store.acquireLease(LEASE, lost.id, 15_000))
    await using alive = createEngine({ plugins: [], store, now: () => now })
    expect((await alive.getRun(lost.id))?.status).toBe("running")
    now += 60_000
    await using next = createEngine({ plugins: [], store, now: () => now })
    expect(await next.getRun(lost.id)).toMatchObject({ status: "failed", error: { code: "RUN_INTERRUPTED" } })
    expect((await next.listEvents({ runId: lost.id })).map((event) => event.type)).toEqual(["pipeline.failed"])
  })
})

it("refuses to start where the pipeline runs, and starts at once when it has ended, though its lease is let go a little later", async () => {
  const store = memoryStore()
  let released: (() => void) | undefined
  const slow: Store = {
    ...store,
    // As a store that is far away.
    releaseLease: (lease) =>
      Effect.andThen(
        Effect.promise(() => new Promise<void>((resolve) => ((released = resolve), setTimeout(resolve, 100)))),
        store.releaseLease(lease),
      ),
  }
  await using engine = createEngine({ plugins: [rowsSource([{ id: 1 }]), keepRows().destination], store: slow })
  const definition = { name: "orders", sources: [{ type: "rows" }], destinations: [{ type: "keep" }] }
  const first = await engine.start(definition, { refusesWhileRunning: true })
  const ended = async () => (await engine.getRun(first.id))?.completedAt !== null
  while (!(await ended())) await new Promise((resolve) => setTimeout(resolve, 1))
  const second = await engine.start(definition, { refusesWhileRunning: true })
  expect(released).toBeDefined()
  expect((await second.done).status).toBe("success")
  expect((await engine.listRuns()).runs.map(({ status }) => status)).toEqual(["success", "success"])
  const lease = (await Effect.runPromise(store.acquireLease("pipeline:orders", "another", 60_000)))!
  await expect(engine.start(definition, { refusesWhileRunning: true })).rejects.toMatchObject({ code: "LEASE_HELD" })
  expect((await engine.listRuns()).total).toBe(2)
  await Effect.runPromise(store.releaseLease(lease))
})

describe("a run with an id that was given", () => {
  const engineOn = (store: Store) => createEngine({ plugins: [rowsSource([{ id: 1 }]), keepRows().destination], store })
  const runId = "run_of_a_job"

  it("is there once, however many start it at once", async () => {
    const store = memoryStore()
    await using first = engineOn(store)
    await using second = engineOn(store)
    const starts = [first, second, first].map((engine) => engine.start(definition, { runId, refusesWhileRunning: true }))
    const settled = await Promise.allSettled(starts)
    const errors = settled.flatMap((one) => (one.status === "rejected" ? [(one.reason as { code: string }).code] : []))
    expect(errors).toEqual(["RUN_EXISTS", "RUN_EXISTS"])
    const handles = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []))
    expect(await handles[0]!.done).toMatchObject({ id: runId, status: "success" })
    await expect(second.run(definition, { runId })).rejects.toMatchObject({ code: "RUN_EXISTS" })
    expect((await first.listRuns()).total).toBe(1)
  })

  it("is refused without a lease that stays, where it has ended between the look and the lease", async () => {
    const store = memoryStore()
    await using first = engineOn(store)
    let isFirst = true
    await using late = engineOn({
      ...store,
      acquireLease: (...given) => {
        const other = isFirst ? Effect.promise(() => first.run(definition, { runId })) : Effect.void
        isFirst = false
        return Effect.andThen(other, store.acquireLease(...given))
      },
    })
    await expect(late.start(definition, { runId, refusesWhileRunning: true })).rejects.toMatchObject({ code: "RUN_EXISTS" })
    expect(await Effect.runPromise(store.getLease(LEASE))).toBeUndefined()
    expect((await first.run(definition, { refusesWhileRunning: true })).status).toBe("success")
  })

  it("keeps its lease where another start of it is refused", async () => {
    const store = memoryStore()
    let running: Awaited<ReturnType<typeof first.start>> | undefined
    let release: () => void = () => undefined
    const slow = keepRows({ onWrite: () => new Promise<void>((resolve) => (release = resolve)) })
    await using first = createEngine({ plugins: [rowsSource([{ id: 1 }]), slow.destination], store })
    await using late = engineOn({
      ...store,
      acquireLease: (...given) =>
        Effect.andThen(
          Effect.promise(async () => (running ??= await first.start(definition, { runId }))),
          store.acquireLease(...given),
        ),
    })
    await expect(late.start(definition, { runId, refusesWhileRunning: true })).rejects.toMatchObject({ code: "RUN_EXISTS" })
    await expect.poll(async () => (await Effect.runPromise(store.getLease(LEASE)))?.owner).toBe(runId)
    const releasing = setInterval(() => release(), 1)
    expect((await running!.done).status).toBe("success")
    clearInterval(releasing)
  })
})
