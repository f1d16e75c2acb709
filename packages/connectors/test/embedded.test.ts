/** What a host may rely on when it takes the library in: no output, no signal handler, no global, nothing that keeps the process alive. */
import { execFile } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

let root: string
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), "deltaflow-embedded-"))
  for (const name of ["one", "two"]) {
    const rows = Array.from({ length: name === "one" ? 30 : 40 }, (_, i) => `${i + 1},${name}`)
    writeFileSync(path.join(root, `${name}.csv`), `id,name\n${rows.join("\n")}\n`)
  }
})
afterAll(() => rmSync(root, { recursive: true }))

/** A host that runs pipelines to a good end, to a bad one, cancels one and lets one time out, in two engines at once. */
const host = /* js */ `
const before = { globals: Reflect.ownKeys(globalThis), listeners: process.eventNames().map(String) }
const { createEngine, defineDestination } = await import("@deltaflow/core")
const { builtins } = await import("@deltaflow/connectors")
const root = process.argv[1]
const stuck = defineDestination({
  type: "stuck",
  open: ({ signal }) => ({ write: () => new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted")))) }),
})
const plugins = [...builtins, stuck]
const pipeline = (name, destination, more = {}) => ({ name: "same", sources: [{ type: "csv", path: name + ".csv" }], destinations: [destination], ...more })
const ended = async (promise) => promise.then((run) => run.rowsLoaded, (error) => error.code)
const results = {}
{
  await using one = createEngine({ plugins, projectRoot: root })
  await using two = createEngine({ plugins, projectRoot: root })
  const heard = []
  const listening = (async () => { for await (const event of one.events()) heard.push(event.runId) })()
  results.good = await Promise.all([
    ended(one.run(pipeline("one", { type: "ndjson", path: "one.ndjson" }))),
    ended(two.run(pipeline("two", { type: "sqlite", path: "two.db", table: "t" }))),
  ])
  results.bad = await ended(one.run(pipeline("none", { type: "csv", path: "bad.csv" })))
  results.timeout = await ended(one.run(pipeline("one", { type: "stuck" }), { timeout: 50 }))
  const controller = new AbortController()
  setTimeout(() => controller.abort(), 50)
  results.aborted = await ended(two.run(pipeline("two", { type: "stuck" }), { signal: controller.signal }))
  const handle = await two.start(pipeline("two", { type: "stuck" }))
  await two.cancel(handle.id)
  results.cancelled = (await handle.done).status
  const foreign = [(await one.listRuns()).total, (await two.listRuns()).total]
  const strangers = (await two.listRuns()).runs.filter((run) => heard.includes(run.id))
  results.apart = { foreign, strangers: strangers.length }
  await one.close()
  await listening
}
// Effect keeps one of its own under its own name.
const ours = (key) => !before.globals.includes(key) && !String(key).startsWith("~effect/")
const globals = Reflect.ownKeys(globalThis).filter(ours).map(String)
const listeners = process.eventNames().map(String).filter((name) => !before.listeners.includes(name))
process.stderr.write(JSON.stringify({ results, globals, listeners, exitCode: process.exitCode ?? 0 }))
`

describe("in a host's process", () => {
  it("the library prints nothing, listens to no signal, leaves no global, and lets the process end", async () => {
    const args = ["--conditions=source", "--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", host, root]
    const child = promisify(execFile)(process.execPath, args, { cwd: path.join(import.meta.dirname, ".."), timeout: 60_000 })
    const { stdout, stderr } = await child
    expect(stdout).toBe("")
    expect(JSON.parse(stderr)).toEqual({
      results: {
        good: [30, 40],
        bad: "FILE_NOT_FOUND",
        timeout: "RUN_TIMEOUT",
        aborted: "RUN_CANCELLED",
        cancelled: "cancelled",
        apart: { foreign: [3, 3], strangers: 0 },
      },
      globals: [],
      listeners: [],
      exitCode: 0,
    })
    expect(readdirSync(root).toSorted()).toEqual(["one.csv", "one.ndjson", "two.csv", "two.db"])
  })
})
