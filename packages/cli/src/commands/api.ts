/** `deltaflow api start`: the Pipeline API over the project, until it is interrupted. */
import type { ProjectPipeline } from "@deltaflow/core"
import { createHandler, type HandlerOptions, type HostPipeline, oidc } from "@deltaflow/http"
import { ApiKeys } from "@deltaflow/http/keys"
import { listen } from "@deltaflow/http/node"
import { countFlag, type Invocation, isSet, type RunCommand, textFlag, UsageError } from "../Command.ts"
import { ended, servingLog, shutdownTimeout } from "../serving.ts"
import { openSession, type Session } from "../session.ts"
import { startScheduler } from "./scheduler.ts"

export const run: RunCommand = async (invocation) => {
  if (invocation.operands[0] !== "start") throw new UsageError(`api takes start, not ${JSON.stringify(invocation.operands[0])}.`)
  return await serveApi(invocation)
}

/** Also of `deltaflow serve`. */
export const serveApi = async (invocation: Invocation, withScheduler = false): Promise<number> => {
  const { terminal } = invocation
  const port = portOf(invocation)
  shutdownTimeout(invocation)
  await using session = await openSession(invocation)
  const pipelines = hostPipelines(invocation, session)
  const handler = createHandler(session.engine, {
    pipelines,
    ...accessOf(session),
    startsWaiting: !withScheduler,
    log: servingLog(terminal, session),
  })
  await handler.ready
  await firstKey(invocation, session)
  const listening = await listen(handler, {
    port: port ?? session.project.settings.apiPort,
    host: textFlag(invocation, "host") ?? "127.0.0.1",
  })
  if (isSet(invocation, "json")) terminal.data(JSON.stringify({ url: listening.url, pipelines: pipelines.length }))
  else
    terminal.say(
      `${terminal.style("green", "✓")} The API of ${counted(pipelines.length)} listens on ${listening.url}/api/v1. Its page is ${listening.url}/docs.`,
    )
  const scheduler = withScheduler ? await startScheduler(invocation, session) : undefined
  return await ended(invocation, (timeout) =>
    Promise.all([scheduler?.stop(timeout), handler.close(timeout), listening.close(Math.min(timeout, CONNECTIONS_MS))]),
  )
}

/** What the project file says of who may ask. Keys count beside tokens, so that a machine need not have one. */
const accessOf = ({ project }: Session): Pick<HandlerOptions, "auth" | "rateLimit"> => {
  const { auth } = project.settings
  if (auth === undefined) return {}
  const rateLimit = auth.rate_limit === undefined ? {} : { rateLimit: auth.rate_limit }
  if (auth.provider !== "oauth2") return rateLimit
  const { issuer, audience, algorithms, role_claim, role_mapping = {}, clock_tolerance } = auth
  if (issuer === undefined || audience === undefined)
    throw new UsageError("auth.provider: oauth2 needs auth.issuer and auth.audience in the project file.")
  const tokens = oidc({
    issuer,
    audience,
    roleMapping: role_mapping,
    ...(algorithms === undefined ? {} : { algorithms }),
    ...(role_claim === undefined ? {} : { roleClaim: role_claim }),
    ...(clock_tolerance === undefined ? {} : { clockTolerance: clock_tolerance }),
  })
  return { auth: ["keys", tokens], ...rateLimit }
}

const counted = (pipelines: number): string => (pipelines === 1 ? "1 pipeline" : `${pipelines} pipelines`)

/** Connections whose answers are still under way have no longer than this, milliseconds. */
const CONNECTIONS_MS = 5000

const LARGEST_PORT = 65_535

const portOf = (invocation: Invocation): number | undefined => {
  const port = countFlag(invocation, "port")
  if (port !== undefined && port > LARGEST_PORT) throw new UsageError(`--port takes a number up to ${LARGEST_PORT}, not ${port}.`)
  return port
}

/** Pipelines with mistakes are told and left out; the others are served. */
const hostPipelines = ({ terminal }: Invocation, { project }: Session): ReadonlyArray<HostPipeline> =>
  project.pipelines.flatMap((pipeline: ProjectPipeline): ReadonlyArray<HostPipeline> => {
    const { result, text, file } = pipeline
    if (result.ok) return [{ pipeline: result.pipeline, text, file }]
    terminal.say(`${terminal.style("yellow", "warning")}: ${file} has mistakes and is not served. See deltaflow validate.`)
    return []
  })

/** A server without a key can be asked by nobody. The first one is shown where a person looks, and nowhere else. */
const firstKey = async ({ terminal }: Invocation, { store }: Session): Promise<void> => {
  const keys = new ApiKeys(store!)
  if ((await keys.list()).length > 0) return
  if (!process.stderr.isTTY) {
    terminal.say("There is no key yet. Make one: deltaflow auth create-key --name NAME --scope admin")
    return
  }
  const { key } = await keys.create({ name: "admin", scopes: ["admin"] })
  terminal.say(`Your first key, with all scopes, shown only now:\n\n  ${key}\n`)
}
