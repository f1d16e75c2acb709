/** What sources, transforms and destinations share: a type, a config schema, and what the engine hands them. */
import type * as Effect from "effect/Effect"
import type { Files } from "./Files.ts"

/** The part of the Standard Schema interface (v1) that is used: Effect Schema, Zod, Valibot and ArkType all give it. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: ReadonlyArray<StandardIssue> }

export interface StandardIssue {
  readonly message: string
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined
}

/** The config type that a schema gives. */
export type ConfigOf<S> = S extends StandardSchema<infer _Input, infer Output> ? Output : never

/** Messages for people. The host decides where they go; secrets are masked before. */
export interface Log {
  readonly debug: (message: string, fields?: Record<string, unknown>) => void
  readonly info: (message: string, fields?: Record<string, unknown>) => void
  readonly warn: (message: string, fields?: Record<string, unknown>) => void
  readonly error: (message: string, fields?: Record<string, unknown>) => void
}

/** Whether an address of the network may be reached; `name` is the host that it was found for. */
export type AllowsAddress = (address: string, name: string) => boolean

/** What every plugin gets when it is opened. */
export interface PluginContext {
  readonly pipeline: string
  readonly runId: string
  /** `sources[0]`, or the name that the definition gives. */
  readonly name: string
  /** Absolute. Relative paths of the config start here. */
  readonly projectRoot: string
  /** Whether paths may lead out of the project's root. */
  readonly allowOutside: boolean
  readonly files: Files
  /** Streams behind the path `-`. Absent where the host gives none. */
  readonly stdin?: AsyncIterable<Uint8Array>
  readonly stdout?: (bytes: Uint8Array) => Promise<void>
  readonly log: Log
  /**
   * Asked for every address before it is connected to, that of a redirect too; absent where all may be reached. A connector that does not
   * ask must not be open to definitions from outside.
   */
  readonly allowsAddress?: AllowsAddress
  /** Aborted when the run is cancelled, times out or fails. */
  readonly signal: AbortSignal
  /** Milliseconds since 1970 at the run's start; what `NOW()` says. */
  readonly startedAt: number
  /** `:last_run`, `:run_id`, `:pipeline_name`, `:environment`, `:payload`, `:scheduled_at`, `:interval_start`,
   * `:interval_end`, for queries that bind parameters. */
  readonly runtimeValues: Readonly<Record<string, unknown>>
}

/** What a connection says of itself: `server_version`, `database`, `tables`. Shown to people; no secret may be in it. */
export type ConnectionFacts = Readonly<Record<string, string | number | ReadonlyArray<string>>>

/** How a connector tries whether it reaches its other side, without reading or writing a row. */
export interface ConnectionCheck<Config, Failure> {
  /** What of the config it needs, which may be less than a run does. */
  readonly config: StandardSchema<any, Config>
  readonly run: (context: PluginContext & { readonly config: Config }) => Effect.Effect<ConnectionFacts, Failure>
}

/**
 * A piece of code that can be loaded by the main thread and by worker threads alike: a module that exports
 * `name(options)`. The options go through structured clone.
 */
export interface ModuleReference<Options = unknown> {
  readonly url: string
  readonly name: string
  readonly options: Options
}
