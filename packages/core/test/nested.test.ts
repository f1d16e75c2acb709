/** `unnest` and `flatten`: rows of what is nested in others. */
import { beforeAll, describe, expect, it } from "vitest"
import { loadExpressionParser } from "../src/expression/Expression.ts"
import { createEngine, defineSource } from "../src/index.ts"
import type { BatchSchema } from "../src/model/ColumnType.ts"
import type { Step } from "../src/transform/Step.ts"
import { keepRows } from "./memoryPlugins.ts"
import { batchOf, shapes, type Table } from "./steps/batches.ts"
import { compiled, runSkipping, runSteps } from "./steps/run.ts"
import { valuesOfBatch } from "./steps/blockingCases.ts"

beforeAll(loadExpressionParser)

const schema: BatchSchema = {
  columns: [
    { name: "id", type: "integer", nullable: false },
    { name: "tags", type: "string[]", nullable: true },
    { name: "doc", type: "json", nullable: true },
  ],
}

const table: Table = [
  [1, ["a", null, "b"], '[1.25, {"x": 1}, null, "s"]'],
  [2, [], "[]"],
  [3, null, null],
  [4, ["c"], "[12345678901234567890]"],
]

const unnest = (column: string, as?: string): Step => ({ type: "unnest", column, ...(as === undefined ? {} : { as }) })

describe("unnest", () => {
  it.each(shapes)("gives one row for each element, in order, from %s", async (shape) => {
    const batch = batchOf(schema, table, shape)
    const tags = await runSteps([unnest("tags", "tag")], batch)
    expect(tags.batch.schema.columns[1]).toEqual({ name: "tag", type: "string", nullable: true })
    expect(valuesOfBatch(tags.batch).map(([id, tag]) => [id, tag])).toEqual([
      [1, "a"],
      [1, null],
      [1, "b"],
      [4, "c"],
    ])
    expect(tags.passed).toEqual([4])
    const docs = await runSteps([unnest("doc")], batch)
    expect(valuesOfBatch(docs.batch).map(([id, , doc]) => [id, doc])).toEqual([
      [1, "1.25"],
      [1, '{"x":1}'],
      [1, null],
      [1, '"s"'],
      [4, "12345678901234567890"],
    ])
  })

  it("keeps the digits of numbers in JSON text", async () => {
    const json: BatchSchema = { columns: [{ name: "doc", type: "json", nullable: true }] }
    const { batch } = await runSteps([unnest("doc")], batchOf(json, [["[1.50, 0.10, [2.0]]"]], "json"))
    expect(valuesOfBatch(batch)).toEqual([["1.50"], ["0.10"], ["[2.0]"]])
  })

  it("lets the steps behind it see the elements, and their types before a row is read", async () => {
    const steps: ReadonlyArray<Step> = [unnest("tags"), { type: "filter", condition: "tags >= 'b'" }, unnest("doc")]
    const all = compiled(steps, schema)
    expect(all.output?.columns.map(({ name, type }) => `${name} ${type}`)).toEqual(["id integer", "tags string", "doc json"])
    const { batch, passed } = await all.run(batchOf(schema, table, "csv"))
    expect(passed).toEqual([4, 2, 5])
    expect(valuesOfBatch(batch).map(([id, tag]) => `${String(id)} ${String(tag)}`)).toEqual(["1 b", "1 b", "1 b", "1 b", "4 c"])
  })

  it("names the row whose JSON is no array, and the row that a later step cannot compute", async () => {
    const batch = batchOf(schema, [...table, [0, ["0"], '{"a": 1}']], "json", 11)
    const failed = await runSkipping([unnest("doc")], batch)
    expect(failed.failures.map(({ row }) => row)).toEqual([4])
    expect(failed.failures[0]!.error.message).toContain('row 15, column doc: "{\\"a\\": 1}" is no JSON array.')
    const later = await runSkipping([unnest("tags"), { type: "map", fields: { x: "1 / id" } }], batch)
    expect(later.failures.map(({ row }) => row)).toEqual([4])
    expect(later.failures[0]!.error.message).toContain("row 15")
  })

  it("is refused over what has no elements, and under a name that is taken", () => {
    expect(() => compiled([unnest("id")], schema)).toThrow("`id` is integer, and unnest takes an array or JSON.")
    expect(() => compiled([unnest("tag")], schema)).toThrow("There is no column `tag` at this step.")
    expect(() => compiled([unnest("tags", "id")], schema)).toThrow("There is a column `id` already.")
  })
})

describe("flatten", () => {
  const run = async (docs: ReadonlyArray<unknown>, more: object = {}) => {
    const kept = keepRows()
    const letters = keepRows({ type: "letters" })
    const source = defineSource({
      type: "rows",
      columns: { id: "integer", doc: "json" },
      async *read() {
        for (const [i, doc] of docs.entries()) yield { rows: [{ id: i + 1, doc }] }
      },
    })
    await using engine = createEngine({ plugins: [source, kept.destination, letters.destination] })
    const definition = { name: "nested", sources: [{ type: "rows" }], destinations: [{ type: "keep" }] }
    const result = await engine.run({ ...definition, transforms: [{ type: "flatten", column: "doc" }], ...more })
    return { rows: kept.rows, letters: letters.rows, result }
  }

  it("makes columns of keys, whichever rows have them, and leaves what is nested deeper as JSON", async () => {
    const { rows } = await run([{ a: 1, b: "x" }, null, { a: 2.5, c: { d: [1] } }, { b: "y" }])
    expect(rows).toEqual([
      { id: 1, doc_a: 1, doc_b: "x" },
      { id: 2, doc_a: null, doc_b: null },
      { id: 3, doc_a: 2.5, doc_b: null, doc_c: { d: [1] } },
      { id: 4, doc_a: null, doc_b: "y", doc_c: null },
    ])
    const dotted = await run([{ a: 1 }], {
      transforms: [
        { type: "flatten", column: "doc", separator: "." },
        { type: "map", fields: { b: '"doc.a" + 1' } },
      ],
    })
    expect(dotted.rows).toEqual([{ id: 1, "doc.a": 1, b: 2 }])
  })

  it("takes a key that is called as something of JavaScript's", async () => {
    const { rows } = await run([JSON.parse('{"__proto__": 1, "constructor": 3}')])
    expect(rows[0]).toMatchObject({ doc___proto__: 1, doc_constructor: 3 })
  })

  it("sets aside rows that are no objects, and refuses a key whose column is there already", async () => {
    const skip = { error_handling: { strategy: "skip", dead_letter: { type: "letters" } } }
    const { rows, letters, result } = await run([{ a: 1 }, [1], "text"], skip)
    expect(rows).toEqual([{ id: 1, doc_a: 1 }])
    expect(letters.map((row) => row["row_number"])).toEqual([2, 3])
    expect(result).toMatchObject({ rowsExtracted: 3, rowsLoaded: 1, rowsRejected: 2 })
    const taken = [
      { type: "map", fields: { doc_a: "1" } },
      { type: "flatten", column: "doc" },
    ]
    await expect(run([{ a: 1 }], { transforms: taken })).rejects.toThrow("the key `a` would be the column `doc_a`, which is there already")
    await expect(run([{ a: 1 }], { transforms: [{ type: "flatten", column: "id" }] })).rejects.toThrow(
      "`id` is integer, and flatten takes JSON.",
    )
  })
})
