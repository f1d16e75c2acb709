/** Operators: arithmetic and the like by the library, comparisons, LIKE, IN, BETWEEN, IS DISTINCT FROM, NULLIF, ANY and ALL. */
import { type ColumnType, elementType, isArrayType } from "../../model/ColumnType.ts"
import { callSignature } from "./checkCalls.ts"
import { compared, comparison, comparisonOperators } from "./checkComparison.ts"
import { asItself, shared, toCommonType } from "./checkForms.ts"
import { coerce } from "./coerce.ts"
import { type Context, type Operand, showType } from "./context.ts"
import { library } from "../functions/library.ts"
import { constant, reviveLiteral } from "../literals.ts"
import { childrenOf, type ComparisonOperator, type Literal, type Node } from "../Node.ts"
import type { TreeNode } from "../Parse.ts"
import { resolve } from "../functions/signatures.ts"
import { categoryOf, commonType, isComparable, type OperandType } from "./typing.ts"
import { nameOf } from "./types.ts"

type Operation = Extract<TreeNode, { A_Expr: unknown }>["A_Expr"]

export const checkOperation = (context: Context, part: Operation): Operand | undefined => {
  const name = (part.name ?? []).map(nameOf).at(-1) ?? ""
  switch (part.kind) {
    case "AEXPR_OP":
      return checkOperator(context, part, name)
    case "AEXPR_DISTINCT":
    case "AEXPR_NOT_DISTINCT":
      return checkDistinct(context, part)
    case "AEXPR_NULLIF":
      return checkNullIf(context, part)
    case "AEXPR_IN":
      return checkIn(context, part, name)
    case "AEXPR_LIKE":
    case "AEXPR_ILIKE":
      return checkOperator(context, part, name)
    case "AEXPR_BETWEEN":
    case "AEXPR_NOT_BETWEEN":
    case "AEXPR_BETWEEN_SYM":
    case "AEXPR_NOT_BETWEEN_SYM":
      return checkBetween(context, part)
    case "AEXPR_OP_ANY":
    case "AEXPR_OP_ALL":
      return checkQuantified(context, part, name)
    case "AEXPR_SIMILAR":
      return context.unsupported(part.location, "SIMILAR TO", "Use LIKE, or a regular expression with ~.")
    default:
      return context.unsupported(part.location, name)
  }
}

/** PostgreSQL also reads `!=`; its parser has made `<>` of it. */
const checkOperator = (context: Context, part: Operation, name: string): Operand | undefined => {
  const operands = context.checkAll(part.lexpr === undefined ? [part.rexpr] : [part.lexpr, part.rexpr])
  if (operands === undefined) return undefined
  const [left, right] = operands
  if (right !== undefined && comparisonOperators.has(name)) {
    return comparison(context, name as ComparisonOperator, left!, right, part.location)
  }
  return applyOperator(context, name, operands, part.location)
}

const applyOperator = (
  context: Context,
  name: string,
  operands: ReadonlyArray<Operand>,
  location: number | undefined,
): Operand | undefined => {
  const candidates = library.get(name)
  if (candidates === undefined) return context.unsupported(location, `The operator ${name}`)
  const types = operands.map((operand) => operand.type)
  const resolved = resolve(candidates, types)
  if (typeof resolved !== "string") return callSignature(context, resolved, operands, location)
  const shown = operands.length === 1 ? `${name} ${showType(operands[0]!)}` : `${showType(operands[0]!)} ${name} ${showType(operands[1]!)}`
  const message = resolved === "none" ? `There is no operator ${shown}.` : `${shown} can be read in several ways.`
  return context.issue("EXPRESSION_TYPE", context.position(location), message, castHint(name, types))
}

const castHint = (name: string, types: ReadonlyArray<OperandType>): string => {
  if (name === "+" && types.includes("string")) return "Text is joined with ||. To calculate, cast it to a number, as in x::numeric."
  if (name.startsWith("->") || name.startsWith("#>")) return "Cast the left side to json, as in x::json -> 'key'."
  return "Cast the operands, as in x::integer."
}

