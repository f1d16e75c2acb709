import {
  createEngine,
  defineDestination,
  defineSource,
  type Engine,
  newRunId,
  type PipelineDefinition,
  RunError,
  type Store,
} from "@deltaflow/core"
import { memoryStore } from "@deltaflow/core/store/memory"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { type Delivery, isFinal, jobData, type JobProgress, jobRunner, runJob, Scheduler } from "../src/index.ts"

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** A pipeline whose runs stand still while the gate is closed, and fail as often as they are told. */
const world = () => {
  const gate = { isOpen: true, failures: 0, reads: 0 }
  const loaded: Array<unknown> = []
  const rows = defineSource({
    type: "rows",
    async *read({ signal }) {
      gate.reads++
      while (!gate.isOpen && !signal.aborted) await pause(2)
      if (gate.failures-- > 0) throw new Error("it was told to fail")
      for (let id = 0; id < 20; id++) {
        await pause(1)
        yield { rows: [{ id }] }
      }
    },
  })
  const list = defineDestination({ type: "list", open: () => ({ write: (batch) => void loaded.push(...batch) }) })
  const store = memoryStore()
  const engineOn = (on: Store): Engine => createEngine({ plugins: [rows, list], store: on })
  const engine = engineOn(store)
  return {
    gate,
    loaded,
    store,
    engineOn,
    engine,
    /** Of another process. */
    another: engineOn(store),
    statuses: async () => (await engine.listRuns()).runs.toReversed().map(({ status }) => status),
    runs: async (runId: string) => {
      await expect.poll(async () => (await engine.getRun(runId))?.status, { interval: 2 }).toBe("running")
    },
  }
}

const orders: PipelineDefinition = { name: "orders", sources: [{ type: "rows" }], destinations: [{ type: "list", write_mode: "append" }] }
const delivery = (more: Partial<Delivery> = {}): Delivery => ({
  jobId: "job-1",
  signal: undefined,
  onProgress: undefined,
  onLog: undefined,
  onHearingError: undefined,
  ...more,
})

describe("a job", () => {
  it("ends in one success, however many deliveries come at once in two processes, after failures too", async () => {
    for (let failures = 0; failures < 3; failures++) {
      const { engine, another, gate, loaded, statuses } = world()
      gate.failures = failures
      const runId = newRunId(Date.now())
      const deliver = async () => {
        const each = Array.from({ length: 10 }, (_, i) => runJob(i % 2 === 0 ? engine : another, orders, { runId }))
        return await Promise.allSettled(each)
      }
      const outcomes = await deliver()
      expect(outcomes.filter(({ status }) => status === "rejected").length).toBe(failures)
      for (const one of await deliver()) expect(one).toMatchObject({ status: "fulfilled", value: { status: "success" } })
      expect(await statuses()).toEqual([...Array.from({ length: failures }, () => "failed"), "success"])
      expect(loaded.length).toBe(20)
    }
  })

  it("that stood still between its look and its start starts nothing where another delivery has done it", async () => {
    const { engine, engineOn, store, gate, statuses } = world()
    gate.failures = 1
    const runId = newRunId(Date.now())
    await expect(runJob(engine, orders, { runId })).rejects.toThrow(RunError)
    let other: Promise<unknown> | undefined
    const late = engineOn({
      ...store,
      acquireLease: (...given) =>
        Effect.andThen(
          Effect.promise(async () => await (other ??= runJob(engine, orders, { runId }))),
          store.acquireLease(...given),
        ),
    })
    expect((await runJob(late, orders, { runId })).id).toBe(`${runId}.1`)
    expect(await statuses()).toEqual(["failed", "success"])
  })

  it("gives the run of a retry that somebody started by hand", async () => {
    const { engine, gate, statuses } = world()
    gate.failures = 1
    const runId = newRunId(Date.now())
    await expect(runJob(engine, orders, { runId })).rejects.toThrow(RunError)
    const { id } = await engine.run(orders, { retryOf: runId })
    expect((await runJob(engine, orders, { runId })).id).toBe(id)
    expect(await statuses()).toEqual(["failed", "success"])
  })

  it("retries the last of the retries, with one number more", async () => {
    const { engine, gate } = world()
    gate.failures = 3
    const runId = newRunId(Date.now())
    for (let i = 0; i < 3; i++) await expect(runJob(engine, orders, { runId })).rejects.toMatchObject({ code: "SOURCE_FAILED" })
    expect(await runJob(engine, orders, { runId })).toMatchObject({ id: `${runId}.3`, retryOf: `${runId}.2`, trigger: "retry" })
  })

  it("starts the run that waits in the store for it", async () => {
    const { engine, statuses } = world()
    const { id } = await engine.enqueueRun({ pipeline: orders, payload: { order: 1 } })
    expect(await runJob(engine, orders, { runId: id })).toMatchObject({ id, status: "success" })
    expect(await statuses()).toEqual(["success"])
  })

  it("waits while another run of the pipeline goes on, and ends the wait when it is cancelled", async () => {
    const { engine, another, gate, runs, statuses } = world()
    gate.isOpen = false
    const other = await another.start(orders)
    await runs(other.id)
    const cancelling = new AbortController()
    const cancelled = runJob(engine, orders, { runId: newRunId(Date.now()), signal: cancelling.signal })
    const waiting = runJob(engine, orders, { runId: newRunId(Date.now()) })
    setTimeout(() => cancelling.abort(), 50)
    const error: unknown = await cancelled.catch((cause: unknown) => cause)
    expect(error).toMatchObject({ code: "RUN_CANCELLED" })
    expect(isFinal(error)).toBe(true)
    gate.isOpen = true
    expect((await waiting).status).toBe("success")
    expect((await other.done).status).toBe("success")
    expect(await statuses()).toEqual(["success", "success"])
  })

  it("is cancelled by its signal, and the next delivery goes on", async () => {
    const { engine, gate, runs, statuses } = world()
    gate.isOpen = false
    const cancelling = new AbortController()
    const runId = newRunId(Date.now())
    const running = runJob(engine, orders, { runId, signal: cancelling.signal })
    void runs(runId).then(() => cancelling.abort())
    const error: unknown = await running.catch((cause: unknown) => cause)
    expect([(error as RunError).code, isFinal(error)]).toEqual(["RUN_CANCELLED", true])
    gate.isOpen = true
    await runJob(engine, orders, { runId })
    expect(await statuses()).toEqual(["cancelled", "success"])
  })

  it("is not made anew by a scheduler on the same store too", async () => {
    const { engine, gate, statuses } = world()
    const retried = { ...orders, scheduler: { retries: 3, retry_delay: "0ms" } }
    const scheduler = new Scheduler(engine, { pipelines: [retried] })
    await scheduler.tick()
    gate.failures = 2
    const runId = newRunId(Date.now())
    for (let i = 0; i < 2; i++) {
      await expect(runJob(engine, retried, { runId })).rejects.toThrow(RunError)
      expect((await scheduler.tick()).started).toEqual([])
    }
    await runJob(engine, retried, { runId })
    expect(await statuses()).toEqual(["failed", "failed", "success"])
    await scheduler.stop()
  })

  it("is refused where its run is one of another pipeline", async () => {
    const { engine } = world()
    const runId = newRunId(Date.now())
    await runJob(engine, orders, { runId })
    const error: unknown = await runJob(engine, { ...orders, name: "users" }, { runId }).catch((cause: unknown) => cause)
    expect(error).toMatchObject({ code: "RUN_EXISTS", message: expect.stringContaining("is one of orders") })
    expect(isFinal(error)).toBe(true)
  })
})

