/** Tables of expressions with the answers that PostgreSQL itself gave. */
import { beforeAll, describe, expect, it } from "vitest"
import { checkExpression, loadExpressionParser, type Scope } from "../../src/expression/Expression.ts"
import { emptyScope, outcomes } from "./evaluate.ts"

/** The expression, the type of its value or "error", and the value as PostgreSQL writes it (null for NULL) or the code of the error. */
export type Answer = readonly [expression: string, type: string, value: string | null]

/** One test per expression: both back ends give the answer. */
export const answers = (title: string, table: ReadonlyArray<Answer>, scope: Scope = emptyScope): void => {
  // oxlint-disable-next-line vitest/valid-title -- the callers give the titles
  describe(title, () => {
    beforeAll(loadExpressionParser)
    it.each(table)("%s gives %s %s", (text, type, value) => {
      expect(answerTo(text, scope)).toEqual([type, value])
    })
  })
}

const answerTo = (text: string, scope: Scope): readonly [string, string | null] => {
  const result = checkExpression(text, scope)
  if (!result.ok) return ["error", result.issues.map(({ code }) => code).join(" ")]
  const pairs = outcomes(structuredClone(result.expression), [], 0)
  for (const [closure, code] of pairs) expect(code).toBe(closure)
  const first = pairs[0]![0]
  if (first.startsWith("error ")) return ["error", first.split(" ")[1]!]
  const { type } = result.expression
  const value = first.slice(type.length + 1)
  return [type, value === "NULL" && first.length === type.length + 5 ? null : value]
}
