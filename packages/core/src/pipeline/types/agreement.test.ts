/** Whatever the compiler tells of an expression, the check of the definition tells too: over many texts, each with its true type. */
import fc from "fast-check"
import { beforeAll, describe, expect, it } from "vitest"
import { programColumns, programs } from "../../../test/expression/programs.ts"
import { compile } from "../../../test/pipeline/compile.ts"
import { aggregateLibrary } from "../../expression/aggregates/aggregateLibrary.ts"
import { checkExpression, checkMetric, loadExpressionParser } from "../../expression/Expression.ts"
import { library } from "../../expression/functions/library.ts"

const scope = { columns: programColumns, runtime: {}, now: 0 }

interface Typed {
  readonly text: string
  readonly type: string
}

/** One value of each type: a column, or a literal that has none. */
const operands = [...new Map(programColumns.map(({ name, type }) => [type, name])).values(), "'1'"]
const [first, second] = [operands, operands]

const typed = (texts: Iterable<string>, typeOf: (text: string) => string | undefined): ReadonlyArray<Typed> =>
  Array.from(new Set(texts)).flatMap((text) => {
    const type = typeOf(text)
    return type === undefined ? [] : [{ text, type }]
  })

const expressionType = (text: string): string | undefined => {
  const result = checkExpression(text, scope)
  return result.ok ? result.expression.type : undefined
}

const metricType = (text: string): string | undefined => {
  const result = checkMetric(text, scope, [])
  return result.ok ? result.metric.result.type : undefined
}

const pairs = (form: (a: string, b: string) => string): ReadonlyArray<string> => first.flatMap((a) => second.map((b) => form(a, b)))

const isName = (name: string): boolean => /^[a-z]/.test(name)

/** The compiler's messages about lines that tell a wrong type, or miss a column; and about those that tell no type. */
const told = (lines: ReadonlyArray<Typed>): { readonly wrong: ReadonlyArray<string>; readonly untold: ReadonlyArray<string> } => {
  const columns = `{ ${programColumns.map(({ name, type }) => `${name}: "${type}"`).join("; ")} }`
  const head = (name: string, type: string): string =>
    `import type { ExpressionOf } from "core/pipeline/types/expressionType.ts"\ntype C = ${columns}\n` +
    `type ${name}<Real, _Facts extends { readonly type: ${type}; readonly missing: never }> = Real\n`
  const file = (name: string, type: string): string =>
    head(name, type) +
    lines.map((line, i) => `export type T${i} = ${name}<"${line.type}", ExpressionOf<${JSON.stringify(line.text)}, C>>`).join("\n")
  const messages = compile({ "right.ts": file("Right", `Real | "unknown"`), "known.ts": file("Known", "Real") })
  expect([...messages.keys()].filter((name) => name !== "right.ts" && name !== "known.ts")).toEqual([])
  const named = (name: string): ReadonlyArray<string> => {
    const rows = [...(messages.get(name) ?? "").matchAll(/^\w+\.ts\((\d+),\d+\): error TS2344/gm)].map(([, row]) => Number(row) - 4)
    return rows.map((row) => `${lines[row]!.text} is ${lines[row]!.type}`)
  }
  return { wrong: named("right.ts"), untold: named("known.ts") }
}

describe("the compiler", () => {
  beforeAll(loadExpressionParser)

  it("tells what each function and operator gives, for all types of arguments", () => {
    const names = [...library.keys()]
    const calls = names
      .filter(isName)
      .flatMap((name) => [`${name}()`, ...first.map((a) => `${name}(${a})`), ...pairs((a, b) => `${name}(${a}, ${b})`)])
    const operations = names
      .filter((name) => !isName(name))
      .flatMap((sign) => [...first.map((a) => `${sign} ${a}`), ...pairs((a, b) => `${a} ${sign} ${b}`)])
    const choices = ["coalesce", "greatest", "least", "nullif"].flatMap((name) => pairs((a, b) => `${name}(${a}, ${b})`))
    const lines = typed([...calls, ...operations, ...choices, ...pairs((a, b) => `case when b then ${a} else ${b} end`)], expressionType)
    const { wrong, untold } = told(lines)
    expect(wrong).toEqual([])
    expect(untold.length / lines.length, untold.join("\n")).toBeLessThan(0.04)
  })

  it("tells what each aggregate gives, for all types of arguments", () => {
    const lines = typed(
      [...aggregateLibrary.keys()].flatMap((name) => [
        ...first.map((a) => `${name}(${a})`),
        ...first.map((a) => `${name}(DISTINCT ${a} ORDER BY ${a} DESC NULLS LAST) FILTER (WHERE i > 1)`),
        ...pairs((a, b) => `${name}(${a}, ${b})`),
        ...first.map((a) => `${name}() WITHIN GROUP (ORDER BY ${a})`),
        ...first.map((a) => `${name}(0.5) WITHIN GROUP (ORDER BY ${a} DESC) FILTER (WHERE b)`),
      ]),
      metricType,
    )
    const { wrong, untold } = told([...lines, { text: "COUNT(*) FILTER (WHERE i > 1) + 1", type: "integer" }])
    expect(wrong).toEqual([])
    expect(untold.length / lines.length, untold.join("\n")).toBeLessThan(0.02)
  })

  it("is never wrong about random expressions, and tells the type of most", () => {
    const texts = fc.sample(programs(3), { numRuns: 700, seed: 1 }).map(({ ours }) => ours)
    const lines = typed(
      texts.filter((text) => text.length < 320),
      expressionType,
    )
    const { wrong, untold } = told(lines)
    expect(wrong).toEqual([])
    expect(untold.length / lines.length, untold.join("\n")).toBeLessThan(0.15)
  })
}, 60_000)
