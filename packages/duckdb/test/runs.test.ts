/** Runs with steps in SQL: rows that cannot be held, counts, memory, and what is left behind. */
import { spawn } from "node:child_process"
import { globSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs"
import path from "node:path"
import { createEngine, Decimal, defineSource, defineTransform, type Row } from "@deltaflow/core"
import { memoryDestination } from "@deltaflow/connectors"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { duckdb } from "../src/index.ts"
import { made, runSql, temporaryFolder } from "./harness.ts"

const count = (length: number): ReadonlyArray<Row> => Array.from({ length }, (_, i) => ({ id: i, name: `name ${i % 97}` }))

/** A query that would take hours. */
const ENDLESS = "SELECT sum(hash(a.i, b.i)) AS s FROM range(1000000000) a(i), range(1000000000) b(i)"

describe("rows that a table cannot hold", () => {
  const rows = [Decimal.parse("1.5"), new Decimal(NaN, 0), Decimal.parse("2.25"), null].map((amount, id) => ({ id, amount }))
  const skip = { error_handling: { strategy: "skip", dead_letter: { type: "memory", dataset: "rejected" } } } as const

  it("end the run, with their number and what to do", async () => {
    const failing = runSql({ sources: { rows }, transforms: [{ type: "sql", query: "FROM input" }] })
    await expect(failing).rejects.toMatchObject({
      code: "VALUE_NOT_SUPPORTED",
      message: expect.stringContaining(
        "orders / transforms[0] (sql): row 2, column amount: DuckDB has no decimal NaN. Make the column a double",
      ),
    })
  })

  it("are set aside where rows may be, whether they arrive, are read for the query, or are copied on their way", async () => {
    const arriving = await runSql({ sources: { rows }, transforms: [{ type: "sql", query: "SELECT id FROM input" }], more: skip })
    expect(arriving.rows).toEqual([{ id: 0 }, { id: 2 }, { id: 3 }])
    expect(arriving.result).toMatchObject({ rowsExtracted: 4, rowsLoaded: 3, rowsRejected: 1, rowsFiltered: 0 })

    const side = {
      sources: { rows, other: [{ id: 0 }, { id: 2 }] },
      transforms: [{ type: "sql", query: "SELECT r.id FROM input JOIN rows r USING (id)" }],
      more: skip,
    } as const
    const read = await runSql(side)
    expect(new Set(read.rows.map(({ id }) => id))).toEqual(new Set([0, 2]))
    expect(read.result).toMatchObject({ rowsExtracted: 6, rowsLoaded: 2, rowsRejected: 1, rowsFiltered: 3 })

    const transforms = [
      { type: "map", name: "same", fields: { twice: "id * 2" } },
      { type: "select", columns: ["id"] },
      { type: "filter", condition: "id <> 3" },
      { type: "sql", query: "SELECT id, (SELECT count(*) FROM same) AS same FROM input" },
    ] as const
    const copied = await runSql({ sources: { rows }, transforms, more: skip })
    expect(copied.rows).toEqual([
      { id: 0, same: 3 },
      { id: 2, same: 3 },
    ])
    expect(copied.result).toMatchObject({ rowsExtracted: 4, rowsLoaded: 2, rowsRejected: 1, rowsFiltered: 1 })
  })
})

describe("the result", () => {
  it("does not depend on how rows are cut, nor on workers", async () => {
    const table = fc.array(fc.record({ k: fc.nat(5), v: fc.integer() }, { noNullPrototype: true }), { maxLength: 60 })
    const settings = fc.record(
      { batch_size: fc.integer({ min: 1, max: 70 }), workers: fc.integer({ min: 1, max: 4 }) },
      { noNullPrototype: true },
    )
    const transforms = [
      { type: "filter", name: "some", condition: "v % 3 <> 0" },
      { type: "sql", query: "SELECT k, sum(v)::BIGINT AS s, (SELECT count(*) FROM rows) AS n FROM input GROUP BY k ORDER BY k" },
    ] as const
    await fc.assert(
      fc.asyncProperty(table, settings, async (rows, defaults) => {
        const kept = rows.filter(({ v }) => v % 3 !== 0)
        const expected = [...new Set(kept.map(({ k }) => k))]
          .toSorted((a, b) => a - b)
          .map((k) => ({ k, s: kept.filter((row) => row.k === k).reduce((sum, { v }) => sum + v, 0), n: rows.length }))
        const columns = { k: "integer", v: "integer" } as const
        const { rows: given, result } = await runSql({ sources: { rows: { rows, columns } }, transforms, defaults })
        expect(given).toEqual(expected)
        const { rowsExtracted, rowsLoaded, rowsFiltered, progress } = result
        expect(rowsExtracted + progress.added).toBe(rowsLoaded + rowsFiltered)
      }),
      { numRuns: 15 },
    )
  })

  it("has the order of the rows where the query asks for none, over many batches", async () => {
    const rows = count(20_000)
    const done = await runSql({
      sources: { rows },
      transforms: [{ type: "sql", query: "SELECT id FROM input" }],
      defaults: { batch_size: 777 },
    })
    expect(done.rows.map(({ id }) => id)).toEqual(rows.map(({ id }) => id))
  })

  it("comes from a table whose columns are known only when a custom step has given rows", async () => {
    const split = defineTransform({ type: "split", row: (row) => [{ part: `${String(row["name"])}!` }, { part: "x", more: 0.5 }] })
    const transforms = [
      { type: "split", name: "parts" },
      { type: "filter", condition: "more IS NULL OR more > 0" },
      { type: "sql", query: "SELECT count(*) AS n, sum(more) AS s, (SELECT max(part) FROM parts) AS m FROM input" },
    ]
    const { definition, destination } = made({ sources: { rows: count(3) }, transforms })
    const { definition: _, ...parts } = made({ sources: { rows: count(3) }, transforms })
    await parts.engine.close()
    const source = defineSource({
      type: "memory",
      read: async function* () {
        yield* [count(2), count(1)]
      },
    })
    await using engine = createEngine({ plugins: [source, destination, split, ...duckdb], tempFolder: temporaryFolder() })
    await engine.run({ ...definition, sources: [{ type: "memory" }] })
    expect(destination.rows()).toEqual([{ n: 6, s: 1.5, m: "x" }])
  })

  it("of a query that has no rows is none, or one, as SQL has it", async () => {
    const columns = { id: "integer" } as const
    const over = async (query: string) =>
      (await runSql({ sources: { rows: { rows: [], columns } }, transforms: [{ type: "sql", query }] })).rows
    expect(await over("SELECT id FROM input")).toEqual([])
    expect(await over("SELECT count(*) AS n FROM input")).toEqual([{ n: 0 }])
  })
})

describe("a query that fails while it runs", () => {
  it.each([
    ["SELECT name::INT AS x FROM input", "INVALID_CAST", "Could not convert string 'name 0' to INT32"],
    ["SELECT id + 9223372036854775807 AS x FROM input", "NUMBER_OUT_OF_RANGE", "Overflow in addition"],
    ["SELECT error('boom ' || name) AS x FROM input", "INVALID_ARGUMENT", "boom name 0"],
    ["SELECT (SELECT id FROM input) AS x", "INVALID_ARGUMENT", "More than one row"],
  ])("%s: %s", async (query, code, message) => {
    const folder = temporaryFolder()
    const failing = runSql({
      sources: { rows: count(2) },
      transforms: [{ type: "sql", name: "sum up", query }],
      engine: { tempFolder: folder },
    })
    await expect(failing).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/^orders \/ transforms\[0\] \(sql sum up\): the query failed: /),
    })
    await expect(failing).rejects.toMatchObject({ message: expect.stringContaining(message) })
    expect(readdirSync(folder)).toEqual([])
  })
})

