/** Settings that do not belong to one pipeline: flags beat the environment, that beats the project file, that beats the user's own file. */
import type { Issue } from "../contract/Errors.ts"
import { type Decoded, type Fields, withNumbers } from "./decodeKeys.ts"
import { inheritedFields, pipelineFields } from "./Definition.ts"
import { type InheritedSettings, mergeSettings, mergeValues, type MergedSettings } from "./inherit.ts"
import { optional, Port, SecretText, Text } from "./keys.ts"
import { toIssue } from "./problem.ts"
import { decodeWith } from "./schemaProblems.ts"
import type { Secrets } from "./Secrets.ts"
import type { Auth } from "./ServiceDefinition.ts"
import { pathKey, type VariableLayers } from "./variables.ts"

const hostFields = {
  state_dir: optional(Text, "Folder of the store, relative to the project. Default: `.deltaflow`."),
  api_port: optional(Port, "Port of the HTTP API. Default: 8080."),
  url: optional(Text, "Address of a Deltaflow server, for commands that talk to one."),
  api_key: optional(SecretText, "Key for that server."),
}

/** Keys of a project file that is no pipeline itself, and of the user's own file. */
export const projectFields = {
  name: optional(Text, "Name of the project, for people."),
  version: pipelineFields.version,
  description: pipelineFields.description,
  ...inheritedFields,
  events: pipelineFields.events,
  auth: pipelineFields.auth,
  ...hostFields,
}

export type ProjectKeys = Decoded<typeof projectFields>

/** What a host may set beside files: its flags, say. */
export type SettingsLayer = InheritedSettings & {
  readonly state_dir?: string
  readonly api_port?: number
  readonly url?: string
  readonly api_key?: string
  readonly auth?: AuthSettings | undefined
}

/** Who may use the API, with durations in milliseconds. */
export type AuthSettings = typeof Auth.Type

export interface ProjectSettings extends MergedSettings {
  readonly stateDir: string
  readonly apiPort: number
  readonly url: string | undefined
  readonly apiKey: string | undefined
  readonly auth: AuthSettings | undefined
}

/** The strongest first. */
export const projectSettings = (layers: ReadonlyArray<SettingsLayer>): ProjectSettings => {
  const first = <K extends keyof SettingsLayer>(key: K): SettingsLayer[K] | undefined =>
    layers.find((layer) => layer[key] !== undefined)?.[key]
  return {
    ...mergeSettings(...layers),
    stateDir: first("state_dir") ?? ".deltaflow",
    apiPort: first("api_port") ?? 8080,
    url: first("url"),
    apiKey: first("api_key"),
    auth: first("auth"),
  }
}

/** `DELTAFLOW_…`, and which setting each one is. */
export const environmentSettings = {
  DELTAFLOW_LOG_LEVEL: ["logging", "level"],
  DELTAFLOW_WORKERS: ["defaults", "workers"],
  DELTAFLOW_BATCH_SIZE: ["defaults", "batch_size"],
  DELTAFLOW_TIMEOUT: ["defaults", "timeout"],
  DELTAFLOW_METRICS_PORT: ["monitoring", "metrics", "port"],
  DELTAFLOW_API_PORT: ["api_port"],
  DELTAFLOW_STATE_DIR: ["state_dir"],
  DELTAFLOW_URL: ["url"],
  DELTAFLOW_API_KEY: ["api_key"],
} as const

export interface EnvironmentLayer {
  readonly layer: SettingsLayer
  readonly issues: ReadonlyArray<Issue>
}

/** Reads the `DELTAFLOW_…` variables. An empty one counts as not set. */
export const readEnvironment = (layers: VariableLayers, secrets: Secrets): EnvironmentLayer => {
  const issues: Array<Issue> = []
  let layer: unknown = {}
  for (const [name, path] of Object.entries(environmentSettings)) {
    const text = layers.find((values) => Object.hasOwn(values, name) && values[name] !== undefined)?.[name]
    if (text === undefined || text === "") continue
    if (name === "DELTAFLOW_API_KEY") secrets.add(String(text))
    const [key] = path
    const outcome = withNumbers(nested(path, text), [], new Set([pathKey(path)]), (value) =>
      decodeWith(settingsSchema[key]!, (value as Record<string, unknown>)[key], [key]),
    )
    if (outcome.ok) layer = mergeValues(layer, { [key]: outcome.value })
    else issues.push(...outcome.problems.map((problem) => ({ ...toIssue(problem, undefined, (shown) => secrets.mask(shown)), path: name })))
  }
  return { layer: layer as SettingsLayer, issues }
}

const settingsSchema: Fields = { ...inheritedFields, ...hostFields }

const nested = (path: ReadonlyArray<string>, value: unknown): unknown =>
  path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value)
