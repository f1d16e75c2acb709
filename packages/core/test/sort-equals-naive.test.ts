import * as fc from "fast-check"
import { beforeAll, expect, test } from "vitest"
import { comparerOf } from "../src/expression/comparison.ts"
import { loadExpressionParser } from "../src/expression/Expression.ts"
import { type BatchSchema, columnIndex } from "../src/model/ColumnType.ts"
import type { Value } from "../src/model/Value.ts"
import type { KeyPart } from "../src/transform/Step.ts"
import type { Table } from "./steps/batches.ts"
import { blockingSchemas, blockingTables, cutTable, handings, runBlocking } from "./steps/blockingCases.ts"

beforeAll(loadExpressionParser)

type Row = ReadonlyArray<Value | null>

/** Rows in order, as JavaScript's own stable sort puts them. */
const sorted = (schema: BatchSchema, table: Table, by: ReadonlyArray<KeyPart>): Table => {
  const parts = by.map(({ column, descending, nullsFirst }) => {
    const index = columnIndex(schema, column)
    const compare = comparerOf(schema.columns[index]!.type)
    return (a: Row, b: Row): number => {
      const left = a[index]!
      const right = b[index]!
      if (left === null || right === null) return left === right ? 0 : (left === null) === nullsFirst ? -1 : 1
      return descending ? -compare(left, right) : compare(left, right)
    }
  })
  return table.toSorted((a, b) => parts.reduce((order, compare) => order || compare(a, b), 0))
}

const keys = (schema: BatchSchema): fc.Arbitrary<ReadonlyArray<KeyPart>> =>
  fc.uniqueArray(
    fc.record(
      {
        column: fc.constantFrom(...schema.columns.slice(0, -1).map(({ name }) => name)),
        descending: fc.boolean(),
        nullsFirst: fc.boolean(),
      },
      { noNullPrototype: true },
    ),
    { selector: ({ column }) => column, minLength: 1 },
  )

test("rows come out as a stable sort in JavaScript puts them, spilled or not, however they are cut and kept", async () => {
  const spilled = { yes: 0, no: 0 }
  await fc.assert(
    fc.asyncProperty(fc.gen(), handings, async (g, handing) => {
      const schema = g(() => blockingSchemas)
      const table = g(blockingTables, schema, 40)
      const by = g(keys, schema)
      const result = await runBlocking({ type: "sort", by }, schema, cutTable(schema, table, handing), handing)
      expect(result.rows).toEqual(sorted(schema, table, by))
      if (table.length > 0) expect(result.schema).toEqual(schema)
      expect(result.left).toEqual([])
      spilled[result.spilled ? "yes" : "no"]++
    }),
    { numRuns: 400 },
  )
  expect(Math.min(spilled.yes, spilled.no)).toBeGreaterThan(50)
})
