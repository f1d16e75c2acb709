/** The section `schema`: what rows must be behind all steps. */
import { expect, test } from "vitest"
import { createEngine, Decimal, defineSource, defineTransform, type PipelineDefinition, type Row, RunError } from "../src/index.ts"
import { keepRows, rowsSource } from "./memoryPlugins.ts"

type Rules = NonNullable<PipelineDefinition["schema"]>

const run = async (rows: ReadonlyArray<object>, schema: Rules, more: Partial<PipelineDefinition> = {}) => {
  const kept = keepRows()
  const letters = keepRows({ type: "letters" })
  await using engine = createEngine({ plugins: [rowsSource(rows), kept.destination, letters.destination] })
  const done = engine.run({
    name: "orders",
    sources: [{ type: "rows", batch_size: 2 }],
    destinations: [{ type: "keep" }],
    schema,
    error_handling: { dead_letter: { type: "letters" } },
    ...more,
  })
  const outcome = await done.then(
    (result) => ({ result, error: undefined }),
    (error: unknown) => ({ result: undefined, error: error as RunError }),
  )
  return { ...outcome, kept: kept.rows, letters: letters.rows }
}

/** Which of the values pass a rule. */
const passing = async (values: ReadonlyArray<unknown>, rule: Rules[string]): Promise<ReadonlyArray<unknown>> => {
  const { kept, error } = await run(
    values.map((value) => ({ value })),
    { value: { ...rule, on_violation: "reject" } },
  )
  expect(error).toBeUndefined()
  return kept.map((row) => row["value"])
}

test("a row that breaks a rule ends the run, and the message says which, where and how", async () => {
  const rows = [
    { id: 1, age: 20 },
    { id: 2, age: null },
    { id: 3, age: 151 },
  ]
  const { error, kept } = await run(rows, { age: { type: "integer", min: 0, max: 150 } })
  expect(error).toBeInstanceOf(RunError)
  expect(error).toMatchObject({ code: "SCHEMA_VIOLATION" })
  expect(error!.message).toBe("orders / schema.age: row 3: 151 is above 150. Correct the row, or set it aside with on_violation: reject.")
  expect(kept).toEqual([])
})

test("`reject` sets rows aside whatever the run does with failing ones, and counts them", async () => {
  const rows = [1, 2, 3, 4, 5].map((id) => ({ id, name: id % 2 === 0 ? "" : "n" }))
  const { result, kept, letters } = await run(rows, { name: { min: 1, on_violation: "reject" } })
  expect(kept.map((row) => row["id"])).toEqual([1, 3, 5])
  expect(result).toMatchObject({ rowsExtracted: 5, rowsLoaded: 3, rowsRejected: 2, rowsFiltered: 0 })
  expect(letters.map((row) => [row["row_number"], row["step"], row["code"]])).toEqual([
    [2, "schema", "SCHEMA_VIOLATION"],
    [4, "schema", "SCHEMA_VIOLATION"],
  ])
  const failing = await run(rows, { name: { min: 1, on_violation: "reject" }, id: { max: 4 } })
  expect(failing.error).toMatchObject({ code: "SCHEMA_VIOLATION" })
  expect(failing.error!.message).toContain("schema.id: row 5: 5 is above 4.")
})

test("without a dead letter, a definition that rejects is refused where rejected rows cannot go to the default one", async () => {
  const { error } = await run([], { name: { on_violation: "reject" } }, { error_handling: {} })
  expect(error!.message).toContain("`on_violation: reject` needs `dead_letter`")
})

test("max_errors bounds rejected rows", async () => {
  const rows = [1, 2, 3].map((id) => ({ id }))
  const error_handling = { max_errors: 1, dead_letter: { type: "letters" } }
  expect((await run(rows, { id: { max: 0, on_violation: "reject" } }, { error_handling })).error).toMatchObject({ code: "TOO_MANY_ERRORS" })
})

