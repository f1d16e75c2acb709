/** Metrics: expressions over aggregates, checked and taken apart. What the parts are for stands in `aggregates/Aggregate.ts`. */
import type { AggregateCall, CheckedMetric, MetricResult, SortKey } from "./aggregates/Aggregate.ts"
import { aggregateLibrary, heedsDistinct, isOrderedAggregate, takesGroup } from "./aggregates/aggregateLibrary.ts"
import { checkTree, columnsOf, finish, inOrder } from "./Check.ts"
import { listSignatures } from "./check/checkCalls.ts"
import { asBoolean, asItself, locationOf } from "./check/checkForms.ts"
import { coerceAll } from "./check/coerce.ts"
import { Context, type FuncCall, type Operand, showType } from "./check/context.ts"
import { isComparable } from "./check/typing.ts"
import { nameOf } from "./check/types.ts"
import { type Resolved, resolve } from "./functions/signatures.ts"
import { reviveLiteral } from "./literals.ts"
import type { Node } from "./Node.ts"
import { parseExpression, type TreeNode } from "./Parse.ts"
import type { CheckedExpression, Scope } from "./Scope.ts"

/**
 * Checks a metric over rows of `scope`, grouped by the columns whose indexes are `groupBy`. Gives every issue at once, each with its
 * place. Outside of aggregates only the columns of `groupBy` may be named.
 */
export const checkMetric = (text: string, scope: Scope, groupBy: ReadonlyArray<number>): MetricResult => {
  const result = parseExpression(text)
  if (!result.ok) return result
  const keys = groupBy.map((index) => scope.columns[index]!)
  const outer = new Context({ ...scope, columns: keys }, result.parsed, checkTree)
  const calls: Array<AggregateCall> = []
  const names = [...aggregateLibrary.keys()]
  outer.aggregates = {
    columns: scope.columns,
    names,
    check: (part, name) => {
      const inner = new Context(scope, result.parsed, checkTree)
      inner.aggregates = { columns: scope.columns, names, check: (nested, nestedName) => refuseNested(inner, nested, nestedName) }
      const call = checkAggregate(inner, part, name, text)
      outer.issues.push(...inner.issues)
      if (call === undefined) return undefined
      return { kind: "column", index: keys.length + calls.push(call) - 1, type: call.type, nullable: call.nullable }
    },
  }
  const operand = outer.check(result.parsed.tree)
  const node = operand === undefined ? undefined : finish(outer, operand, undefined)
  if (node === undefined || outer.issues.length > 0) return { ok: false, issues: inOrder(outer) }
  const metric: CheckedMetric = { text, calls, result: expressionOf(text, node) }
  return { ok: true, metric }
}

const expressionOf = (text: string, node: Node): CheckedExpression => ({
  text,
  type: node.type,
  nullable: node.nullable,
  columns: columnsOf(node),
  node,
})

const refuseNested = (context: Context, part: FuncCall, name: string): undefined =>
  context.issue(
    "UNSUPPORTED_EXPRESSION",
    context.position(part.location),
    `${name.toUpperCase()} stands within another aggregate.`,
    "Aggregate in two steps, one after the other.",
  )

/** `context` is over the rows that come in. */
const checkAggregate = (context: Context, part: FuncCall, name: string, text: string): AggregateCall | undefined => {
  const candidates = aggregateLibrary.get(name)
  if (candidates === undefined) return context.unsupported(part.location, `The aggregate ${name.toUpperCase()}`)
  const shapeIssue = refuseShape(context, part, name)
  const filter = checkFilter(context, part)
  const operands = context.checkAll(part.args ?? [])
  const order = checkOrder(context, part.agg_order ?? [], text)
  if (operands === undefined || order === undefined || filter === "wrong" || shapeIssue) return undefined
  const common = { aggregate: name, filter: filter === undefined ? undefined : expressionOf(text, filter), nullable: name !== "count" }
  if (part.agg_star === true) {
    return { ...common, args: [], distinct: false, order: [], direct: [], type: "integer", isOrdered: false }
  }
  const grouped = takesGroup(name)
  const all: ReadonlyArray<Operand> = grouped ? [...operands, ...order.map(({ expression }) => expression.node)] : operands
  const resolved = resolve(
    candidates,
    all.map((operand) => operand.type),
  )
  if (typeof resolved === "string") {
    const message = `There is no aggregate ${name}(${all.map(showType).join(", ")}).`
    return context.issue("UNKNOWN_FUNCTION", context.position(part.location), message, `There is ${listSignatures(candidates)}.`)
  }
  const nodes = coerceAll(context, all, resolved.types)
  if (nodes === undefined) return undefined
  if (grouped) return withinGroup(context, part, common, resolved, nodes, order, text)
  return overRows(context, part, common, resolved, nodes, order, text)
}

type Common = Pick<AggregateCall, "aggregate" | "filter" | "nullable">

