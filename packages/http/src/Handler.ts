/** The handler: from a request to an answer, with who asks, how often, what is asked, and every error as the API says it. */
import { randomBytes } from "node:crypto"
import { DefinitionError, type Engine, type Log, StoreError, stringifyJson } from "@deltaflow/core"
import { decodeWith, formatPath } from "@deltaflow/core/adapter"
import { Scheduler } from "@deltaflow/scheduler"
import type * as Schema from "effect/Schema"
import { type Authenticate, authorize, byKey, type Principal, type Rate, RateLimit } from "./access.ts"
import type { Answer, Call, Respond, Services } from "./Call.ts"
import { Catalogue, type CatalogueOptions } from "./Catalogue.ts"
import { Connectors } from "./Connectors.ts"
import { type Endpoint, endpoints } from "./contract/endpoints.ts"
import { EventFeed } from "./events/EventFeed.ts"
import { Idempotency } from "./Idempotency.ts"
import { ApiKeys } from "./keys/ApiKeys.ts"
import { Metrics } from "./Metrics.ts"
import { invalidRequest, Problem } from "./problems.ts"
import { decodeUtf8, formOf, LARGEST_BODY, parseJsonText, readBytes } from "./requestBody.ts"
import { queryReader, type ReadQuery } from "./requestQuery.ts"
import { findEndpoint } from "./Router.ts"
import { connectorRoutes } from "./routes/connectors.ts"
import { eventRoutes } from "./routes/events.ts"
import { pipelineRoutes } from "./routes/pipelines.ts"
import { runRoutes } from "./routes/runs.ts"
import { schedulerRoutes } from "./routes/scheduler.ts"
import { systemRoutes } from "./routes/system.ts"
import { transformRoutes } from "./routes/transforms.ts"
import { Reach } from "./reach.ts"
import { Runs } from "./Runs.ts"
import { Schedules } from "./Schedules.ts"
import { Triggers } from "./Triggers.ts"
import { Outbox } from "./webhooks/Outbox.ts"

export interface HandlerOptions extends CatalogueOptions {
  /** What stands before `/api/v1` where it is mounted: `/etl`. Default: nothing. */
  readonly prefix?: string
  /**
   * Who may ask: `keys` of the store (the default), `none` where the host has looked already and all may do everything, or a function of
   * the host's, which gives who asks and what they may do, or undefined; `oidc` makes one. Of a list the first that knows who asks counts.
   */
  readonly auth?: "none" | "keys" | Authenticate | ReadonlyArray<"keys" | Authenticate>
  /** Requests a minute of each who asks; 0 for no limit. Default 600. */
  readonly rateLimit?: number
  /** Bytes of a body. Default 1 MiB. */
  readonly maxBody?: number
  /** Milliseconds between tries of all connectors; false for none. Default 30,000. */
  readonly healthInterval?: number | false
  /**
   * Hosts that pipelines from HTTP and their webhooks may reach though their addresses are not public: `db.internal`, `10.1.2.3`. Pipelines
   * of the host reach what they name. Default: none.
   */
  readonly allowHosts?: ReadonlyArray<string>
  /** Whether `events.webhooks` of definitions are sent. Default true. */
  readonly webhooks?: boolean
  /** Whether runs that wait are started here; false where a scheduler does that. Default true. */
  readonly startsWaiting?: boolean
  /** Milliseconds before a webhook is tried again; each further try waits four times as long. Default 5,000. */
  readonly webhookRetryDelay?: number
  /** Hears what went wrong inside, with the id of the request. Default: silent. */
  readonly log?: Pick<Log, "error" | "warn">
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
}

export interface Handler {
  /** Never rejects. */
  (request: Request): Promise<Response>
  /** When the host's pipelines are stored. Rejects where one of them is wrong, or the store is away. */
  readonly ready: Promise<void>
  /** Takes no more runs, waits for those that go on, at most `timeoutMs` (default 30,000), and ends all streams. The engine stays open. */
  readonly close: (timeoutMs?: number) => Promise<void>
}

