/**
 * The endpoints, one line of truth for each: its address, who may call it, what it takes and gives. Routes, OpenAPI, the page of
 * documentation and the types of the client are made from these.
 */
import { eventTypes } from "@deltaflow/core/adapter"
import { runStatuses } from "@deltaflow/core"
import * as Schema from "effect/Schema"
import type { ProblemCode } from "../problems.ts"
import * as shapes from "./schemas.ts"

/** What a key may do. `admin` has all of them. */
export const scopes = ["pipelines:read", "pipelines:run", "pipelines:write", "admin"] as const

export type Scope = (typeof scopes)[number]

/** How an answer is made: one thing, a list in pages, events, lines, or nothing. */
export type AnswerForm = "item" | "list" | "events" | "lines" | "stream" | "none" | "text"

export interface Endpoint {
  /** `pipelines.list`, as the client calls it. */
  readonly id: string
  readonly method: "GET" | "POST" | "PUT" | "DELETE"
  /** Below the prefix; `:name` stands for a part. */
  readonly path: `/${string}`
  /** `none`: anybody may call it. `secret`: the trigger's own secret decides. */
  readonly scope: Scope | "none" | "secret"
  readonly summary: string
  readonly query?: Schema.Struct.Fields
  readonly body?: { readonly schema: Schema.Top; readonly isOptional?: boolean; readonly yaml?: boolean }
  readonly status?: number
  readonly answer: AnswerForm
  readonly data?: Schema.Top
  /** Codes beside those that every endpoint has. */
  readonly problems?: ReadonlyArray<ProblemCode>
}

const integer = (least: number, most?: number, what = "") =>
  Schema.Int.check(
    Schema.isGreaterThanOrEqualTo(least),
    ...(most === undefined ? [] : [Schema.isLessThanOrEqualTo(most, { expected: `a whole number of at most ${most}` })]),
  ).annotate({
    description: what,
    expected: most === undefined ? `a whole number from ${least}` : `a whole number from ${least} to ${most}`,
  })

const query = <S extends Schema.Top>(schema: S) => Schema.optionalKey(schema)

const time = (description: string) => query(Schema.String.annotate({ description, format: "date-time" }))

export const MOST_PER_PAGE = 100

const pages = {
  page: query(integer(1, undefined, "Page number (default: 1)")),
  per_page: query(integer(1, MOST_PER_PAGE, "Results per page (default: 20, max: 100)")),
}

const span = { since: time("At or after this time."), until: time("Before this time.") }

const eventFilter = {
  pipeline: query(Schema.String.annotate({ description: "Only of this pipeline." })),
  type: query(Schema.Literals(eventTypes).annotate({ description: "Only of this type." })),
}

const definition = { schema: shapes.Definition, yaml: true }

const pipelines: ReadonlyArray<Endpoint> = [
  {
    id: "pipelines.list",
    method: "GET",
    path: "/api/v1/pipelines",
    scope: "pipelines:read",
    summary: "List pipelines",
    query: {
      status: query(Schema.Literals(shapes.pipelineStates).annotate({ description: "Filter by status: active, paused, error" })),
      ...pages,
    },
    answer: "list",
    data: shapes.PipelineItem,
  },
  {
    id: "pipelines.create",
    method: "POST",
    path: "/api/v1/pipelines",
    scope: "pipelines:write",
    summary: "Create pipeline",
    body: definition,
    status: 201,
    answer: "item",
    data: shapes.Pipeline,
    problems: ["PIPELINE_EXISTS", "INVALID_PIPELINE", "UNSUPPORTED_MEDIA_TYPE", "PAYLOAD_TOO_LARGE"],
  },
  {
    id: "pipelines.get",
    method: "GET",
    path: "/api/v1/pipelines/:name",
    scope: "pipelines:read",
    summary: "Get pipeline details",
    answer: "item",
    data: shapes.Pipeline,
    problems: ["PIPELINE_NOT_FOUND"],
  },
  {
    id: "pipelines.update",
    method: "PUT",
    path: "/api/v1/pipelines/:name",
    scope: "pipelines:write",
    summary: "Update pipeline",
    body: definition,
    answer: "item",
    data: shapes.Pipeline,
    problems: ["PIPELINE_NOT_FOUND", "INVALID_PIPELINE", "REVISION_CONFLICT", "UNSUPPORTED_MEDIA_TYPE", "PAYLOAD_TOO_LARGE"],
  },
  {
    id: "pipelines.delete",
    method: "DELETE",
    path: "/api/v1/pipelines/:name",
    scope: "pipelines:write",
    summary: "Delete pipeline",
    query: { force: query(Schema.Boolean.annotate({ description: "Cancel what runs, and wait for it (default: false)" })) },
    status: 204,
    answer: "none",
    problems: ["PIPELINE_NOT_FOUND", "RUN_CONFLICT"],
  },
  {
    id: "pipelines.pause",
    method: "POST",
    path: "/api/v1/pipelines/:name/pause",
    scope: "pipelines:write",
    summary: "Turn schedule and triggers off",
    answer: "item",
    data: shapes.Pipeline,
    problems: ["PIPELINE_NOT_FOUND"],
  },
  {
    id: "pipelines.resume",
    method: "POST",
    path: "/api/v1/pipelines/:name/resume",
    scope: "pipelines:write",
    summary: "Turn schedule and triggers on",
    answer: "item",
    data: shapes.Pipeline,
    problems: ["PIPELINE_NOT_FOUND"],
  },
  {
    id: "pipelines.state",
    method: "GET",
    path: "/api/v1/pipelines/:name/state",
    scope: "pipelines:read",
    summary: "Where the pipeline's sources stand",
    answer: "item",
    data: shapes.CursorState,
    problems: ["PIPELINE_NOT_FOUND"],
  },
  {
    id: "pipelines.resetState",
    method: "DELETE",
    path: "/api/v1/pipelines/:name/state",
    scope: "admin",
    summary: "Forget where the pipeline's sources stand",
    status: 204,
    answer: "none",
    problems: ["PIPELINE_NOT_FOUND", "RUN_CONFLICT"],
  },
]

