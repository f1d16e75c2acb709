/**
 * From a definition as data to a pipeline that can run, or to everything that is wrong with it, at once.
 *
 * Variables are filled in, plugins found, configs checked by the plugins' own schemas, units read, defaults applied. Nothing is opened
 * and no expression is looked at: that takes the columns, and happens when the plan is made.
 */
import { DefinitionError, type Issue } from "../contract/Errors.ts"
import { type ConnectorContext, decodeDestination, decodeSource, listOfNames, type Plugin, sharedNames } from "./decodeConnectors.ts"
import type {
  DecodedDefaults,
  DecodedDependency,
  DecodedDestination,
  DecodedErrorHandling,
  DecodedPipeline,
  DecodedSource,
} from "./DecodedPipeline.ts"
import { asList, asMapping, type Decoded, decodeKeys } from "./decodeKeys.ts"
import { decodeQueries, entriesOf as entriesOfSteps, type TablesOfQueries } from "./decodeQueries.ts"
import { takerProblems } from "./childTables.ts"
import { decodeStep, needsAllRows } from "./decodeSteps.ts"
import { ErrorHandling, type PipelineDefinition, pipelineFields } from "./Definition.ts"
import { type InheritedSettings, mergeSettings } from "./inherit.ts"
import { isMapping, type Path, valueAt } from "./path.ts"
import { plainCopy } from "./plainCopy.ts"
import { exceptAt, missingKey, type Origin, type Problem, toIssues, wrongValue } from "./problem.ts"
import { type Moving, rememberingProblems } from "./rememberingSteps.ts"
import { cronProblems, timezoneProblems } from "./schedule.ts"
import { secretsOfDefinition } from "./secretFields.ts"
import { Secrets } from "./Secrets.ts"
import { sideProblems } from "./sideSources.ts"
import { fillVariables, type VariableLayers } from "./variables.ts"

export type { Plugin }

export interface DecodeOptions {
  /** Sources, destinations and transforms that the definition may name. */
  readonly plugins: ReadonlyArray<Plugin>
  /** Where the values of `${VAR}` come from, the strongest first. Default: nowhere. */
  readonly variables?: VariableLayers
  /** Learns every value that may not be shown. Messages are masked with it. */
  readonly secrets?: Secrets
  /** What the project hands on to its pipelines. */
  readonly inherited?: InheritedSettings
  /** What goes over the file: flags and the environment. */
  readonly overrides?: InheritedSettings
  /** The text that the definition came from, with what was found wrong in it. */
  readonly text?: Origin & { readonly problems: ReadonlyArray<Problem> }
}

export type DecodeResult =
  | { readonly ok: true; readonly pipeline: DecodedPipeline }
  | { readonly ok: false; readonly issues: ReadonlyArray<Issue> }

export const decodeDefinition = async (value: unknown, options: DecodeOptions): Promise<DecodeResult> => {
  const secrets = options.secrets ?? new Secrets()
  const problems: Array<Problem> = [...(options.text?.problems ?? [])]
  const report = (more: ReadonlyArray<Problem>) => void problems.push(...more)
  const copy = plainCopy(value, report)
  const filled = fillVariables(copy, options.variables ?? [], secrets)
  report(filled.problems)
  for (const path of secretsOfDefinition(filled.value)) secrets.add(String(valueAt(filled.value, path)))
  const others = exceptAt(problems)
  const context: ConnectorContext = { plugins: options.plugins, secrets, whole: filled.whole, report: (more) => report(others(more)) }
  const pipeline = await decodePipeline(filled.value, { written: copy as PipelineDefinition, used: filled.used }, options, context)
  if (problems.length === 0 && pipeline !== undefined) return { ok: true, pipeline }
  const named = problems.map((problem) => withExample(problem, filled.value))
  return { ok: false, issues: toIssues(named, options.text, (text) => secrets.mask(text)) }
}

/** The same; throws `DefinitionError` where something is wrong. */
export const decodeDefinitionOrThrow = async (value: unknown, options: DecodeOptions): Promise<DecodedPipeline> => {
  const result = await decodeDefinition(value, options)
  if (result.ok) return result.pipeline
  throw new DefinitionError(result.issues)
}

/** `Users of 2025` could be `users-of-2025`. */
const withExample = (problem: Problem, value: unknown): Problem => {
  const written =
    problem.path.length === 1 && problem.path[0] === "name" && problem.code === "INVALID_VALUE" ? valueAt(value, ["name"]) : undefined
  if (typeof written !== "string") return problem
  const example = written
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]+/g, "-")
    .replaceAll(/^[-_]+|-+$/g, "")
    .slice(0, 64)
  return example === "" || example === written ? problem : { ...problem, hint: `For example: ${example}` }
}

interface Written {
  readonly written: PipelineDefinition
  readonly used: ReadonlyArray<string>
}

