/** What plugins there are, with the JSON Schema of their configs: for forms, editors and lists. */
import { configJsonSchema, effectJsonSchema, type JsonSchemaNode } from "./configJsonSchema.ts"
import type { Plugin } from "./decodeConnectors.ts"
import { tidy } from "./JsonSchema.ts"
import { builtinSteps } from "./StepDefinition.ts"

export interface PluginType {
  readonly type: string
  readonly kind: "source" | "destination" | "transform"
  readonly summary: string
  /** Draft-07; null where the plugin's library says none. */
  readonly schema: JsonSchemaNode | null
}

/** Of two plugins of one kind and type the first counts. Sorted by type, then by kind. */
export const pluginTypes = (plugins: ReadonlyArray<Plugin>): ReadonlyArray<PluginType> => {
  const found = new Map<string, PluginType>()
  for (const plugin of plugins) {
    if (plugin.kind === "sql") continue
    const key = `${plugin.type} ${plugin.kind}`
    const schema = found.has(key) ? undefined : configJsonSchema(plugin)
    const entry = { type: plugin.type, kind: plugin.kind, summary: plugin.summary, schema: schema === undefined ? null : tidy(schema) }
    if (!found.has(key)) found.set(key, entry)
  }
  return Array.from(found, ([key, type]) => ({ key, type }))
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ type }) => type)
}

/** The steps that every engine has. */
export const builtinStepTypes: ReadonlyArray<PluginType> = builtinSteps.map((step) => ({
  type: step.fields.type.literal,
  kind: "transform",
  summary: step.ast.annotations?.["description"] as string,
  schema: tidy(effectJsonSchema(step)),
}))
