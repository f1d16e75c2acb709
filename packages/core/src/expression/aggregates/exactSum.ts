/**
 * Sums of doubles without any rounding, so that they are the same for every order of rows.
 *
 * A sum is kept as doubles that do not overlap (Shewchuk, "Adaptive Precision Floating-Point Arithmetic", 1997). Numbers so large that
 * adding them could overflow are whole, and are kept apart as one bigint.
 */
import type { Saved } from "./Aggregate.ts"

export interface ExactSum {
  /** By magnitude, ascending. */
  parts: Array<number>
  large: bigint
}

export const emptySum = (): ExactSum => ({ parts: [], large: 0n })

/** 2^63 numbers below this can be added before a double overflows. */
const LARGE = 2 ** 960

/** Adds a finite number. */
export const addExact = (sum: ExactSum, value: number): void => {
  if (value >= LARGE || value <= -LARGE) {
    sum.large += BigInt(value)
    return
  }
  const { parts } = sum
  let rest = value
  let kept = 0
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!
    const total = rest + part
    const swapped = Math.abs(rest) < Math.abs(part)
    const error = swapped ? rest - (total - part) : part - (total - rest)
    if (error !== 0) parts[kept++] = error
    rest = total
  }
  parts.length = kept
  parts.push(rest)
}

export const mergeExact = (sum: ExactSum, other: ExactSum): void => {
  for (const part of other.parts) addExact(sum, part)
  sum.large += other.large
}

/** Splits a double into two of 26 bits each. */
const SPLITTER = 2 ** 27 + 1
/** The square of more than this is no longer far from overflow. */
const LARGE_ROOT = 2 ** 450

/** Adds the square of a finite number, with all its digits as long as it is above 2^-960. */
export const addSquare = (sum: ExactSum, value: number): void => {
  if (value >= LARGE_ROOT || value <= -LARGE_ROOT) {
    sum.large += BigInt(value) ** 2n
    return
  }
  const product = value * value
  const shifted = SPLITTER * value
  const high = shifted - (shifted - value)
  const low = value - high
  addExact(sum, product)
  const error = high * high - product + 2 * high * low + low * low
  if (error !== 0) addExact(sum, error)
}

/** The smallest double is 2^-1074; in units of it all doubles are whole. */
export const UNIT_BITS = 1074

const view = new DataView(new ArrayBuffer(8))

const unitsOf = (value: number): bigint => {
  view.setFloat64(0, value)
  const bits = view.getBigUint64(0)
  const exponent = Number((bits >> 52n) & 0x7ffn)
  const fraction = bits & 0xfffffffffffffn
  const magnitude = exponent === 0 ? fraction : (fraction | 0x10000000000000n) << BigInt(exponent - 1)
  return value < 0 ? -magnitude : magnitude
}

/** The sum as a whole number of units of 2^-1074. */
export const sumInUnits = ({ parts, large }: ExactSum): bigint =>
  parts.reduce((total, part) => total + unitsOf(part), large << BigInt(UNIT_BITS))

const bitsOf = (value: bigint): number => value.toString(16).length * 4

/** value · 2^-scale as the nearest double; an infinity where it is too large. */
export const nearestDouble = (value: bigint, scale: number): number => {
  const magnitude = value < 0n ? -value : value
  const cut = Math.max(0, bitsOf(magnitude) - 72)
  const kept = magnitude >> BigInt(cut)
  // One bit stands for all that were cut off, so that a tie is none where something was beyond it.
  const sticky = kept << BigInt(cut) === magnitude ? 0n : 1n
  const exponent = cut - scale
  const half = Math.trunc(exponent / 2)
  const result = Number(kept | sticky) * 2 ** half * 2 ** (exponent - half)
  return value < 0n ? -result : result
}

/** Rounded once, to the nearest double. */
export const roundedSum = (sum: ExactSum): number => {
  const { parts, large } = sum
  if (large === 0n && parts.length < 2) return parts[0] ?? 0
  return nearestDouble(sumInUnits(sum), UNIT_BITS)
}

/** numerator / denominator · 2^-scale as the nearest double. */
export const nearestQuotient = (numerator: bigint, denominator: bigint, scale: number): number => {
  const shift = Math.max(0, bitsOf(denominator) - bitsOf(numerator) + 80)
  const dividend = numerator << BigInt(shift)
  const quotient = dividend / denominator
  const sticky = quotient * denominator === dividend ? 0n : 1n
  return nearestDouble((quotient << 1n) | sticky, scale + shift + 1)
}

// JSON has no minus zero.
export const saveSum = ({ parts, large }: ExactSum): Saved => [parts.map((part) => (Object.is(part, -0) ? "-0" : part)), String(large)]

export const restoreSum = (saved: Saved): ExactSum => {
  const [parts, large] = saved as readonly [ReadonlyArray<number | string>, string]
  return { parts: parts.map(Number), large: BigInt(large) }
}
