/** Whole numbers of 64 bits: `number` where safe, `bigint` above. */
import { type Whole, whole } from "../../model/Decimal.ts"
import { int64 } from "../../model/Value.ts"
import { ExpressionError, shown } from "../ExpressionError.ts"
import { fn, op, type Signature } from "./signatures.ts"

const SAFE = Number.MAX_SAFE_INTEGER

export const outOfRange = (what: string): ExpressionError =>
  new ExpressionError("NUMBER_OUT_OF_RANGE", `${what} does not fit an integer of 64 bits.`)

export const divisionByZero = (a: unknown, operator: string): ExpressionError =>
  new ExpressionError("DIVISION_BY_ZERO", `${shown(a)} ${operator} 0: division by zero.`)

const within64 = (value: bigint, what: () => string): Whole => {
  const result = int64(value)
  if (result === undefined) throw outOfRange(what())
  return result
}

const addInteger = (a: Whole, b: Whole): Whole => {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b
    if (sum <= SAFE && sum >= -SAFE) return sum
  }
  return within64(BigInt(a) + BigInt(b), () => `${a} + ${b}`)
}

export const subtractInteger = (a: Whole, b: Whole): Whole => {
  if (typeof a === "number" && typeof b === "number") {
    const difference = a - b
    if (difference <= SAFE && difference >= -SAFE) return difference
  }
  return within64(BigInt(a) - BigInt(b), () => `${a} - ${b}`)
}

const multiplyInteger = (a: Whole, b: Whole): Whole => {
  if (typeof a === "number" && typeof b === "number") {
    const product = a * b
    // Minus zero is folded into zero.
    if (product <= SAFE && product >= -SAFE) return product + 0
  }
  return within64(BigInt(a) * BigInt(b), () => `${a} * ${b}`)
}

const divideInteger = (a: Whole, b: Whole): Whole => {
  if (b === 0) throw divisionByZero(a, "/")
  if (typeof a === "number" && typeof b === "number") return Math.trunc(a / b) + 0
  return within64(BigInt(a) / BigInt(b), () => `${a} / ${b}`)
}

const remainderInteger = (a: Whole, b: Whole): Whole => {
  if (b === 0) throw divisionByZero(a, "%")
  if (typeof a === "number" && typeof b === "number") return (a % b) + 0
  return whole(BigInt(a) % BigInt(b))
}

const negateInteger = (a: Whole): Whole => (typeof a === "number" ? 0 - a : within64(-a, () => `-(${a})`))

const absInteger = (a: Whole): Whole => (a < 0 ? negateInteger(a) : a)

const plus = (a: Whole): Whole => a

export const integerRuntime = {
  addInteger,
  subtractInteger,
  multiplyInteger,
  divideInteger,
  remainderInteger,
  negateInteger,
  absInteger,
  plus,
}

export const integerSignatures: ReadonlyArray<Signature> = [
  op("integer + integer", "integer", "addInteger"),
  op("integer - integer", "integer", "subtractInteger"),
  op("integer * integer", "integer", "multiplyInteger"),
  op("integer / integer", "integer", "divideInteger"),
  op("integer % integer", "integer", "remainderInteger"),
  op("- integer", "integer", "negateInteger"),
  op("+ integer", "integer", "plus"),
  fn("abs(integer)", "integer", "absInteger"),
  fn("mod(integer, integer)", "integer", "remainderInteger"),
]
