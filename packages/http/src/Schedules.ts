/** Schedules that somebody set over HTTP, which go over those of the definitions. */
import type { Store } from "@deltaflow/core"
import { cronProblems, entriesOf, type PipelineDefinition, timezoneProblems, promised } from "@deltaflow/core/adapter"
import { invalidRequest, type RequestIssue } from "./problems.ts"

export interface Schedule {
  readonly schedule: string | null
  readonly timezone: string
}

export const scheduleOf = ({ schedule, timezone }: PipelineDefinition): Schedule => ({
  schedule: typeof schedule === "string" ? schedule : null,
  timezone: typeof timezone === "string" ? timezone : "UTC",
})

const COLLECTION = "schedules"

/** How old what another process set may be, milliseconds. */
const FRESH_MS = 1000

export class Schedules {
  private readonly store: Store

  constructor(store: Store) {
    this.store = store
  }

  /** `written`: what the definition says. */
  async of(pipeline: string, written: Schedule): Promise<Schedule> {
    return (await this.all()).get(pipeline) ?? written
  }

  private known: { readonly at: number; readonly schedules: Promise<ReadonlyMap<string, Schedule>> } | undefined

  /** Few pipelines have one, so all are kept; what another process sets is seen within a second. */
  private all(): Promise<ReadonlyMap<string, Schedule>> {
    const now = performance.now()
    if (this.known === undefined || now - this.known.at > FRESH_MS) this.known = { at: now, schedules: this.load() }
    return this.known.schedules
  }

  private async load(): Promise<ReadonlyMap<string, Schedule>> {
    const schedules = new Map<string, Schedule>()
    for await (const { key, value } of entriesOf(this.store, COLLECTION)) schedules.set(key, value as Schedule)
    return schedules
  }

  /** Throws where the schedule or the zone is wrong. */
  async set(pipeline: string, schedule: Schedule): Promise<void> {
    const problems = [
      ...(schedule.schedule === null ? [] : await cronProblems(schedule.schedule, ["schedule"])),
      ...timezoneProblems(schedule.timezone, ["timezone"]),
    ]
    const issues = problems.map(({ path, message, hint }): RequestIssue => ({
      path: path.join("."),
      message: [message, hint].join(" ").trim(),
    }))
    if (issues.length > 0) throw invalidRequest(issues[0]!.message, issues)
    await promised(this.store.saveEntry({ collection: COLLECTION, key: pipeline, value: schedule, expiresAt: null }))
    this.known = undefined
  }

  async forget(pipeline: string): Promise<void> {
    await promised(this.store.deleteEntry(COLLECTION, pipeline))
    this.known = undefined
  }
}
