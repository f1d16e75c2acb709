import { describe, expect, expectTypeOf, it } from "vitest"
import { keepRows, rowsSource } from "../../../test/memoryPlugins.ts"
import { defineDestination } from "../../contract/define.ts"
import { createEngine } from "../../engine/Engine.ts"
import type { PipelineDefinition } from "../Definition.ts"
import { type ColumnsOf, pipeline, typedSource } from "../pipeline.ts"

const columns = { id: "integer", land: "string", age: "integer", price: "decimal", tags: "string[]", born: "date" } as const
const users = typedSource({ type: "rows" }, columns)
const lands = typedSource({ type: "lands", name: "lands" }, { code: "string", age: "integer", big: "boolean" })
const rows = [{ id: 1, land: "de", age: 36, price: "9.50", tags: ["a", "b"], born: "1989-01-31" }]

/** The columns, with their types, that a destination of the pipeline gets. */
const columnsAt = async (definition: PipelineDefinition): Promise<Record<string, string>> => {
  const seen: Record<string, string> = {}
  const look = defineDestination({
    type: "look",
    open: () => ({ write: (_, { schema }) => schema.columns.forEach(({ name, type }) => (seen[name] = type)) }),
  })
  const others = rowsSource([{ code: "de", age: 1, big: true }], "lands")
  await using engine = createEngine({ plugins: [rowsSource(rows), others, look, keepRows().destination] })
  await engine.run(definition)
  return seen
}

const destinations = [{ type: "look" }] as const

describe("columns behind steps, for the compiler and in a run", () => {
  it("are the same for steps that go from row to row", async () => {
    const typed = pipeline({
      name: "a",
      sources: [users],
      transforms: [
        { type: "filter", condition: "age > 1" },
        { type: "map", fields: { age: "price * age", next: "age + 1", text: "land || id", old: "age > 30", later: "born" } },
        { type: "rename", columns: { id: "key", later: "id" } },
        { type: "select", columns: ["key", "id", "age", "next", "text", "old", "tags"] },
        { type: "unnest", column: "tags", as: "tag" },
        { type: "sort", by: "key" },
        { type: "deduplicate", key: "tag" },
      ],
      destinations,
    })
    const expected = { key: "integer", id: "date", age: "decimal", next: "integer", text: "string", old: "boolean", tag: "string" } as const
    expectTypeOf<ColumnsOf<typeof typed>>().toEqualTypeOf<typeof expected>()
    expect(await columnsAt(typed)).toEqual(expected)
  })

  it("are the same for groups", async () => {
    const typed = pipeline({
      name: "a",
      sources: [users],
      transforms: [{ type: "aggregate", group_by: ["land", "born"], metrics: { users: "COUNT(*)", ages: "SUM(age)" } }],
      destinations,
    })
    expectTypeOf<ColumnsOf<typeof typed>>().toEqualTypeOf<{
      readonly land: "string"
      readonly born: "date"
      readonly users: "integer"
      readonly ages: "decimal"
    }>()
    expect(await columnsAt(typed)).toEqual({ land: "string", born: "date", users: "integer", ages: "decimal" })
  })

  it("are the same for joins", async () => {
    const expected = { ...columns, lands_age: "integer", big: "boolean" } as const
    const inner = pipeline({
      name: "a",
      sources: [users, lands],
      transforms: [{ type: "join", with: "lands", on: { land: "code" } }],
      destinations,
    })
    expectTypeOf<ColumnsOf<typeof inner>>().toEqualTypeOf<typeof expected>()
    expect(await columnsAt(inner)).toEqual(expected)
    const full = pipeline({
      name: "a",
      sources: [users, lands],
      transforms: [{ type: "join", with: "lands", on: { land: "code" }, how: "full" }],
      destinations,
    })
    expectTypeOf<ColumnsOf<typeof full>>().toEqualTypeOf<typeof expected>()
    expect(await columnsAt(full)).toEqual(expected)
    const semi = pipeline({
      name: "a",
      sources: [users, lands],
      transforms: [{ type: "join", with: "lands", on: { land: "code" }, how: "semi" }],
      destinations,
    })
    expectTypeOf<ColumnsOf<typeof semi>>().toEqualTypeOf<typeof columns>()
    expect(await columnsAt(semi)).toEqual(columns)
  })

  it("are the same without the lists that become child tables", async () => {
    const typed = pipeline({
      name: "a",
      sources: [users],
      transforms: [{ type: "flatten", children: { labels: { column: "tags", key: { id: "user" } } } }],
      destinations: [{ type: "look" }, { type: "keep", rows: "labels", key: ["user", "_index"] }],
    })
    const expected = { id: "integer", land: "string", age: "integer", price: "decimal", born: "date" } as const
    expectTypeOf<ColumnsOf<typeof typed>>().toEqualTypeOf<typeof expected>()
    expect(await columnsAt(typed)).toEqual(expected)
  })

  it("are the same for sources one behind the other", async () => {
    const both = pipeline({
      name: "a",
      sources: [users, lands],
      transforms: [{ type: "select", columns: ["id", "big", "age"] }],
      destinations,
    })
    const expected = { id: "integer", big: "boolean", age: "integer" } as const
    expectTypeOf<ColumnsOf<typeof both>>().toEqualTypeOf<typeof expected>()
    expect(await columnsAt(both)).toEqual(expected)
  })
})