test.each([
  [{ min: 2 }, [1, 2, 3, null], [2, 3, null]],
  [{ max: 2.5 }, [2.4, 2.5, 2.6, NaN, -Infinity], [2.4, 2.5, -Infinity]],
  [{ min: 2, max: 3 }, ["a", "ab", "👋👋👋", "abcd", null], ["ab", "👋👋👋", null]],
  [{ enum: ["a", "it's"] }, ["a", "b", "it's", null], ["a", "it's", null]],
  [{ enum: [1, 2] }, [1, 3, null], [1, null]],
  [{ pattern: "^a+$" }, ["aa", "ab", "", null], ["aa", null]],
  [{ pattern: "b" }, ["abc", "ac"], ["abc"]],
  [{ required: true }, [1, null, 2], [1, 2]],
  [
    { format: "email" },
    ["a@b.org", "a.b+c@sub.example.com", "a@b", "@b.org", "a b@c.org", "a@-b.org", ".a@b.org"],
    ["a@b.org", "a.b+c@sub.example.com"],
  ],
  [{ format: "uri" }, ["https://x.org/a?b#c", "urn:isbn:1", "x.org", "http://", "http://a b"], ["https://x.org/a?b#c", "urn:isbn:1"]],
  [{ format: "uuid" }, ["00000000-0000-0000-0000-00000000000A", "0-0"], ["00000000-0000-0000-0000-00000000000A"]],
  [{ format: "date" }, ["2024-02-29", "2023-02-29", "2024-2-9"], ["2024-02-29"]],
  [
    { format: "date-time" },
    ["2024-02-29T23:59:59.5+01:00", "2024-02-29 23:59:59Z", "2024-02-29T23:59:59"],
    ["2024-02-29T23:59:59.5+01:00"],
  ],
  [{ format: "ipv4" }, ["127.0.0.1", "256.0.0.1", "::1"], ["127.0.0.1"]],
  [{ format: "ipv6" }, ["::1", "127.0.0.1"], ["::1"]],
  [{ format: "hostname" }, ["a.b-c.org", "-a.org", "a..b", "x".repeat(64)], ["a.b-c.org"]],
] as const)("%j lets through what it says", async (rule, values, expected) => {
  expect(await passing(values, rule as Rules[string])).toEqual(expected)
})

test("rules that do not fit their column are found before a row is read, each with its place", async () => {
  const rows = [{ n: 1, s: "a", b: true }]
  const messageOf = async (schema: Rules): Promise<string> => (await run(rows, schema)).error!.message
  expect(await messageOf({ n: { type: "string" } })).toContain("schema.n.type: `n` is integer, not string.")
  expect(await messageOf({ m: { required: true } })).toContain("schema.m: There is no column `m` after the transforms.")
  expect(await messageOf({ n: { format: "email" } })).toContain("schema.n.format: A format is for text")
  expect(await messageOf({ b: { min: 1 } })).toContain("schema.b.min: `min` is for numbers and text")
  expect(await messageOf({ s: { pattern: "(" } })).toContain("schema.s.pattern")
  expect((await run(rows, { m: { min: 1 } })).kept).toHaveLength(1)
})

test("text that is none of its column's type breaks the rule that names the column", async () => {
  const kept = keepRows()
  const source = defineSource({
    type: "rows",
    columns: { id: "integer" },
    async *read() {
      yield { rows: [{ id: "1" }, { id: "x" }] }
    },
  })
  await using engine = createEngine({ plugins: [source, kept.destination] })
  const definition = {
    name: "orders",
    sources: [{ type: "rows" }],
    destinations: [{ type: "keep" }],
    schema: { id: { type: "integer" } },
  } as const
  await expect(engine.run(definition)).rejects.toThrow('orders / schema.id: row 2: "x" is no integer.')
})

test("rules are looked at behind steps that hold all rows, and behind steps that only know their columns when rows come", async () => {
  const reshape = defineTransform({ type: "reshape", row: (row: Row) => ({ key: row["id"] }) })
  const kept = keepRows()
  const rows = [3, 1, 2].map((id) => ({ id }))
  await using engine = createEngine({ plugins: [rowsSource(rows), kept.destination, reshape] })
  const definition = { name: "orders", sources: [{ type: "rows" }], destinations: [{ type: "keep" }] } as const
  await engine.run({
    ...definition,
    transforms: [{ type: "aggregate", metrics: { total: "SUM(id)" } }],
    schema: { total: { type: "decimal", max: 6 } },
  })
  expect(kept.rows).toEqual([{ total: Decimal.fromWhole(6) }])
  const failing = engine.run({ ...definition, transforms: [{ type: "reshape" }, { type: "sort", by: "key" }], schema: { key: { max: 2 } } })
  await expect(failing).rejects.toThrow("orders / schema.key: row 3: 3 is above 2.")
  const wrong = engine.run({ ...definition, transforms: [{ type: "reshape" }], schema: { kee: { required: true } } })
  await expect(wrong).rejects.toThrow("schema.kee: There is no column `kee` after the transforms. Did you mean `key`?")
})
