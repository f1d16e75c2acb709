import { spawn } from "node:child_process"
import { AssertionError } from "node:assert"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { pathToFileURL } from "node:url"
import { Decimal, DefinitionError, defineDestination, defineSource, defineTransform, pipeline } from "@deltaflow/core"
import { describe, expect, it, onTestFinished, test, vi } from "vitest"
import { pipelineTests, testPipeline } from "../index.ts"

/** Sources and destinations that must not be touched. */
const never = (): never => {
  throw new Error("a test opened what is real")
}
const warehouse = defineDestination({ type: "warehouse", writeModes: ["append", "upsert", "replace"], open: never })
const shop = defineSource({ type: "shop", read: never })
const domain = defineTransform({ type: "domain", row: (row) => ({ ...row, domain: String(row["email"]).split("@")[1] ?? null }) })
const plugins = [warehouse, shop, domain]

const users = pipeline({
  name: "users",
  sources: [{ type: "shop", name: "users", token: "${TOKEN}" }],
  transforms: [{ type: "filter", condition: "age >= 18" }, { type: "domain" }],
  destinations: [{ type: "warehouse", name: "adults", connection: "${DATABASE_URL}", key: "id" }],
})

const ada = { id: 1, email: "ada@example.com", age: 36 }
const bo = { id: 2, email: "bo@example.com", age: 17 }

const messageOf = async (promise: Promise<unknown>): Promise<string> => {
  const error = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  expect(error).toBeInstanceOf(AssertionError)
  return (error as AssertionError).message
}

const issuesOf = async (promise: Promise<unknown>): Promise<ReadonlyArray<string>> => {
  const error = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  expect(error).toBeInstanceOf(DefinitionError)
  return (error as DefinitionError).issues.map(({ path: place, message }) => `${place}: ${message}`)
}

