/** The JSON Schema (draft-07) of a plugin's config: what the plugin gives, or what its schema library says. */
import * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import type { StandardSchema } from "../contract/Plugin.ts"
import { isMapping } from "./path.ts"
import { descriptionOf } from "./schemaProblems.ts"

/** The keywords that are looked at here. */
export interface JsonSchemaNode {
  readonly type?: unknown
  readonly properties?: Readonly<Record<string, JsonSchemaNode>>
  readonly required?: ReadonlyArray<string>
  readonly additionalProperties?: unknown
  readonly items?: unknown
  readonly description?: string
  readonly writeOnly?: boolean
  readonly format?: string
  readonly [keyword: string]: unknown
}

interface WithSchema {
  readonly config: StandardSchema
  readonly jsonSchema?: unknown
}

/** Undefined where nobody knows: any config is then as good as another to an editor, and the plugin's own check has the last word. */
export const configJsonSchema = (plugin: WithSchema): JsonSchemaNode | undefined => {
  if (isMapping(plugin.jsonSchema)) return plugin.jsonSchema
  const schema: unknown = plugin.config
  if (Schema.isSchema(schema)) return effectJsonSchema(schema)
  return vendorJsonSchema(plugin.config) ?? valibotKeys(plugin.config)
}

/** Draft-07 of an Effect Schema as people write it, with a description on each key that has one in the schema. */
export const effectJsonSchema = (schema: Schema.Constraint): JsonSchemaNode => {
  const document = JsonSchema.toDocumentDraft07(Schema.toJsonSchemaDocument(schema, { onExcessProperty: "error" }))
  const root = withDescriptions(document.schema, schema.ast)
  return Object.keys(document.definitions).length === 0 ? root : { ...root, definitions: document.definitions }
}

/** Descriptions that stand on the decoded side only, as with `Schema.RedactedFromValue(…).annotate(…)`. */
const withDescriptions = (node: JsonSchemaNode, ast: SchemaAST.AST): JsonSchemaNode => {
  const { properties } = node
  if (!SchemaAST.isObjects(ast) || properties === undefined) return node
  const described = ast.propertySignatures.map(({ name, type }): [string, JsonSchemaNode] => {
    const property = { ...withDescriptions(properties[String(name)] ?? {}, type), ...(isRedacted(type) ? { writeOnly: true } : {}) }
    const description = property.description ?? descriptionOf(type)
    return [String(name), description === undefined ? property : { ...property, description }]
  })
  return { ...node, properties: Object.fromEntries(described) }
}

// `Schema.RedactedFromValue`: written as text, and a secret.
export const isRedacted = (ast: SchemaAST.AST): boolean => {
  const form = ast.annotations?.["representation"]
  return typeof form === "object" && form !== null && "id" in form && form.id === "effect/schema/Redacted"
}

interface JsonSchemaConverter {
  readonly input: (options: { readonly target: string }) => unknown
}

/** What Zod and ArkType give by the Standard JSON Schema interface. */
const vendorJsonSchema = (schema: StandardSchema): JsonSchemaNode | undefined => {
  const standard: object = schema["~standard"]
  if (!("jsonSchema" in standard)) return undefined
  try {
    const node = (standard.jsonSchema as JsonSchemaConverter).input({ target: "draft-07" })
    return isMapping(node) ? node : undefined
  } catch {
    return undefined // The library says that its schema has no JSON form, such as one with a function in it.
  }
}

/** Valibot gives no JSON Schema by itself, but its objects name their keys. */
const valibotKeys = (schema: object): JsonSchemaNode | undefined => {
  if (!("entries" in schema) || !isMapping(schema.entries)) return undefined
  const isOpen = "type" in schema && (schema.type === "loose_object" || schema.type === "object_with_rest")
  const properties = Object.fromEntries(
    Object.entries(schema.entries).map(([key, entry]) => [key, isMapping(entry) ? (valibotKeys(entry) ?? {}) : {}]),
  )
  return { type: "object", properties, ...(isOpen ? { additionalProperties: true } : {}) }
}