describe("what a queue hears", () => {
  it("is the newest counts and all events, one call after the other, also of a queue that is slow", async () => {
    const { engine } = world()
    const counts: Array<JobProgress> = []
    const lines: Array<string> = []
    let calls = 0
    const onProgress = async (progress: JobProgress) => {
      expect(++calls).toBe(1)
      await pause(100)
      counts.push(progress)
      calls--
    }
    const onLog = async (line: string) => {
      await pause(20)
      lines.push(line)
    }
    const { id } = await runJob(engine, orders, { runId: newRunId(Date.now()), onProgress, onLog })
    expect(counts.length).toBeLessThanOrEqual(2)
    expect(counts.at(-1)).toEqual({ runId: id, stage: "load", read: 20, loaded: 20, filtered: 0, rejected: 0 })
    expect([lines[0], lines.at(-1)]).toEqual([
      `${id} pipeline.started {}`,
      expect.stringContaining('pipeline.completed {"rows_extracted":20'),
    ])
  })

  it("does not fail the run where the queue is away", async () => {
    const { engine } = world()
    const errors: Array<unknown> = []
    const away = () => Promise.reject(new Error("the queue is away"))
    const options = { runId: newRunId(Date.now()), onProgress: away, onLog: away, onHearingError: (error: unknown) => errors.push(error) }
    expect((await runJob(engine, orders, options)).status).toBe("success")
    expect(errors.length).toBeGreaterThanOrEqual(3)
    expect(errors[0]).toEqual(new Error("the queue is away"))
  })
})

describe("what a job carries", () => {
  it("names its pipeline, its run, and options of the run that may be given from outside", async () => {
    const { engine } = world()
    const data = jobData("orders", { fullRefresh: true })
    expect(data).toEqual({ pipeline: "orders", runId: expect.stringMatching(/^run_/), fullRefresh: true })
    const deliver = jobRunner(engine, [{ ...orders, name: "users" }, JSON.stringify(orders)])
    const run = await deliver({ ...data, dryRun: true, trigger: "webhook" }, delivery())
    expect(run).toMatchObject({ id: data.runId, pipeline: "orders", fullRefresh: true, dryRun: false, trigger: "manual" })
  })

  it("gives the variables that its pipeline needs to be read", async () => {
    const { engine, loaded } = world()
    const few = JSON.stringify({ ...orders, transforms: [{ type: "filter", condition: "id < ${COUNT}" }] })
    await jobRunner(engine, [few])(jobData("orders", { variables: { COUNT: 3 } }), delivery())
    expect(loaded).toEqual([{ id: 0 }, { id: 1 }, { id: 2 }])
  })

  it("needs no run id: the job's own makes it", async () => {
    const { engine } = world()
    const deliver = jobRunner(engine, [orders])
    expect((await deliver({ pipeline: "orders" }, delivery())).id).toBe("job-1")
    expect((await deliver({ pipeline: "orders" }, delivery())).id).toBe("job-1")
    expect((await deliver({ pipeline: "orders" }, delivery({ jobId: "job-2" }))).id).toBe("job-2")
  })

  it.each([undefined, null, "orders", {}, { pipeline: 1 }, { pipeline: "orders", runId: 1 }, { pipeline: "orders", runId: "" }])(
    "is refused for good as %j",
    async (data) => {
      const { engine } = world()
      const error: unknown = await jobRunner(engine, [orders])(data, delivery()).catch((cause: unknown) => cause)
      expect(error).toMatchObject({
        code: "INVALID_VALUE",
        message: expect.stringMatching(/^job job-1: .* Make what it carries with jobData\(\)\.$/),
      })
      expect(isFinal(error)).toBe(true)
    },
  )
})