const folderWith = (files: Readonly<Record<string, string>>): string => {
  const folder = mkdtempSync(path.join(tmpdir(), "deltaflow-testing-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    writeFileSync(path.join(folder, name), text)
  }
  return folder
}

describe("testPipeline", () => {
  it("gives rows, columns, counts and what was rejected, and touches nothing real", async () => {
    const result = await testPipeline(users, { plugins, fixtures: { users: [ada, bo] } })
    expect(result.rows()).toEqual([{ ...ada, domain: "example.com" }])
    expect(result.rows("adults")).toBe(result.rows())
    expect(result.schema().columns.map(({ name, type }) => [name, type])).toEqual([
      ["id", "integer"],
      ["email", "string"],
      ["age", "integer"],
      ["domain", "string"],
    ])
    expect(result.rejected).toEqual([])
    expect(result.run).toMatchObject({ status: "success", rowsExtracted: 2, rowsFiltered: 1, rowsLoaded: 1 })
    await result.check({ row_count: 1, unique: "id", equals: [{ ...ada, domain: "example.com" }] })
    await result.check([
      { destination: "adults", expression: "domain = 'example.com'" },
      { step: 1, columns: ["id", "email", "age"] },
    ])
  })

  it("throws one AssertionError with everything that does not hold", async () => {
    const fixtures = { users: [ada, bo] }
    const message = await messageOf(testPipeline(users, { plugins, fixtures, expect: { row_count: 2, expression: "age > 40" } }))
    expect(message).toMatch(/^row_count: expected 2 rows, found 1\.\n\nexpression: age > 40 is false in 1 row of 1:\n/)
    const result = await testPipeline(users, { plugins, fixtures })
    expect(await messageOf(result.check({ equals: { columns: ["id"], rows: [{ id: 3 }] } }))).toContain(
      "1 row is missing, 1 row is not expected:",
    )
  })

  it("takes values as code has them: decimals, dates, bigint, and no more than the types allow", async () => {
    const fixtures = {
      users: {
        rows: [{ id: 9007199254740993n, email: "a@b", age: 40, amount: Decimal.parse("1.50"), at: new Date(0) }],
        columns: { at: "timestamp" },
      },
    } as const
    const result = await testPipeline(users, { plugins, fixtures })
    await result.check({
      columns: { id: "integer", email: "string", age: "integer", amount: "decimal", at: "timestamp", domain: "string" },
      equals: [{ id: "9007199254740993", email: "a@b", age: 40, amount: "1.5", at: "1970-01-01T00:00:00", domain: "b" }],
    })
    const wrong = { users: { rows: [{ ...ada, age: "x" }], columns: { age: "integer" } } } as const
    expect(await issuesOf(testPipeline(users, { plugins, fixtures: wrong }))).toEqual([
      'fixtures.users.rows[0].age: row 1, column age: "x" is no integer.',
    ])
  })

  it("fails where the run fails, unless the test says so", async () => {
    const fixtures = { users: [{ ...ada, id: null }] }
    const strict = { ...users, schema: { id: { required: true } } }
    expect(await messageOf(testPipeline(strict, { plugins, fixtures }))).toMatch(/^the run failed with SCHEMA_VIOLATION: .*row 1/)
    const result = await testPipeline(strict, { plugins, fixtures, fails: { code: "SCHEMA_VIOLATION", message: "row 1" } })
    expect(result.failure?.code).toBe("SCHEMA_VIOLATION")
    await result.check({ row_count: 0 })
    expect(await messageOf(testPipeline(strict, { plugins, fixtures, fails: "CSV_QUOTE" }))).toContain(
      "was to fail with CSV_QUOTE, and failed with SCHEMA_VIOLATION",
    )
    const other = testPipeline(strict, { plugins, fixtures, fails: { code: "SCHEMA_VIOLATION", message: "row 2" } })
    expect(await messageOf(other)).toContain('the message was to hold "row 2", and is:')
  })

  it("shows rejected rows, and does not wait before rows are tried again", async () => {
    let tries = 0
    const shaky = defineTransform({
      type: "shaky",
      row: (row) => {
        if (tries++ === 0) throw Object.assign(new Error("not now"), { retryable: true })
        return row
      },
    })
    const steps = { transforms: [{ type: "shaky" }], error_handling: { strategy: "retry", retry_delay: "1h" } } as const
    const retried = await testPipeline({ ...users, ...steps }, { plugins: [...plugins, shaky], fixtures: { users: [ada] } })
    expect([retried.rows(), tries]).toEqual([[ada], 2])
    const skipping = {
      ...users,
      transforms: [{ type: "map", fields: { half: "100 / (age - 17)" } }],
      error_handling: { strategy: "skip" },
    } as const
    const result = await testPipeline(skipping, { plugins, fixtures: { users: [ada, bo] }, expect: { rejected: true, row_count: 1 } })
    expect(result.rejected).toEqual([
      { step: "map", code: "DIVISION_BY_ZERO", error: expect.stringContaining("division by zero") as string, row_number: 2, row: bo },
    ])
    expect(result.rows()).toEqual([{ ...ada, half: 5 }])
  })

  it("runs several runs over one state: rows of the same key are replaced, and :last_run moves", async () => {
    const changes = {
      ...users,
      sources: [{ type: "shop", name: "users", incremental: true }],
      transforms: [{ type: "map", fields: { since: ":last_run::timestamptz" } }],
    } as const
    const result = await testPipeline(changes, {
      plugins,
      now: "2026-01-01T00:00:00Z",
      runs: [
        { fixtures: { users: [ada, bo] }, expect: { row_count: 2 } },
        { now: "2026-01-02T00:00:00Z", fixtures: { users: [{ ...bo, age: 18 }] }, expect: { row_count: 2, unique: "id" } },
      ],
    })
    expect(result.rows()).toEqual([
      { ...ada, since: "1970-01-01T00:00:00Z" },
      { ...bo, age: 18, since: "2026-01-01T00:00:00Z" },
    ])
    const wrong = { plugins, runs: [{ fixtures: { users: [ada] } }, { fixtures: { users: [] }, expect: { row_count: 0 } }] }
    expect(await messageOf(testPipeline(changes, wrong))).toBe("run 2: row_count: expected 0 rows, found 1.")
  })

  it("is the same whatever the size of batches is", async () => {
    const rows = Array.from({ length: 23 }, (_, id) => ({ ...ada, id: id % 7 }))
    const results = await Promise.all(
      [1, 2, 23].map((batch_size) => testPipeline(users, { plugins, fixtures: { users: rows }, batch_size })),
    )
    for (const result of results) {
      expect(result.run.rowsLoaded).toBe(23)
      await result.check({ row_count: 7, equals: results[0]!.rows() })
    }
  })

  it.each([
    ["a source of another name", { fixtures: { user: [] } }, ["fixtures.user: the pipeline has no source `user`. Did you mean `users`?"]],
    ["no fixture", {}, [": the source `users` has no fixture, and a test reads nothing else."]],
    ["an unknown key", { fixtures: { users: [] }, expects: {} }, ["expects: unknown key `expects`. Did you mean `expect`?"]],
    [
      "an empty expectation",
      { fixtures: { users: [] }, expect: {} },
      ["expect: this expectation expects nothing, and so holds for everything."],
    ],
    ["an empty list of them", { fixtures: { users: [] }, expect: [] }, ["expect: expected a list of expectations, got an empty list."]],
    [
      "another destination",
      { fixtures: { users: [ada] }, expect: { destination: "adult", row_count: 1 } },
      ["expect.destination: the pipeline has no destination `adult`. Did you mean `adults`?"],
    ],
    [
      "a time that is none",
      { fixtures: { users: [] }, now: "noon" },
      ['now: expected a time such as 2026-01-31T12:00:00Z, got the text "noon".'],
    ],
  ])("refuses %s", async (_, options, issues) => {
    expect(await issuesOf(testPipeline(users, { plugins, ...options }))).toEqual(issues)
  })

  it("tells what is wrong in the pipeline with its place, and needs no connector that fixtures replace", async () => {
    const text = `name: users
sources: [{ type: postgres, name: users, connection: "\${DATABASE_URL}", query: SELECT }]
transforms: [{ type: filter, condition: "agee > 1" }]
destinations: [{ type: snowflake }]
`
    const folder = folderWith({ "pipelines/users.yml": text, "deltaflow.yml": "name: shop\ndefaults: { batch_size: 2 }\n" })
    const file = pathToFileURL(path.join(folder, "pipelines/users.yml"))
    const wrong = testPipeline(file, { fixtures: { users: [ada] } })
    await expect(wrong).rejects.toThrow(/^pipelines\/users\.yml:3:42: transforms\[0\]\.condition: There is no column agee/)
    writeFileSync(file, text.replace("agee", "age"))
    const result = await testPipeline(file, { fixtures: { users: [ada] } })
    expect(result.rows()).toEqual([ada])
    expect((await testPipeline(text.replace("agee", "age"), { fixtures: { users: [ada, ada] } })).rows()).toHaveLength(2)
  })

  it("keeps snapshots where it is told to", async () => {
    vi.stubEnv("CI", "")
    onTestFinished(() => void vi.unstubAllEnvs())
    const snapshotFile = path.join(folderWith({}), "users.ndjson")
    const options = { plugins, snapshotFile, name: "adults", expect: { snapshot: true } } as const
    await testPipeline(users, { ...options, fixtures: { users: [ada] } })
    expect(readFileSync(snapshotFile, "utf8").split("\n")[1]).toBe('{"id":1,"email":"ada@example.com","age":36,"domain":"example.com"}')
    const changed = { users: [{ ...ada, age: 37 }] }
    expect(await messageOf(testPipeline(users, { ...options, fixtures: changed }))).toMatch(
      /snapshot: other than in users\.ndjson[^]*36 → 37/,
    )
    await testPipeline(users, { ...options, fixtures: changed, updateSnapshots: true })
    await testPipeline(users, { ...options, fixtures: changed })
    expect(await messageOf(testPipeline(users, { plugins, fixtures: changed, expect: { snapshot: true } }))).toContain(
      "Give one as `snapshotFile`.",
    )
  })
})

describe("a destination that a test replaces", () => {
  const first = { users: [{ ...ada, extra: null }] }
  const runs = [
    { fixtures: { users: [ada] } },
    {
      fixtures: {
        users: [
          { ...bo, age: 20, extra: 1 },
          { ...ada, id: 3 },
        ],
      },
    },
  ]

  it.each([
    ["append", {}, [1, 2, 3]],
    ["replace", {}, [2, 3]],
    ["upsert", { key: ["age", "email"] }, [1, 2, 3]],
    ["upsert", { key: "email" }, [3, 2]],
  ] as const)("holds in mode %s what the real one would", async (write_mode, more, ids) => {
    const destinations = [{ type: "warehouse", write_mode, ...more }] as const
    const steps = { ...users, transforms: [], destinations }
    const inOrder = runs.map(({ fixtures }) => ({
      fixtures: {
        users: fixtures.users.map((row) => ({ ...row, email: row.id === 3 && "key" in more && more.key !== "email" ? "x" : row.email })),
      },
    }))
    const result = await testPipeline(steps, { plugins, runs: inOrder })
    expect(result.rows().map(({ id }) => id)).toEqual(ids)
  })

  it.each([
    ["evolve", ["id", "email", "age", "extra"], [1, 2, 3]],
    ["freeze", ["id", "email", "age"], [1, 2, 3]],
    ["discard", ["id", "email", "age"], [1, 3]],
  ] as const)("does with new columns what schema_changes: %s says", async (schema_changes, columns, ids) => {
    const destinations = [{ type: "warehouse", write_mode: "append", schema_changes }] as const
    const result = await testPipeline({ ...users, transforms: [], destinations }, { plugins, runs })
    expect(result.schema().columns.map(({ name }) => name)).toEqual(columns)
    expect(result.rows().map(({ id }) => id)).toEqual(ids)
  })

  it("refuses new columns where it must, and a key that rows do not have", async () => {
    const destinations = [{ type: "warehouse", name: "w", write_mode: "append", schema_changes: "fail" }] as const
    expect(await messageOf(testPipeline({ ...users, transforms: [], destinations }, { plugins, runs }))).toMatch(
      /run 2: the run failed with SCHEMA_CHANGED: w.*extra/,
    )
    const keyed = [{ type: "warehouse", name: "w", write_mode: "upsert", key: "uuid" }] as const
    const wrong = testPipeline({ ...users, transforms: [], destinations: keyed }, { plugins, fixtures: first })
    expect(await messageOf(wrong)).toMatch(/UNKNOWN_COLUMN: w.* the rows have no column uuid, which its key names/)
  })
})

describe("pipelineTests", () => {
  const project = () =>
    folderWith({
      "deltaflow.yml": `name: users\nsources: [{ type: shop, name: users }]\ndestinations: [{ type: warehouse }]\n`,
      "tests/users.test.yml": `pipeline: users\ntests:\n  - { name: right, fixtures: { users: [{ id: 1 }] }, expect: { row_count: 1 } }\n  - { name: wrong, fixtures: { users: [] }, expect: { row_count: 1 } }\n`,
      "tests/broken.test.yml": "pipeline: user\ntests: [{ name: x, fixtures: {} }]\n",
    })

  it("hands each test of the files to the runner, and a file that is wrong as one that fails", async () => {
    const given = new Map<string, () => Promise<void>>()
    await pipelineTests({ test: (name, check) => void given.set(name, check), project: project(), plugins })
    expect([...given.keys()]).toEqual(["tests/broken.test.yml", "tests/users.test.yml › right", "tests/users.test.yml › wrong"])
    await expect(given.get("tests/broken.test.yml")!()).rejects.toThrow(
      "tests/broken.test.yml:1:11: pipeline: the project has no pipeline `user`.",
    )
    await given.get("tests/users.test.yml › right")!()
    expect(await messageOf(given.get("tests/users.test.yml › wrong")!())).toBe("row_count: expected 1 row, found 0.")
  })

  it("rejects where there is no test file, so that nothing passes for it", async () => {
    await expect(pipelineTests({ test: () => undefined, project: folderWith({}) })).rejects.toThrow("there is no test file in")
  })
})

test("under node:test the same tests pass and fail, and the difference is in what is printed", { timeout: 60_000 }, async () => {
  const file = path.join(import.meta.dirname, "../../test/pipelines.nodetest.ts")
  const child = spawn(process.execPath, ["--conditions=source", "--test", "--test-reporter=tap", file])
  let printed = ""
  child.stdout.on("data", (bytes) => (printed += String(bytes)))
  const [code] = (await once(child, "close")) as [number]
  expect([code, printed.match(/# (pass|fail) \d+/g)]).toEqual([1, ["# pass 2", "# fail 1"]])
  expect(printed).toContain("not ok 3 - shows what differs")
  expect(printed).toMatch(/~ +1 +1 +36 → 37/)
})
