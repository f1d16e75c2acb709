/**
 * The shapes that the API takes and gives. The page of the API and these are the same; its types and its OpenAPI document come from here.
 */
import { runStatuses, runTriggers } from "@deltaflow/core"
import { eventTypes } from "@deltaflow/core/adapter"
import * as Schema from "effect/Schema"

const named = <S extends Schema.Top>(identifier: string, schema: S) => schema.annotate({ identifier })

const nullable = <S extends Schema.Top>(schema: S) => Schema.Union([schema, Schema.Null])

export const Time = Schema.String.annotate({ description: "ISO 8601, UTC, with Z.", format: "date-time" })

export const pipelineStates = ["active", "paused", "error"] as const

export const LastRun = named(
  "LastRun",
  Schema.Struct({
    id: Schema.String,
    status: Schema.Literals(runStatuses),
    started_at: nullable(Time),
    duration_ms: nullable(Schema.Finite),
    rows_loaded: Schema.Finite,
  }),
)

const pipelineItem = {
  name: Schema.String,
  version: Schema.String,
  status: Schema.Literals(pipelineStates),
  schedule: nullable(Schema.String),
  last_run: nullable(LastRun),
  next_run_at: nullable(Time),
}

export const PipelineItem = named("PipelineItem", Schema.Struct(pipelineItem))

export const Definition = named(
  "Definition",
  Schema.Record(Schema.String, Schema.Unknown).annotate({ description: "The definition, as a pipeline file has it. Secrets read `***`." }),
)

export const Pipeline = named(
  "Pipeline",
  Schema.Struct({
    ...pipelineItem,
    definition: Definition,
    revision: Schema.Finite,
    created_at: Time,
    updated_at: Time,
  }),
)

export const CursorState = named(
  "State",
  Schema.Struct({
    pipeline: Schema.String,
    destinations: Schema.Array(
      Schema.Struct({
        destination: Schema.String,
        run_id: Schema.String,
        updated_at: Time,
        cursors: Schema.Record(Schema.String, Schema.Unknown).annotate({ description: "By source: where it stands." }),
      }),
    ),
  }),
)

export const RunRequest = named(
  "RunRequest",
  Schema.Struct({
    full_refresh: Schema.optionalKey(Schema.Boolean.annotate({ description: "Ignore incremental state and process all data" })),
    dry_run: Schema.optionalKey(Schema.Boolean.annotate({ description: "Validate without executing" })),
    variables: Schema.optionalKey(
      Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Finite, Schema.Boolean])).annotate({
        description: "Override environment variables for this run",
        expected: "an object of strings, numbers and booleans",
      }),
    ),
  }).annotate({ expected: "an object with full_refresh, dry_run and variables" }),
)

export const Progress = named(
  "Progress",
  Schema.Struct({ stage: Schema.Literals(["extract", "transform", "load"]), rows_processed: Schema.Finite }),
)

export const StartedRun = named(
  "StartedRun",
  Schema.Struct({
    id: Schema.String,
    pipeline: Schema.String,
    status: Schema.Literals(runStatuses),
    started_at: nullable(Time),
    progress: nullable(Progress),
  }),
)

export const Run = named(
  "Run",
  Schema.Struct({
    id: Schema.String,
    pipeline: Schema.String,
    revision: Schema.Finite,
    status: Schema.Literals(runStatuses),
    trigger: Schema.Literals(runTriggers),
    started_at: nullable(Time),
    completed_at: nullable(Time),
    duration_ms: nullable(Schema.Finite),
    full_refresh: Schema.Boolean,
    dry_run: Schema.Boolean,
    rows_extracted: Schema.Finite,
    rows_loaded: Schema.Finite,
    rows_rejected: Schema.Finite,
    progress: nullable(Progress),
    stages: Schema.Array(
      Schema.Struct({ name: Schema.String, rows_in: Schema.Finite, rows_out: Schema.Finite, duration_ms: Schema.Finite }),
    ),
    error: nullable(
      Schema.Struct({
        code: Schema.String,
        message: Schema.String,
        stage: nullable(Schema.String),
        step: nullable(Schema.String),
        hint: nullable(Schema.String),
      }),
    ),
    attempt: Schema.Finite,
    retry_of: nullable(Schema.String),
    variables: Schema.Array(Schema.String).annotate({ description: "Names; values are never stored." }),
    checks: Schema.optionalKey(
      Schema.Array(Schema.Struct({ name: Schema.String, ok: Schema.Boolean, message: nullable(Schema.String) })).annotate({
        description: "Of a dry run: what was tried.",
      }),
    ),
  }),
)

