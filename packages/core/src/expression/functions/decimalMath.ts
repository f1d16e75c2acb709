/** Roots, powers and logarithms of exact decimals, rounded at the scales that PostgreSQL's `numeric` chooses. */
import { Decimal, powerOfTen, type Whole, whole } from "../../model/Decimal.ts"
import { bounded, digitCount, divideAt, isNaNDecimal, leadingDigit, MAX_DISPLAY_SCALE, NAN, ZERO } from "./decimals.ts"
import { ExpressionError, shown } from "../ExpressionError.ts"
import { fn, op, type Signature } from "./signatures.ts"

const MIN_SIGNIFICANT = 16
const ONE = new Decimal(1, 0)
const LOG10_E = 0.434294481903252
/** exp() of more overflows, of less is zero. */
const LARGEST_EXPONENT = 6000
const MAX_DIGITS = 131_072

const tooLarge = (what: string): ExpressionError => new ExpressionError("NUMBER_OUT_OF_RANGE", `${what} has too many digits for a decimal.`)
const noValue = (message: string): ExpressionError => new ExpressionError("INVALID_ARGUMENT", message)

const clampScale = (...scales: ReadonlyArray<number>): number => Math.min(Math.max(0, ...scales), MAX_DISPLAY_SCALE)

/** The decimal as a whole number of units of 10^-scale, cut off. */
const fixed = (a: Decimal, scale: number): bigint => {
  const shift = scale - a.scale
  const coefficient = BigInt(a.coefficient)
  return shift >= 0 ? coefficient * 10n ** BigInt(shift) : coefficient / 10n ** BigInt(-shift)
}

/** From units of 10^-from to a decimal with `scale` digits after the point, rounded half away from zero. */
const rounded = (value: bigint, from: number, scale: number): Decimal => new Decimal(whole(value), from).withScale(scale)

const integerRoot = (value: bigint): bigint => {
  if (value < 2n) return value
  let root = 1n << BigInt(Math.ceil(value.toString(2).length / 2))
  for (;;) {
    const next = (root + value / root) >> 1n
    if (next >= root) return root
    root = next
  }
}

export const sqrtDecimal = (a: Decimal): Decimal => {
  if (isNaNDecimal(a)) return NAN
  if (a.coefficient < 0) throw noValue(`sqrt(${shown(a)}): a negative number has no square root.`)
  if (!a.isFinite) return a
  return sqrtAt(a, clampScale(MIN_SIGNIFICANT - (leadingDigit(a).weight * 2 + 1), a.scale))
}

/** The root of a decimal that is not negative, with `scale` digits after the point. */
export const sqrtAt = (a: Decimal, scale: number): Decimal => {
  // Twice the digits go in, one more comes out to round by.
  const root = integerRoot(fixed(a, 2 * (scale + 1)))
  return rounded(root, scale + 1, scale)
}

const ln2Cache = new Map<number, bigint>()

const ln2 = (digits: number): bigint => {
  let value = ln2Cache.get(digits)
  if (value === undefined) {
    value = 2n * atanh(10n ** BigInt(digits) / 3n, digits)
    if (ln2Cache.size > 16) ln2Cache.clear()
    ln2Cache.set(digits, value)
  }
  return value
}

/** z + z³/3 + z⁵/5 + … */
const atanh = (z: bigint, digits: number): bigint => {
  const one = 10n ** BigInt(digits)
  const square = (z * z) / one
  let power = z
  let sum = z
  for (let n = 3n; power !== 0n; n += 2n) {
    power = (power * square) / one
    sum += power / n
  }
  return sum
}

/** Natural logarithm of a positive decimal in units of 10^-digits. */
const lnFixed = (a: Decimal, digits: number): bigint => {
  const one = 10n ** BigInt(digits)
  const numerator = BigInt(a.coefficient)
  const denominator = 10n ** BigInt(a.scale)
  // a = mantissa · 2^shift, with the mantissa near 1
  const shift = numerator.toString(2).length - denominator.toString(2).length
  const [top, bottom] = shift >= 0 ? [numerator, denominator << BigInt(shift)] : [numerator << BigInt(-shift), denominator]
  const z = ((top - bottom) * one) / (top + bottom)
  return 2n * atanh(z, digits) + BigInt(shift) * ln2(digits)
}

