// oxlint-disable vitest/expect-expect -- the functions that are called expect
import fc from "fast-check"
import { beforeAll, describe, expect, it } from "vitest"
import { checked, outcomes } from "../../test/expression/evaluate.ts"
import { programColumns, programRow, programs } from "../../test/expression/programs.ts"
import { batchOf, type Shape, shapes } from "../../test/steps/batches.ts"
import { loadExpressionParser, type Scope } from "./Expression.ts"

beforeAll(loadExpressionParser)

const scope: Scope = { columns: programColumns, runtime: {}, now: Date.parse("2025-03-04T05:06:07.890Z") }
const schema = { columns: programColumns }

/** What the first pair of outcomes is in each form of the rows must be the same in all. */
const agreesOver = (forms: ReadonlyArray<Shape>, runs: number): void => {
  fc.assert(
    fc.property(programs(3), fc.array(programRow, { minLength: 1, maxLength: 3 }), ({ ours }, rows) => {
      const expression = checked(ours, scope)
      const seen = forms.map((shape) => {
        const { columns } = batchOf(schema, rows, shape)
        return rows.map((_, row) => outcomes(expression, columns, row))
      })
      for (const pair of seen.flat(2)) expect(pair[1], ours).toBe(pair[0])
      for (const other of seen) expect(other, ours).toEqual(seen[0])
    }),
    { numRuns: runs },
  )
}

describe("closures and generated code", () => {
  it("agree over random expressions and rows of values", () => agreesOver(["values"], 1500))
  it("agree over random expressions and rows in every form", () => agreesOver(shapes, 600))
})
