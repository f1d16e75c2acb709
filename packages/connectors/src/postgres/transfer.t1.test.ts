/** From one table of PostgreSQL to another: what nobody touches stays the text that the server wrote, and every value stays the same. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createEngine, defineTransform, type PipelineDefinition, type Plugin } from "@deltaflow/core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { missingServer, type PostgresServer, startPostgres } from "../../../../scripts/postgresServer.ts"
import { csvSource } from "../csv/index.ts"
import { memoryDestination } from "../memory/index.ts"
import { postgresDestination, postgresSource } from "./index.ts"

/** The package brings no types. */
const packageName: string = "pg"
const { Client } = ((await import(packageName)) as { readonly default: { readonly Client: new (config: object) => TestClient } }).default

interface TestClient {
  readonly connect: () => Promise<void>
  readonly query: (sql: string, values?: ReadonlyArray<unknown>) => Promise<{ readonly rows: ReadonlyArray<Record<string, unknown>> }>
  readonly end: () => Promise<void>
}

const missing = await missingServer()

it.runIf(missing !== undefined)(`transfers are tried against PostgreSQL (not run: ${missing ?? ""})`, (test) => {
  expect(process.env["DELTAFLOW_SERVICES"], missing).not.toBe("required")
  test.skip()
})

/** Values of each type, as PostgreSQL reads them. */
const KINDS: Readonly<Record<string, ReadonlyArray<string>>> = {
  smallint: ["0", "-32768"],
  integer: ["2147483647", "-1"],
  bigint: ["9223372036854775807", "-9223372036854775808"],
  "numeric(38,9)": ["1.5", "-12345678901234567890.123456789"],
  numeric: ["NaN", "Infinity", "-Infinity", "0.00", "1e100", "-0.000000000000000000000000000001"],
  real: ["1.5", "NaN", "-Infinity"],
  "double precision": ["0.1", "-0", "1e308", "NaN", "Infinity"],
  boolean: ["true", "false"],
  text: ["", " x ", "a\\nb", "two\nlines\t\r\n", "\\N", "\\.", "\b\f\v\u0001\u007f", "é😀", '"quoted", and more'],
  "character varying(20)": ["", "\\\\", "0042"],
  "character(5)": ["abcde"],
  name: ["a name"],
  bytea: ["\\x", "\\x00ff5c0a"],
  date: ["2024-02-29", "infinity", "-infinity", "0044-03-15 BC", "5874897-12-31"],
  "time without time zone": ["00:00:00", "24:00:00", "04:05:06.7"],
  "time with time zone": ["04:05:06.789+02"],
  "timestamp without time zone": ["2025-01-31 04:05:06.789012", "infinity", "0001-01-01 00:00:00 BC"],
  "timestamp with time zone": ["2025-01-31 04:05:06.789012+02", "-infinity", "10000-01-01 00:00:00+00"],
  interval: ["1 mon -2 days 03:00", "-00:00:00.000001", "178000000 years"],
  uuid: ["6f1c8c2e-4d7b-4c0a-9a51-0123456789ab"],
  json: ['{"a": 1.10,\n "b": "\\u00e9\\n"}', "null", '"text"'],
  jsonb: ['{"b": [1, null], "a": "\\\\"}', "null"],
  "integer[]": ["{1,NULL,3}", "{}"],
  "text[]": ['{"a,b",NULL,"\\"","\\\\N",""}'],
  "numeric[]": ["{1.10,NULL}"],
  "timestamp with time zone[]": ['{"2025-01-31 04:05:06+00"}'],
  int4range: ["[1,5)", "empty"],
  inet: ["10.0.0.1/8"],
  macaddr: ["08:00:2b:01:02:03"],
  "bit(3)": ["101"],
  point: ["(1.5,-2)"],
  xml: ["<a>\n</a>"],
  tsvector: ["'a':1 'b c':2"],
  mood: ["so, so", "back\\slash"],
  amount: ["12.50"],
}

const corpus = process.env["DELTAFLOW_CORPUS"]
const list = join(corpus ?? "", "strings/blns.json")
const hasCorpus = corpus !== undefined && existsSync(list)

const CONTROLS = Array.from({ length: 31 }, (_, i) => `a${String.fromCharCode(i + 1)}b`)
const STRINGS: ReadonlyArray<string | null> = [
  null,
  "",
  "\\N",
  "\\n",
  "\\",
  "\\\\",
  "\\.",
  "N",
  "\t",
  "\n",
  "\r\n",
  ",",
  '"',
  '""',
  "'",
  " ",
  "é\\",
  "😀\t😀",
  "\\x41",
  "\\101",
  ...CONTROLS,
  "x".repeat(70_000),
  "long\n\\".repeat(20_000),
  null,
]

