import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { plugins } from "../../test/pipeline/plugins.ts"
import { decodeDefinitionOrThrow } from "./decodeDefinition.ts"
import { pipeline, typedDestination, typedSource } from "./pipeline.ts"
import type { PipelineDefinition, StepDefinition } from "./Definition.ts"
import { parsePipelineText } from "./PipelineFile.ts"
import { printDefinition } from "./printDefinition.ts"

const ends = { sources: [{ type: "csv", path: "a.csv" }], destinations: [{ type: "json", path: "b.json" }] } as const

/** Names and texts that YAML could take for something else. */
const text = fc.oneof(
  fc.constantFrom("id", "true", "1.0", "~", "a: b", "# a", "2025-01-01", "😀", "it's", "a\nb", " a", "0x1F", "- a", "{a}", '"', "<<"),
  // `${` begins a variable.
  fc.string({ minLength: 1, maxLength: 8 }).filter((some) => !some.includes("${")),
)
const texts = fc.uniqueArray(text, { minLength: 1, maxLength: 3 })
const record = <T>(value: fc.Arbitrary<T>) => fc.dictionary(text, value, { minKeys: 1, maxKeys: 3 })
const expression = fc.oneof(
  text.map((name) => `"${name.replaceAll('"', '""')}" >= 18 AND x <> 'it''s: #1'`),
  fc.constantFrom<string | number | boolean>("count(*) FILTER (WHERE a > 1)", 1, 0.5, true),
)

const step: fc.Arbitrary<StepDefinition> = fc.oneof(
  fc.record({ type: fc.constant("filter"), condition: expression }),
  fc.record({ type: fc.constant("map"), name: text, fields: record(expression) }),
  fc.record({ type: fc.constant("rename"), columns: record(text) }),
  fc.record({ type: fc.constant("select"), columns: texts }),
  fc.record({ type: fc.constant("aggregate"), group_by: fc.oneof(text, texts), metrics: record(expression) }),
  fc.record({ type: fc.constant("deduplicate"), key: fc.oneof(text, texts), keep: fc.constant("latest"), by: text }),
  fc.record({ type: fc.constant("sort"), by: text, order: fc.constantFrom("asc", "desc") }, { requiredKeys: ["type", "by"] }),
  fc.record({ type: fc.constant("sort"), by: fc.array(fc.record({ column: text, nulls: fc.constant("first") }), { minLength: 1 }) }),
  fc.record({ type: fc.constant("join"), with: fc.constant("other"), on: fc.oneof(text, texts, record(text)), how: fc.constant("left") }),
  fc.record({ type: fc.constant("unnest"), column: text, as: text }, { requiredKeys: ["type", "column"] }),
  fc.record({ type: fc.constant("flatten"), column: text, separator: text }),
  fc.record({
    type: fc.constant("custom"),
    module: fc.constant("./a.ts"),
    // `${` would begin a variable.
    config: record(fc.jsonValue().filter((value) => !JSON.stringify(value).includes("${"))),
    columns: record(fc.constant("date")),
  }),
  fc.record({ type: fc.constant("anonymize"), columns: texts }),
) as fc.Arbitrary<StepDefinition>

const definition: fc.Arbitrary<PipelineDefinition> = fc.record(
  {
    name: fc.constant("any"),
    description: text,
    sources: fc.constant([
      { type: "csv", path: "a.csv", columns: { id: "integer" } },
      { type: "csv", name: "other", path: "b.csv" },
    ] as const),
    // A source is joined once at most.
    transforms: fc.array(step, { maxLength: 5 }).filter((steps) => steps.filter(({ type }) => type === "join").length < 2),
    schema: record(
      fc.record({ type: fc.constant("integer"), min: fc.integer(), enum: fc.array(fc.oneof(text, fc.boolean()), { minLength: 1 }) }, {}),
    ),
    destinations: fc.constant([{ type: "json", path: "b.json" }]),
    schedule: fc.constant("0 * * * *"),
    error_handling: fc.constant({ strategy: "skip", max_errors: 3, retry_delay: "10s", dead_letter: { type: "json", path: "c.json" } }),
  },
  { requiredKeys: ["name", "sources", "destinations"] },
) as fc.Arbitrary<PipelineDefinition>