/** e to the power of `x` units of 10^-digits, in the same units. */
const expFixed = (x: bigint, digits: number): bigint => {
  const one = 10n ** BigInt(digits)
  const log2 = ln2(digits)
  const shift = x / log2
  // Halved eight times, the series needs few terms.
  const halvings = 8n
  const small = (x - shift * log2) >> halvings
  let term = one
  let sum = one
  for (let n = 1n; term !== 0n; n++) {
    term = (term * small) / (one * n)
    sum += term
  }
  for (let i = 0n; i < halvings; i++) sum = (sum * sum) / one
  return shift >= 0n ? sum << shift : sum >> -shift
}

const GUARD = 25

/**
 * About where the first digit of ln(a) stands, for a positive decimal, as `estimate_ln_dweight` of PostgreSQL's numeric.c has it: results
 * get their scale by it, so it must be wrong where that is.
 */
const lnWeight = (a: Decimal): number => {
  if (Decimal.compare(a, NEAR_BELOW) >= 0 && Decimal.compare(a, NEAR_ABOVE) <= 0) {
    const rest = Decimal.add(a, MINUS_ONE)
    return rest.coefficient === 0 ? 0 : digitCount(rest.coefficient) - 1 - rest.scale
  }
  return Math.trunc(Math.log10(Math.abs(lnOfStart(a))))
}

/**
 * The magnitude as a whole number times a power of ten, cut off behind so many digits of base 10,000, of which those at the end that are
 * zero are left out: what numeric.c makes its estimates from.
 */
const startOf = (a: Decimal, most: number): readonly [digits: number, tens: number] => {
  const text = String(a.coefficient).replace("-", "")
  const weight = text.length - 1 - a.scale
  let tens = Math.floor(weight / 4) * 4
  let end = weight - tens + 1
  for (let i = 1; i < most && /[1-9]/.test(text.slice(end)); i++) {
    end += 4
    tens -= 4
  }
  return [Number(text.slice(0, end).padEnd(end, "0")), tens]
}

/** ln(a) from the first two digits of base 10,000 that numeric.c keeps. */
const lnOfStart = (a: Decimal): number => {
  const [digits, tens] = startOf(a, 2)
  return Math.log(digits) + tens * 2.302_585_092_994_046
}

const MINUS_ONE = new Decimal(-1, 0)
const NEAR_BELOW = new Decimal(9, 1)
const NEAR_ABOVE = new Decimal(11, 1)

const positive = (a: Decimal, name: string): void => {
  if (a.coefficient === 0) throw noValue(`${name}(0): zero has no logarithm.`)
  if (a.coefficient < 0) throw noValue(`${name}(${shown(a)}): a negative number has no logarithm.`)
}

const lnDecimal = (a: Decimal): Decimal => {
  if (isNaNDecimal(a)) return NAN
  positive(a, "ln")
  if (!a.isFinite) return a
  const scale = clampScale(MIN_SIGNIFICANT - lnWeight(a), a.scale)
  return rounded(lnFixed(a, scale + GUARD), scale + GUARD, scale)
}

const logDecimal = (base: Decimal, a: Decimal): Decimal => {
  if (isNaNDecimal(base) || isNaNDecimal(a)) return NAN
  positive(base, "log")
  positive(a, "log")
  if (!base.isFinite || !a.isFinite) return base.isFinite ? a : a.isFinite ? ZERO : NAN
  const [baseWeight, weight] = [lnWeight(base), lnWeight(a)]
  const scale = clampScale(MIN_SIGNIFICANT - (weight - baseWeight), base.scale, a.scale)
  const digits = scale + GUARD + Math.max(0, -baseWeight, weight - baseWeight, -weight)
  const divisor = new Decimal(whole(lnFixed(base, digits)), digits)
  if (divisor.coefficient === 0)
    throw new ExpressionError("DIVISION_BY_ZERO", `log(${shown(base)}, ${shown(a)}): the logarithm of the base is zero.`)
  return divideAt(new Decimal(whole(lnFixed(a, digits)), digits), divisor, scale)
}

const TEN = new Decimal(10, 0)
const logTen = (a: Decimal): Decimal => logDecimal(TEN, a)

