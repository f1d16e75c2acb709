/**
 * The JSON Schema (draft-07) of pipeline and project files, for editors: `# yaml-language-server: $schema=…`.
 *
 * It comes from the schema that decodes the files, with one branch for each plugin `type` and a description on every key. An editor sees
 * less than the decoder does: keys that must fit together, cron expressions and names of other pipelines are checked by `validate` alone.
 */
import * as Schema from "effect/Schema"
import { configJsonSchema, effectJsonSchema, type JsonSchemaNode } from "./configJsonSchema.ts"
import { destinationFields, sourceFields } from "./ConnectorDefinition.ts"
import type { ConfiguredPlugin, Plugin } from "./decodeConnectors.ts"
import { Pipeline } from "./Definition.ts"
import { isMapping } from "./path.ts"
import { projectFields } from "./settings.ts"
import { builtinSteps, PluginStep } from "./StepDefinition.ts"

export const DRAFT_07 = "http://json-schema.org/draft-07/schema#"

type Definitions = Record<string, JsonSchemaNode>

/** The schema of a pipeline file with these plugins. */
export const pipelineJsonSchema = (plugins: ReadonlyArray<Plugin>): JsonSchemaNode => {
  const definitions: Definitions = { ...sharedDefinitions() }
  const root = effectJsonSchema(Pipeline)
  const properties = { ...root.properties }
  const destination = connectorSchema("destination", plugins, definitions)
  properties["sources"] = listOf(properties["sources"], connectorSchema("source", plugins, definitions))
  properties["destinations"] = listOf(properties["destinations"], destination)
  properties["transforms"] = listOf(properties["transforms"], stepSchema(plugins, definitions))
  properties["error_handling"] = withProperty(properties["error_handling"], "dead_letter", destination)
  return document("Deltaflow pipeline", { ...root, properties }, definitions)
}

/** The schema of a `deltaflow.yml` that is no pipeline itself, and of the user's own file. */
export const projectJsonSchema = (): JsonSchemaNode => document("Deltaflow project", effectJsonSchema(Schema.Struct(projectFields)), {})

const document = (title: string, root: JsonSchemaNode, definitions: Definitions): JsonSchemaNode => ({
  $schema: DRAFT_07,
  title,
  ...allowVariables(tidy(root)),
  definitions: { ...mapValues(definitions, (node) => allowVariables(tidy(node as JsonSchemaNode))), variable: variableSchema },
})

const variableSchema: JsonSchemaNode = {
  type: "string",
  pattern: String.raw`\$\{`,
  description: "The value of a variable: ${NAME}, or ${NAME:-default}.",
}

const sharedDefinitions = (): Definitions => ({
  source: effectJsonSchema(Schema.Struct(sourceFields)),
  destination: effectJsonSchema(Schema.Struct(destinationFields)),
  step: effectJsonSchema(PluginStep.schema),
})

const listOf = (list: JsonSchemaNode | undefined, items: JsonSchemaNode): JsonSchemaNode => ({ ...list, items })

const withProperty = (owner: JsonSchemaNode | undefined, key: string, node: JsonSchemaNode): JsonSchemaNode => {
  const before = owner?.properties?.[key]
  return {
    ...owner,
    properties: { ...owner?.properties, [key]: before?.description === undefined ? node : { ...node, description: before.description } },
  }
}

/**
 * A mapping whose other keys depend on its `type`: one `if` and `then` for each, so that an editor tells only what is wrong with that
 * type.
 */
const branches = (
  shared: string,
  types: ReadonlyArray<string>,
  description: string,
  then: (type: string) => JsonSchemaNode,
): JsonSchemaNode => ({
  type: "object",
  required: ["type"],
  properties: { type: { type: "string", description, ...(types.length === 0 ? {} : { enum: types }) } },
  ...(types.length === 0 ? {} : { allOf: types.map((type) => branch(type, then(type))) }),
  description: `Keys that every ${shared} has, and those of its type.`,
})

const branch = (type: string, node: JsonSchemaNode): JsonSchemaNode => ({
  if: { properties: { type: { const: type } }, required: ["type"] },
  // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
  then: node,
})

const connectorSchema = (kind: "source" | "destination", plugins: ReadonlyArray<Plugin>, definitions: Definitions): JsonSchemaNode => {
  const ofKind = firstOfEachType(plugins.filter((plugin): plugin is ConfiguredPlugin => plugin.kind === kind))
  const types = [...ofKind.keys()]
  return branches(kind, types, `Type of the ${kind}.`, (type) => pluginBranch(ofKind.get(type)!, kind, definitions))
}

const stepSchema = (plugins: ReadonlyArray<Plugin>, definitions: Definitions): JsonSchemaNode => {
  const transforms = firstOfEachType(plugins.filter((plugin) => plugin.kind === "transform"))
  const builtins = new Map<string, (typeof builtinSteps)[number]>(builtinSteps.map((step) => [step.fields.type.literal, step]))
  const own = [...transforms.keys()].filter((type) => !builtins.has(type))
  const types = [...new Set([...builtins.keys(), ...own])]
  return branches("step", types, "Type of the step.", (type) =>
    own.includes(type) ? pluginBranch(transforms.get(type)!, "step", definitions) : effectJsonSchema(builtins.get(type)!),
  )
}

