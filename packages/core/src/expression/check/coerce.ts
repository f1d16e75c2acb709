/** Brings operands to the types that their places ask for: by themselves (implicit casts) or because the author says so (`::`). */
import { type ColumnType, elementType, isArrayType } from "../../model/ColumnType.ts"
import { readArray } from "../functions/arrays.ts"
import { castName, readText } from "../functions/casts.ts"
import type { Context, Operand, UntypedNode } from "./context.ts"
import { ExpressionError } from "../ExpressionError.ts"
import { fold } from "./fold.ts"
import { constant } from "../literals.ts"
import type { CallNode, Node } from "../Node.ts"
import { isImplicit } from "./typing.ts"

/** A call that is null where an argument is null. */
export const strictCall = (name: string, type: ColumnType, args: ReadonlyArray<Node>, nullable = false): CallNode => ({
  kind: "call",
  name,
  type,
  nullable: nullable || args.some((arg) => arg.nullable),
  strict: true,
  givesNull: nullable,
  args,
})

/** The operand as the type where it becomes that by itself. The caller has made sure that it does. */
export const coerce = (context: Context, operand: Operand, type: ColumnType): Node | undefined => {
  if (operand.kind === "untyped") return literal(context, operand, type)
  return operand.type === type ? operand : cast(operand, type)
}

export const coerceAll = (
  context: Context,
  operands: ReadonlyArray<Operand>,
  types: ReadonlyArray<ColumnType>,
): ReadonlyArray<Node> | undefined => {
  const nodes = operands.map((operand, i) => coerce(context, operand, types[i]!))
  return nodes.every((node) => node !== undefined) ? nodes : undefined
}

/** A literal without a type of its own is read as the type. */
const literal = (context: Context, { text, position }: UntypedNode, type: ColumnType): Node | undefined => {
  if (text === null) return constant(null, type)
  try {
    return constant(isArrayType(type) ? readArray(text, type) : readText(text, type), type)
  } catch (error) {
    if (error instanceof ExpressionError) return context.issue(error.code, position, error.message)
    throw error
  }
}

/** The node as the type by a cast; undefined where there is no such cast. */
export const cast = (node: Node, type: ColumnType): Node | undefined => {
  if (node.type === type) return node
  if (isArrayType(node.type) && isArrayType(type)) return castArray(node, elementType(node.type), elementType(type), type)
  const name = castName(node.type, type)
  if (name === undefined) return undefined
  const args = isArrayType(node.type) || isArrayType(type) ? [node, constant(isArrayType(type) ? type : node.type, "string")] : [node]
  // The infinities have no time of day.
  return fold(strictCall(name, type, args, name === "timestampToTime"))
}

const castArray = (node: Node, from: ColumnType, to: ColumnType, type: ColumnType): Node | undefined => {
  const name = castName(from, to)
  return name === undefined ? undefined : fold(strictCall("castItems", type, [node, constant(name, "string")]))
}

/** The operand as the type that is expected of the whole expression. */
export const expect = (context: Context, operand: Operand, type: ColumnType): Node | undefined => {
  if (isImplicit(operand.type, type)) return coerce(context, operand, type)
  const hint = operand.kind !== "untyped" && cast(operand, type) !== undefined ? `Cast it: (…)::${type}.` : undefined
  return context.issue("EXPRESSION_TYPE", 0, `The expression gives ${operand.type}, and ${type} is expected here.`, hint)
}