const checkDistinct = (context: Context, part: Operation): Operand | undefined => {
  const operands = context.checkAll([part.lexpr, part.rexpr])
  if (operands === undefined) return undefined
  const sides = compared(context, "IS DISTINCT FROM", operands[0]!, operands[1]!, part.location)
  if (sides === undefined) return undefined
  const { type, left, right } = sides
  return { kind: "distinct", type: "boolean", nullable: false, operands: type, left, right, negated: part.kind === "AEXPR_NOT_DISTINCT" }
}

/** `NULLIF(a, b)` gives `a` as it is compared: with two kinds of number, that is the wider one. */
const checkNullIf = (context: Context, part: Operation): Operand | undefined => {
  const operands = context.checkAll([part.lexpr, part.rexpr])
  if (operands === undefined) return undefined
  const [left, right] = operands as readonly [Operand, Operand]
  const type = commonType([left.type, right.type])
  const isPromoted = type !== undefined && (left.kind === "untyped" || categoryOf(type) === "number")
  const value = isPromoted ? coerce(context, left, type) : asItself(context, left)
  if (value === undefined) return undefined
  return shared(context, value, (reference) => {
    const when = comparison(context, "=", reference, right, part.location)
    if (when === undefined) return undefined
    return { kind: "case", type: value.type, nullable: true, branches: [{ when, value: constant(null, value.type) }], otherwise: reference }
  })
}

const itemsOf = (tree: TreeNode | undefined): ReadonlyArray<TreeNode> =>
  tree !== undefined && "List" in tree ? (tree.List.items ?? []) : []

const checkIn = (context: Context, part: Operation, name: string): Operand | undefined => {
  const operands = context.checkAll([part.lexpr, ...itemsOf(part.rexpr)])
  if (operands === undefined) return undefined
  const common = toCommonType(context, operands, "IN", part.location)
  if (common === undefined) return undefined
  const { type, nodes } = common
  if (!isComparable(type)) return context.issue("EXPRESSION_TYPE", context.position(part.location), `IN does not compare ${type}.`)
  const negated = name === "<>"
  return shared(context, nodes[0]!, (arg) => membership(type, arg, nodes.slice(1), negated))
}

const readsColumns = (node: Node): boolean => node.kind === "column" || childrenOf(node).some(readsColumns)

/**
 * Several constants are looked up together; whatever else is in the list is compared on its own after them. PostgreSQL computes all items
 * without columns before it compares any, so that one of them without a value comes first.
 */
const membership = (operands: ColumnType, arg: Node, items: ReadonlyArray<Node>, negated: boolean): Node | undefined => {
  const constants = items.filter((item) => item.kind === "constant")
  const together = constants.length > 1 ? constants : []
  const nullable = arg.nullable || together.some((item) => item.nullable)
  const parts: Array<Node> = []
  if (together.length > 0) parts.push({ kind: "in", type: "boolean", nullable, operands, arg, items: together, negated })
  const operator = negated ? "<>" : "="
  const compare = (right: Node): Node => {
    return { kind: "compare", type: "boolean", nullable: arg.nullable || right.nullable, operator, operands, left: arg, right }
  }
  const bare = items.filter((item) => !readsColumns(item))
  const failing: ReadonlyArray<Node> = bare.length > 1 ? bare.filter((item) => item.kind !== "constant") : []
  parts.unshift(...failing.map(compare))
  for (const right of items) {
    const isDone = failing.includes(right) || (together.length > 0 && right.kind === "constant")
    if (!isDone) parts.push(compare(right))
  }
  return parts.length === 1 ? parts[0] : logic(negated ? "and" : "or", parts)
}

const checkBetween = (context: Context, part: Operation): Operand | undefined => {
  const operands = context.checkAll([part.lexpr, ...itemsOf(part.rexpr)])
  if (operands === undefined) return undefined
  const [operand, low, high] = operands as readonly [Operand, Operand, Operand]
  const common = operand.kind === "untyped" ? commonType([operand.type, low.type, high.type]) : operand.type
  const value = common === undefined ? asItself(context, operand) : coerce(context, operand, common)
  if (value === undefined) return undefined
  const symmetric = part.kind === "AEXPR_BETWEEN_SYM" || part.kind === "AEXPR_NOT_BETWEEN_SYM"
  const negated = part.kind === "AEXPR_NOT_BETWEEN" || part.kind === "AEXPR_NOT_BETWEEN_SYM"
  const { location } = part
  return shared(context, value, (reference) => {
    if (!symmetric) return between(context, reference, low, high, negated, location)
    return shareBound(context, low, (first) =>
      shareBound(context, high, (second) => {
        const both = [
          between(context, reference, first, second, negated, location),
          between(context, reference, second, first, negated, location),
        ]
        return logic(negated ? "and" : "or", both)
      }),
    )
  })
}

