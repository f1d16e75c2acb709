import { describe, expect, it } from "vitest"
import fc from "fast-check"
import { Batch, inferSchema, RowsError } from "./Batch.ts"
import { Decimal } from "./Decimal.ts"
import { RowSchema } from "./RowSchema.ts"
import type { Row } from "./Value.ts"

const rows: ReadonlyArray<Row> = [
  { id: 1, name: "Ada", at: "2025-01-31" },
  { id: 2, name: null, at: "2025-02-01" },
  { id: 3, name: "", at: null },
]

describe("a batch over plain objects", () => {
  it("gives back the rows it was made of", () => {
    expect(Batch.fromRows(rows).toRows()).toEqual(rows)
  })

  it("keeps the physical rows when some are filtered out", () => {
    const batch = Batch.fromRows(rows, undefined, 11).withSelection(Int32Array.of(0, 2))
    expect(batch.length).toBe(2)
    expect(batch.toRows().map((row) => row["id"])).toEqual([1, 3])
    expect(batch.slice(1, 5).toRows()).toEqual([rows[2]])
    expect(batch.firstRow).toBe(11)
  })

  it("fills missing keys with null and ignores the prototype", () => {
    const odd = Object.create({ inherited: 1 }) as Row
    odd["own"] = 2
    expect(Batch.fromRows([odd, {}]).toRows()).toEqual([{ own: 2 }, { own: null }])
  })

  it("carries columns with the names of Object's own members", () => {
    const row = JSON.parse('{"__proto__": 1, "constructor": 2, "toString": 3}') as Row
    const [copy] = Batch.fromRows([row]).toRows()
    expect(Object.entries(copy!)).toEqual([
      ["__proto__", 1],
      ["constructor", 2],
      ["toString", 3],
    ])
  })

  it("finds the smallest types that hold all values", () => {
    const schema = inferSchema([
      { a: 1, b: 1, c: null },
      { a: 1.5, b: 2n ** 60n, c: true },
    ])
    expect(schema.columns.map((column) => column.type)).toEqual(["double", "integer", "boolean"])
  })

  it("refuses mixed types with the row and the column", () => {
    expect(() => inferSchema([{ a: 1 }, { a: "one" }])).toThrow(expect.objectContaining({ constructor: RowsError, row: 1, column: "a" }))
  })
})

describe("a schema that grows with the rows", () => {
  it("adds columns, keeps those that a batch lacks, and takes the first real type of a column of nulls", () => {
    const shape = new RowSchema()
    shape.next([{ a: 1, b: null }])
    const schema = shape.next([{ b: 2, c: "x" }])
    expect(schema.columns.map(({ name, type }) => `${name} ${type}`)).toEqual(["a integer", "b integer", "c string"])
  })

  it("stays the very same object while nothing changes", () => {
    const shape = new RowSchema()
    const first = shape.next([{ a: 1 }])
    expect(shape.next([{ a: 2 }])).toBe(first)
  })

  it("refuses a column that changes to a type that cannot hold what was before", () => {
    const shape = new RowSchema()
    shape.next([{ a: 1 }])
    expect(() => shape.next([{ a: "one" }])).toThrow("the column was integer before and now holds string")
  })

  it("believes declared types, whatever stands in the column", () => {
    const shape = new RowSchema({ a: "decimal" })
    expect(shape.next([{ a: 1 }, { a: "1.50" }]).columns[0]?.type).toBe("decimal")
    expect(shape.next([{ a: null }]).columns[0]?.type).toBe("decimal")
    expect(shape.next([{ a: "2" }]).columns[0]?.type).toBe("decimal")
  })

  it.each(["01234", "12", "true", "1e5", "2024-01-02T03:04:05Z"])("never makes a number, a boolean or a date of the text %j", (text) => {
    expect(new RowSchema().next([{ a: text }]).columns[0]?.type).toBe("string")
    for (const before of [1, 1.5, true, new Date(0), {}]) {
      const shape = new RowSchema()
      shape.next([{ a: before }])
      expect(() => shape.next([{ a: text }])).toThrow(RowsError)
    }
  })

  it("is the same however the rows are cut into batches", () => {
    const value = fc.constantFrom<unknown>(null, 1, 2n ** 60n, 1.5, Decimal.parse("1.50"), "x", "07", true, {}, new Date(0), undefined)
    const rows = fc.array(fc.record({ a: value, b: value }, { requiredKeys: ["a"] }), { minLength: 1, maxLength: 8 })
    const typesOf = (batches: ReadonlyArray<ReadonlyArray<Row>>): string => {
      const shape = new RowSchema()
      try {
        return JSON.stringify(batches.map((batch) => shape.next(batch)).at(-1))
      } catch (error) {
        if (!(error instanceof RowsError)) throw error
        return `no type for ${error.column}`
      }
    }
    fc.assert(
      fc.property(rows, fc.array(fc.nat(8)), (all, cuts) => {
        const places = [0, ...cuts.toSorted((a, b) => a - b), all.length]
        const pieces = places.slice(1).map((end, i) => all.slice(places[i], end))
        const whole = typesOf([all])
        const cut = typesOf(pieces)
        if (whole.startsWith("no type")) expect(cut).toMatch(/^no type/)
        else expect(cut).toBe(whole)
      }),
    )
  })
})
