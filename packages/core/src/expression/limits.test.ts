/** What an author, or whoever writes the rows, cannot do: exhaust time or memory, or reach what is not the language's. */
import { existsSync, readFileSync } from "node:fs"
import path from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { checked, generated, outcomes } from "../../test/expression/evaluate.ts"
import { ValuesColumn } from "../model/Batch.ts"
import type { Value } from "../model/Value.ts"
import { checkExpression, compileClosure, loadExpressionParser, type Scope } from "./Expression.ts"
import { runtime } from "./runtime.ts"

beforeAll(loadExpressionParser)

const scope: Scope = { columns: [{ name: "s", type: "string", nullable: true }], runtime: {}, now: 0 }

const codesOf = (text: string): ReadonlyArray<string> => {
  const result = checkExpression(text, scope)
  return result.ok ? [] : result.issues.map(({ code }) => code)
}

const ofText = (text: string, value: Value): string => outcomes(checked(text, scope), [new ValuesColumn("string", [value])], 0)[0]![0]

describe("expressions are bounded", () => {
  it.each([
    ["length", `s = '${"x".repeat(20_000)}'`],
    ["brackets", `${"(".repeat(2000)}1${")".repeat(2000)}`],
    ["operators", `${"- ".repeat(3000)}1`],
    ["NOT", `${"not ".repeat(3000)}true`],
    ["CASE", `${"case when true then ".repeat(200)}1${" end".repeat(200)}`],
    ["a sum", Array.from({ length: 1000 }, () => "length(s)").join(" + ")],
    ["joined text", Array.from({ length: 1000 }, () => "s").join(" || ")],
    ["calls", `${"lower(".repeat(150)}s${")".repeat(150)}`],
  ])("in %s", (_, text) => {
    expect(codesOf(text)).toEqual(["EXPRESSION_LIMIT"])
  })

  it("but long lists of conditions are fine", () => {
    expect(codesOf(Array.from({ length: 1200 }, (_, i) => `s='${i}'`).join(" or "))).toEqual([])
    expect(codesOf(`s in (${Array.from({ length: 2000 }, (_, i) => `'${i}'`).join(",")})`)).toEqual([])
  })
})

const LARGE: ReadonlyArray<readonly [text: string, value: string]> = [
  ["repeat(s, 2000000000)", "x"],
  ["lpad(s, 2000000000)", "x"],
  ["repeat(s, 100000000) || repeat(s, 100000000)", "x"],
  ["concat(repeat(s, 100000000), repeat(s, 100000000))", "x"],
  ["replace(repeat(s, 10000), 'x', repeat(s, 100000))", "x"],
  ["regexp_replace(repeat(s, 10000), 'x', repeat(s, 100000), 'g')", "x"],
  ["array_to_string(array[repeat(s, 100000000), repeat(s, 100000000)], '')", "x"],
  ["json_build_array(repeat(s, 100000000), repeat(s, 100000000))", "x"],
  ["string_to_array(repeat(s, 50000000), null)", "x"],
  ["encode(repeat(s, 100000000)::bytea, 'hex')", "x"],
  ["power(s::numeric, 1000000000)", "10"],
  ["exp(s::numeric)", "10000000"],
  ["factorial(s::integer)", "100000000"],
  ["('1e' || s)::numeric", "200000"],
]

describe("values are bounded", () => {
  it.each(LARGE)("%s is an error", (text, value) => {
    expect(ofText(text, value)).toMatch(/^error (INVALID_ARGUMENT|NUMBER_OUT_OF_RANGE|INVALID_CAST) /)
  })

  it("a text of JSON that nests without end is an error or is read", () => {
    expect(ofText("json_typeof(s::json)", "[".repeat(100_000))).toMatch(/^error INVALID_CAST /)
    expect(ofText("json_typeof(s::json -> 0 -> 0)", "[".repeat(2000) + "]".repeat(2000))).toBe("string array")
  })
})

describe("regular expressions take linear time", () => {
  it.each([["s ~ '(a+)+$'"], ["s ~ '(a|aa)*$'"], ["s ~ '(a*)*b'"], ["s ~ '(.*)(.*)(.*)(.*)x'"], ["s ~ s"]])("%s", (text) => {
    expect(ofText(text, `${"a".repeat(5000)}!`)).toMatch(/^boolean /)
  })

  it("LIKE with many percent signs too", () => {
    expect(ofText(`s like '${"%a".repeat(500)}b'`, "a".repeat(20_000))).toBe("boolean false")
  })
})

const HOSTILE = [
  "constructor",
  "__proto__",
  "prototype",
  "toString",
  "globalThis",
  "process",
  "require",
  "this",
  "arguments",
  "eval",
  "columns",
]

describe("nothing of the host can be reached", () => {
  it.each(HOSTILE)("%s is no column and no function", (name) => {
    expect(codesOf(`"${name}"`)).toEqual(["UNKNOWN_COLUMN"])
    expect(codesOf(`"${name}"(1)`)).toEqual(["UNKNOWN_FUNCTION"])
    expect(codesOf(`s."${name}"`)).toEqual(["UNSUPPORTED_EXPRESSION"])
    expect(codesOf(`:${name}`)).toEqual(["UNKNOWN_COLUMN"])
    expect(runtime[name]).toBeUndefined()
  })

  it.each(HOSTILE)("a column named %s is a column", (name) => {
    const named: Scope = { columns: [{ name, type: "string", nullable: true }], runtime: {}, now: 0 }
    const columns = [new ValuesColumn("string", ["x"])]
    expect(outcomes(checked(`"${name}" || '!'`, named), columns, 0)).toEqual([["string x!", "string x!"]])
    const json = `'{"${name}": 1}'::json ->> '${name}'`
    expect(outcomes(checked(json, named), columns, 0)).toEqual([["string 1", "string 1"]])
    expect(outcomes(checked(`'{}'::json ->> '${name}'`, named), columns, 0)).toEqual([["string NULL", "string NULL"]])
  })
})

const corpus = process.env["DELTAFLOW_CORPUS"]
const list = path.join(corpus ?? "", "strings/blns.json")

describe.skipIf(corpus === undefined || !existsSync(list))("the big list of naughty strings (DELTAFLOW_CORPUS)", () => {
  const texts = existsSync(list)
    ? (JSON.parse(readFileSync(list, "utf8")) as ReadonlyArray<string>).filter((text) => text.isWellFormed())
    : []

  it("is text, as literal, as name of a column, and as value", () => {
    for (const text of texts.filter((one) => !one.includes("\0"))) {
      const name = text === "" ? "empty" : text
      const named: Scope = { columns: [{ name, type: "string", nullable: true }], runtime: { text }, now: 0 }
      const columns = [new ValuesColumn("string", [text])]
      const quoted = `'${text.replaceAll("'", "''")}'`
      for (const source of [
        `"${name.replaceAll('"', '""')}" = ${quoted}`,
        `${quoted}::text = :text`,
        `concat("${name.replaceAll('"', '""')}") = ${quoted}`,
      ]) {
        const expression = checked(source, named)
        expect(compileClosure(expression)(columns, 0), source).toBe(true)
        const code = generated(expression, columns, "value")
        expect(code.run(columns, 0), source).toBe(true)
        // Constants are kept outside of the code.
        if (text.length > 12) expect(code.source).not.toContain(text)
      }
    }
  })
})
