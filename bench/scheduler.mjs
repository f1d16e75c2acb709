/**
 * The scheduler over many schedules: `node bench/scheduler.mjs [--schedules 10000] [--due 1000]`.
 *
 * In a SQLite store: how long a look takes where nothing is due, and how long after their time the last of many runs starts that are due at
 * the same second, in the order of their times. Prints one table and ends with code 1 where a figure is missed.
 */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

const self = fileURLToPath(import.meta.url)

if (!process.execArgv.includes("--conditions=source")) {
  const flags = ["--conditions=source", "--disable-warning=ExperimentalWarning"]
  const child = spawn(process.execPath, [...flags, self, ...process.argv.slice(2)], { stdio: "inherit" })
  child.on("close", (code) => process.exit(code ?? 1))
  await new Promise(() => undefined)
}

const { values } = parseArgs({ options: { schedules: { type: "string", default: "10000" }, due: { type: "string", default: "1000" } } })
const SCHEDULES = Number(values.schedules)
const DUE = Number(values.due)

const { createEngine, defineDestination, defineSource } = await import("../packages/core/src/index.ts")
const { promised } = await import("../packages/core/src/adapter.ts")
const { sqliteStore } = await import("../packages/core/src/store/sqlite.ts")
const { Scheduler } = await import("../packages/scheduler/src/index.ts")

const folder = mkdtempSync(path.join(tmpdir(), "deltaflow-bench-"))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))

/** Milliseconds that the clock of the store and the scheduler is ahead of that of the machine. */
let ahead = Date.UTC(2026, 0, 1, 0, 0, 30) - Date.now()
const now = () => Date.now() + ahead

const rows = defineSource({
  type: "rows",
  async *read() {
    yield { rows: [{ id: 1 }] }
  },
})
const nowhere = defineDestination({
  type: "nowhere",
  delivery: "none",
  writeModes: ["append"],
  open: () => ({ label: "nowhere", commitsEarly: true, write: () => undefined, commit: () => ({}) }),
})

const store = sqliteStore({ path: path.join(folder, "state.db"), now })
const engine = createEngine({ plugins: [rows, nowhere], store, now })
for (let n = 0; n < SCHEDULES; n++) {
  const name = `pipeline-${String(n).padStart(5, "0")}`
  const written = {
    name,
    description: "One of many, with about as much text as a definition has. ".repeat(6),
    sources: [{ type: "rows" }],
    destinations: [{ type: "nowhere" }],
    schedule: n < DUE ? "0 1 * * *" : `${n % 60} ${2 + (n % 20)} * * *`,
  }
  await promised(store.saveDefinition({ name, source: null, definition: JSON.stringify(written) }))
}

const timed = async (work) => {
  const began = performance.now()
  await work()
  return performance.now() - began
}

const scheduler = new Scheduler(engine, { now })
const first = await timed(() => scheduler.tick())
const looks = []
for (let i = 0; i < 200; i++) looks.push(await timed(() => scheduler.tick()))
looks.sort((a, b) => a - b)

const dueAt = Date.UTC(2026, 0, 1, 1)
ahead = dueAt - Date.now()
const { started } = await scheduler.tick()
await scheduler.ended()
const runs = (await engine.listRuns({ limit: DUE })).runs.toReversed()
const last = Math.max(...runs.map((run) => run.startedAt)) - dueAt
const inOrder = started.every(({ dueAt: at }, i) => i === 0 || at >= started[i - 1].dueAt)
await engine.close()
await promised(store.close())

const p99 = looks[Math.floor(looks.length * 0.99)]
const table = [
  ["first look, all definitions read", `${first.toFixed(0)} ms`, "", ""],
  ["a look where nothing is due, p99", `${p99.toFixed(1)} ms`, "≤ 50 ms", p99 <= 50 ? "held" : "MISSED"],
  [`${DUE} due at once, the last one starts after`, `${last} ms`, "≤ 2000 ms", last <= 2000 ? "held" : "MISSED"],
  [
    `${DUE} due at once, each started once and in order`,
    `${started.length}`,
    `${DUE}`,
    started.length === DUE && inOrder ? "held" : "MISSED",
  ],
]
console.log(`${SCHEDULES} schedules, SQLite\n`)
for (const row of table) console.log(row.map((cell, i) => cell.padEnd([52, 10, 11, 0][i])).join(" "))
process.exitCode = table.some((row) => row[3] === "MISSED") ? 1 : 0
