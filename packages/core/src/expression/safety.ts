/** What may be left out when a condition is already known not to be true. */
import { childrenOf, type Node } from "./Node.ts"

/** Functions that give a value for all arguments. */
const SAFE: ReadonlySet<string> = new Set([
  "integerToDecimal",
  "integerToDouble",
  "lengthText",
  "like",
  "lowerText",
  "matchesRegex",
  "notLike",
  "differsRegex",
  "same",
  "startsWith",
  "trimBlanks",
  "trimBlanksEnd",
  "trimBlanksStart",
  "upperText",
])

const isSafe = (node: Node): boolean => {
  if (node.kind === "call" && !SAFE.has(node.name)) return false
  if (node.kind === "prepare") return node.args.every((arg) => arg.kind === "constant")
  return childrenOf(node).every(isSafe)
}

/** Whether it may be an error in some row. */
export const mayFail = (node: Node): boolean => !isSafe(node)

/**
 * Whether the parts of an AND or OR may be left alone once one of them is null. PostgreSQL then goes on, for another part may decide, and
 * an error in a later part counts; only the parts of a WHERE stop at the first that is not true.
 */
export const mayStopAtNull = (parts: ReadonlyArray<Node>): boolean => parts.slice(1).every(isSafe)