describe("what a query keeps", () => {
  it("goes to disk past its share of memory, and nothing of it stays", async () => {
    const folder = temporaryFolder()
    const idOf = (i: number): number => (i * 7919) % 400_009
    const row = (i: number): Row => ({ id: idOf(i), note: `${i} ${"some text that fills memory ".repeat(10)}` })
    const source = defineSource({
      type: "memory",
      read: async function* () {
        for (let from = 0; from < 400_000; from += 10_000) yield Array.from({ length: 10_000 }, (_, i) => row(from + i))
      },
    })
    let largest = 0
    const looking = setInterval(() => {
      const files = globSync("*/spill/*.tmp", { cwd: folder })
      const size = files.reduce((sum, file) => sum + (statSync(path.join(folder, file), { throwIfNoEntry: false })?.size ?? 0), 0)
      largest = Math.max(largest, size)
    }, 20)
    const destination = memoryDestination()
    await using engine = createEngine({ plugins: [source, destination, ...duckdb], tempFolder: folder })
    const query = "SELECT id, note FROM input ORDER BY id LIMIT 3 OFFSET 350000"
    const done = engine.run({
      name: "orders",
      defaults: { buffer_memory: "64mb" },
      sources: [{ type: "memory" }],
      transforms: [{ type: "sql", query }],
      destinations: [{ type: "memory" }],
    })
    await done.finally(() => clearInterval(looking))
    const places = Array.from({ length: 400_000 }, (_, i) => i).toSorted((i, j) => idOf(i) - idOf(j))
    expect(destination.rows()).toEqual(places.slice(350_000, 350_003).map(row))
    expect(largest).toBeGreaterThan(1_000_000)
    expect(readdirSync(folder)).toEqual([])
  })

  it("is told to be too much where even the disk does not help", async () => {
    const query = "SELECT list(a.i || repeat('x', 100)) AS l FROM range(5000000) a(i)"
    const failing = runSql({ sources: { rows: count(1) }, transforms: [{ type: "sql", query }], defaults: { buffer_memory: "64mb" } })
    await expect(failing).rejects.toMatchObject({
      code: "SQL_FAILED",
      message: expect.stringMatching(/needs more memory than its share of buffer_memory: .* Raise buffer_memory\.$/),
    })
  })

  it("cannot be kept where the folder cannot be made", async () => {
    const file = path.join(temporaryFolder(), "file")
    writeFileSync(file, "")
    const failing = runSql({
      sources: { rows: count(1) },
      transforms: [{ type: "sql", query: "FROM input" }],
      engine: { tempFolder: path.join(file, "x") },
    })
    await expect(failing).rejects.toMatchObject({ code: "SPILL_FAILED", message: expect.stringContaining("Choose another tempFolder") })
  })
})

