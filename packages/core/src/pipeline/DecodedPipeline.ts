/**
 * A definition that has been checked: variables filled in, plugins found, configs decoded, units in milliseconds and bytes, defaults
 * applied.
 */
import type { Delivery, Destination, WriteMode } from "../contract/Destination.ts"
import type { IncrementalOptions, Source } from "../contract/Source.ts"
import type { Transform } from "../contract/Transform.ts"
import type { ColumnType } from "../model/ColumnType.ts"
import type { QueryTable } from "../transform/Step.ts"
import type { DecodedChanges } from "./decodeChanges.ts"
import type { InheritedSettings } from "./inherit.ts"
import type { Auth, Events, Logging, Monitoring, Notifications, Scheduler, triggers } from "./ServiceDefinition.ts"
import type { ColumnRule, PipelineDefinition } from "./Definition.ts"
import type { builtinSteps } from "./StepDefinition.ts"

export interface DecodedSource {
  /** The name that the definition gives, or `sources[0]`. */
  readonly name: string
  readonly plugin: Source
  readonly config: unknown
  readonly batchSize: number
  /** The longest wait for the next batch, milliseconds. */
  readonly timeout: number
  readonly incremental: IncrementalOptions | undefined
  readonly columns: Readonly<Record<string, ColumnType>>
  /** Whether a missing input is no error. */
  readonly optional: boolean
  /** Whether it may go on for ever. */
  readonly isStream: boolean
}

/** A built-in step with its keys, expressions as text. */
export type BuiltinStep = (typeof builtinSteps)[number]["Type"]

type QueryStep = Extract<BuiltinStep, { readonly type: "sql" }>

export type DecodedStep =
  | { readonly kind: "builtin"; readonly step: Exclude<BuiltinStep, QueryStep> }
  | { readonly kind: "query"; readonly step: QueryStep; readonly tables: ReadonlyArray<QueryTable> }
  | { readonly kind: "plugin"; readonly name: string | undefined; readonly plugin: Transform; readonly config: unknown }

export interface DecodedDestination {
  /** The name that the definition gives, or `destinations[0]`; `dead_letter` for the dead letter. */
  readonly name: string
  /** The child table that it takes; undefined for the rows themselves. */
  readonly rows: string | undefined
  readonly plugin: Destination
  readonly config: unknown
  readonly writeMode: WriteMode
  readonly key: ReadonlyArray<string>
  /** Undefined where rows are only added, replaced or updated. */
  readonly changes: DecodedChanges | undefined
  readonly schemaChanges: "evolve" | "freeze" | "discard" | "fail"
  /** What the destination can do in this write mode. */
  readonly delivery: Delivery
  /** Between early commits, milliseconds. */
  readonly flushInterval: number
  /** Rows after which to commit early; `Infinity` without a limit. */
  readonly flushRows: number
}

export interface DecodedErrorHandling {
  readonly strategy: "fail" | "retry" | "skip"
  readonly maxRetries: number
  /** Milliseconds. */
  readonly retryDelay: number
  readonly backoff: "constant" | "linear" | "exponential"
  /** `Infinity` without a limit. */
  readonly maxErrors: number
  readonly deadLetter: DecodedDestination | undefined
}

/** What holds where a step says nothing itself. */
export interface DecodedDefaults {
  readonly batchSize: number
  readonly workers: number
  /** Milliseconds. */
  readonly timeout: number
  readonly retryCount: number
  /** Milliseconds. */
  readonly retryDelay: number
  /** Bytes. */
  readonly bufferMemory: number
}

export interface DecodedDependency {
  readonly name: string
  readonly status: "success" | "failed" | "completed"
}

export interface DecodedPipeline {
  readonly name: string
  /** As written, or empty. */
  readonly version: string
  readonly description: string
  /** Whether runs go on until they are stopped. */
  readonly isStreaming: boolean
  /** The definition as it was written, `${VAR}` and all: what is stored and shown. */
  readonly written: PipelineDefinition
  readonly sources: ReadonlyArray<DecodedSource>
  readonly steps: ReadonlyArray<DecodedStep>
  readonly destinations: ReadonlyArray<DecodedDestination>
  readonly defaults: DecodedDefaults
  readonly errorHandling: DecodedErrorHandling
  readonly schema: Readonly<Record<string, typeof ColumnRule.Type>>
  readonly schedule: string | undefined
  /** `UTC` where none is given. */
  readonly timezone: string
  /** From `depends_on` and from a trigger of type pipeline. */
  readonly dependsOn: ReadonlyArray<DecodedDependency>
  readonly trigger: (typeof triggers)[number]["Type"] | undefined
  readonly scheduler: typeof Scheduler.Type
  readonly notifications: typeof Notifications.Type
  readonly monitoring: typeof Monitoring.Type
  readonly logging: typeof Logging.Type
  readonly events: typeof Events.Type
  readonly auth: typeof Auth.Type | undefined
  /** What the project handed on, and what went over the file, so that the definition can be decoded again with other variables. */
  readonly inherited: InheritedSettings
  readonly overrides: InheritedSettings
  /** Names of the variables that the definition uses; never their values. */
  readonly variables: ReadonlyArray<string>
}
