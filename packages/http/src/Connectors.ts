/** The connectors that definitions name, and how each was when it was tried last. */
import { createHash } from "node:crypto"
import { type ConnectorEntry, type ConnectorRole, DeltaflowError, type EngineService, type StoredEntry } from "@deltaflow/core"
import { newEventId, promised } from "@deltaflow/core/adapter"
import { definitionOf } from "./Catalogue.ts"
import { ofDefinitions } from "./ofDefinitions.ts"
import type { Reach } from "./reach.ts"
import { isoTime } from "./shapes.ts"

export interface NamedConnector {
  readonly name: string
  readonly type: string
  readonly role: ConnectorRole
  readonly entry: ConnectorEntry
  readonly pipelines: ReadonlyArray<string>
}

export type HealthStatus = "healthy" | "warning" | "unhealthy" | "unknown"

interface Health {
  readonly status: HealthStatus
  readonly checkedAt: number
  readonly latencyMs: number | null
  readonly error: string | null
}

const COLLECTION = "http.health"

/** A connection that takes longer than this is worth a look. */
const SLOW_MS = 2000

const LEASE = "http:health"

export class Connectors {
  private readonly service: EngineService
  private readonly reach: Reach
  private readonly now: () => number
  private timer: NodeJS.Timeout | undefined

  constructor(service: EngineService, reach: Reach, now: () => number) {
    this.service = service
    this.reach = reach
    this.now = now
    this.all = ofDefinitions(service.store, () => this.load())
  }

  /** Sorted by name. Entries that are the same in several pipelines are one connector. */
  readonly all: () => Promise<ReadonlyArray<NamedConnector>>

  private async load(): Promise<ReadonlyArray<NamedConnector>> {
    const found = new Map<
      string,
      { readonly connector: Omit<NamedConnector, "name">; readonly names: Set<string>; readonly pipelines: Set<string> }
    >()
    for (let skip = 0; ; skip += PAGE) {
      const page = await promised(this.service.store.listDefinitions({ limit: PAGE, skip }))
      for (const stored of page) {
        const { name, sources, destinations } = definitionOf(stored)
        for (const [role, entries] of [
          ["source", sources],
          ["destination", destinations],
        ] as const) {
          for (const [i, written] of entries.entries()) {
            const entry = written as ConnectorEntry
            const key = `${role} ${createHash("sha256").update(JSON.stringify(entry)).digest("hex")}`
            const known = found.get(key) ?? {
              connector: { type: entry.type, role, entry, pipelines: [] },
              names: new Set(),
              pipelines: new Set(),
            }
            known.names.add(typeof entry["name"] === "string" ? entry["name"] : `${name}.${role}${entries.length > 1 ? `-${i + 1}` : ""}`)
            known.pipelines.add(name)
            found.set(key, known)
          }
        }
      }
      if (page.length < PAGE) break
    }
    const taken = new Set<string>()
    const named = Array.from(found.values(), ({ connector, names, pipelines }) => {
      const name = [...names].find((one) => !taken.has(one)) ?? `${[...pipelines][0]}.${[...names][0]}`
      taken.add(name)
      return { ...connector, name, pipelines: [...pipelines].toSorted() }
    })
    return named.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  async healthOf({ name }: NamedConnector): Promise<Health | undefined> {
    const entry = await promised(this.service.store.getEntry(COLLECTION, name))
    return entry === undefined ? undefined : (entry.value as Health)
  }

  async asJson(connector: NamedConnector) {
    const health = await this.healthOf(connector)
    const { name, type, role, pipelines } = connector
    return { name, type, role, status: health?.status ?? ("unknown" as const), last_check: isoTime(health?.checkedAt ?? null), pipelines }
  }

  async healthAsJson(connector: NamedConnector) {
    const health = await this.healthOf(connector)
    return {
      name: connector.name,
      status: health?.status ?? ("unknown" as const),
      last_check: isoTime(health?.checkedAt ?? null),
      latency_ms: health?.latencyMs ?? null,
      error: health?.error ?? null,
    }
  }

  /** From now on every connector is tried again and again; of several processes one does. */
  watch(everyMs: number): void {
    const look = (): void => {
      void this.checkAll(everyMs)
        .catch(nothing)
        .finally(() => {
          if (this.timer === undefined) return
          this.timer = setTimeout(look, everyMs)
          this.timer.unref()
        })
    }
    this.timer = setTimeout(look, 0)
    this.timer.unref()
  }

  stop(): void {
    clearTimeout(this.timer)
    this.timer = undefined
  }

  private readonly owner = `health-${newEventId(Date.now())}`

  async checkAll(everyMs: number): Promise<void> {
    const lease = await promised(this.service.store.acquireLease(LEASE, this.owner, everyMs * 2))
    if (lease === undefined) return
    for (const connector of await this.all()) await this.check(connector)
  }

  /** Tries one connector, and tells where it is otherwise than before. */
  async check(connector: NamedConnector): Promise<Health> {
    const health = await this.tried(connector)
    const before = await promised(this.service.store.getEntry(COLLECTION, connector.name))
    await promised(this.service.store.saveEntry({ collection: COLLECTION, key: connector.name, value: health, expiresAt: null }))
    if (before !== undefined && (before.value as Health).status !== health.status) await this.tell(connector, health, before)
    return health
  }

  private async tried({ entry, role, pipelines }: NamedConnector): Promise<Health> {
    try {
      // One that a pipeline of the host has too may reach what the host named.
      const ofHost = pipelines.find((pipeline) => this.reach.of(pipeline).confinesFiles !== true)
      const options = ofHost === undefined ? this.reach.outside : {}
      const { latencyMs } = await promised(this.service.checkConnector(entry, role, options))
      return { status: latencyMs > SLOW_MS ? "warning" : "healthy", checkedAt: this.now(), latencyMs, error: null }
    } catch (error) {
      if (!(error instanceof DeltaflowError)) throw error
      return { status: "unhealthy", checkedAt: this.now(), latencyMs: null, error: this.service.mask(error.message) }
    }
  }

  private async tell({ name, pipelines }: NamedConnector, { status, error }: Health, before: StoredEntry): Promise<void> {
    const now = this.now()
    const data = { connector: name, status, previous: (before.value as Health).status, error }
    const events = pipelines.map((pipeline) => ({
      id: newEventId(now),
      type: "connector.health.changed",
      timestamp: now,
      pipeline,
      runId: null,
      data,
    }))
    await promised(this.service.store.appendEvents(events))
  }
}

const PAGE = 500

// A look that the store did not let happen is made again with the next one.
const nothing = (): void => undefined
