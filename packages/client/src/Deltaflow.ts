/** The client: each part of the API as a property. */
import { DeltaflowError, TimeoutError } from "./errors.ts"
import { type EventFilter, type StreamOptions, streamEvents } from "./EventStream.ts"
import { Listing } from "./Listing.ts"
import {
  camel,
  type Connector,
  type ConnectorHealth,
  type ConnectorRole,
  type ConnectorTestResult,
  type ConnectorType,
  type Definition,
  type EventType,
  type Job,
  type Pipeline,
  type PipelineEvent,
  type PipelineItem,
  type PipelineState,
  type PipelineStatus,
  type Row,
  type RunData,
  type RunStatus,
  type StartedRunData,
  type Transform,
  type TransformTestResult,
} from "./shapes.ts"
import { type DeltaflowOptions, sleep, Transport } from "./Transport.ts"

export interface PageOptions {
  readonly page?: number
  /** At most 100. Default 20. */
  readonly perPage?: number
}

export interface RunOptions {
  /** Ignore incremental state and process all data. */
  readonly fullRefresh?: boolean
  /** Validate without executing. */
  readonly dryRun?: boolean
  /** Override environment variables for this run. */
  readonly variables?: Readonly<Record<string, string | number | boolean>>
  /** Requests with the same key start one run. Default: a new one for each call, so that it can be tried again. */
  readonly idempotencyKey?: string
}

export interface HistoryOptions extends PageOptions {
  readonly status?: RunStatus
  readonly since?: string | Date
  readonly until?: string | Date
  /** Of one page; the same as `perPage`. */
  readonly limit?: number
}

export interface WaitOptions {
  /** Milliseconds. Default 300,000. */
  readonly timeout?: number
  readonly signal?: AbortSignal
}

/** Also where there is no `crypto`, as in Node 18 and in pages without https. */
const newKey = (): string => Array.from({ length: 4 }, () => Math.random().toString(36).slice(2, 12)).join("")

const part = (name: string): string => encodeURIComponent(name)

const paged = ({ page, perPage }: PageOptions) => ({ page, per_page: perPage })

const timeOf = (time: string | Date | undefined): string | undefined => (time instanceof Date ? time.toISOString() : time)

/** Client of a Deltaflow server. */
export class Deltaflow {
  readonly pipelines: Pipelines
  readonly runs: Runs
  readonly connectors: Connectors
  readonly transforms: Transforms
  readonly scheduler: Scheduler
  readonly events: Events

  constructor(options: DeltaflowOptions) {
    const transport = new Transport(options)
    this.pipelines = new Pipelines(transport)
    this.runs = new Runs(transport)
    this.connectors = new Connectors(transport)
    this.transforms = new Transforms(transport)
    this.scheduler = new Scheduler(transport)
    this.events = new Events(transport)
  }

  /** With `DELTAFLOW_URL` and `DELTAFLOW_API_KEY` of the environment. */
  static fromEnv(options: Partial<DeltaflowOptions> = {}): Deltaflow {
    const env = (globalThis as { readonly process?: { readonly env?: Readonly<Record<string, string | undefined>> } }).process?.env ?? {}
    const { DELTAFLOW_URL: baseUrl, DELTAFLOW_API_KEY: apiKey } = env
    if (baseUrl === undefined && options.baseUrl === undefined)
      throw new DeltaflowError("DELTAFLOW_URL is not set: give the address of the server.", { code: "USAGE" })
    return new Deltaflow({
      ...(baseUrl === undefined ? {} : { baseUrl }),
      ...(apiKey === undefined ? {} : { apiKey }),
      ...options,
    } as DeltaflowOptions)
  }
}

class Part {
  protected readonly transport: Transport
  constructor(transport: Transport) {
    this.transport = transport
  }
  protected async read<A>(path: string): Promise<A> {
    return camel<A>((await this.transport.json({ method: "GET", path })).data)
  }
  protected async send<A>(path: string, body?: unknown, isSafe = false): Promise<A> {
    const answer = await this.transport.json({ method: "POST", path, isSafe, ...(body === undefined ? {} : { body }) })
    return camel<A>(answer.data)
  }
}

export interface SaveOptions {
  /** Refuse with `ConflictError` where another revision is there. */
  readonly revision?: number
}

export class Pipelines extends Part {
  list(options: PageOptions & { readonly status?: PipelineStatus } = {}): Listing<PipelineItem> {
    return new Listing(this.transport, "/pipelines", { ...paged(options), status: options.status })
  }

  get(name: string): Promise<Pipeline> {
    return this.read(`/pipelines/${part(name)}`)
  }

  /** As YAML, with its comments. */
  async yaml(name: string): Promise<string> {
    return await this.transport.text({ method: "GET", path: `/pipelines/${part(name)}`, headers: { accept: "application/yaml" } })
  }

  /** From data, or from YAML text. */
  async create(definition: Definition | string): Promise<Pipeline> {
    return camel<Pipeline>((await this.transport.json({ method: "POST", path: "/pipelines", ...bodyOf(definition) })).data)
  }

