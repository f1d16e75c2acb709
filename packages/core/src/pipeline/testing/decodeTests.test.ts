/** Numbers of test files keep their digits, and editors see of a file what the decoder does. */
import { readdirSync, readFileSync } from "node:fs"
import path from "node:path"
import { Ajv } from "ajv"
import { describe, expect, it } from "vitest"
import { parse } from "yaml"
import { Decimal } from "../../model/Decimal.ts"
import { decodeTestText } from "./decodeTests.ts"
import { testJsonSchema } from "./testJsonSchema.ts"

const rowOf = (row: string): Readonly<Record<string, unknown>> => {
  const result = decodeTestText(`pipeline: p\ntests: [{ name: t, fixtures: { s: [${row}] } }]\n`, "x.test.yml")
  if (!result.ok) throw new Error(result.issues.map(({ message }) => message).join())
  return (result.file.tests[0]!.fixtures!["s"] as ReadonlyArray<Readonly<Record<string, unknown>>>)[0]!
}

describe("numbers in a test file", () => {
  it.each([
    ["1", 1],
    ["1.5", 1.5],
    ["-0", -0],
    ["1.50", Decimal.parse("1.50")],
    ["12345678901234567.89", Decimal.parse("12345678901234567.89")],
    ["9007199254740993", 9007199254740993n],
    ["+7", 7],
    ["1e3", 1000],
    [".nan", Number.NaN],
    ["-.inf", Number.NEGATIVE_INFINITY],
    ["0x1f", 31],
    ['"1.50"', "1.50"],
    ["2026-01-01", "2026-01-01"],
    ["yes", "yes"],
    ["null", null],
    ['{ "n": 0.10 }', { n: Decimal.parse("0.10") }],
  ])("%s", (written, value) => {
    expect(rowOf(`{ v: ${written} }`)["v"]).toEqual(value)
  })
})

describe("the JSON Schema of test files", () => {
  const check = new Ajv({ strict: false, allowUnionTypes: true }).compile(testJsonSchema() as object)
  const folder = path.resolve(import.meta.dirname, "../../../../cli/test/tested/tests")
  const files = readdirSync(folder).filter((name) => /^(right|runs|files|wrong|bad-keys|bad-none).*\.test\.yml$/.test(name))

  it.each(files)("agrees with the decoder on %s", (name) => {
    const isRight = decodeTestText(readFileSync(path.join(folder, name), "utf8"), name).ok
    expect(isRight).toBe(!name.startsWith("bad"))
    expect(check(parse(readFileSync(path.join(folder, name), "utf8")))).toBe(isRight)
  })

  it("describes every key", () => {
    const undescribed: Array<string> = []
    const look = (node: unknown, at: string): void => {
      if (typeof node !== "object" || node === null) return
      for (const [key, inner] of Object.entries(node as Readonly<Record<string, unknown>>)) {
        if (key === "properties")
          for (const [name, property] of Object.entries(inner as Readonly<Record<string, object>>))
            if (!("description" in property)) undescribed.push(`${at}.${name}`)
        look(inner, `${at}.${key}`)
      }
    }
    look(testJsonSchema(), "")
    expect(undescribed).toEqual([])
  })
})