export const RejectedRow = named("RejectedRow", Schema.Record(Schema.String, Schema.Unknown))

export const healthStates = ["healthy", "warning", "unhealthy", "unknown"] as const

export const Connector = named(
  "Connector",
  Schema.Struct({
    name: Schema.String,
    type: Schema.String,
    role: Schema.Literals(["source", "destination"]),
    status: Schema.Literals(healthStates),
    last_check: nullable(Time),
    pipelines: Schema.Array(Schema.String),
  }),
)

export const ConnectorHealth = named(
  "ConnectorHealth",
  Schema.Struct({
    name: Schema.String,
    status: Schema.Literals(healthStates),
    last_check: nullable(Time),
    latency_ms: nullable(Schema.Finite),
    error: nullable(Schema.String),
  }),
)

export const ConnectorTest = named("ConnectorTest", Schema.Record(Schema.String, Schema.Unknown))

export const ConnectorTestResult = named(
  "ConnectorTestResult",
  Schema.Struct({
    status: Schema.Literals(["connected", "failed"]),
    type: Schema.String,
    role: Schema.Literals(["source", "destination"]),
    latency_ms: Schema.optionalKey(Schema.Finite),
    server_version: Schema.optionalKey(Schema.String),
    database: Schema.optionalKey(Schema.String),
    tables: Schema.optionalKey(Schema.Array(Schema.String)),
    columns: Schema.optionalKey(Schema.Array(Schema.String)),
    error: Schema.optionalKey(Schema.String),
    hint: Schema.optionalKey(nullable(Schema.String)),
  }),
)

export const ConnectorType = named(
  "ConnectorType",
  Schema.Struct({
    type: Schema.String,
    role: Schema.Literals(["source", "destination"]),
    description: Schema.String,
    schema: nullable(Schema.Record(Schema.String, Schema.Unknown)),
  }),
)

export const Transform = named(
  "Transform",
  Schema.Struct({ name: Schema.String, type: Schema.Literals(["builtin", "custom"]), description: Schema.String }),
)

export const TransformTest = named(
  "TransformTest",
  Schema.Struct({
    input: Schema.Array(Schema.Record(Schema.String, Schema.Unknown)).annotate({ expected: "a list of rows" }),
    config: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
  }).annotate({ expected: "an object with input and config" }),
)

export const TransformTestResult = named(
  "TransformTestResult",
  Schema.Struct({
    output: Schema.Array(Schema.Record(Schema.String, Schema.Unknown)),
    stats: Schema.Struct({ input_rows: Schema.Finite, output_rows: Schema.Finite, duration_ms: Schema.Finite }),
  }),
)

export const Job = named(
  "Job",
  Schema.Struct({
    pipeline: Schema.String,
    schedule: nullable(Schema.String),
    timezone: Schema.String,
    status: Schema.Literals(["active", "paused"]),
    last_run_at: nullable(Time),
    next_run_at: nullable(Time),
  }),
)

export const JobChange = named(
  "JobChange",
  Schema.Struct({
    schedule: Schema.optionalKey(nullable(Schema.String)),
    timezone: Schema.optionalKey(Schema.String),
    enabled: Schema.optionalKey(Schema.Boolean),
  }).annotate({ expected: "an object with schedule, timezone and enabled" }),
)

export const Event = named(
  "Event",
  Schema.Struct({
    id: Schema.String,
    type: Schema.Literals(eventTypes),
    timestamp: Time,
    pipeline: Schema.String,
    run_id: nullable(Schema.String),
    data: Schema.Record(Schema.String, Schema.Unknown),
  }),
)

export const Health = named("Health", Schema.Struct({ status: Schema.Literals(["ok", "draining", "unavailable"]) }))

const meta = { request_id: Schema.String, timestamp: Time }

export const Meta = named("Meta", Schema.Struct(meta))

export const ListMeta = named("ListMeta", Schema.Struct({ total: Schema.Finite, page: Schema.Finite, per_page: Schema.Finite, ...meta }))

export const EventsMeta = named("EventsMeta", Schema.Struct({ last_id: nullable(Schema.String), ...meta }))

export const ErrorBody = named(
  "Error",
  Schema.Struct({
    error: Schema.Struct({ code: Schema.String, message: Schema.String, details: Schema.Record(Schema.String, Schema.Unknown) }),
    meta: Meta,
  }),
)
