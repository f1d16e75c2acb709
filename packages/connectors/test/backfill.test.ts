/** A range of the cursor column again, beside the live cursor. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { memorySource, sqliteDestination, sqliteSource } from "@deltaflow/connectors"
import { createEngine, type PipelineDefinition } from "@deltaflow/core"
import { afterAll, beforeEach, describe, expect, it } from "vitest"

const root = mkdtempSync(path.join(tmpdir(), "backfill-"))
afterAll(() => rmSync(root, { recursive: true }))

let file = ""
let count = 0

const sql = (text: string): ReadonlyArray<unknown> => {
  const database = new DatabaseSync(path.join(root, file))
  try {
    const [last = "", ...before] = text.split(";").toReversed()
    for (const one of before.toReversed()) database.exec(one)
    return database
      .prepare(last)
      .all()
      .map((row) => Object.values(row))
  } finally {
    database.close()
  }
}

beforeEach(() => {
  file = `${count++}.db`
  const days = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 9) SELECT id, '2026-01-0' || id, 'old' FROM n"
  // The file is read and written at once.
  sql(`PRAGMA journal_mode = WAL; CREATE TABLE orders (id INTEGER PRIMARY KEY, day TEXT, note TEXT); INSERT INTO orders ${days}; SELECT 1`)
})

const definition = (more: Partial<PipelineDefinition> = {}): PipelineDefinition => ({
  name: "orders",
  sources: [{ type: "sqlite", path: file, table: "orders", incremental: { column: "day", key: "id" } }],
  transforms: [{ type: "map", fields: { note: "upper(note)" } }],
  destinations: [{ type: "sqlite", path: file, table: "copies", write_mode: "upsert", key: "id" }],
  ...more,
})

const engine = () => createEngine({ plugins: [sqliteSource, sqliteDestination, memorySource({ rows: [] })], projectRoot: root })

const range = { from: "2026-01-03", to: "2026-01-05" }

describe("a range again", () => {
  it("is read and updated, and the live cursor stays", async () => {
    await using live = engine()
    await live.run(definition())
    const before = await live.getState("orders")
    sql("UPDATE orders SET note = 'new'; SELECT 1")
    const run = await live.run(definition(), { range })
    expect(run).toMatchObject({ pipeline: "orders/backfill", status: "success", rowsLoaded: 2, fullRefresh: false })
    expect(sql("SELECT id, note FROM copies WHERE note = 'NEW'")).toEqual([
      [3, "NEW"],
      [4, "NEW"],
    ])
    expect(await live.getState("orders")).toEqual(before)
    expect(await live.getState("orders/backfill")).toEqual([])
    sql("INSERT INTO orders VALUES (10, '2026-01-10', 'more'); SELECT 1")
    expect(await live.run(definition())).toMatchObject({ pipeline: "orders", rowsExtracted: 1, rowsLoaded: 1 })
    expect(await live.run(definition(), { range })).toMatchObject({ rowsLoaded: 2 })
    expect(sql("SELECT count(*) FROM copies")).toEqual([[10]])
  })

  it("is what :last_run says, in a query", async () => {
    await using live = engine()
    const query = "SELECT * FROM orders WHERE day > :last_run AND :pipeline_name = 'orders'"
    const sources = [{ type: "sqlite", path: file, query, incremental: { column: "day" } }]
    const run = await live.run(definition({ sources }), { range })
    expect(run.rowsLoaded).toBe(2)
    expect(sql("SELECT id FROM copies")).toEqual([[3], [4]])
  })

  it("is compared as the column is", async () => {
    await using live = engine()
    const sources = [{ type: "sqlite", path: file, table: "orders", incremental: { column: "id" } }]
    await live.run(definition({ sources }), { range: { from: "3", to: "10" } })
    expect(sql("SELECT count(*), min(id), max(id) FROM copies")).toEqual([[7, 3, 9]])
    const wrong = live.run(definition({ sources }), { range: { from: "a", to: "10" } })
    await expect(wrong).rejects.toMatchObject({ cause: { issues: [{ path: "range" }] } })
    const misspelt = definition({ sources, transforms: [{ type: "filter", condition: "nte = 'x'" }] })
    await expect(live.run(misspelt, { range: { from: "1", to: "2" } })).rejects.toMatchObject({
      cause: { issues: [{ code: "UNKNOWN_COLUMN", path: "transforms[0].condition" }] },
    })
  })

  it("may be read while the pipeline itself runs", async () => {
    await using live = engine()
    const lists = await Promise.all([live.run(definition()), live.run(definition(), { range })])
    expect(lists.map(({ status }) => status)).toEqual(["success", "success"])
    expect(sql("SELECT count(*) FROM copies")).toEqual([[9]])
  })

  it.each([
    [
      { destinations: [{ type: "sqlite", path: "x.db", table: "t", write_mode: "append" }] },
      "write_mode append, which would add the rows once more",
    ],
    [{ destinations: [{ type: "sqlite", path: "x.db", table: "t", write_mode: "replace" }] }, "which would take all other rows away"],
    [{ sources: [{ type: "memory", incremental: true }] }, "the source sources[0] has no cursor column"],
    [{ sources: [{ type: "sqlite", path: "x.db", table: "orders" }] }, "the source sources[0] has no cursor column"],
    [
      { transforms: [{ type: "aggregate", group_by: "id", metrics: { n: "COUNT(*)" } }] },
      "the step aggregate has counted these rows already",
    ],
  ] satisfies ReadonlyArray<[Partial<PipelineDefinition>, string]>)("is refused where it could do harm: %j", async (more, message) => {
    await using live = engine()
    await expect(live.run(definition(more), { range })).rejects.toMatchObject({
      code: "RANGE_REFUSED",
      message: expect.stringContaining(message),
    })
    expect((await live.listRuns()).total).toBe(0)
  })

  it("has an end", async () => {
    await using live = engine()
    await expect(live.run(definition(), { range: { from: "1", to: "1" } })).rejects.toThrow("there is no row: a range ends before its end")
  })
})
