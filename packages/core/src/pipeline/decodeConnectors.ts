/**
 * Decodes sources and destinations: the keys that all of them share, then the config by the plugin's own schema, then what must fit
 * together.
 */
import type { Delivery, Destination, WriteMode } from "../contract/Destination.ts"
import type { IncrementalOptions, Source } from "../contract/Source.ts"
import type { SqlEngine } from "../contract/Sql.ts"
import type { Transform } from "../contract/Transform.ts"
import { didYouMean } from "../model/nearestName.ts"
import { changesProblems, decodeChanges } from "./decodeChanges.ts"
import { validateConfig } from "./config.ts"
import { destinationFields, sourceFields } from "./ConnectorDefinition.ts"
import { asMapping, type DecodeContext, type Decoded, decodeKeys, type Fields, keysBeside, withNumbersAsync } from "./decodeKeys.ts"
import type { DecodedDefaults, DecodedDestination, DecodedSource } from "./DecodedPipeline.ts"
import type { Path } from "./path.ts"
import { missingKey, type Problem, unknownKey } from "./problem.ts"
import type { Secrets } from "./Secrets.ts"

export type Plugin = ConfiguredPlugin | SqlEngine

/** What stands in a definition with its config. */
export type ConfiguredPlugin = Source | Destination | Transform

export interface ConnectorContext extends DecodeContext {
  readonly plugins: ReadonlyArray<Plugin>
  readonly secrets: Secrets
}

type Entry = Readonly<Record<string, unknown>>

/** One entry of `sources`. Undefined where something is wrong, which is reported. */
export const decodeSource = async (
  value: unknown,
  path: Path,
  name: string,
  defaults: DecodedDefaults,
  context: ConnectorContext,
): Promise<DecodedSource | undefined> => {
  const entry = asMapping(value, path, "a source: a mapping with a type", context)
  if (entry === undefined) return undefined
  const keys = decodeKeys(sourceFields, entry, path, context, { others: "allowed" })
  const plugin = findPlugin("source", keys.type, [...path, "type"], context)
  if (plugin === undefined) return undefined
  context.report(incrementalProblems(plugin, keys, path))
  const config = await decodeConfig(plugin, entry, sourceFields, path, context)
  if (!config.ok) return undefined
  const isStream = plugin.isStream?.(config.value) ?? false
  return {
    name: keys.name ?? name,
    plugin,
    config: config.value,
    batchSize: keys.batch_size ?? defaults.batchSize,
    timeout: keys.timeout ?? defaults.timeout,
    incremental: incrementalOptions(keys.incremental) ?? (isStream ? {} : undefined),
    isStream,
    columns: keys.columns ?? {},
    optional: keys.optional ?? false,
  }
}

/** What its rows are to a destination: all there are, only what is new since the last run, or one by one what was set aside. */
export type Coming = "all" | "increment" | "rejected"

/** One entry of `destinations`, or the dead letter. Undefined where something is wrong, which is reported. */
export const decodeDestination = async (
  value: unknown,
  path: Path,
  name: string,
  coming: Coming,
  context: ConnectorContext,
): Promise<DecodedDestination | undefined> => {
  const entry = asMapping(value, path, "a destination: a mapping with a type", context)
  if (entry === undefined) return undefined
  const keys = decodeKeys(destinationFields, entry, path, context, { others: "allowed" })
  const plugin = findPlugin("destination", keys.type, [...path, "type"], context)
  if (plugin === undefined) return undefined
  const key = listOfNames(keys.key)
  const writeMode = keys.write_mode ?? defaultWriteMode(plugin, key, coming)
  context.report([...writeModeProblems(plugin, keys, path), ...changesProblems(plugin, keys, writeMode, coming === "all", path)])
  if (keys.write_mode === undefined && coming === "increment" && writeMode === "replace") context.report([losesOlder(plugin, path)])
  if (coming === "rejected" && keys.rows !== undefined) context.report([letterOfChildren(path)])
  const config = await decodeConfig(plugin, entry, destinationFields, path, context)
  if (!config.ok) return undefined
  const delivery = deliveryOf(plugin, config.value, writeMode)
  if (keys.delivery === "exactly_once" && delivery === "none") context.report([unmet(plugin, writeMode, path)])
  return {
    name: keys.name ?? name,
    rows: keys.rows,
    plugin,
    config: config.value,
    writeMode,
    key,
    schemaChanges: keys.schema_changes ?? "evolve",
    changes: decodeChanges(keys, writeMode),
    delivery,
    ...flushOf(keys.flush_interval),
  }
}

