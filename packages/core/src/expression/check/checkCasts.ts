/** `x::type`, `CAST(x AS type)` and `type 'literal'`. */
import { type ColumnType, elementType, isArrayType } from "../../model/ColumnType.ts"
import { locationOf } from "./checkForms.ts"
import { cast, coerce, strictCall } from "./coerce.ts"
import type { Context, Operand, UntypedNode } from "./context.ts"
import { withUnit } from "../functions/intervalText.ts"
import { constant } from "../literals.ts"
import type { Node } from "../Node.ts"
import type { TreeNode } from "../Parse.ts"
import { namedType, type NamedType } from "./types.ts"

type TypeCast = Extract<TreeNode, { TypeCast: unknown }>["TypeCast"]

export const checkCast = (context: Context, part: TypeCast): Operand | undefined => {
  const location = part.location !== undefined && part.location >= 0 ? part.location : locationOf(part.arg, undefined)
  const named = part.typeName === undefined ? undefined : namedType(context, part.typeName, part.typeName.location ?? location)
  const given = emptyArray(part.arg, named) ?? context.check(part.arg)
  if (named === undefined || given === undefined) return undefined
  const operand = given.kind === "untyped" ? inNamedUnit(given, named) : given
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
      if (second !== undefined && Math.abs(second) > 1000)
        return `numeric(${first}, ${second}) is not there: the scale is from -1000 to 1000.`
      return ["withPrecision", [first, second ?? 0]]
    case "varchar":
      return first < 1 ? `varchar(${first}) is not there: the length is from 1.` : ["withLength", [first]]
    case "interval":
      return intervalLimit(first, second)
    default:
      return first < 0 || first > 6
        ? `${name}(${first}) is not there: the precision is from 0 to 6.`
        : [name === "time" ? "timeAt" : "timestampAt", [first]]
  }
}

/** What `interval(3)`, `interval day` and the like are to PostgreSQL's parser: a mask of fields. */
const EVERY_FIELD = 0x7fff
const FIELD_UNITS: Readonly<Record<number, string>> = { 2: "month", 4: "year", 8: "day", 1024: "hour", 2048: "minute", 4096: "second" }
/** YEAR TO MONTH, and those from DAY or HOUR to MINUTE or SECOND. */
const FIELD_RANGES: ReadonlySet<number> = new Set([6, 8 + 1024 + 2048, 8 + 1024 + 2048 + 4096, 1024 + 2048, 1024 + 2048 + 4096])

const inNamedUnit = (operand: UntypedNode, { name, modifiers }: NamedType): UntypedNode => {
  const unit = name === "interval" ? FIELD_UNITS[modifiers[0] ?? EVERY_FIELD] : undefined
  return unit === undefined || operand.text === null ? operand : { ...operand, text: withUnit(operand.text, unit) }
}

const intervalLimit = (mask: number, precision: number | undefined): Limit | string | undefined => {
  if (precision !== undefined) return precision > 6 ? "interval takes a precision from 0 to 6." : ["intervalAt", [precision]]
  if (mask === EVERY_FIELD) return undefined
  if (FIELD_UNITS[mask] === undefined && !FIELD_RANGES.has(mask))
    return "These fields of an interval are not there. Use one field, or a full interval."
  return ["intervalFields", [mask]]
}
