/** Schedules that somebody set over HTTP, which go over those of the definitions. */
import type { Store } from "@deltaflow/core"
import { cronProblems, type PipelineDefinition, timezoneProblems } from "@deltaflow/core/adapter"
import { promised } from "./effects.ts"
import { invalidRequest, type RequestIssue } from "./problems.ts"

export interface Schedule {
  readonly schedule: string | null
  readonly timezone: string
}

const COLLECTION = "http.schedules"

export class Schedules {
  private readonly store: Store

  constructor(store: Store) {
    this.store = store
  }

  async of(pipeline: string, written: PipelineDefinition): Promise<Schedule> {
    const entry = await promised(this.store.getEntry(COLLECTION, pipeline))
    if (entry !== undefined) return entry.value as Schedule
    const { schedule, timezone } = written
    return { schedule: typeof schedule === "string" ? schedule : null, timezone: typeof timezone === "string" ? timezone : "UTC" }
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
  }

  async forget(pipeline: string): Promise<void> {
    await promised(this.store.deleteEntry(COLLECTION, pipeline))
  }
}
