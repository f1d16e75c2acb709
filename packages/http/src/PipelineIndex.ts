/**
 * What lists show of every pipeline, kept in memory and in the order of names. What runs change is known by their events; what another
 * process does to definitions is seen within two seconds.
 */
import type { StoredDefinition } from "@deltaflow/core"
import type { Brief, PipelineStatus } from "./Catalogue.ts"

export interface Known {
  readonly brief: Brief
  readonly status: PipelineStatus
}

const FRESH_MS = 2000

const SLICE_MS = 5

export interface IndexSource {
  /** Another one than before where any definition has changed. */
  readonly version: () => Promise<number>
  readonly all: () => Promise<ReadonlyArray<StoredDefinition>>
  readonly get: (name: string) => Promise<StoredDefinition | undefined>
  readonly look: (stored: StoredDefinition) => Promise<Known>
}

export class PipelineIndex {
  private readonly source: IndexSource
  private known = new Map<string, Known>()
  private groups: ReadonlyMap<PipelineStatus | undefined, ReadonlyArray<Known>> = new Map()
  private readonly changed = new Set<string>()
  private loadedAt = -Infinity
  private version: number | undefined
  private working: Promise<void> | undefined

  constructor(source: IndexSource) {
    this.source = source
  }

  /** Something happened to this pipeline. */
  touch(name: string): void {
    this.changed.add(name)
  }

  /** Whether all has been read once, which takes seconds for thousands. */
  get isLoaded(): boolean {
    return this.loadedAt > -Infinity
  }

  /** Sorted by name; of one status, or all. */
  async list(status: PipelineStatus | undefined): Promise<ReadonlyArray<Known>> {
    // What was touched while others were at work is not in what they bring.
    for (;;) {
      const isStale = performance.now() - this.loadedAt > FRESH_MS
      if (!isStale && this.changed.size === 0) return this.groups.get(status) ?? []
      this.working ??= (isStale ? this.reload() : this.update()).finally(() => (this.working = undefined))
      await this.working
    }
  }

  private async reload(): Promise<void> {
    const version = await this.source.version()
    if (version === this.version) {
      this.loadedAt = performance.now()
      if (this.changed.size > 0) await this.update()
      return
    }
    const changed = new Set(this.changed)
    this.changed.clear()
    const before = this.known
    const known = new Map<string, Known>()
    let began = performance.now()
    for (const stored of await this.source.all()) {
      // Thousands that are new take seconds, in which others want their answers.
      if (performance.now() - began > SLICE_MS) {
        await new Promise((resolve) => setImmediate(resolve))
        began = performance.now()
      }
      const old = before.get(stored.name)
      known.set(
        stored.name,
        old !== undefined && !changed.has(stored.name) && isOf(old.brief, stored) ? old : await this.source.look(stored),
      )
    }
    this.known = known
    this.version = version
    this.loadedAt = performance.now()
    this.group()
  }

  private async update(): Promise<void> {
    const names = [...this.changed]
    this.changed.clear()
    let isNew = false
    for (const name of names) {
      const stored = await this.source.get(name)
      isNew ||= stored !== undefined && !this.known.has(name)
      if (stored === undefined) this.known.delete(name)
      else this.known.set(name, await this.source.look(stored))
    }
    if (isNew) this.known = new Map([...this.known].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    this.group()
  }

  private group(): void {
    const groups = new Map<PipelineStatus | undefined, Array<Known>>([[undefined, [...this.known.values()]]])
    for (const known of this.known.values()) {
      const group = groups.get(known.status)
      if (group === undefined) groups.set(known.status, [known])
      else group.push(known)
    }
    this.groups = groups
  }
}

/** Whether this is said of the definition as it is stored. A pipeline may be deleted and made again, which begins with revision 1. */
const isOf = (brief: Brief, { revision, createdAt, paused }: StoredDefinition): boolean =>
  brief.revision === revision && brief.createdAt === createdAt && brief.paused === paused
