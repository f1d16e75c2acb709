/** COUNT, SUM and AVG. */
import { addWhole, Decimal, multiplyWhole, powerOfTen, type Whole } from "../../model/Decimal.ts"
import type { Interval } from "../../model/Interval.ts"
import type { Value } from "../../model/Value.ts"
import { dateRuntime, interval } from "../functions/dates.ts"
import { endlessInterval } from "../functions/intervalText.ts"
import { bounded, decimalRuntime } from "../functions/decimals.ts"
import { ExpressionError } from "../ExpressionError.ts"
import { type Accumulator, opaque, type Saved } from "./Aggregate.ts"
import { addExact, emptySum, type ExactSum, mergeExact, restoreSum, roundedSum, saveSum } from "./exactSum.ts"
import { restoreWhole, saveWhole } from "./saved.ts"

interface Counted {
  count: number
}

const nothingMore = (): number => 0

/** `COUNT(*)` counts every row, `COUNT(x)` those where x is not null. */
export const counting = (star: boolean): Accumulator<Counted> => ({
  init: () => ({ count: 0 }),
  add: (state, first) => {
    if (star || first !== null) state.count++
  },
  merge: (state, other) => {
    state.count += other.count
  },
  finish: ({ count }) => count,
  size: nothingMore,
  save: ({ count }) => count,
  restore: (saved) => ({ count: saved as number }),
})

/** Finite values as one exact number, and how often each of the others was met. */
export interface DecimalSum extends Counted {
  total: Whole
  scale: number
  nan: number
  positive: number
  negative: number
}

export const emptyDecimalSum = (): DecimalSum => ({ count: 0, total: 0, scale: 0, nan: 0, positive: 0, negative: 0 })

export const addWholeTo = (state: DecimalSum, value: Whole): void => {
  state.count++
  const { total } = state
  if (state.scale !== 0) addScaled(state, value, 0)
  else state.total = addWhole(total, value)
}

export const addDecimalTo = (state: DecimalSum, { coefficient, scale }: Decimal): void => {
  state.count++
  if (typeof coefficient === "number" && !Number.isFinite(coefficient)) {
    if (coefficient > 0) state.positive++
    else if (coefficient < 0) state.negative++
    else state.nan++
  } else addScaled(state, coefficient, scale)
}

const addScaled = (state: DecimalSum, coefficient: Whole, scale: number): void => {
  if (scale === state.scale) state.total = addWhole(state.total, coefficient)
  else if (scale < state.scale) state.total = addWhole(state.total, multiplyWhole(coefficient, powerOfTen(state.scale - scale)))
  else {
    state.total = addWhole(multiplyWhole(state.total, powerOfTen(scale - state.scale)), coefficient)
    state.scale = scale
  }
}

export const mergeDecimalSum = (state: DecimalSum, other: DecimalSum): void => {
  addScaled(state, other.total, other.scale)
  state.count += other.count
  state.nan += other.nan
  state.positive += other.positive
  state.negative += other.negative
}

/** NaN or an infinity where one is the sum; undefined where all values were finite. */
export const specialSum = ({ nan, positive, negative }: { nan: number; positive: number; negative: number }): number | undefined => {
  if (nan > 0 || (positive > 0 && negative > 0)) return Number.NaN
  return positive > 0 ? Infinity : negative > 0 ? -Infinity : undefined
}

export const decimalTotal = (state: DecimalSum): Decimal => {
  const special = specialSum(state)
  return special === undefined ? new Decimal(state.total, state.scale) : new Decimal(special, 0)
}

export const saveDecimalSum = ({ count, total, scale, nan, positive, negative }: DecimalSum): Saved => [
  count,
  saveWhole(total),
  scale,
  nan,
  positive,
  negative,
]

export const restoreDecimalSum = (saved: Saved): DecimalSum => {
  const [count, total, scale, nan, positive, negative] = saved as readonly [number, Saved, number, number, number, number]
  return { count, total: restoreWhole(total), scale, nan, positive, negative }
}

const decimalSizeOf = ({ total }: DecimalSum): number => (typeof total === "bigint" ? 16 : 0)

const summingDecimals = (
  add: (state: DecimalSum, value: never) => void,
  finish: (total: Decimal, count: number) => Decimal,
): Accumulator<DecimalSum> => ({
  init: emptyDecimalSum,
  add: (state, first) => {
    if (first !== null) add(state, first as never)
  },
  merge: mergeDecimalSum,
  finish: (state) => (state.count === 0 ? null : finish(decimalTotal(state), state.count)),
  size: decimalSizeOf,
  save: saveDecimalSum,
  restore: restoreDecimalSum,
})

