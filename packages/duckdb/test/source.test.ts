/** Tables and queries of DuckDB files as sources. */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { memoryDestination } from "@deltaflow/connectors"
import { createEngine, Decimal, Interval, type SourceDefinition } from "@deltaflow/core"
import { runLaws, sourceLaws } from "@deltaflow/testing"
import { DuckDBInstance } from "@duckdb/node-api"
import { afterAll, beforeAll, describe, expect, it, test } from "vitest"
import { duckdb, duckdbSource } from "../src/index.ts"

const root = mkdtempSync(path.join(tmpdir(), "duckdb-source-"))
afterAll(() => rmSync(root, { recursive: true }))

const TYPES = `CREATE TABLE "all types" AS SELECT 9007199254740993 AS whole, 1.50::DECIMAL(38, 9) AS exact, 'NaN'::DOUBLE AS real, '' AS nothing,
  'é😀' AS text, '\\x00\\xFF'::BLOB AS raw, DATE '2025-01-31' AS day, TIMESTAMP '2025-01-31 04:05:06.789012' AS at, TIME '04:05:06.7' AS clock,
  TIMESTAMPTZ '2025-01-31 04:05:06.789012+02' AS moment, INTERVAL '1 month 2 days 3 seconds' AS span, [1, NULL] AS list,
  {'a': 1.10} AS struct, uuid '5f5d8a3e-5f5d-4a3e-8a3e-5f5d8a3e5f5d' AS id, NULL::BIGINT AS none`

beforeAll(async () => {
  const instance = await DuckDBInstance.create(path.join(root, "shop.duckdb"))
  const connection = await instance.connect()
  await connection.run("CREATE TABLE orders AS SELECT i AS id, 'name ' || i AS name FROM range(5000) t(i)")
  await connection.run("CREATE TABLE few AS FROM orders LIMIT 40")
  await connection.run(TYPES)
  connection.closeSync()
  instance.closeSync()
  writeFileSync(path.join(root, "no.duckdb"), "this is no database, and long enough to be looked at".repeat(100))
})

const rowsOf = async (source: Omit<SourceDefinition, "type">, transforms: ReadonlyArray<{ readonly type: string }> = []) => {
  const destination = memoryDestination()
  await using engine = createEngine({ plugins: [destination, ...duckdb], projectRoot: root })
  await engine.run({ name: "p", sources: [{ type: "duckdb", ...source }], transforms, destinations: [{ type: "memory" }] })
  return destination.rows()
}

describe("the laws", () => {
  runLaws(
    sourceLaws({
      source: duckdbSource,
      projectRoot: root,
      config: { path: "shop.duckdb", table: "few" },
      rows: Array.from({ length: 40 }, (_, i) => ({ id: i, name: `name ${i}` })),
      badConfigs: [
        { path: "shop.duckdb", table: "nothing" },
        { path: "shop.duckdb", query: "SELEC 1" },
        { path: "no.duckdb", table: "few" },
        { path: "missing.duckdb", table: "few" },
      ],
    }),
    { test },
  )
})

describe("a source of DuckDB", () => {
  it("gives all rows in order, and only the columns that are used", async () => {
    const rows = await rowsOf({ path: "shop.duckdb", table: "orders", batch_size: 700 })
    expect(rows).toHaveLength(5000)
    expect(rows[4321]).toEqual({ id: 4321, name: "name 4321" })
    await using engine = createEngine({ plugins: [memoryDestination(), ...duckdb], projectRoot: root })
    const select = [{ type: "select", columns: ["name"] }] as const
    const explained = await engine.explain({
      name: "p",
      sources: [{ type: "duckdb", path: "shop.duckdb", table: "orders" }],
      transforms: select,
      destinations: [{ type: "memory" }],
    })
    expect(explained.sources[0]).toMatchObject({ pruned: ["id"], pruning: "source", notes: ['SELECT "name" FROM "orders"'] })
  })

  it("keeps values as they are", async () => {
    expect(await rowsOf({ path: "shop.duckdb", table: "all types" })).toEqual([
      {
        whole: 9_007_199_254_740_993n,
        exact: Decimal.parse("1.500000000"),
        real: NaN,
        nothing: "",
        text: "é😀",
        raw: Uint8Array.of(0, 255),
        day: "2025-01-31",
        at: "2025-01-31T04:05:06.789012",
        clock: "04:05:06.7",
        moment: "2025-01-31T02:05:06.789012Z",
        span: new Interval(1, 2, 3_000_000),
        list: [1, null],
        struct: { a: 1.1 },
        id: "5f5d8a3e-5f5d-4a3e-8a3e-5f5d8a3e5f5d",
        none: null,
      },
    ])
  })

  it("binds runtime values, and reaches no other file", async () => {
    const query = "SELECT id, :pipeline_name AS pipeline FROM orders WHERE id < 2 ORDER BY id DESC"
    expect(await rowsOf({ path: "shop.duckdb", query })).toEqual([
      { id: 1, pipeline: "p" },
      { id: 0, pipeline: "p" },
    ])
    const outside = rowsOf({ path: "shop.duckdb", query: "FROM read_text('/etc/passwd')" })
    await expect(outside).rejects.toMatchObject({ message: expect.stringContaining("file system operations are disabled") })
    await expect(rowsOf({ path: "../x.duckdb", table: "x" })).rejects.toMatchObject({ code: "PATH_OUTSIDE_PROJECT" })
  })

  it.each([
    [{ path: "shop.duckdb", table: "ordres" }, "SQL_INVALID", 'Did you mean "orders"?'],
    [{ path: "shop.duckdb", query: "SELECT nam FROM orders" }, "UNKNOWN_COLUMN", '"nam" not found'],
    [{ path: "shop.duckdb", query: "DELETE FROM orders" }, "SQL_INVALID", "syntax error"],
    [{ path: "missing.duckdb", table: "x" }, "FILE_NOT_FOUND", "there is no file missing.duckdb"],
    [{ path: "no.duckdb", table: "x" }, "SOURCE_FAILED", "not a valid DuckDB database"],
    [{ path: "shop.duckdb", table: "few", columns: { id: "string" } as const }, "INVALID_VALUE", "is integer in DuckDB"],
  ])("says what is wrong with %j", async (source, code, message) => {
    await expect(rowsOf(source)).rejects.toMatchObject({ code, message: expect.stringContaining(message) })
  })

  it("has no rows where its file may be missing", async () => {
    expect(await rowsOf({ path: "missing.duckdb", table: "x", optional: true })).toEqual([])
  })

  it("says so where another process writes to the file", async () => {
    const program = `
      const { DuckDBInstance } = await import(${JSON.stringify(import.meta.resolve("@duckdb/node-api"))})
      const instance = await DuckDBInstance.create(${JSON.stringify(path.join(root, "busy.duckdb"))})
      process.stdout.write("open")
      process.stdin.once("data", () => instance.closeSync()).once("end", () => process.exit())
    `
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["pipe", "pipe", "inherit"] })
    await new Promise((resolve) => child.stdout.once("data", resolve))
    await expect(rowsOf({ path: "busy.duckdb", table: "x" })).rejects.toMatchObject({
      code: "SOURCE_FAILED",
      message: expect.stringContaining("Another process writes to the file: try again when it is done."),
    })
    const ended = new Promise((resolve) => child.once("exit", resolve))
    child.stdin.end()
    await ended
  })
})