const firstOfEachType = (plugins: ReadonlyArray<ConfiguredPlugin>): ReadonlyMap<string, ConfiguredPlugin> =>
  new Map(
    plugins
      .toReversed()
      .map((plugin): [string, ConfiguredPlugin] => [plugin.type, plugin])
      .toReversed(),
  )

/** The keys of a plugin's config, beside those that all of its kind share. */
const pluginBranch = (plugin: ConfiguredPlugin, shared: string, definitions: Definitions): JsonSchemaNode => {
  const config = configJsonSchema(plugin)
  const summary = plugin.summary === "" ? {} : { description: plugin.summary }
  if (config === undefined) return { type: "object", ...summary }
  const prefix = `${plugin.kind}_${plugin.type}_`
  const { definitions: inner, $defs, $schema: _, ...own } = config
  for (const [name, node] of Object.entries({ ...asDefinitions(inner), ...asDefinitions($defs) }))
    definitions[prefix + name] = renameRefs(node, prefix) as JsonSchemaNode
  const names = Object.keys(definitions[shared]?.properties ?? {})
  return { ...withShared(renameRefs(own, prefix) as JsonSchemaNode, shared, names), ...summary }
}

const asDefinitions = (node: unknown): Definitions => (isMapping(node) ? (node as Definitions) : {})

/** Names of definitions are unique within a plugin only. */
const renameRefs = (node: unknown, prefix: string): unknown => {
  if (Array.isArray(node)) return node.map((item) => renameRefs(item, prefix))
  if (!isMapping(node)) return node
  return mapValues(node, (value, key) =>
    key === "$ref" && typeof value === "string"
      ? value.replace(/^#\/(definitions|\$defs)\//, `#/definitions/${prefix}`)
      : renameRefs(value, prefix),
  )
}

/** A mapping that is closed must know the shared keys too; of several forms, each. */
const withShared = (node: JsonSchemaNode, shared: string, names: ReadonlyArray<string>): JsonSchemaNode => {
  const forms = Object.fromEntries(
    ["anyOf", "oneOf"].flatMap((key) => {
      const list = node[key]
      return Array.isArray(list) ? [[key, list.map((form: unknown) => withShared(form as JsonSchemaNode, shared, names))]] : []
    }),
  )
  if (node.properties === undefined) return { ...node, ...forms }
  const refs = Object.fromEntries(names.map((name) => [name, { $ref: `#/definitions/${shared}/properties/${name}` }]))
  return { ...node, ...forms, properties: { ...refs, ...node.properties }, additionalProperties: node.additionalProperties ?? false }
}

/** Bounds that are those of the number type itself say nothing to anybody. */
export const tidy = (node: JsonSchemaNode): JsonSchemaNode => tidyAny(node) as JsonSchemaNode

const tidyAny = (node: unknown): unknown => {
  if (Array.isArray(node)) return node.map(tidyAny)
  if (!isMapping(node)) return node
  const entries = Object.entries(node).filter(
    ([key, value]) =>
      !((key === "maximum" && value === Number.MAX_SAFE_INTEGER) || (key === "minimum" && value === Number.MIN_SAFE_INTEGER)),
  )
  return Object.fromEntries(entries.map(([key, value]) => [key, tidyAny(value)]))
}

/** Wherever a number, a truth value or one of some words is wanted, `${VAR}` may stand. */
const allowVariables = (node: JsonSchemaNode): JsonSchemaNode => {
  const inner = mapValues(node, (value, key) =>
    key === "properties" ? allowInProperties(value) : containers.has(key) ? allowInside(value) : value,
  ) as JsonSchemaNode
  if (!isNarrow(node)) return inner
  const { description, ...rest } = inner
  return { anyOf: [rest, { $ref: "#/definitions/variable" }], ...(description === undefined ? {} : { description }) }
}

const containers: ReadonlySet<string> = new Set(["items", "additionalProperties", "anyOf", "oneOf", "then", "allOf"])

const allowInside = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(allowInside) : isMapping(value) ? allowVariables(value) : value

// What a mapping is must be known before its variables are.
const allowInProperties = (value: unknown): unknown =>
  isMapping(value) ? mapValues(value, (node, key) => (key === "type" ? node : allowInside(node))) : value

const isNarrow = (node: JsonSchemaNode): boolean =>
  ["number", "integer", "boolean"].includes(String(node.type)) ||
  (node.type === "string" &&
    (node["enum"] !== undefined || node["pattern"] !== undefined || (node.format !== undefined && node.format !== "password")))

const mapValues = <A>(record: Readonly<Record<string, unknown>>, map: (value: unknown, key: string) => A): Record<string, A> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]))
