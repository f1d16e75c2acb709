/** With the real node-cron, each second. */
import { createEngine, defineDestination, defineSource, type EngineError, type PipelineDefinition } from "@deltaflow/core"
import { memoryStore } from "@deltaflow/core/store/memory"
import { createTask, type TaskFn } from "node-cron"
import { expect, it } from "vitest"
import { nodeCronTask } from "../src/node-cron/index.ts"

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const everySecond = "* * * * * *"

const orders: PipelineDefinition = { name: "orders", sources: [{ type: "rows" }], destinations: [{ type: "nowhere" }] }

const world = () => {
  const gate = { isOpen: true, fails: false }
  const rows = defineSource({
    type: "rows",
    async *read({ signal }) {
      while (!gate.isOpen && !signal.aborted) await pause(2)
      if (gate.fails) throw new Error("it was told to fail")
      yield { rows: [{ id: 1 }] }
    },
  })
  const nowhere = defineDestination({ type: "nowhere", open: () => ({ write: () => undefined }) })
  const store = memoryStore()
  const skipped: Array<string> = []
  const onSkip = ({ code }: EngineError) => skipped.push(code)
  return { gate, skipped, onSkip, engine: () => createEngine({ plugins: [rows, nowhere], store }) }
}

const task = (run: TaskFn) => createTask(everySecond, run, { suppressMissedWarning: true, logger: silent })
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined }

it("starts one run at each time, in one of two processes", async () => {
  const { engine, skipped, onSkip } = world()
  await using first = engine()
  await using second = engine()
  const tasks = [first, second].map((each) => task(nodeCronTask(each, orders, { onSkip })))
  for (const each of tasks) await each.start()
  await expect.poll(async () => (await first.listRuns()).total, { timeout: 10_000 }).toBeGreaterThanOrEqual(3)
  for (const each of tasks) await each.destroy()
  await pause(50)
  const { runs } = await first.listRuns()
  expect(new Set(runs.map(({ id }) => id)).size).toBe(runs.length)
  for (const { id, status, trigger } of runs)
    expect([id, status, trigger]).toEqual([
      expect.stringMatching(/^cron-orders-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/),
      "success",
      "schedule",
    ])
  // The other process came to each time too. It may have ended before it came to the last one.
  expect(skipped.length).toBeGreaterThanOrEqual(runs.length - 1)
})

it("starts none while one goes on, and goes on after one that failed", async () => {
  const { engine, gate, skipped, onSkip } = world()
  await using first = engine()
  const each = task(nodeCronTask(first, orders, { onSkip }))
  const failures: Array<string> = []
  each.on("execution:failed", ({ execution }) => void failures.push(String(execution?.error)))
  gate.isOpen = false
  gate.fails = true
  await each.start()
  await expect.poll(() => skipped.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(1)
  expect([(await first.listRuns()).total, skipped[0]]).toEqual([1, "LEASE_HELD"])
  gate.isOpen = true
  await expect.poll(() => failures.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(1)
  expect(failures[0]).toContain("it was told to fail")
  gate.fails = false
  await expect.poll(async () => (await first.listRuns({ status: ["success"] })).total, { timeout: 10_000 }).toBeGreaterThanOrEqual(1)
  await each.destroy()
})

it("runs when it is asked to, whatever the time is", async () => {
  const { engine } = world()
  await using first = engine()
  const each = task(nodeCronTask(first, orders))
  for (let i = 0; i < 2; i++) expect(await each.execute()).toMatchObject({ status: "success", trigger: "manual" })
  await each.destroy()
  expect((await first.listRuns()).total).toBe(2)
})
