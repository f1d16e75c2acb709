/**
 * The aggregate calls of a step, of which those that collect the same have one state: `SUM(x)` that is written twice, and `AVG(x)` beside
 * it, which needs the very sum.
 */
import { type Accumulator, accumulatorOf, type AggregateCall } from "../../expression/Expression.ts"

export interface SharedCalls {
  /** One call for each state. */
  readonly calls: ReadonlyArray<AggregateCall>
  /** Of these. */
  readonly accumulators: ReadonlyArray<Accumulator>
  /** For each call that came in: what makes the result, and the index of its state. */
  readonly results: ReadonlyArray<{ readonly accumulator: Accumulator; readonly state: number }>
}

export const shareCalls = (all: ReadonlyArray<AggregateCall>): SharedCalls => {
  const states = new Map<string, number>()
  const calls: Array<AggregateCall> = []
  const results = all.map((call) => {
    const key = collectedBy(call)
    const known = states.get(key)
    const state = known ?? calls.push(call) - 1
    if (known === undefined) states.set(key, state)
    return { accumulator: accumulatorOf(call), state }
  })
  return { calls, accumulators: calls.map(accumulatorOf), results }
}

/** Text that is the same for calls whose states hold the same. */
const collectedBy = ({ aggregate, args, filter, distinct, order, direct }: AggregateCall): string =>
  JSON.stringify(
    [
      aggregate === "avg" ? "sum" : aggregate,
      args.map(({ node }) => node),
      filter?.node,
      distinct,
      order.map((key) => ({ ...key, expression: key.expression.node })),
      direct,
    ],
    exactly,
  )

/** JSON has no bigint, no NaN, no infinities and no minus zero, and of bytes it makes an object. */
const exactly = (_: string, value: unknown): unknown => {
  if (typeof value === "bigint") return `bigint ${value}`
  if (value instanceof Uint8Array) return `bytes ${value.toString()}`
  return typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))
    ? `number ${Object.is(value, -0) ? "-0" : value}`
    : value
}
