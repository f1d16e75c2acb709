/** A day of ten pipelines a minute, under a clock that the test moves: 14,400 runs leave nothing behind in the process. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import v8 from "node:v8"
import vm from "node:vm"
import { expect, onTestFinished, test } from "vitest"
import { createEngine, type Engine } from "../src/index.ts"
import { sqliteStore } from "../src/store/sqlite.ts"
import { keepRows, rowsSource } from "./memoryPlugins.ts"

const MINUTES = 1440
const PIPELINES = 10

v8.setFlagsFromString("--expose-gc")
const collect = vm.runInNewContext("gc") as () => void

/** Bytes that are really in use, once all garbage is gone. */
const heapUsed = async (): Promise<number> => {
  for (let i = 0; i < 5; i++) {
    collect()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return process.memoryUsage().heapUsed
}

test("ten pipelines a minute for a day: as many handles as at the start, and the heap of the first hour", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "deltaflow-soak-"))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  let now = Date.UTC(2026, 0, 1)
  const kept = keepRows()
  const store = sqliteStore({ path: path.join(folder, "state.db"), now: () => now })
  await using engine = createEngine({ plugins: [rowsSource([{ id: 1 }, { id: 2 }]), kept.destination], store, now: () => now })
  const minute = async (): Promise<void> => {
    for (let i = 0; i < PIPELINES; i++) await runOf(engine, `pipeline-${i}`)
    now += 60_000
    // What the destination of the test itself keeps.
    for (const list of [kept.rows, kept.commits, kept.closed]) list.length = 0
  }
  for (let i = 0; i < 60; i++) await minute()
  const before = { heap: await heapUsed(), handles: process.getActiveResourcesInfo().length }
  for (let i = 60; i < MINUTES; i++) await minute()
  const after = { heap: await heapUsed(), handles: process.getActiveResourcesInfo().length }
  console.log(`heap ${(before.heap / 1e6).toFixed(1)} → ${(after.heap / 1e6).toFixed(1)} MB, handles ${before.handles} → ${after.handles}`)
  expect((await engine.listRuns({ limit: 1 })).total).toBe(MINUTES * PIPELINES)
  expect(after.handles).toBeLessThanOrEqual(before.handles)
  expect(after.heap).toBeLessThanOrEqual(before.heap * 1.05)
})

const runOf = async (engine: Engine, name: string): Promise<void> => {
  const run = await engine.run({ name, sources: [{ type: "rows", incremental: true }], destinations: [{ type: "keep" }] })
  expect(run.status).toBe("success")
}
