import {
  type ColumnType,
  createEngine,
  defineSource,
  elementType,
  isArrayType,
  parseValue,
  type PipelineDefinition,
  type Row,
  type RowValue,
  setOwn,
  toRowValue,
  type Value,
} from "@deltaflow/core"
import { memoryStore } from "@deltaflow/core/store/memory"
import { destinationLaws, runLaws } from "@deltaflow/testing"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it, test } from "vitest"
import { missingServer, type PostgresServer, startPostgres } from "../../../../scripts/postgresServer.ts"
import { memoryDestination, memorySource } from "../memory/index.ts"
import type { PgPool } from "./driver.ts"
import { postgresDestination, postgresDestinationOver } from "./index.ts"
import { arrayItems } from "./types.ts"

/** The package brings no types. */
const packageName: string = "pg"
const { Pool } = ((await import(packageName)) as { readonly default: { readonly Pool: new (config: object) => TestPool } }).default

type TestPool = PgPool & {
  readonly query: (sql: string | { readonly text: string; readonly rowMode: "array"; readonly types: object }) => Promise<{
    readonly rows: ReadonlyArray<Record<string, unknown>>
    readonly fields: ReadonlyArray<{ readonly name: string; readonly dataTypeID: number }>
  }>
  readonly on: (event: "error", listener: () => void) => unknown
  readonly end: () => Promise<void>
}

const missing = await missingServer()

it.runIf(missing !== undefined)(`the destination is tried against PostgreSQL (not run: ${missing ?? ""})`, (test) => {
  expect(process.env["DELTAFLOW_SERVICES"], missing).not.toBe("required")
  test.skip()
})