const expDecimal = (a: Decimal): Decimal => {
  if (isNaNDecimal(a)) return NAN
  if (!a.isFinite) return a.coefficient < 0 ? ZERO : a
  const exponent = a.toNumber()
  const weight = Math.trunc(Math.max(-2000, Math.min(exponent * LOG10_E, 2000)))
  const scale = clampScale(MIN_SIGNIFICANT - weight, a.scale)
  return expAt(fixed(a, scale + GUARD + Math.max(0, weight)), scale + GUARD + Math.max(0, weight), exponent, scale)
}

const expAt = (x: bigint, digits: number, exponent: number, scale: number): Decimal => {
  if (Math.abs(exponent) < LARGEST_EXPONENT) return rounded(expFixed(x, digits), digits, scale)
  if (exponent > 0) throw tooLarge(`exp(${shown(exponent)})`)
  return new Decimal(0, scale)
}

const isWhole = (a: Decimal): boolean => Decimal.compare(a, a.withScale(0)) === 0

const powerDecimal = (base: Decimal, exponent: Decimal): Decimal => {
  const special = powerSpecial(base, exponent)
  if (special !== undefined) return special
  if (base.coefficient === 0 && exponent.coefficient < 0) throw noValue(`power(0, ${shown(exponent)}): zero has no negative power.`)
  const isInteger = isWhole(exponent)
  const integer = isInteger ? Number(exponent.withScale(0).coefficient) : Number.NaN
  if (Math.abs(integer) < 2 ** 31) return bounded(powerInteger(base, integer, exponent.scale))
  if (base.coefficient === 0) return new Decimal(0, MIN_SIGNIFICANT)
  if (base.coefficient > 0) return bounded(powerByLogarithm(base, exponent))
  if (!isInteger) throw noValue(`power(${shown(base)}, ${shown(exponent)}): a negative number has no such power.`)
  const result = powerByLogarithm(Decimal.negate(base), exponent)
  return bounded(BigInt(exponent.withScale(0).coefficient) % 2n === 0n ? result : Decimal.negate(result))
}

/** NaN and the infinities. */
const powerSpecial = (base: Decimal, exponent: Decimal): Decimal | undefined => {
  if (base.isFinite && exponent.isFinite) return undefined
  if (exponent.coefficient === 0 || Decimal.compare(base, ONE) === 0) return ONE
  if (isNaNDecimal(base) || isNaNDecimal(exponent)) return NAN
  if (!exponent.isFinite) return powerInfinite(base, exponent.coefficient > 0)
  if (exponent.coefficient < 0) return ZERO
  const isNegative = base.coefficient < 0
  if (isNegative && !isWhole(exponent)) throw noValue(`power(${shown(base)}, ${shown(exponent)}): a negative number has no such power.`)
  return isNegative && BigInt(exponent.withScale(0).coefficient) % 2n !== 0n ? base : new Decimal(Infinity, 0)
}

const powerInfinite = (base: Decimal, isPositive: boolean): Decimal => {
  const magnitude = base.coefficient < 0 ? Decimal.negate(base) : base
  const order = Decimal.compare(magnitude, ONE)
  if (base.coefficient === 0 && !isPositive) throw noValue("power(0, -Infinity): zero has no negative power.")
  if (order === 0) return ONE
  return order > 0 === isPositive ? new Decimal(Infinity, 0) : ZERO
}

/** log10 of the magnitude, as `power_var_int` of PostgreSQL's numeric.c estimates it. */
const log10Of = (a: Decimal): number => {
  const [digits, tens] = startOf(a, 4)
  return Math.log10(digits) + tens
}

const powerInteger = (base: Decimal, exponent: number, exponentScale: number): Decimal => {
  const weight = base.coefficient === 0 ? 0 : exponent * log10Of(base)
  if (weight > MAX_DIGITS + 4) throw tooLarge(`power(${shown(base)}, ${shown(exponent)})`)
  if (weight + 1 < -MAX_DISPLAY_SCALE) return new Decimal(0, MAX_DISPLAY_SCALE)
  const scale = clampScale(MIN_SIGNIFICANT - Math.trunc(weight), base.scale, exponentScale)
  if (exponent === 0) return ONE.withScale(scale)
  if (base.coefficient === 0) return new Decimal(0, scale)
  if (exponent === 1) return base.withScale(scale)
  const digits = Math.max(0, Math.ceil(weight)) + scale + GUARD
  const [mantissa, exponentOfTen] = powerRounded(BigInt(base.coefficient), Math.abs(exponent), digits + 20)
  const tens = exponentOfTen - base.scale * Math.abs(exponent)
  return exponent > 0 ? atScale(mantissa, tens, scale) : reciprocalAt(mantissa, tens, scale)
}

