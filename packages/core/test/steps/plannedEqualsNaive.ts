/** The property that a plan never changes a result, with as many cases as a suite has time for. */
import * as fc from "fast-check"
import { beforeAll, describe, expect, test } from "vitest"
import type { PushedCondition } from "../../src/contract/Source.ts"
import { loadExpressionParser } from "../../src/expression/Expression.ts"
import type { Batch } from "../../src/model/Batch.ts"
import type { BatchSchema } from "../../src/model/ColumnType.ts"
import { Decimal } from "../../src/model/Decimal.ts"
import type { Value } from "../../src/model/Value.ts"
import { makePlan, type Plan } from "../../src/pipeline/Plan.ts"
import { compileSteps } from "../../src/transform/Segment.ts"
import type { Backend, RowFailure, StepsResult, TransparentStep } from "../../src/transform/Step.ts"
import { schemas, steps, tables } from "./arbitraries.ts"
import { batchOf, type Shape, shapes, type Table } from "./batches.ts"
import { type NaiveResult, runNaively } from "./naive.ts"

const scope = { runtime: { run_id: "r" }, now: Date.UTC(2026, 0, 1) }

const noFunctions = () => undefined

interface Case {
  readonly schema: BatchSchema
  readonly table: Table
  readonly pipeline: ReadonlyArray<TransparentStep>
  readonly naive: NaiveResult
}

/** A table and a pipeline of steps that fit each other. A step that naive evaluation refuses must be refused by the compiler too. */
const caseOf = (g: fc.GeneratorValue, maxRows?: number): Case => {
  const schema = g(() => schemas)
  const table = g(tables, schema, maxRows)
  const pipeline: Array<TransparentStep> = []
  let current = schema
  const count = g(() => fc.integer({ min: 0, max: 6 }))
  for (let i = 0; i < count; i++) {
    const step = g(steps, current.columns)
    const after = runNaively([step], current, [], scope)
    expect(compileSteps({ ...scope, steps: [step], input: current, backend: "closure" }, noFunctions).ok).toBe(after !== undefined)
    if (after === undefined) continue
    pipeline.push(step)
    current = after.schema
  }
  return { schema, table, pipeline, naive: runNaively(pipeline, schema, table, scope)! }
}

const planOf = ({ schema, pipeline }: Pick<Case, "schema" | "pipeline">, backend: Backend): Plan => {
  const result = makePlan({ ...scope, steps: pipeline, sources: [{ name: "s", schema }], resolve: noFunctions, backend })
  if (!result.ok) throw new Error(result.issues.map((issue) => issue.message).join("\n"))
  return result.plan
}

interface Outcome {
  readonly schema: BatchSchema
  readonly rows: ReadonlyArray<ReadonlyArray<Value | null>>
  readonly passed: ReadonlyArray<number>
  readonly failures: ReadonlyArray<string>
}

const valuesOf = (batch: Batch): ReadonlyArray<ReadonlyArray<Value | null>> =>
  Array.from({ length: batch.length }, (_, i) => batch.columns.map((column) => column.value(batch.physicalRow(i))))

/** Row, step and code of each failure, in the order of the rows. */
const listed = (failures: ReadonlyArray<readonly [row: number, step: number, code: string]>): ReadonlyArray<string> =>
  failures.toSorted(([a], [b]) => a - b).map((failure) => failure.join(" "))

const expected = ({ naive }: Case): Outcome => ({
  schema: naive.schema,
  rows: naive.rows.map((row) => row.values),
  passed: naive.passed,
  failures: listed(naive.failures.map(({ index, step, code }) => [index + 1, step, code])),
})

/** What the plan gives over all batches together. */
const runPlan = (plan: Plan, batches: ReadonlyArray<Batch>): Outcome => {
  const failures: Array<readonly [number, number, string]> = []
  const results = batches.map((batch) => {
    const onRowError = ({ row, step, error }: RowFailure): void => {
      expect(error.row).toBe(batch.firstRow + row)
      failures.push([error.row!, step, error.code])
    }
    return plan.steps.run(plan.conform(batch, 0), onRowError) as StepsResult
  })
  expect(results.reduce((sum, result) => sum + result.rejected, 0)).toBe(failures.length)
  return {
    schema: results[0]?.batch.schema ?? plan.output!,
    rows: results.flatMap((result) => valuesOf(result.batch)),
    passed: plan.spec.steps.map((_, i) => results.reduce((sum, result) => sum + result.passed[i]!, 0)),
    failures: listed(failures),
  }
}

