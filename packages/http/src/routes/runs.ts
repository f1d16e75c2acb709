import { isTerminal, type Run, type RunFilter } from "@deltaflow/core"
import { promised } from "@deltaflow/core/adapter"
import { chartOf, mermaidGantt, svgGantt } from "@deltaflow/core/gantt"
import type { Answer, Call, Respond } from "../Call.ts"
import { type PageRequest, pageAnswer, pageOf } from "../pages.ts"
import { invalidRequest, Problem, runNotFound } from "../problems.ts"
import { type Query, timeOf } from "../requestQuery.ts"
import { rejectedRows } from "../rejected.ts"
import { eventAsJson, runAsJson, startedRunAsJson } from "../shapes.ts"

const DAY_MS = 86_400_000

const LONGEST_KEY = 255

const started = (call: Call, run: Run): Answer => ({
  status: 202,
  data: startedRunAsJson(run, call.services.runs.progress(run.id)),
  headers: { location: `${call.prefix}/api/v1/pipelines/${run.pipeline}/runs/${run.id}` },
})

interface TriggerBody {
  readonly full_refresh?: boolean
  readonly dry_run?: boolean
  readonly variables?: Readonly<Record<string, string | number | boolean>>
}

const trigger: Respond = async (call) => {
  const { catalogue, runs, idempotency, service } = call.services
  const stored = await catalogue.find(call.params["name"]!)
  const { full_refresh, dry_run, variables } = ((await call.body()) ?? {}) as TriggerBody
  const request = {
    trigger: "api" as const,
    ...(full_refresh === undefined ? {} : { fullRefresh: full_refresh }),
    ...(dry_run === undefined ? {} : { dryRun: dry_run }),
    ...(variables === undefined ? {} : { variables }),
  }
  const key = call.request.headers.get("idempotency-key")
  if (key === null) return started(call, await runs.start(stored, request))
  if (key === "" || key.length > LONGEST_KEY) throw invalidRequest(`Idempotency-Key has 1 to ${LONGEST_KEY} characters.`)
  const parts = [call.principal?.id ?? "", stored.name, key]
  const id = await idempotency.runOf(parts, DAY_MS, async () => (await runs.start(stored, request)).id)
  const run = await promised(service.getRun(id))
  if (run === undefined) throw runNotFound(stored.name, id)
  return started(call, run)
}

const filterOf = (query: Query, pipeline: string | undefined, page: PageRequest): RunFilter => {
  const since = timeOf(query, "since")
  const until = timeOf(query, "until")
  const { status } = query
  return {
    ...(pipeline === undefined ? {} : { pipeline }),
    ...(status === undefined ? {} : { status: [status as Run["status"]] }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    limit: page.perPage,
    skip: page.skip,
  }
}

const history: Respond = async (call) => {
  const { catalogue, service, runs } = call.services
  const { name } = await catalogue.find(call.params["name"]!)
  const page = pageOf(call.query)
  const found = await promised(service.listRuns(filterOf(call.query, name, page)))
  return pageAnswer(
    call,
    page,
    found.runs.map((run) => runAsJson(run, runs.progress(run.id))),
    found.total,
  )
}

/** Runs of all pipelines, by default of the last 24 hours. */
const all: Respond = async (call) => {
  const { service, runs, now } = call.services
  const accept = call.request.headers.get("accept") ?? ""
  const query = call.query["since"] === undefined && call.query["until"] === undefined ? { since: now() - DAY_MS } : {}
  const picture = /\btext\/vnd\.mermaid\b/i.test(accept) ? mermaidGantt : /\bimage\/svg\+xml\b/i.test(accept) ? svgGantt : undefined
  const page = picture === undefined ? pageOf(call.query) : { page: 1, perPage: MOST_BARS, skip: 0 }
  const found = await promised(service.listRuns({ ...filterOf(call.query, undefined, page), ...query }))
  if (picture !== undefined) {
    const last = "since" in query ? "24h" : undefined
    const type = picture === svgGantt ? "image/svg+xml; charset=utf-8" : "text/vnd.mermaid; charset=utf-8"
    const body = `${picture(chartOf(found.runs, { now: now(), last }))}\n`
    return { raw: { type, body }, headers: { vary: "Accept", "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'" } }
  }
  return pageAnswer(
    call,
    page,
    found.runs.map((run) => runAsJson(run, runs.progress(run.id))),
    found.total,
  )
}

const MOST_BARS = 1000

const runOf = async (call: Call): Promise<Run> => {
  const { catalogue, service } = call.services
  const { name } = await catalogue.find(call.params["name"]!)
  const id = call.params["run_id"]!
  const run = await promised(service.getRun(id))
  if (run === undefined || run.pipeline !== name) throw runNotFound(name, id)
  return run
}

const runAnswer = async (call: Call, run: Run): Promise<Answer> => {
  const { runs } = call.services
  const json = runAsJson(run, runs.progress(run.id))
  return { data: run.dryRun ? { ...json, checks: await runs.checksOf(run.id) } : json }
}

const get: Respond = async (call) => await runAnswer(call, await runOf(call))

const cancel: Respond = async (call) => {
  const run = await runOf(call)
  if (isTerminal(run.status)) throw hasEnded(run)
  return { ...(await runAnswer(call, await call.services.runs.cancel(run))), status: 202 }
}

const hasEnded = (run: Run): Problem =>
  new Problem("RUN_CONFLICT", `The run ${run.id} has ended: ${run.status}.`, { details: { run_id: run.id, status: run.status } })

const retry: Respond = async (call) => {
  const run = await runOf(call)
  if (!isTerminal(run.status))
    throw new Problem("RUN_CONFLICT", `The run ${run.id} goes on. Only a run that has ended can be tried again.`, {
      details: { run_id: run.id, status: run.status },
    })
  const { catalogue, runs } = call.services
  const stored = await catalogue.find(run.pipeline)
  const request = {
    trigger: "retry" as const,
    retryOf: run.id,
    ...(run.fullRefresh ? { fullRefresh: true } : {}),
    ...(run.dryRun ? { dryRun: true } : {}),
  }
  return started(call, await runs.start(stored, request))
}

const PAGE = 1000

const logs: Respond = async (call) => {
  const run = await runOf(call)
  const { service } = call.services
  let after: string | undefined
  let isOver = false
  const encoder = new TextEncoder()
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      if (isOver) return controller.close()
      const page = await promised(service.listEvents({ runId: run.id, limit: PAGE, ...(after === undefined ? {} : { after }) }))
      after = page.at(-1)?.id
      isOver = page.length < PAGE
      if (page.length === 0) return controller.close()
      controller.enqueue(encoder.encode(page.map((event) => `${JSON.stringify(eventAsJson(event))}\n`).join("")))
    },
  })
  return { raw: { type: "application/x-ndjson; charset=utf-8", body } }
}

const rejected: Respond = async (call) => {
  const run = await runOf(call)
  const page = pageOf(call.query)
  const stored = await call.services.catalogue.find(run.pipeline)
  const loaded = await call.services.catalogue.loaded(stored)
  const rows =
    run.rowsRejected === 0 || !loaded.ok
      ? []
      : await rejectedRows(call.services.service, loaded.pipeline, run, page, call.services.reach.of(run.pipeline))
  return { ...pageAnswer(call, page, rows, run.rowsRejected), hasRows: true }
}

export const runRoutes: Readonly<Record<string, Respond>> = {
  "runs.trigger": trigger,
  "runs.history": history,
  "runs.all": all,
  "runs.get": get,
  "runs.cancel": cancel,
  "runs.retry": retry,
  "runs.logs": logs,
  "runs.rejected": rejected,
}
