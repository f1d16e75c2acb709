/**
 * The names of all pipelines by their status, kept in memory for lists that ask for one. What runs change is known by their events; what
 * another process does to definitions is seen within two seconds.
 */
import type { StoredDefinition } from "@deltaflow/core"
import type { PipelineStatus } from "./Catalogue.ts"

interface Known {
  readonly revision: number
  readonly paused: boolean
  readonly status: PipelineStatus
}

const FRESH_MS = 2000

export interface StatusSource {
  readonly all: () => Promise<ReadonlyArray<StoredDefinition>>
  readonly get: (name: string) => Promise<StoredDefinition | undefined>
  readonly statusOf: (stored: StoredDefinition) => Promise<PipelineStatus>
}

export class StatusIndex {
  private readonly source: StatusSource
  private known = new Map<string, Known>()
  private byStatus: ReadonlyMap<PipelineStatus, ReadonlyArray<string>> = new Map()
  private readonly changed = new Set<string>()
  private loadedAt = -Infinity
  private working: Promise<void> | undefined

  constructor(source: StatusSource) {
    this.source = source
  }

  /** Something happened to this pipeline. */
  touch(name: string): void {
    this.changed.add(name)
  }

  /** Sorted by name. */
  async names(status: PipelineStatus): Promise<ReadonlyArray<string>> {
    const isStale = performance.now() - this.loadedAt > FRESH_MS
    if (isStale || this.changed.size > 0) {
      this.working ??= (isStale ? this.reload() : this.update()).finally(() => (this.working = undefined))
      await this.working
    }
    return this.byStatus.get(status) ?? []
  }

  private async reload(): Promise<void> {
    const changed = new Set(this.changed)
    this.changed.clear()
    const before = this.known
    const all = await this.source.all()
    const known = new Map<string, Known>()
    for (const stored of all) {
      const old = before.get(stored.name)
      const isSame = old?.revision === stored.revision && old.paused === stored.paused && !changed.has(stored.name)
      known.set(stored.name, isSame ? old : await this.look(stored))
    }
    this.known = known
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
      else this.known.set(name, await this.look(stored))
    }
    if (isNew) this.known = new Map([...this.known].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    this.group()
  }

  private async look(stored: StoredDefinition): Promise<Known> {
    return { revision: stored.revision, paused: stored.paused, status: await this.source.statusOf(stored) }
  }

  private group(): void {
    const groups = new Map<PipelineStatus, Array<string>>()
    for (const [name, { status }] of this.known) {
      const names = groups.get(status)
      if (names === undefined) groups.set(status, [name])
      else names.push(name)
    }
    this.byStatus = groups
  }
}
