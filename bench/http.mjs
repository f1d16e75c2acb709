/**
 * The Pipeline API under load: `node bench/http.mjs [--pipelines 10000] [--runs 1000000]`.
 *
 * Over a SQLite store of that size, by 50 clients at once over sockets from a process of their own: pages of lists, history and events, and
 * runs that are triggered; then requests a second without the engine's work, against bare Hono, in turns in one process. Prints one table
 * and ends with code 1 where a figure is missed. Ratios and latencies depend on the machine; the clients share it.
 */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { Agent, request } from "node:http"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

const self = fileURLToPath(import.meta.url)

if (!process.execArgv.includes("--conditions=source")) {
  const flags = ["--conditions=source", "--disable-warning=ExperimentalWarning"]
  const child = spawn(process.execPath, [...flags, self, ...process.argv.slice(2)], { stdio: "inherit" })
  child.on("close", (code) => process.exit(code ?? 1))
  await new Promise(() => undefined)
}

const { values } = parseArgs({
  options: {
    pipelines: { type: "string", default: "10000" },
    runs: { type: "string", default: "1000000" },
    load: { type: "string" },
    url: { type: "string" },
    count: { type: "string", default: "2000" },
    at: { type: "string", default: "50" },
    from: { type: "string", default: "0" },
  },
})
const PIPELINES = Number(values.pipelines)
const RUNS = Number(values.runs)
const nameOf = (n) => `pipeline-${String(n % PIPELINES).padStart(5, "0")}`
const some = (n) => (n * 7919) % PIPELINES

/** Addresses of each kind of request, by number. */
const kinds = {
  list: {
    what: "list of pipelines, a page",
    make: (n) => ["GET", `/api/v1/pipelines?page=${1 + ((n * 37) % Math.ceil(PIPELINES / 20))}`],
    held: 20,
  },
  filter: { what: "list by status, a page", make: () => ["GET", "/api/v1/pipelines?status=error"], held: 20 },
  history: { what: "history of one pipeline, a page", make: (n) => ["GET", `/api/v1/pipelines/${nameOf(some(n))}/runs`], held: 20 },
  all: { what: "runs of all pipelines, a page", make: (n) => ["GET", `/api/v1/runs?page=${1 + (n % 50)}`], held: 20 },
  events: { what: "events of one pipeline", make: (n) => ["GET", `/api/v1/events?pipeline=${nameOf(some(n))}`], held: 20 },
  trigger: { what: "a run is triggered", make: (n) => ["POST", `/api/v1/pipelines/${nameOf(n)}/runs`], held: 30 },
}

if (values.load !== undefined) {
  const times = await load(values.url, (n) => kinds[values.load].make(n + Number(values.from)), Number(values.count), Number(values.at))
  process.stdout.write(JSON.stringify(times))
  process.exit(0)
}

/** Milliseconds of each request, `at` of them under way at once. */
async function load(url, make, count, at) {
  const agent = new Agent({ keepAlive: true, maxSockets: at })
  const times = []
  let next = 0
  const one = (n) =>
    new Promise((resolve, reject) => {
      const [method, address] = make(n)
      const began = performance.now()
      request(`${url}${address}`, { method, agent }, (response) => {
        response.resume()
        response.on("end", () => {
          if (response.statusCode >= 300) return reject(new Error(`${address} answered ${response.statusCode}`))
          times.push(performance.now() - began)
          resolve()
        })
      })
        .on("error", reject)
        .end()
    })
  const client = async () => {
    while (next < count) await one(next++)
  }
  await Promise.all(Array.from({ length: at }, client))
  return times
}

const { builtins } = await import("../packages/connectors/src/index.ts")
const { createEngine } = await import("../packages/core/src/index.ts")
const { sqliteStore } = await import("../packages/core/src/store/sqlite.ts")
const { definitionTable, eventTable, runTable } = await import("../packages/core/src/store/sqliteTables.ts")
const { createHandler } = await import("../packages/http/src/index.ts")
const { listen } = await import("../packages/http/src/node.ts")
const { runPromise } = await import("../packages/core/node_modules/effect/dist/Effect.js")

const folder = mkdtempSync(path.join(tmpdir(), "deltaflow-bench-http-"))

