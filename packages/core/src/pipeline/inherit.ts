/** What a project, the environment and flags add to a pipeline. */
import type { Defaults } from "./Definition.ts"
import { isMapping } from "./path.ts"
import type { Logging, Monitoring, Notifications } from "./ServiceDefinition.ts"

/** The inherited sections, decoded. */
export interface InheritedSettings {
  readonly defaults?: typeof Defaults.Type
  readonly notifications?: typeof Notifications.Type
  readonly monitoring?: typeof Monitoring.Type
  readonly logging?: typeof Logging.Type
}

export interface MergedSettings {
  readonly defaults: typeof Defaults.Type
  readonly notifications: typeof Notifications.Type
  readonly monitoring: typeof Monitoring.Type
  readonly logging: typeof Logging.Type
}

/** The strongest first. Mappings are merged key by key; everything else is taken whole from the strongest that has it. */
export const mergeSettings = (...layers: ReadonlyArray<InheritedSettings>): MergedSettings => ({
  defaults: merged(layers.map((layer) => layer.defaults)),
  notifications: merged(layers.map((layer) => layer.notifications)),
  monitoring: merged(layers.map((layer) => layer.monitoring)),
  logging: merged(layers.map((layer) => layer.logging)),
})

const merged = <A extends object>(layers: ReadonlyArray<A | undefined>): A =>
  layers.reduceRight<unknown>((weaker, stronger) => mergeValues(weaker, stronger), {}) as A

/** `stronger` over `weaker`. */
export const mergeValues = (weaker: unknown, stronger: unknown): unknown => {
  if (stronger === undefined) return weaker
  if (!isMapping(weaker) || !isMapping(stronger)) return stronger
  const keys = new Set([...Object.keys(weaker), ...Object.keys(stronger)])
  return Object.fromEntries([...keys].map((key) => [key, mergeValues(own(weaker, key), own(stronger, key))]))
}

const own = (mapping: Readonly<Record<string, unknown>>, key: string): unknown => (Object.hasOwn(mapping, key) ? mapping[key] : undefined)
