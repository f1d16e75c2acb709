/** Tables of DuckDB files as destinations. */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { memoryDestination, memorySource } from "@deltaflow/connectors"
import { type ColumnType, createEngine, Decimal, type PipelineDefinition, type Row } from "@deltaflow/core"
import { memoryStore } from "@deltaflow/core/store/memory"
import { destinationLaws, runLaws } from "@deltaflow/testing"
import { nodeFiles } from "@deltaflow/core/node"
import { DuckDBInstance } from "@duckdb/node-api"
import * as Effect from "effect/Effect"
import fc from "fast-check"
import { afterAll, describe, expect, it, test } from "vitest"
import { duckdb, duckdbDestination } from "../src/index.ts"

const root = mkdtempSync(path.join(tmpdir(), "duckdb-destination-"))
afterAll(() => rmSync(root, { recursive: true }))

let files = 0
const newFile = (): string => `${++files}.duckdb`

const sql = async (file: string, text: string): Promise<ReadonlyArray<Record<string, unknown>>> => {
  const instance = await DuckDBInstance.create(path.join(root, file))
  const connection = await instance.connect()
  const rows = (await connection.runAndReadAll(text)).getRowObjectsJson()
  connection.closeSync()
  instance.closeSync()
  return rows
}

/** Rows as the source of this package reads them. */
const rowsOf = async (projectRoot: string, file: string): Promise<ReadonlyArray<Row>> => {
  const output = memoryDestination()
  await using engine = createEngine({ plugins: [output, ...duckdb], projectRoot })
  try {
    await engine.run({ name: "look", sources: [{ type: "duckdb", path: file, table: "rows" }], destinations: [{ type: "memory" }] })
  } catch (error) {
    if (error instanceof Error && /no file|does not exist/.test(error.message)) return []
    throw error
  }
  return output.rows()
}

describe("the laws", () => {
  const make = () => {
    const projectRoot = mkdtempSync(path.join(root, "laws-"))
    return {
      config: { path: "out.duckdb", table: "rows" },
      projectRoot,
      readBack: () => rowsOf(projectRoot, "out.duckdb"),
      dispose: () => rmSync(projectRoot, { recursive: true, force: true }),
    }
  }
  const names = fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 12 }).filter((name) => !name.includes("\0"))
  // What DuckDB has no room for is refused by the tests of its values.
  const types: ReadonlyArray<ColumnType> = [
    "boolean",
    "integer",
    "double",
    "string",
    "bytes",
    "time",
    "uuid",
    "json",
    "integer[]",
    "string[]",
  ]
  runLaws(destinationLaws({ destination: duckdbDestination, make, names, types, runs: 6 }), {
    test,
  })
})

const into = async (
  file: string,
  rows: ReadonlyArray<object>,
  destination: Record<string, unknown> = {},
  definition: Partial<PipelineDefinition> = {},
  store = memoryStore(),
) => {
  await using engine = createEngine({ plugins: [memorySource({ rows }), ...duckdb], projectRoot: root, store })
  return await engine.run({
    name: "into",
    sources: [{ type: "memory" }],
    destinations: [{ type: "duckdb", path: file, table: "rows", ...destination }],
    ...definition,
  })
}

