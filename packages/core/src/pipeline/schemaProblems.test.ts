import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { formatPath } from "./path.ts"
import { decodeWith } from "./schemaProblems.ts"

const problemsOf = (schema: Schema.Codec<unknown, unknown>, value: unknown): ReadonlyArray<string> => {
  const outcome = decodeWith(schema, value, ["config"])
  return outcome.ok ? [] : outcome.problems.map(({ path, message }) => `${formatPath(path)}: ${message}`)
}

describe("what is wrong with a value, in plain words", () => {
  it.each<readonly [string, Schema.Codec<unknown, unknown>, unknown, string]>([
    ["text", Schema.String, 5, "expected text, got the number 5."],
    ["text from a list", Schema.String, [1], "expected text, got a list."],
    ["a number", Schema.Finite, "x", 'expected a number, got the text "x".'],
    ["a truth value", Schema.Boolean, "yes", 'expected true or false, got the text "yes".'],
    ["a list", Schema.Array(Schema.String), {}, "expected a list, got a mapping."],
    ["a mapping", Schema.Struct({ a: Schema.String }), "x", 'expected a mapping, got the text "x".'],
    ["nothing", Schema.Null, 0, "expected nothing, got the number 0."],
    ["one word", Schema.Literal("csv"), "cvs", 'expected "csv", got the text "cvs".'],
    ["one of words", Schema.Literals(["asc", "desc"]), "dsc", 'expected one of asc, desc, got the text "dsc". Did you mean `desc`?'],
    ["several kinds", Schema.Union([Schema.String, Schema.Finite]), true, "expected text or a number, got true."],
    [
      "a number within bounds",
      Schema.Finite.check(Schema.isBetween({ minimum: 1, maximum: 5 })),
      9,
      "expected a value between 1 and 5, got the number 9.",
    ],
    [
      "a number within bounds, not text",
      Schema.Finite.check(Schema.isBetween({ minimum: 1, maximum: 5 })),
      "x",
      'expected a number between 1 and 5, got the text "x".',
    ],
    ["an own message", Schema.String.check(Schema.isMinLength(3, { message: "too short" })), "x", "too short."],
    ["an own check", Schema.String.check(Schema.makeFilter((text) => text === "x" || "must be x")), "y", "must be x."],
  ])("%s", (_, schema, value, message) => {
    expect(problemsOf(schema, value)).toEqual([`config: ${message}`])
  })

  it("cuts long text, and says empty text, nothing and big numbers as they are", () => {
    expect(problemsOf(Schema.Finite, "x".repeat(500))[0]!.length).toBeLessThan(130)
    expect(problemsOf(Schema.Finite, "")).toEqual(["config: expected a number, got empty text."])
    expect(problemsOf(Schema.Finite, null)).toEqual(["config: expected a number, got nothing."])
    expect(problemsOf(Schema.Finite, 10n)).toEqual(["config: expected a number, got the number 10."])
    expect(problemsOf(Schema.String, () => 1)).toEqual(["config: expected text, got a function."])
  })

  it("tells all of it, at every depth", () => {
    const schema = Schema.Struct({
      pages: Schema.Array(
        Schema.Struct({ url: Schema.String.annotate({ description: "Address." }), size: Schema.optionalKey(Schema.Finite) }),
      ),
      headers: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
    })
    expect(problemsOf(schema, { pages: [{ size: "x" }, { url: 5, sise: 1 }], headers: { a: 1 }, more: 1 })).toEqual([
      "config.more: unknown key `more`.",
      "config.pages[0].url: the key `url` is missing.",
      'config.pages[0].size: expected a number, got the text "x".',
      "config.pages[1].sise: unknown key `sise`. Did you mean `size`?",
      "config.pages[1].url: expected text, got the number 5.",
      "config.headers.a: expected text, got the number 1.",
    ])
  })

  it("of several forms of a mapping, looks into the one that is meant", () => {
    const schema = Schema.Union([
      Schema.Struct({ type: Schema.Literal("page"), size: Schema.Finite }),
      Schema.Struct({ type: Schema.Literal("cursor"), path: Schema.String }),
    ])
    expect(problemsOf(schema, { type: "page", size: "x" })).toEqual(['config.size: expected a number, got the text "x".'])
    expect(problemsOf(schema, { type: "paeg" })).toEqual([
      'config.type: expected one of page, cursor, got the text "paeg". Did you mean `page`?',
    ])
    expect(problemsOf(schema, {})).toEqual(["config.type: the key `type` is missing."])
    expect(problemsOf(schema, 5)).toEqual(["config: expected a mapping, got the number 5."])
    const loose = Schema.Union([Schema.String, Schema.Struct({ host: Schema.String, port: Schema.optionalKey(Schema.Finite) })])
    expect(problemsOf(loose, { host: "h", prot: 1 })).toEqual(["config.prot: unknown key `prot`. Did you mean `port`?"])
  })

  it("sees an undefined value as a missing key", () => {
    expect(problemsOf(Schema.Struct({ a: Schema.String }), { a: undefined })).toEqual(["config.a: the key `a` is missing."])
  })
})