/** value^exponent as a whole number times a power of ten, cut off after so many digits. */
const powerRounded = (value: bigint, exponent: number, digits: number): readonly [mantissa: bigint, tens: number] => {
  let [result, resultTens] = [1n, 0]
  let [square, squareTens] = [value, 0]
  for (let left = exponent; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) [result, resultTens] = cut(result * square, resultTens + squareTens, digits)
    if (left > 1) [square, squareTens] = cut(square * square, squareTens * 2, digits)
  }
  return [result, resultTens]
}

const cut = (value: bigint, tens: number, digits: number): readonly [bigint, number] => {
  // Hexadecimal digits are counted without the division that decimal ones need.
  const estimate = Math.floor(value.toString(16).length * 1.2042) - digits
  return estimate <= 1 ? [value, tens] : [value / 10n ** BigInt(estimate - 1), tens + estimate - 1]
}

const atScale = (mantissa: bigint, tens: number, scale: number): Decimal => {
  if (tens >= 0) return new Decimal(whole(mantissa * 10n ** BigInt(tens)), 0).withScale(scale)
  return new Decimal(whole(mantissa), -tens).withScale(scale)
}

/** 1 / (mantissa · 10^tens) */
const reciprocalAt = (mantissa: bigint, tens: number, scale: number): Decimal => {
  if (tens <= 0) return divideAt(new Decimal(powerOfTen(-tens), 0), new Decimal(whole(mantissa), 0), scale)
  return divideAt(ONE, new Decimal(whole(mantissa * 10n ** BigInt(tens)), 0), scale)
}

/** The estimates, which decide about the scale, are those of `power_var` in PostgreSQL's numeric.c. */
const powerByLogarithm = (base: Decimal, exponent: Decimal): Decimal => {
  const roughScale = Math.max(0, 8 - lnWeight(base))
  const rough = Decimal.multiply(rounded(lnFixed(base, roughScale + GUARD), roughScale + GUARD, roughScale), exponent).withScale(roughScale)
  const estimate = rough.toNumber()
  if (Math.abs(estimate) > LARGEST_EXPONENT * 1.0033) {
    if (estimate > 0) throw tooLarge(`power(${shown(base)}, ${shown(exponent)})`)
    return new Decimal(0, MAX_DISPLAY_SCALE)
  }
  const weight = Math.trunc(estimate * LOG10_E)
  const scale = clampScale(MIN_SIGNIFICANT - weight, base.scale, exponent.scale)
  const digits = scale + GUARD + Math.max(0, weight) + Math.max(0, digitCount(exponent.coefficient) - exponent.scale)
  const product = (lnFixed(base, digits) * BigInt(exponent.coefficient)) / 10n ** BigInt(exponent.scale)
  return expAt(product, digits, estimate, scale)
}

const factorial = (n: Whole): Decimal => {
  if (n < 0) throw new ExpressionError("NUMBER_OUT_OF_RANGE", `factorial(${shown(n)}): a negative number has no factorial.`)
  if (n > 32_177) throw tooLarge(`factorial(${shown(n)})`)
  let result = 1n
  for (let i = 2n; i <= BigInt(n); i++) result *= i
  return new Decimal(whole(result), 0)
}

export const decimalMathRuntime = { sqrtDecimal, lnDecimal, logDecimal, logTen, expDecimal, powerDecimal, factorial }

export const decimalMathSignatures: ReadonlyArray<Signature> = [
  fn("sqrt(decimal)", "decimal", "sqrtDecimal"),
  fn("ln(decimal)", "decimal", "lnDecimal"),
  fn("log(decimal)", "decimal", "logTen"),
  fn("log10(decimal)", "decimal", "logTen"),
  fn("log(decimal, decimal)", "decimal", "logDecimal"),
  fn("exp(decimal)", "decimal", "expDecimal"),
  fn("power(decimal, decimal)", "decimal", "powerDecimal"),
  fn("pow(decimal, decimal)", "decimal", "powerDecimal"),
  op("decimal ^ decimal", "decimal", "powerDecimal"),
  fn("factorial(integer)", "decimal", "factorial"),
]
