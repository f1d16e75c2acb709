/** What is wrong with a query is found before a row is read, and a query reaches nothing but its tables. */
import { existsSync, readdirSync } from "node:fs"
import path from "node:path"
import { createEngine } from "@deltaflow/core"
import { memoryDestination, memorySource } from "@deltaflow/connectors"
import { describe, expect, it } from "vitest"
import { duckdbSql } from "../src/index.ts"
import { issuesOf, made, runSql, temporaryFolder } from "./harness.ts"

const input = [{ id: 1, name: "a" }]

const issueOf = async (query: string, sources: Readonly<Record<string, ReadonlyArray<{ readonly id: number }>>> = { rows: input }) => {
  const issues = await issuesOf({
    sources,
    transforms: [
      { type: "filter", name: "some", condition: "id > 0" },
      { type: "sql", query },
    ],
  })
  expect(issues).toHaveLength(1)
  expect(issues[0]!.path).toBe("transforms[1].query")
  return issues[0]!
}

describe("a query that is wrong", () => {
  it.each([
    ["SELEC 1", "SQL_INVALID", "syntax error", 0],
    ["SELECT 'é😀',\n nam FROM input", "UNKNOWN_COLUMN", '"nam" not found', 15],
    ["SELECT nope(id) FROM input", "UNKNOWN_FUNCTION", "nope does not exist", 7],
    ["SELECT id + name FROM input", "EXPRESSION_TYPE", "+(BIGINT, VARCHAR)", 10],
    ["SELECT id, id FROM input", "DUPLICATE_COLUMN", "two columns `id`", undefined],
    ["SELECT * FROM inptu", "INVALID_VALUE", "Did you mean `input`?", 14],
    ["SELECT * FROM step_2", "INVALID_VALUE", "no table `step_2`", 14],
    ["SELECT * FROM main.input", "SQL_INVALID", "schema `main`", 14],
    ["SELECT 1; SELECT 2", "SQL_INVALID", "2 queries", undefined],
    ["-- nothing", "SQL_INVALID", "no query", undefined],
    ["SELECT :run_ID FROM input", "SQL_INVALID", 'syntax error at or near ":"', 7],
    ["SELECT $other FROM input", "SQL_INVALID", "no runtime value `other`", undefined],
    ["SELECT ? FROM input", "SQL_INVALID", "no runtime value `1`", undefined],
    ["SELECT TIMESTAMP_NS '2025-01-01' AS t FROM input", "EXPRESSION_TYPE", "TIMESTAMP_NS", undefined],
  ])("%j is %s", async (query, code, message, position) => {
    const issue = await issueOf(query)
    expect(issue.code).toBe(code)
    expect(issue.message).toContain(message)
    if (position !== undefined && issue.position !== undefined) expect(issue.position).toBe(position)
  })

  it("stands at its line in a file", async () => {
    const text = `name: orders
sources: [{ type: memory, name: rows, dataset: rows, columns: { id: integer } }]
transforms:
  - type: sql
    query: |
      SELECT id,
        nam
      FROM input
destinations: [{ type: memory }]
`
    await using engine = createEngine({ plugins: [memorySource({ rows: input }), memoryDestination(), duckdbSql] })
    const wrong = text.replace("FROM input", "FORM input")
    await expect(engine.validate(wrong)).rejects.toMatchObject({ issues: [{ line: 8, column: 12, code: "SQL_INVALID" }] })
    await expect(engine.explain(text)).rejects.toMatchObject({ issues: [{ position: 13, code: "UNKNOWN_COLUMN" }] })
  })

  it.each([
    "INSERT INTO input VALUES (1)",
    "CREATE TABLE x (a INT)",
    "DROP TABLE input",
    "PRAGMA version",
    "SHOW TABLES",
    "DESCRIBE input",
    "SUMMARIZE input",
    "EXPLAIN SELECT 1",
    "CALL pragma_version()",
    "SET threads = 1",
    "PIVOT input ON id USING count(*)",
  ])("%j is no SELECT", async (query) => {
    expect(await issueOf(query)).toMatchObject({ code: "SQL_INVALID", message: "the query is no SELECT." })
  })
})