describe("a destination of DuckDB", () => {
  it("makes a table, adds to it, and gives decimals the digits that they need", async () => {
    const file = newFile()
    await into(file, [{ id: 1, price: Decimal.parse("1.50") }], { write_mode: "append" })
    await into(file, [{ id: 2, price: Decimal.parse("0.12345") }], { write_mode: "append" })
    expect(await sql(file, "SELECT id, price::VARCHAR AS price, typeof(price) AS type FROM rows ORDER BY id")).toEqual([
      { id: "1", price: "1.50000", type: "DECIMAL(38,5)" },
      { id: "2", price: "0.12345", type: "DECIMAL(38,5)" },
    ])
  })

  it("updates rows with the same key, of which the last one counts", async () => {
    const file = newFile()
    const upsert = { write_mode: "upsert", key: "id" }
    await into(
      file,
      [
        { id: 1, name: "a" },
        { id: 2, name: "b" },
        { id: 1, name: "c" },
      ],
      upsert,
      { sources: [{ type: "memory", batch_size: 1 }] },
    )
    await into(
      file,
      [
        { id: 2, name: "d" },
        { id: 3, name: "e" },
      ],
      upsert,
    )
    expect(await sql(file, "SELECT * FROM rows ORDER BY id")).toEqual([
      { id: "1", name: "c" },
      { id: "2", name: "d" },
      { id: "3", name: "e" },
    ])
  })

  it("replaces all rows, in a table with a key too", async () => {
    const file = newFile()
    await sql(file, "CREATE TABLE rows (id BIGINT PRIMARY KEY, name VARCHAR); INSERT INTO rows VALUES (1, 'old'), (9, 'old')")
    await into(file, [{ id: 1, name: "new" }], { write_mode: "replace" })
    expect(await sql(file, "SELECT * FROM rows")).toEqual([{ id: "1", name: "new" }])
  })

  it("refuses what a column would change, with row and column, and keeps the old rows", async () => {
    const file = newFile()
    await sql(file, "CREATE TABLE rows (id INTEGER, price DECIMAL(5,2), name VARCHAR NOT NULL)")
    const good = { id: 1, price: Decimal.parse("1.5"), name: "a" }
    await into(file, [good], { write_mode: "append", schema_changes: "freeze" })
    const load = (row: object) => into(file, [good, row], { write_mode: "append", schema_changes: "freeze" })
    await expect(load({ ...good, id: 3_000_000_000 })).rejects.toThrow(
      "row 2, column id: its BIGINT does not fit INTEGER without a change.",
    )
    await expect(load({ ...good, price: Decimal.parse("1.505") })).rejects.toThrow(
      "row 2, column price: its DECIMAL(38,3) does not fit DECIMAL(5,2)",
    )
    await expect(load({ ...good, name: null })).rejects.toThrow(/NOT NULL constraint failed/)
    await expect(load({ ...good, more: 1 })).rejects.toMatchObject({ code: "SCHEMA_CHANGED" })
    expect(await sql(file, "SELECT count(*)::INTEGER AS n FROM rows")).toEqual([{ n: 1 }])
  })

  it("keeps the checkpoint beside the rows, and writes several tables of one file in one run", async () => {
    const file = newFile()
    const rows = [
      { id: 1, items: [{ sku: "a" }] },
      { id: 2, items: [{ sku: "b" }, { sku: "c" }] },
    ]
    const definition = {
      sources: [{ type: "memory", incremental: true, batch_size: 1, columns: { items: "json" } }],
      transforms: [{ type: "flatten", children: { items: { key: "id" } } }],
      destinations: [
        { type: "duckdb", name: "orders", path: file, table: "rows", write_mode: "append", flush_interval: "0s" },
        { type: "duckdb", name: "items", path: file, table: "items", rows: "items", write_mode: "append", flush_interval: "0s" },
      ],
    } as const
    for (let i = 0; i < 3; i++) await into(file, rows, {}, definition)
    const run = await into(file, [...rows, { id: 3, items: [] }], {}, definition)
    expect(run.rowsExtracted).toBe(1)
    expect(
      await sql(file, "SELECT (SELECT count(*) FROM rows)::INTEGER AS orders, (SELECT count(*) FROM items)::INTEGER AS items"),
    ).toEqual([{ orders: 3, items: 3 }])
  })

  it("says so where another process has the file open, and where this one reads it", async () => {
    const file = newFile()
    const program = `
      const { DuckDBInstance } = await import(${JSON.stringify(import.meta.resolve("@duckdb/node-api"))})
      const instance = await DuckDBInstance.create(${JSON.stringify(path.join(root, file))})
      process.stdout.write("open")
      process.stdin.once("data", () => instance.closeSync()).once("end", () => process.exit())
    `
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["pipe", "pipe", "inherit"] })
    await new Promise((resolve) => child.stdout.once("data", resolve))
    await expect(into(file, [{ id: 1 }], { write_mode: "append" })).rejects.toThrow(
      "Another process has the file open: try again when it is done.",
    )
    const ended = new Promise((resolve) => child.once("exit", resolve))
    child.stdin.end()
    await ended
    await into(file, [{ id: 1 }], { write_mode: "append" })
    await expect(
      into(file, [], { write_mode: "append", table: "others" }, { sources: [{ type: "duckdb", path: file, table: "rows" }] }),
    ).rejects.toThrow("Read and write different files within a run")
  })

  it("lets no run commit that a later one has overtaken", async () => {
    const file = newFile()
    await into(file, [{ id: 1 }], { write_mode: "append" })
    await sql(file, "UPDATE _deltaflow_checkpoints SET epoch = 1000")
    const request = {
      ...contextOf(file),
      schema: { columns: [{ name: "id", type: "integer", nullable: true }] },
      writeMode: "append",
      key: [],
      schemaChanges: "evolve",
      epoch: 999,
      state: undefined,
      fullRefresh: false,
    } as const
    const checkpoint = { pipeline: "into", runId: "late", cursors: {}, epoch: 999, batchId: 1 }
    const late = Effect.scoped(Effect.flatMap(duckdbDestination.open(request), (load) => load.commit(checkpoint, true)))
    expect(await Effect.runPromise(Effect.flip(late))).toMatchObject({ code: "LEASE_LOST" })
    expect(await sql(file, "SELECT run_id = 'late' AS is_late FROM _deltaflow_checkpoints")).toEqual([{ is_late: false }])
  })
})

const contextOf = (file: string) => ({
  pipeline: "into",
  runId: "late",
  name: "destinations[0]",
  config: { path: file, table: "rows" },
  projectRoot: root,
  allowOutside: false,
  files: nodeFiles(),
  log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
  signal: new AbortController().signal,
  startedAt: 0,
  runtimeValues: {},
})

const ignore = (): void => undefined
