import type { StoredDefinition } from "@deltaflow/core"
import { promised } from "@deltaflow/core/adapter"
import { definitionOf } from "../Catalogue.ts"
import type { Call, Respond, Services } from "../Call.ts"
import { cut, pageAnswer, pageOf } from "../pages.ts"
import { scheduleOf } from "../Schedules.ts"
import { isoTime } from "../shapes.ts"

const jobOf = async ({ catalogue, schedules, service }: Services, stored: StoredDefinition) => {
  const { schedule, timezone } = await schedules.of(stored.name, scheduleOf(definitionOf(stored)))
  const [last] = (await promised(service.store.listRuns({ pipeline: stored.name, limit: 1 }))).runs
  const next = schedule === null || stored.paused ? null : await catalogue.nextTime(schedule, timezone)
  return {
    pipeline: stored.name,
    schedule,
    timezone,
    status: stored.paused ? ("paused" as const) : ("active" as const),
    last_run_at: isoTime(last === undefined ? null : (last.startedAt ?? last.createdAt)),
    next_run_at: isoTime(next),
  }
}

const jobs: Respond = async (call) => {
  const { service, schedules } = call.services
  const page = pageOf(call.query)
  const all = await promised(service.store.listDefinitions())
  const isScheduled = await Promise.all(
    all.map(async (stored) => (await schedules.of(stored.name, scheduleOf(definitionOf(stored)))).schedule !== null),
  )
  const scheduled = all.filter((_, i) => isScheduled[i])
  return pageAnswer(call, page, await Promise.all(cut(scheduled, page).map((stored) => jobOf(call.services, stored))), scheduled.length)
}

const found = async (call: Call): Promise<StoredDefinition> => await call.services.catalogue.find(call.params["pipeline"]!)

interface JobChange {
  readonly schedule?: string | null
  readonly timezone?: string
  readonly enabled?: boolean
}

const update: Respond = async (call) => {
  const stored = await found(call)
  const { schedules } = call.services
  const { schedule, timezone, enabled } = (await call.body()) as JobChange
  const before = await schedules.of(stored.name, scheduleOf(definitionOf(stored)))
  if (schedule !== undefined || timezone !== undefined)
    await schedules.set(stored.name, {
      schedule: schedule === undefined ? before.schedule : schedule,
      timezone: timezone ?? before.timezone,
    })
  if (enabled !== undefined) await call.services.catalogue.setPaused(stored.name, !enabled)
  return { data: await jobOf(call.services, await found(call)) }
}

const pausing =
  (paused: boolean): Respond =>
  async (call) => {
    await call.services.catalogue.setPaused((await found(call)).name, paused)
    return { data: await jobOf(call.services, await found(call)) }
  }

export const schedulerRoutes: Readonly<Record<string, Respond>> = {
  "scheduler.jobs": jobs,
  "scheduler.update": update,
  "scheduler.pause": pausing(true),
  "scheduler.resume": pausing(false),
}