const routes: Readonly<Record<string, Respond>> = {
  ...pipelineRoutes,
  ...runRoutes,
  ...connectorRoutes,
  ...transformRoutes,
  ...schedulerRoutes,
  ...eventRoutes,
  ...systemRoutes,
}

const queries: ReadonlyMap<string, ReadQuery> = new Map(endpoints.map(({ id, query }) => [id, queryReader(query)]))

/**
 * The Pipeline API of this engine as a web-standard handler, for any server. It listens on nothing itself.
 *
 * ```ts
 * const handler = createHandler(engine, { prefix: "/etl" })
 * const response = await handler(new Request("http://localhost/etl/api/v1/pipelines"))
 * ```
 */
export const createHandler = (engine: Engine, options: HandlerOptions = {}): Handler => {
  const server = new Server(engine, options)
  return Object.assign((request: Request) => server.answer(request), {
    ready: server.ready,
    close: (timeoutMs?: number) => server.close(timeoutMs),
  })
}

interface Opened {
  readonly services: Services
  readonly outbox: Outbox
  readonly queue: Scheduler | undefined
  readonly authenticate: Authenticate
  readonly rates: RateLimit | undefined
}

class Server {
  readonly ready: Promise<void>
  private readonly engine: Engine
  private readonly options: HandlerOptions
  private readonly prefix: string
  private readonly now: () => number
  private opening: Promise<Opened>

  constructor(engine: Engine, options: HandlerOptions) {
    this.engine = engine
    this.options = options
    this.prefix = (options.prefix ?? "").replace(/\/+$/, "")
    this.now = options.now ?? Date.now
    this.opening = this.open()
    this.ready = this.opening.then(nothing)
    // Told by every answer, and to who waits for `ready`.
    this.ready.catch(nothing)
  }

  private async open(): Promise<Opened> {
    const { engine, options, now } = this
    const service = await engine.service()
    const schedules = new Schedules(service.store)
    const catalogue = new Catalogue(service, options, schedules, now)
    await catalogue.open()
    catalogue.warm().catch(nothing)
    const reach = new Reach(catalogue, options.allowHosts)
    const runs = new Runs(engine, catalogue, reach, now)
    runs.watchLost(LOST_MS)
    const queue = options.startsWaiting === false ? undefined : await this.startQueue(catalogue)
    const connectors = new Connectors(service, reach, now)
    const { healthInterval = 30_000, rateLimit = 600, auth = "keys" } = options
    if (healthInterval !== false) connectors.watch(healthInterval)
    const { webhookRetryDelay: retryDelay, log, webhooks = true } = options
    const outbox = new Outbox(
      catalogue,
      reach,
      {
        ...(retryDelay === undefined ? {} : { retryDelay }),
        ...(log === undefined ? {} : { log }),
      },
      now,
    )
    if (webhooks) outbox.start()
    const services: Services = {
      engine,
      service,
      catalogue,
      runs,
      schedules,
      connectors,
      reach,
      triggers: new Triggers(catalogue, now),
      feed: new EventFeed(engine, service.store, now),
      idempotency: new Idempotency(service.store, now),
      metrics: new Metrics(),
      now,
    }
    const keys = byKey(new ApiKeys(service.store, now))
    const authenticate =
      auth === "none" ? asHost : firstOf((typeof auth === "object" ? auth : [auth]).map((one) => (one === "keys" ? keys : one)))
    return { services, outbox, queue, authenticate, rates: rateLimit === 0 ? undefined : new RateLimit(service.store, rateLimit, now) }
  }

  private async startQueue(catalogue: Catalogue): Promise<Scheduler> {
    const { allowHosts, log } = this.options
    const queue = new Scheduler(this.engine, {
      pipelines: catalogue.ownPipelines,
      schedules: false,
      keepsAlive: false,
      now: this.now,
      ...(allowHosts === undefined ? {} : { allowHosts }),
      ...(log === undefined ? {} : { log }),
    })
    await queue.start()
    return queue
  }

