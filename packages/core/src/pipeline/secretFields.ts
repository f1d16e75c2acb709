/**
 * Which fields of a definition or a config hold secrets: those that a schema marks with `writeOnly`, `Schema.RedactedFromValue`, or the
 * format `password`.
 */
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { configJsonSchema, isRedacted, type JsonSchemaNode } from "./configJsonSchema.ts"
import type { Configured } from "./config.ts"
import { destinationFields, sourceFields } from "./ConnectorDefinition.ts"
import type { ConfiguredPlugin, Plugin } from "./decodeConnectors.ts"
import { keysBeside } from "./decodeKeys.ts"
import { Pipeline, type PipelineDefinition } from "./Definition.ts"
import { isMapping, type Path, valueAt, withValueAt } from "./path.ts"
import { MASK } from "./Secrets.ts"
import { PluginStep } from "./StepDefinition.ts"

/** Paths of the texts in the sections of a definition that are secret, plugins' configs left out. */
export const secretsOfDefinition = (value: unknown): ReadonlyArray<Path> => inSchema(Pipeline.ast, value, [])

/** Paths within a config. */
export const secretsOfConfig = (plugin: Configured, value: unknown): ReadonlyArray<Path> => {
  const schema: unknown = plugin.config
  if (Schema.isSchema(schema)) return inSchema(schema.ast, value, [])
  const shape = configJsonSchema(plugin)
  return shape === undefined ? [] : inJsonSchema(shape, value, [])
}

const inSchema = (ast: SchemaAST.AST, value: unknown, path: Path): ReadonlyArray<Path> => {
  if (typeof value === "string" && isSecret(ast)) return [path]
  if (SchemaAST.isUnion(ast)) return ast.types.flatMap((type) => inSchema(type, value, path))
  if (SchemaAST.isArrays(ast) && Array.isArray(value)) {
    return value.flatMap((item: unknown, i) => ast.rest.slice(0, 1).flatMap((type) => inSchema(type, item, [...path, i])))
  }
  if (!SchemaAST.isObjects(ast) || !isMapping(value)) return []
  return ast.propertySignatures.flatMap(({ name, type }) => {
    const key = String(name)
    return Object.hasOwn(value, key) ? inSchema(type, value[key], [...path, key]) : []
  })
}

const isSecret = (ast: SchemaAST.AST): boolean =>
  isRedacted(ast) ||
  [ast.annotations, ast.checks?.at(-1)?.annotations, ast.context?.annotations].some(
    (annotations) => annotations?.["writeOnly"] === true || annotations?.["format"] === "password",
  )

const inJsonSchema = (shape: JsonSchemaNode, value: unknown, path: Path): ReadonlyArray<Path> => {
  if (typeof value === "string") return shape.writeOnly === true || shape.format === "password" ? [path] : []
  const { items } = shape
  if (Array.isArray(value)) return isMapping(items) ? value.flatMap((item, i) => inJsonSchema(items, item, [...path, i])) : []
  if (!isMapping(value)) return []
  return Object.entries(shape.properties ?? {}).flatMap(([key, inner]) =>
    Object.hasOwn(value, key) ? inJsonSchema(inner, value[key], [...path, key]) : [],
  )
}

/** Paths of the secrets that stand in the definition itself, and not in a variable. */
export const literalSecrets = (definition: PipelineDefinition, plugins: ReadonlyArray<Plugin>): ReadonlyArray<Path> =>
  [...secretsOfDefinition(definition), ...configsOf(definition).flatMap((entry) => secretsOfEntry(definition, entry, plugins))].filter(
    (path) => !String(valueAt(definition, path)).includes("${"),
  )

/** A copy to show: secrets that stand in the definition itself read `***`, variables stay as they are written. */
export const hideSecrets = (definition: PipelineDefinition, plugins: ReadonlyArray<Plugin>): PipelineDefinition =>
  literalSecrets(definition, plugins).reduce<unknown>((copy, path) => withValueAt(copy, path, MASK), definition) as PipelineDefinition

interface Entry {
  readonly path: Path
  readonly kind: ConfiguredPlugin["kind"]
}

const configsOf = (definition: PipelineDefinition): ReadonlyArray<Entry> => {
  const entries = (key: "sources" | "transforms" | "destinations", kind: ConfiguredPlugin["kind"]) =>
    (definition[key] ?? []).map((_, i): Entry => ({ path: [key, i], kind }))
  return [
    ...entries("sources", "source"),
    ...entries("transforms", "transform"),
    ...entries("destinations", "destination"),
    { path: ["error_handling", "dead_letter"], kind: "destination" },
  ]
}

const sharedFields = { source: sourceFields, destination: destinationFields, transform: PluginStep.schema.fields }

const secretsOfEntry = (definition: PipelineDefinition, { path, kind }: Entry, plugins: ReadonlyArray<Plugin>): ReadonlyArray<Path> => {
  const entry = valueAt(definition, path)
  if (!isMapping(entry)) return []
  const plugin = plugins.find((one): one is ConfiguredPlugin => one.kind === kind && one.type === entry["type"])
  if (plugin === undefined) return []
  const config = Object.fromEntries(keysBeside(sharedFields[kind], entry).map((key) => [key, entry[key]]))
  return secretsOfConfig(plugin, config).map((inside) => [...path, ...inside])
}
