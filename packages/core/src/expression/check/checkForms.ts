/** The forms that are no functions: AND and OR, IS NULL, CASE, COALESCE, GREATEST, arrays. */
import { type ColumnType, elementType, isArrayType } from "../../model/ColumnType.ts"
import { coerce, coerceAll, strictCall } from "./coerce.ts"
import { type Context, type Operand, showType } from "./context.ts"
import { constant } from "../literals.ts"
import type { CaseBranch, LogicNode, Node, ReferenceNode } from "../Node.ts"
import { comparison } from "./checkComparison.ts"
import type { TreeNode } from "../Parse.ts"
import { commonType, isComparable, isImplicit } from "./typing.ts"

type Part<K extends string> = TreeNode extends infer T ? (T extends { readonly [P in K]: infer V } ? V : never) : never

/** The operand as a boolean, where `what` asks for one. */
export const asBoolean = (context: Context, operand: Operand | undefined, what: string, location: number | undefined): Node | undefined => {
  if (operand === undefined) return undefined
  if (isImplicit(operand.type, "boolean")) return coerce(context, operand, "boolean")
  return context.issue("EXPRESSION_TYPE", context.position(location), `${what} takes boolean, and this is ${showType(operand)}.`)
}

export const locationOf = (tree: TreeNode | undefined, otherwise: number | undefined): number | undefined => {
  const location = tree === undefined ? undefined : (Object.values(tree)[0] as { readonly location?: number }).location
  return location === undefined || location < 0 ? otherwise : location
}

export const checkLogic = (context: Context, part: Part<"BoolExpr">): Operand | undefined => {
  const name = part.boolop === "AND_EXPR" ? "AND" : part.boolop === "OR_EXPR" ? "OR" : "NOT"
  const args = (part.args ?? []).map((arg) => asBoolean(context, context.check(arg), name, locationOf(arg, part.location)))
  if (!args.every((arg) => arg !== undefined)) return undefined
  const nullable = args.some((arg) => arg.nullable)
  if (name === "NOT") return { kind: "not", type: "boolean", nullable, arg: args[0]! }
  const node: LogicNode = { kind: name === "AND" ? "and" : "or", type: "boolean", nullable, args }
  return node
}

export const checkNullTest = (context: Context, part: Part<"NullTest">): Operand | undefined => {
  const operand = context.check(part.arg)
  const arg = operand === undefined ? undefined : asItself(context, operand)
  return arg === undefined
    ? undefined
    : { kind: "nullTest", type: "boolean", nullable: false, arg, negated: part.nulltesttype === "IS_NOT_NULL" }
}

/** The operand with its own type; one without a type is a string. */
export const asItself = (context: Context, operand: Operand): Node | undefined =>
  operand.kind === "untyped" ? coerce(context, operand, "string") : operand

const TRUTH: Readonly<Record<string, readonly [value: boolean | null, negated: boolean, name: string]>> = {
  IS_TRUE: [true, false, "IS TRUE"],
  IS_NOT_TRUE: [true, true, "IS NOT TRUE"],
  IS_FALSE: [false, false, "IS FALSE"],
  IS_NOT_FALSE: [false, true, "IS NOT FALSE"],
  IS_UNKNOWN: [null, false, "IS UNKNOWN"],
  IS_NOT_UNKNOWN: [null, true, "IS NOT UNKNOWN"],
}

export const checkBooleanTest = (context: Context, part: Part<"BooleanTest">): Operand | undefined => {
  const [value, negated, name] = TRUTH[part.booltesttype ?? "IS_TRUE"]!
  const arg = asBoolean(context, context.check(part.arg), name, locationOf(part.arg, part.location))
  return arg === undefined ? undefined : { kind: "truthTest", type: "boolean", nullable: false, arg, value, negated }
}

/** Brings operands to the one type that they have in common. */
export const toCommonType = (
  context: Context,
  operands: ReadonlyArray<Operand>,
  what: string,
  location: number | undefined,
): { readonly type: ColumnType; readonly nodes: ReadonlyArray<Node> } | undefined => {
  const type = commonType(operands.map((operand) => operand.type))
  if (type === undefined) {
    const types = Array.from(new Set(operands.filter((operand) => operand.type !== "unknown").map(showType))).join(" and ")
    return context.issue(
      "EXPRESSION_TYPE",
      context.position(location),
      `${what} cannot mix ${types}.`,
      "Cast them to one type, as in x::text.",
    )
  }
  const nodes = coerceAll(
    context,
    operands,
    operands.map(() => type),
  )
  return nodes === undefined ? undefined : { type, nodes }
}

/** The value of `node` under a name, so that it is computed once; a column or constant is cheap enough to be read again. */
export const shared = (context: Context, node: Node, body: (reference: Node) => Node | undefined): Node | undefined => {
  if (node.kind === "column" || node.kind === "constant" || node.kind === "reference") return body(node)
  const reference: ReferenceNode = { kind: "reference", id: context.newId(), type: node.type, nullable: node.nullable }
  const inner = body(reference)
  if (inner === undefined) return undefined
  return { kind: "let", id: reference.id, value: node, body: inner, type: inner.type, nullable: inner.nullable }
}

interface Branch {
  readonly when: TreeNode | undefined
  readonly result: TreeNode | undefined
}

const branchesOf = (part: Part<"CaseExpr">): ReadonlyArray<Branch> =>
  (part.args ?? []).flatMap((arg) => ("CaseWhen" in arg ? [{ when: arg.CaseWhen.expr, result: arg.CaseWhen.result }] : []))