  async close(timeoutMs = 30_000): Promise<void> {
    const opened = await this.opening.catch(nothing)
    if (opened === undefined) return
    opened.services.connectors.stop()
    await Promise.all([opened.services.runs.drain(timeoutMs), opened.queue?.stop(timeoutMs)])
    await opened.outbox.stop()
    opened.services.feed.close()
  }

  async answer(request: Request): Promise<Response> {
    const began = performance.now()
    const id = requestId(request)
    const headers: AnswerHeaders = { "x-request-id": id, "x-content-type-options": "nosniff", "cache-control": "no-store" }
    let name = "unknown"
    let response: Response
    let opened: Opened | undefined
    try {
      // One that could not be opened is tried again: the store may be there by now.
      opened = await this.opening.catch(async () => await (this.opening = this.open()))
      const { url, found } = this.place(request)
      name = found.id
      response =
        "allowed" in found
          ? new Response(null, { status: 204, headers: { ...headers, allow: found.allowed.join(", ") } })
          : await this.respond(request, url, found, opened, headers, id)
    } catch (error) {
      response = this.failed(error, headers, id, request)
    }
    opened?.services.metrics.request(name, response.status, (performance.now() - began) / 1000)
    if (request.method !== "HEAD") return response
    // A stream would go on for nobody.
    await response.body?.cancel()
    return new Response(null, { status: response.status, headers: response.headers })
  }

  /** The endpoint and the address below the mount. */
  private place(request: Request): { readonly url: URL; readonly found: PlacedEndpoint | Options } {
    const url = new URL(request.url)
    const path = url.pathname
    if (this.prefix !== "" && !path.startsWith(`${this.prefix}/`)) throw notFound(path)
    url.pathname = path.slice(this.prefix.length)
    const found = findEndpoint(request.method, path.slice(this.prefix.length))
    if (found.kind === "none") throw notFound(path)
    if (found.kind === "method" && request.method === "OPTIONS") return { url, found: { id: "options", allowed: found.allowed } }
    if (found.kind === "method")
      throw new Problem("METHOD_NOT_ALLOWED", `${request.method} is not done here. Use ${found.allowed.join(", ")}.`, {
        details: { method: request.method, allowed: found.allowed },
        headers: { allow: found.allowed.join(", ") },
      })
    return { url, found: { id: found.endpoint.id, endpoint: found.endpoint, params: found.params } }
  }

  private async respond(
    request: Request,
    url: URL,
    { endpoint, params }: PlacedEndpoint,
    { services, authenticate, rates }: Opened,
    headers: AnswerHeaders,
    id: string,
  ): Promise<Response> {
    const isOpen = endpoint.scope === "none" || endpoint.scope === "secret"
    const principal = isOpen ? undefined : await authenticate(request)
    const rate = rates === undefined || principal === undefined ? undefined : rates.take(principal.id)
    if (rate !== undefined) setRate(headers, rate)
    authorize(endpoint, principal)
    if (rate?.isOver === true) throw rateLimited(rate, this.now())
    const query = queries.get(endpoint.id)!(url.searchParams)
    const bytes = once(() => readBytes(request, this.options.maxBody ?? LARGEST_BODY))
    const call: Call = {
      endpoint,
      request,
      url,
      prefix: this.prefix,
      params,
      query,
      principal,
      services,
      bytes,
      body: async () => readJson(request, await bytes(), endpoint),
    }
    return toResponse(await routes[endpoint.id]!(call), headers, id, this.now())
  }

  private failed(error: unknown, headers: AnswerHeaders, id: string, request: Request): Response {
    const problem = this.problemOf(error, id, request)
    Object.assign(headers, problem.headers)
    const body = { error: { code: problem.code, message: problem.message, details: problem.details }, meta: metaOf(id, this.now()) }
    return json(body, problem.status, headers)
  }

  private problemOf(error: unknown, id: string, request: Request): Problem {
    if (error instanceof Problem) return error
    const path = request.url.replace(/^[a-z]+:\/\/[^/]*/i, "").split("?")[0]
    const said = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.options.log?.error(`${request.method} ${path}: ${said}`, { request_id: id })
    if (error instanceof StoreError || error instanceof DefinitionError || (error instanceof Error && error.name === "IssuerAway"))
      return new Problem("UNAVAILABLE", "The server cannot do this now. Try again, and tell whoever runs it the id of the request.", {
        headers: { "retry-after": "5" },
      })
    return new Problem("INTERNAL", "Something went wrong here. Tell whoever runs the server the id of the request.")
  }
}

