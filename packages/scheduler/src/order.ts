/**
 * Which of the runs that wait comes first: by priority; where there is not room for all, in turns by tenant and by pipeline; then by time.
 */
import type { WaitingRun } from "@deltaflow/core/adapter"
import type { Known } from "./Pipelines.ts"

export interface Candidate {
  readonly run: WaitingRun
  readonly one: Known
  readonly priority: number
  readonly tenant: string | null
}

export const candidateOf = (run: WaitingRun, one: Known): Candidate => ({
  run,
  one,
  priority: run.priority ?? one.settings.priority ?? 0,
  tenant: run.tenant ?? one.settings.tenant ?? null,
})

interface Counted {
  readonly pipeline: string
  readonly tenant: string | null
}

export class FairOrder {
  private readonly rest: Array<Candidate>
  private readonly isScarce: boolean
  private readonly tenants = new Map<string | null, number>()
  private readonly pipelines = new Map<string, number>()

  /** `running`: those who have room already. */
  constructor(candidates: ReadonlyArray<Candidate>, running: ReadonlyArray<Counted>, isScarce: boolean) {
    // The last one comes first, so that taking it moves nothing.
    this.rest = candidates.toSorted((a, b) => -byTime(a, b))
    this.isScarce = isScarce
    for (const one of running) this.add(one)
  }

  get size(): number {
    return this.rest.length
  }

  next(): Candidate | undefined {
    if (!this.isScarce) return this.rest.pop()
    let best = this.rest.length - 1
    for (let i = best - 1; i >= 0; i--) if (this.compare(this.rest[i]!, this.rest[best]!) < 0) best = i
    return this.rest.splice(best, 1)[0]
  }

  /** This one was started. */
  count({ run, tenant }: Candidate): void {
    this.add({ pipeline: run.pipeline, tenant })
  }

  private add({ pipeline, tenant }: Counted): void {
    this.tenants.set(tenant, (this.tenants.get(tenant) ?? 0) + 1)
    this.pipelines.set(pipeline, (this.pipelines.get(pipeline) ?? 0) + 1)
  }

  private compare(a: Candidate, b: Candidate): number {
    const count = <K>(counts: ReadonlyMap<K, number>, key: K) => counts.get(key) ?? 0
    return (
      b.priority - a.priority ||
      count(this.tenants, a.tenant) - count(this.tenants, b.tenant) ||
      count(this.pipelines, a.run.pipeline) - count(this.pipelines, b.run.pipeline) ||
      byTime(a, b)
    )
  }
}

const byTime = (a: Candidate, b: Candidate): number =>
  b.priority - a.priority ||
  a.run.runAt - b.run.runAt ||
  a.run.createdAt - b.run.createdAt ||
  compareTexts(a.run.pipeline, b.run.pipeline) ||
  compareTexts(a.run.id, b.run.id)

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
