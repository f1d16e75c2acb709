/** Exact decimals beyond what the model has: division, remainder and rounding at the scales that PostgreSQL's `numeric` chooses. */
import {
  addWhole,
  compareWhole,
  Decimal,
  divideRounded,
  multiplyWhole,
  negate,
  powerOfTen,
  type Whole,
  whole,
} from "../../model/Decimal.ts"
import { ExpressionError } from "../ExpressionError.ts"
import { divisionByZero } from "./integers.ts"
import { fn, op, type Signature } from "./signatures.ts"

export const ZERO = new Decimal(0, 0)
export const NAN = new Decimal(NaN, 0)

const MIN_SIGNIFICANT = 16
export const MAX_DISPLAY_SCALE = 1000
/** What `numeric` holds: digits before and after the point. */
const MAX_DIGITS = 131_072
export const MAX_SCALE = 16_383

export const isNaNDecimal = (a: Decimal): boolean => a.coefficient !== a.coefficient

/** Refuses what PostgreSQL's numeric cannot hold, so that numbers cannot grow without end. */
export const bounded = (a: Decimal): Decimal => {
  if (typeof a.coefficient === "number") return a
  if (a.scale > MAX_SCALE) return bounded(a.withScale(MAX_SCALE))
  if (digitCount(a.coefficient) - a.scale > MAX_DIGITS)
    throw new ExpressionError("NUMBER_OUT_OF_RANGE", "The result has too many digits for a decimal.")
  return a
}

/** Decimal digits of a whole number, sign aside; 1 for zero. */
export const digitCount = (value: Whole): number => {
  if (typeof value === "number") {
    const magnitude = Math.abs(value)
    let digits = 1
    while (digits < 16 && magnitude >= (powerOfTen(digits) as number)) digits++
    return digits
  }
  const text = (value < 0n ? -value : value).toString()
  return text.length
}

/** Weight and first digit in base 10,000, in which PostgreSQL keeps decimals and estimates scales. */
export const leadingDigit = (a: Decimal): { readonly weight: number; readonly digit: number } => {
  if (a.coefficient === 0) return { weight: 0, digit: 0 }
  const digits = digitCount(a.coefficient)
  const exponent = digits - 1 - a.scale
  const weight = Math.floor(exponent / 4)
  const width = exponent - 4 * weight + 1
  return { weight, digit: leadingDigits(a.coefficient, digits, width) }
}

const leadingDigits = (value: Whole, digits: number, width: number): number => {
  if (typeof value === "number")
    return Math.floor((Math.abs(value) * 10 ** (width - Math.min(digits, width))) / 10 ** Math.max(digits - width, 0))
  return Number(String(value).replace("-", "").slice(0, width))
}

/** The scale of a quotient: 16 significant digits at least. */
export const divisionScale = (a: Decimal, b: Decimal): number => {
  const left = leadingDigit(a)
  const right = leadingDigit(b)
  const weight = left.weight - right.weight - (left.digit <= right.digit ? 1 : 0)
  return Math.min(Math.max(MIN_SIGNIFICANT - weight * 4, a.scale, b.scale, 0), MAX_DISPLAY_SCALE)
}

const TENS: ReadonlyArray<bigint> = Array.from({ length: 64 }, (_, i) => 10n ** BigInt(i))

const bigPowerOfTen = (exponent: number): bigint => TENS[exponent] ?? 10n ** BigInt(exponent)

/** Whole part and rounding, half away from zero, of two numbers that are safe; b is above zero. */
const divideSafe = (a: number, b: number): number => {
  const quotient = Math.trunc(a / b)
  const rest = Math.abs(a - quotient * b)
  return (rest * 2 >= b ? quotient + (a < 0 ? -1 : 1) : quotient) + 0
}

/** The value with `scale` digits after the point, rounded half away from zero. */
export const rescale = (a: Decimal, scale: number): Decimal => {
  const shift = a.scale - scale
  if (shift === 0 || !a.isFinite) return a
  const unit = shift > 0 && shift < 16 ? powerOfTen(shift) : 0n
  if (typeof unit === "number" && typeof a.coefficient === "number") return new Decimal(divideSafe(a.coefficient, unit), scale)
  return a.withScale(scale)
}

/** a / b with `scale` digits after the point, rounded half away from zero. */
export const divideAt = (a: Decimal, b: Decimal, scale: number): Decimal => {
  const shift = scale + b.scale - a.scale
  const dividend = shift > 0 ? whole(BigInt(a.coefficient) * bigPowerOfTen(shift)) : a.coefficient
  const divisor = shift < 0 ? whole(BigInt(b.coefficient) * bigPowerOfTen(-shift)) : b.coefficient
  if (typeof dividend === "number" && typeof divisor === "number" && divisor > 0) return new Decimal(divideSafe(dividend, divisor), scale)
  return new Decimal(divisor < 0 ? divideRounded(negate(dividend), negate(divisor)) : divideRounded(dividend, divisor), scale)
}

