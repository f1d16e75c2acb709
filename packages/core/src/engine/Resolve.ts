/** From what a host hands in to what a run works with: decoded, with plugins and functions found, paths of the run filled in. */
import { createHash } from "node:crypto"
import path from "node:path"
import { pathToFileURL } from "node:url"
import * as Effect from "effect/Effect"
import { DefinitionError } from "../contract/Errors.ts"
import type { ModuleReference } from "../contract/Plugin.ts"
import { stringifyJson } from "../model/Json.ts"
import type { BuiltinStep, DecodedDestination, DecodedPipeline, DecodedSource, DecodedStep } from "../pipeline/DecodedPipeline.ts"
import { listOfNames } from "../pipeline/decodeConnectors.ts"
import { decodeDefinition } from "../pipeline/decodeDefinition.ts"
import type { PipelineDefinition } from "../pipeline/Definition.ts"
import { loadPipelineText } from "../pipeline/onDemand.ts"
import { type Secrets } from "../pipeline/Secrets.ts"
import { fillRuntime, type RuntimeTexts } from "../pipeline/variables.ts"
import { childTables } from "../pipeline/childTables.ts"
import {
  type ColumnRule,
  type CustomFunction,
  isChildTables,
  type JoinStep,
  type KeyPart,
  type LocalReference,
  type SchemaStep,
  type Step,
} from "../transform/Step.ts"
import type { EngineOptions, RunOptions } from "./Options.ts"
import type { ResolvedDestination, ResolvedPipeline, ResolvedSource } from "./Resolved.ts"

/** A definition as data, as YAML or JSON text, or as `loadProject` decoded it. */
export type PipelineInput = PipelineDefinition | string | DecodedPipeline

/** What `validate` says of a definition that has no issues; with issues it rejects with `DefinitionError`. */
export interface Validation {
  readonly name: string
  readonly version: string
  readonly destinations: ReadonlyArray<{
    readonly name: string
    readonly type: string
    readonly writeMode: string
    readonly guarantee: string
  }>
}

/** Decodes the definition. All issues come at once, in a `DefinitionError`. */
export const resolve = (
  input: PipelineInput,
  options: EngineOptions,
  secrets: Secrets,
  variables: RunOptions["variables"],
): Effect.Effect<DecodedPipeline, DefinitionError> =>
  Effect.gen(function* () {
    if (isDecoded(input) && variables === undefined) return input
    const project = isDecoded(input) ? { inherited: input.inherited, overrides: input.overrides } : {}
    const settings = { plugins: options.plugins, secrets, variables: [variables ?? {}, options.env ?? {}], ...project }
    const definition = isDecoded(input) ? input.written : input
    const result = yield* Effect.promise(() =>
      typeof definition === "string" ? loadPipelineText(definition, settings) : decodeDefinition(definition, settings),
    )
    return result.ok ? result.pipeline : yield* Effect.fail(new DefinitionError(result.issues))
  })

const isDecoded = (input: PipelineInput): input is DecodedPipeline =>
  typeof input === "object" && input !== null && "written" in input && "errorHandling" in input

/** Which guarantee a destination gives; the table of the engine's promises. */
export const guaranteeOf = (destination: Pick<DecodedDestination, "delivery">): string =>
  ({
    transactional: "exactly once: the checkpoint commits with the rows",
    idempotent: "exactly once in effect: a repeat leaves the same",
    none: "at least once, with a stable id per batch",
  })[destination.delivery]

export const validationOf = (pipeline: DecodedPipeline): Validation => ({
  name: pipeline.name,
  version: pipeline.version,
  destinations: pipeline.destinations.map((destination) => ({
    name: destination.name,
    type: destination.plugin.type,
    writeMode: destination.writeMode,
    guarantee: guaranteeOf(destination),
  })),
})

/** The functions of steps that live in this process, by the name of their reference. */
export type LocalFunctions = ReadonlyMap<string, CustomFunction>

export interface ReadyPipeline {
  readonly pipeline: ResolvedPipeline
  readonly functions: LocalFunctions
}

/** Fills in what is known only now: the run's id in paths, modules of custom steps. */
export const readyPipeline = (
  decoded: DecodedPipeline,
  options: EngineOptions,
  runtime: RuntimeTexts,
  run: Pick<RunOptions, "workers" | "batchSize">,
): ReadyPipeline => {
  const functions = new Map<string, CustomFunction>()
  const root = options.projectRoot ?? process.cwd()
  const pipeline: ResolvedPipeline = {
    name: decoded.name,
    version: decoded.version,
    isStreaming: decoded.isStreaming,
    sources: decoded.sources.map((source, i) => readySource(source, decoded.written, i, runtime, run.batchSize)),
    steps: withSchema(
      decoded.steps.map((step, i) => readyStep(step, i, root, functions)),
      schemaStep(decoded.schema),
    ),
    destinations: decoded.destinations.map((destination) => readyDestination(destination, runtime)),
    errorHandling: {
      ...decoded.errorHandling,
      deadLetter: decoded.errorHandling.deadLetter === undefined ? undefined : readyDestination(decoded.errorHandling.deadLetter, runtime),
    },
    workers: run.workers ?? decoded.defaults.workers,
    bufferMemory: decoded.defaults.bufferMemory,
    timeout: decoded.defaults.timeout,
  }
  return { pipeline, functions }
}

const readySource = (
  source: DecodedSource,
  written: PipelineDefinition,
  index: number,
  runtime: RuntimeTexts,
  batchSize: number | undefined,
): ResolvedSource => ({
  ...source,
  config: fillRuntime(source.config, runtime),
  batchSize: batchSize ?? source.batchSize,
  fingerprint: fingerprintOf(source, written, index),
})