const decodePipeline = async (
  value: unknown,
  origin: Written,
  options: DecodeOptions,
  context: ConnectorContext,
): Promise<DecodedPipeline | undefined> => {
  if (value === undefined || value === null) context.report([emptyDefinition])
  const root =
    value === undefined || value === null
      ? undefined
      : asMapping(value, [], "a pipeline: a mapping with name, sources and destinations", context)
  if (root === undefined) return undefined
  const keys = decodeKeys(pipelineFields, root, [], context, { elsewhere: ["sources", "transforms", "destinations", "error_handling"] })
  const settings = mergeSettings(options.overrides ?? {}, keys, options.inherited ?? {})
  const defaults = withBuiltin(settings.defaults)
  const tables = await decodeQueries(root, context)
  const moving = await decodeMoving(root, defaults, tables, context)
  const rejects = Object.values(keys.schema ?? {}).some((rule) => rule.on_violation === "reject")
  const errorHandling = await decodeErrorHandling(root["error_handling"] ?? {}, defaults, rejects, context)
  context.report([
    ...nameProblems(root),
    ...streamProblems(moving.sources),
    ...(keys.mode === "streaming" ? streamingProblems(root, moving, errorHandling.deadLetter) : []),
    ...incrementalProblems(root, moving.sources),
    ...(isWhole(root, moving) ? rememberingProblems(moving) : []),
    ...lastRowsProblems(root, moving.sources, context.plugins),
    ...takerProblems(entriesOf(root, "transforms"), destinationRows(root)),
    ...sideProblems(entriesOfSteps(root), tables),
    ...dependencyProblems(keys),
    ...schedulerProblems(keys, root),
    ...(await timeProblems(keys)),
  ])
  const { overrides = {}, inherited = {} } = options
  return {
    ...describePipeline(keys, origin),
    overrides,
    inherited,
    ...settings,
    ...moving,
    defaults,
    errorHandling,
    dependsOn: dependenciesOf(keys),
  }
}

const emptyDefinition: Problem = {
  code: "MISSING_KEY",
  message: "there is no pipeline here: the definition is empty.",
  path: [],
  hint: "A pipeline has at least `name`, `sources` and `destinations`.",
}

type Keys = Decoded<typeof pipelineFields>

const describePipeline = (keys: Keys, { written, used }: Written) => ({
  name: keys.name ?? "",
  isStreaming: keys.mode === "streaming",
  version: keys.version ?? "",
  description: keys.description ?? "",
  written,
  variables: used,
  schema: keys.schema ?? {},
  schedule: keys.schedule,
  timezone: keys.timezone ?? "UTC",
  trigger: keys.trigger,
  scheduler: keys.scheduler ?? {},
  events: keys.events ?? {},
  auth: keys.auth,
})

/** Sources, steps and destinations: what moves rows. */
const decodeMoving = async (root: Root, defaults: DecodedDefaults, tables: TablesOfQueries, context: ConnectorContext) => {
  const sources = await decodeEach(root, "sources", context, (entry, path, name) => decodeSource(entry, path, name, defaults, context))
  const steps = await decodeEach(root, "transforms", context, (entry, path) =>
    decodeStep(entry, path, tables.get(Number(path[1])) ?? [], context),
  )
  const isIncremental = sources.length > 0 && sources.every((source) => source.incremental !== undefined)
  const coming = isIncremental ? "increment" : "all"
  const destinations = await decodeEach(root, "destinations", context, (entry, path, name) =>
    decodeDestination(entry, path, name, coming, context),
  )
  return { sources, steps, destinations }
}

type Root = Readonly<Record<string, unknown>>

/** The entries of a list that could be decoded. */
const decodeEach = async <A>(
  root: Root,
  key: "sources" | "transforms" | "destinations",
  context: ConnectorContext,
  decode: (entry: unknown, path: Path, name: string) => Promise<A | undefined>,
): Promise<ReadonlyArray<A>> => {
  const least = key === "transforms" ? 0 : 1
  const expected = key === "transforms" ? "a list of steps" : `a list of ${key}, at least one`
  const list = root[key] === undefined ? undefined : asList(root[key], [key], expected, context)
  if (list !== undefined && list.length < least) context.report([wrongValue([key], expected, list)])
  const decoded: Array<A> = []
  for (const [i, entry] of (list ?? []).entries()) {
    const one = await decode(entry, [key, i], `${key}[${i}]`)
    if (one !== undefined) decoded.push(one)
  }
  return decoded
}

const withBuiltin = (settings: InheritedSettings["defaults"]): DecodedDefaults => ({
  batchSize: settings?.batch_size ?? 5000,
  workers: settings?.workers ?? 4,
  timeout: settings?.timeout ?? 300_000,
  retryCount: settings?.retry_count ?? 3,
  retryDelay: settings?.retry_delay ?? 10_000,
  bufferMemory: settings?.buffer_memory ?? 256 * 1024 ** 2,
})

