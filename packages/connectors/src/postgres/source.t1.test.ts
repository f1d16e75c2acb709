import { createEngine, Decimal, Interval, type PipelineDefinition, type Row } from "@deltaflow/core"
import { memoryStore } from "@deltaflow/core/store/memory"
import { runLaws, sourceLaws } from "@deltaflow/testing"
import { afterAll, beforeAll, describe, expect, it, test, vi } from "vitest"
import { missingServer, type PostgresServer, startPostgres } from "../../../../scripts/postgresServer.ts"
import { memoryDestination } from "../memory/index.ts"
import type { PgPool } from "./driver.ts"
import { postgresDestination, postgresSource, postgresSourceOver } from "./index.ts"

/** The package brings no types. */
const packageName: string = "pg"
const { Pool } = ((await import(packageName)) as { readonly default: { readonly Pool: new (config: object) => TestPool } }).default

interface TestClient {
  readonly query: (sql: string) => Promise<{ readonly rows: ReadonlyArray<Record<string, unknown>> }>
  readonly release: () => void
}

type TestPool = Pick<TestClient, "query"> & {
  readonly connect: () => Promise<TestClient>
  readonly on: (event: "error", listener: () => void) => unknown
  readonly end: () => Promise<void>
}

const missing = await missingServer()

it.runIf(missing !== undefined)(`the source is tried against PostgreSQL (not run: ${missing ?? ""})`, (test) => {
  expect(process.env["DELTAFLOW_SERVICES"], missing).not.toBe("required")
  test.skip()
})

