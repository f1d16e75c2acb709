/** Values in states: as JSON, as keys of equality, and how much memory they take. */
import { type ColumnType, elementType, isArrayType } from "../../model/ColumnType.ts"
import type { Decimal, Whole } from "../../model/Decimal.ts"
import { whole } from "../../model/Decimal.ts"
import type { Interval } from "../../model/Interval.ts"
import { formatValue, parseValue, type Value } from "../../model/Value.ts"
import type { Saved } from "./Aggregate.ts"

export const saveWhole = (value: Whole): Saved => (typeof value === "number" ? value : String(value))
export const restoreWhole = (saved: Saved): Whole => (typeof saved === "number" ? saved : whole(BigInt(saved as string)))

export const saveValue = (value: Value | null, type: ColumnType): Saved => {
  if (value === null || typeof value === "boolean") return value
  if (isArrayType(type)) return (value as ReadonlyArray<Value | null>).map((item) => saveValue(item, elementType(type)))
  // JSON has no minus zero, no NaN and no infinities.
  return Object.is(value, -0) ? "-0" : formatValue(value, type)
}

export const restoreValue = (saved: Saved, type: ColumnType): Value | null => {
  if (saved === null || typeof saved === "boolean") return saved
  if (isArrayType(type)) return (saved as ReadonlyArray<Saved>).map((item) => restoreValue(item, elementType(type)))
  return parseValue(saved as string, type)
}

/** What a value is known by in a set: two values have the same key just where `=` holds. */
export type Key = string | number | bigint | boolean | null

export const keyOf = (value: Value | null, type: ColumnType): Key => {
  if (value === null) return null
  switch (type) {
    case "decimal":
      return decimalKey(value as Decimal)
    case "interval":
      return intervalKey(value as Interval)
    case "bytes":
      return Buffer.from(value as Uint8Array).toString("latin1")
    default:
      if (!isArrayType(type)) return value as Key
      return joinKeys((value as ReadonlyArray<Value | null>).map((item) => keyOf(item, elementType(type))))
  }
}

/** One key for several. */
export const joinKeys = (keys: ReadonlyArray<Key>): string =>
  keys.map((key) => (key === null ? "-" : `${String(key).length}:${String(key)}`)).join("")

/** Digits without the zeros that do not count. */
const decimalKey = (value: Decimal): string => {
  if (!value.isFinite || value.scale === 0) return value.toString()
  return value.toString().replace(/\.?0+$/, "")
}

const MICROS_PER_DAY = 86_400_000_000n

const intervalKey = ({ months, days, micros, isFinite }: Interval): Key =>
  isFinite ? (BigInt(months) * 30n + BigInt(days)) * MICROS_PER_DAY + BigInt(micros) : months

const OBJECT = 40

/** About how many bytes a value takes in memory. */
export const sizeOf = (value: Value | null): number => {
  if (value === null || typeof value === "boolean" || typeof value === "number") return 8
  if (typeof value === "string") return OBJECT + 2 * value.length
  if (value instanceof Uint8Array) return OBJECT + value.length
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + sizeOf(item as Value | null), OBJECT)
  return OBJECT
}
