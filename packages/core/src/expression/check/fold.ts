/** Constant parts of an expression are computed once, when it is checked. */
import type { Value } from "../../model/Value.ts"
import { compileNode } from "../Closure.ts"
import { ExpressionError } from "../ExpressionError.ts"
import { constant } from "../literals.ts"
import { childrenOf, type Node } from "../Node.ts"

/** A text longer than this is computed per row rather than kept. */
const LONGEST_KEPT = 4096

/**
 * The constant that the node comes to, or the node where it depends on columns. One that has no value stays, and fails when a row gets to
 * it.
 */
export const fold = (node: Node): Node => {
  if (node.kind === "constant" || node.kind === "prepare" || !isConstant(node)) return node
  const value = evaluate(node)
  return value === undefined || (typeof value === "string" && value.length > LONGEST_KEPT) ? node : constant(value, node.type)
}

const isConstant = (node: Node): boolean => node.kind !== "column" && childrenOf(node).every(isConstant) && !hasFreeReference(node, [])

const hasFreeReference = (node: Node, bound: ReadonlyArray<number>): boolean => {
  if (node.kind === "reference") return !bound.includes(node.id)
  const inner = node.kind === "let" ? [...bound, node.id] : bound
  return childrenOf(node).some((child) => hasFreeReference(child, inner))
}

const evaluate = (node: Node): Value | null | undefined => {
  try {
    return compileNode(node)([], 0)
  } catch (error) {
    if (error instanceof ExpressionError) return undefined
    throw error
  }
}
