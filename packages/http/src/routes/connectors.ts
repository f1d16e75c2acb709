import { type ConnectorEntry, DefinitionError, DeltaflowError } from "@deltaflow/core"
import { pluginTypes, promised } from "@deltaflow/core/adapter"
import type { Call, Respond } from "../Call.ts"
import { invalidPipeline } from "../Catalogue.ts"
import type { NamedConnector } from "../Connectors.ts"
import { cut, pageAnswer, pageOf } from "../pages.ts"
import { invalidRequest, Problem } from "../problems.ts"

const list: Respond = async (call) => {
  const { connectors } = call.services
  const page = pageOf(call.query)
  const all = await connectors.all()
  return pageAnswer(call, page, await Promise.all(cut(all, page).map((one) => connectors.asJson(one))), all.length)
}

const health: Respond = async (call) => {
  const { connectors } = call.services
  const name = call.params["name"]!
  const found = (await connectors.all()).find((one: NamedConnector) => one.name === name)
  if (found === undefined)
    throw new Problem("CONNECTOR_NOT_FOUND", `There is no connector named ${name}.`, { details: { connector: name } })
  if ((await connectors.healthOf(found)) === undefined) await connectors.check(found)
  return { data: await connectors.healthAsJson(found) }
}

const test: Respond = async (call) => {
  const { type, role, ...config } = (await call.body()) as Record<string, unknown>
  if (typeof type !== "string")
    throw invalidRequest("The body has no `type`.", [{ path: "type", message: "expected the type of a connector." }])
  if (role !== undefined && role !== "source" && role !== "destination")
    throw invalidRequest("`role` is source or destination.", [{ path: "role", message: "expected source or destination." }])
  const entry: ConnectorEntry = { ...config, type }
  const shown = { type, role: role ?? roleOf(call, type) }
  try {
    const { latencyMs, facts } = await promised(call.services.service.checkConnector(entry, role, call.services.reach.outside))
    return { data: { status: "connected", ...shown, latency_ms: latencyMs, ...facts } }
  } catch (error) {
    if (error instanceof DefinitionError) throw invalidPipeline(error.issues)
    if (!(error instanceof DeltaflowError)) throw error
    return { data: { status: "failed", ...shown, error: error.message, hint: error.hint ?? null } }
  }
}

const roleOf = ({ services }: Call, type: string): "source" | "destination" =>
  services.service.plugins.some((plugin) => plugin.kind === "source" && plugin.type === type) ? "source" : "destination"

const types: Respond = async (call) => {
  const page = pageOf(call.query)
  const all = pluginTypes(call.services.service.plugins).filter(({ kind }) => kind !== "transform")
  const data = cut(all, page).map(({ type, kind, summary, schema }) => ({ type, role: kind, description: summary, schema }))
  return pageAnswer(call, page, data, all.length)
}

export const connectorRoutes: Readonly<Record<string, Respond>> = {
  "connectors.list": list,
  "connectors.health": health,
  "connectors.test": test,
  "connectors.types": types,
}