const decodeErrorHandling = async (
  value: unknown,
  defaults: DecodedDefaults,
  rejects: boolean,
  context: ConnectorContext,
): Promise<DecodedErrorHandling> => {
  const path = ["error_handling"]
  const entry =
    asMapping(value, path, "a mapping with strategy, max_retries, retry_delay, backoff, max_errors and dead_letter", context) ?? {}
  const keys = decodeKeys(ErrorHandling.fields, entry, path, context, { elsewhere: ["dead_letter"] })
  const isNeeded = keys.strategy === "skip" || rejects
  const letter =
    entry["dead_letter"] ??
    (isNeeded ? defaultDeadLetter(keys.strategy === "skip" ? "strategy: skip" : "on_violation: reject", context) : undefined)
  return {
    strategy: keys.strategy ?? "fail",
    maxRetries: keys.max_retries ?? defaults.retryCount,
    retryDelay: keys.retry_delay ?? defaults.retryDelay,
    backoff: keys.backoff ?? "exponential",
    maxErrors: keys.max_errors ?? Number.POSITIVE_INFINITY,
    deadLetter:
      letter === undefined ? undefined : await decodeDestination(letter, [...path, "dead_letter"], "dead_letter", "rejected", context),
  }
}

/** Rows that are set aside are kept, also where nobody said where. */
const defaultDeadLetter = (asked: string, context: ConnectorContext): unknown => {
  const isKnown = context.plugins.some((plugin) => plugin.kind === "destination" && plugin.type === "ndjson")
  if (isKnown) return { type: "ndjson", path: ".deltaflow/rejected/${pipeline_name}/${run_id}.ndjson" }
  const problem = missingKey(["error_handling", "dead_letter"], undefined)
  const message = `\`${asked}\` needs \`dead_letter\`: the destination that rejected rows go to.`
  context.report([
    { ...problem, message, hint: "Without it they go to `.deltaflow/rejected/`, where the engine has the destination `ndjson`." },
  ])
  return undefined
}

const nameProblems = (root: Root): ReadonlyArray<Problem> =>
  (["sources", "destinations"] as const).flatMap((key) => {
    const list = root[key]
    return Array.isArray(list) ? sharedNames(list, [key], key) : []
  })

/** Without cursors of all sources there are none, and a stream would begin anew with each run. */
const streamProblems = (sources: ReadonlyArray<DecodedSource>): ReadonlyArray<Problem> => {
  const whole = sources.find(({ incremental }) => incremental === undefined)
  const stream = sources.find(({ isStream }) => isStream)
  if (whole === undefined || stream === undefined) return []
  const message = `the source ${stream.name} goes on from run to run, and ${whole.name} is read whole in each. Make a pipeline for each of them, or read ${whole.name} with \`incremental\`.`
  return [{ code: "INVALID_VALUE", message, path: ["sources"] }]
}

/** Steps that give rows at the end of a run; the others that need all rows are refused wherever a source is incremental. */
const WAITING: ReadonlySet<unknown> = new Set(["sort", "aggregate", "deduplicate"])

/** What never ends gives no step its last row, and no destination the end that it waits for. */
const streamingProblems = (
  root: Root,
  { sources, destinations }: Pick<DecodedPipeline, "sources" | "destinations">,
  deadLetter: DecodedDestination | undefined,
): ReadonlyArray<Problem> => {
  const invalid = (message: string, path: Path): Problem => ({ code: "INVALID_VALUE", message, path })
  const ending = sources.filter(({ isStream }) => !isStream)
  const several = sources.length > 1 && ending.length === 0 ? sources.slice(1) : []
  const loads = ending.length > 0 ? [] : [...destinations, ...(deadLetter === undefined ? [] : [deadLetter])]
  const replacing = loads.filter(({ writeMode }) => writeMode === "replace")
  return [
    ...ending.map(({ name, plugin }) =>
      invalid(
        `\`mode: streaming\` goes on until it is stopped, and the source ${name} (${plugin.type}) ends. Use \`mode: batch\`, or a source that follows changes.`,
        ["mode"],
      ),
    ),
    ...several.map(({ name }) =>
      invalid(`\`mode: streaming\` reads one source, and ${name} is one more. Make a pipeline for each of them.`, ["sources"]),
    ),
    ...entriesOf(root, "transforms").flatMap(({ type }, i) =>
      WAITING.has(type)
        ? [
            invalid(`the step \`${String(type)}\` waits for the last row, which never comes with \`mode: streaming\`.`, [
              "transforms",
              i,
              "type",
            ]),
          ]
        : [],
    ),
    ...replacing.map(({ name }) =>
      invalid(`\`write_mode: replace\` of ${name} waits for the end, which never comes with \`mode: streaming\`. Append or upsert.`, [
        "mode",
      ]),
    ),
  ]
}

