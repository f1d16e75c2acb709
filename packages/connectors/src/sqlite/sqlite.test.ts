import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { createEngine, Decimal, type EngineOptions, parseValue, type PipelineDefinition, type Row, toRowValue } from "@deltaflow/core"
import { memoryStore } from "@deltaflow/core/store/memory"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { memoryDestination, memorySource } from "../memory/index.ts"
import { sqliteDestination, sqliteSource } from "./index.ts"

let root: string
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), "deltaflow-sqlite-"))
})
afterEach(() => rm(root, { recursive: true, force: true }))

const open = (): DatabaseSync => new DatabaseSync(path.join(root, "test.db"))

const sql = (text: string): void => {
  const database = open()
  database.exec(text)
  database.close()
}

const table = (query: string): ReadonlyArray<Row> => {
  const database = open()
  const rows = database.prepare(query).all() as Array<Row>
  database.close()
  return rows.map((row) => ({ ...row }))
}

const into = async (
  rows: ReadonlyArray<object>,
  more: Record<string, unknown> = {},
  definition: Partial<PipelineDefinition> = {},
  options: Partial<EngineOptions> = {},
) => {
  await using engine = createEngine({ plugins: [memorySource({ rows }), sqliteDestination], projectRoot: root, ...options })
  return await engine.run({
    name: "into",
    sources: [{ type: "memory" }],
    destinations: [{ type: "sqlite", path: "test.db", table: "people", ...more }],
    ...definition,
  })
}

const outOf = async (
  source: Record<string, unknown>,
  definition: Partial<PipelineDefinition> = {},
  options: Partial<EngineOptions> = {},
) => {
  const output = memoryDestination()
  await using engine = createEngine({ plugins: [sqliteSource, output], projectRoot: root, ...options })
  const run = await engine.run({
    name: "out",
    sources: [{ type: "sqlite", path: "test.db", ...source }],
    destinations: [{ type: "memory" }],
    ...definition,
  })
  return { run, rows: output.rows() }
}