const overRows = (
  context: Context,
  part: FuncCall,
  common: Common,
  { result: type }: Resolved,
  nodes: ReadonlyArray<Node>,
  order: ReadonlyArray<SortKey>,
  text: string,
): AggregateCall | undefined => {
  const isOrdered = isOrderedAggregate(common.aggregate, type)
  const distinct = part.agg_distinct === true && heedsDistinct(common.aggregate)
  if (part.agg_distinct === true && !nodes.every((node) => isComparable(node.type))) {
    return context.issue("EXPRESSION_TYPE", context.position(part.location), "DISTINCT does not take json, which has no equality.")
  }
  if (part.agg_distinct === true && !order.every(({ expression }) => nodes.some((node) => isSame(node, expression.node)))) {
    const message = "With DISTINCT, ORDER BY can only name the arguments of the aggregate."
    return context.issue("UNSUPPORTED_EXPRESSION", context.position(part.location), message)
  }
  const args = nodes.map((node) => expressionOf(text, node))
  return { ...common, args, distinct, order: isOrdered ? order : [], direct: [], type, isOrdered }
}

const isSame = (a: Node, b: Node): boolean => fingerprint(a) === fingerprint(b)

const fingerprint = (node: Node): string => JSON.stringify(node, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value))

const withinGroup = (
  context: Context,
  part: FuncCall,
  common: Common,
  { result: type }: Resolved,
  nodes: ReadonlyArray<Node>,
  order: ReadonlyArray<SortKey>,
  text: string,
): AggregateCall | undefined => {
  const direct = nodes.slice(0, -1)
  const value = nodes.at(-1)!
  if (!isComparable(value.type)) {
    return context.issue("EXPRESSION_TYPE", context.position(part.location), `${common.aggregate} does not take json, which has no order.`)
  }
  const constants = direct.flatMap((node) => (node.kind === "constant" ? [reviveLiteral(node.value, node.type)] : []))
  if (constants.length < direct.length) {
    const message = `The fraction of ${common.aggregate.toUpperCase()} must be a constant.`
    return context.issue("UNSUPPORTED_EXPRESSION", locate(context, part.args?.[0], part), message)
  }
  const wrong = constants.flat().find((fraction) => fraction !== null && !((fraction as number) >= 0 && (fraction as number) <= 1))
  if (wrong !== undefined) {
    const message = `The fraction ${String(wrong)} is not between 0 and 1.`
    return context.issue("INVALID_ARGUMENT", locate(context, part.args?.[0], part), message)
  }
  const key: SortKey = { ...order[0]!, expression: expressionOf(text, value) }
  const isOrdered = isOrderedAggregate(common.aggregate, type)
  return { ...common, args: [], distinct: false, order: [key], direct: constants, type, isOrdered }
}

const locate = (context: Context, tree: TreeNode | undefined, part: FuncCall): number => context.position(locationOf(tree, part.location))

/** Whether the call is of a form that the aggregate does not have; the issue is noted. */
const refuseShape = (context: Context, part: FuncCall, name: string): boolean => {
  const message = wrongShape(part, name)
  if (message !== undefined) context.issue("UNSUPPORTED_EXPRESSION", context.position(part.location), message)
  return message !== undefined
}

const wrongShape = (part: FuncCall, name: string): string | undefined => {
  const shown = name.toUpperCase()
  if (part.over !== undefined) return `${shown} cannot be a window function here.`
  if (part.func_variadic === true) return "VARIADIC is not part of the expression language."
  if (part.agg_star === true && name !== "count") return `${shown}(*) is not there: name a column.`
  if (part.agg_star !== true && (part.args ?? []).length === 0 && name !== "mode") return `${shown} needs an argument.`
  const grouped = part.agg_within_group === true
  if (takesGroup(name) && (!grouped || part.agg_order?.length !== 1)) return `${shown} needs WITHIN GROUP (ORDER BY value).`
  return grouped && !takesGroup(name) ? `${shown} does not take WITHIN GROUP.` : undefined
}

const checkFilter = (context: Context, part: FuncCall): Node | undefined | "wrong" => {
  if (part.agg_filter === undefined) return undefined
  return asBoolean(context, context.check(part.agg_filter), "FILTER", locationOf(part.agg_filter, part.location)) ?? "wrong"
}

const checkOrder = (context: Context, parts: ReadonlyArray<TreeNode>, text: string): ReadonlyArray<SortKey> | undefined => {
  const keys = parts.map((part) => ("SortBy" in part ? checkSortKey(context, part.SortBy, text) : undefined))
  return keys.every((key) => key !== undefined) ? keys : undefined
}

type SortBy = Extract<TreeNode, { SortBy: unknown }>["SortBy"]

const checkSortKey = (context: Context, part: SortBy, text: string): SortKey | undefined => {
  const location = locationOf(part.node, part.location)
  const operand = context.check(part.node)
  const node = operand === undefined ? undefined : asItself(context, operand)
  if (node === undefined) return undefined
  if (part.sortby_dir === "SORTBY_USING")
    return context.unsupported(location, `ORDER BY … USING ${(part.useOp ?? []).map(nameOf).join(".")}`)
  if (!isComparable(node.type)) {
    return context.issue("EXPRESSION_TYPE", context.position(location), `ORDER BY does not take ${node.type}, which has no order.`)
  }
  const descending = part.sortby_dir === "SORTBY_DESC"
  const nulls = part.sortby_nulls ?? "SORTBY_NULLS_DEFAULT"
  const nullsFirst = nulls === "SORTBY_NULLS_DEFAULT" ? descending : nulls === "SORTBY_NULLS_FIRST"
  return { expression: expressionOf(text, node), descending, nullsFirst }
}
