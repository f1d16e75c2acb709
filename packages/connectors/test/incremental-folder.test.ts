/** Incremental reading of a folder: what is read after files came, grew, were replaced or went, and after a process was killed in one. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync, rmSync, utimesSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { createEngine, defineTransform, type PipelineDefinition, type Row } from "@deltaflow/core"
import { sqliteStore } from "@deltaflow/core/store/sqlite"
import * as Effect from "effect/Effect"
import { describe, expect, it, onTestFinished } from "vitest"
import { csvSource } from "../src/csv/index.ts"
import { builtins } from "../src/index.ts"
import { jsonSource } from "../src/json/index.ts"
import { ndjsonSource } from "../src/ndjson/index.ts"
import { projectFolder, put, readAll } from "./harness.ts"

const FORMATS = [
  ["csv", csvSource, (rows: ReadonlyArray<Row>) => `id,text\n${rows.map(({ id, text }) => `${String(id)},"${String(text)}"\n`).join("")}`],
  ["ndjson", ndjsonSource, (rows: ReadonlyArray<Row>) => rows.map((row) => `${JSON.stringify(row)}\n`).join("")],
  ["json", jsonSource, (rows: ReadonlyArray<Row>) => `[\n${rows.map((row) => JSON.stringify(row)).join(",\n")}\n]\n`],
] as const

const rowsFrom = (first: number, count: number, text = "two\\nlines"): ReadonlyArray<Row> =>
  Array.from({ length: count }, (_, i) => ({ id: first + i, text: `${text} ${first + i}` }))

const rowsOf = (ids: ReadonlyArray<number>, text: string): ReadonlyArray<Row> => ids.map((id) => ({ id, text }))

describe.each(FORMATS)("a folder of %s files", (format, source, write) => {
  const folder = (files: Readonly<Record<string, ReadonlyArray<Row>>>) => {
    const root = projectFolder()
    const set = (name: string, rows: ReadonlyArray<Row>, modified?: number): void => {
      put(root, `in/${name}.${format}`, write(rows))
      if (modified !== undefined) utimesSync(join(root, `in/${name}.${format}`), modified, modified)
    }
    for (const [name, rows] of Object.entries(files)) set(name, rows, 1_000_000)
    let cursor: unknown
    const warnings: Array<string> = []
    const next = async (): Promise<ReadonlyArray<unknown>> => {
      const found = await readAll(source, { path: `in/*.${format}` }, { root, cursor, incremental: {}, warnings })
      cursor = found.cursor ?? cursor
      return found.rows.map((row) => row["id"])
    }
    return { root, set, next, warnings, remove: (name: string) => rmSync(join(root, `in/${name}.${format}`)) }
  }

  it("gives a new file once, whatever its place among the names", async () => {
    const { set, next, warnings } = folder({ b: rowsOf([1, 2], "x") })
    expect(await next()).toEqual([1, 2])
    set("c", rowsOf([3], "x"))
    set("a", rowsOf([4], "x"))
    expect(await next()).toEqual([4, 3])
    expect(await next()).toEqual([])
    expect(warnings).toEqual([])
  })

  it("goes on in a file that grew, or reads it again where it has an end", async () => {
    const { set, next, warnings } = folder({ a: rowsOf([1, 2], "x"), b: rowsOf([3], "x") })
    await next()
    set("a", rowsOf([1, 2, 4], "x"))
    expect(await next()).toEqual(format === "json" ? [1, 2, 4] : [4])
    expect(warnings).toHaveLength(format === "json" ? 1 : 0)
    expect(await next()).toEqual([])
  })

  it("reads a file again that was replaced by another of the same name and size", async () => {
    const { set, next, warnings } = folder({ a: rowsOf([1, 2], "x"), b: rowsOf([3], "x") })
    await next()
    set("a", rowsOf([1, 2], "y"), 1_000_001)
    expect(await next()).toEqual([1, 2])
    expect(warnings).toEqual([`in/a.${format} was changed since it was read, so it is read again from its start.`])
    expect(await next()).toEqual([])
  })

  it("sees a change in the middle of a large file of the same size", async () => {
    const rows = rowsFrom(1, 30_000)
    const { set, next } = folder({ a: rows })
    expect(await next()).toHaveLength(rows.length)
    set("a", rows, 1_000_001)
    expect(await next()).toHaveLength(0)
    set("a", rows.with(15_000, { ...rows[15_000]!, text: String(rows[15_000]!["text"]).toUpperCase() }), 1_000_002)
    expect(await next()).toHaveLength(rows.length)
  })

  it("reads a file again that became shorter", async () => {
    const { set, next } = folder({ a: rowsOf([1, 2, 3], "x") })
    await next()
    set("a", rowsOf([1, 2], "x"))
    expect(await next()).toEqual([1, 2])
  })

  it("does not miss a file that went, and knows it when it is back", async () => {
    const { set, next, remove, warnings } = folder({ a: rowsOf([1], "x"), b: rowsOf([2], "x") })
    await next()
    remove("a")
    expect(await next()).toEqual([])
    set("c", rowsOf([3], "x"))
    expect(await next()).toEqual([3])
    set("a", rowsOf([1], "x"))
    expect(await next()).toEqual([])
    remove("a")
    set("a", rowsOf([9], "x"))
    expect(await next()).toEqual([9])
    expect(warnings).toHaveLength(1)
  })
})

const FILES = 3
/** Of about 100 bytes, so that each file is read in several pieces of 1 MiB. */
const ROWS = 30_000
const TEXT = "x".repeat(80)
const INSIDE = ROWS + ROWS - 500

