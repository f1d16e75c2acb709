/** Runs metrics over rows, by the closures of their calls, and says what came out as text. */
import {
  type Accumulator,
  accumulatorOf,
  type AggregateCall,
  type CheckedMetric,
  checkMetric,
  compileAggregate,
  compileClosure,
  type Scope,
} from "../../src/expression/Expression.ts"
import { type Column, ConstantColumn } from "../../src/model/Batch.ts"
import { outcome } from "./evaluate.ts"

export const checkedMetric = (text: string, scope: Scope): CheckedMetric => {
  const result = checkMetric(text, scope, [])
  if (result.ok) return structuredClone(result.metric)
  throw new Error(`${text}\n${result.issues.map((issue) => `${issue.code} at ${issue.position}: ${issue.message}`).join("\n")}`)
}

/** How the rows of a group come to one state per call. */
export type Gather = (accumulator: Accumulator, feed: (state: object, row: number) => void, rowCount: number, call: AggregateCall) => object

/** All rows into one state, in order. */
export const atOnce: Gather = (accumulator, feed, rowCount) => {
  const state = accumulator.init()
  for (let row = 0; row < rowCount; row++) feed(state, row)
  return state
}

/** Each row into a state of its own; the states are saved as JSON, read back, and merged. */
export const inPieces =
  (size: number): Gather =>
  (accumulator, feed, rowCount) => {
    let whole = accumulator.init()
    for (let start = 0; start < rowCount; start += size) {
      const piece = accumulator.init()
      for (let row = start; row < Math.min(start + size, rowCount); row++) feed(piece, row)
      accumulator.merge(whole, throughJson(accumulator, piece))
      whole = throughJson(accumulator, whole)
    }
    return whole
  }

const throughJson = (accumulator: Accumulator, state: object): object =>
  accumulator.restore(JSON.parse(JSON.stringify(accumulator.save(state))) as ReturnType<typeof accumulator.save>)

/** `decimal 1.50`, `decimal NULL` or `error CODE …` over all rows as one group. */
export const metricOutcome = (metric: CheckedMetric, columns: ReadonlyArray<Column>, rowCount: number, gather: Gather): string =>
  outcome(() => {
    const results = metric.calls.map((call): Column => {
      const accumulator = accumulatorOf(call)
      const feed = compileAggregate(call, accumulator)
      const state = gather(accumulator, (into, row) => feed(into, columns, row), rowCount, call)
      return new ConstantColumn(call.type, accumulator.finish(state))
    })
    return compileClosure(metric.result)(results, 0)
  }, metric.result.type)
