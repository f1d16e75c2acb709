/** What the store has of pipelines, as far as a look needs it: read again only when something changed, decoded only when it is run. */
import {
  type DecodedPipeline,
  DefinitionError,
  type EngineService,
  type OutsideOptions,
  type PipelineInput,
  type StoredDefinition,
} from "@deltaflow/core"
import { entriesOf, promised } from "@deltaflow/core/adapter"
import { outsideOptions } from "@deltaflow/core/node"
import type { SchedulerOptions } from "./Options.ts"

export interface Timing {
  readonly schedule: string | null
  readonly timezone: string
}

/** A pipeline whose definition can be read. */
export interface Known extends Timing {
  readonly stored: StoredDefinition
  readonly dependsOn: DecodedPipeline["dependsOn"]
  readonly settings: DecodedPipeline["scheduler"]
}

type Read = Pick<Known, "schedule" | "timezone" | "dependsOn" | "settings">

export class Pipelines {
  private readonly options: SchedulerOptions
  private readonly service: EngineService
  private readonly own = new Map<string, DecodedPipeline>()
  private readonly outside: OutsideOptions
  /** By name, with the text that it was read from. */
  private reads = new Map<string, { readonly definition: string; readonly read: Read | undefined }>()
  private readonly decodings = new Map<string, { readonly definition: string; readonly decoded: DecodedPipeline }>()
  private version: number | undefined
  private overrides = ""
  private known: ReadonlyMap<string, Known> = new Map()

  constructor(service: EngineService, options: SchedulerOptions) {
    this.service = service
    this.options = options
    this.outside = outsideOptions(options.allowHosts)
  }

  /** Saves the host's pipelines, so that all who look at the store know them. */
  async open(): Promise<void> {
    for (const pipeline of this.options.pipelines ?? []) await this.saveOwn(pipeline)
  }

  private async saveOwn(pipeline: PipelineInput): Promise<void> {
    const { store } = this.service
    const decoded = await promised(this.service.decode(pipeline))
    this.own.set(decoded.name, decoded)
    const stored = await promised(store.getDefinition(decoded.name))
    const definition = { name: decoded.name, definition: JSON.stringify(decoded.written), source: stored?.source ?? null }
    await promised(store.saveDefinition(definition))
  }

  get all(): ReadonlyMap<string, Known> {
    return this.known
  }

  /** Whether there is anything new. */
  async refresh(): Promise<boolean> {
    const { store } = this.service
    const version = await promised(store.definitionsVersion())
    const set = new Map<string, Timing>()
    for await (const { key, value } of entriesOf(store, "schedules")) set.set(key, value as Timing)
    const overrides = JSON.stringify([...set])
    if (version === this.version && overrides === this.overrides) return false
    const known = new Map<string, Known>()
    const reads: typeof this.reads = new Map()
    for (const stored of await promised(store.listDefinitions())) {
      const { name, definition } = stored
      const before = this.reads.get(name)
      const read = before?.definition === definition ? before.read : await this.read(stored)
      reads.set(name, { definition, read })
      if (read !== undefined) known.set(name, { stored, ...read, ...set.get(name) })
    }
    for (const name of this.decodings.keys()) if (!reads.has(name)) this.decodings.delete(name)
    this.reads = reads
    this.known = known
    this.version = version
    this.overrides = overrides
    return true
  }

  private async read(stored: StoredDefinition): Promise<Read | undefined> {
    const plain = plainTiming(stored.definition)
    if (plain !== undefined && !this.own.has(stored.name)) return { ...plain, dependsOn: [], settings: {} }
    try {
      const { schedule = null, timezone, dependsOn, scheduler } = await this.decodedOf(stored)
      return { schedule, timezone, dependsOn, settings: scheduler }
    } catch (error) {
      if (!(error instanceof DefinitionError)) throw error
      this.options.log?.warn(`${stored.name}: its definition cannot be read any more, so it is not started: ${error.message}`)
      return undefined
    }
  }

  /** Rejects with `DefinitionError` where it cannot be read any more. */
  async decodedOf({ name, definition }: StoredDefinition): Promise<DecodedPipeline> {
    const own = this.own.get(name)
    if (own !== undefined) return own
    const before = this.decodings.get(name)
    if (before?.definition === definition) return before.decoded
    const decoded = await promised(this.service.decode(JSON.parse(definition) as PipelineInput))
    this.decodings.set(name, { definition, decoded })
    return decoded
  }

  /** What runs of it may reach. */
  limitsOf(name: string): OutsideOptions {
    return this.own.has(name) ? {} : this.outside
  }
}

/** Thousands of definitions say no more of their times than this, which needs no look at the rest of them. */
const plainTiming = (definition: string): Timing | undefined => {
  const written = JSON.parse(definition) as Readonly<Record<string, unknown>>
  const { schedule = null, timezone = "UTC" } = written
  if (["scheduler", "depends_on", "trigger"].some((key) => written[key] !== undefined)) return undefined
  const isPlain = (value: unknown) => typeof value === "string" && !value.includes("$")
  if (typeof timezone !== "string" || !isPlain(timezone)) return undefined
  if (schedule === null) return { schedule, timezone }
  return typeof schedule === "string" && isPlain(schedule) ? { schedule, timezone } : undefined
}