const passes = defineTransform({ type: "hang", batch: (rows) => rows })

/** As if the time had passed after which nobody believes that the process lives. */
const expireLease = async (root: string): Promise<void> => {
  const store = sqliteStore({ path: join(root, "state.db") })
  const lease = await Effect.runPromise(store.getLease("pipeline:folder"))
  await Effect.runPromise(store.releaseLease(lease!))
  await Effect.runPromise(store.close())
}

const killedInside = async (root: string, definition: PipelineDefinition): Promise<void> => {
  const script = join(import.meta.dirname, "childRun.ts")
  const args = ["--conditions=source", "--disable-warning=ExperimentalWarning", script, root, JSON.stringify(definition), String(INSIDE)]
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })
  onTestFinished(() => void child.kill("SIGKILL"))
  const ended = once(child, "close")
  const said = await Promise.race([once(child.stdout, "data"), ended])
  expect(String(said[0])).toBe("hanging\n")
  child.kill("SIGKILL")
  expect(await ended).toEqual([null, "SIGKILL"])
  await expireLease(root)
}

const idsIn = (root: string, into: string): ReadonlyArray<number> => {
  if (into === "csv") {
    const [header, ...lines] = readFileSync(join(root, "out.csv"), "utf8").trimEnd().split("\n")
    expect(header).toBe("id,text")
    return lines.map((line) => Number(line.slice(0, line.indexOf(","))))
  }
  if (into === "ndjson") {
    const lines = readFileSync(join(root, "out.ndjson"), "utf8").trimEnd().split("\n")
    return lines.map((line) => (JSON.parse(line) as { id: number }).id)
  }
  const database = new DatabaseSync(join(root, "out.db"), { readOnly: true })
  const found = database.prepare("SELECT id FROM rows ORDER BY rowid").all()
  database.close()
  return found.map(({ id }) => Number(id))
}

describe("a process that is killed inside a file", () => {
  it.each([
    ["csv", "csv"],
    ["ndjson", "ndjson"],
    ["json", "sqlite"],
    ["csv", "sqlite"],
  ] as const)("goes on inside it: %s into %s", async (format, into) => {
    const write = FORMATS.find(([name]) => name === format)![2]
    const root = projectFolder(
      Object.fromEntries(Array.from({ length: FILES }, (_, i) => [`in/${i}.${format}`, write(rowsFrom(i * ROWS, ROWS, TEXT))])),
    )
    const out = into === "sqlite" ? { type: "sqlite", path: "out.db", table: "rows" } : { type: into, path: `out.${into}` }
    const definition: PipelineDefinition = {
      name: "folder",
      sources: [{ type: format, path: `in/*.${format}`, incremental: true, batch_size: 500 }],
      transforms: [{ type: "hang" }],
      destinations: [{ ...out, write_mode: "append", flush_interval: "1ms" }],
    }
    await killedInside(root, definition)
    await using engine = createEngine({
      plugins: [...builtins, passes],
      projectRoot: root,
      store: sqliteStore({ path: join(root, "state.db") }),
    })
    const run = await engine.run(definition)
    // More than the last file, and less than the last two: it went on inside the second one.
    expect(run.rowsExtracted).toBeGreaterThan(ROWS)
    expect(run.rowsExtracted).toBeLessThan(2 * ROWS)
    expect(idsIn(root, into)).toEqual(Array.from({ length: FILES * ROWS }, (_, id) => id))
    expect((await engine.run(definition)).rowsExtracted).toBe(0)
  })
})