/** Keys that change how a source is read, and not what its cursor means. */
const HARMLESS = new Set(["name", "batch_size", "timeout", "optional"])

const fingerprintOf = (source: DecodedSource, written: PipelineDefinition, index: number): string => {
  const entry = written.sources[index] ?? {}
  const relevant =
    source.plugin.fingerprint?.(source.config) ?? Object.fromEntries(Object.entries(entry).filter(([key]) => !HARMLESS.has(key)))
  const incremental =
    source.incremental === undefined ? null : { column: source.incremental.column ?? null, key: source.incremental.key ?? null }
  return createHash("sha256")
    .update(stringifyJson([source.plugin.type, relevant, incremental]))
    .digest("hex")
    .slice(0, 32)
}

const readyDestination = (destination: DecodedDestination, runtime: RuntimeTexts): ResolvedDestination => ({
  ...destination,
  config: fillRuntime(destination.config, runtime),
})

const readyStep = (decoded: DecodedStep, index: number, root: string, functions: Map<string, CustomFunction>): Step => {
  if (decoded.kind === "plugin") {
    const local = `step ${index}`
    functions.set(local, { apply: decoded.plugin.apply, config: decoded.config })
    return { type: "custom", name: decoded.name ?? decoded.plugin.type, reference: { local } satisfies LocalReference }
  }
  if (decoded.kind === "query") return { ...named(decoded.step.name), type: "sql", query: decoded.step.query, tables: decoded.tables }
  const { step } = decoded
  switch (step.type) {
    case "filter":
      return { ...named(step.name), type: "filter", condition: String(step.condition) }
    case "map":
      return {
        ...named(step.name),
        type: "map",
        fields: Object.fromEntries(Object.entries(step.fields).map(([name, text]) => [name, String(text)])),
      }
    case "rename":
    case "select":
      return step
    case "aggregate":
      return {
        ...named(step.name),
        type: "aggregate",
        groupBy: listOfNames(step.group_by),
        metrics: Object.fromEntries(Object.entries(step.metrics).map(([name, text]) => [name, String(text)])),
      }
    case "deduplicate": {
      const { key, keep = "first", by } = step
      return { ...named(step.name), type: "deduplicate", key: listOfNames(key), keep, ...(by === undefined ? {} : { by }) }
    }
    case "join":
      return {
        ...named(step.name),
        type: "join",
        with: step.with,
        on: joinKeys(step.on),
        ...(step.condition === undefined ? {} : { condition: String(step.condition) }),
        how: step.how ?? "inner",
      }
    case "unnest":
      return { ...named(step.name), type: "unnest", column: step.column, ...(step.as === undefined ? {} : { as: step.as }) }
    case "flatten":
      return step.children === undefined
        ? { ...named(step.name), type: "flatten", column: step.column!, separator: step.separator ?? "_" }
        : { ...named(step.name), type: "flatten", children: childTables(step.children), writtenAt: index }
    case "sort":
      return { ...named(step.name), type: "sort", by: sortKeys(step) }
    case "custom": {
      const name = step.export ?? "default"
      const reference: ModuleReference = { url: pathToFileURL(path.resolve(root, step.module)).href, name, options: step.config ?? {} }
      const { mode, columns, concurrency } = step
      return {
        ...named(step.name ?? (name === "default" ? path.basename(step.module) : name)),
        type: "custom",
        reference,
        ...(mode === undefined ? {} : { mode }),
        ...(columns === undefined ? {} : { columns }),
        ...(concurrency === undefined ? {} : { concurrency }),
      }
    }
  }
}

/** What rows must be is looked at behind all steps, but before child tables are taken out: a row that is rejected has no children. */
const withSchema = (steps: ReadonlyArray<Step>, schema: ReadonlyArray<SchemaStep>): ReadonlyArray<Step> => {
  const last = steps.at(-1)
  return last !== undefined && isChildTables(last) ? [...steps.slice(0, -1), ...schema, last] : [...steps, ...schema]
}

/** What rows must be is looked at behind all steps. */
const schemaStep = (schema: DecodedPipeline["schema"]): ReadonlyArray<SchemaStep> => {
  const rules = Object.entries(schema).map(([column, { on_violation, required, ...rule }]): ColumnRule => {
    const given = Object.fromEntries(Object.entries(rule).filter(([, value]) => value !== undefined)) as Partial<ColumnRule>
    return { ...given, column, required: required ?? false, onViolation: on_violation ?? "fail" }
  })
  return rules.length === 0 ? [] : [{ type: "schema", rules }]
}

const joinKeys = (on: Extract<BuiltinStep, { readonly type: "join" }>["on"]): JoinStep["on"] =>
  on === undefined || typeof on === "string" || Array.isArray(on)
    ? listOfNames(on).map((name) => ({ left: name, right: name }))
    : Object.entries(on).map(([left, right]) => ({ left, right }))

/** PostgreSQL's defaults: nulls count as larger than all else. */
const sortKeys = ({ by, order }: Extract<BuiltinStep, { readonly type: "sort" }>): ReadonlyArray<KeyPart> =>
  (typeof by === "string" ? [{ column: by, order }] : by).map((part) => {
    const descending = part.order === "desc"
    const nulls = "nulls" in part ? part.nulls : undefined
    return { column: part.column, descending, nullsFirst: nulls === undefined ? descending : nulls === "first" }
  })

const named = (name: string | undefined): { readonly name?: string } => (name === undefined ? {} : { name })