describe("a table that a query names", () => {
  const steps = (query: string) =>
    [
      { type: "map", name: "Twice", fields: { id: "id * 2" } },
      { type: "sql", query },
    ] as const

  it("may not be two things", async () => {
    const two = { rows: input, twice: input }
    expect(await issuesOf({ sources: two, transforms: steps("FROM TWICE") })).toMatchObject([
      { code: "INVALID_VALUE", message: "the table `TWICE` could be the source twice or the rows after transforms[0]." },
    ])
    expect(await issuesOf({ sources: two, transforms: steps("FROM input") })).toEqual([])
    expect(await issuesOf({ sources: { input, other: input }, transforms: steps("FROM input") })).toMatchObject([
      { message: "the table `input` could be the rows that arrive at the step or the source input." },
    ])
  })

  it("leaves rows for the steps before the query, and for `input`", async () => {
    const two = { a: input, b: input }
    const message = "steps read every source for themselves"
    const before = await issuesOf({ sources: two, transforms: steps("FROM a JOIN b USING (id)") })
    expect(before[0]!.message).toContain(message)
    const named = await issuesOf({ sources: two, transforms: [{ type: "sql", query: "FROM a, b, input" }] })
    expect(named[0]!.message).toContain(message)
  })

  it("is read once", async () => {
    const query = { type: "sql", query: "SELECT input.id FROM input JOIN b USING (id)" } as const
    const twice = await issuesOf({ sources: { a: input, b: input }, transforms: [query, query] })
    expect(twice).toMatchObject([{ code: "INVALID_VALUE", message: "the source `b` is named by two steps, and is read only once." }])
    const joined = await issuesOf({ sources: { a: input, b: input }, transforms: [{ type: "join", with: "b", on: "id" }, query] })
    expect(joined).toMatchObject([{ message: "the source `b` is named by two steps, and is read only once." }])
  })

  it("cannot have columns that differ in case alone", async () => {
    const issues = await issuesOf({ sources: { rows: [{ a: 1, A: 2 }] }, transforms: [{ type: "sql", query: "FROM input" }] })
    expect(issues).toMatchObject([{ code: "DUPLICATE_COLUMN" }])
  })

  it("is refused beside an incremental source", async () => {
    const sources = [{ type: "memory", name: "rows", dataset: "rows", incremental: true }]
    const issues = await issuesOf({ sources: { rows: input }, transforms: [{ type: "sql", query: "FROM input" }], more: { sources } })
    expect(issues).toMatchObject([{ code: "UNSUPPORTED_FEATURE", path: "transforms[0].type" }])
  })
})

describe("a query reaches", () => {
  it.each([
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/*')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM parquet_scan('x.parquet')",
    "SELECT * FROM read_duckdb('x.duckdb')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM input WHERE id IN (SELECT id FROM read_json('/etc/hosts'))",
    "WITH x AS (SELECT content FROM read_text('/etc/passwd')) FROM x",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "SELECT * FROM input, LATERAL (FROM read_text('/etc/passwd'))",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('input')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM enable_logging(storage = 'file', storage_path = '/tmp/x')",
    "SELECT * FROM enable_profiling()",
    "SELECT * FROM arrow_scan(1, 1, 1)",
    "SELECT * FROM json_execute_serialized_sql('x')",
  ])("no function of files, settings or other queries: %s", async (query) => {
    const issue = await issueOf(query)
    expect(issue).toMatchObject({ code: "SQL_INVALID" })
    expect(issue.message).toMatch(/a query may not call `\w+` for rows/)
  })

  it.each([
    "SELECT * FROM '/etc/passwd'",
    'SELECT * FROM "data.csv"',
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pg_class",
    "SELECT * FROM duckdb_tables",
  ])("no table but those of the pipeline: %s", async (query) => {
    expect(["INVALID_VALUE", "SQL_INVALID"]).toContain((await issueOf(query)).code)
  })

  it.each([
    "COPY (SELECT 1) TO '/tmp/deltaflow-copied.csv'",
    "ATTACH '/tmp/deltaflow-attached.db'",
    "ATTACH ':memory:' AS other",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "RESET lock_configuration",
    "EXPORT DATABASE '/tmp/deltaflow-exported'",
    "CREATE SECRET (TYPE s3)",
  ])("nothing by a statement: %s", async (query) => {
    expect(await issueOf(query)).toMatchObject({ code: "SQL_INVALID", message: "the query is no SELECT." })
    expect(existsSync("/tmp/deltaflow-copied.csv") || existsSync("/tmp/deltaflow-attached.db")).toBe(false)
  })

  it("neither files nor settings, also where nobody has looked at it before", async () => {
    const failing = async (query: string): Promise<string> => {
      const folder = temporaryFolder()
      const session = await duckdbSql.open({
        query,
        tables: [],
        runtimeValues: {},
        place: "orders",
        memory: 1,
        threads: 1,
        folder,
        batchSize: 10,
      })
      const message = await session
        .rows()
        .next()
        .then(() => "it worked")
        .catch((error: Error) => error.message)
      await session.close()
      return message
    }
    for (const query of [
      "FROM read_text('/etc/passwd')",
      "COPY (SELECT 1) TO '/tmp/deltaflow-copied.csv'",
      "ATTACH '/tmp/deltaflow-attached.db'",
    ])
      expect(await failing(query)).toContain("file system operations are disabled")
    expect(await failing("SET enable_external_access = true")).toContain("configuration has been locked")
    expect(await failing("LOAD httpfs")).toContain("disabled")
  })

  it("functions that make rows of values", async () => {
    const query = "SELECT i, k.key FROM range(2) t(i), json_each('{\"a\": 1}') k ORDER BY i"
    expect((await runSql({ sources: { rows: input }, transforms: [{ type: "sql", query }] })).rows).toEqual([
      { i: 0, key: "a" },
      { i: 1, key: "a" },
    ])
  })

  it("runtime values as parameters, never as text of the query", async () => {
    const query =
      "SELECT :run_id AS a, ':run_id' AS b, id::VARCHAR AS c, :pipeline_name || \"name\" AS d /* :run_id */, :payload::JSON ->> 'x' AS e FROM input -- :run_id"
    const payload = { x: "'; DROP TABLE input; --" }
    const { rows, result } = await runSql({ sources: { rows: input }, transforms: [{ type: "sql", query }] }, { payload })
    expect(rows).toEqual([{ a: result.id, b: ":run_id", c: "1", d: "ordersa", e: payload.x }])
  })
})

