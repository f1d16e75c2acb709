/**
 * The last runs of pipelines, kept in memory: a list of pipelines needs two of each, and the store may have a million. What changes them
 * leaves an event in the store, whichever process did it, so each use looks for new events first.
 */
import type { EngineService, Run } from "@deltaflow/core"
import { promised } from "@deltaflow/core/adapter"

export interface Summary {
  readonly newest: Run | undefined
  /** The last one that ended and was no dry run. */
  readonly ended: Run | undefined
}

const BEHIND_MS = 60_000

/** How old what is shown may be, milliseconds. */
const FRESH_MS = 20

const PAGE = 1000

const MOST_KEPT = 50_000

export class Summaries {
  private readonly service: EngineService
  private readonly kept = new Map<string, Summary>()
  /** Up to where events are known: a time, until there was one. Clocks of other processes may be a little behind. */
  private readonly since = Date.now() - BEHIND_MS
  private after: string | undefined
  private lookedAt = 0
  private looking: Promise<void> | undefined

  private readonly onChange: (pipeline: string) => void

  /** `onChange` hears which pipeline's runs have changed, whenever somebody looks. */
  constructor(service: EngineService, onChange: (pipeline: string) => void) {
    this.service = service
    this.onChange = onChange
  }

  async of(pipeline: string): Promise<Summary> {
    await this.look()
    const known = this.kept.get(pipeline)
    if (known !== undefined) return known
    const summary = await this.load(pipeline)
    if (this.kept.size >= MOST_KEPT) this.kept.clear()
    // A run that goes on changes without an event for each change.
    if (summary.newest === undefined || summary.newest.completedAt !== null) this.kept.set(pipeline, summary)
    return summary
  }

  forget(pipeline: string): void {
    this.kept.delete(pipeline)
  }

  /** Learns what has changed. */
  look(): Promise<void> {
    if (performance.now() - this.lookedAt < FRESH_MS) return this.looking ?? done
    this.lookedAt = performance.now()
    this.looking = this.forgetChanged().finally(() => (this.looking = undefined))
    return this.looking
  }

  private async forgetChanged(): Promise<void> {
    for (;;) {
      const from = this.after === undefined ? { since: this.since } : { after: this.after }
      const events = await promised(this.service.store.listEvents({ ...from, limit: PAGE }))
      for (const { pipeline } of events) {
        this.kept.delete(pipeline)
        this.onChange(pipeline)
      }
      this.after = events.at(-1)?.id ?? this.after
      if (events.length < PAGE) return
    }
  }

  private async load(pipeline: string): Promise<Summary> {
    const { runs, total } = await promised(this.service.store.listRuns({ pipeline, limit: 5 }))
    const ended = runs.find(hasEnded)
    if (ended !== undefined || total <= runs.length) return { newest: runs[0], ended }
    const more = await promised(this.service.store.listRuns({ pipeline, status: ["success", "failed", "cancelled"], limit: 100 }))
    return { newest: runs[0], ended: more.runs.find(hasEnded) }
  }
}

const done = Promise.resolve()

const hasEnded = (run: Run): boolean => !run.dryRun && (run.status === "success" || run.status === "failed" || run.status === "cancelled")
