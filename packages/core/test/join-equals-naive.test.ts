import * as fc from "fast-check"
import { beforeAll, expect, test } from "vitest"
import { comparerOf } from "../src/expression/comparison.ts"
import { loadExpressionParser } from "../src/expression/Expression.ts"
import { ValuesColumn } from "../src/model/Batch.ts"
import { type BatchSchema, columnIndex, type ColumnType } from "../src/model/ColumnType.ts"
import type { Value } from "../src/model/Value.ts"
import { asType } from "../src/transform/derivedColumns.ts"
import type { JoinStep } from "../src/transform/Step.ts"
import type { Table } from "./steps/batches.ts"
import { blockingSchemas, blockingTables, cutTable, handings, orderedTypes, runBlocking } from "./steps/blockingCases.ts"

beforeAll(loadExpressionParser)

type Row = ReadonlyArray<Value | null>

interface Sides {
  readonly left: BatchSchema
  readonly right: BatchSchema
}

/** Conditions over numbers of both sides, and the same in JavaScript. `side_n` may be null. */
const CONDITIONS: ReadonlyArray<{
  readonly text: string
  readonly holds: (n: number, sideN: number | null, number: number) => boolean
}> = [
  { text: "n < number", holds: (n, _, number) => n < number },
  { text: "(n + number) % 3 = 0", holds: (n, _, number) => (n + number) % 3 === 0 },
  { text: "side_n IS NULL OR n > number", holds: (n, sideN, number) => sideN === null || n > number },
  { text: "n::numeric * 1000 > side_n", holds: (n, sideN) => sideN !== null && n * 1000 > sideN },
  { text: "true", holds: () => true },
  { text: "false", holds: () => false },
]

/** As which type two columns are compared. */
const WIDER: Partial<Record<ColumnType, ColumnType>> = { integer: "decimal", date: "timestamp" }

const commonType = (a: ColumnType, b: ColumnType): ColumnType => (a === b ? a : WIDER[a] === b ? b : a)

const cast = (value: Value | null, from: ColumnType, to: ColumnType): Value | null => asType(new ValuesColumn(from, [value]), to)!.value(0)

/** Each left row with each right row, as the definition of a join says. */
const joined = ({ left, right }: Sides, rows: Table, others: Table, { on, how, condition }: JoinStep): Table => {
  const keys = on.map((key) => {
    const own = columnIndex(left, key.left)
    const other = columnIndex(right, key.right)
    const type = commonType(left.columns[own]!.type, right.columns[other]!.type)
    return { own, other, type, from: [left.columns[own]!.type, right.columns[other]!.type] as const }
  })
  const [n, otherN, number] = [columnIndex(left, "n"), columnIndex(right, "n"), columnIndex(right, "number")]
  const holds = CONDITIONS.find(({ text }) => text === condition)?.holds ?? (() => true)
  const numberOf = (value: Value | null): number | null => (value === null ? null : Number(value))
  const isMatch = (a: Row, b: Row): boolean =>
    holds(Number(a[n]), numberOf(b[otherN]!), Number(b[number])) &&
    keys.every(({ own, other, type, from }) => {
      const [x, y] = [cast(a[own]!, from[0], type), cast(b[other]!, from[1], type)]
      return x !== null && y !== null && comparerOf(type)(x, y) === 0
    })
  const kept = right.columns.flatMap(({ name }, i) => (on.some((key) => key.right === name) ? [] : [i]))
  const ownPart = (row: Row): Row => {
    if (how !== "right" && how !== "full") return row
    return row.map((value, i) => {
      const key = keys.find(({ own }) => own === i)
      return key === undefined ? value : cast(value, key.from[0], key.type)
    })
  }
  const pair = (row: Row, other: Row | undefined): Row => [...ownPart(row), ...kept.map((i) => other?.[i] ?? null)]
  const alone = (other: Row): Row => [
    ...left.columns.map((_, i) => {
      const key = keys.find(({ own }) => own === i)
      return key === undefined ? null : cast(other[key.other]!, key.from[1], key.type)
    }),
    ...kept.map((i) => other[i]!),
  ]
  if (how === "semi") return rows.filter((row) => others.some((other) => isMatch(row, other)))
  if (how === "anti") return rows.filter((row) => !others.some((other) => isMatch(row, other)))
  const pairs = rows.flatMap((row): Table => {
    const matches = others.filter((other) => isMatch(row, other))
    if (matches.length > 0) return matches.map((other) => pair(row, other))
    return how === "left" || how === "full" ? [pair(row, undefined)] : []
  })
  const rest = how === "right" || how === "full" ? others.filter((other) => !rows.some((row) => isMatch(row, other))) : []
  return [...pairs, ...rest.map(alone)]
}

/** The other source: keys of the same types or such as can be compared, many of them equal to those of the rows. */
const sideOf = (g: fc.GeneratorValue, left: BatchSchema, rows: Table) => {
  const condition = g(() => fc.option(fc.constantFrom(...CONDITIONS.map(({ text }) => text)), { nil: undefined }))
  const count = g(() => fc.integer({ min: condition === undefined ? 1 : 0, max: left.columns.length - 1 }))
  const types = left.columns.slice(0, count).map(({ type }) => {
    const wider = WIDER[type]
    return wider === undefined ? type : g(() => fc.constantFrom(type, wider))
  })
  const right: BatchSchema = {
    columns: [
      ...types.map((type, i) => ({ name: `k${i}`, type, nullable: true })),
      // A name that the rows have too, and one that they do not have.
      { name: "n", type: "integer", nullable: true },
      { name: "z", type: g(() => fc.constantFrom(...orderedTypes)), nullable: true },
      { name: "number", type: "integer", nullable: true },
    ],
  }
  const own = g(blockingTables, right, 20)
  const shared = own.map((row, i) => {
    const from = rows[i % Math.max(1, rows.length)]
    const takes = from !== undefined && g(() => fc.boolean())
    return row.map((value, j) => (takes && j < count ? cast(from[j]!, left.columns[j]!.type, types[j]!) : value))
  })
  const on = types.map((_, i) => ({ left: left.columns[i]!.name, right: `k${i}` }))
  return { right, others: shared, on, ...(condition === undefined ? {} : { condition }) }
}

test("pairs are those of each row with each, spilled or not, however both sides are cut and kept", async () => {
  const spilled = { yes: 0, no: 0 }
  let pairs = 0
  await fc.assert(
    fc.asyncProperty(fc.gen(), handings, handings, async (g, handing, other) => {
      const left = g(() => blockingSchemas)
      const rows = g(blockingTables, left, 25)
      const { right, others, ...what } = sideOf(g, left, rows)
      const how = g(() => fc.constantFrom("inner", "left", "right", "full", "semi", "anti"))
      const step: JoinStep = { type: "join", with: "side", ...what, how }
      const side = { name: "side", schema: right, batches: cutTable(right, others, other) }
      const result = await runBlocking(step, left, cutTable(left, rows, handing), handing, side)
      expect(result.rows).toEqual(joined({ left, right }, rows, others, step))
      expect(result.left).toEqual([])
      spilled[result.spilled ? "yes" : "no"]++
      pairs += result.rows.length
    }),
    { numRuns: 500, endOnFailure: true },
  )
  expect(Math.min(spilled.yes, spilled.no)).toBeGreaterThan(50)
  expect(pairs).toBeGreaterThan(1000)
})
