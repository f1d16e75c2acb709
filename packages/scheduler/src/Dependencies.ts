/** Pipelines that start after others: looked at when one of those has ended. */
import { newRunId, type Run, type Store } from "@deltaflow/core"
import { promised } from "@deltaflow/core/adapter"
import { Claims } from "./Claims.ts"
import type { Known } from "./Pipelines.ts"
import type { Starter } from "./Starter.ts"

/** The last run of each pipeline that one depends on, as they were when it was started last. */
interface Seen {
  readonly runs: Readonly<Record<string, string>>
}

export class Dependencies {
  private readonly store: Store
  private readonly starter: Starter
  private readonly claims: Claims<Seen>
  /** Those that another process was at. */
  private readonly again = new Set<string>()

  constructor(store: Store, starter: Starter) {
    this.store = store
    this.starter = starter
    this.claims = new Claims(store, "after:")
  }

  /** `ended`: the pipelines of which a run has ended since the last look; undefined for all. */
  async look(known: ReadonlyMap<string, Known>, ended: ReadonlySet<string> | undefined, now: number, starts: boolean): Promise<void> {
    for (const [name, one] of known) {
      const { dependsOn, stored } = one
      if (dependsOn.length === 0 || stored.paused) continue
      if (ended === undefined || this.again.delete(name) || dependsOn.some((dependency) => ended.has(dependency.name)))
        await this.lookAt(name, one, now, starts)
    }
  }

  private async lookAt(name: string, one: Known, now: number, starts: boolean): Promise<void> {
    const runs = await this.lastRunsOf(one)
    const seen = Object.fromEntries([...runs].map(([dependency, run]) => [dependency, run.id]))
    const claim = await this.claims.get(name)
    if (claim === undefined) {
      // What ended before anybody looked is no reason to start.
      await this.claims.add(name, { runs: seen })
      return
    }
    const isReady = one.dependsOn.every(({ name: dependency, status }) => {
      const run = runs.get(dependency)
      return (
        run !== undefined &&
        run.id !== claim.value.runs[dependency] &&
        (status === "completed" ? run.status !== "cancelled" : run.status === status)
      )
    })
    if (!isReady) return
    const { left } = claim
    const runId = left ?? newRunId(now)
    if (claim.isHeld(now) || !(await claim.take(now, runId))) {
      this.again.add(name)
      return
    }
    const isMade = left !== undefined && (await this.starter.isMade(left))
    if (!isMade) await this.starter.begin({ one, runId, trigger: "dependency", dueAt: now, data: { after: seen } }, starts)
    await claim.settle({ runs: seen })
  }

  /** The last run of each dependency that ended and was no dry run. */
  private async lastRunsOf({ dependsOn }: Known): Promise<ReadonlyMap<string, Run>> {
    const found = new Map<string, Run>()
    for (const { name } of dependsOn) {
      const { runs } = await promised(this.store.listRuns({ pipeline: name, status: ["success", "failed", "cancelled"], limit: 20 }))
      const last = runs.find((run) => !run.dryRun)
      if (last !== undefined) found.set(name, last)
    }
    return found
  }
}