/** A store as it is after years: written at once, past the engine. */
async function fill(file) {
  const store = sqliteStore({ path: file })
  await runPromise(store.countDefinitions())
  await runPromise(store.close())
  const database = new DatabaseSync(file)
  database.exec("PRAGMA synchronous = OFF; BEGIN")
  const [definition, run, event] = [definitionTable, runTable, eventTable].map((table) => database.prepare(table.insert))
  const now = Date.now()
  for (let n = 0; n < PIPELINES; n++) {
    const written = {
      name: nameOf(n),
      version: "1.0",
      sources: [{ type: "csv", path: "users.csv" }],
      destinations: [{ type: "ndjson", path: `out/${n}.ndjson` }],
      schedule: "0 */6 * * *",
    }
    const stored = {
      name: nameOf(n),
      revision: 1,
      definition: JSON.stringify(written),
      source: null,
      paused: n % 50 === 0,
      createdAt: now,
      updatedAt: now,
    }
    definition.run(...definitionTable.values(stored))
  }
  for (let n = 0; n < RUNS; n++) {
    const at = now - (RUNS - n) * 1000
    run.run(
      ...runTable.values({
        id: `run_${String(n).padStart(26, "0")}`,
        pipeline: nameOf(some(n)),
        revision: 1,
        status: n % 37 === 0 ? "failed" : "success",
        trigger: "schedule",
        createdAt: at,
        startedAt: at,
        completedAt: at + 500,
        fullRefresh: false,
        dryRun: false,
        rowsExtracted: 10,
        rowsFiltered: 0,
        rowsLoaded: 10,
        rowsRejected: 0,
        stages: [{ name: "extract", rowsIn: 10, rowsOut: 10, durationMs: 1 }],
        error: null,
        attempt: 1,
        retryOf: null,
        variables: [],
      }),
    )
  }
  const events = Math.ceil(RUNS / 5)
  for (let n = 0; n < events; n++) {
    const at = now - (events - n) * 1000
    const one = {
      id: `evt_${at.toString(32).padStart(10, "0")}${String(n).padStart(16, "0")}`,
      type: "pipeline.completed",
      timestamp: at,
      pipeline: nameOf(some(n)),
      runId: null,
      data: { rows: 10 },
    }
    event.run(...eventTable.values(one), at)
  }
  database.exec("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")
  database.close()
}

const inChild = (url, kind, { count, at = 50, from = 0 }) =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [
      "--conditions=source",
      self,
      "--load",
      kind,
      "--url",
      url,
      "--count",
      String(count),
      "--at",
      String(at),
      "--pipelines",
      String(PIPELINES),
      "--from",
      String(from),
    ])
    let text = ""
    let problem = ""
    child.stdout.on("data", (part) => (text += part))
    child.stderr.on("data", (part) => (problem += part))
    child.on("close", (code) => (code === 0 ? resolve(JSON.parse(text)) : reject(new Error(problem))))
  })

const rows = []
const verdict = (value, held) => (value <= held ? "held" : `MISSED by ${(value / held).toFixed(2)} ×`)

async function measurePages(url) {
  for (const [kind, { what, held }] of Object.entries(kinds)) {
    // Once before it counts, as a server that has been up for a while. A pipeline that runs is not triggered again.
    const isTrigger = kind === "trigger"
    await inChild(url, kind, isTrigger ? { count: 20, at: 5, from: 5000 } : { count: 1000 })
    const times = (await inChild(url, kind, isTrigger ? { count: 500, at: 5 } : { count: 4000 })).toSorted((a, b) => a - b)
    const at = (share) => times[Math.floor(times.length * share)]
    rows.push([what, `p50 ${at(0.5).toFixed(1)}, p99 ${at(0.99).toFixed(1)} ms`, `p99 ≤ ${held} ms`, verdict(at(0.99), held)])
    process.stderr.write(`${rows.at(-1).join(" | ")}\n`)
  }
}

/** Requests a second of a handler in this process, where nothing but its own work counts. */
async function perSecond(handle, count) {
  const began = performance.now()
  for (let n = 0; n < count; n++) await (await handle(new Request("http://localhost/health/live"))).text()
  return (count / (performance.now() - began)) * 1000
}

async function measureHono(handler) {
  const require = createRequire(new URL("../examples/mount-hono/package.json", import.meta.url))
  const { Hono } = await import(require.resolve("hono"))
  const app = new Hono()
  app.get("/health/live", (context) =>
    context.json({ data: { status: "ok" }, meta: { request_id: "req_1", timestamp: new Date().toISOString() } }),
  )
  const bare = (one) => app.fetch(one)
  const ratios = []
  await perSecond(handler, 5000)
  await perSecond(bare, 5000)
  for (let pair = 0; pair < 5; pair++) ratios.push((await perSecond(handler, 20_000)) / (await perSecond(bare, 20_000)))
  const [median] = ratios.toSorted((a, b) => a - b).slice(2)
  rows.push([
    "requests a second without the engine's work, against bare Hono",
    `${median.toFixed(2)} ×`,
    "≥ 0.5 ×",
    median >= 0.5 ? "held" : `MISSED by ${(0.5 / median).toFixed(2)} ×`,
  ])
}

try {
  writeFileSync(path.join(folder, "users.csv"), "id,age\n1,20\n")
  process.stderr.write(`Making ${PIPELINES} pipelines and ${RUNS} runs.\n`)
  const file = path.join(folder, "state.db")
  await fill(file)
  const store = sqliteStore({ path: file })
  const engine = createEngine({ plugins: builtins, store, projectRoot: folder })
  const handler = createHandler(engine, { auth: "none", rateLimit: 0, healthInterval: false, webhooks: false })
  await handler.ready
  const listening = await listen(handler, { port: 0 })
  await measurePages(listening.url)
  await measureHono(handler)
  await listening.close(100)
  await handler.close(1000)
  await engine.close()
  await runPromise(store.close())
} finally {
  rmSync(folder, { recursive: true, force: true })
}
const table = [["what", "measured", "held", ""], ["---", "---", "---", "---"], ...rows].map((row) => `| ${row.join(" | ")} |`)
process.stdout.write(`${table.join("\n")}\n`)
process.exit(table.some((line) => line.includes("MISSED")) ? 1 : 0)