/** Between looks for runs whose process is gone, milliseconds. */
const LOST_MS = 5000

/** Plain, in lower case: making objects of them twice costs as much as all else. */
type AnswerHeaders = Record<string, string>

/** What may be done at an address. */
interface Options {
  readonly id: "options"
  readonly allowed: ReadonlyArray<string>
}

interface PlacedEndpoint {
  readonly id: string
  readonly endpoint: Endpoint
  readonly params: Readonly<Record<string, string>>
}

const host: Principal = { id: "host", scopes: ["admin"] }

const asHost: Authenticate = async () => host

const firstOf =
  (all: ReadonlyArray<Authenticate>): Authenticate =>
  async (request) => {
    for (const authenticate of all) {
      const principal = await authenticate(request)
      if (principal !== undefined) return principal
    }
    return undefined
  }

const nothing = (): undefined => undefined

const once = <A>(make: () => Promise<A>): (() => Promise<A>) => {
  let made: Promise<A> | undefined
  return () => (made ??= make())
}

/** A well-formed one that came is kept, so that logs of several servers can be put side by side. */
const requestId = (request: Request): string => {
  const given = request.headers.get("x-request-id")
  return given !== null && /^req_[A-Za-z0-9_-]{1,64}$/.test(given) ? given : `req_${randomBytes(12).toString("hex")}`
}

const metaOf = (id: string, now: number) => ({ request_id: id, timestamp: new Date(now).toISOString() })

const notFound = (path: string): Problem => new Problem("NOT_FOUND", `There is nothing at ${path}.`, { details: { path } })

const setRate = (headers: AnswerHeaders, { limit, remaining, reset }: Rate): void => {
  headers["x-ratelimit-limit"] = String(limit)
  headers["x-ratelimit-remaining"] = String(remaining)
  headers["x-ratelimit-reset"] = String(reset)
}

const rateLimited = ({ limit, reset }: Rate, now: number): Problem =>
  new Problem("RATE_LIMITED", `A key may ask ${limit} times a minute.`, {
    details: { limit },
    headers: { "retry-after": String(Math.max(1, Math.ceil(reset - now / 1000))) },
  })

const readJson = (request: Request, bytes: Uint8Array, { body }: Endpoint): unknown => {
  if (body === undefined) return undefined
  if (bytes.length === 0) {
    if (body.isOptional === true) return undefined
    throw invalidRequest("The body is empty. Send JSON.")
  }
  formOf(request, false)
  const value = parseJsonText(decodeUtf8(bytes))
  const outcome = decodeWith(body.schema as unknown as Schema.ConstraintDecoder<unknown>, value, [])
  if (outcome.ok) return outcome.value
  const issues = outcome.problems.map(({ path, message }) => ({ path: formatPath(path), message }))
  throw invalidRequest(
    `The body is wrong: ${issues.map(({ path, message }) => `${path === "" ? "" : `${path}: `}${message}`).join(" ")}`,
    issues,
  )
}

const json = (body: unknown, status: number, headers: AnswerHeaders, hasRows = false): Response => {
  headers["content-type"] = "application/json"
  return new Response(hasRows ? stringifyJson(body) : JSON.stringify(body), { status, headers })
}

const toResponse = (
  { status = 200, headers: own = {}, data, meta = {}, raw, hasRows }: Answer,
  headers: AnswerHeaders,
  id: string,
  now: number,
): Response => {
  Object.assign(headers, own)
  if (raw !== undefined) {
    headers["content-type"] = raw.type
    return new Response(raw.body, { status, headers })
  }
  if (status === 204) return new Response(null, { status, headers })
  return json({ data, meta: { ...meta, ...metaOf(id, now) } }, status, headers, hasRows)
}
