/** Order and equality of values, per type, as PostgreSQL has them with collation C. */
import { type ColumnType, elementType, isArrayType } from "../model/ColumnType.ts"
import { Decimal } from "../model/Decimal.ts"
import { Interval } from "../model/Interval.ts"
import type { Value } from "../model/Value.ts"
import type { ComparisonOperator } from "./Node.ts"

export type Compare = (a: Value, b: Value) => number

const comparePlain: Compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0)

/** By code points, which is the order of the UTF-8 bytes. JavaScript's own order differs past U+FFFF. */
export const compareText = (a: string, b: string): number => {
  if (a === b) return 0
  const shorter = Math.min(a.length, b.length)
  for (let i = 0; i < shorter; i++) {
    const left = a.charCodeAt(i)
    const right = b.charCodeAt(i)
    if (left !== right) return codePointOrder(left) < codePointOrder(right) ? -1 : 1
  }
  return a.length < b.length ? -1 : 1
}

// Halves of surrogate pairs stand for code points above all others.
const codePointOrder = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit)

/** NaN equals itself and is above all other numbers. */
export const compareDouble = (a: number, b: number): number => {
  if (a < b) return -1
  if (a > b) return 1
  if (a === b) return 0
  return a === a ? -1 : b === b ? 1 : 0
}

export const compareDecimal = (a: Decimal, b: Decimal): number => {
  const left = a.coefficient
  const right = b.coefficient
  if (a.scale === b.scale && left === left && right === right) return left < right ? -1 : left > right ? 1 : 0
  return Decimal.compare(a, b)
}

export const compareBytes = (a: Uint8Array, b: Uint8Array): number => Buffer.compare(a, b)

const compareInterval = (a: Interval, b: Interval): number => Interval.compare(a, b)

const compareArrays =
  (compare: Compare): Compare =>
  (a, b) => {
    const left = a as ReadonlyArray<Value | null>
    const right = b as ReadonlyArray<Value | null>
    const shorter = Math.min(left.length, right.length)
    for (let i = 0; i < shorter; i++) {
      const order = compareItems(left[i]!, right[i]!, compare)
      if (order !== 0) return order
    }
    return left.length - right.length
  }

/** Within arrays a null equals a null and is above all else. */
const compareItems = (a: Value | null, b: Value | null, compare: Compare): number => {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1
  return compare(a, b)
}

const COMPARERS: Partial<Record<ColumnType, Compare>> = {
  double: compareDouble as Compare,
  decimal: compareDecimal as Compare,
  string: compareText as Compare,
  bytes: compareBytes as Compare,
  interval: compareInterval as Compare,
}

export const comparerOf = (type: ColumnType): Compare =>
  isArrayType(type) ? compareArrays(comparerOf(elementType(type))) : (COMPARERS[type] ?? comparePlain)

/** Whether `===` says it: whole numbers are kept as number where safe and as bigint above, never as both. */
export const hasPlainEquality = (type: ColumnType): boolean =>
  !isArrayType(type) && type !== "double" && type !== "decimal" && type !== "bytes" && type !== "interval"

/** Whether `<` says it. */
export const hasPlainOrder = (type: ColumnType): boolean => hasPlainEquality(type) && type !== "string"

export const compareFunctions = { compareText, compareDouble, compareDecimal, compareBytes, compareInterval }

/** Name in `runtime` of the comparison, for types whose order is not plain. */
export const comparerName: Partial<Record<ColumnType, keyof typeof compareFunctions>> = {
  double: "compareDouble",
  decimal: "compareDecimal",
  string: "compareText",
  bytes: "compareBytes",
  interval: "compareInterval",
}

const HOLDS: Readonly<Record<ComparisonOperator, (order: number) => boolean>> = {
  "=": (order) => order === 0,
  "<>": (order) => order !== 0,
  "<": (order) => order < 0,
  "<=": (order) => order <= 0,
  ">": (order) => order > 0,
  ">=": (order) => order >= 0,
}

const PLAIN: Readonly<Record<ComparisonOperator, (a: Value, b: Value) => boolean>> = {
  "=": (a, b) => a === b,
  "<>": (a, b) => a !== b,
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
}

/** The test of an operator for values that are not null. */
export const holds = (operator: ComparisonOperator, type: ColumnType): ((a: Value, b: Value) => boolean) => {
  const isEquality = operator === "=" || operator === "<>"
  if (isEquality ? hasPlainEquality(type) : hasPlainOrder(type)) return PLAIN[operator]
  const compare = comparerOf(type)
  const test = HOLDS[operator]
  return (a, b) => test(compare(a, b))
}

/** Whether a value is among those given, nulls aside. */
export const inSet = (type: ColumnType, values: ReadonlyArray<Value | null>): ((value: Value) => boolean) => {
  const known = values.filter((value) => value !== null)
  if (hasPlainEquality(type)) {
    const set = new Set(known)
    return (value) => set.has(value)
  }
  const compare = comparerOf(type)
  return (value) => known.some((item) => compare(value, item) === 0)
}

/** `left operator ANY (array)` or ALL, with `test` for the operator. */
export const quantify = (test: (a: Value, b: Value) => boolean, all: boolean, left: Value | null, array: Value | null): boolean | null => {
  if (array === null) return null
  const items = array as ReadonlyArray<Value | null>
  if (items.length === 0) return all
  if (left === null) return null
  let result: boolean | null = all
  for (const item of items) {
    if (item === null) result = null
    else if (test(left, item) !== all) return !all
  }
  return result
}

/** The greater of two values where `sign` is 1, the lesser where it is -1. The first wins a tie, and nulls do not count. */
export const pick = (compare: Compare, sign: number, a: Value | null, b: Value | null): Value | null => {
  if (a === null) return b
  return b === null || compare(b, a) * sign <= 0 ? a : b
}