/** Whether all entries could be decoded, so that their places are those of the definition. */
const isWhole = (root: Root, { sources, steps, destinations }: Moving): boolean =>
  sources.length === entriesOf(root, "sources").length &&
  steps.length === entriesOf(root, "transforms").length &&
  destinations.length === entriesOf(root, "destinations").length

/** Steps whose result over what is new is not what it is over all rows. */
const NEEDS_ALL_ROWS: ReadonlySet<unknown> = new Set(["join", "sql"])

const incrementalProblems = (root: Root, sources: ReadonlyArray<DecodedSource>): ReadonlyArray<Problem> => {
  const source = sources.find(({ incremental }) => incremental !== undefined)
  const steps = Array.isArray(root["transforms"]) ? (root["transforms"] as ReadonlyArray<unknown>) : []
  if (source === undefined) return []
  return steps.flatMap((step, i): ReadonlyArray<Problem> => {
    const type = isMapping(step) ? step["type"] : undefined
    if (!NEEDS_ALL_ROWS.has(type)) return []
    return [
      {
        code: "UNSUPPORTED_FEATURE",
        message: `the step \`${String(type)}\` needs all rows, and each run would see only what is new: the source ${source.name} is incremental.`,
        path: ["transforms", i, "type"],
        hint: "Take `incremental` out of the source, or the step out of the pipeline.",
      },
    ]
  })
}

const destinationRows = (root: Root) =>
  entriesOf(root, "destinations").map(({ rows }) => ({ rows: typeof rows === "string" ? rows : undefined }))

/** Steps of registered transforms; those of modules are known when they are loaded. */
const lastRowsProblems = (
  root: Root,
  sources: ReadonlyArray<DecodedSource>,
  plugins: ConnectorContext["plugins"],
): ReadonlyArray<Problem> => {
  const source = sources.find(({ incremental }) => incremental !== undefined)
  if (source === undefined) return []
  return entriesOf(root, "transforms").flatMap(({ type }, i): ReadonlyArray<Problem> => {
    const transform = plugins.find((plugin) => plugin.kind === "transform" && plugin.type === type)
    const state = transform?.kind === "transform" ? transform.apply.state : undefined
    const isRefused = state?.finish !== undefined && state.eachRun !== true
    return isRefused ? [{ ...needsAllRows(String(type), source.name), path: ["transforms", i, "type"] }] : []
  })
}

const entriesOf = (root: Root, key: string): ReadonlyArray<Root> => {
  const list = root[key]
  return Array.isArray(list) ? list.map((entry: unknown) => (isMapping(entry) ? entry : {})) : []
}

const dependenciesOf = ({ depends_on, trigger }: Keys): ReadonlyArray<DecodedDependency> => {
  const short = listOfNames(depends_on).map((name): DecodedDependency => ({ name, status: "success" }))
  const long =
    trigger?.type === "pipeline"
      ? trigger.depends_on.map(({ name, status }): DecodedDependency => ({ name, status: status ?? "success" }))
      : []
  return [...short, ...long]
}

const dependencyProblems = (keys: Keys): ReadonlyArray<Problem> => {
  const { name } = keys
  if (name === undefined || dependenciesOf(keys).every((dependency) => dependency.name !== name)) return []
  const path = listOfNames(keys.depends_on).includes(name) ? ["depends_on"] : ["trigger", "depends_on"]
  return [
    { code: "CIRCULAR_DEPENDENCY", message: `${name} depends on itself: ${name} → ${name}. Take it out of its own dependencies.`, path },
  ]
}

const schedulerProblems = ({ scheduler = {} }: Keys, root: Root): ReadonlyArray<Problem> => {
  const { concurrency = 1, start_date: start, end_date: end } = scheduler
  const cursor = entriesOf(root, "sources").findIndex(({ incremental }) => incremental !== undefined)
  const problems: Array<Problem> = []
  if (concurrency > 1 && cursor >= 0) {
    const message =
      "runs at the same time would read from one cursor, and load its rows more than once. Take out `concurrency`, or `incremental`."
    problems.push({ code: "INVALID_VALUE", message, path: ["scheduler", "concurrency"] })
  }
  if (start !== undefined && end !== undefined && Date.parse(end) < Date.parse(start))
    problems.push({
      code: "INVALID_VALUE",
      message: `the schedule ends before it starts, at ${start}. Give a later end.`,
      path: ["scheduler", "end_date"],
    })
  return problems
}

const timeProblems = async ({ schedule, timezone }: Keys): Promise<ReadonlyArray<Problem>> => [
  ...(schedule === undefined ? [] : await cronProblems(schedule, ["schedule"])),
  ...(timezone === undefined ? [] : timezoneProblems(timezone, ["timezone"])),
]