describe.skipIf(missing !== undefined)("the destination postgres", () => {
  let server: PostgresServer
  let pool: TestPool
  beforeAll(async () => {
    // One of these tests ends it at once, and nothing may be lost.
    server = await startPostgres({ durable: true })
    pool = new Pool({
      host: "127.0.0.1",
      port: server.port,
      user: "postgres",
      password: "any",
      max: 8,
      options: "-c timezone=UTC -c intervalstyle=postgres",
    })
    pool.on("error", () => undefined)
  })
  afterAll(async () => {
    await pool.end()
    await server.stop()
  })

  const url = () => `postgres://postgres:any@127.0.0.1:${server.port}/postgres`
  const sql = async (text: string) => (await pool.query(text)).rows
  let tables = 0
  const newTable = () => `t${++tables}`

  const into = async (
    rows: ReadonlyArray<object>,
    destination: Record<string, unknown>,
    definition: Partial<PipelineDefinition> = {},
    options: { readonly store?: ReturnType<typeof memoryStore> } = {},
  ) => {
    await using engine = createEngine({ plugins: [memorySource({ rows }), postgresDestination, memoryDestination()], ...options })
    return await engine.run({
      name: "into",
      sources: [{ type: "memory" }],
      destinations: [{ type: "postgres", connection: url(), ...destination }],
      ...definition,
    })
  }

  describe("the laws", () => {
    const columnTypes: Readonly<Record<number, ColumnType>> = {
      16: "boolean",
      20: "integer",
      701: "double",
      1700: "decimal",
      25: "string",
      17: "bytes",
      1082: "date",
      1083: "time",
      1114: "timestamp",
      1184: "timestamptz",
      1186: "interval",
      2950: "uuid",
      114: "json",
      1000: "boolean[]",
      1016: "integer[]",
      1022: "double[]",
      1231: "decimal[]",
      1009: "string[]",
      1001: "bytes[]",
      1182: "date[]",
      1183: "time[]",
      1115: "timestamp[]",
      1185: "timestamptz[]",
      1187: "interval[]",
      2951: "uuid[]",
      199: "json[]",
    }
    const types = { getTypeParser: () => (text: string) => text }

    const readBack = async (schema: string): Promise<ReadonlyArray<Row>> => {
      const known = await sql(`SELECT 1 FROM pg_tables WHERE schemaname = '${schema}' AND tablename = 'rows'`)
      if (known.length === 0) return []
      const { rows, fields } = await pool.query({ text: `SELECT * FROM ${schema}.rows`, rowMode: "array", types })
      return rows.map((row) => {
        const made: Row = {}
        fields.forEach(({ name, dataTypeID }, i) => {
          const type = columnTypes[dataTypeID]!
          const text = (row as unknown as ReadonlyArray<string | null>)[i]!
          setOwn(made, name, text === null ? null : toRowValue(valueOf(text, type), type))
        })
        return made
      })
    }

    const valueOf = (text: string, type: ColumnType): Value => {
      if (!isArrayType(type)) return parseValue(text, type)
      return arrayItems(text).map((item) => (item === null ? null : parseValue(item, elementType(type))))
    }
    const holds = (value: RowValue): boolean =>
      !(Array.isArray(value) ? value : [value]).some((one) => typeof one === "string" && one.includes("\0"))

    const make = async () => {
      const schema = `laws_${++tables}`
      await sql(`CREATE SCHEMA ${schema}`)
      return {
        config: { connection: url(), schema, table: "rows" },
        projectRoot: "/",
        readBack: () => readBack(schema),
        dispose: async () => void (await sql(`DROP SCHEMA ${schema} CASCADE`)),
      }
    }
    const names = fc
      .string({ unit: "binary", minLength: 1, maxLength: 20 })
      .filter((name) => name.isWellFormed() && !name.includes("\0") && Buffer.byteLength(name) <= 63)

    runLaws(destinationLaws({ destination: postgresDestination, make, names, holds, runs: 10 }), { test })
  })

  it("makes a table of the rows' columns, and adds to it", async () => {
    const table = newTable()
    await into([{ id: 1, name: "Ada" }], { table, write_mode: "append" })
    await into([{ id: 2, name: 'é "x", \\.\n' }], { table, write_mode: "append" })
    expect(await sql(`SELECT * FROM ${table} ORDER BY id`)).toEqual([
      { id: "1", name: "Ada" },
      { id: "2", name: 'é "x", \\.\n' },
    ])
    expect(await sql("SELECT pipeline, destination FROM _deltaflow_checkpoints WHERE pipeline = 'into'")).toEqual([
      { pipeline: "into", destination: "destinations[0]" },
    ])
  })

  it("updates rows with the same key, of which the last one counts, and leaves what the rows do not have", async () => {
    const table = newTable()
    await sql(`CREATE TABLE ${table} (id int PRIMARY KEY, name text, note text DEFAULT 'none')`)
    await sql(`INSERT INTO ${table} VALUES (1, 'old', 'kept'), (2, 'old', 'kept')`)
    const rows = [
      { id: 2, name: "b" },
      { id: 3, name: "c" },
      { id: 2, name: "bb" },
    ]
    await into(rows, { table, write_mode: "upsert", key: "id" }, { sources: [{ type: "memory", batch_size: 1 }] })
    expect(await sql(`SELECT * FROM ${table} ORDER BY id`)).toEqual([
      { id: 1, name: "old", note: "kept" },
      { id: 2, name: "bb", note: "kept" },
      { id: 3, name: "c", note: "none" },
    ])
  })

  it("finds rows by several columns, in a table that it makes with that key", async () => {
    const table = newTable()
    const rows = Array.from({ length: 30 }, (_, i) => ({ a: i % 3, b: String(i % 5), n: i }))
    await into(rows, { table, write_mode: "upsert", key: ["b", "a"] })
    expect(await sql(`SELECT count(*)::int AS n, max(n)::int AS most FROM ${table}`)).toEqual([{ n: 15, most: 29 }])
  })

  it("says which statement makes an upsert possible, where the table has no such key", async () => {
    const table = newTable()
    await sql(
      `CREATE TABLE ${table} (id int, name text); CREATE INDEX ON ${table} (id); CREATE UNIQUE INDEX ON ${table} (id) WHERE name = 'x'`,
    )
    await expect(into([{ id: 1 }], { table, write_mode: "upsert", key: "id" })).rejects.toThrow(
      `nothing makes id unique in it, so an upsert cannot find rows by it. Run CREATE UNIQUE INDEX ON "public"."${table}" ("id").`,
    )
  })

  it("replaces rows where readers see the old ones until the commit, and keeps the table with what depends on it", async () => {
    const table = newTable()
    await sql(`CREATE TABLE ${table} (id int PRIMARY KEY, name text); CREATE VIEW v_${table} AS SELECT * FROM ${table}`)
    await sql(`INSERT INTO ${table} VALUES (1, 'old')`)
    let seen: ReadonlyArray<unknown> = []
    const looking = defineSource({
      type: "looking",
      async *read() {
        yield { rows: [{ id: 1, name: "new" }] }
        await new Promise((resolve) => setTimeout(resolve, 50))
        seen = await sql(`SELECT name FROM v_${table}`)
        yield { rows: [{ id: 2, name: "new" }] }
      },
    })
    await using engine = createEngine({ plugins: [looking, postgresDestination] })
    await engine.run({
      name: "into",
      sources: [{ type: "looking" }],
      destinations: [{ type: "postgres", connection: url(), table, write_mode: "replace" }],
    })
    expect(seen).toEqual([{ name: "old" }])
    expect(await sql(`SELECT * FROM v_${table} ORDER BY id`)).toEqual([
      { id: 1, name: "new" },
      { id: 2, name: "new" },
    ])
    await into([], { table, write_mode: "replace" }, { sources: [{ type: "memory", columns: { id: "integer" } }] })
    expect(await sql(`SELECT * FROM ${table}`)).toEqual([])
  })

  it("does not replace rows that others are deleted with", async () => {
    const table = newTable()
    await sql(`CREATE TABLE ${table} (id int PRIMARY KEY); CREATE TABLE child_${table} (id int REFERENCES ${table} ON DELETE CASCADE)`)
    await expect(into([{ id: 1 }], { table, write_mode: "replace" })).rejects.toThrow(
      `delete or change rows of child_${table}, which refers to it`,
    )
  })

  it("loads texts of types that are PostgreSQL's own, and refuses what a column would change", async () => {
    const table = newTable()
    await sql(`CREATE TYPE mood_${table} AS ENUM ('ok', 'sad')`)
    await sql(
      `CREATE TABLE ${table} (id int, mood mood_${table}, span int4range, address inet, doc jsonb, short varchar(3), amount numeric(10,2), day date, list int[])`,
    )
    const columns = { id: "integer", amount: "decimal", day: "timestamp", doc: "json", list: "integer[]" } as const
    const good = {
      id: 1,
      mood: "ok",
      span: "[1,5)",
      address: "10.0.0.1/8",
      doc: { a: 1 },
      short: "é😀x",
      amount: "1.50",
      day: "2025-01-31T00:00:00",
      list: [1, null],
    }
    const load = (row: object) => into([row], { table, write_mode: "append" }, { sources: [{ type: "memory", columns }] })
    await load(good)
    expect(await sql(`SELECT mood::text, span::text, address::text, doc, short, amount::text, day::text, list FROM ${table}`)).toEqual([
      {
        mood: "ok",
        span: "[1,5)",
        address: "10.0.0.1/8",
        doc: { a: 1 },
        short: "é😀x",
        amount: "1.50",
        day: "2025-01-31",
        list: [1, null],
      },
    ])
    for (const [change, says] of [
      [{ amount: "1.505" }, "row 1, column amount: its decimal does not fit numeric(10,2) without a change."],
      [{ day: "2025-01-31T04:00:00" }, "row 1, column day: its timestamp does not fit date without a change."],
      [{ short: "long" }, "row 1, column short: value too long for type character varying(3)"],
      [{ mood: "bad" }, "row 1, column mood: invalid input value for enum"],
      [{ id: 3_000_000_000 }, "row 1, column id: value"],
      [{ list: [1, 3_000_000_000] }, "row 1, column list: value"],
    ] as const)
      await expect(load({ ...good, ...change })).rejects.toThrow(says)
    expect(await sql(`SELECT count(*)::int AS n FROM ${table}`)).toEqual([{ n: 1 }])
  })

  it("sets bad rows aside one by one, and loads the others", async () => {
    const table = newTable()
    await sql(`CREATE TABLE ${table} (id int PRIMARY KEY, name text NOT NULL CHECK (name <> 'bad'))`)
    const rows = Array.from({ length: 60 }, (_, i) => ({ id: i === 30 ? 29 : i, name: i === 7 ? null : i === 41 ? "bad" : `a\nb${i}` }))
    const letter = memoryDestination()
    await using engine = createEngine({ plugins: [memorySource({ rows }), postgresDestination, letter] })
    const run = await engine.run({
      name: "into",
      sources: [{ type: "memory" }],
      destinations: [{ type: "postgres", connection: url(), table, write_mode: "append" }],
      error_handling: { strategy: "skip", dead_letter: { type: "memory" } },
    })
    expect(run).toMatchObject({ rowsLoaded: 57, rowsRejected: 3 })
    const rejected = letter.rows() as unknown as ReadonlyArray<{ row: { id: number }; error: string }>
    expect(rejected.map(({ row }) => row.id).toSorted((a, b) => a - b)).toEqual([7, 29, 41])
    expect(rejected.map(({ error }) => error).join()).toMatch(/violates not-null constraint[^]*violates/)
    expect(await sql(`SELECT count(*)::int AS n FROM ${table}`)).toEqual([{ n: 57 }])
  })

  it("adds a column again that was dropped between runs, or says so, and loses no row", async () => {
    const table = newTable()
    await into([{ id: 1, note: "a" }], { table, write_mode: "append" })
    await sql(`ALTER TABLE ${table} DROP COLUMN note`)
    const strict = into([{ id: 2, note: "b" }], { table, write_mode: "append", schema_changes: "fail" })
    await expect(strict).rejects.toMatchObject({ code: "SCHEMA_CHANGED", message: expect.stringContaining("note") })
    await into([{ id: 2, note: "b" }], { table, write_mode: "append" })
    expect(await sql(`SELECT id, note FROM ${table} ORDER BY id`)).toEqual([
      { id: "1", note: null },
      { id: "2", note: "b" },
    ])
  })

  it("refuses a value that the column's type does not hold, by row and column, and changes nothing", async () => {
    const table = newTable()
    await sql(`CREATE TABLE ${table} (id int)`)
    const dates = newTable()
    await sql(`CREATE TABLE ${dates} (id int, at date)`)
    const wrong = [1, 2, 3].map((id) => ({ id, at: id === 2 ? "soon" : "2026-01-01" }))
    const asDates = into(wrong, { table: dates, write_mode: "append" })
    await expect(asDates).rejects.toMatchObject({ message: expect.stringMatching(/row 2, column at: .*soon/) })
    expect(await sql(`SELECT * FROM ${dates}`)).toEqual([])
    const large = into([{ id: 1 }, { id: 3_000_000_000 }], { table, write_mode: "append" })
    await expect(large).rejects.toMatchObject({ message: expect.stringMatching(/row 2, column id: /) })
    expect(await sql(`SELECT * FROM ${table}`)).toEqual([])
  })

  it("does with new columns what schema_changes says", async () => {
    const load = async (policy: string) => {
      const table = newTable()
      await sql(`CREATE TABLE ${table} (id int)`)
      const rows = [
        { id: 1, more: null },
        { id: 2, more: "x" },
      ]
      await into(rows, { table, write_mode: "append", schema_changes: policy })
      return await sql(`SELECT * FROM ${table} ORDER BY id`)
    }
    expect(await load("evolve")).toEqual([
      { id: 1, more: null },
      { id: 2, more: "x" },
    ])
    expect(await load("freeze")).toEqual([{ id: 1 }, { id: 2 }])
    expect(await load("discard")).toEqual([{ id: 1 }])
    await expect(load("fail")).rejects.toMatchObject({ code: "SCHEMA_CHANGED" })
  })

  it("keeps the checkpoint beside the rows: a new store does not read them again, and an older run cannot commit", async () => {
    const table = newTable()
    const rows = [{ id: 1 }, { id: 2 }]
    const definition = { name: `incremental_${table}`, sources: [{ type: "memory", incremental: true, batch_size: 1 }] } as const
    const more = { table, write_mode: "append", flush_interval: "0s" }
    for (let i = 0; i < 3; i++) await into(rows, more, definition, { store: memoryStore() })
    const run = await into([...rows, { id: 3 }], more, definition, { store: memoryStore() })
    expect(run.rowsExtracted).toBe(1)
    expect(await sql(`SELECT count(*)::int AS n FROM ${table}`)).toEqual([{ n: 3 }])
    await sql(`UPDATE _deltaflow_checkpoints SET epoch = 9 WHERE pipeline = '${definition.name}'`)
    const raised = await into([...rows, { id: 3 }, { id: 4 }], more, definition, { store: memoryStore() })
    expect(raised.rowsLoaded).toBe(1)
    expect(
      Number((await sql(`SELECT epoch FROM _deltaflow_checkpoints WHERE pipeline = '${definition.name}'`))[0]!["epoch"]),
    ).toBeGreaterThan(9)
  })

  it("writes several tables in one run, and over a pool of the host's, which stays open", async () => {
    const [first, second] = [newTable(), newTable()]
    const rows = [{ id: 1, items: [{ sku: "a" }, { sku: "b" }] }]
    await using engine = createEngine({ plugins: [memorySource({ rows }), postgresDestinationOver(pool)] })
    await engine.run({
      name: "into",
      sources: [{ type: "memory", columns: { items: "json" } }],
      transforms: [{ type: "flatten", children: { items: { key: "id" } } }],
      destinations: [
        { type: "postgres", name: "orders", table: first, write_mode: "upsert", key: "id" },
        { type: "postgres", name: "items", table: second, rows: "items", write_mode: "upsert", key: ["_parent_id", "_index"] },
      ],
    })
    expect(await sql(`SELECT _parent_id::int AS id, sku FROM ${second} ORDER BY 1, 2`)).toEqual([
      { id: 1, sku: "a" },
      { id: 1, sku: "b" },
    ])
    expect(await sql("SHOW timezone")).toEqual([{ TimeZone: "UTC" }])
  })

  it("takes any name, and says which one PostgreSQL would cut", async () => {
    for (const name of ["a\"b'; DROP TABLE x --", "select", "Ünï 😀", " ", "a.b"]) {
      await into([{ [name]: 1 }], { table: `${name} ${newTable()}`, write_mode: "append" })
    }
    await expect(into([{ ["é".repeat(40)]: 1 }], { table: newTable(), write_mode: "append" })).rejects.toThrow(
      "has 80 bytes, and PostgreSQL keeps 63",
    )
  })

  it("tells what is wrong with the way to the table", async () => {
    const table = newTable()
    await sql(`CREATE ROLE guest_${table} LOGIN PASSWORD 'x'; CREATE TABLE ${table} (id int)`)
    const guest = url().replace("postgres:any", `guest_${table}:s3cret`)
    const refused = into([{ id: 1 }], { table, connection: guest, write_mode: "append" })
    await expect(refused).rejects.toThrow(/permission denied for table|permission denied for schema/)
    await expect(into([{ id: 1 }], { table, schema: "nowhere", write_mode: "append" })).rejects.toThrow(
      "Check the name of the schema, or create it",
    )
    await expect(into([{ id: 1 }], { table: newTable(), create: false, write_mode: "append" })).rejects.toThrow(
      "there is no such table, and create is false",
    )
    await expect(into([{ id: 1 }], { table, connection: "postgres://x@127.0.0.1:1/x", write_mode: "append" })).rejects.toThrow(
      "Nobody listens there",
    )
  })

  it("goes on after the server was ended in mid-load, with nothing lost and nothing twice", async () => {
    const table = newTable()
    let restarts = 0
    const source = defineSource<unknown, { after: number }>({
      type: "numbers",
      async *read({ cursor }) {
        for (let id = (cursor?.after ?? 0) + 1; id <= 40; id++) {
          if (id === 15 && restarts === 0) {
            restarts++
            await server.crash()
          }
          yield { rows: [{ id }], cursor: { after: id } }
        }
      },
    })
    await using engine = createEngine({ plugins: [source, postgresDestination], store: memoryStore() })
    const definition = {
      name: `numbers_${table}`,
      sources: [{ type: "numbers", incremental: true }],
      destinations: [{ type: "postgres", connection: url(), table, write_mode: "append", flush_interval: "0s" }],
    } as const
    await expect(engine.run(definition)).rejects.toThrow(/connection|terminat|shut|starting up/i)
    await engine.run(definition)
    expect(await sql(`SELECT count(*)::int AS n, count(DISTINCT id)::int AS ids FROM ${table}`)).toEqual([{ n: 40, ids: 40 }])
  })
})
