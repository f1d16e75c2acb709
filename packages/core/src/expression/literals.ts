/** Constants between the two forms that they have: a `Value` to compute with, a `Literal` in the tree. */
import { type ColumnType, elementType, isArrayType } from "../model/ColumnType.ts"
import { Decimal, type Whole } from "../model/Decimal.ts"
import { Interval } from "../model/Interval.ts"
import type { Value } from "../model/Value.ts"
import type { ConstantNode, Literal } from "./Node.ts"

interface DecimalParts {
  readonly coefficient: Whole
  readonly scale: number
}

/** The value of a constant, also after structured cloning took the class of decimals and intervals. */
export const reviveLiteral = (literal: Literal, type: ColumnType): Value | null => {
  if (literal === null || typeof literal !== "object" || literal instanceof Uint8Array) return literal
  if (isArrayType(type)) return (literal as ReadonlyArray<Literal>).map((item) => reviveLiteral(item, elementType(type)))
  if (type === "decimal") {
    const { coefficient, scale } = literal as DecimalParts
    return literal instanceof Decimal ? literal : new Decimal(coefficient, scale)
  }
  const { months, days, micros } = literal as Interval
  return literal instanceof Interval ? literal : new Interval(months, days, micros)
}

/** A constant of the tree. A value is a literal as it is: cloning leaves its fields. */
export const constant = (value: Value | null, type: ColumnType): ConstantNode => ({
  kind: "constant",
  type,
  nullable: value === null,
  value,
})