  async update(name: string, definition: Definition | string, { revision }: SaveOptions = {}): Promise<Pipeline> {
    const { body, headers } = bodyOf(definition)
    const match: Record<string, string> = revision === undefined ? {} : { "if-match": `"${revision}"` }
    const call = { method: "PUT", path: `/pipelines/${part(name)}`, body, headers: { ...headers, ...match } } as const
    return camel<Pipeline>((await this.transport.json(call)).data)
  }

  /** `force` cancels what runs, and waits for it. */
  async delete(name: string, { force }: { readonly force?: boolean } = {}): Promise<void> {
    await this.transport.json({ method: "DELETE", path: `/pipelines/${part(name)}`, query: { force } })
  }

  pause(name: string): Promise<Pipeline> {
    return this.send(`/pipelines/${part(name)}/pause`, undefined, true)
  }

  resume(name: string): Promise<Pipeline> {
    return this.send(`/pipelines/${part(name)}/resume`, undefined, true)
  }

  state(name: string): Promise<PipelineState> {
    return this.read(`/pipelines/${part(name)}/state`)
  }

  async resetState(name: string): Promise<void> {
    await this.transport.json({ method: "DELETE", path: `/pipelines/${part(name)}/state` })
  }

  /** Starts a run. Safe to try again: of several requests with one key one starts it. */
  async run(name: string, { fullRefresh, dryRun, variables, idempotencyKey }: RunOptions = {}): Promise<Run> {
    const { data } = await this.transport.json({
      method: "POST",
      path: `/pipelines/${part(name)}/runs`,
      body: { full_refresh: fullRefresh, dry_run: dryRun, variables },
      headers: { "idempotency-key": idempotencyKey ?? newKey() },
      isSafe: true,
    })
    return new Run(this.transport, camel<StartedRunData>(data))
  }

  /** Newest first. */
  runs(name: string, options: HistoryOptions = {}): Listing<FullRun> {
    const { status, since, until, limit } = options
    const query = { ...paged(options), limit, status, since: timeOf(since), until: timeOf(until) }
    return new Listing(
      this.transport,
      `/pipelines/${part(name)}/runs`,
      query,
      (item) => new Run(this.transport, camel<RunData>(item)) as FullRun,
    )
  }

  async getRun(name: string, id: string): Promise<FullRun> {
    return new Run(this.transport, await this.read<RunData>(`/pipelines/${part(name)}/runs/${part(id)}`)) as FullRun
  }
}

const bodyOf = (definition: Definition | string): { readonly body: unknown; readonly headers: Readonly<Record<string, string>> } => ({
  body: definition,
  headers: typeof definition === "string" ? { "content-type": "application/yaml" } : {},
})

/** A run with all that is known of it. */
export type FullRun = Run & RunData

/** A run as it was when it was asked for, with what can be done with it. */
export class Run implements StartedRunData {
  declare readonly id: RunData["id"]
  declare readonly pipeline: RunData["pipeline"]
  declare readonly status: RunData["status"]
  declare readonly startedAt: RunData["startedAt"]
  declare readonly progress: RunData["progress"]
  readonly #transport: Transport

  constructor(transport: Transport, data: StartedRunData | RunData) {
    this.#transport = transport
    Object.assign(this, data)
  }

  get isOver(): boolean {
    return this.status === "success" || this.status === "failed" || this.status === "cancelled"
  }

  private get path(): string {
    return `/pipelines/${part(this.pipeline)}/runs/${part(this.id)}`
  }

