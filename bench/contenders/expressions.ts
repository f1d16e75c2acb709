/**
 * One kind of expression against the same loop by hand: both read the same columns in batches of 5,000 rows, one value in eight of them
 * null, and give the same values. Takes the name of the case, prints `{ perRow, byHand, ratios }`, in nanoseconds.
 *
 * The loop by hand knows its types and checks what PostgreSQL would: nulls, overflow, infinities. Where a value is an object of the
 * product, such as `Decimal`, it calls the product's own arithmetic, as everybody's loop over exact decimals would.
 */
import { isDeepStrictEqual } from "node:util"
import type * as Expressions from "../../packages/core/src/expression/load.ts"
import type * as Batches from "../../packages/core/src/model/Batch.ts"
import type { ColumnType } from "../../packages/core/src/model/ColumnType.ts"
import type * as Decimals from "../../packages/core/src/model/Decimal.ts"
import type * as Segment from "../../packages/core/src/transform/Segment.ts"
import type { CompiledSteps } from "../../packages/core/src/transform/Step.ts"
import { cases, type Case } from "./expressionCases.ts"

const batchSize = 5000
const rounds = 21
/** Long enough that the clock's steps do not matter. */
const roundMicroseconds = 40_000

/** Of the core, but not of its public parts. */
const internal = async <Module>(path: string): Promise<Module> =>
  (await import(new URL(`../../packages/core/src/${path}`, import.meta.url).href)) as Module

const { Batch, ValuesColumn } = await internal<typeof Batches>("model/Batch.ts")
const { Decimal } = await internal<typeof Decimals>("model/Decimal.ts")

type Values = Array<any>

async function compile({ expression, columns }: Case): Promise<CompiledSteps> {
  const { loadExpressionParser } = await internal<typeof Expressions>("expression/load.ts")
  const { compileSteps } = await internal<typeof Segment>("transform/Segment.ts")
  await loadExpressionParser()
  const input = { columns: columns.map(({ name, type }) => ({ name, type: type as ColumnType, nullable: true })) }
  const step = { type: "map", fields: { result: expression } } as const
  const result = compileSteps({ steps: [step], input, runtime: {}, now: 0, backend: "code" }, () => undefined)
  if (!result.ok) throw new Error(`expressions: ${result.issues.map(({ message }) => message).join("\n")}`)
  return result.steps
}

async function main(name: string): Promise<void> {
  const one = cases(Decimal).find((candidate) => candidate.name === name)
  if (one === undefined) throw new Error(`expressions: there is no case "${name}".`)
  const steps = await compile(one)
  const values = one.columns.map(({ make }, column) =>
    Array.from({ length: batchSize }, (_, row) => ((row * 7 + column) % 8 === 7 ? null : make(row))),
  )
  const batch = new Batch({
    schema: { columns: one.columns.map((column) => ({ name: column.name, type: column.type as ColumnType, nullable: true })) },
    columns: values.map((column, i) => new ValuesColumn(one.columns[i]!.type as ColumnType, column)),
    rowCount: batchSize,
    byteSize: 0,
  })
  const ours = (): Values => {
    const { batch: result } = steps.run(batch) as { readonly batch: Batches.Batch }
    return (result.columns.at(-1) as Batches.ValuesColumn).values as Values
  }
  const byHand = (): Values => one.byHand(batchSize, ...values)
  compare(one, ours(), byHand())
  // Warm enough for the optimising compiler.
  for (let i = 0; i < 3; i++) for (const run of [ours, byHand]) timeOf(run)
  const found = { perRow: new Array<number>(), byHand: new Array<number>(), ratios: new Array<number>() }
  for (let i = 0; i < rounds; i++) {
    const a = timeOf(ours)
    const b = timeOf(byHand)
    found.perRow.push(a)
    found.byHand.push(b)
    found.ratios.push(a / b)
  }
  process.stdout.write(`${JSON.stringify(found)}\n`)
}

function compare({ name }: Case, ours: Values, byHand: Values): void {
  for (let row = 0; row < batchSize; row++) {
    if (!isDeepStrictEqual(ours[row], byHand[row]))
      throw new Error(`expressions: ${name}: row ${row}: ${String(ours[row])}, and by hand ${String(byHand[row])}`)
  }
}

/** Nanoseconds of this thread per row; what other programs take from the processor does not count. */
function timeOf(run: () => Values): number {
  const start = process.threadCpuUsage()
  let count = 0
  let elapsed = 0
  while (elapsed < roundMicroseconds) {
    if (run().length !== batchSize) throw new Error("expressions: rows are missing")
    count++
    const { user, system } = process.threadCpuUsage(start)
    elapsed = user + system
  }
  return (elapsed * 1000) / (count * batchSize)
}

await main(process.argv[2] ?? "")
