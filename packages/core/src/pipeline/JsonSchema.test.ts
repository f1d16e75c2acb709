import { Ajv } from "ajv"
import { readdirSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import * as z from "zod"
import { plugins } from "../../test/pipeline/plugins.ts"
import { defineDestination, defineSource } from "../contract/define.ts"
import type { JsonSchemaNode } from "./configJsonSchema.ts"
import { pipelineJsonSchema, projectJsonSchema } from "./JsonSchema.ts"
import { loadPipelineText, parsePipelineText } from "./PipelineFile.ts"
import { secret } from "./secret.ts"

const folder = `${import.meta.dirname}/../../test/pipeline/fixtures`
const fixtures = readdirSync(folder).map((file) => {
  const text = readFileSync(`${folder}/${file}`, "utf8")
  const place = /^# (valid|invalid at (.*))\n/.exec(text)
  return { file, text, isValid: place?.[1] === "valid", place: place?.[2] }
})

const checker = (schema: unknown) =>
  new Ajv({ allErrors: true, strict: true, strictTypes: false, strictRequired: false, formats: { password: true } }).compile(
    schema as object,
  )

describe("the JSON Schema of a pipeline file", () => {
  const schema = pipelineJsonSchema(plugins)
  const check = checker(schema)

  it("is draft-07, and has many fixtures", () => {
    expect(schema["$schema"]).toBe("http://json-schema.org/draft-07/schema#")
    expect(fixtures.length).toBeGreaterThanOrEqual(40)
  })

  it.each(fixtures.filter(({ isValid }) => isValid))("accepts $file", ({ text }) => {
    check(parsePipelineText(text).value)
    expect(check.errors ?? []).toEqual([])
  })

  it.each(fixtures.filter(({ isValid }) => !isValid))("refuses $file, at its place", ({ text, place }) => {
    expect(check(parsePipelineText(text).value)).toBe(false)
    expect(check.errors!.map(({ instancePath }) => instancePath)).toContain(place)
  })

  it.each(fixtures.filter(({ isValid }) => !isValid))("refuses nothing that the decoder accepts: $file", async ({ text }) => {
    expect((await loadPipelineText(text, { plugins })).ok).toBe(false)
  })

  it("accepts what the decoder accepts", async () => {
    for (const { text, file } of fixtures) {
      const result = await loadPipelineText(text, { plugins, variables: [{}] })
      const isAccepted = result.ok || result.issues.every(({ code }) => code === "UNSUPPORTED_FEATURE" || code === "MISSING_VARIABLE")
      expect([file, check(parsePipelineText(text).value)]).toEqual([file, isAccepted])
    }
  })

  it("has a description on every key", () => {
    expect(undescribed(schema)).toEqual([])
    expect(undescribed(projectJsonSchema())).toEqual([])
  })

  it("has one branch for each type, with the plugin's summary and the shared keys", () => {
    const types = branchesOf(schema, "sources").map(([type]) => type)
    expect(types).toEqual(["csv", "rest"])
    const [, csv] = branchesOf(schema, "sources")[0]!
    expect(csv.description).toBe("Comma-separated files.")
    expect(Object.keys(csv.properties!)).toEqual(expect.arrayContaining(["type", "path", "delimiter", "incremental", "batch_size"]))
    expect(branchesOf(schema, "transforms").map(([type]) => type)).toEqual([
      ..."filter map rename select custom aggregate deduplicate sort join sql unnest flatten".split(" "),
      "anonymize",
    ])
  })

  it("marks secrets", () => {
    const [, sqlite] = branchesOf(schema, "destinations").find(([type]) => type === "sqlite")!
    expect(sqlite.properties!["token"]).toMatchObject({ writeOnly: true, description: "Key of the file." })
  })

  it("takes configs from other libraries, with their own definitions and forms", () => {
    const node = z.object({
      name: z.string().describe("Name."),
      get children() {
        return z.array(node).describe("More.")
      },
    })
    const tree = defineSource({ type: "tree", config: z.object({ root: node.describe("Root."), token: secret() }), read: () => [] })
    const either = defineDestination({
      type: "either",
      config: z.union([z.object({ table: z.string().describe("Table.") }), z.object({ query: z.string().describe("Query.") })]),
      open: () => ({ write: () => undefined }),
    })
    const open = defineSource({ type: "open", config: z.looseObject({ a: z.string().describe("A.") }), read: () => [] })
    const own = checker(pipelineJsonSchema([tree, either, open]))
    const of = (source: object, destination: object) => own({ name: "a", sources: [source], destinations: [destination] })
    const root = { name: "a", children: [{ name: "b", children: [] }] }
    expect([of({ type: "tree", root, token: "x", batch_size: 5 }, { type: "either", table: "t", key: "id" }), own.errors]).toEqual([
      true,
      null,
    ])
    expect(of({ type: "tree", root: { name: "a", children: [{ nmae: "b" }] }, token: "x" }, { type: "either", table: "t" })).toBe(false)
    expect(of({ type: "tree", root, token: "x" }, { type: "either", tabel: "t" })).toBe(false)
    expect(of({ type: "open", a: "x", b: 1 }, { type: "either", query: "q" })).toBe(true)
  })

  it("stands without any plugin", () => {
    const bare = checker(pipelineJsonSchema([]))
    expect(bare({ name: "a", sources: [{ type: "anything", x: 1 }], destinations: [{ type: "y" }] })).toBe(true)
    expect(bare({ name: "a", sources: [{ x: 1 }], destinations: [{ type: "y" }] })).toBe(false)
  })
})

describe("the JSON Schema of a project file", () => {
  const check = checker(projectJsonSchema())

  it("knows the shared sections and the host's settings", () => {
    expect(check({ name: "shop", defaults: { workers: 2 }, logging: { level: "warn" }, state_dir: "state", api_port: "${PORT}" })).toBe(
      true,
    )
    expect(check({ sources: [] })).toBe(false)
    expect(check({ api_port: 70_000 })).toBe(false)
  })
})

const branchesOf = (schema: JsonSchemaNode, section: string): ReadonlyArray<readonly [string, JsonSchemaNode]> => {
  const items = schema.properties![section]!.items as JsonSchemaNode
  return (items["allOf"] as ReadonlyArray<JsonSchemaNode>).map((branch) => {
    const condition = branch["if"] as JsonSchemaNode
    return [String(condition.properties!["type"]!["const"]), branch["then"] as JsonSchemaNode]
  })
}

/** Paths of keys that have no description, neither of their own nor by reference. */
const undescribed = (root: JsonSchemaNode): ReadonlyArray<string> => {
  const missing: Array<string> = []
  const visit = (node: unknown, path: string): void => {
    if (Array.isArray(node)) for (const [i, item] of node.entries()) visit(item, `${path}/${i}`)
    if (typeof node !== "object" || node === null || Array.isArray(node)) return
    const { if: _, ...schema } = node as JsonSchemaNode
    for (const [key, property] of Object.entries(schema.properties ?? {})) {
      if (property.description === undefined && property["$ref"] === undefined) missing.push(`${path}/properties/${key}`)
    }
    for (const [key, inner] of Object.entries(schema)) visit(inner, `${path}/${key}`)
  }
  visit(root, "")
  return missing
}