const addDecimal = (a: Decimal, b: Decimal): Decimal => {
  if (a.scale === b.scale && typeof a.coefficient === "number" && typeof b.coefficient === "number") {
    const sum = a.coefficient + b.coefficient
    // Neither NaN nor an infinity is safe.
    if (sum <= Number.MAX_SAFE_INTEGER && sum >= -Number.MAX_SAFE_INTEGER) return new Decimal(sum, a.scale)
  }
  return bounded(Decimal.add(a, b))
}

const subtractDecimal = (a: Decimal, b: Decimal): Decimal => addDecimal(a, Decimal.negate(b))

const multiplyDecimal = (a: Decimal, b: Decimal): Decimal => bounded(Decimal.multiply(a, b))

const divideDecimal = (a: Decimal, b: Decimal): Decimal => {
  if (isNaNDecimal(a) || isNaNDecimal(b)) return NAN
  if (b.coefficient === 0) throw divisionByZero(a, "/")
  if (!a.isFinite) return b.isFinite ? new Decimal(a.toNumber() * Math.sign(b.toNumber()), 0) : NAN
  if (!b.isFinite) return ZERO
  return bounded(divideAt(a, b, divisionScale(a, b)))
}

const remainderDecimal = (a: Decimal, b: Decimal): Decimal => {
  if (isNaNDecimal(a) || isNaNDecimal(b)) return NAN
  if (b.coefficient === 0) throw divisionByZero(a, "%")
  if (!a.isFinite) return NAN
  if (!b.isFinite) return a
  const scale = Math.max(a.scale, b.scale)
  const left = a.withScale(scale).coefficient
  const right = b.withScale(scale).coefficient
  const rest = typeof left === "number" && typeof right === "number" ? (left % right) + 0 : whole(BigInt(left) % BigInt(right))
  return new Decimal(rest, scale)
}

const negateDecimal = (a: Decimal): Decimal => Decimal.negate(a)

const absDecimal = (a: Decimal): Decimal => (a.coefficient < 0 ? Decimal.negate(a) : a)

const signDecimal = (a: Decimal): Decimal => (isNaNDecimal(a) ? NAN : new Decimal(compareWhole(a.coefficient, 0), 0))

/** Rounds half away from zero at `digits` after the point; before it where negative. */
export const roundDecimal = (a: Decimal, digits: Whole): Decimal => {
  if (!a.isFinite) return a
  const scale = clampScale(digits)
  if (scale >= 0) return bounded(rescale(a, scale))
  return bounded(rescale(rescale(a, scale), 0))
}

const clampScale = (digits: Whole): number => Math.max(-2000, Math.min(2000, Number(digits)))

const truncateDecimal = (a: Decimal, digits: Whole): Decimal => {
  if (!a.isFinite) return a
  const scale = clampScale(digits)
  if (scale >= a.scale) return bounded(a.withScale(scale))
  const unit = BigInt(powerOfTen(a.scale - scale))
  const kept = whole(BigInt(a.coefficient) / unit)
  return scale >= 0 ? new Decimal(kept, scale) : new Decimal(multiplyWhole(kept, powerOfTen(-scale)), 0)
}

const roundWhole = (a: Decimal): Decimal => rescale(a, 0)
const truncateWhole = (a: Decimal): Decimal => truncateDecimal(a, 0)

const floorDecimal = (a: Decimal): Decimal => {
  if (!a.isFinite) return a
  const truncated = truncateDecimal(a, 0)
  return a.coefficient < 0 && Decimal.compare(truncated, a) !== 0 ? new Decimal(addWhole(truncated.coefficient, -1), 0) : truncated
}

const ceilDecimal = (a: Decimal): Decimal => Decimal.negate(floorDecimal(Decimal.negate(a)))

const plus = (a: Decimal): Decimal => a

export const decimalRuntime = {
  addDecimal,
  subtractDecimal,
  multiplyDecimal,
  divideDecimal,
  remainderDecimal,
  negateDecimal,
  absDecimal,
  signDecimal,
  roundDecimal,
  truncateDecimal,
  roundWhole,
  truncateWhole,
  floorDecimal,
  ceilDecimal,
  plusDecimal: plus,
}

export const decimalSignatures: ReadonlyArray<Signature> = [
  op("decimal + decimal", "decimal", "addDecimal"),
  op("decimal - decimal", "decimal", "subtractDecimal"),
  op("decimal * decimal", "decimal", "multiplyDecimal"),
  op("decimal / decimal", "decimal", "divideDecimal"),
  op("decimal % decimal", "decimal", "remainderDecimal"),
  op("- decimal", "decimal", "negateDecimal"),
  op("+ decimal", "decimal", "plusDecimal"),
  fn("abs(decimal)", "decimal", "absDecimal"),
  fn("mod(decimal, decimal)", "decimal", "remainderDecimal"),
  fn("sign(decimal)", "decimal", "signDecimal"),
  fn("round(decimal)", "decimal", "roundWhole"),
  fn("round(decimal, integer)", "decimal", "roundDecimal"),
  fn("trunc(decimal)", "decimal", "truncateWhole"),
  fn("trunc(decimal, integer)", "decimal", "truncateDecimal"),
  fn("floor(decimal)", "decimal", "floorDecimal"),
  fn("ceil(decimal)", "decimal", "ceilDecimal"),
  fn("ceiling(decimal)", "decimal", "ceilDecimal"),
]