describe.skipIf(missing !== undefined)("the source postgres", async () => {
  let pool: TestPool
  // The laws need its address before the first test.
  const server: PostgresServer = missing === undefined ? await startPostgres() : (undefined as never)
  const url = () => `postgres://postgres:any@127.0.0.1:${server.port}/postgres`
  const sql = async (text: string) => (await pool.query(text)).rows
  beforeAll(async () => {
    pool = new Pool({ host: "127.0.0.1", port: server.port, user: "postgres", password: "any", max: 8 })
    // Connections that nobody uses end with the server.
    pool.on("error", () => undefined)
    await sql(
      `CREATE TABLE sales (id int8 PRIMARY KEY, price numeric(38,9), day date, at timestamptz, text text, ok boolean, step int, list int8[])`,
    )
    for (const row of ROWS)
      await sql(
        `INSERT INTO sales VALUES (${row.id}, ${row.price}, ${quoted(row.day)}, ${quoted(row.at)}, ${quoted(row.text)}, ${String(row.ok)}, ${row.step}, ${row.list === null ? "NULL" : `'{${row.list.map((one) => one ?? "NULL").join(",")}}'`})`,
      )
  })
  afterAll(async () => {
    await pool.end()
    await server.stop()
  })

  const quoted = (text: string | null): string => (text === null ? "NULL" : `'${text.replaceAll("'", "''")}'`)
  const TEXTS = ["plain", "", 'say "hi", she said', "two\nlines", "carriage\r\nreturn", "é😀", "0042", " x ", "\\N", "\\.", "{}", null]
  const ROWS = Array.from({ length: 37 }, (_, i) => ({
    id: i + 1,
    price: i % 5 === 0 ? null : `${i}.123456789`,
    day: i % 7 === 0 ? null : `2025-01-${String((i % 28) + 1).padStart(2, "0")}`,
    at: `2025-01-01 00:00:0${Math.floor(i / 4)}.123456+00`,
    text: TEXTS[i % TEXTS.length]!,
    ok: i % 3 === 0 ? null : i % 2 === 0,
    step: Math.floor(i / 4),
    list: i % 4 === 0 ? null : [i, null],
  }))

  const out = async (
    source: Record<string, unknown>,
    definition: Partial<PipelineDefinition> = {},
    { store = memoryStore(), output = memoryDestination() } = {},
  ) => {
    const before = output.rows().length
    await using engine = createEngine({ plugins: [postgresSource, output], store })
    const run = await engine.run({
      name: "out",
      sources: [{ type: "postgres", connection: url(), ...source }],
      destinations: [{ type: "memory", write_mode: "append" }],
      ...definition,
    })
    return { run, rows: output.rows().slice(before) }
  }

  describe("the laws", () => {
    const rows = ROWS.map(({ price, at, ...row }) => ({
      ...row,
      price: price === null ? null : Decimal.parse(price)!,
      at: new Date(at.replace(" ", "T").replace("+00", "Z")),
    })) as unknown as ReadonlyArray<Row>
    const options = { source: postgresSource, projectRoot: "/", rows: rows.map(({ at: _, ...row }) => row) } as const
    const columns = "id, price, day, text, ok, step, list"
    const badConfigs = [
      { connection: url(), table: "none" },
      { connection: url(), query: "SELECT nothing FROM sales" },
      { connection: "postgres://postgres:s3cret@127.0.0.1:1/postgres", table: "sales" },
    ]
    const config = { connection: url(), query: `SELECT ${columns} FROM sales ORDER BY id` }
    describe("over a query", () => {
      runLaws(sourceLaws({ ...options, config, badConfigs, incremental: false }), { test })
    })
    describe("by a column with a key", () => {
      runLaws(sourceLaws({ ...options, config, badConfigs, incremental: { column: "step", key: ["id"] } }), { test })
    })
    describe("by a column alone", () => {
      runLaws(sourceLaws({ ...options, config, badConfigs, incremental: { column: "step" } }), { test })
    })
  })

  it("is tried without a table: who answers, and which tables there are", async () => {
    await using engine = createEngine({ plugins: [postgresSource, postgresDestination] })
    for (const role of ["source", "destination"] as const) {
      const { facts, latencyMs } = await engine.checkConnector({ type: "postgres", connection: url() }, role)
      expect(facts).toMatchObject({
        database: "postgres",
        server_version: expect.stringMatching(/^\d+/),
        tables: expect.arrayContaining(["public.sales"]),
      })
      expect(latencyMs).toBeGreaterThanOrEqual(0)
    }
    const wrong = `postgres://postgres:canary-1@127.0.0.1:${server.port}/nowhere`
    await expect(engine.checkConnector({ type: "postgres", connection: wrong })).rejects.toThrow(/database/)
    await expect(engine.checkConnector({ type: "postgres" })).rejects.toThrow("connection")
  })

  it("gives every type back as PostgreSQL has it", async () => {
    await sql(`CREATE TABLE types AS SELECT 9007199254740993::int8 AS big, 1.50::numeric(38,9) AS exact, 'NaN'::float8 AS nan, '-Infinity'::numeric AS low,
      '' AS nothing, '\\x00ff'::bytea AS raw, '0044-03-15 BC'::date AS old, 'infinity'::timestamptz AS never, '2025-01-31 04:05:06.789012+02'::timestamptz AS at,
      '04:05:06.7'::time AS clock, '1 mon -2 days 03:00'::interval AS span, '[1,5)'::int4range AS range, '{"a": 1.10}'::json AS doc,
      '{"b":2,"a":1}'::jsonb AS docb, ARRAY['a,b', NULL, '"'] AS words, ARRAY[1.10, NULL]::numeric[] AS amounts, '10.0.0.1'::inet AS address, NULL::int AS none,
      ARRAY['\\x00'::bytea] AS raws, ARRAY[true, NULL] AS flags, 1.5::float4 AS small`)
    const { rows } = await out({ table: "types" })
    expect(rows).toEqual([
      {
        big: 9_007_199_254_740_993n,
        exact: Decimal.parse("1.500000000"),
        nan: Number.NaN,
        low: Decimal.parse("-Infinity"),
        nothing: "",
        raw: new Uint8Array([0, 255]),
        old: "0044-03-15 BC",
        never: "infinity",
        at: "2025-01-31T02:05:06.789012Z",
        clock: "04:05:06.7",
        span: new Interval(1, -2, 10_800_000_000),
        range: "[1,5)",
        doc: { a: 1.1 },
        docb: { a: 1, b: 2 },
        words: ["a,b", null, '"'],
        amounts: [Decimal.parse("1.10"), null],
        address: "10.0.0.1",
        none: null,
        raws: [new Uint8Array([0])],
        flags: [true, null],
        small: 1.5,
      },
    ])
  })

  it("binds runtime values, with the type that their place wants, and never as text of the query", async () => {
    const query =
      "SELECT id, :pipeline_name AS name, '::last_run :run_id' AS kept FROM sales WHERE at > :last_run /* :run_id */ AND id <> length(:pipeline_name)"
    const incremental = { column: "id", initial_value: "0" }
    const { rows } = await out({ query: `${query};  `, incremental: undefined }, { name: "o-1" })
    expect(rows).toHaveLength(36)
    expect(rows[0]).toEqual({ id: 1, name: "o-1", kept: "::last_run :run_id" })
    expect((await out({ query: query.replace("at > :last_run", "id > :last_run"), incremental })).rows).toHaveLength(36)
  })

  it("takes columns, conditions and limits from the plan, and gives the same rows", async () => {
    await using engine = createEngine({ plugins: [postgresSource, memoryDestination()] })
    const definition = {
      name: "out",
      sources: [{ type: "postgres", connection: url(), table: "sales" }],
      transforms: [
        { type: "filter", condition: "price > 3 AND day >= '2025-01-05' AND text > 'a' AND ok" },
        { type: "select", columns: ["id"] },
      ],
      destinations: [{ type: "memory" }],
    } as const
    const { sources } = await engine.explain(definition)
    expect(sources[0]!.notes.at(-1)).toBe(
      `SELECT "id", "price", "day", "text", "ok"::text FROM "public"."sales" WHERE "price" > pg_catalog.current_setting('deltaflow.p0')::numeric AND "day" >= pg_catalog.current_setting('deltaflow.p1')::date AND "ok" = pg_catalog.current_setting('deltaflow.p2')::boolean`,
    )
    const { rows } = await out({ table: "sales" }, { transforms: definition.transforms })
    const wanted = ROWS.filter(
      ({ price, day, text, ok }) =>
        price !== null && Number(price) > 3 && day !== null && day >= "2025-01-05" && text !== null && text > "a" && ok === true,
    )
    expect(rows).toEqual(wanted.map(({ id }) => ({ id })))
    expect(wanted.length).toBeGreaterThan(0)
    expect((await engine.preview({ ...definition, transforms: [] }, { limit: 2 })).rows).toHaveLength(2)
  })

  it("reads what is new by a time with microseconds, ties by key or by the whole row, and counts nulls", async () => {
    await sql("CREATE TABLE news (id int, at timestamptz, text text); CREATE INDEX ON news (at)")
    for (const key of [undefined, "id"]) {
      await sql("TRUNCATE news")
      const kept = { store: memoryStore(), output: memoryDestination() }
      const incremental = { column: "at", ...(key === undefined ? {} : { key }) }
      const read = async () => (await out({ table: "news", incremental }, {}, kept)).rows.map(({ id }) => id)
      expect(await read()).toEqual([])
      await sql("INSERT INTO news VALUES (1, '2025-01-01 00:00:00.000001+00'), (2, '2025-01-01 00:00:00.000002+00'), (9, NULL)")
      expect(await read()).toEqual([1, 2])
      await sql("INSERT INTO news VALUES (3, '2025-01-01 00:00:00.000002+00')")
      expect(await read()).toEqual([3])
      await sql("INSERT INTO news VALUES (4, '2025-01-01 00:00:00.000003+00')")
      expect(await read()).toEqual([4])
      expect(await read()).toEqual([])
    }
  })

  it("warns of a cursor column that no index begins with, with the statement that makes one", async () => {
    await sql("CREATE TABLE ticks (id int8, at timestamptz); INSERT INTO ticks VALUES (1, '2026-01-01')")
    const warned: Array<string> = []
    const log = {
      debug: () => undefined,
      info: () => undefined,
      warn: (message: string) => void warned.push(message),
      error: () => undefined,
    }
    await using engine = createEngine({ plugins: [postgresSource, memoryDestination()], log })
    const run = () =>
      engine.run({
        name: "ticks",
        sources: [{ type: "postgres", connection: url(), table: "ticks", incremental: { column: "at" } }],
        destinations: [{ type: "memory", write_mode: "append" }],
      })
    expect((await run()).rowsLoaded).toBe(1)
    const statement = warned.splice(0).join()
    expect(statement).toContain('Run CREATE INDEX CONCURRENTLY ON "public"."ticks" ("at").')
    await sql(/Run (CREATE INDEX .*)\.$/.exec(statement)![1]!)
    expect((await run()).rowsLoaded).toBe(0)
    expect(warned).toEqual([])
  })

  it("loses no row where a query says > :last_run, and rows share the last value", async () => {
    await sql("CREATE TABLE shared (id int, at timestamptz, n numeric)")
    for (const [column, value, next] of [
      ["at", "2025-01-01 00:00:00.000001+00", "2025-01-02 00:00:00+00"],
      ["n", "5.5", "6"],
      ["id", "1", "2"],
    ] as const) {
      await sql("TRUNCATE shared")
      const kept = { store: memoryStore(), output: memoryDestination() }
      const query = `SELECT * FROM shared WHERE ${column} > :last_run`
      const incremental = { column, initial_value: column === "at" ? "2025-01-01" : "0" }
      const read = async () => (await out({ query, incremental }, {}, kept)).rows.map((row) => row["n"] ?? null)
      const insert = async (at: string, mark: number) =>
        await sql(`INSERT INTO shared (${column}${column === "n" ? "" : ", n"}) VALUES ('${at}'${column === "n" ? "" : `, ${mark}`})`)
      await insert(value, 1)
      expect(await read()).toHaveLength(1)
      await insert(value, 2)
      expect(await read()).toHaveLength(1)
      await insert(next, 3)
      expect(await read()).toHaveLength(1)
      expect(await read()).toHaveLength(0)
    }
  })

  it("reads again what may come late, within the lookback, and gives it once", async () => {
    await sql("CREATE TABLE late (id int, at timestamptz)")
    const kept = { store: memoryStore(), output: memoryDestination() }
    const read = async () =>
      (await out({ table: "late", incremental: { column: "at", key: "id", lookback: "1m" } }, {}, kept)).rows.map(({ id }) => id)
    await sql("INSERT INTO late VALUES (1, '2025-01-01 00:00:00+00'), (2, '2025-01-01 00:01:00+00')")
    expect(await read()).toEqual([1, 2])
    await sql("INSERT INTO late VALUES (3, '2025-01-01 00:00:30+00'), (4, '2024-12-31 00:00:00+00')")
    expect(await read()).toEqual([3])
    await sql("INSERT INTO late VALUES (5, '2025-01-01 00:05:00+00')")
    expect(await read()).toEqual([5])
    expect(await read()).toEqual([])
  })

  it.each([
    ["a time", "at", "timestamptz DEFAULT now()"],
    ["a time without a zone", "at", "timestamp DEFAULT now()"],
    ["a number of a sequence", "n", "int GENERATED ALWAYS AS IDENTITY"],
  ])("loses no row of a long transaction that commits late, by %s", async (_what, column, type) => {
    const table = `open_${column}_${type.length}`
    await sql(`CREATE TABLE ${table} (id int, ${column} ${type})`)
    const kept = { store: memoryStore(), output: memoryDestination() }
    const read = async () => (await out({ table, incremental: { column, key: "id" } }, {}, kept)).rows.map(({ id }) => id)
    await sql(`INSERT INTO ${table} VALUES (1)`)
    const long = await pool.connect()
    try {
      await long.query(`BEGIN; INSERT INTO ${table} VALUES (2)`)
      await sql(`INSERT INTO ${table} VALUES (3)`)
      // What came after the open transaction began waits until it has ended.
      expect(await read()).toEqual([1])
      await sql(`INSERT INTO ${table} VALUES (4)`)
      expect(await read()).toEqual([])
    } finally {
      await long.query("COMMIT")
      long.release()
    }
    expect((await read()).toSorted((a, b) => Number(a) - Number(b))).toEqual([2, 3, 4])
    expect(await read()).toEqual([])
  })

  it("sees one snapshot, whatever is written meanwhile", async () => {
    await sql("CREATE TABLE moving AS SELECT i AS id, 'a' AS text FROM generate_series(1, 20000) AS i")
    const output = memoryDestination()
    await using engine = createEngine({ plugins: [postgresSourceOver(pool as unknown as PgPool), output] })
    const started = await engine.start({
      name: "out",
      sources: [{ type: "postgres", table: "moving", batch_size: 100 }],
      transforms: [{ type: "custom", module: new URL("../../test/waits.mjs", import.meta.url).pathname, export: "wait" }],
      destinations: [{ type: "memory" }],
    })
    await vi.waitFor(async () =>
      expect(await sql("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY%moving%' AND pid <> pg_backend_pid()")).toHaveLength(1),
    )
    await sql("UPDATE moving SET text = 'b'; INSERT INTO moving VALUES (0, 'c')")
    await started.done
    const seen = new Set(output.rows().map((row) => row["text"]))
    expect(output.rows()).toHaveLength(20_000)
    expect([...seen]).toEqual(["a"])
  })

  it("says what is wrong with a query, and lets it change nothing", async () => {
    const failing = async (source: Record<string, unknown>) =>
      await out(source).then(
        () => "",
        (error: Error) => error.message,
      )
    expect(await failing({ query: "DELETE FROM sales" })).toMatch(/syntax error at or near "FROM"|syntax error at or near "DELETE"/)
    expect(await failing({ query: "SELECT 1 AS a; DROP TABLE sales" })).toContain("syntax error")
    expect(await failing({ query: "SELECT nothing FROM sales" })).toContain(
      'column "nothing" does not exist. Check the names of the columns.',
    )
    expect(await failing({ table: "nothing" })).toContain('relation "public.nothing" does not exist. Check the names of schema and table.')
    expect(await failing({ query: "SELECT nextval('sales_seq') AS a" })).toContain("does not exist")
    await sql("CREATE SEQUENCE counter")
    expect(await failing({ query: "SELECT nextval('counter') AS a" })).toContain("cannot execute nextval() in a read-only transaction")
    expect(await failing({ table: "sales", incremental: { column: "nope" } })).toContain(
      'incremental names "nope", which sales does not have.',
    )
    expect(await failing({ table: "sales", incremental: { column: "id", lookback: "5m" } })).toContain(
      "lookback goes by time, and the cursor column id is integer",
    )
    expect(await failing({ table: "sales", connection: `postgres://postgres@127.0.0.1:1/x` })).toContain("Nobody listens there")
  })

  it("copies a table into another one, unchanged, whatever its types", async () => {
    await using engine = createEngine({ plugins: [postgresSource, postgresDestination] })
    await engine.run({
      name: "copy",
      sources: [{ type: "postgres", connection: url(), table: "types" }],
      destinations: [{ type: "postgres", connection: url(), table: "types_copy", write_mode: "replace" }],
    })
    const texts = async (table: string) =>
      await sql(
        `SELECT big, exact::text, nan::text, low::text, nothing, raw, old::text, never::text, at::text, clock::text, span::text, range::text, doc::text, words::text, amounts::text, none, raws::text, flags::text FROM ${table}`,
      )
    const [[before], [after]] = [await texts("types"), await texts("types_copy")]
    expect(after).toEqual(before)
  })

  describe("read in pieces", () => {
    const wide = async (table: string) => {
      await sql(`CREATE TABLE ${table} (id int PRIMARY KEY, kind int, pad text)`)
      await sql(`ALTER TABLE ${table} ALTER pad SET STORAGE PLAIN`)
      await sql(`INSERT INTO ${table} SELECT i, i % 5, repeat('x', 1500) FROM generate_series(1, 30000) AS i`)
      // Pages with gaps, and rows that have moved.
      await sql(`DELETE FROM ${table} WHERE id % 11 = 0; UPDATE ${table} SET kind = kind + 1 WHERE id % 13 = 0`)
    }
    // A server counts a connection until its process has seen that the other side is gone.
    const expectNoConnections = () =>
      vi.waitFor(
        async () => expect(await sql("SELECT pid, state, query FROM pg_stat_activity WHERE application_name = 'deltaflow'")).toEqual([]),
        { timeout: 30_000 },
      )

    it("gives the rows of one connection, in their order, while others write", async () => {
      await wide("pieces")
      const definition = {
        transforms: [
          { type: "filter", condition: "kind >= 2" },
          { type: "select", columns: ["id", "kind"] },
        ],
      }
      const one = await out({ table: "pieces" }, definition)
      const several = await out({ table: "pieces", parallel: 3 }, definition)
      expect(several.rows.length).toBeGreaterThan(15_000)
      expect(several.rows).toEqual(one.rows)
      // A transfer between the first and the last page: a sum that all connections agree on.
      await sql("CREATE TABLE accounts AS SELECT id, 100 AS balance, pad FROM pieces; ALTER TABLE accounts ALTER pad SET STORAGE PLAIN")
      let isWriting = true
      const writing = (async () => {
        while (isWriting)
          await sql(
            "BEGIN; UPDATE accounts SET balance = balance - 7 WHERE id = 1; UPDATE accounts SET balance = balance + 7 WHERE id = 29999; COMMIT",
          )
      })()
      try {
        for (let i = 0; i < 3; i++) {
          const { rows } = await out({ table: "accounts", parallel: 4 }, { transforms: [{ type: "select", columns: ["id", "balance"] }] })
          expect(rows.length).toBe(27_273)
          expect(new Set(rows.map(({ id }) => id)).size).toBe(27_273)
          expect(rows.reduce((sum, { balance }) => sum + Number(balance), 0)).toBe(2_727_300)
        }
      } finally {
        isWriting = false
        await writing
      }
      await expectNoConnections()
    })

    it("leaves no connection behind where the run ends early or a row fails", async () => {
      await wide("ended")
      const bad = { transforms: [{ type: "map", fields: { ratio: "1 / (id - 20000)" } }] }
      await expect(out({ table: "ended", parallel: 4 }, bad)).rejects.toThrow("division by zero")
      await expectNoConnections()
      const signal = AbortSignal.timeout(30)
      await using engine = createEngine({ plugins: [postgresSource, memoryDestination()] })
      const cancelled = engine.run(
        {
          name: "out",
          sources: [{ type: "postgres", connection: url(), table: "ended", parallel: 4 }],
          destinations: [{ type: "memory" }],
        },
        { signal },
      )
      await cancelled.catch((error: unknown) => expect(error).toMatchObject({ code: "RUN_CANCELLED" }))
      await expectNoConnections()
    })

    it("does with the connections that there are", async () => {
      await wide("few")
      const few = new Pool({ host: "127.0.0.1", port: server.port, user: "postgres", password: "any", max: 2 })
      try {
        const output = memoryDestination()
        await using engine = createEngine({ plugins: [postgresSourceOver(few as unknown as PgPool), output] })
        const source = { type: "postgres", table: "few", parallel: 5, connect_timeout: "200ms" }
        await engine.run({ name: "out", sources: [source], destinations: [{ type: "memory" }] })
        expect(output.rows().length).toBe(27_273)
      } finally {
        await few.end()
      }
    })

    it("is refused where there are no pages to go by", async () => {
      await sql("CREATE VIEW some_sales AS SELECT * FROM sales")
      await sql("CREATE TABLE parted (id int) PARTITION BY RANGE (id)")
      await expect(out({ table: "some_sales", parallel: 2 })).rejects.toThrow("some_sales has no pages of its own")
      await expect(out({ table: "parted", parallel: 2 })).rejects.toThrow("parted has no pages of its own")
      await expect(out({ query: "SELECT 1 AS a", parallel: 2 })).rejects.toThrow("parallel reads a table in pieces, and no query")
      await expect(out({ table: "sales", parallel: 2, incremental: { column: "id" } })).rejects.toThrow("rows come in the order of id")
      expect((await out({ table: "sales", parallel: 2 })).rows.length).toBe(37)
    })
  })
})