const runs: ReadonlyArray<Endpoint> = [
  {
    id: "runs.trigger",
    method: "POST",
    path: "/api/v1/pipelines/:name/runs",
    scope: "pipelines:run",
    summary: "Trigger a run",
    body: { schema: shapes.RunRequest, isOptional: true },
    status: 202,
    answer: "item",
    data: shapes.StartedRun,
    problems: ["PIPELINE_NOT_FOUND", "RUN_CONFLICT", "INVALID_PIPELINE"],
  },
  {
    id: "runs.history",
    method: "GET",
    path: "/api/v1/pipelines/:name/runs",
    scope: "pipelines:read",
    summary: "List run history",
    query: {
      status: query(Schema.Literals(runStatuses).annotate({ description: "Only runs that are or ended so." })),
      ...span,
      limit: query(integer(1, MOST_PER_PAGE, "The same as per_page.")),
      ...pages,
    },
    answer: "list",
    data: shapes.Run,
    problems: ["PIPELINE_NOT_FOUND"],
  },
  {
    id: "runs.get",
    method: "GET",
    path: "/api/v1/pipelines/:name/runs/:run_id",
    scope: "pipelines:read",
    summary: "Get run details",
    answer: "item",
    data: shapes.Run,
    problems: ["PIPELINE_NOT_FOUND", "RUN_NOT_FOUND"],
  },
  {
    id: "runs.cancel",
    method: "POST",
    path: "/api/v1/pipelines/:name/runs/:run_id/cancel",
    scope: "pipelines:run",
    summary: "Cancel a run",
    status: 202,
    answer: "item",
    data: shapes.Run,
    problems: ["PIPELINE_NOT_FOUND", "RUN_NOT_FOUND", "RUN_CONFLICT"],
  },
  {
    id: "runs.retry",
    method: "POST",
    path: "/api/v1/pipelines/:name/runs/:run_id/retry",
    scope: "pipelines:run",
    summary: "Go on from the last checkpoint of a run that failed",
    status: 202,
    answer: "item",
    data: shapes.StartedRun,
    problems: ["PIPELINE_NOT_FOUND", "RUN_NOT_FOUND", "RUN_CONFLICT", "INVALID_PIPELINE"],
  },
  {
    id: "runs.logs",
    method: "GET",
    path: "/api/v1/pipelines/:name/runs/:run_id/logs",
    scope: "pipelines:read",
    summary: "What a run told, oldest first, one JSON object a line",
    answer: "lines",
    data: shapes.Event,
    problems: ["PIPELINE_NOT_FOUND", "RUN_NOT_FOUND"],
  },
  {
    id: "runs.rejected",
    method: "GET",
    path: "/api/v1/pipelines/:name/runs/:run_id/rejected",
    scope: "pipelines:read",
    summary: "Rows that a run put aside",
    query: pages,
    answer: "list",
    data: shapes.RejectedRow,
    problems: ["PIPELINE_NOT_FOUND", "RUN_NOT_FOUND"],
  },
  {
    id: "runs.all",
    method: "GET",
    path: "/api/v1/runs",
    scope: "pipelines:read",
    summary: "Runs of all pipelines: JSON, a Mermaid Gantt chart (text/vnd.mermaid) or a drawn one (image/svg+xml)",
    query: { ...span, ...pages },
    answer: "list",
    data: shapes.Run,
  },
]

