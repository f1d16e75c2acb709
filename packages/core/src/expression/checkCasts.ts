/** `x::type`, `CAST(x AS type)` and `type 'literal'`. */
import { type ColumnType, elementType, isArrayType } from "../model/ColumnType.ts"
import { locationOf } from "./checkForms.ts"
import { cast, coerce, strictCall } from "./coerce.ts"
import type { Context, Operand } from "./context.ts"
import { constant } from "./literals.ts"
import type { Node } from "./Node.ts"
import type { TreeNode } from "./Parse.ts"
import { namedType, type NamedType } from "./types.ts"

type TypeCast = Extract<TreeNode, { TypeCast: unknown }>["TypeCast"]

export const checkCast = (context: Context, part: TypeCast): Operand | undefined => {
  const location = part.location !== undefined && part.location >= 0 ? part.location : locationOf(part.arg, undefined)
  const named = part.typeName === undefined ? undefined : namedType(context, part.typeName, part.typeName.location ?? location)
  const operand = emptyArray(part.arg, named) ?? context.check(part.arg)
  if (named === undefined || operand === undefined) return undefined
  const node = operand.kind === "untyped" ? coerce(context, operand, named.type) : cast(operand, named.type)
  if (node !== undefined) return modified(context, node, named, location)
  if (operand.kind === "untyped") return undefined
  return context.issue("EXPRESSION_TYPE", context.position(location), `${operand.type} cannot be cast to ${named.type}.`)
}

/** `ARRAY[]::text[]` is the one place where an empty array has a type. */
const emptyArray = (tree: TreeNode | undefined, named: NamedType | undefined): Node | undefined => {
  const isEmpty = tree !== undefined && "A_ArrayExpr" in tree && (tree.A_ArrayExpr.elements ?? []).length === 0
  return isEmpty && named !== undefined && isArrayType(named.type) ? constant([], named.type) : undefined
}

/** The cast with what the type's name says beside the type: how many digits, characters, or bits. */
const modified = (context: Context, node: Node, named: NamedType, location: number | undefined): Node | undefined => {
  const limit = limitOf(named)
  if (limit === undefined) return node
  if (typeof limit === "string") return context.issue("EXPRESSION_TYPE", context.position(location), limit)
  const [name, args] = limit
  const constants = args.map((arg) => constant(arg, "integer"))
  if (!isArrayType(named.type)) return strictCall(name, named.type, [node, ...constants])
  return context.unsupported(location, `A cast to an array of ${showModified(named, elementType(named.type))}`)
}

const showModified = ({ name, modifiers }: NamedType, type: ColumnType): string => `${name || type}(${modifiers.join(", ")})`

type Limit = readonly [name: string, args: ReadonlyArray<number>]

/** The function that keeps a value within the modifiers; a text says what is wrong with them. */
const limitOf = ({ name, modifiers }: NamedType): Limit | string | undefined => {
  if (name === "int2") return ["asSmallint", []]
  if (modifiers.length === 0) return undefined
  const [first, second] = modifiers as readonly [number, number | undefined]
  switch (name) {
    case "numeric":
      if (first < 1 || first > 1000) return `numeric(${first}) is not there: the precision is from 1 to 1000.`
      if (second !== undefined && (second < 0 || second > first)) return `numeric(${first}, ${second}) is not there: the scale is from 0 to the precision.`
      return ["withPrecision", [first, second ?? 0]]
    case "varchar":
      return first < 1 ? `varchar(${first}) is not there: the length is from 1.` : ["withLength", [first]]
    case "interval":
      return intervalLimit(first, second)
    default:
      return first < 0 || first > 6 ? `${name}(${first}) is not there: the precision is from 0 to 6.` : [name === "time" ? "timeAt" : "timestampAt", [first]]
  }
}

/** Only `interval(p)` comes here with one bare number: `interval day` is a mask. */
const intervalLimit = (mask: number, precision: number | undefined): Limit | undefined => {
  if (mask === EVERY_FIELD) return precision === undefined ? undefined : ["intervalAt", [precision]]
  return ["intervalFields", [mask]]
}

const EVERY_FIELD = 0x7fff