describe("a run that ends early", () => {
  it.each(["cancel", "timeout"])("by its %s ends the query at once, and leaves nothing", async (how) => {
    const folder = temporaryFolder()
    const { definition, engine } = made({
      sources: { rows: count(10) },
      transforms: [{ type: "sql", query: ENDLESS }],
      engine: { tempFolder: folder },
    })
    const run = await engine.start(definition, how === "timeout" ? { timeout: 500 } : {})
    await expect.poll(() => readdirSync(folder).length).toBe(1)
    if (how === "cancel") await run.cancel()
    const { status } = await run.done
    expect(status).toBe(how === "cancel" ? "cancelled" : "failed")
    expect(readdirSync(folder)).toEqual([])
    await engine.close()
  })

  it("by a failure behind the query leaves nothing, and the next try begins anew", async () => {
    const folder = temporaryFolder()
    let tries = 0
    const flaky = defineTransform({
      type: "flaky",
      batch: (rows) => {
        if (tries++ === 0) throw new Error("not yet")
        return rows
      },
    })
    const setting = { sources: { rows: count(5) }, transforms: [{ type: "sql", query: "SELECT id FROM input" }, { type: "flaky" }] }
    const { definition, destination, engine } = made(setting)
    await engine.close()
    const source = defineSource({
      type: "memory",
      read: async function* () {
        yield count(5)
      },
    })
    await using other = createEngine({ plugins: [source, destination, flaky, ...duckdb], tempFolder: folder })
    await expect(other.run(definition)).rejects.toMatchObject({ message: expect.stringContaining("not yet") })
    expect(readdirSync(folder)).toEqual([])
    await other.run(definition)
    expect(destination.rows()).toHaveLength(5)
    expect(readdirSync(folder)).toEqual([])
  })
})

describe("a process that is killed", () => {
  const program = (folder: string): string => `
    import { createEngine, defineSource } from ${JSON.stringify(import.meta.resolve("@deltaflow/core"))}
    import { memoryDestination } from ${JSON.stringify(import.meta.resolve("@deltaflow/connectors"))}
    import { duckdb } from ${JSON.stringify(import.meta.resolve("../src/index.ts"))}
    const source = defineSource({ type: "memory", read: async function* () { yield [{ id: 1 }] } })
    const engine = createEngine({ plugins: [source, memoryDestination(), ...duckdb], tempFolder: ${JSON.stringify(folder)} })
    await engine.run({ name: "p", sources: [{ type: "memory" }], transforms: [{ type: "sql", query: ${JSON.stringify(ENDLESS)} }], destinations: [{ type: "memory" }] })
  `

  it("leaves a folder that the next query removes, and not one that is in use", async () => {
    const folder = temporaryFolder()
    const script = path.join(temporaryFolder(), "program.mjs")
    writeFileSync(script, program(folder))
    const child = spawn(process.execPath, ["--conditions=source", "--disable-warning=ExperimentalWarning", script], {
      stdio: ["ignore", "inherit", "inherit"],
    })
    const ended = new Promise((resolve) => child.once("exit", resolve))
    await expect
      .poll(() => readdirSync(folder, { recursive: true }).some((name) => String(name).endsWith("lock.duckdb")), { timeout: 20_000 })
      .toBe(true)
    const [left] = readdirSync(folder)
    const old = Date.now() / 1000 - 3600
    utimesSync(path.join(folder, left!), old, old)
    const again = () =>
      runSql({ sources: { rows: count(1) }, transforms: [{ type: "sql", query: "FROM input" }], engine: { tempFolder: folder } })
    await again()
    expect(readdirSync(folder)).toEqual([left])
    child.kill("SIGKILL")
    await ended
    utimesSync(path.join(folder, left!), old, old)
    await again()
    expect(readdirSync(folder)).toEqual([])
  })

  it("may leave a folder without a database, which goes when it is old", async () => {
    const folder = temporaryFolder()
    for (const name of ["sql-old", "sql-young", "other"]) mkdirSync(path.join(folder, name))
    writeFileSync(path.join(folder, "sql-old", "lock.duckdb"), "no database")
    utimesSync(path.join(folder, "sql-old"), 1, 1)
    await runSql({ sources: { rows: count(1) }, transforms: [{ type: "sql", query: "FROM input" }], engine: { tempFolder: folder } })
    expect(readdirSync(folder).toSorted()).toEqual(["other", "sql-young"])
  })
})
