/** STDDEV and VARIANCE, of a sample and of a whole population. */
import { Decimal, multiplyWhole, type Whole } from "../../model/Decimal.ts"
import { ExpressionError } from "../ExpressionError.ts"
import { sqrtAt } from "../functions/decimalMath.ts"
import { divideAt, divisionScale, NAN, ZERO } from "../functions/decimals.ts"
import { type Accumulator, opaque, type Saved } from "./Aggregate.ts"
import {
  addExact,
  addSquare,
  emptySum,
  type ExactSum,
  mergeExact,
  nearestQuotient,
  restoreSum,
  saveSum,
  sumInUnits,
  UNIT_BITS,
} from "./exactSum.ts"
import {
  addDecimalTo,
  addWholeTo,
  type DecimalSum,
  emptyDecimalSum,
  mergeDecimalSum,
  restoreDecimalSum,
  saveDecimalSum,
  specialSum,
} from "./sums.ts"

export interface Measure {
  /** Divides by one less than there are values. */
  readonly isSample: boolean
  readonly isRoot: boolean
}

interface DecimalMoments {
  readonly sum: DecimalSum
  readonly squares: DecimalSum
}

const isMissing = (count: number, { isSample }: Measure): boolean => count < (isSample ? 2 : 1)

const decimals = (measure: Measure, addTo: (moments: DecimalMoments, value: never) => void): Accumulator<DecimalMoments> => ({
  init: () => ({ sum: emptyDecimalSum(), squares: emptyDecimalSum() }),
  add: (state, first) => {
    if (first !== null) addTo(state, first as never)
  },
  merge: (state, other) => {
    mergeDecimalSum(state.sum, other.sum)
    mergeDecimalSum(state.squares, other.squares)
  },
  finish: (state) => (isMissing(state.sum.count, measure) ? null : decimalMeasure(state, measure)),
  size: () => 0,
  save: ({ sum, squares }) => [saveDecimalSum(sum), saveDecimalSum(squares)],
  restore: (saved) => {
    const [sum, squares] = saved as readonly [Saved, Saved]
    return { sum: restoreDecimalSum(sum), squares: restoreDecimalSum(squares) }
  },
})

const addWholeMoment = ({ sum, squares }: DecimalMoments, value: Whole): void => {
  addWholeTo(sum, value)
  addWholeTo(squares, multiplyWhole(value, value))
}

const addDecimalMoment = ({ sum, squares }: DecimalMoments, value: Decimal): void => {
  addDecimalTo(sum, value)
  if (value.isFinite) addDecimalTo(squares, Decimal.multiply(value, value))
}

/** As `numeric_stddev_internal` chooses scales: exact up to the one division, then rounded as a quotient is. */
const decimalMeasure = ({ sum, squares }: DecimalMoments, { isSample, isRoot }: Measure): Decimal => {
  if (specialSum(sum) !== undefined) return NAN
  const count = sum.count
  const scale = 2 * sum.scale
  const ofSquares = multiplyWhole(new Decimal(squares.total, squares.scale).withScale(scale).coefficient, count)
  const spread = Decimal.add(new Decimal(ofSquares, scale), new Decimal(multiplyWhole(multiplyWhole(sum.total, sum.total), -1), scale))
  if (spread.coefficient <= 0) return ZERO
  const divisor = new Decimal(multiplyWhole(count, isSample ? count - 1 : count), 0)
  const digits = divisionScale(spread, divisor)
  const variance = divideAt(spread, divisor, digits)
  return isRoot ? sqrtAt(variance, digits) : variance
}

interface DoubleMoments {
  count: number
  /** NaN and the infinities. */
  odd: number
  readonly sum: ExactSum
  readonly squares: ExactSum
}

const doubles = (measure: Measure): Accumulator<DoubleMoments> => ({
  init: () => ({ count: 0, odd: 0, sum: emptySum(), squares: emptySum() }),
  add: (state, first) => {
    if (first === null) return
    state.count++
    const value = first as number
    if (Number.isFinite(value)) {
      addExact(state.sum, value)
      addSquare(state.squares, value)
    } else state.odd++
  },
  merge: (state, other) => {
    state.count += other.count
    state.odd += other.odd
    mergeExact(state.sum, other.sum)
    mergeExact(state.squares, other.squares)
  },
  finish: (state) => (isMissing(state.count, measure) ? null : doubleMeasure(state, measure)),
  size: () => 0,
  save: ({ count, odd, sum, squares }) => [count, odd, saveSum(sum), saveSum(squares)],
  restore: (saved) => {
    const [count, odd, sum, squares] = saved as readonly [number, number, Saved, Saved]
    return { count, odd, sum: restoreSum(sum), squares: restoreSum(squares) }
  },
})

/** Exact up to one rounding, so that the order of rows makes no difference. */
const doubleMeasure = ({ count, odd, sum, squares }: DoubleMoments, { isSample, isRoot }: Measure): number => {
  if (odd > 0) return Number.NaN
  const total = sumInUnits(sum)
  const rows = BigInt(count)
  const spread = ((sumInUnits(squares) * rows) << BigInt(UNIT_BITS)) - total * total
  if (spread <= 0n) return 0
  const variance = nearestQuotient(spread, rows * (isSample ? rows - 1n : rows), 2 * UNIT_BITS)
  if (variance === Infinity) throw new ExpressionError("NUMBER_OUT_OF_RANGE", "The variance is too large for a double.")
  return isRoot ? Math.sqrt(variance) : variance
}

export const statistics = (measure: Measure) => ({
  integer: opaque(decimals(measure, addWholeMoment)),
  decimal: opaque(decimals(measure, addDecimalMoment)),
  double: opaque(doubles(measure)),
})
