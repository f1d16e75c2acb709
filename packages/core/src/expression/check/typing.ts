/** How types become other types on their own, as in PostgreSQL: categories, implicit casts, the common type of several operands. */
import { type ColumnType, elementType, isArrayType } from "../../model/ColumnType.ts"

/** A quoted literal or NULL has no type until its place gives it one. */
export type OperandType = ColumnType | "unknown"

const IMPLICIT: Partial<Record<ColumnType, ReadonlyArray<ColumnType>>> = {
  integer: ["decimal", "double"],
  decimal: ["double"],
  date: ["timestamp", "timestamptz"],
  timestamp: ["timestamptz"],
  time: ["interval"],
}

/** Whether a value of the first type goes where the second is asked for, without a cast. */
export const isImplicit = (from: OperandType, to: ColumnType): boolean => {
  if (from === to || from === "unknown") return true
  if (isArrayType(from) && isArrayType(to)) return isImplicit(elementType(from), elementType(to))
  return IMPLICIT[from]?.includes(to) ?? false
}

const CATEGORIES: Partial<Record<ColumnType, string>> = {
  integer: "number",
  decimal: "number",
  double: "number",
  date: "datetime",
  time: "datetime",
  timestamp: "datetime",
  timestamptz: "datetime",
}

export const categoryOf = (type: ColumnType): string => CATEGORIES[type] ?? (isArrayType(type) ? "array" : type)

const PREFERRED: ReadonlySet<ColumnType> = new Set<ColumnType>(["double", "string", "timestamptz", "interval", "boolean"])

/** The type of its category that wins where several would do. */
export const isPreferred = (type: ColumnType): boolean => PREFERRED.has(type)

/** The type that all operands of a CASE, COALESCE, IN or comparison take; undefined where there is none. */
export const commonType = (types: ReadonlyArray<OperandType>): ColumnType | undefined => {
  let common: ColumnType | undefined
  for (const type of types) {
    if (type === "unknown" || type === common) continue
    if (common === undefined) common = type
    else if (categoryOf(type) !== categoryOf(common)) return undefined
    else if (!isPreferred(common) && isImplicit(common, type) && !isImplicit(type, common)) common = type
  }
  if (common === undefined) return "string"
  const chosen = common
  return types.every((type) => isImplicit(type, chosen)) ? chosen : undefined
}

/** Types whose values can be compared. JSON text has no order and no equality in PostgreSQL. */
export const isComparable = (type: ColumnType): boolean => type !== "json" && type !== "json[]"