describe("the sqlite destination", () => {
  it.each(["append", "replace"])("takes the rows of a process whose store is new, with %s", async (write_mode) => {
    // Each `into` has a store of its own, whose epochs begin anew; what stands beside the rows has the higher one.
    const store = memoryStore()
    for (let id = 1; id <= 3; id++) await into([{ id }], { write_mode }, {}, { store })
    await into([{ id: 4 }], { write_mode })
    expect(table("SELECT id FROM people ORDER BY id").at(-1)).toEqual({ id: 4 })
    await into([{ id: 5 }], { write_mode }, { sources: [{ type: "memory", incremental: true }] })
    expect(table("SELECT max(id) AS last FROM people")).toEqual([{ last: 5 }])
  })

  it("makes a table from the rows' columns and replaces what was there", async () => {
    await into([{ id: 1, name: "Ada" }], { write_mode: "replace" })
    await into(
      [
        { id: 2, name: null },
        { id: 3, name: "" },
      ],
      { write_mode: "replace" },
    )
    expect(table("SELECT * FROM people")).toEqual([
      { id: 2, name: null },
      { id: 3, name: "" },
    ])
  })

  it("updates rows with the same key in the mode upsert", async () => {
    await into(
      [
        { id: 1, name: "Ada" },
        { id: 2, name: "Bo" },
      ],
      { write_mode: "upsert", key: "id" },
    )
    await into(
      [
        { id: 2, name: "Bob" },
        { id: 3, name: "Cy" },
      ],
      { write_mode: "upsert", key: "id" },
    )
    expect(table("SELECT name FROM people ORDER BY id").map((row) => row["name"])).toEqual(["Ada", "Bob", "Cy"])
  })

  it("adds new columns, or refuses them where told so", async () => {
    await into([{ id: 1 }], { write_mode: "append" })
    await into([{ id: 2, extra: "x" }], { write_mode: "append" })
    expect(table("SELECT * FROM people")).toEqual([
      { id: 1, extra: null },
      { id: 2, extra: "x" },
    ])
    await expect(into([{ id: 3, other: 1 }], { write_mode: "append", schema_changes: "fail" })).rejects.toMatchObject({
      code: "SCHEMA_CHANGED",
    })
  })

  it("says where it cannot write: a file in the place of a folder, a folder in the place of the file, no database", async () => {
    writeFileSync(path.join(root, "blocked"), "x")
    mkdirSync(path.join(root, "folder"))
    for (const place of ["blocked/test.db", "folder"]) {
      const failure = into([{ id: 1 }], { path: place })
      await expect(failure).rejects.toMatchObject({ code: "OUTPUT_NOT_WRITABLE", message: expect.stringContaining(place) as string })
    }
    await expect(into([{ id: 1 }], { path: "blocked" })).rejects.toThrow("blocked is no SQLite database. Name another file")
    expect(readFileSync(path.join(root, "blocked"), "utf8")).toBe("x")
  })

  it("leaves the old rows when the run fails half way", async () => {
    await into([{ id: 1 }], { write_mode: "replace" })
    const rows = [...Array.from({ length: 20 }, (_, i) => ({ id: i })), { id: Number.NaN }]
    await expect(
      into(rows, { write_mode: "replace" }, { sources: [{ type: "memory", batch_size: 5, columns: { id: "double" } }] }),
    ).rejects.toMatchObject({
      code: "VALUE_NOT_SUPPORTED",
      message: expect.stringContaining("row 21, column id: SQLite cannot hold NaN"),
    })
    expect(table("SELECT * FROM people")).toEqual([{ id: 1 }])
  })

  it("sets one bad row aside and keeps the others of its batch", async () => {
    sql("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
    const rejected = memoryDestination()
    const rows = Array.from({ length: 50 }, (_, i) => ({ id: i, name: i === 17 ? null : `n${i}` }))
    const run = await into(
      rows,
      { write_mode: "append" },
      { error_handling: { strategy: "skip", dead_letter: { type: "memory" } } },
      { plugins: [memorySource({ rows }), sqliteDestination, rejected] },
    )
    expect(run).toMatchObject({ rowsLoaded: 49, rowsRejected: 1 })
    expect(rejected.rows()).toMatchObject([{ row: { id: 17, name: null }, error: expect.stringContaining("NOT NULL") }])
    expect(table("SELECT count(*) AS n FROM people")).toEqual([{ n: 49 }])
  })

  it("keeps the checkpoint beside the rows: a new store does not read them again", async () => {
    const rows = [{ id: 1 }, { id: 2 }]
    const incremental = { sources: [{ type: "memory", incremental: true }] } as const
    for (let i = 0; i < 3; i++) await into(rows, { write_mode: "append" }, incremental, { store: memoryStore() })
    const run = await into([...rows, { id: 3 }], { write_mode: "append" }, incremental, { store: memoryStore() })
    expect(run.rowsExtracted).toBe(1)
    expect(table("SELECT id FROM people").length).toBe(3)
  })

  it("reads all again after a reset of the state", async () => {
    const store = memoryStore()
    const incremental = { sources: [{ type: "memory", incremental: true }] } as const
    await into([{ id: 1 }], { write_mode: "append" }, incremental, { store })
    await using engine = createEngine({ plugins: [], store })
    await engine.resetState("into")
    expect((await into([{ id: 1 }], { write_mode: "append" }, incremental, { store })).rowsExtracted).toBe(1)
  })

  const several = async (
    rows: ReadonlyArray<Row>,
    destinations: PipelineDefinition["destinations"],
    more: Partial<PipelineDefinition> = {},
  ) => {
    await using engine = createEngine({ plugins: [memorySource({ rows }), sqliteDestination], projectRoot: root, store: memoryStore() })
    return await engine.run({ name: "into", sources: [{ type: "memory", incremental: true, batch_size: 2 }], destinations, ...more })
  }
  const to = (table: string, more: object = {}) => ({ type: "sqlite", name: table, path: "test.db", table, ...more })

  it("writes several tables of one file in one run, each with its own checkpoint, at once and again", async () => {
    const orders = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ id: i, items: Array.from({ length: i % 3 }, (_unused, j) => ({ sku: `s${j}` })) }))
    const more: Partial<PipelineDefinition> = {
      transforms: [{ type: "flatten", children: { items: { key: "id" } } }],
      sources: [{ type: "memory", incremental: true, batch_size: 2, columns: { items: "json" } }],
    }
    const destinations = [
      to("orders", { write_mode: "append", flush_interval: "0s" }),
      to("items", { rows: "items", write_mode: "append", flush_interval: "0s" }),
      to("copies", { write_mode: "upsert", key: "id" }),
    ]
    await several(orders(9), destinations, more)
    await several(orders(20), destinations, more)
    expect(table("SELECT count(*) AS n, count(DISTINCT id) AS ids FROM orders")).toEqual([{ n: 20, ids: 20 }])
    expect(table("SELECT count(*) AS n FROM copies")).toEqual([{ n: 20 }])
    expect(table("SELECT count(*) AS n, count(DISTINCT _parent_id * 10 + _index) AS keys FROM items")).toEqual([{ n: 19, keys: 19 }])
    expect(table("SELECT destination FROM _deltaflow_checkpoints ORDER BY 1")).toEqual([
      { destination: "copies" },
      { destination: "items" },
      { destination: "orders" },
    ])
  })

  it("lets pipelines of one process write to one file at once", async () => {
    const rows = Array.from({ length: 300 }, (_, i) => ({ id: i }))
    const runs = Array.from({ length: 4 }, (_, i) => several(rows, [to(`t${i}`, { write_mode: "append" })], { name: `p${i}` }))
    for (const run of await Promise.all(runs)) expect(run.rowsLoaded).toBe(300)
    for (let i = 0; i < 4; i++) expect(table(`SELECT count(*) AS n FROM t${i}`)).toEqual([{ n: 300 }])
  })

  it("names the row that a second table of the file refuses, and commits nothing of it", async () => {
    sql("CREATE TABLE second (id INTEGER UNIQUE, name TEXT NOT NULL)")
    const rows = [
      { id: 1, name: "a" },
      { id: 2, name: "b" },
      { id: 3, name: null },
      { id: 4, name: "d" },
    ]
    const failing = several(rows, [to("first", { write_mode: "append" }), to("second", { write_mode: "append" })])
    await expect(failing).rejects.toThrow("second (second): row 3: NOT NULL constraint failed: second.name")
    expect(table("SELECT * FROM second")).toEqual([])
    expect(table("SELECT destination FROM _deltaflow_checkpoints")).toEqual([{ destination: "first" }])
    const frozen = [to("first", { write_mode: "append" }), to("second", { write_mode: "append", schema_changes: "freeze" })]
    await expect(several([{ id: 5, name: "e", more: 1 }], frozen)).rejects.toMatchObject({ code: "SCHEMA_CHANGED" })
  })

  it("leaves columns that rows do not have yet as they are, also of a second table", async () => {
    sql(
      "CREATE TABLE second (id INTEGER PRIMARY KEY, name TEXT, note TEXT); INSERT INTO second VALUES (1, 'old', 'kept'), (2, 'old', 'kept')",
    )
    const upsert = { write_mode: "upsert", key: "id" }
    const source = { type: "memory", batch_size: 1 }
    await several(
      [
        { id: 1, name: "a" },
        { id: 2, name: "b", note: "new" },
      ],
      [to("first", upsert), to("second", upsert)],
      { sources: [source] },
    )
    expect(table("SELECT * FROM second")).toMatchObject([
      { id: 1, name: "a" },
      { id: 2, name: "b", note: "new" },
    ])
  })

  it("waits for another process that writes, and holds up nothing else meanwhile", async () => {
    const other = open()
    other.exec("CREATE TABLE t (a); BEGIN IMMEDIATE; INSERT INTO t VALUES (1)")
    let ticks = 0
    const ticking = setInterval(() => {
      if (++ticks === 10) other.exec("COMMIT")
    }, 5)
    const run = await into([{ id: 1 }])
    clearInterval(ticking)
    other.close()
    expect(run.rowsLoaded).toBe(1)
    expect(ticks).toBeGreaterThanOrEqual(10)
  })

  it("makes the folder of a new file", async () => {
    await into([{ id: 1 }], { path: "new/folder/test.db" })
    expect((await outOf({ path: "new/folder/test.db", table: "people" })).rows).toEqual([{ id: 1 }])
  })

  it("names the file and the reason when it is no database", async () => {
    sql("CREATE TABLE t (a)")
    const { writeFile } = await import("node:fs/promises")
    await writeFile(path.join(root, "test.db"), "this is text, and not even a short one".repeat(100))
    await expect(into([{ id: 1 }])).rejects.toMatchObject({ message: expect.stringContaining("is no SQLite database") })
  })
})