describe("without the package", () => {
  it("a step in SQL says what to install", async () => {
    await using engine = createEngine({ plugins: [memorySource({ rows: input }), memoryDestination()] })
    const definition = made({ sources: { rows: input }, transforms: [{ type: "sql", query: "FROM input" }] }).definition
    await expect(engine.validate(definition)).rejects.toMatchObject({
      issues: [{ code: "UNKNOWN_PLUGIN", path: "transforms[0].type", hint: expect.stringContaining("npm install @deltaflow/duckdb") }],
    })
  })
})

describe("explain, preview and a dry run", () => {
  const setting = {
    sources: { rows: [{ id: 1, amount: 2.5 }] },
    transforms: [
      { type: "sql", query: "SELECT id, amount::DECIMAL(9, 2) AS amount, [id] AS ids FROM input" },
      { type: "map", fields: { more: "amount * 2" } },
    ],
  } as const

  it("tell the columns behind the query, and leave nothing", async () => {
    const folder = temporaryFolder()
    const { definition, engine } = made({ ...setting, engine: { tempFolder: folder } })
    const { steps, passes } = await engine.explain(definition)
    expect(steps[0]!.columns).toEqual([
      { name: "id", type: "integer", nullable: true },
      { name: "amount", type: "decimal", nullable: true },
      { name: "ids", type: "integer[]", nullable: true },
    ])
    expect(steps[1]!.columns!.map(({ name }) => name)).toEqual(["id", "amount", "ids", "more"])
    expect(passes[0]!.how).toBe("query in a database of its own, spills past buffer_memory")
    const { rows, schema } = await engine.preview(definition, { step: 1 })
    expect(schema.columns).toEqual(steps[0]!.columns)
    expect(rows.map(({ id, amount }) => [id, String(amount)])).toEqual([[1, "2.50"]])
    await engine.run(definition, { dryRun: true })
    expect(readdirSync(path.resolve(folder))).toEqual([])
    await engine.close()
  })

  it("stop reading a query that never ends as soon as there are enough rows", async () => {
    const transforms = [{ type: "sql", query: "SELECT i FROM range(1000000000) t(i)" }] as const
    const { definition, engine } = made({ sources: { rows: input }, transforms })
    expect((await engine.preview(definition, { limit: 3 })).rows).toEqual([{ i: 0 }, { i: 1 }, { i: 2 }])
    await engine.close()
  })
})
