/** Patterns, formats and the like that are constant are made ready once, when an expression is compiled. */
import { ExpressionError } from "./ExpressionError.ts"
import { reviveLiteral } from "./literals.ts"
import type { PrepareNode } from "./Node.ts"
import { runtimeFunction } from "./runtime.ts"

/** What the node gives in every row; undefined where that depends on the row, or is an error that only a row may raise. */
export const prepared = ({ name, args }: PrepareNode): { readonly value: unknown } | undefined => {
  const values: Array<unknown> = []
  for (const arg of args) {
    if (arg.kind !== "constant") return undefined
    values.push(reviveLiteral(arg.value, arg.type))
  }
  if (values.includes(null)) return { value: null }
  try {
    return { value: runtimeFunction(name)(...values) }
  } catch (error) {
    if (error instanceof ExpressionError) return undefined
    throw error
  }
}
