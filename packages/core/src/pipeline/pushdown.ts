/**
 * What of the leading steps a source may do itself: conditions of the form column, operator, constant, for types whose order and equality
 * are the same everywhere.
 *
 * A condition is offered only where everything before it cannot fail, because a row that the source leaves out is a row that cannot fail
 * here.
 */
import type { PushedCondition } from "../contract/Source.ts"
import { reviveLiteral } from "../expression/Expression.ts"
import { childrenOf, type ComparisonOperator, type Node } from "../expression/Node.ts"
import type { ColumnType } from "../model/ColumnType.ts"
import { Decimal } from "../model/Decimal.ts"
import type { Value } from "../model/Value.ts"
import type { Pass } from "../transform/pass.ts"
import type { Statement } from "../transform/scope.ts"

export const pushableConditions = (pass: Pass): ReadonlyArray<PushedCondition> => {
  const found: Array<PushedCondition> = []
  for (const statement of pass.statements) {
    const parts = statement.target === undefined ? conjuncts(statement.expression.node) : [statement.expression.node]
    for (const part of parts) {
      const condition = statement.target === undefined ? conditionOf(part, statement, pass) : undefined
      if (condition !== undefined) found.push(condition)
      else if (!cannotFail(part)) return found
    }
  }
  return found
}

/** The parts of which all must be true, in the order in which they are evaluated. */
const conjuncts = (node: Node): ReadonlyArray<Node> => (node.kind === "and" ? node.args.flatMap(conjuncts) : [node])

const conditionOf = (node: Node, statement: Statement, pass: Pass): PushedCondition | undefined => {
  switch (node.kind) {
    case "compare":
      return (
        comparison(node.left, node.operator, node.right, statement, pass) ??
        comparison(node.right, FLIPPED[node.operator], node.left, statement, pass)
      )
    case "nullTest": {
      const column = inputColumn(node.arg, statement, pass)
      return column === undefined ? undefined : { ...column, operator: node.negated ? "is not null" : "is null", value: null }
    }
    case "column": {
      const column = inputColumn(node, statement, pass)
      return column === undefined ? undefined : { ...column, operator: "=", value: true }
    }
    case "not": {
      const column = inputColumn(node.arg, statement, pass)
      return column === undefined ? undefined : { ...column, operator: "=", value: false }
    }
    default:
      return undefined
  }
}

const FLIPPED: Readonly<Record<ComparisonOperator, ComparisonOperator>> = {
  "=": "=",
  "<>": "<>",
  "<": ">",
  "<=": ">=",
  ">": "<",
  ">=": "<=",
}

const ORDERED: ReadonlySet<ColumnType> = new Set<ColumnType>(["integer", "decimal", "date", "timestamp", "timestamptz"])

// Databases order text by their own collations, and doubles differ in NaN.
const isPushable = (type: ColumnType, operator: ComparisonOperator): boolean =>
  ORDERED.has(type) || (operator === "=" && (type === "string" || type === "boolean"))

const comparison = (
  side: Node,
  operator: ComparisonOperator,
  other: Node,
  statement: Statement,
  pass: Pass,
): PushedCondition | undefined => {
  const column = inputColumn(side, statement, pass)
  if (column === undefined || other.kind !== "constant" || other.type !== column.type || !isPushable(column.type, operator))
    return undefined
  const value = reviveLiteral(other.value, other.type)
  return isOrdinary(value) ? { ...column, operator, value } : undefined
}

/** Neither null nor NaN nor an infinity: not everybody has those, or compares them alike. */
const isOrdinary = (value: Value | null): value is Value =>
  value !== null && !(typeof value === "number" && !Number.isFinite(value)) && !(value instanceof Decimal && !value.isFinite)

const inputColumn = (node: Node, statement: Statement, pass: Pass): { readonly column: string; readonly type: ColumnType } | undefined => {
  if (node.kind !== "column") return undefined
  const { slot } = statement.scope[node.index]!
  return slot.kind === "input" ? { column: pass.input.columns[slot.index]!.name, type: slot.type } : undefined
}

/**
 * Whether the node has a value for every row, whatever is in it. Functions may refuse their arguments, so a call counts as one that may
 * fail.
 */
export const cannotFail = (node: Node): boolean => TOTAL.has(node.kind) && childrenOf(node).every(cannotFail)

const TOTAL: ReadonlySet<Node["kind"]> = new Set<Node["kind"]>([
  "constant",
  "column",
  "reference",
  "and",
  "or",
  "not",
  "nullTest",
  "truthTest",
  "compare",
  "distinct",
  "in",
  "case",
  "coalesce",
  "greatest",
  "least",
])
