import * as fc from "fast-check"
import { expect, it } from "vitest"
import { parseDocument, stringify } from "yaml"
import { placeInScalar } from "./placeInScalar.ts"

/** The text of a value, as it stands in a document. */
const written = (text: string): { readonly written: string; readonly value: string } => {
  const node = parseDocument(text).get("query", true) as { readonly range: readonly [number, number]; readonly value: string }
  return { written: text.slice(node.range[0], node.range[1]), value: node.value }
}

const query = "SELECT id,\n  'it''s' AS \"a b\"\nFROM input"

it.each([
  ["plain", "query: SELECT x FROM input\n", "FROM"],
  ["block", `query: |\n  ${query.replaceAll("\n", "\n  ")}\n`, "FROM"],
  ["folded", "query: >-\n  SELECT x\n  FROM input\n", "FROM"],
  ["single quotes", "query: 'SELECT ''it'' FROM input'\n", "FROM"],
  ["double quotes", 'query: "SELECT \\"a b\\"\\nFROM input"\n', "FROM"],
  ["over two lines", "query: SELECT x\n  FROM input\n", "FROM"],
])("finds a word in a %s scalar", (_, text, word) => {
  const scalar = written(text)
  const at = placeInScalar(scalar.written, scalar.value, scalar.value.indexOf(word))
  expect(scalar.written.slice(at, at! + word.length)).toBe(word)
})

it("finds every letter of any text that YAML writes", () => {
  const texts = fc.string({ unit: fc.constantFrom("a", "b", "Z", " ", "\n", "'", '"', ",", ":", "#"), minLength: 1, maxLength: 60 })
  fc.assert(
    fc.property(texts, fc.nat(), fc.constantFrom("PLAIN", "QUOTE_DOUBLE", "QUOTE_SINGLE", "BLOCK_LITERAL"), (value, nat, type) => {
      const scalar = written(stringify({ query: value }, { defaultStringType: type as "PLAIN", lineWidth: 0 }))
      const position = nat % value.length
      fc.pre(scalar.value === value && /[a-zA-Z]/.test(value[position]!))
      const at = placeInScalar(scalar.written, value, position)
      // The letter of an escape may be taken for one of the value; then another place of the same letter is found.
      expect(scalar.written[at!]).toBe(value[position])
    }),
    { numRuns: 300 },
  )
})

it("gives up where a variable was filled in", () => {
  expect(placeInScalar("SELECT ${NAME} FROM x", "SELECT a FROM x", 9)).toBeUndefined()
})
