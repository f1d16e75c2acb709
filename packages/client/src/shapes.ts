/** What the API gives, in camelCase. Times are ISO 8601, UTC. What is the user's own (definitions, rows, data of events) stays as it is. */

export type RunStatus = "pending" | "running" | "success" | "failed" | "cancelled"

export type RunTrigger = "manual" | "api" | "schedule" | "webhook" | "dependency" | "retry"

export type PipelineStatus = "active" | "paused" | "error"

export interface LastRun {
  readonly id: string
  readonly status: RunStatus
  readonly startedAt: string | null
  readonly durationMs: number | null
  readonly rowsLoaded: number
}

export interface PipelineItem {
  readonly name: string
  readonly version: string
  readonly status: PipelineStatus
  readonly schedule: string | null
  readonly lastRun: LastRun | null
  readonly nextRunAt: string | null
}

/** A definition, as a pipeline file has it. */
export type Definition = { readonly [key: string]: unknown }

export interface Pipeline extends PipelineItem {
  readonly definition: Definition
  readonly revision: number
  readonly createdAt: string
  readonly updatedAt: string
}

export interface PipelineState {
  readonly pipeline: string
  readonly destinations: ReadonlyArray<{
    readonly destination: string
    readonly runId: string
    readonly updatedAt: string
    readonly cursors: { readonly [source: string]: unknown }
  }>
}

export interface RunProgress {
  readonly stage: "extract" | "transform" | "load"
  readonly rowsProcessed: number
}

export interface RunError {
  readonly code: string
  readonly message: string
  readonly stage: string | null
  readonly step: string | null
  readonly hint: string | null
}

export interface RunData {
  readonly id: string
  readonly pipeline: string
  readonly revision: number
  readonly status: RunStatus
  readonly trigger: RunTrigger
  readonly startedAt: string | null
  readonly completedAt: string | null
  readonly durationMs: number | null
  readonly fullRefresh: boolean
  readonly dryRun: boolean
  readonly rowsExtracted: number
  readonly rowsLoaded: number
  readonly rowsRejected: number
  readonly progress: RunProgress | null
  readonly stages: ReadonlyArray<{ readonly name: string; readonly rowsIn: number; readonly rowsOut: number; readonly durationMs: number }>
  readonly error: RunError | null
  readonly attempt: number
  readonly retryOf: string | null
  /** Names; values are never stored. */
  readonly variables: ReadonlyArray<string>
  /** Of a dry run: what was tried. */
  readonly checks?: ReadonlyArray<{ readonly name: string; readonly ok: boolean; readonly message: string | null }>
}

/** A run that was just started. */
export type StartedRunData = Pick<RunData, "id" | "pipeline" | "status" | "startedAt" | "progress">

export type ConnectorRole = "source" | "destination"

export type HealthStatus = "healthy" | "warning" | "unhealthy" | "unknown"

export interface Connector {
  readonly name: string
  readonly type: string
  readonly role: ConnectorRole
  readonly status: HealthStatus
  readonly lastCheck: string | null
  readonly pipelines: ReadonlyArray<string>
}

export interface ConnectorHealth {
  readonly name: string
  readonly status: HealthStatus
  readonly lastCheck: string | null
  readonly latencyMs: number | null
  readonly error: string | null
}

export interface ConnectorTestResult {
  readonly status: "connected" | "failed"
  readonly type: string
  readonly role: ConnectorRole
  readonly latencyMs?: number
  readonly serverVersion?: string
  readonly database?: string
  readonly tables?: ReadonlyArray<string>
  readonly columns?: ReadonlyArray<string>
  readonly error?: string
  readonly hint?: string | null
}

export interface ConnectorType {
  readonly type: string
  readonly role: ConnectorRole
  readonly description: string
  /** JSON Schema of the config. */
  readonly schema: { readonly [key: string]: unknown } | null
}

export interface Transform {
  readonly name: string
  readonly type: "builtin" | "custom"
  readonly description: string
}

export type Row = { readonly [column: string]: unknown }

export interface TransformTestResult {
  readonly output: ReadonlyArray<Row>
  readonly stats: { readonly inputRows: number; readonly outputRows: number; readonly durationMs: number }
}

export interface Job {
  readonly pipeline: string
  readonly schedule: string | null
  readonly timezone: string
  readonly status: "active" | "paused"
  readonly lastRunAt: string | null
  readonly nextRunAt: string | null
}

export type EventType =
  | "pipeline.started"
  | "pipeline.stage.extract"
  | "pipeline.stage.transform"
  | "pipeline.stage.load"
  | "pipeline.completed"
  | "pipeline.failed"
  | "pipeline.cancelled"
  | "pipeline.retrying"
  | "connector.health.changed"
  | "scheduler.triggered"

export interface PipelineEvent {
  readonly id: string
  readonly type: EventType
  readonly timestamp: string
  readonly pipeline: string
  readonly runId: string | null
  readonly data: { readonly [key: string]: unknown }
}

/** Keys whose values are the user's own. */
const OWN = new Set(["definition", "cursors", "data", "schema", "output"])

/** Keys of the API in camelCase. */
export const camel = <A>(value: unknown): A => renamed(value) as A

const renamed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(renamed)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      OWN.has(key) ? inner : renamed(inner),
    ]),
  )
}
