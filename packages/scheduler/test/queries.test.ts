import { mkdtempSync, rmSync } from "node:fs"
import { DatabaseSync, StatementSync } from "node:sqlite"
import { tmpdir } from "node:os"
import path from "node:path"
import { createEngine } from "@deltaflow/core"
import { sqliteStore } from "@deltaflow/core/store/sqlite"
import { expect, it, onTestFinished, vi } from "vitest"
import { Scheduler } from "../src/index.ts"
import { definition, nowhere, rows } from "./world.ts"

it("a look goes by indexes: it walks no table, whatever is due, ended, failed or waits", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "deltaflow-queries-"))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, "state.db")
  let now = Date.UTC(2026, 0, 1)
  const store = sqliteStore({ path: file, now: () => now })
  await using engine = createEngine({ plugins: [rows, nowhere], store, now: () => now })
  const pipelines = [
    definition("first", { schedule: "* * * * *", scheduler: { retries: 1 } }),
    definition("second", { depends_on: ["first"] }),
  ]
  const scheduler = new Scheduler(engine, { pipelines, now: () => now })
  await scheduler.tick()
  const methods = (["get", "all", "run"] as const).map((method) => vi.spyOn(StatementSync.prototype, method))
  for (let minute = 0; minute < 3; minute++) {
    now += 60_000
    await engine.enqueueRun({ pipeline: "second" })
    await scheduler.tick()
    await scheduler.ended()
  }
  const statements = new Set(methods.flatMap(({ mock }) => mock.contexts.map((statement) => (statement as StatementSync).sourceSQL)))
  for (const method of methods) method.mockRestore()
  expect(statements.size).toBeGreaterThan(15)
  const database = new DatabaseSync(file)
  onTestFinished(() => database.close())
  const walks = [...statements].flatMap((sql) =>
    database
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(({ detail }) => String(detail))
      .filter(
        (detail) =>
          /^SCAN (runs(?! USING (COVERING )?INDEX)|events|entries|definitions|leases|checkpoints)\b/.test(detail) && !sql.endsWith(NEWEST),
      )
      .map((detail) => `${detail}: ${sql}`),
  )
  expect(walks).toEqual([])
})

/** Reads one row, the last by the key of the table. */
const NEWEST = "ORDER BY seq DESC LIMIT 1"
