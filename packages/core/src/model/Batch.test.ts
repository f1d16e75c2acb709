import { describe, expect, it } from "vitest"
import { Batch, inferSchema, RowsError } from "./Batch.ts"
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

  it("believes declared types", () => {
    expect(new RowSchema({ a: "decimal" }).next([{ a: 1 }]).columns[0]?.type).toBe("decimal")
  })
})
