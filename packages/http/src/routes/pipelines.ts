import { printDefinition, type StoredDefinition } from "@deltaflow/core"
import { promised } from "@deltaflow/core/adapter"
import type { PipelineStatus } from "../Catalogue.ts"
import type { Answer, Call, Respond } from "../Call.ts"
import { pageAnswer, pageOf } from "../pages.ts"
import { invalidRequest, Problem } from "../problems.ts"
import { decodeUtf8, formOf, parseJsonText } from "../requestBody.ts"
import { stateAsJson } from "../shapes.ts"

const list: Respond = async (call) => {
  const page = pageOf(call.query)
  const { items, total } = await call.services.catalogue.list(call.query["status"] as PipelineStatus | undefined, page)
  return pageAnswer(call, page, items, total)
}

const detail = async (call: Call, stored: StoredDefinition, more: Answer = {}): Promise<Answer> => ({
  ...more,
  data: await call.services.catalogue.detail(stored),
  headers: { etag: etagOf(stored), ...more.headers },
})

const etagOf = ({ revision }: StoredDefinition): string => `"${revision}"`

const wantsYaml = (request: Request): boolean =>
  /\b(application\/(x-)?yaml|text\/yaml)\b/i.test(request.headers.get("accept") ?? "") &&
  !/\bapplication\/json\b/i.test(request.headers.get("accept") ?? "")

const get: Respond = async (call) => {
  const { catalogue } = call.services
  const stored = await catalogue.find(call.params["name"]!)
  if (!wantsYaml(call.request)) return await detail(call, stored)
  return {
    headers: { etag: etagOf(stored), vary: "Accept" },
    raw: { type: "application/yaml; charset=utf-8", body: await catalogue.yaml(stored, printDefinition) },
  }
}

/** The text of a definition, and how it is written. */
const textOf = async (call: Call): Promise<{ readonly text: string; readonly form: "json" | "yaml" }> => {
  const form = formOf(call.request, true)
  const text = decodeUtf8(await call.bytes())
  if (text.trim() === "") throw invalidRequest("The body is empty. Send a definition.")
  if (form === "json") parseJsonText(text)
  return { text, form }
}

const create: Respond = async (call) => {
  const { text, form } = await textOf(call)
  const stored = await call.services.catalogue.save(text, form, undefined, 0)
  return await detail(call, stored, { status: 201, headers: { location: `${call.prefix}/api/v1/pipelines/${stored.name}` } })
}

const update: Respond = async (call) => {
  const { text, form } = await textOf(call)
  const { catalogue } = call.services
  const name = call.params["name"]!
  await catalogue.find(name)
  return await detail(call, await catalogue.save(text, form, name, expectedRevision(call.request)))
}

/** Of `If-Match`. A value that no revision can have matches none. */
const expectedRevision = (request: Request): number | undefined => {
  const text = request.headers.get("if-match")?.trim()
  if (text === undefined || text === "*") return undefined
  const revision = /^(?:W\/)?"?(\d{1,15})"?$/.exec(text)?.[1]
  return revision === undefined ? -1 : Number(revision)
}

const remove: Respond = async (call) => {
  const { catalogue, runs } = call.services
  const { name } = await catalogue.find(call.params["name"]!)
  const running = await runs.runningOf(name)
  if (running !== undefined && call.query["force"] !== true)
    throw new Problem("RUN_CONFLICT", `The pipeline ${name} runs. Wait, cancel the run, or delete with ?force=true.`, {
      details: { pipeline: name, run_id: running.id },
    })
  if (running !== undefined) await runs.cancel(running)
  await catalogue.remove(name)
  return { status: 204 }
}

const setPaused =
  (paused: boolean): Respond =>
  async (call) => {
    const { catalogue } = call.services
    const { name } = await catalogue.find(call.params["name"]!)
    await catalogue.setPaused(name, paused)
    return await detail(call, await catalogue.find(name))
  }

const state: Respond = async (call) => {
  const { catalogue, service } = call.services
  const { name } = await catalogue.find(call.params["name"]!)
  // A cursor may be a number that JavaScript would change.
  return { data: stateAsJson(name, await promised(service.getState(name))), hasRows: true }
}

const resetState: Respond = async (call) => {
  const { catalogue, service, runs } = call.services
  const stored = await catalogue.find(call.params["name"]!)
  const running = await runs.runningOf(stored.name)
  if (running !== undefined)
    throw new Problem("RUN_CONFLICT", `The pipeline ${stored.name} runs. Its state can be reset when the run has ended.`, {
      details: { pipeline: stored.name, run_id: running.id },
    })
  const loaded = await catalogue.loaded(stored)
  await promised(service.resetState(stored.name, loaded.ok ? loaded.pipeline : undefined))
  return { status: 204 }
}

export const pipelineRoutes: Readonly<Record<string, Respond>> = {
  "pipelines.list": list,
  "pipelines.create": create,
  "pipelines.get": get,
  "pipelines.update": update,
  "pipelines.delete": remove,
  "pipelines.pause": setPaused(true),
  "pipelines.resume": setPaused(false),
  "pipelines.state": state,
  "pipelines.resetState": resetState,
}
