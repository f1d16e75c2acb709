/** What a host gives the engine, and what it gives a run. */
import type { Destination } from "../contract/Destination.ts"
import type { Files } from "../contract/Files.ts"
import type { AllowsAddress, Log } from "../contract/Plugin.ts"
import type { Source, SourceLag } from "../contract/Source.ts"
import type { SqlEngine } from "../contract/Sql.ts"
import type { LogicalTime, RunTrigger, Store } from "../contract/Store.ts"
import type { Transform } from "../contract/Transform.ts"
import type { Secrets } from "../pipeline/Secrets.ts"

export type Plugin = Source | Destination | Transform | SqlEngine

export interface EngineOptions {
  /** The sources, destinations and transforms that pipelines may name, and what runs steps in SQL. Two engines share nothing. */
  readonly plugins: ReadonlyArray<Plugin>
  /**
   * Where runs, events and cursors are kept. Default: in memory, gone with the engine. A store that is given is not closed by the engine.
   */
  readonly store?: Store
  /** Folder that relative paths start from and that files are confined to. Default: the process's working directory. */
  readonly projectRoot?: string
  /** Lets connectors reach files outside of `projectRoot`. Default false. */
  readonly allowOutside?: boolean
  /** Values for `${VAR}`; the engine does not look at `process.env` by itself. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** `:environment` and `${environment}`. Default `development`. */
  readonly environment?: string
  /** Default: the local disk. */
  readonly files?: Files
  /**
   * Folder, on `files`, for rows that do not fit into `buffer_memory`. Made where it is missing; nothing stays in it. Default: a folder of
   * this user's in the system's folder for temporary files.
   */
  readonly tempFolder?: string
  /** Default: silent. */
  readonly log?: Log
  /** Streams behind the path `-`. */
  readonly stdin?: AsyncIterable<Uint8Array>
  readonly stdout?: (bytes: Uint8Array) => Promise<void>
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
  /** Makes the ids of runs, each another one; for tests that must be the same again. Default: by time and chance. */
  readonly newRunId?: (now: number) => string
  /** Loads the module of a custom step. Default: dynamic import. */
  readonly loadModule?: (url: string) => Promise<Record<string, unknown>>
  /** Runs at once; one more waits until another has ended. Default: any number. */
  readonly concurrency?: number
  /** Values that are never shown; shared with whoever loaded the project. Default: the engine's own. */
  readonly secrets?: Secrets
  /** `closure` where `new Function` is not allowed. Default: found out. */
  readonly backend?: "code" | "closure"
}

/** Rows whose cursor column is at least `from` and less than `to`. */
export interface RunRange {
  readonly from: string
  readonly to: string
}

export interface RunOptions {
  /**
   * Reads a range of the cursor column again, beside the live cursor, which stays as it is: a backfill. The run has the name of the
   * pipeline with `/backfill`. Rejects with `RANGE_REFUSED` where a destination neither upserts nor merges, or a source has no cursor
   * column.
   */
  readonly range?: RunRange
  /** Ignore cursors; they are replaced when the run succeeds. Default false. */
  readonly fullRefresh?: boolean
  /** Check that everything opens and fits; read and write nothing. Default false. */
  readonly dryRun?: boolean
  /** Values for `${VAR}` that come before the environment. Stored by name, never by value. */
  readonly variables?: Readonly<Record<string, string | number | boolean>>
  /** Cancels the run. */
  readonly signal?: AbortSignal
  /** Milliseconds for the whole run. Default: none. */
  readonly timeout?: number
  /**
   * Worker threads for large files; 1 keeps everything in this thread. Default: the definition's, else 4, and never more than there are
   * processors.
   */
  readonly workers?: number
  readonly batchSize?: number
  /**
   * Measures where the time goes: the stages take turns in one thread, and each step goes over the rows by itself, so that times add up.
   * The rows are the same, and it takes longer. Default false.
   */
  readonly profile?: boolean
  /** The run to retry: the new one goes on from the checkpoint. */
  readonly retryOf?: string
  /** Which try of the same work it is, from 1. Default 1. */
  readonly attempt?: number
  /**
   * The id that the run gets, made by `newRunId`. A run of this id that waits, by `enqueueRun`, is started with what it was given there;
   * for any other that is there already it rejects with `RUN_EXISTS`. Default: a new one.
   */
  readonly runId?: string
  /** The time that the run is for: `:scheduled_at`, `:interval_start` and `:interval_end`. */
  readonly logicalTime?: LogicalTime
  readonly trigger?: RunTrigger
  /** What connectors may reach over the network, for a definition that somebody from outside gave. Default: everything. */
  readonly allowsAddress?: AllowsAddress
  /**
   * Lets connectors use the data files of the project alone: nothing hidden, no code, no definitions, no stream of the process, and nothing
   * outside of the project whatever `allowOutside` says. For a definition that somebody from outside gave. Default false.
   */
  readonly confinesFiles?: boolean
  /** Which revision of a stored definition this is. Default 1. */
  readonly revision?: number
  /**
   * Rejects with `LEASE_HELD`, and leaves no run behind, where the pipeline runs already; otherwise such a run fails. Rejects with
   * `ENGINE_BUSY` where there is no room for one more; otherwise it waits for room. Default false.
   */
  readonly refusesWhileRunning?: boolean
  /** `:payload` of a webhook. */
  readonly payload?: unknown
  /** Called as rows move, at most about every 100 ms, and once at the end. */
  readonly onProgress?: (progress: RunProgress) => void
}

/** What a definition from outside may reach. */
export type OutsideOptions = Pick<RunOptions, "allowsAddress" | "confinesFiles">

export interface SourceProgress {
  readonly name: string
  readonly rows: number
  readonly bytes: number
  readonly totalRows: number | undefined
  readonly totalBytes: number | undefined
  readonly done: boolean
  /** Milliseconds that the engine waited for it. */
  readonly durationMs: number
  /** How far a stream is behind its origin; undefined for other sources. */
  readonly lag?: SourceLag | undefined
}

export interface StepProgress {
  readonly name: string
  readonly type: string
  readonly rowsIn: number
  readonly rowsOut: number
  /** Milliseconds. Where steps run in one pass, the first has the time of all; with the option `profile` each has its own. */
  readonly durationMs: number
}

export interface DestinationProgress {
  readonly name: string
  readonly label: string
  readonly location: string | undefined
  readonly rows: number
  /** Milliseconds of writing and committing. */
  readonly durationMs: number
}

/** `read + added = loaded + filtered + rejected`, at the end of every run. */
export interface RunProgress {
  readonly runId: string
  readonly stage: "extract" | "transform" | "load"
  readonly sources: ReadonlyArray<SourceProgress>
  readonly steps: ReadonlyArray<StepProgress>
  readonly destinations: ReadonlyArray<DestinationProgress>
  readonly read: number
  readonly loaded: number
  readonly filtered: number
  readonly rejected: number
  /** Rows that custom steps made of one row beyond the first. */
  readonly added: number
}
