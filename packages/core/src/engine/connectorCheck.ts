/** Tries one connector by itself: the config is decoded as in a pipeline, the connection made, and no row moved. */
import * as Effect from "effect/Effect"
import type { Destination } from "../contract/Destination.ts"
import { DefinitionError, type DestinationError, type Issue, type SourceError } from "../contract/Errors.ts"
import type { ConnectionFacts, PluginContext } from "../contract/Plugin.ts"
import type { Source } from "../contract/Source.ts"
import { decodeDefinition } from "../pipeline/decodeDefinition.ts"
import type { DecodedPipeline } from "../pipeline/DecodedPipeline.ts"
import type { Secrets } from "../pipeline/Secrets.ts"
import type { EngineOptions, Plugin } from "./Options.ts"
import type { ResolvedPipeline } from "./Resolved.ts"

export type ConnectorRole = "source" | "destination"

/** A connector as it stands in a definition. */
export interface ConnectorEntry {
  readonly type: string
  readonly [key: string]: unknown
}

export interface CheckedConnector {
  readonly role: ConnectorRole
  /** Milliseconds that it took. */
  readonly latencyMs: number
  readonly facts: ConnectionFacts
}

/** A pipeline of this connector alone; its other end is one that is not there. Fails with `DefinitionError` for a wrong config. */
export const decodeConnector = (
  entry: ConnectorEntry,
  role: ConnectorRole,
  options: EngineOptions,
  secrets: Secrets,
): Effect.Effect<DecodedPipeline, DefinitionError> =>
  Effect.gen(function* () {
    const nothing = { type: NOTHING }
    const definition = {
      name: "connection-test",
      sources: [role === "source" ? entry : nothing],
      destinations: [role === "destination" ? entry : nothing],
    }
    const plugins = [...options.plugins.map(forCheck), nowhere, anywhere]
    const result = yield* Effect.promise(() => decodeDefinition(definition, { plugins, secrets, variables: [options.env ?? {}] }))
    return result.ok ? result.pipeline : yield* Effect.fail(new DefinitionError(result.issues.map(withinEntry)))
  })

/** The role that is tried where nobody says one: what can be read is. */
export const roleOf = (type: string, plugins: ReadonlyArray<Plugin>): ConnectorRole =>
  plugins.some((plugin) => plugin.kind === "source" && plugin.type === type) ||
  !plugins.some((plugin) => plugin.kind === "destination" && plugin.type === type)
    ? "source"
    : "destination"

export const checkDecoded = (
  { sources: [source], destinations: [destination] }: ResolvedPipeline,
  role: ConnectorRole,
  context: PluginContext,
): Effect.Effect<ConnectionFacts, SourceError | DestinationError> =>
  role === "source"
    ? checkSource(source!.plugin, { ...context, config: source!.config })
    : checkDestination(destination!.plugin, { ...context, config: destination!.config })

const checkSource = (
  plugin: Source,
  context: PluginContext & { readonly config: unknown },
): Effect.Effect<ConnectionFacts, SourceError> => {
  if (plugin.check !== undefined) return plugin.check.run(context)
  const request = { ...context, batchSize: 1, columns: {}, cursor: undefined, incremental: undefined, optional: false }
  const open = plugin.open({ ...request, follow: false, looksOnly: true })
  return Effect.scoped(Effect.map(open, ({ schema }) => ({ columns: schema.columns.map(({ name }) => name) })))
}

const checkDestination = (
  plugin: Destination,
  context: PluginContext & { readonly config: unknown },
): Effect.Effect<ConnectionFacts, DestinationError> => {
  if (plugin.check !== undefined) return plugin.check.run(context)
  return plugin.checkpoint === undefined ? Effect.succeed({}) : Effect.as(plugin.checkpoint(context), {})
}

/** The type of an end that is not there. */
export const NOTHING = "\0nothing"

/** The same plugin, with what its check needs for its config. */
const forCheck = (plugin: Plugin): Plugin =>
  (plugin.kind === "source" || plugin.kind === "destination") && plugin.check !== undefined
    ? { ...plugin, config: plugin.check.config, jsonSchema: undefined }
    : plugin

export const anyConfig = { "~standard": { version: 1 as const, vendor: "deltaflow", validate: (value: unknown) => ({ value }) } }

const nowhere: Source = { kind: "source", type: NOTHING, summary: "", config: anyConfig, open: () => Effect.never }

export const anywhere: Destination = {
  kind: "destination",
  type: NOTHING,
  summary: "",
  config: anyConfig,
  delivery: "none",
  writeModes: ["append"],
  open: () => Effect.never,
}

/** `sources[0].path` is `path` to who sees the connector alone. */
const withinEntry = (issue: Issue): Issue => ({ ...issue, path: issue.path.replace(/^(sources|destinations)\[0\]\.?/, "") })
