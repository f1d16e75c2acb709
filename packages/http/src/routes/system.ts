import { promised } from "@deltaflow/core/adapter"
import type { Call, Respond } from "../Call.ts"
import { PARSED_HEADER } from "../parsedBody.ts"
import { Problem, runNotFound } from "../problems.ts"
import { decodeUtf8, parseJsonText } from "../requestBody.ts"
import { startedRunAsJson } from "../shapes.ts"

const live: Respond = async () => ({ data: { status: "ok" } })

const ready: Respond = async ({ services }) => {
  if (services.runs.draining) throw new Problem("UNAVAILABLE", "The server is stopping.", { headers: { "retry-after": "5" } })
  await promised(services.service.store.countDefinitions())
  return { data: { status: "ok" } }
}

const metrics: Respond = async ({ services }) => ({
  raw: { type: "text/plain; version=0.0.4; charset=utf-8", body: await services.metrics.text(services.service, services.runs.count) },
})

const openapi: Respond = async ({ prefix }) => {
  const { openApiDocument } = await import("../contract/api.ts")
  const body = JSON.stringify({ ...openApiDocument(), servers: [{ url: prefix === "" ? "/" : prefix }] })
  return { raw: { type: "application/json; charset=utf-8", body } }
}

const docs: Respond = async ({ prefix }) => {
  const { docsPage } = await import("../docsPage.ts")
  return {
    raw: { type: "text/html; charset=utf-8", body: docsPage(prefix) },
    headers: { "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'" },
  }
}

const parsedBefore = new Problem(
  "INTERNAL",
  "A parser of the host has read the body before, so its signature cannot be checked. Mount the API before express.json() and the like.",
)

/** How long the id of a webhook is remembered. */
const KEPT_MS = 7 * 86_400_000

const trigger: Respond = async (call) => {
  const { triggers, runs, idempotency, service } = call.services
  const path = call.params["path"]!
  const isSigned = call.request.headers.has("webhook-signature")
  if (isSigned && call.request.headers.has(PARSED_HEADER)) throw parsedBefore
  const body = await call.bytes()
  const stored = await triggers.find(path, { headers: call.request.headers, body })
  const payload = payloadOf(call, body)
  const start = async (): Promise<string> =>
    (await runs.start(stored, { trigger: "webhook", ...(payload === undefined ? {} : { payload }) })).id
  const id = call.request.headers.get("webhook-id")
  const runId = id === null ? await start() : await idempotency.runOf(["webhook", stored.name, id], KEPT_MS, start)
  const run = await promised(service.getRun(runId))
  if (run === undefined) throw runNotFound(stored.name, runId)
  return { status: 202, data: startedRunAsJson(run, runs.progress(run.id)) }
}

/** JSON whatever its type says: senders of webhooks say all kinds of things. */
const payloadOf = ({ request }: Call, body: Uint8Array): unknown => {
  if (body.length === 0) return undefined
  const type = request.headers.get("content-type") ?? ""
  const text = decodeUtf8(body)
  return type.startsWith("application/x-www-form-urlencoded") ? Object.fromEntries(new URLSearchParams(text)) : parseJsonText(text)
}

export const systemRoutes: Readonly<Record<string, Respond>> = {
  "system.live": live,
  "system.ready": ready,
  "system.metrics": metrics,
  "system.openapi": openapi,
  "system.docs": docs,
  "system.trigger": trigger,
}
