import fc from "fast-check"
import { readdirSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { plugins } from "../../test/pipeline/plugins.ts"
import { loadPipelineText } from "./PipelineFile.ts"

const folder = `${import.meta.dirname}/../../test/pipeline/fixtures`
const files = readdirSync(folder).map((name) => readFileSync(`${folder}/${name}`, "utf8"))

const load = async (text: string) => await loadPipelineText(text, { plugins, variables: [{ A: "1" }] })

/** Every issue has a place that is in the text. */
const expectPlaces = async (text: string): Promise<void> => {
  const result = await load(text)
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/)
  for (const { line, column, frame } of result.ok ? [] : result.issues) {
    expect(line).toBeGreaterThanOrEqual(1)
    expect(line).toBeLessThanOrEqual(lines.length)
    expect(column).toBeGreaterThanOrEqual(1)
    expect(frame).toContain("^")
  }
}

describe("ten thousand texts of each kind give an answer with places", () => {
  it("texts of any characters", async () => {
    const text = fc.array(fc.oneof(fc.nat(0x7f), fc.nat(0xffff)), { maxLength: 200 }).map((codes) => String.fromCharCode(...codes))
    await fc.assert(fc.asyncProperty(text, expectPlaces), { numRuns: 10_000 })
  })

  it("texts of the marks and words of YAML", async () => {
    const word = fc.constantFrom(
      ..."name|sources|type|csv|path|: |\n|  |- |{|}|[|]|\"|'|*a|&a |!t |<<: |#|${A}|${B:-x}|$${|>\n|\t|1|,|? |---\n|...\n|%YAML 1.2\n|\\|~|null".split(
        "|",
      ),
      "|\n",
    )
    const text = fc.array(word, { maxLength: 60 }).map((parts) => parts.join(""))
    await fc.assert(fc.asyncProperty(text, expectPlaces), { numRuns: 10_000 })
  })

  it("definitions with a few characters changed", async () => {
    const change = fc.tuple(
      fc.nat(),
      fc.nat(3),
      fc.oneof(fc.constantFrom("", "x", ":", '"', "{", "[", "\n", "*", "!", "$", "\t", "-", "#"), fc.string({ maxLength: 3 })),
    )
    const text = fc.tuple(fc.constantFrom(...files), fc.array(change, { minLength: 1, maxLength: 4 })).map(([file, changes]) =>
      changes.reduce((changed, [at, gone, put]) => {
        const from = at % (changed.length + 1)
        return changed.slice(0, from) + put + changed.slice(from + gone)
      }, file),
    )
    await fc.assert(fc.asyncProperty(text, expectPlaces), { numRuns: 10_000 })
  })
})
