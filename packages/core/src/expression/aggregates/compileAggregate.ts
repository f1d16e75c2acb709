/** Aggregate calls over the rows of batches, by closures. */
import type { Column } from "../../model/Batch.ts"
import { compileClosure, compileCondition } from "../Closure.ts"
import type { Accumulator, AggregateCall } from "./Aggregate.ts"

/** Counts one row into a state, unless the call's filter leaves it out. */
export type FeedAggregate = (state: object, columns: ReadonlyArray<Column>, row: number) => void

/** The arguments of each row are computed and added to the state. */
export const compileAggregate = (call: AggregateCall, accumulator: Accumulator): FeedAggregate => {
  const counts = call.filter === undefined ? undefined : compileCondition(call.filter)
  const [first, second] = call.args.map(compileClosure)
  const order = call.order.map(({ expression }) => compileClosure(expression))
  return (state, columns, row) => {
    if (counts !== undefined && !counts(columns, row)) return
    const sortedBy = order.length === 0 ? NO_ORDER : order.map((key) => key(columns, row))
    accumulator.add(state, first?.(columns, row) ?? null, second?.(columns, row) ?? null, sortedBy)
  }
}

const NO_ORDER: ReadonlyArray<null> = []
