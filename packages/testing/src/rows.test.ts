import { Batch, fromRowValue, parseValue, formatValue, toRowValue, type ColumnType } from "@deltaflow/core"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { columnTypes, cutAnywhere, cutRows, nastyNames, tables, values } from "./rows.ts"

describe("random values", () => {
  test.each(columnTypes)("of %s go through a batch and through text unchanged", (type: ColumnType) => {
    fc.assert(
      fc.property(values(type), (value) => {
        const inner = fromRowValue(value, type)!
        expect(toRowValue(inner, type)).toEqual(value)
        // In the text of an array a decimal is a JSON number, which does not tell 0.0 from 0.
        if (type === "decimal[]") return
        expect(toRowValue(parseValue(formatValue(inner, type), type), type)).toEqual(value)
      }),
      { numRuns: 300 },
    )
  })

  test("reach the edges", () => {
    const sample = (type: ColumnType) => fc.sample(values(type), { numRuns: 3000, seed: 1 })
    expect(sample("integer")).toEqual(expect.arrayContaining([2 ** 53 - 1, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)]))
    expect(sample("double")).toEqual(expect.arrayContaining([NaN, Infinity, 5e-324]))
    expect(sample("string")).toEqual(expect.arrayContaining(["", "\0", "\r\n", "😀", '""', "__proto__"]))
    expect(sample("decimal").some((value) => String(value).replace(/\D/g, "").length === 38)).toBe(true)
    expect(sample("timestamptz").some((value) => /\.\d{6}Z$/.test(String(value)))).toBe(true)
    expect(sample("date")).toEqual(expect.arrayContaining(["0001-01-01", "9999-12-31"]))
  })
})

test("random rows have exactly the columns of their schema, and null only where it may be", () => {
  let nasty = 0
  let nulls = 0
  fc.assert(
    fc.property(tables({ minRows: 1 }), ({ schema, rows }) => {
      const names = schema.columns.map(({ name }) => name)
      expect(new Set(names).size).toBe(names.length)
      for (const row of rows) {
        expect(Object.keys(row).toSorted()).toEqual(names.toSorted())
        for (const { name, nullable } of schema.columns) {
          if (row[name] === null) nulls++
          expect(nullable || row[name] !== null).toBe(true)
        }
      }
      expect(Batch.fromRows(rows, schema).toRows()).toEqual(rows)
      nasty += names.filter((name) => nastyNames.includes(name)).length
    }),
  )
  expect(nasty).toBeGreaterThan(0)
  expect(nulls).toBeGreaterThan(0)
})

test("pieces are the whole again, whatever the cuts", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 50 }).chain((bytes) => fc.tuple(fc.constant(bytes), cutAnywhere(bytes), cutRows([...bytes]))),
      ([bytes, pieces, parts]) => {
        expect(Buffer.concat(pieces)).toEqual(Buffer.from(bytes))
        expect(parts.flat()).toEqual([...bytes])
      },
    ),
  )
})
