import { describe, expect, expectTypeOf, it } from "vitest"
import { keepRows, rowsSource } from "../../test/memoryPlugins.ts"
import { createEngine } from "../engine/Engine.ts"
import { type ColumnsOf, pipeline, type RowOf, typedDestination, typedSource } from "./pipeline.ts"
import { typedStep, typedTransform } from "./typedTransform.ts"

const columns = { id: "integer", age: "integer", email: "string" } as const
const users = typedSource({ type: "rows" }, columns)

const rows = [
  { id: 1, age: 36, email: "ada@example.com" },
  { id: 2, age: null, email: "bo@example.org" },
  { id: 3, age: 44, email: null },
]

const domain = typedTransform({
  type: "domain",
  takes: { email: "string" },
  patch: (row) => {
    expectTypeOf(row).toEqualTypeOf<{ readonly email: string | null }>()
    return { domain: row.email?.split("@")[1] ?? null, known: row.email !== null }
  },
})

const halves = typedTransform({
  type: "halves",
  takes: columns,
  row: async ({ id, age }) => (age === null ? null : [{ id, half: Number(age) / 2, text: `half of ${age}` }]),
})

const counted = typedTransform({ type: "counted", takes: { id: "integer" }, batch: (all) => [{ count: BigInt(all.length) }] })

describe("typedTransform", () => {
  it("runs as its function says, and its columns go on to the destination", async () => {
    const kept = keepRows()
    await using engine = createEngine({ plugins: [rowsSource(rows), kept.destination, domain] })
    const typed = pipeline({
      name: "domains",
      sources: [users],
      transforms: [
        typedStep(domain, { name: "find domains" }),
        { type: "filter", condition: "known" },
        { type: "select", columns: ["id", "domain"] },
      ],
      destinations: [typedDestination({ type: "keep" }, { id: "integer", domain: "string" })],
    })
    expectTypeOf<RowOf<ColumnsOf<typeof typed>>>().toEqualTypeOf<{
      readonly id: number | bigint | null
      readonly domain: string | null
    }>()
    const { rowsLoaded } = await engine.run(typed)
    expect(rowsLoaded).toBe(2)
    expect(kept.rows).toEqual([
      { id: 1, domain: "example.com" },
      { id: 2, domain: "example.org" },
    ])
  })

  it("tells of a row function only what a value has for sure", async () => {
    const kept = keepRows()
    await using engine = createEngine({ plugins: [rowsSource(rows), kept.destination, halves, counted] })
    const typed = pipeline({ name: "halves", sources: [users], transforms: [typedStep(halves)], destinations: [{ type: "keep" }] })
    expectTypeOf<ColumnsOf<typeof typed>>().toEqualTypeOf<{ readonly id: "unknown"; readonly half: "unknown"; readonly text: "string" }>()
    await engine.run(typed)
    expect(kept.rows).toEqual([
      { id: 1, half: 18, text: "half of 36" },
      { id: 3, half: 22, text: "half of 44" },
    ])
  })

  it("knows all columns that a batch function gives", () => {
    const typed = pipeline({ name: "count", sources: [users], transforms: [typedStep(counted)], destinations: [{ type: "keep" }] })
    expectTypeOf<ColumnsOf<typeof typed>>().toEqualTypeOf<{ readonly count: "integer" }>()
    expect(typed.transforms).toEqual([{ type: "counted" }])
  })

  it("is refused without a function", () => {
    expect(() => typedTransform({ type: "none", takes: columns })).toThrow("give exactly one of row, patch and batch")
  })
})