  /** As it is now. */
  async refresh(): Promise<FullRun> {
    const { data } = await this.#transport.json({ method: "GET", path: this.path })
    return new Run(this.#transport, camel<RunData>(data)) as FullRun
  }

  /** The run when it has ended, however it ended. Throws `TimeoutError` where it has not by then; it goes on. */
  async wait({ timeout = 300_000, signal }: WaitOptions = {}): Promise<FullRun> {
    const end = Date.now() + timeout
    for (let pause = 100; ; pause = Math.min(pause * 1.5, 2000)) {
      const run = await this.refresh()
      if (run.isOver) return run
      signal?.throwIfAborted()
      if (Date.now() + pause > end)
        throw new TimeoutError(`The run ${this.id} of ${this.pipeline} has not ended within ${timeout / 1000} s. It goes on.`, {
          code: "TIMEOUT",
        })
      await sleep(pause, signal)
    }
  }

  async cancel(): Promise<FullRun> {
    const { data } = await this.#transport.json({ method: "POST", path: `${this.path}/cancel`, isSafe: true })
    return new Run(this.#transport, camel<RunData>(data)) as FullRun
  }

  /** Goes on from the last checkpoint, in a new run. */
  async retry(): Promise<Run> {
    const { data } = await this.#transport.json({ method: "POST", path: `${this.path}/retry` })
    return new Run(this.#transport, camel<StartedRunData>(data))
  }

  /** What it told, oldest first. */
  async logs(): Promise<ReadonlyArray<PipelineEvent>> {
    const text = await this.#transport.text({ method: "GET", path: `${this.path}/logs`, headers: { accept: "application/x-ndjson" } })
    return text.split("\n").flatMap((line) => (line === "" ? [] : [camel<PipelineEvent>(JSON.parse(line))]))
  }

  /** Rows that it put aside, as the dead letter has them. */
  rejected(options: PageOptions = {}): Listing<Row> {
    return new Listing(this.#transport, `${this.path}/rejected`, paged(options), (row) => row as Row)
  }
}

/** Over all pipelines. */
export class Runs extends Part {
  /** Newest first; by default those of the last 24 hours. */
  list(options: Omit<HistoryOptions, "status" | "limit"> = {}): Listing<FullRun> {
    const query = { ...paged(options), since: timeOf(options.since), until: timeOf(options.until) }
    return new Listing(this.transport, "/runs", query, (item) => new Run(this.transport, camel<RunData>(item)) as FullRun)
  }

  /** A Gantt chart of them, for Mermaid. */
  async gantt({ since, until }: Pick<HistoryOptions, "since" | "until"> = {}): Promise<string> {
    const query = { since: timeOf(since), until: timeOf(until) }
    return await this.transport.text({ method: "GET", path: "/runs", query, headers: { accept: "text/vnd.mermaid" } })
  }
}

export class Connectors extends Part {
  list(options: PageOptions = {}): Listing<Connector> {
    return new Listing(this.transport, "/connectors", paged(options))
  }

  health(name: string): Promise<ConnectorHealth> {
    return this.read(`/connectors/${part(name)}/health`)
  }

  /** Tries a connection, without storing anything. */
  test(connector: { readonly type: string; readonly role?: ConnectorRole; readonly [key: string]: unknown }): Promise<ConnectorTestResult> {
    return this.send("/connectors/test", connector, true)
  }

  types(options: PageOptions = {}): Listing<ConnectorType> {
    return new Listing(this.transport, "/connector-types", paged(options))
  }
}

export class Transforms extends Part {
  list(options: PageOptions = {}): Listing<Transform> {
    return new Listing(this.transport, "/transforms", paged(options))
  }

  /** What a transform makes of these rows. */
  test(name: string, input: ReadonlyArray<Row>, config: Readonly<Record<string, unknown>> = {}): Promise<TransformTestResult> {
    return this.send(`/transforms/${part(name)}/test`, { input, config }, true)
  }
}

export interface JobChange {
  readonly schedule?: string | null
  readonly timezone?: string
  readonly enabled?: boolean
}

export class Scheduler extends Part {
  jobs(options: PageOptions = {}): Listing<Job> {
    return new Listing(this.transport, "/scheduler/jobs", paged(options))
  }

  async update(pipeline: string, change: JobChange): Promise<Job> {
    return camel<Job>((await this.transport.json({ method: "PUT", path: `/scheduler/jobs/${part(pipeline)}`, body: change })).data)
  }

  pause(pipeline: string): Promise<Job> {
    return this.send(`/scheduler/jobs/${part(pipeline)}/pause`, undefined, true)
  }

  resume(pipeline: string): Promise<Job> {
    return this.send(`/scheduler/jobs/${part(pipeline)}/resume`, undefined, true)
  }
}

export interface EventPage extends ReadonlyArray<PipelineEvent> {
  /** For `after` of the next call. */
  readonly lastId: string | null
}

export class Events extends Part {
  /** Oldest first, those behind `after`. */
  async list(
    options: EventFilter & Pick<HistoryOptions, "since" | "until" | "limit"> & { readonly after?: string } = {},
  ): Promise<EventPage> {
    const { pipeline, type, after, limit, since, until } = options
    const query = { pipeline, type, after, limit, since: timeOf(since), until: timeOf(until) }
    const { data, meta } = await this.transport.json({ method: "GET", path: "/events", query })
    return Object.assign(camel<Array<PipelineEvent>>(data), { lastId: meta.last_id ?? null })
  }

  /** From now on, as they come, also over connections that break. Leave the loop, or abort the signal, to end it. */
  stream(options: StreamOptions = {}): AsyncGenerator<PipelineEvent> {
    return streamEvents(this.transport, options)
  }

  /** Calls `listener` for each event of the type from now on. Gives what ends it. What ends the stream by itself `onError` gets. */
  on(type: EventType, listener: (event: PipelineEvent) => void, onError: (error: unknown) => void = report): () => void {
    const leaving = new AbortController()
    const listen = async (): Promise<void> => {
      for await (const event of this.stream({ type, signal: leaving.signal })) listener(event)
    }
    listen().catch(onError)
    return () => leaving.abort()
  }
}

/** Nobody else would hear of it. */
const report = (error: unknown): void => {
  queueMicrotask(() => {
    throw error
  })
}