/** The table as batches, each in a form of its own, some as the rest of a larger batch whose other rows are filtered out. */
const cut = (g: fc.GeneratorValue, schema: BatchSchema, table: Table): ReadonlyArray<Batch> => {
  const batches: Array<Batch> = []
  for (let from = 0; from < table.length;) {
    const to = Math.min(table.length, from + g(() => fc.integer({ min: 1, max: 8 })))
    const shape = g(() => fc.constantFrom<Shape>(...shapes))
    const isPart = g(() => fc.boolean())
    const whole = batchOf(schema, isPart ? table : table.slice(from, to), shape, isPart ? 1 : from + 1)
    batches.push(isPart ? whole.slice(from, to) : whole)
    from = to
  }
  return batches
}

/** The batch with the columns that a source gives which does what it is offered. */
const pruned = (batch: Batch, columns: ReadonlyArray<string> | undefined): Batch => {
  if (columns === undefined) return batch
  const places = columns.map((name) => batch.schema.columns.findIndex((column) => column.name === name))
  return batch.withColumns(
    { columns: places.map((place) => batch.schema.columns[place]!) },
    places.map((place) => batch.columns[place]!),
  )
}

/** The batch without the rows that a source leaves out which does what it is offered. */
const filtered = (batch: Batch, conditions: ReadonlyArray<PushedCondition>): Batch => {
  const rows = Array.from({ length: batch.length }, (_, i) => batch.physicalRow(i))
  return batch.withSelection(Int32Array.from(rows.filter((row) => conditions.every((condition) => holds(batch, row, condition)))))
}

const holds = (batch: Batch, row: number, { column, operator, value }: PushedCondition): boolean => {
  const found = batch.columns[batch.schema.columns.findIndex((one) => one.name === column)]!.value(row)
  if (operator === "is null" || operator === "is not null") return (found === null) === (operator === "is null")
  if (found === null || value === null) return false
  const order = found instanceof Decimal ? Decimal.compare(found, value as Decimal) : found < value ? -1 : found > value ? 1 : 0
  const tests = { "=": order === 0, "<>": order !== 0, "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0 }
  return tests[operator]
}

export const plannedEqualsNaive = (numRuns: number): void => {
  beforeAll(loadExpressionParser)

  describe.each(["code", "closure"] as const)("planned steps (%s)", (backend) => {
    test("give what one step after the other gives, however rows are stored and cut into batches", () => {
      fc.assert(
        fc.property(fc.gen(), (g) => {
          const one = caseOf(g)
          expect(runPlan(planOf(one, backend), cut(g, one.schema, one.table))).toStrictEqual(expected(one))
        }),
        { numRuns, interruptAfterTimeLimit: 10_000 + 500 * numRuns },
      )
    })

    test("give the same over a source that reads only the columns and rows that it is offered", () => {
      fc.assert(
        fc.property(fc.gen(), (g) => {
          const one = caseOf(g)
          const plan = planOf(one, backend)
          const offer = plan.offers[0]!
          const batches = cut(g, one.schema, one.table).map((batch) => pruned(filtered(batch, offer.conditions ?? []), offer.columns))
          const { passed: _, ...outcome } = runPlan(plan, batches)
          const { passed: __, ...wanted } = expected(one)
          expect(outcome).toStrictEqual(wanted)
        }),
        { numRuns, interruptAfterTimeLimit: 10_000 + 500 * numRuns },
      )
    })

    test("give the same for batches with other columns than planned", () => {
      fc.assert(
        fc.property(fc.gen(), (g) => {
          const one = caseOf(g)
          const plan = planOf(one, backend)
          const shuffled = g(() => fc.shuffledSubarray([...one.schema.columns], { minLength: one.schema.columns.length }))
          const batches = cut(g, one.schema, one.table).map((batch) =>
            pruned(
              batch,
              shuffled.map((column) => column.name),
            ),
          )
          expect(runPlan(plan, batches)).toStrictEqual(expected(one))
        }),
        { numRuns, interruptAfterTimeLimit: 10_000 + 500 * numRuns },
      )
    })
  })
}
