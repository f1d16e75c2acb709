/** Doubles, with PostgreSQL's errors where a result overflows, underflows or has no value. */
import { ExpressionError } from "./ExpressionError.ts"
import { divisionByZero } from "./integers.ts"
import { fn, op, type Signature } from "./signatures.ts"

const overflow = (what: string): ExpressionError => new ExpressionError("NUMBER_OUT_OF_RANGE", `${what} is too large for a double.`)
const underflow = (what: string): ExpressionError => new ExpressionError("NUMBER_OUT_OF_RANGE", `${what} is too small for a double.`)

const isInfinite = (a: number): boolean => a === Infinity || a === -Infinity

const addDouble = (a: number, b: number): number => {
  const sum = a + b
  if (isInfinite(sum) && !isInfinite(a) && !isInfinite(b)) throw overflow(`${a} + ${b}`)
  return sum
}

const subtractDouble = (a: number, b: number): number => {
  const difference = a - b
  if (isInfinite(difference) && !isInfinite(a) && !isInfinite(b)) throw overflow(`${a} - ${b}`)
  return difference
}

const multiplyDouble = (a: number, b: number): number => {
  const product = a * b
  if (isInfinite(product) && !isInfinite(a) && !isInfinite(b)) throw overflow(`${a} * ${b}`)
  if (product === 0 && a !== 0 && b !== 0) throw underflow(`${a} * ${b}`)
  return product
}

const divideDouble = (a: number, b: number): number => {
  if (b === 0 && a === a) throw divisionByZero(a, "/")
  const quotient = a / b
  if (isInfinite(quotient) && !isInfinite(a)) throw overflow(`${a} / ${b}`)
  if (quotient === 0 && a !== 0 && !isInfinite(b)) throw underflow(`${a} / ${b}`)
  return quotient
}

const negateDouble = (a: number): number => -a
const plus = (a: number): number => a
const absDouble = (a: number): number => Math.abs(a)
const signDouble = (a: number): number => (a > 0 ? 1 : a < 0 ? -1 : a === 0 ? 0 : a)
const floorDouble = (a: number): number => Math.floor(a)
const ceilDouble = (a: number): number => Math.ceil(a)
const truncateDouble = (a: number): number => Math.trunc(a)

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
]
