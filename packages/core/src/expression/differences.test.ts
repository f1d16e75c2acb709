import { beforeAll, describe, expect, it } from "vitest"
import { differences } from "../../test/expression/differences.ts"
import { emptyScope, outcomes } from "../../test/expression/evaluate.ts"
import { checkExpression, loadExpressionParser } from "./Expression.ts"

beforeAll(loadExpressionParser)

const answerTo = (text: string): string => {
  const result = checkExpression(text, emptyScope)
  if (!result.ok) return `error ${result.issues[0]!.code}`
  const [closure, code] = outcomes(result.expression, [], 0)[0]!
  expect(code).toBe(closure)
  return closure.startsWith("error ") ? closure.split(" ").slice(0, 2).join(" ") : closure.slice(result.expression.type.length + 1)
}

describe("where the language is not PostgreSQL's", () => {
  it.each(differences.flatMap(({ examples }) => examples))("%s gives %s here", (expression, here) => {
    expect(answerTo(expression)).toBe(here)
  })
})
