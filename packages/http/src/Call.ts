/** One request on its way: what the endpoint gets, and what it gives. */
import type { Catalogue } from "./Catalogue.ts"
import type { Connectors } from "./Connectors.ts"
import type { Endpoint } from "./contract/endpoints.ts"
import type { EventFeed } from "./events/EventFeed.ts"
import type { Idempotency } from "./Idempotency.ts"
import type { Metrics } from "./Metrics.ts"
import type { Principal } from "./access.ts"
import type { Query } from "./requestQuery.ts"
import type { Reach } from "./reach.ts"
import type { Runs } from "./Runs.ts"
import type { Schedules } from "./Schedules.ts"
import type { Triggers } from "./Triggers.ts"
import type { Engine, EngineService } from "@deltaflow/core"

/** What all endpoints share. */
export interface Services {
  readonly engine: Engine
  readonly service: EngineService
  readonly catalogue: Catalogue
  readonly runs: Runs
  readonly schedules: Schedules
  readonly connectors: Connectors
  readonly reach: Reach
  readonly triggers: Triggers
  readonly feed: EventFeed
  readonly idempotency: Idempotency
  readonly metrics: Metrics
  readonly now: () => number
}

export interface Call {
  readonly endpoint: Endpoint
  readonly request: Request
  /** Below the mount's prefix. */
  readonly url: URL
  /** What stands before the endpoint's own path. */
  readonly prefix: string
  /** Parts of the path, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Query
  readonly principal: Principal | undefined
  readonly services: Services
  /** The bytes of the body, once. */
  readonly bytes: () => Promise<Uint8Array>
  /** The body as JSON, checked by the endpoint's schema; undefined for none. */
  readonly body: () => Promise<unknown>
}

/** What an endpoint gives: data to be wrapped, or an answer of its own. */
export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly data?: unknown
  /** Goes before the request's id and time. */
  readonly meta?: Readonly<Record<string, unknown>>
  /** Whether `data` holds rows, whose numbers JSON of JavaScript would change. Default false. */
  readonly hasRows?: boolean
  /** In place of JSON. */
  readonly raw?: { readonly type: string; readonly body: string | ReadableStream<Uint8Array> | null }
}

export type Respond = (call: Call) => Promise<Answer>
