/** The texts of JSONTestSuite as values of the type json. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import path from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { checked, outcomes } from "../../../test/expression/evaluate.ts"
import { ValuesColumn } from "../../model/Batch.ts"
import { loadExpressionParser, type Scope } from "../Expression.ts"

beforeAll(loadExpressionParser)

const folder = path.join(process.env["DELTAFLOW_CORPUS"] ?? "", "json/test_parsing")
const files = existsSync(folder) ? readdirSync(folder) : []
const scope: Scope = { columns: [{ name: "s", type: "string", nullable: true }], runtime: {}, now: 0 }

/** Undefined where the bytes are no UTF-8, which no text can hold. */
const textOf = (file: string): string | undefined => {
  const text = readFileSync(path.join(folder, file), "utf8")
  return text.includes("\ufffd") || text.includes("\0") ? undefined : text
}

const outcomesOf = (expression: string, text: string): ReadonlyArray<string> =>
  outcomes(checked(expression, scope), [new ValuesColumn("string", [text])], 0).flat()

describe.skipIf(files.length === 0)("JSONTestSuite (DELTAFLOW_CORPUS)", () => {
  it.each(files.filter((file) => file.startsWith("y_") && textOf(file) !== undefined))("%s is json", (file) => {
    const text = textOf(file)!
    for (const outcome of outcomesOf("s::json::text = s", text)) expect(outcome).toBe("boolean true")
    for (const outcome of outcomesOf("json_typeof(s::json)", text)) {
      expect(outcome).toMatch(/^string (object|array|string|number|boolean|null)$/)
    }
  })

  it.each(files.filter((file) => file.startsWith("n_") && textOf(file) !== undefined))("%s is none", (file) => {
    for (const outcome of outcomesOf("s::json", textOf(file)!)) expect(outcome).toMatch(/^error INVALID_CAST /)
  })
})