/** Doubles: the finite ones summed exactly. */
export interface DoubleSum extends Counted {
  readonly sum: ExactSum
  nan: number
  positive: number
  negative: number
}

const summingDoubles = (finish: (total: number, count: number) => number): Accumulator<DoubleSum> => ({
  init: () => ({ count: 0, sum: emptySum(), nan: 0, positive: 0, negative: 0 }),
  add: (state, first) => {
    if (first === null) return
    const value = first as number
    state.count++
    if (Number.isFinite(value)) addExact(state.sum, value)
    else if (value > 0) state.positive++
    else if (value < 0) state.negative++
    else state.nan++
  },
  merge: (state, other) => {
    mergeExact(state.sum, other.sum)
    state.count += other.count
    state.nan += other.nan
    state.positive += other.positive
    state.negative += other.negative
  },
  finish: (state) => (state.count === 0 ? null : finish(specialSum(state) ?? finiteSum(state.sum), state.count)),
  size: nothingMore,
  save: ({ count, sum, nan, positive, negative }) => [count, saveSum(sum), nan, positive, negative],
  restore: (saved) => {
    const [count, sum, nan, positive, negative] = saved as readonly [number, Saved, number, number, number]
    return { count, sum: restoreSum(sum), nan, positive, negative }
  },
})

const finiteSum = (sum: ExactSum): number => {
  const total = roundedSum(sum)
  if (!Number.isFinite(total)) throw new ExpressionError("NUMBER_OUT_OF_RANGE", "The sum is too large for a double.")
  return total
}

interface IntervalSum extends Counted {
  /** Infinite intervals. */
  positive: number
  negative: number
  months: number
  days: number
  micros: Whole
}

const summingIntervals = (finish: (total: Interval, count: number) => Value): Accumulator<IntervalSum> => ({
  init: () => ({ count: 0, positive: 0, negative: 0, months: 0, days: 0, micros: 0 }),
  add: (state, first) => {
    if (first === null) return
    const span = first as Interval
    if (span.isFinite) addSpan(state, span, 1)
    else {
      state.count++
      if (span.months > 0) state.positive++
      else state.negative++
    }
  },
  merge: (state, other) => {
    addSpan(state, other, other.count)
    state.positive += other.positive
    state.negative += other.negative
  },
  finish: (state) => (state.count === 0 ? null : (endlessTotal(state) ?? finish(spanOf(state), state.count))),
  size: nothingMore,
  save: ({ count, positive, negative, months, days, micros }) => [count, positive, negative, months, days, saveWhole(micros)],
  restore: (saved) => {
    const [count, positive, negative, months, days, micros] = saved as readonly [number, number, number, number, number, Saved]
    return { count, positive, negative, months, days, micros: restoreWhole(micros) }
  },
})

const spanOf = ({ months, days, micros }: IntervalSum): Interval => interval(months, days, micros)

const endlessTotal = ({ positive, negative }: IntervalSum): Interval | undefined => {
  if (positive > 0 && negative > 0) throw new ExpressionError("NUMBER_OUT_OF_RANGE", "Infinite intervals of both signs have no sum.")
  return positive + negative === 0 ? undefined : endlessInterval(positive - negative)
}

const addSpan = (state: IntervalSum, span: Pick<IntervalSum, "months" | "days" | "micros">, count: number): void => {
  state.count += count
  state.months += span.months
  state.days += span.days
  state.micros = addWhole(state.micros, span.micros)
}

const average = (total: Decimal, count: number): Decimal => decimalRuntime.divideDecimal(total, new Decimal(count, 0))

export const sums = {
  integer: opaque(summingDecimals(addWholeTo, bounded)),
  decimal: opaque(summingDecimals(addDecimalTo, bounded)),
  double: opaque(summingDoubles((total) => total)),
  interval: opaque(summingIntervals((total) => total)),
}

export const averages = {
  integer: opaque(summingDecimals(addWholeTo, average)),
  decimal: opaque(summingDecimals(addDecimalTo, average)),
  double: opaque(summingDoubles((total, count) => total / count)),
  interval: opaque(summingIntervals((total, count) => dateRuntime.divideInterval(total, count))),
}
