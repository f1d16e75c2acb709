import { describe, expect, it } from "vitest"
import { plugins } from "../../test/pipeline/plugins.ts"
import { decodeDefinitionOrThrow } from "./decodeDefinition.ts"
import { pipeline, typedDestination, typedSource } from "./pipeline.ts"
import { parsePipelineText } from "./PipelineFile.ts"
import { printDefinition } from "./printDefinition.ts"

const ends = { sources: [{ type: "csv", path: "a.csv" }], destinations: [{ type: "json", path: "b.json" }] } as const

describe("pipeline()", () => {
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
