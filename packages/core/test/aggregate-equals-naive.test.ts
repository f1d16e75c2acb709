import * as fc from "fast-check"
import { beforeAll, test } from "vitest"
import { comparerOf } from "../src/expression/comparison.ts"
import { accumulatorOf, checkMetric, compileAggregate, compileClosure, loadExpressionParser } from "../src/expression/Expression.ts"
import { type Column, ConstantColumn, ValuesColumn } from "../src/model/Batch.ts"
import { type BatchSchema, columnIndex, type ColumnType } from "../src/model/ColumnType.ts"
import type { Value } from "../src/model/Value.ts"
import type { AggregateStep } from "../src/transform/Step.ts"
import type { Table } from "./steps/batches.ts"
import { expectSameAsNaive } from "./steps/blockingCases.ts"

beforeAll(loadExpressionParser)

type Row = ReadonlyArray<Value | null>

const equal = (a: Value | null, b: Value | null, type: ColumnType): boolean =>
  a === null || b === null ? a === b : comparerOf(type)(a, b) === 0

/** The rows of each group, found by comparing each with each. */
const grouped = (schema: BatchSchema, table: Table, groupBy: ReadonlyArray<string>): ReadonlyArray<Table> => {
  const keys = groupBy.map((name) => columnIndex(schema, name))
  const groups: Array<Array<Row>> = groupBy.length === 0 ? [[]] : []
  for (const row of table) {
    const isSame = (other: Row): boolean => keys.every((key) => equal(row[key]!, other[key]!, schema.columns[key]!.type))
    const group = groupBy.length === 0 ? groups[0] : groups.find((rows) => isSame(rows[0]!))
    if (group === undefined) groups.push([row])
    else group.push(row)
  }
  return groups
}

/** A metric over the rows of one group: one state, to which they are added in order. */
const metricOver = (schema: BatchSchema, rows: Table, keys: ReadonlyArray<number>, text: string): Value | null => {
  const checked = checkMetric(text, { columns: schema.columns, runtime: {}, now: 0 }, keys)
  if (!checked.ok) throw new Error(checked.issues.map((issue) => issue.message).join("\n"))
  const columns = schema.columns.map(
    ({ type }, i) =>
      new ValuesColumn(
        type,
        rows.map((row) => row[i]!),
      ),
  )
  const results = checked.metric.calls.map((call): Column => {
    const accumulator = accumulatorOf(call)
    const state = accumulator.init()
    const feed = compileAggregate(call, accumulator)
    rows.forEach((_, row) => feed(state, columns, row))
    return new ConstantColumn(call.type, accumulator.finish(state))
  })
  const first = keys.map((key) => new ConstantColumn(schema.columns[key]!.type, rows[0]![key]!))
  return compileClosure(checked.metric.result)([...first, ...results], 0)
}

const aggregated = (schema: BatchSchema, table: Table, { groupBy, metrics }: AggregateStep): Table => {
  const keys = groupBy.map((name) => columnIndex(schema, name))
  return grouped(schema, table, groupBy).map((rows) => [
    ...keys.map((key) => rows[0]![key]!),
    ...Object.values(metrics).map((text) => metricOver(schema, rows, keys, text)),
  ])
}

const small = (name: string): string => `ABS(${name}) < 1e300 OR ABS(${name}) >= 'Infinity'::double`

const NUMBERS: ReadonlySet<ColumnType> = new Set<ColumnType>(["double", "decimal"])

/** Metrics that can be computed of every such table. */
const metricsOf = ({ columns }: BatchSchema): ReadonlyArray<string> => [
  "COUNT(*)",
  "SUM(n)",
  "AVG(n)",
  "SUM(DISTINCT n)",
  "AVG(DISTINCT n)",
  "AVG(n) FILTER (WHERE n % 3 = 0)",
  "ARRAY_AGG(n)",
  "ARRAY_AGG(n ORDER BY n DESC)",
  "STRING_AGG(n::text, ',')",
  "SUM(n) FILTER (WHERE n % 3 = 0)",
  "SUM(n) * 2 / NULLIF(COUNT(*) FILTER (WHERE n > 4), 0)",
  "PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY n)",
  "STDDEV(n)",
  "BOOL_AND(n > 2)",
  ...columns.slice(0, -1).flatMap(({ name, type }) => [
    `COUNT(${name})`,
    `COUNT(DISTINCT ${name})`,
    `ARRAY_AGG(DISTINCT n) FILTER (WHERE ${name} IS NOT NULL)`,
    ...(type === "string" ? [`MIN(${name})`, `STRING_AGG(${name}, '|')`, `STRING_AGG(DISTINCT ${name}, '|')`] : []),
    ...(NUMBERS.has(type) ? [`MIN(${name})`, `MAX(${name})`] : []),
    ...(type === "decimal" ? [`SUM(${name})`, `AVG(${name})`] : []),
    // Two of the largest doubles have no sum.
    ...(type === "double" ? [`SUM(${name}) FILTER (WHERE ${small(name)})`, `AVG(${name}) FILTER (WHERE ${small(name)})`] : []),
  ]),
]

const steps = (schema: BatchSchema): fc.Arbitrary<AggregateStep> =>
  fc
    .tuple(
      fc.uniqueArray(fc.constantFrom(...schema.columns.slice(0, -1).map(({ name }) => name))),
      fc.array(fc.constantFrom(...metricsOf(schema)), { minLength: 1, maxLength: 4 }),
    )
    .map(([groupBy, metrics]) => ({
      type: "aggregate",
      groupBy,
      metrics: Object.fromEntries(metrics.map((text, i) => [`m${i}`, text])),
    }))

test("groups and metrics are those of a comparison of each row with each, spilled or not, however rows are cut and kept", async () => {
  await expectSameAsNaive(steps, aggregated, 300)
})