const shareBound = (context: Context, bound: Operand, body: (bound: Operand) => Node | undefined): Node | undefined =>
  bound.kind === "untyped" ? body(bound) : shared(context, bound, body)

const between = (
  context: Context,
  value: Node,
  low: Operand,
  high: Operand,
  negated: boolean,
  location: number | undefined,
): Node | undefined =>
  logic(negated ? "or" : "and", [
    comparison(context, negated ? "<" : ">=", value, low, location),
    comparison(context, negated ? ">" : "<=", value, high, location),
  ])

const logic = (kind: "and" | "or", args: ReadonlyArray<Node | undefined>): Node | undefined =>
  args.every((arg) => arg !== undefined) ? { kind, type: "boolean", nullable: args.some((arg) => arg.nullable), args } : undefined

/** `x LIKE ANY (ARRAY['a%', …])`: one call per item, so the items must stand there. */
const checkQuantifiedOperator = (context: Context, part: Operation, name: string, left: Operand, right: Operand): Operand | undefined => {
  const word = part.kind === "AEXPR_OP_ALL" ? "ALL" : "ANY"
  const array = right.kind === "untyped" ? coerce(context, right, "string[]") : right
  const items = array === undefined ? undefined : itemsOfArray(array)
  if (array === undefined) return undefined
  if (items === undefined) return context.unsupported(part.location, `${name} ${word} with an array that is no list of items`)
  const value = asItself(context, left)
  if (value === undefined) return undefined
  return shared(context, value, (reference) => {
    const calls = items.map((item) => applyOperator(context, name, [reference, item], part.location))
    if (!calls.every((call): call is Node => call !== undefined && call.kind !== "untyped")) return undefined
    if (calls.length === 0) return constant(word === "ALL", "boolean")
    return calls.length === 1 ? calls[0] : logic(word === "ALL" ? "and" : "or", calls)
  })
}

const itemsOfArray = (array: Node): ReadonlyArray<Node> | undefined => {
  if (array.kind === "array") return array.items
  if (array.kind !== "constant" || !Array.isArray(array.value) || !isArrayType(array.type)) return undefined
  const type = elementType(array.type)
  return (array.value as ReadonlyArray<Literal>).map((item) => constant(reviveLiteral(item, type), type))
}

/** `x = ANY (array)`, `x < ALL (array)` */
const checkQuantified = (context: Context, part: Operation, name: string): Operand | undefined => {
  const operands = context.checkAll([part.lexpr, part.rexpr])
  if (operands === undefined) return undefined
  const [left, right] = operands as readonly [Operand, Operand]
  const word = part.kind === "AEXPR_OP_ALL" ? "ALL" : "ANY"
  if (!comparisonOperators.has(name)) return checkQuantifiedOperator(context, part, name, left, right)
  const element = right.type === "unknown" ? left.type : isArrayType(right.type) ? elementType(right.type) : undefined
  const operandType = element === undefined ? undefined : commonType([left.type, element])
  if (operandType === undefined || isArrayType(operandType) || !isComparable(operandType)) {
    const message = `${name} ${word} does not compare ${showType(left)} with ${showType(right)}.`
    return context.issue(
      "EXPRESSION_TYPE",
      context.position(part.location),
      message,
      "The right side must be an array of the left side's type.",
    )
  }
  const value = coerce(context, left, operandType)
  const array = coerce(context, right, `${operandType}[]`)
  if (value === undefined || array === undefined) return undefined
  const operator = name as ComparisonOperator
  return { kind: "quantified", type: "boolean", nullable: true, operator, operands: operandType, left: value, array, all: word === "ALL" }
}