const connectors: ReadonlyArray<Endpoint> = [
  {
    id: "connectors.list",
    method: "GET",
    path: "/api/v1/connectors",
    scope: "pipelines:read",
    summary: "List connectors",
    query: pages,
    answer: "list",
    data: shapes.Connector,
  },
  {
    id: "connectors.health",
    method: "GET",
    path: "/api/v1/connectors/:name/health",
    scope: "pipelines:read",
    summary: "How a connector is",
    answer: "item",
    data: shapes.ConnectorHealth,
    problems: ["CONNECTOR_NOT_FOUND"],
  },
  {
    id: "connectors.test",
    method: "POST",
    path: "/api/v1/connectors/test",
    scope: "pipelines:write",
    summary: "Try a connection",
    body: { schema: shapes.ConnectorTest },
    answer: "item",
    data: shapes.ConnectorTestResult,
    problems: ["INVALID_PIPELINE"],
  },
  {
    id: "connectors.types",
    method: "GET",
    path: "/api/v1/connector-types",
    scope: "pipelines:read",
    summary: "Connectors that pipelines may name, with the JSON Schema of their configs",
    query: pages,
    answer: "list",
    data: shapes.ConnectorType,
  },
]

const transforms: ReadonlyArray<Endpoint> = [
  {
    id: "transforms.list",
    method: "GET",
    path: "/api/v1/transforms",
    scope: "pipelines:read",
    summary: "Transforms that pipelines may name",
    query: pages,
    answer: "list",
    data: shapes.Transform,
  },
  {
    id: "transforms.test",
    method: "POST",
    path: "/api/v1/transforms/:name/test",
    scope: "pipelines:write",
    summary: "Run a transform over a few rows",
    body: { schema: shapes.TransformTest },
    answer: "item",
    data: shapes.TransformTestResult,
    problems: ["TRANSFORM_NOT_FOUND", "INVALID_PIPELINE"],
  },
]

const scheduler: ReadonlyArray<Endpoint> = [
  {
    id: "scheduler.jobs",
    method: "GET",
    path: "/api/v1/scheduler/jobs",
    scope: "pipelines:read",
    summary: "Pipelines with a schedule, and their next runs",
    query: pages,
    answer: "list",
    data: shapes.Job,
  },
  {
    id: "scheduler.update",
    method: "PUT",
    path: "/api/v1/scheduler/jobs/:pipeline",
    scope: "pipelines:write",
    summary: "Give a pipeline another schedule",
    body: { schema: shapes.JobChange },
    answer: "item",
    data: shapes.Job,
    problems: ["PIPELINE_NOT_FOUND"],
  },
  {
    id: "scheduler.pause",
    method: "POST",
    path: "/api/v1/scheduler/jobs/:pipeline/pause",
    scope: "pipelines:write",
    summary: "Turn a schedule off",
    answer: "item",
    data: shapes.Job,
    problems: ["PIPELINE_NOT_FOUND"],
  },
  {
    id: "scheduler.resume",
    method: "POST",
    path: "/api/v1/scheduler/jobs/:pipeline/resume",
    scope: "pipelines:write",
    summary: "Turn a schedule on",
    answer: "item",
    data: shapes.Job,
    problems: ["PIPELINE_NOT_FOUND"],
  },
]

const events: ReadonlyArray<Endpoint> = [
  {
    id: "events.list",
    method: "GET",
    path: "/api/v1/events",
    scope: "pipelines:read",
    summary: "Events, oldest first; `after` the last id that came gives what came since",
    query: {
      ...eventFilter,
      ...span,
      after: query(Schema.String.annotate({ description: "Only events behind the one with this id." })),
      limit: query(integer(1, 1000, "Events at most (default: 100, max: 1000)")),
    },
    answer: "events",
    data: shapes.Event,
    problems: ["EVENTS_GONE"],
  },
  {
    id: "events.stream",
    method: "GET",
    path: "/api/v1/events/stream",
    scope: "pipelines:read",
    summary: "Events as they come, as server-sent events; `Last-Event-ID` goes on behind that one",
    query: eventFilter,
    answer: "stream",
    data: shapes.Event,
    problems: ["EVENTS_GONE"],
  },
]

const system: ReadonlyArray<Endpoint> = [
  {
    id: "system.trigger",
    method: "POST",
    path: "/api/trigger/:path",
    scope: "secret",
    summary: "Start the pipeline whose webhook trigger has this path",
    body: { schema: Schema.Unknown, isOptional: true },
    status: 202,
    answer: "item",
    data: shapes.StartedRun,
    problems: ["NOT_FOUND", "RUN_CONFLICT"],
  },
  {
    id: "system.live",
    method: "GET",
    path: "/health/live",
    scope: "none",
    summary: "Whether the process answers",
    answer: "item",
    data: shapes.Health,
  },
  {
    id: "system.ready",
    method: "GET",
    path: "/health/ready",
    scope: "none",
    summary: "Whether the store can be reached and new runs are taken",
    answer: "item",
    data: shapes.Health,
  },
  { id: "system.metrics", method: "GET", path: "/metrics", scope: "pipelines:read", summary: "Figures for Prometheus", answer: "text" },
  { id: "system.openapi", method: "GET", path: "/api/v1/openapi.json", scope: "none", summary: "This API as OpenAPI 3.1", answer: "text" },
  { id: "system.docs", method: "GET", path: "/docs", scope: "none", summary: "This API as a page", answer: "text" },
]

export const endpoints: ReadonlyArray<Endpoint> = [...pipelines, ...runs, ...connectors, ...transforms, ...scheduler, ...events, ...system]
