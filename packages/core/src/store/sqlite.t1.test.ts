import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, expect, test } from "vitest"
import type { Run, Store } from "../contract/Store.ts"
import { sqliteStore } from "./sqlite.ts"
import { definitionTable, runTable } from "./sqliteTables.ts"

const RUNS = 1_000_000
const PIPELINES = 10_000
const START = 1_700_000_000_000

let folder = ""
let store: Store

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "large-store-"))
  const file = path.join(folder, "state.db")
  store = sqliteStore({ path: file })
  await Effect.runPromise(store.listRuns({}))
  const database = new DatabaseSync(file)
  database.exec("PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; BEGIN")
  const insert = database.prepare(runTable.insert)
  for (let i = 0; i < RUNS; i++) insert.run(...runTable.values(aRun(i)))
  const define = database.prepare(definitionTable.insert)
  for (let i = 0; i < PIPELINES; i++) {
    define.run(
      ...definitionTable.values({
        name: `pipeline-${i}`,
        revision: 1,
        definition: "x".repeat(900),
        source: "y".repeat(800),
        paused: false,
        createdAt: START,
        updatedAt: START,
      }),
    )
  }
  database.exec("COMMIT")
  database.close()
}, 500_000)

afterAll(async () => {
  await Effect.runPromise(store.close())
  rmSync(folder, { recursive: true })
})

const aRun = (i: number): Run => ({
  id: `run_${String(i).padStart(26, "0")}`,
  pipeline: `pipeline-${(i * 7919) % PIPELINES}`,
  revision: 1,
  status: i > RUNS - 5 ? "running" : i % 20 === 0 ? "failed" : i % 500 === 1 ? "cancelled" : "success",
  trigger: "schedule",
  createdAt: START + i * 10_000,
  startedAt: START + i * 10_000 + 3,
  completedAt: START + i * 10_000 + 2000,
  fullRefresh: false,
  dryRun: false,
  rowsExtracted: 1000,
  rowsFiltered: 10,
  rowsLoaded: 990,
  rowsRejected: 0,
  stages: [
    { name: "extract", rowsIn: 0, rowsOut: 1000, durationMs: 33 },
    { name: "load: users.json", rowsIn: 990, rowsOut: 990, durationMs: 33 },
  ],
  error: null,
  attempt: 1,
  retryOf: null,
  variables: [],
  logicalTime: null,
})

const pages: ReadonlyArray<readonly [string, (i: number) => Effect.Effect<unknown, unknown>]> = [
  ["the newest runs of all", () => store.listRuns({})],
  ["the hundredth page of all", () => store.listRuns({ skip: 10_000 })],
  ["the runs of one pipeline", (i) => store.listRuns({ pipeline: `pipeline-${(i * 37) % PIPELINES}` })],
  ["the failed runs of one pipeline", (i) => store.listRuns({ pipeline: `pipeline-${(i * 37) % PIPELINES}`, status: ["failed"] })],
  ["all failed runs", () => store.listRuns({ status: ["failed"] })],
  ["what is going on", () => store.listRuns({ status: ["pending", "running"] })],
  ["the last 24 hours", () => store.listRuns({ since: START + RUNS * 10_000 - 86_400_000 })],
  ["half of the history", () => store.listRuns({ since: START + RUNS * 5000 + 1234 })],
  ["a page of pipelines", (i) => store.listDefinitions({ limit: 100, skip: (i * 50) % PIPELINES })],
  ["one run", (i) => store.getRun(aRun((i * 4999) % RUNS).id)],
]

// Calls are synchronous, so the processor's time is theirs. The clock on the wall would also tell how busy the machine is with other
// things.
test.each(pages)("over 1,000,000 runs and 10,000 pipelines %s takes at most 20 ms at p99", async (name, page) => {
  const times: Array<number> = []
  for (let i = 0; i < 320; i++) {
    const start = process.cpuUsage()
    await Effect.runPromise(page(i))
    const { user, system } = process.cpuUsage(start)
    // The first twenty fill the caches.
    if (i >= 20) times.push((user + system) / 1000)
  }
  times.sort((a, b) => a - b)
  const [median, p99] = [times[150]!, times[297]!]
  console.log(`${name}: median ${median.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`)
  expect(p99).toBeLessThanOrEqual(20)
})

test("totals over the whole history are exact", async () => {
  const total = async (filter: Parameters<Store["listRuns"]>[0]) => (await Effect.runPromise(store.listRuns(filter))).total
  expect(await total({})).toBe(RUNS)
  expect(await total({ since: START + 500_000 * 10_000 })).toBe(RUNS / 2)
  expect(await total({ since: START + 1000 * 10_000, until: START + 900_000 * 10_000 })).toBe(899_000)
  expect(await total({ status: ["failed"] })).toBe(RUNS / 20)
})