describe("the sqlite source", () => {
  it.each([
    ["true", true, "INVALID_VALUE", /goes by a column whose values grow/],
    ["a column that is not there", { column: "at" }, "UNKNOWN_COLUMN", /incremental names "at", which t does not have\. It has id, name\./],
    ["a key that is not there", { column: "id", key: "code" }, "UNKNOWN_COLUMN", /incremental names "code"/],
  ])("reads nothing twice in silence: incremental with %s is refused", async (_what, incremental, code, message) => {
    sql("CREATE TABLE t (id INTEGER, name TEXT); INSERT INTO t VALUES (1, 'a')")
    const reading = outOf({ table: "t", incremental })
    await expect(reading).rejects.toMatchObject({ code, message: expect.stringMatching(message) as string })
  })

  it("gives every type back as it went in", async () => {
    const at = "2025-01-31T04:05:06.789012Z"
    const row = {
      flag: true,
      big: 2n ** 62n,
      real: 0.1,
      price: Decimal.parse("12345678901234567890.10")!,
      text: "ü😀\u0000",
      bytes: new Uint8Array([0, 255]),
      day: "2025-01-31",
      clock: "04:05:06.7",
      at,
      span: toRowValue(parseValue("1 mon 2 days 03:00:00", "interval"), "interval"),
      uuid: "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
      json: { a: [1, null] },
      list: [1, null, 3],
    }
    const columns = { day: "date", clock: "time", at: "timestamptz", span: "interval", uuid: "uuid", list: "integer[]" } as const
    await into([row, Object.fromEntries(Object.keys(row).map((key) => [key, null]))], {}, { sources: [{ type: "memory", columns }] })
    const { rows } = await outOf({ table: "people" })
    expect(rows[0]).toEqual(row)
    expect(Object.values(rows[1]!).every((value) => value === null)).toBe(true)
  })

  it("knows which columns are never null, of a table and not of a query", async () => {
    sql(`CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT NOT NULL, note TEXT);
      CREATE TABLE b (id INTEGER PRIMARY KEY DESC, name TEXT); CREATE TABLE c (x INTEGER, y INTEGER, z, PRIMARY KEY (x, y));
      CREATE TABLE d (id INTEGER PRIMARY KEY, a INTEGER NOT NULL) WITHOUT ROWID; CREATE VIEW e AS SELECT a.name FROM b LEFT JOIN a USING (id);
      INSERT INTO b VALUES (NULL, 'x'); INSERT INTO c VALUES (NULL, NULL, NULL)`)
    await using engine = createEngine({ plugins: [sqliteSource, memoryDestination()], projectRoot: root })
    const filled = async (source: Record<string, unknown>): Promise<ReadonlyArray<string>> => {
      const sources = [{ type: "sqlite", path: "test.db", ...source }]
      const { columns } = await engine.explain({ name: "look", sources, destinations: [{ type: "memory" }] })
      return columns!.filter(({ nullable }) => !nullable).map(({ name }) => name)
    }
    expect(await filled({ table: "a" })).toEqual(["id", "name"])
    expect(await filled({ table: "b" })).toEqual([])
    expect(await filled({ table: "c" })).toEqual([])
    expect(await filled({ table: "d" })).toEqual(["id", "a"])
    expect(await filled({ table: "e" })).toEqual([])
    expect(await filled({ query: "SELECT * FROM a" })).toEqual([])
  })

  it("binds runtime values and reads a query", async () => {
    sql("CREATE TABLE t (a INTEGER, b TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'y')")
    const { rows } = await outOf({ query: "SELECT a, :pipeline_name AS p FROM t WHERE b <> 'x'" })
    expect(rows).toEqual([{ a: 2, p: "out" }])
  })

  it("takes columns and conditions from the plan, and gives the same rows", async () => {
    sql("CREATE TABLE t (a INTEGER, b TEXT, c BLOB); INSERT INTO t VALUES (1, 'x', x'00'), (2, 'Y', x'01'), (3, 'y', NULL)")
    const transforms = [
      { type: "filter", condition: "a > 1 AND b = 'y'" },
      { type: "select", columns: ["a"] },
    ]
    const { rows } = await outOf({ table: "t" }, { transforms })
    expect(rows).toEqual([{ a: 3 }])
    await using engine = createEngine({ plugins: [sqliteSource, memoryDestination()], projectRoot: root })
    const explained = await engine.explain({
      name: "out",
      sources: [{ type: "sqlite", path: "test.db", table: "t" }],
      transforms,
      destinations: [{ type: "memory" }],
    })
    expect(explained.sources[0]).toMatchObject({ read: ["a", "b"], pruned: ["c"], pruning: "source" })
    expect(explained.sources[0]!.conditions.every((condition) => condition.by === "source")).toBe(true)
  })

  it("loses no row and repeats none where rows share the cursor's last value", async () => {
    const store = memoryStore()
    const output = memoryDestination()
    const read = async () => {
      await using engine = createEngine({ plugins: [sqliteSource, output], projectRoot: root, store })
      return await engine.run({
        name: "ties",
        sources: [{ type: "sqlite", path: "test.db", table: "t", batch_size: 2, incremental: { column: "at", key: "id" } }],
        destinations: [{ type: "memory", write_mode: "append" }],
      })
    }
    sql("CREATE TABLE t (id INTEGER, at INTEGER); INSERT INTO t VALUES (1, 10), (2, 10), (3, 20), (4, 20), (5, NULL)")
    await read()
    sql("INSERT INTO t VALUES (6, 20), (7, 20), (8, 30)")
    expect((await read()).rowsExtracted).toBe(3)
    expect((await read()).rowsExtracted).toBe(0)
    expect(output.rows().map((row) => row["id"])).toEqual([1, 2, 3, 4, 6, 7, 8])
  })

  it("loses no row where a query says > :last_run, and gives rows that are equal in all as often as they are", async () => {
    sql("CREATE TABLE news (id INTEGER, at TEXT)")
    for (const [column, first, second] of [
      ["at", "'2025-01-01T00:00:00Z'", "'2025-01-02T00:00:00Z'"],
      ["id", "5", "6"],
    ] as const) {
      sql("DELETE FROM news")
      const [store, output] = [memoryStore(), memoryDestination()]
      const incremental = { column, initial_value: column === "at" ? "2025-01-01" : 0 }
      const read = async () => {
        const before = output.rows().length
        await using engine = createEngine({ plugins: [sqliteSource, output], projectRoot: root, store })
        await engine.run({
          name: "news",
          sources: [{ type: "sqlite", path: "test.db", query: `SELECT ${column} FROM news WHERE ${column} > :last_run`, incremental }],
          destinations: [{ type: "memory", write_mode: "append" }],
        })
        return output.rows().length - before
      }
      sql(`INSERT INTO news (${column}) VALUES (${first}), (${first})`)
      expect(await read()).toBe(2)
      sql(`INSERT INTO news (${column}) VALUES (${first})`)
      expect(await read()).toBe(1)
      sql(`INSERT INTO news (${column}) VALUES (${second})`)
      expect(await read()).toBe(1)
      expect(await read()).toBe(0)
    }
  })

  it("forgets rows that no later run looks back to", async () => {
    sql("CREATE TABLE late (id INTEGER, at TEXT)")
    const [store, output] = [memoryStore(), memoryDestination()]
    const read = async () => {
      await using engine = createEngine({ plugins: [sqliteSource, output], projectRoot: root, store })
      await engine.run({
        name: "late",
        sources: [{ type: "sqlite", path: "test.db", table: "late", incremental: { column: "at", key: "id", lookback: "1m" } }],
        destinations: [{ type: "memory", write_mode: "append" }],
      })
      const [state] = await engine.getState("late")
      return (JSON.parse(Object.values(state!.cursors)[0]!) as { seen: ReadonlyArray<string> }).seen.length
    }
    for (let hour = 0; hour < 5; hour++) {
      sql(`INSERT INTO late VALUES (${hour}, '2025-01-01T0${hour}:00:00Z'), (${hour + 10}, '2025-01-01T0${hour}:00:30Z')`)
      expect(await read()).toBe(2)
    }
    sql("INSERT INTO late VALUES (99, '2025-01-01T04:00:10Z')")
    expect(await read()).toBe(3)
    expect(output.rows()).toHaveLength(11)
  })

  it("refuses a value of another type with its row and column", async () => {
    sql("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1), ('one')")
    await expect(outOf({ table: "t" })).rejects.toMatchObject({
      code: "VALUE_TYPE",
      message: expect.stringContaining('row 2, column a: the text "one" is no integer'),
    })
  })

  it("quotes names, whatever is in them", async () => {
    const name = `we"ird; DROP TABLE x -- 😀`
    await into([{ [name]: 1 }], { table: name })
    expect((await outOf({ table: name })).rows).toEqual([{ [name]: 1 }])
  })

  it("says which file is missing, unless it may be", async () => {
    await expect(outOf({ table: "t", path: "none.db" })).rejects.toMatchObject({
      code: "FILE_NOT_FOUND",
      message: expect.stringContaining("there is no file none.db in ") as string,
    })
    const { rows, run } = await outOf({ table: "t", path: "none.db", optional: true, columns: { id: "integer" } })
    expect([rows, run.rowsExtracted]).toEqual([[], 0])
  })
})
