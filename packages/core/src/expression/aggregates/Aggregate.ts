/**
 * What an aggregate is to the step that groups rows: a pure accumulator, and the call of one as the checker leaves it.
 *
 * A metric is an expression over aggregates: `ROUND(SUM(amount) FILTER (WHERE paid) / COUNT(*), 2)`. `checkMetric` (in `Metric.ts`)
 * takes it apart into its aggregate calls, whose arguments are expressions over the rows that come in, and one expression over the keys
 * and the calls' results, which gives the metric once per group:
 *
 * 1. per call, `accumulatorOf(call)` gives an `Accumulator`; per group and call, `init()` gives a state;
 * 2. per row, where `call.filter` is true (or there is none), the closures of `call.args` are computed and handed to `add`;
 * 3. per group, the values of the keys and then `finish(state)` of each call, in order, are the columns that `metric.result` reads.
 *
 * The result does not depend on how rows are cut into batches or spread over states: for rows `a` before rows `b`, a state of all of them
 * gives what `merge` of a state of `a` and one of `b` gives. `merge(a, b)` keeps that order only where the call `isOrdered`; all others
 * give the same for any order of rows.
 */
import type { ColumnType } from "../../model/ColumnType.ts"
import type { Value } from "../../model/Value.ts"
import type { CheckedExpression, ExpressionIssue } from "../Scope.ts"

/** The state of one call in one group, as JSON, for spilling and checkpoints. */
export type Saved = null | boolean | number | string | ReadonlyArray<Saved>

/**
 * The accumulator of one call. It holds no state itself, so one serves all groups. States are opaque objects that `add` and `merge`
 * change in place.
 *
 * `add`, `merge` and `finish` throw `ExpressionError` where PostgreSQL has an error: a sum of intervals that overflows, a text that
 * grows too long.
 */
export interface Accumulator<State extends object = object> {
  readonly init: () => State
  /** Counts one row in. `second` is the second argument where there is one, as the separator of STRING_AGG; `COUNT(*)` takes none. */
  readonly add: (state: State, first: Value | null, second: Value | null, order: ReadonlyArray<Value | null>) => void
  /** Takes the rows of `other`, which come after those of `state`, into `state`. `other` must not be used after. */
  readonly merge: (state: State, other: State) => void
  /** The result, of `call.type`. The state stays as it was, so that more rows may be added. */
  readonly finish: (state: State) => Value | null
  /** About how many bytes the state holds beyond those of one just made. It grows for DISTINCT, lists and sorted aggregates. */
  readonly size: (state: State) => number
  readonly save: (state: State) => Saved
  /** The inverse of `save`. */
  readonly restore: (saved: Saved) => State
}

/** Whoever holds a state only hands it back to the accumulator that made it. */
export const opaque = <State extends object>(accumulator: Accumulator<State>): Accumulator => accumulator as unknown as Accumulator

/** One key of an ORDER BY within an aggregate. */
export interface SortKey {
  readonly expression: CheckedExpression
  readonly descending: boolean
  readonly nullsFirst: boolean
}

/** One aggregate call of a metric, checked. Plain data: it may be sent to a worker thread. */
export interface AggregateCall {
  /** Lower case: `count`, `sum`, `string_agg`. */
  readonly aggregate: string
  /** Over the columns that come in; none for `COUNT(*)` and for those with WITHIN GROUP, else one or two. */
  readonly args: ReadonlyArray<CheckedExpression>
  /** A boolean over the columns that come in: rows where it is not true do not count. */
  readonly filter: CheckedExpression | undefined
  readonly distinct: boolean
  /** ORDER BY within the call, or of WITHIN GROUP. Its values are the last argument of `add`; an empty list where there is none. */
  readonly order: ReadonlyArray<SortKey>
  /** The constants before WITHIN GROUP: the fractions of PERCENTILE_CONT. */
  readonly direct: ReadonlyArray<Value | null>
  /** Type of the result. */
  readonly type: ColumnType
  /** False only for COUNT: all others are null over no rows. */
  readonly nullable: boolean
  /** Whether the result depends on the order of rows: of ARRAY_AGG, STRING_AGG, and of values that are equal but written otherwise. */
  readonly isOrdered: boolean
}

/** A metric, checked. Plain data. */
export interface CheckedMetric {
  readonly text: string
  readonly calls: ReadonlyArray<AggregateCall>
  /** Over these columns: the keys of the group, in the order of `groupBy`, then the result of each call. */
  readonly result: CheckedExpression
}

export type MetricResult =
  | { readonly ok: true; readonly metric: CheckedMetric }
  | { readonly ok: false; readonly issues: ReadonlyArray<ExpressionIssue> }
