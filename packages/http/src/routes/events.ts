import type { EventFilter } from "@deltaflow/core"
import { promised } from "@deltaflow/core/adapter"
import type { Call, Respond } from "../Call.ts"
import { eventStream } from "../events/serverSentEvents.ts"
import { invalidRequest, Problem } from "../problems.ts"
import { type Query, timeOf } from "../requestQuery.ts"
import { eventAsJson } from "../shapes.ts"

const filterOf = (query: Query): Pick<EventFilter, "pipeline" | "types"> => ({
  ...(query["pipeline"] === undefined ? {} : { pipeline: String(query["pipeline"]) }),
  ...(query["type"] === undefined ? {} : { types: [String(query["type"])] }),
})

/** Ids sort by time, so one before all that are there belongs to an event that is gone, and events after it may be gone too. */
const checkAfter = async ({ services }: Call, after: string): Promise<void> => {
  if (!/^evt_[0-9a-z]{26}$/.test(after)) {
    const message = `expected the id of an event, got ${JSON.stringify(after)}.`
    throw invalidRequest(`The query is wrong: after: ${message}`, [{ path: "after", message }])
  }
  const [oldest] = await promised(services.service.listEvents({ limit: 1 }))
  if (oldest === undefined || after >= oldest.id) return
  throw new Problem("EVENTS_GONE", `The event ${after} and some after it are gone. The oldest that is there is ${oldest.id}.`, {
    details: { after, oldest_id: oldest.id },
  })
}

const DEFAULT_LIMIT = 100

const list: Respond = async (call) => {
  const { query, services } = call
  const after = query["after"] === undefined ? undefined : String(query["after"])
  const since = timeOf(query, "since")
  const until = timeOf(query, "until")
  if (after !== undefined) await checkAfter(call, after)
  const events = await promised(
    services.service.listEvents({
      ...filterOf(query),
      ...(since === undefined ? {} : { since }),
      ...(until === undefined ? {} : { until }),
      ...(after === undefined ? {} : { after }),
      limit: Number(query["limit"] ?? DEFAULT_LIMIT),
    }),
  )
  return { data: events.map(eventAsJson), meta: { last_id: events.at(-1)?.id ?? after ?? null } }
}

const stream: Respond = async (call) => {
  const { feed, metrics } = call.services
  const after = call.request.headers.get("last-event-id") ?? undefined
  if (after !== undefined && after !== "") await checkAfter(call, after)
  const leaving = new AbortController()
  call.request.signal.addEventListener("abort", () => leaving.abort(), { once: true })
  const events = feed.listen(filterOf(call.query), after === "" ? undefined : after, leaving.signal)
  metrics.streams++
  const body = eventStream(events, () => {
    metrics.streams--
    leaving.abort()
  })
  return {
    raw: { type: "text/event-stream; charset=utf-8", body },
    // What stands between must neither keep nor pack it.
    headers: { "cache-control": "no-cache, no-transform", "x-accel-buffering": "no" },
  }
}

export const eventRoutes: Readonly<Record<string, Respond>> = { "events.list": list, "events.stream": stream }
