/**
 * Checks the config of a plugin with the plugin's own schema, whichever library that comes from, and says what is wrong in the words of
 * this package.
 */
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { StandardIssue, StandardSchema } from "../contract/Plugin.ts"
import { configJsonSchema, type JsonSchemaNode } from "./configJsonSchema.ts"
import { isMapping, type Path, valueAt } from "./path.ts"
import { describeValue, missingKey, type Problem, unknownKey } from "./problem.ts"
import { decodeWithAsync, type Outcome } from "./schemaProblems.ts"
import { collectingSecrets } from "./secret.ts"
import { secretsOfConfig } from "./secretFields.ts"
import type { Secrets } from "./Secrets.ts"
import { messageOf } from "../model/messageOf.ts"

/** The part of a plugin that its config depends on. */
export interface Configured {
  readonly type: string
  readonly config: StandardSchema
  readonly jsonSchema?: unknown
}

/** The config as the plugin's schema gives it. Secrets in it are registered. `path` is where the config stands. */
export const validateConfig = async (plugin: Configured, value: unknown, path: Path, secrets: Secrets): Promise<Outcome<unknown>> => {
  const schema: unknown = plugin.config
  for (const place of secretsOfConfig(plugin, value)) secrets.add(String(valueAt(value, place)))
  const outcome = await collectingSecrets(
    (text) => secrets.add(text),
    async () =>
      Schema.isSchema(schema)
        ? await decodeWithAsync(schema as Schema.Codec<unknown>, value, path)
        : await validateStandard(plugin, value, path),
  )
  if (outcome.ok) registerRedacted(outcome.value, secrets)
  return outcome
}

const validateStandard = async (plugin: Configured, value: unknown, path: Path): Promise<Outcome<unknown>> => {
  const shape = configJsonSchema(plugin)
  const unknown = unknownKeys(shape, value, path)
  const result = await answerOf(plugin, value)
  // Valibot gives a value beside its issues, so only their absence says that all is well.
  if (result.issues === undefined && unknown.length === 0) return { ok: true, value: result.value }
  const told = (result.issues ?? []).flatMap((issue) => standardProblems(issue, shape, value, path))
  return { ok: false, problems: [...unknown, ...told] }
}

const answerOf = async (plugin: Configured, value: unknown) => {
  try {
    return await plugin.config["~standard"].validate(value)
  } catch (cause) {
    const message = messageOf(cause)
    return { issues: [{ message: `the config schema of ${plugin.type} threw: ${message}` }] }
  }
}

/** Libraries drop unknown keys in silence unless told otherwise; a mistyped key is an error here. */
const unknownKeys = (shape: JsonSchemaNode | undefined, value: unknown, path: Path): ReadonlyArray<Problem> => {
  if (shape === undefined) return []
  if (Array.isArray(value)) return value.flatMap((item, i) => unknownKeys(itemShape(shape), item, [...path, i]))
  const { properties } = shape
  if (!isMapping(value) || properties === undefined) return []
  const isClosed = shape.additionalProperties === undefined || shape.additionalProperties === false
  return Object.entries(value).flatMap(([key, inner]) => {
    if (Object.hasOwn(properties, key)) return unknownKeys(properties[key], inner, [...path, key])
    return isClosed ? [unknownKey([...path, key], Object.keys(properties))] : []
  })
}

const itemShape = ({ items }: JsonSchemaNode): JsonSchemaNode | undefined => (isMapping(items) ? items : undefined)

const standardProblems = (issue: StandardIssue, shape: JsonSchemaNode | undefined, root: unknown, base: Path): ReadonlyArray<Problem> => {
  const path = (issue.path ?? []).map((part) => toPart(typeof part === "object" ? part.key : part))
  // Zod tells of unknown keys at their owner. What its JSON Schema shows was found before.
  if ("code" in issue && issue.code === "unrecognized_keys" && "keys" in issue && Array.isArray(issue.keys)) {
    const known = Object.keys(shapeAt(shape, path)?.properties ?? {})
    return known.length > 0 ? [] : issue.keys.map((key) => unknownKey([...base, ...path, String(key)], known))
  }
  const value = valueAt(root, path)
  if (path.length > 0 && value === undefined) return [missingKey([...base, ...path], shapeAt(shape, path)?.description)]
  return [{ code: "INVALID_VALUE", message: sentence(issue.message, value), path: [...base, ...path] }]
}

const toPart = (part: PropertyKey): string | number => (typeof part === "number" ? part : String(part))

/** What the library says, with what was found where it does not say that. */
const sentence = (message: string, value: unknown): string => {
  const text = message.trim().replace(/\.$/, "")
  const isTold = typeof value === "object" || value === undefined || text.includes(String(value))
  return isTold ? `${text}.` : `${text}; got ${describeValue(value)}.`
}

const shapeAt = (shape: JsonSchemaNode | undefined, path: Path): JsonSchemaNode | undefined =>
  path.reduce<JsonSchemaNode | undefined>(
    (node, part) => (node === undefined ? undefined : typeof part === "number" ? itemShape(node) : node.properties?.[part]),
    shape,
  )

const registerRedacted = (value: unknown, secrets: Secrets): void => {
  if (Redacted.isRedacted(value)) {
    const inner = Redacted.value(value)
    if (typeof inner === "string") secrets.add(inner)
  }
  if (Array.isArray(value)) for (const item of value) registerRedacted(item, secrets)
  if (isMapping(value)) for (const inner of Object.values(value)) registerRedacted(inner, secrets)
}
