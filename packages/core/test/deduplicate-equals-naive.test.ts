import * as fc from "fast-check"
import { beforeAll, test } from "vitest"
import { comparerOf } from "../src/expression/comparison.ts"
import { loadExpressionParser } from "../src/expression/Expression.ts"
import { type BatchSchema, columnIndex } from "../src/model/ColumnType.ts"
import type { Value } from "../src/model/Value.ts"
import type { DeduplicateStep } from "../src/transform/Step.ts"
import type { Table } from "./steps/batches.ts"
import { expectSameAsNaive } from "./steps/blockingCases.ts"

beforeAll(loadExpressionParser)

type Row = ReadonlyArray<Value | null>

/** The rows that stay, by comparing each with each. */
const deduplicated = (schema: BatchSchema, table: Table, { key, keep, by }: DeduplicateStep): Table => {
  const keys = key.map((name) => columnIndex(schema, name))
  const column = by === undefined ? -1 : columnIndex(schema, by)
  const equal = (a: Value | null, b: Value | null, index: number): boolean =>
    a === null || b === null ? a === b : comparerOf(schema.columns[index]!.type)(a, b) === 0
  const isSame = (a: Row, b: Row): boolean => keys.every((index) => equal(a[index]!, b[index]!, index))
  /** Whether `a`, which came earlier, goes before `b`. */
  const wins = (a: Row, b: Row): boolean => {
    if (keep === "first") return true
    const left = a[column]!
    const right = b[column]!
    if (left === null || right === null) return keep === "latest" ? right === null && left !== null : left !== null || right === null
    const order = comparerOf(schema.columns[column]!.type)(left, right)
    return keep === "latest" ? order > 0 : order <= 0
  }
  return table.filter((row, i) =>
    table.every((other, j) => i === j || !isSame(row, other) || (i < j ? wins(row, other) : !wins(other, row))),
  )
}

const steps = (schema: BatchSchema): fc.Arbitrary<DeduplicateStep> => {
  const names = schema.columns.slice(0, -1).map(({ name }) => name)
  const keys = fc.uniqueArray(fc.constantFrom(...names), { minLength: 1 })
  return fc.oneof(
    keys.map((key): DeduplicateStep => ({ type: "deduplicate", key, keep: "first" })),
    fc
      .tuple(keys, fc.constantFrom("latest", "earliest"), fc.constantFrom(...names, "n"))
      .map(([key, keep, by]): DeduplicateStep => ({ type: "deduplicate", key, keep, by })),
  )
}

test("the rows that stay are those of a comparison of each with each, spilled or not, however they are cut and kept", async () => {
  await expectSameAsNaive(steps, deduplicated, 400)
})