describe.skipIf(missing !== undefined)("from PostgreSQL to PostgreSQL", async () => {
  let client: TestClient
  let folder: string
  const server: PostgresServer = missing === undefined ? await startPostgres() : (undefined as never)
  const connection = `postgres://postgres:any@127.0.0.1:${missing === undefined ? server.port : 0}/postgres`
  const sql = async (text: string, values?: ReadonlyArray<unknown>) => (await client.query(text, values)).rows
  let tables = 0
  const newTable = () => `table_${++tables}`

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "deltaflow-transfer-"))
    client = new Client({ connectionString: connection })
    await client.connect()
    await sql(`CREATE TYPE mood AS ENUM ('so, so', 'back\\slash'); CREATE DOMAIN amount AS numeric(10,2)`)
  })
  afterAll(async () => {
    await client.end()
    await server.stop()
    rmSync(folder, { recursive: true })
  })

  const transfer = async (
    source: object,
    destination: object,
    more: Partial<PipelineDefinition> = {},
    plugins: ReadonlyArray<Plugin> = [],
  ) => {
    await using engine = createEngine({ plugins: [postgresSource, postgresDestination, csvSource, ...plugins], projectRoot: folder })
    return await engine.run({
      name: newTable(),
      sources: [{ type: "postgres", connection, ...source }],
      destinations: [{ type: "postgres", connection, write_mode: "append", ...destination }],
      ...more,
    })
  }

  /** Rows of one table that the other does not have, as texts, with how often. */
  const difference = async (a: string, b: string): Promise<ReadonlyArray<unknown>> =>
    await sql(
      `(SELECT a::text FROM ${a} AS a EXCEPT ALL SELECT b::text FROM ${b} AS b)
       UNION ALL (SELECT b::text FROM ${b} AS b EXCEPT ALL SELECT a::text FROM ${a} AS a)`,
    )

  const asItIs = defineTransform({ type: "as_it_is", row: (row) => row })

  const PATHS: ReadonlyArray<readonly [string, PipelineDefinition["transforms"]]> = [
    ["as it stands", []],
    ["with a column beside it", [{ type: "map", fields: { twice: "id * 2", said: `'\\' || chr(10) || 'N'` } }]],
    ["through a filter that the server does not know", [{ type: "filter", condition: "abs(id) % 2 = 1" }]],
    ["through a function", [{ type: "as_it_is" }]],
    ["through a sort", [{ type: "sort", by: [{ column: "id", order: "desc" }] }]],
  ]

  const makeStrings = async (strings: ReadonlyArray<string | null>): Promise<string> => {
    const table = newTable()
    await sql(`CREATE TABLE ${table} (id int PRIMARY KEY, text text, label varchar, plain text, small text)`)
    await sql(
      `INSERT INTO ${table} SELECT n, s, s, 'row ' || n, nullif(left(s, 3), 'N') FROM unnest($1::text[]) WITH ORDINALITY AS given (s, n)`,
      [strings],
    )
    return table
  }

  const texts = (strings: ReadonlyArray<string | null>): void => {
    it.each(PATHS)("goes %s", async (way, transforms = []) => {
      const table = await makeStrings(strings)
      const target = newTable()
      await transfer({ table }, { table: target }, { transforms }, [asItIs])
      if (way === "with a column beside it") {
        const [wrong] = await sql(`SELECT count(*)::int AS n FROM ${target} WHERE twice <> id * 2 OR said <> '\\' || chr(10) || 'N'`)
        expect(wrong).toEqual({ n: 0 })
        await sql(`ALTER TABLE ${target} DROP twice, DROP said`)
      }
      if (way === "through a filter that the server does not know") await sql(`DELETE FROM ${table} WHERE id % 2 = 0`)
      expect(await difference(table, target)).toEqual([])
    })

    it("goes as the only column", async () => {
      const table = await makeStrings(strings)
      const target = newTable()
      await transfer({ query: `SELECT text FROM ${table} ORDER BY id` }, { table: target })
      expect(await difference(`(SELECT text FROM ${table})`, target)).toEqual([])
    })

    it("is updated by its key, in small batches of both forms", async () => {
      const table = await makeStrings(strings)
      const target = newTable()
      await sql(`CREATE TABLE ${target} (LIKE ${table} INCLUDING ALL); INSERT INTO ${target} SELECT id, 'old' FROM ${table}`)
      writeFileSync(join(folder, "first.csv"), `id,text\n${strings.map((_, i) => `${i + 1},from the file\n`).join("")}`)
      const sources = [
        { type: "csv", path: "first.csv", name: "file" },
        { type: "postgres", connection, table, name: "table", batch_size: 7 },
      ]
      await transfer({}, { table: target, write_mode: "upsert", key: "id" }, { sources })
      expect(await difference(table, target)).toEqual([])
    })
  }

  describe("a text of any kind", () => {
    texts(STRINGS)
  })

  describe.skipIf(!hasCorpus)("the big list of naughty strings (DELTAFLOW_CORPUS)", () => {
    texts(hasCorpus ? (JSON.parse(readFileSync(list, "utf8")) as ReadonlyArray<string>).filter((text) => !text.includes("\0")) : [])
  })

  it.each(Object.entries(KINDS))("leaves %s as it is", async (kind, values) => {
    const table = newTable()
    await sql(`CREATE TABLE ${table} (id int PRIMARY KEY, before text, kind ${kind}, behind text)`)
    for (const [i, value] of [...values, null].entries())
      await sql(`INSERT INTO ${table} VALUES (${i}, 'a', $1::text::${kind}, $2)`, [value, i % 2 === 0 ? "\\" : "b"])
    for (const write_mode of ["append", "upsert"]) {
      const target = newTable()
      await sql(`CREATE TABLE ${target} (LIKE ${table} INCLUDING ALL)`)
      await transfer({ table }, { table: target, write_mode, ...(write_mode === "upsert" ? { key: "id" } : {}) })
      expect(await difference(table, target), write_mode).toEqual([])
    }
  })

  it("takes columns away, in another order and under other names", async () => {
    const table = await makeStrings(STRINGS)
    const target = newTable()
    await sql(`CREATE TABLE ${target} (small text, id int, other text)`)
    const transforms = [
      { type: "rename", columns: { text: "other" } },
      { type: "select", columns: ["other", "small", "id"] },
    ] as const
    await transfer({ table }, { table: target }, { transforms })
    expect(await difference(`(SELECT small, id, text FROM ${table})`, target)).toEqual([])
  })

  it("refuses what another type would change, by its row", async () => {
    const table = newTable()
    await sql(
      `CREATE TABLE ${table} AS SELECT n AS id, n + CASE n WHEN 3 THEN 0.005 ELSE 0.5 END AS price, E'a\\\\\\nb' AS note FROM generate_series(1, 5) AS n`,
    )
    const target = newTable()
    await sql(`CREATE TABLE ${target} (id bigint, price numeric(10,2), note text)`)
    const query = `SELECT * FROM ${table} ORDER BY id`
    await expect(transfer({ query }, { table: target })).rejects.toThrow(/row 3, column price: .*numeric\(10,2\) without a change/)
    await sql(`UPDATE ${table} SET price = 3 WHERE id = 3`)
    await transfer({ query }, { table: target })
    expect(await difference(`(SELECT id::bigint, price::numeric(10,2), note FROM ${table})`, target)).toEqual([])
  })

  it("looks at texts of a declared type", async () => {
    const table = newTable()
    await sql(`CREATE TABLE ${table} (id int, number text, day text)`)
    await sql(
      `INSERT INTO ${table} VALUES (1, '007', '2025-01-31'), (2, E'\\\\', '2025-02-01'), (3, '12', '2025-02-01 10:00:00'), (4, NULL, NULL)`,
    )
    const target = newTable()
    const letter = memoryDestination()
    const run = await transfer(
      { query: `SELECT * FROM ${table} ORDER BY id`, columns: { number: "integer", day: "date" } },
      { table: target },
      { error_handling: { strategy: "skip", dead_letter: { type: "memory" } } },
      [letter],
    )
    expect(run).toMatchObject({ rowsLoaded: 2, rowsRejected: 2 })
    expect(await sql(`SELECT id, number::text, day::text FROM ${target} ORDER BY id`)).toEqual([
      { id: "1", number: "7", day: "2025-01-31" },
      { id: "4", number: null, day: null },
    ])
    expect(letter.rows().map((row) => (row["row"] as { id: number }).id)).toEqual([2, 3])
  })

  it.each(["skip", "fail"] as const)("finds the bad row among texts with line ends (%s)", async (strategy) => {
    const table = newTable()
    await sql(
      `CREATE TABLE ${table} AS SELECT n AS id, CASE n WHEN 1717 THEN 'bad' ELSE E'a\\nb\\\\\\tc' END AS note FROM generate_series(1, 3000) AS n`,
    )
    const target = newTable()
    await sql(`CREATE TABLE ${target} (id bigint, note text CHECK (note <> 'bad'))`)
    const letter = memoryDestination()
    const running = transfer(
      { query: `SELECT * FROM ${table} ORDER BY id` },
      { table: target },
      { error_handling: { strategy, ...(strategy === "skip" ? { dead_letter: { type: "memory" } } : {}) } },
      [letter],
    )
    if (strategy === "fail") await expect(running).rejects.toMatchObject({ message: expect.stringMatching(/row 1717.*check constraint/) })
    else {
      expect(await running).toMatchObject({ rowsLoaded: 2999, rowsRejected: 1 })
      expect(letter.rows().map(({ rowNumber, row }) => [rowNumber ?? (row as { id: number }).id])).toEqual([[1717]])
      expect(await difference(`(SELECT * FROM ${table} WHERE note <> 'bad')`, target)).toEqual([])
    }
  })
})
