/** Comparisons: both sides take the type that they have in common. */
import type { ColumnType } from "../../model/ColumnType.ts"
import { coerce } from "./coerce.ts"
import { type Context, type Operand, showType } from "./context.ts"
import type { ComparisonOperator, Node } from "../Node.ts"
import { commonType, isComparable } from "./typing.ts"

interface Sides {
  readonly type: ColumnType
  readonly left: Node
  readonly right: Node
}

export const comparisonOperators: ReadonlySet<string> = new Set(["=", "<>", "<", "<=", ">", ">="])

/** Both sides as the type in which `operator` compares them. */
export const compared = (
  context: Context,
  operator: string,
  left: Operand,
  right: Operand,
  location: number | undefined,
): Sides | undefined => {
  const type = commonType([left.type, right.type])
  if (type === undefined || !isComparable(type)) return refuse(context, operator, left, right, location)
  const [a, b] = [coerce(context, left, type), coerce(context, right, type)]
  return a === undefined || b === undefined ? undefined : { type, left: a, right: b }
}

export const comparison = (
  context: Context,
  operator: ComparisonOperator,
  left: Operand,
  right: Operand,
  location: number | undefined,
): Node | undefined => {
  const sides = compared(context, operator, left, right, location)
  if (sides === undefined) return undefined
  const nullable = sides.left.nullable || sides.right.nullable
  return { kind: "compare", type: "boolean", nullable, operator, operands: sides.type, left: sides.left, right: sides.right }
}

const refuse = (context: Context, operator: string, left: Operand, right: Operand, location: number | undefined): undefined => {
  const hint =
    left.type === "json" || right.type === "json"
      ? "JSON has no order and no equality: take the text out with ->> or ::text."
      : "Cast one side, as in x::text or x::numeric."
  return context.issue(
    "EXPRESSION_TYPE",
    context.position(location),
    `${operator} does not compare ${showType(left)} with ${showType(right)}.`,
    hint,
  )
}
