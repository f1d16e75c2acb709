/** Computes what the aggregate calls of a row get, and only then adds it, so that a row that cannot be computed leaves no trace. */
import {
  type Accumulator,
  type AggregateCall,
  type CheckedExpression,
  compileClosure,
  compileCondition,
  type Closure,
  type Condition,
} from "../../expression/Expression.ts"
import type { Column } from "../../model/Batch.ts"
import type { Value } from "../../model/Value.ts"
import type { GroupStates } from "./groupStates.ts"
import type { SharedCalls } from "./sharedCalls.ts"
import { type ReadValue, valueReader } from "./valueReader.ts"

interface CompiledCall {
  readonly accumulator: Accumulator
  readonly filter: Condition | undefined
  /** Indexes among the arguments, or -1. */
  readonly first: number
  readonly second: number
  readonly order: ReadonlyArray<Closure>
  /** Whether its states grow with the rows. */
  readonly grows: boolean
}

/** An expression that is the argument of one call or of several. */
interface Argument {
  readonly compute: Closure
  /** The column that is all of the expression. */
  readonly column: number | undefined
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
  /** Whether groups may take more memory with each row. */
  readonly grows: boolean
  private readonly calls: ReadonlyArray<CompiledCall>
  private readonly args: Array<Argument> = []
  private readonly counts: Array<boolean>
  private readonly firsts: Array<Value | null>
  private readonly seconds: Array<Value | null>
  private readonly orders: Array<ReadonlyArray<Value | null>>
  private columns: ReadonlyArray<Column> = []
  /** How each argument is read in the batch at hand, what it is in one row, and which row that is. */
  private readers: ReadonlyArray<ReadValue> = []
  private readonly values: Array<Value | null> = []
  private readonly rows: Array<number> = []

  constructor({ calls, accumulators }: SharedCalls) {
    const known = new Map<number, number>()
    this.calls = calls.map((call, i): CompiledCall => {
      const [first, second] = call.args.map((arg) => this.argument(arg, known))
      return {
        accumulator: accumulators[i]!,
        filter: call.filter === undefined ? undefined : compileCondition(call.filter),
        first: first ?? -1,
        second: second ?? -1,
        order: call.order.map(({ expression }) => compileClosure(expression)),
        grows: doesGrow(call),
      }
    })
    this.grows = this.calls.some((call) => call.grows)
    this.counts = calls.map(() => false)
    this.firsts = calls.map(() => null)
    this.seconds = calls.map(() => null)
    this.orders = calls.map(() => NO_ORDER)
  }

  /** The index of the argument. A column that several calls have is read once. */
  private argument(expression: CheckedExpression, known: Map<number, number>): number {
    const { node } = expression
    const column = node.kind === "column" ? node.index : undefined
    const same = column === undefined ? undefined : known.get(column)
    if (same !== undefined) return same
    const index = this.args.push({ compute: compileClosure(expression), column }) - 1
    if (column !== undefined) known.set(column, index)
    return index
  }

  /** Says of which batch the rows are that follow. */
  open(columns: ReadonlyArray<Column>): void {
    this.columns = columns
    this.readers = this.args.map(({ compute, column }) =>
      column === undefined ? (row) => compute(columns, row) : valueReader(columns[column]!),
    )
    this.rows.length = 0
    for (const _ of this.args) this.rows.push(-1)
  }

  /** Computes a row of the batch; throws where that does not work. */
  compute(row: number): void {
    const { calls, columns } = this
    for (let i = 0; i < calls.length; i++) {
      const { filter, first, second, order } = calls[i]!
      const counts = filter === undefined || filter(columns, row)
      this.counts[i] = counts
      if (!counts) continue
      if (first >= 0) this.firsts[i] = this.value(first, row)
      if (second >= 0) this.seconds[i] = this.value(second, row)
      if (order.length > 0) this.orders[i] = order.map((key) => key(columns, row))
    }
  }

  private value(arg: number, row: number): Value | null {
    if (this.rows[arg] === row) return this.values[arg]!
    const value = this.readers[arg]!(row)
    this.values[arg] = value
    this.rows[arg] = row
    return value
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

/** The largest of numbers or times is as large as any. */
const doesGrow = ({ aggregate, distinct, order, type }: AggregateCall): boolean =>
  distinct || order.length > 0 || !(FIXED.has(aggregate) || (CHOOSES.has(aggregate) && OF_ONE_SIZE.has(type)))

const CHOOSES: ReadonlySet<string> = new Set(["min", "max", "any_value"])

const OF_ONE_SIZE: ReadonlySet<string> = new Set([
  "boolean",
  "integer",
  "double",
  "decimal",
  "date",
  "time",
  "timestamp",
  "timestamptz",
  "interval",
])