describe("pipeline()", () => {
  it("gives the definition that its YAML gives, whatever is in it", async () => {
    await fc.assert(
      fc.asyncProperty(definition, async (inCode) => {
        const printed = printDefinition(pipeline(inCode as never))
        const { value, problems } = parsePipelineText(printed)
        expect(problems).toEqual([])
        expect(value).toEqual(inCode)
        expect(printDefinition(value as PipelineDefinition)).toBe(printed)
        const fromCode = await decodeDefinitionOrThrow(inCode, { plugins })
        expect(fromCode).toEqual(await decodeDefinitionOrThrow(value, { plugins }))
      }),
      { numRuns: 200 },
    )
  })

  it("gives the definition that the same file gives", async () => {
    const inCode = pipeline({
      name: "users",
      version: "1.0",
      ...ends,
      transforms: [
        { type: "filter", condition: "age >= 18" },
        { type: "rename", columns: { email_address: "email" } },
        { type: "select", columns: ["id", "email"] },
        { type: "anonymize", columns: ["email"] },
      ],
      error_handling: { strategy: "retry", max_retries: 3, retry_delay: "10s" },
    })
    const { value } = parsePipelineText(printDefinition(inCode))
    expect(value).toEqual(inCode)
    const fromCode = await decodeDefinitionOrThrow(inCode, { plugins })
    const fromFile = await decodeDefinitionOrThrow(value, { plugins })
    expect(fromCode).toEqual(fromFile)
  })

  it("gives the same definition typed, printed as YAML and plain", async () => {
    const columns = { id: "integer", email_address: "string", age: "integer" } as const
    const steps = [
      { type: "filter", condition: "age >= 18" },
      { type: "rename", columns: { email_address: "email" } },
      { type: "select", columns: ["id", "email"] },
    ] as const
    const typed = pipeline({
      name: "users",
      sources: [typedSource(ends.sources[0], columns)],
      transforms: steps,
      destinations: [typedDestination(ends.destinations[0], { id: "integer", email: "string" })],
    })
    const plain = pipeline({
      name: "users",
      sources: [{ ...ends.sources[0], columns }],
      transforms: steps,
      destinations: ends.destinations,
    })
    expect(typed).toEqual(plain)
    const { value } = parsePipelineText(printDefinition(typed))
    expect(value).toEqual(plain)
    const fromCode = await decodeDefinitionOrThrow(typed, { plugins })
    expect(fromCode).toEqual(await decodeDefinitionOrThrow(value, { plugins }))
    expect(fromCode.sources[0]!.columns).toEqual(columns)
  })

  it("is checked by the compiler", () => {
    pipeline({ name: "a", ...ends })
    pipeline({ name: "a", ...ends, transforms: [{ type: "of_my_own", anything: 1 }] })
    // @ts-expect-error A filter has a condition.
    pipeline({ name: "a", ...ends, transforms: [{ type: "filter", conditon: "x" }] })
    // @ts-expect-error The columns of a select are a list.
    pipeline({ name: "a", ...ends, transforms: [{ type: "select", columns: "id" }] })
    // @ts-expect-error There is no such key.
    pipeline({ name: "a", ...ends, schedul: "0 * * * *" })
    // @ts-expect-error There is no such write mode.
    pipeline({ name: "a", sources: ends.sources, destinations: [{ type: "json", write_mode: "upsrt" }] })
    // @ts-expect-error A source has a type.
    pipeline({ name: "a", sources: [{ path: "a.csv" }], destinations: ends.destinations })
    // @ts-expect-error There is no such column type.
    pipeline({ name: "a", sources: [{ type: "csv", columns: { id: "int" } }], destinations: ends.destinations })
    expect(pipeline({ name: "a", ...ends }).name).toBe("a")
  })
})
