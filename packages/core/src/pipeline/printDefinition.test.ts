import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { PipelineDefinition } from "./Definition.ts"
import { parsePipelineText } from "./PipelineFile.ts"
import { printDefinition } from "./printDefinition.ts"

const minimal: PipelineDefinition = {
  name: "users",
  sources: [{ type: "csv", path: "a.csv" }],
  destinations: [{ type: "json", path: "b.json" }],
}

const anyText = fc
  .array(fc.oneof(fc.nat(0xff), fc.nat(0xffff)), { maxLength: 20 })
  .map((codes) => String.fromCharCode(...codes).toWellFormed())

const readBack = (definition: PipelineDefinition) => {
  const { value, problems } = parsePipelineText(printDefinition(definition))
  expect(problems).toEqual([])
  return value
}

describe("printDefinition", () => {
  it("prints YAML that people would write", () => {
    const text = printDefinition({
      destinations: [{ type: "json", path: "${OUT}/b.json", pretty: true }],
      transforms: [{ type: "filter", condition: "status = 'active' AND age >= 18" }],
      sources: [{ type: "csv", path: "a.csv", delimiter: ";" }],
      schedule: "0 */6 * * *",
      version: "1.0",
      name: "users",
    })
    expect(text).toBe(`name: users
version: "1.0"
sources:
  - type: csv
    path: a.csv
    delimiter: ;
transforms:
  - type: filter
    condition: status = 'active' AND age >= 18
destinations:
  - type: json
    path: \${OUT}/b.json
    pretty: true
schedule: 0 */6 * * *
`)
  })

  it.each([
    "true",
    "no",
    "on",
    "1.0",
    "0x10",
    "null",
    "~",
    "2025-01-01",
    "a: b",
    "a #b",
    "- a",
    "*a",
    "&a",
    "!a",
    "@a",
    "`a`",
    "%a",
    "[a",
    "{a",
    "|",
    ">",
    "'",
    '"',
    "",
    " a ",
    "a\nb",
    "a\n",
    "\t",
    "\u0000",
    "ä",
    "😀",
    "9007199254740993",
    "<<",
    "=",
    "1e3",
    ".inf",
    "\u2028",
    "\uFEFF",
    "x".repeat(500),
  ])("keeps the text %j", (text) => {
    expect(readBack({ ...minimal, description: text })).toEqual({ ...minimal, description: text })
  })

  it("reads back as it was, for definitions with any texts and numbers", () => {
    const value = fc.oneof(
      anyText,
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
      fc.boolean(),
      fc.constant(null),
    )
    const config = fc.dictionary(anyText, fc.oneof(value, fc.array(value), fc.dictionary(fc.string({ minLength: 1 }), value)))
    fc.assert(
      fc.property(config, (own) => {
        const definition = { ...minimal, sources: [{ type: "x", config: own }] }
        expect(readBack(definition)).toEqual(JSON.parse(JSON.stringify(definition)))
      }),
      { numRuns: 300 },
    )
  })

  it("leaves out keys without a value, and refuses what only code can hold", () => {
    expect(printDefinition({ ...minimal, schedule: undefined } as unknown as PipelineDefinition)).not.toContain("schedule")
    const live = (value: unknown) => () => printDefinition({ ...minimal, sources: [{ type: "memory", rows: value }] })
    expect(live(() => [])).toThrow("sources[0].rows: a function has no form in YAML")
    expect(live(new Map())).toThrow("sources[0].rows: an instance of a class has no form in YAML")
  })

  it("prints the same rows twice where they stand twice, without aliases", () => {
    const entry = { type: "csv", path: "a.csv" }
    expect(printDefinition({ ...minimal, sources: [entry, entry] })).not.toMatch(/[&*]a/)
  })
})