const flushOf = (written: Decoded<typeof destinationFields>["flush_interval"]) => {
  const { time = FLUSH_INTERVAL, rows = Number.POSITIVE_INFINITY } = typeof written === "object" ? written : { time: written }
  return { flushInterval: time, flushRows: rows }
}

const FLUSH_INTERVAL = 10_000

const letterOfChildren = (path: Path): Problem => ({
  code: "INVALID_VALUE",
  message: "rejected rows are those of no child table. Leave `rows` out.",
  path: [...path, "rows"],
  at: "key",
})

type Found<Kind extends Plugin["kind"]> = Extract<Plugin, { readonly kind: Kind }>

export const findPlugin = <Kind extends Plugin["kind"]>(
  kind: Kind,
  type: string | undefined,
  path: Path,
  context: ConnectorContext,
): Found<Kind> | undefined => {
  if (type === undefined) return undefined
  const ofKind = context.plugins.filter((plugin): plugin is Found<Kind> => plugin.kind === kind)
  const found = ofKind.find((plugin) => plugin.type === type)
  if (found === undefined) context.report([unknownPlugin(kind, type, path, ofKind, context.plugins)])
  return found
}

const unknownPlugin = (
  kind: Plugin["kind"],
  type: string,
  path: Path,
  ofKind: ReadonlyArray<Plugin>,
  all: ReadonlyArray<Plugin>,
): Problem => {
  const types = ofKind.map((plugin) => plugin.type)
  const other = all.find((plugin) => plugin.type === type)
  const aside = other === undefined ? didYouMean(type, types) : ` There is a ${other.kind} of this type.`
  return {
    code: "UNKNOWN_PLUGIN",
    message: `no ${kind} of type \`${type}\` is known.${aside}`,
    path,
    hint: types.length === 0 ? `No ${kind} is registered on the engine.` : `Known ${kind}s: ${types.toSorted().join(", ")}.`,
  }
}

export const decodeConfig = async (plugin: ConfiguredPlugin, entry: Entry, fields: Fields, path: Path, context: ConnectorContext) => {
  const own = Object.fromEntries(keysBeside(fields, entry).map((key) => [key, entry[key]]))
  const outcome = await withNumbersAsync(own, path, context.whole, (value) => validateConfig(plugin, value, path, context.secrets))
  if (!outcome.ok) context.report(outcome.problems.map((problem) => withSharedKeys(problem, path, plugin, fields)))
  return outcome
}

// A mistyped key may have meant one that all connectors share.
const withSharedKeys = (problem: Problem, path: Path, plugin: ConfiguredPlugin, fields: Fields): Problem =>
  problem.code === "UNKNOWN_KEY" && problem.path.length === path.length + 1
    ? unknownKey(problem.path, [...(problem.known ?? []), ...Object.keys(fields)], plugin.type)
    : problem

const incrementalOptions = (written: Decoded<typeof sourceFields>["incremental"]): IncrementalOptions | undefined => {
  if (written === undefined || written === false) return undefined
  if (written === true) return {}
  const { column, initial_value, key, lookback } = written
  return {
    ...(column === undefined ? {} : { column }),
    ...(initial_value === undefined ? {} : { initialValue: String(initial_value) }),
    ...(key === undefined ? {} : { key: listOfNames(key) }),
    ...(lookback === undefined ? {} : { lookback }),
  }
}

