/** Doubles, with PostgreSQL's errors where a result overflows, underflows or has no value. */
import { ExpressionError } from "../ExpressionError.ts"
import { divisionByZero } from "./integers.ts"
import { fn, op, type Signature } from "./signatures.ts"

const overflow = (what: string): ExpressionError => new ExpressionError("NUMBER_OUT_OF_RANGE", `${what} is too large for a double.`)
const underflow = (what: string): ExpressionError => new ExpressionError("NUMBER_OUT_OF_RANGE", `${what} is too small for a double.`)

const isInfinite = (a: number): boolean => a === Infinity || a === -Infinity

/*
 * What nearly every row takes is kept short, so that the compiler puts it into the loop. The rest looks for what is an error in PostgreSQL:
 * a result that is infinite, or zero, and should not be.
 */

const addDouble = (a: number, b: number): number => {
  const sum = a + b
  return Number.isFinite(sum) ? sum : endless(sum, a, "+", b)
}

const subtractDouble = (a: number, b: number): number => {
  const difference = a - b
  return Number.isFinite(difference) ? difference : endless(difference, a, "-", b)
}

const multiplyDouble = (a: number, b: number): number => {
  const product = a * b
  return product !== 0 && Number.isFinite(product) ? product : unusualProduct(product, a, b)
}

const divideDouble = (a: number, b: number): number => {
  const quotient = a / b
  return quotient !== 0 && Number.isFinite(quotient) ? quotient : unusualQuotient(quotient, a, b)
}

const endless = (result: number, a: number, operator: string, b: number): number => {
  if (isInfinite(result) && !isInfinite(a) && !isInfinite(b)) throw overflow(`${a} ${operator} ${b}`)
  return result
}

const unusualProduct = (product: number, a: number, b: number): number => {
  if (product === 0 && a !== 0 && b !== 0) throw underflow(`${a} * ${b}`)
  return endless(product, a, "*", b)
}

const unusualQuotient = (quotient: number, a: number, b: number): number => {
  if (b === 0 && a === a) throw divisionByZero(a, "/")
  if (isInfinite(quotient) && !isInfinite(a)) throw overflow(`${a} / ${b}`)
  if (quotient === 0 && a !== 0 && !isInfinite(b)) throw underflow(`${a} / ${b}`)
  return quotient
}

const negateDouble = (a: number): number => -a
const plus = (a: number): number => a
const absDouble = (a: number): number => Math.abs(a)
/** 0 for NaN too. */
const signDouble = (a: number): number => (a > 0 ? 1 : a < 0 ? -1 : 0)
const floorDouble = (a: number): number => Math.floor(a)
const ceilDouble = (a: number): number => Math.ceil(a)
const truncateDouble = (a: number): number => Math.trunc(a)

const noValue = (message: string): ExpressionError => new ExpressionError("INVALID_ARGUMENT", message)

const sqrtDouble = (a: number): number => {
  if (a < 0) throw noValue(`sqrt(${a}): a negative number has no square root.`)
  return Math.sqrt(a)
}

const powerDouble = (a: number, b: number): number => {
  if (a === 0 && b < 0) throw noValue(`power(0, ${b}): zero has no negative power.`)
  if (a < 0 && Number.isFinite(a) && Number.isFinite(b) && !Number.isInteger(b))
    throw noValue(`power(${a}, ${b}): a negative number has no such power.`)
  // In PostgreSQL 1 to any power is 1, and so is anything to the power of 0; JavaScript gives NaN for 1 ** NaN and 1 ** Infinity.
  if (a === 1 || b === 0) return 1
  if (a === -1 && isInfinite(b)) return 1
  const result = a ** b
  if (isInfinite(result) && !isInfinite(a) && !isInfinite(b)) throw overflow(`power(${a}, ${b})`)
  if (result === 0 && a !== 0 && !isInfinite(a) && !isInfinite(b)) throw underflow(`power(${a}, ${b})`)
  return result
}

const expDouble = (a: number): number => {
  const result = Math.exp(a)
  if (isInfinite(result) && !isInfinite(a)) throw overflow(`exp(${a})`)
  if (result === 0 && !isInfinite(a)) throw underflow(`exp(${a})`)
  return result
}

const logarithm =
  (name: string, log: (a: number) => number) =>
  (a: number): number => {
    if (a === 0) throw noValue(`${name}(0): zero has no logarithm.`)
    if (a < 0) throw noValue(`${name}(${a}): a negative number has no logarithm.`)
    return log(a)
  }

const lnDouble = logarithm("ln", Math.log)
const logDouble = logarithm("log", Math.log10)
const pi = (): number => Math.PI
const degrees = (a: number): number => divideDouble(a, Math.PI / 180)
const radians = (a: number): number => multiplyDouble(a, Math.PI / 180)

/** To the nearest whole number, half to even. */
export const roundDouble = (a: number): number => {
  if (!Number.isFinite(a) || Math.abs(a) >= 2 ** 52) return a
  const down = Math.floor(a)
  const rest = a - down
  const rounded = rest < 0.5 ? down : rest > 0.5 ? down + 1 : down % 2 === 0 ? down : down + 1
  return rounded === 0 && (a < 0 || Object.is(a, -0)) ? -0 : rounded
}

export const doubleRuntime = {
  addDouble,
  subtractDouble,
  multiplyDouble,
  divideDouble,
  negateDouble,
  plusDouble: plus,
  absDouble,
  signDouble,
  floorDouble,
  ceilDouble,
  truncateDouble,
  roundDouble,
  sqrtDouble,
  powerDouble,
  expDouble,
  lnDouble,
  logDouble,
  pi,
  degrees,
  radians,
}

export const doubleSignatures: ReadonlyArray<Signature> = [
  op("double + double", "double", "addDouble"),
  op("double - double", "double", "subtractDouble"),
  op("double * double", "double", "multiplyDouble"),
  op("double / double", "double", "divideDouble"),
  op("- double", "double", "negateDouble"),
  op("+ double", "double", "plusDouble"),
  fn("abs(double)", "double", "absDouble"),
  fn("sign(double)", "double", "signDouble"),
  fn("round(double)", "double", "roundDouble"),
  fn("trunc(double)", "double", "truncateDouble"),
  fn("floor(double)", "double", "floorDouble"),
  fn("ceil(double)", "double", "ceilDouble"),
  fn("ceiling(double)", "double", "ceilDouble"),
  fn("sqrt(double)", "double", "sqrtDouble"),
  fn("power(double, double)", "double", "powerDouble"),
  fn("pow(double, double)", "double", "powerDouble"),
  op("double ^ double", "double", "powerDouble"),
  fn("exp(double)", "double", "expDouble"),
  fn("ln(double)", "double", "lnDouble"),
  fn("log(double)", "double", "logDouble"),
  fn("log10(double)", "double", "logDouble"),
  fn("pi()", "double", "pi"),
  fn("degrees(double)", "double", "degrees"),
  fn("radians(double)", "double", "radians"),
]