export const checkCase = (context: Context, part: Part<"CaseExpr">): Operand | undefined => {
  const branches = branchesOf(part)
  const subject = part.arg === undefined ? undefined : context.check(part.arg)
  const conditions = branches.map(({ when }) => context.check(when))
  // PostgreSQL looks at ELSE first when it chooses the type.
  const fallback = part.defresult === undefined ? [] : [part.defresult]
  const results = context.checkAll([...fallback, ...branches.map(({ result }) => result)])
  const isBroken = (part.arg !== undefined && subject === undefined) || conditions.includes(undefined)
  const common = results === undefined || isBroken ? undefined : toCommonType(context, results, "CASE", part.location)
  if (common === undefined) return undefined
  const [otherwise, values] =
    fallback.length === 0 ? [constant(null, common.type), common.nodes] : [common.nodes[0]!, common.nodes.slice(1)]
  const build = (condition: (i: number) => Node | undefined): Node | undefined => {
    const built = values.map((value, i) => ({ when: condition(i), value }))
    if (!built.every((branch): branch is CaseBranch => branch.when !== undefined)) return undefined
    const nullable = otherwise.nullable || values.some((value) => value.nullable)
    return { kind: "case", type: common.type, nullable, branches: built, otherwise }
  }
  if (subject === undefined) return build((i) => asBoolean(context, conditions[i], "WHEN", locationOf(branches[i]!.when, part.location)))
  const value = asItself(context, subject)
  if (value === undefined) return undefined
  return shared(context, value, (reference) => build((i) => comparison(context, "=", reference, conditions[i]!, part.location)))
}

export const checkCoalesce = (context: Context, part: Part<"CoalesceExpr">): Operand | undefined => {
  const operands = context.checkAll(part.args ?? [])
  const common = operands === undefined ? undefined : toCommonType(context, operands, "COALESCE", part.location)
  if (common === undefined) return undefined
  return { kind: "coalesce", type: common.type, nullable: common.nodes.every((node) => node.nullable), args: common.nodes }
}

export const checkExtreme = (context: Context, part: Part<"MinMaxExpr">): Operand | undefined => {
  const name = part.op === "IS_LEAST" ? "LEAST" : "GREATEST"
  const operands = context.checkAll(part.args ?? [])
  const common = operands === undefined ? undefined : toCommonType(context, operands, name, part.location)
  if (common === undefined) return undefined
  if (!isComparable(common.type)) {
    return context.issue("EXPRESSION_TYPE", context.position(part.location), `${name} does not take ${common.type}, which has no order.`)
  }
  const nullable = common.nodes.every((node) => node.nullable)
  return { kind: name === "LEAST" ? "least" : "greatest", type: common.type, nullable, args: common.nodes }
}

export const checkArray = (context: Context, part: Part<"A_ArrayExpr">): Operand | undefined => {
  const elements = part.elements ?? []
  if (elements.length === 0) {
    return context.issue("EXPRESSION_TYPE", context.position(part.location), "An empty ARRAY[] has no type.", "Write '{}'::text[].")
  }
  const operands = context.checkAll(elements)
  const common = operands === undefined ? undefined : toCommonType(context, operands, "ARRAY", part.location)
  if (common === undefined) return undefined
  if (isArrayType(common.type)) return context.unsupported(part.location, "An array of arrays")
  return { kind: "array", type: `${common.type}[]`, nullable: false, items: common.nodes }
}

type Indices = Extract<TreeNode, { A_Indices: unknown }>["A_Indices"]

/** `array[1:2]`, `array[2:]` */
const checkSlice = (context: Context, operand: Operand | undefined, part: Indices, location: number | undefined): Operand | undefined => {
  const lower = part.lidx === undefined ? constant(1, "integer") : context.check(part.lidx)
  const upper = part.uidx === undefined ? constant(2 ** 31, "integer") : context.check(part.uidx)
  if (operand === undefined || lower === undefined || upper === undefined) return undefined
  if (
    operand.kind === "untyped" ||
    !isArrayType(operand.type) ||
    !isImplicit(lower.type, "integer") ||
    !isImplicit(upper.type, "integer")
  ) {
    const bounds = `${showType(lower)} and ${showType(upper)}`
    return context.issue("EXPRESSION_TYPE", context.position(location), `${showType(operand)} cannot be cut by a slice from ${bounds}.`)
  }
  const args = coerceAll(context, [operand, lower, upper], [operand.type, "integer", "integer"])
  return args === undefined ? undefined : strictCall("sliceItems", operand.type, args)
}

/** `array[1]` */
export const checkSubscript = (context: Context, part: Part<"A_Indirection">): Operand | undefined => {
  const location = locationOf(part.arg, undefined)
  const operand = context.check(part.arg)
  const indices = (part.indirection ?? []).map((item) => ("A_Indices" in item ? item.A_Indices : undefined))
  const only = indices[0]
  if (indices.length !== 1 || only === undefined) return context.unsupported(location, "A field of a row or a second subscript")
  if (only.is_slice === true) return checkSlice(context, operand, only, location)
  const index = context.check(only.uidx)
  if (operand === undefined || index === undefined) return undefined
  if (operand.kind === "untyped" || !isArrayType(operand.type) || !isImplicit(index.type, "integer")) {
    return context.issue(
      "EXPRESSION_TYPE",
      context.position(location),
      `${showType(operand)} cannot be read by a subscript of ${showType(index)}.`,
    )
  }
  const at = coerce(context, index, "integer")
  return at === undefined ? undefined : strictCall("itemAt", elementType(operand.type), [operand, at], true)
}