export const listOfNames = (names: string | ReadonlyArray<string> | undefined): ReadonlyArray<string> =>
  names === undefined ? [] : typeof names === "string" ? [names] : names

const incrementalProblems = (plugin: Source, keys: Decoded<typeof sourceFields>, path: Path): ReadonlyArray<Problem> => {
  if (incrementalOptions(keys.incremental) === undefined || plugin.supportsIncremental === true) return []
  const message = `the source \`${plugin.type}\` cannot read only what is new. Leave \`incremental\` out.`
  return [{ code: "INVALID_VALUE", message, path: [...path, "incremental"], at: "key" }]
}

/** Nothing that an earlier run wrote goes away unless it is asked for: rows that come alone are added to what is there. */
const defaultWriteMode = (plugin: Destination, key: ReadonlyArray<string>, coming: Coming): WriteMode => {
  if (key.length > 0 && plugin.writeModes.includes("upsert")) return "upsert"
  if (coming !== "all" && plugin.writeModes.includes("append")) return "append"
  return plugin.writeModes[0] ?? "append"
}

const losesOlder = (plugin: Destination, path: Path): Problem => ({
  ...missingKey([...path, "write_mode"], undefined),
  message:
    `the destination \`${plugin.type}\` only replaces what is there, and with \`incremental\` a run brings only what is new: ` +
    "the rows of earlier runs would be gone.",
  hint: "Write to a destination that can append or upsert, or say `write_mode: replace` to keep only the newest rows.",
})

const keyedModes: ReadonlySet<WriteMode> = new Set(["upsert", "merge", "scd2"])

const writeModeProblems = (plugin: Destination, keys: Decoded<typeof destinationFields>, path: Path): ReadonlyArray<Problem> => {
  const { write_mode: mode } = keys
  if (mode === undefined) return []
  if (!plugin.writeModes.includes(mode)) return [unsupportedMode(plugin, mode, [...path, "write_mode"])]
  if (!keyedModes.has(mode) || listOfNames(keys.key).length > 0) return []
  return [
    { ...missingKey([...path, "key"], undefined), message: `\`write_mode: ${mode}\` needs \`key\`: the columns that tell rows apart.` },
  ]
}

const unsupportedMode = (plugin: Destination, mode: WriteMode, path: Path): Problem => ({
  code: "UNSUPPORTED_WRITE_MODE",
  message: `the destination \`${plugin.type}\` has no write mode \`${mode}\`.`,
  path,
  hint: `It has: ${plugin.writeModes.join(", ")}.`,
})

const deliveryOf = (plugin: Destination, config: unknown, writeMode: WriteMode): Delivery =>
  typeof plugin.delivery === "function" ? plugin.delivery(config, writeMode) : plugin.delivery

const unmet = (plugin: Destination, writeMode: WriteMode, path: Path): Problem => ({
  code: "UNMET_GUARANTEE",
  message:
    `the destination \`${plugin.type}\` cannot give \`exactly_once\` with \`write_mode: ${writeMode}\`: ` +
    "a batch that is sent again may arrive twice.",
  path: [...path, "delivery"],
  hint: "Use `delivery: at_least_once`, or a destination or write mode that is transactional or idempotent.",
})

/** Names that two entries share: checkpoints and messages could not tell them apart. */
export const sharedNames = (entries: ReadonlyArray<unknown>, path: Path, what: string): ReadonlyArray<Problem> => {
  const first = new Map<string, number>()
  return entries.flatMap((entry, i) => {
    const name = typeof entry === "object" && entry !== null && "name" in entry ? entry.name : undefined
    if (typeof name !== "string") return []
    const before = first.get(name)
    if (before === undefined) first.set(name, i)
    return before === undefined
      ? []
      : [
          {
            code: "INVALID_VALUE",
            message: `${what}[${before}] has the name \`${name}\` too. Give each its own.`,
            path: [...path, i, "name"],
          },
        ]
  })
}
