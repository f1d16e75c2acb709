/** A day of ten pipelines a minute by their schedules, under a clock that the test moves: each time once, and nothing left behind. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import v8 from "node:v8"
import vm from "node:vm"
import { createEngine } from "@deltaflow/core"
import { sqliteStore } from "@deltaflow/core/store/sqlite"
import { expect, onTestFinished, test } from "vitest"
import { Scheduler } from "../src/index.ts"
import { definition, nowhere, rows } from "./world.ts"

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

test("ten pipelines a minute for a day: each time has its run, with as many handles as at the start, and the heap of the first hour", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "deltaflow-day-"))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const start = Date.UTC(2026, 0, 1)
  let now = start
  const store = sqliteStore({ path: path.join(folder, "state.db"), now: () => now })
  await using engine = createEngine({ plugins: [rows, nowhere], store, now: () => now })
  const pipelines = Array.from({ length: PIPELINES }, (_, i) => definition(`p${i}`, { schedule: "* * * * *" }))
  const scheduler = new Scheduler(engine, { pipelines, now: () => now })
  const began = performance.now()
  const minute = async (): Promise<void> => {
    now += 60_000
    expect((await scheduler.tick()).started.length).toBe(PIPELINES)
    await scheduler.ended()
  }
  await scheduler.tick()
  for (let i = 0; i < 60; i++) await minute()
  const before = { heap: await heapUsed(), handles: process.getActiveResourcesInfo().length }
  for (let i = 60; i < MINUTES; i++) await minute()
  const after = { heap: await heapUsed(), handles: process.getActiveResourcesInfo().length }
  const seconds = (performance.now() - began) / 1000
  console.log(
    `${seconds.toFixed(1)} s, heap ${(before.heap / 1e6).toFixed(1)} → ${(after.heap / 1e6).toFixed(1)} MB, handles ${before.handles} → ${after.handles}`,
  )
  const times = new Map<string, Set<number>>()
  for (let skip = 0; skip < MINUTES * PIPELINES; skip += 1000)
    for (const { pipeline, status, logicalTime } of (await engine.listRuns({ limit: 1000, skip })).runs) {
      expect(status).toBe("success")
      const own = times.get(pipeline) ?? new Set()
      times.set(pipeline, own.add(logicalTime!.scheduledAt))
    }
  expect([...times.values()].map(({ size }) => size)).toEqual(Array.from({ length: PIPELINES }, () => MINUTES))
  expect(after.handles).toBeLessThanOrEqual(before.handles)
  expect(after.heap).toBeLessThanOrEqual(before.heap * 1.05)
})
