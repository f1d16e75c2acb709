/** Computes what the aggregate calls of a row get, and only then adds it, so that a row that cannot be computed leaves no trace. */
import {
  type Accumulator,
  type AggregateCall,
  type Closure,
  compileClosure,
  compileCondition,
  type Condition,
} from "../../expression/Expression.ts"
import type { Column } from "../../model/Batch.ts"
import type { Value } from "../../model/Value.ts"
import type { GroupStates } from "./groupStates.ts"

interface CompiledCall {
  readonly accumulator: Accumulator
  readonly filter: Condition | undefined
  readonly first: Closure | undefined
  readonly second: Closure | undefined
  readonly order: ReadonlyArray<Closure>
  /** Whether its states grow with the rows. */
  readonly grows: boolean
}

/** Aggregates whose states stay as small as they are, DISTINCT aside. */
const FIXED: ReadonlySet<string> = new Set([
  "count",
  "sum",
  "avg",
  "bool_and",
  "bool_or",
  "every",
  "stddev",
  "stddev_pop",
  "stddev_samp",
  "variance",
  "var_pop",
  "var_samp",
])

const NO_ORDER: ReadonlyArray<null> = []

export class Feed {
  private readonly calls: ReadonlyArray<CompiledCall>
  private readonly counts: Array<boolean>
  private readonly firsts: Array<Value | null>
  private readonly seconds: Array<Value | null>
  private readonly orders: Array<ReadonlyArray<Value | null>>

  constructor(calls: ReadonlyArray<AggregateCall>, accumulators: ReadonlyArray<Accumulator>) {
    this.calls = calls.map((call, i): CompiledCall => {
      const [first, second] = call.args.map(compileClosure)
      return {
        accumulator: accumulators[i]!,
        filter: call.filter === undefined ? undefined : compileCondition(call.filter),
        first,
        second,
        order: call.order.map(({ expression }) => compileClosure(expression)),
        grows: call.distinct || call.order.length > 0 || !FIXED.has(call.aggregate),
      }
    })
    this.counts = calls.map(() => false)
    this.firsts = calls.map(() => null)
    this.seconds = calls.map(() => null)
    this.orders = calls.map(() => NO_ORDER)
  }

  /** Computes the row; throws where that does not work. */
  compute(columns: ReadonlyArray<Column>, row: number): void {
    const { calls } = this
    for (let i = 0; i < calls.length; i++) {
      const { filter, first, second, order } = calls[i]!
      const counts = filter === undefined || filter(columns, row)
      this.counts[i] = counts
      if (!counts) continue
      if (first !== undefined) this.firsts[i] = first(columns, row)
      if (second !== undefined) this.seconds[i] = second(columns, row)
      if (order.length > 0) this.orders[i] = order.map((key) => key(columns, row))
    }
  }

  /** Adds what was computed last to a group. */
  add(groups: GroupStates, group: number): void {
    const { calls } = this
    const states = groups.statesOf(group)
    for (let i = 0; i < calls.length; i++) {
      if (this.counts[i] !== true) continue
      const { accumulator, grows } = calls[i]!
      const state = states[i]!
      const before = grows ? accumulator.size(state) : 0
      accumulator.add(state, this.firsts[i]!, this.seconds[i]!, this.orders[i]!)
      if (grows) groups.grew(accumulator.size(state) - before)
    }
  }
}
