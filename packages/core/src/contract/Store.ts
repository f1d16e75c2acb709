/**
 * The store: definitions, runs, events, leases, and the checkpoints of destinations that keep none themselves.
 *
 * Every call is atomic and durable when it returns. All implementations pass one conformance suite, `storeLaws` of `@deltaflow/testing`.
 * Times are whole milliseconds since 1970; those of leases and definitions come from the store's own clock.
 *
 * Text may hold any Unicode character, NUL too. Data, state and stages come back as JSON would give them. What a call gives is
 * the caller's own: changing it changes nothing in the store.
 */
import type * as Effect from "effect/Effect"
import type { StoreError } from "./Errors.ts"

export const runStatuses = ["pending", "running", "success", "failed", "cancelled"] as const
export type RunStatus = (typeof runStatuses)[number]

/** Whether a run in this state has ended, so that nothing changes it any more. */
export const isTerminal = (status: RunStatus): boolean => status === "success" || status === "failed" || status === "cancelled"

export const runTriggers = ["manual", "api", "schedule", "webhook", "dependency", "retry"] as const
export type RunTrigger = (typeof runTriggers)[number]

export interface RunStage {
  /** `extract`, `transform: filter`, `load: users.json`. */
  readonly name: string
  readonly rowsIn: number
  readonly rowsOut: number
  readonly durationMs: number
}

export interface RunFailure {
  readonly code: string
  readonly message: string
  readonly stage: "extract" | "transform" | "load" | "commit" | "validate" | null
  readonly step: string | null
  readonly hint: string | null
}

/**
 * The time that a run is for, whenever it happens: `:scheduled_at`, which is `:interval_end` too, and `:interval_start`, the scheduled time
 * before it. Milliseconds since 1970.
 */
export interface LogicalTime {
  readonly scheduledAt: number
  readonly intervalStart: number
}

/** One execution of a pipeline, as stored. */
export interface Run {
  readonly id: string
  readonly pipeline: string
  readonly revision: number
  readonly status: RunStatus
  readonly trigger: RunTrigger
  readonly createdAt: number
  readonly startedAt: number | null
  readonly completedAt: number | null
  readonly fullRefresh: boolean
  readonly dryRun: boolean
  readonly rowsExtracted: number
  readonly rowsFiltered: number
  readonly rowsLoaded: number
  readonly rowsRejected: number
  readonly stages: ReadonlyArray<RunStage>
  readonly error: RunFailure | null
  readonly attempt: number
  /** The run that this one retries. */
  readonly retryOf: string | null
  /** Names of the variables given for this run; their values are never stored. */
  readonly variables: ReadonlyArray<string>
  /** Null for a run that no schedule asked for. */
  readonly logicalTime: LogicalTime | null
}

export interface RunFilter {
  readonly pipeline?: string
  readonly status?: ReadonlyArray<RunStatus>
  /** Started at or after this time; a run that has not started counts as of its creation. */
  readonly since?: number
  /** Started before this time. */
  readonly until?: number
  /** Default 100. */
  readonly limit?: number
  readonly skip?: number
}

export interface EngineEvent {
  /** `evt_…`, from `newEventId`: those of one process sort in the order of the events. */
  readonly id: string
  readonly type: string
  readonly timestamp: number
  readonly pipeline: string
  readonly runId: string | null
  readonly data: Readonly<Record<string, unknown>>
}

export interface EventFilter {
  readonly pipeline?: string
  readonly runId?: string
  readonly types?: ReadonlyArray<string>
  /** At or after this time. */
  readonly since?: number
  /** Before this time. */
  readonly until?: number
  /**
   * Only events that the store took after the one with this id: whoever asks again and again with the last id that came gets each event
   * once, also where several processes write. Where that event is gone, those with a greater id.
   */
  readonly after?: string
  /** Default 1000. */
  readonly limit?: number
}

export interface Lease {
  readonly name: string
  readonly owner: string
  /** Fencing token, from 1: grows by one each time the lease is taken anew, never goes back, also not when pipelines are deleted. */
  readonly epoch: number
  readonly expiresAt: number
}

/** The checkpoint of one destination of one pipeline. */
export interface StoredCheckpoint {
  readonly pipeline: string
  readonly destination: string
  readonly runId: string
  readonly epoch: number
  readonly batchId: number
  /** Encoded cursors by source name. */
  readonly cursors: Readonly<Record<string, string>>
  /** Version of each source's cursor schema, by source name. */
  readonly cursorVersions: Readonly<Record<string, number>>
  /** Fingerprint of each source's definition, by source name. */
  readonly fingerprints: Readonly<Record<string, string>>
  /** The destination's own state, JSON. */
  readonly state: unknown
  readonly updatedAt: number
}

/** Whose states: a step keeps them for one destination of one pipeline, because each destination has its own checkpoint. */
export interface StepPlace {
  readonly pipeline: string
  readonly destination: string
}

/** What a step keeps of one key from run to run. */
export interface StepState {
  readonly key: string
  readonly value: string
}

export interface StoredDefinition {
  readonly name: string
  readonly revision: number
  /** JSON text of the definition, `${VAR}` as written. */
  readonly definition: string
  /** The text it came from, where that was YAML. */
  readonly source: string | null
  readonly paused: boolean
  readonly createdAt: number
  readonly updatedAt: number
}

/** Something that a part around the engine keeps: a key of the HTTP API, say, or an id that was seen. */
export interface StoredEntry {
  /** Whose it is; keys of two collections do not meet. */
  readonly collection: string
  readonly key: string
  /** JSON. */
  readonly value: unknown
  /** From 1, one more with each save. */
  readonly version: number
  /** From then on it is as if it were not there; null for never. */
  readonly expiresAt: number | null
  readonly updatedAt: number
}

export interface EntryFilter {
  readonly collection: string
  /** Only keys behind this one. */
  readonly after?: string
  /** Default 1000. */
  readonly limit?: number
}

type Result<A> = Effect.Effect<A, StoreError>

/** A part of a list. */
export interface Page {
  /** Default: all. */
  readonly limit?: number
  readonly skip?: number
}

/** What may only look. A dry run and a preview get this: it has no way to write (invariant 6). */
export interface StoreReader {
  readonly getRun: (id: string) => Result<Run | undefined>
  /** Newest first, by the time that `since` and `until` look at, then by creation. `total` counts all that match. */
  readonly listRuns: (filter: RunFilter) => Result<{ readonly runs: ReadonlyArray<Run>; readonly total: number }>
  /** In the order in which the store took them. */
  readonly listEvents: (filter: EventFilter) => Result<ReadonlyArray<EngineEvent>>
  /** Sorted by destination. */
  readonly getCheckpoints: (pipeline: string) => Result<ReadonlyArray<StoredCheckpoint>>
  /** The newest value of each key, in the order of the keys; undefined where there is none. */
  readonly getStepStates: (place: StepPlace, keys: ReadonlyArray<string>) => Result<ReadonlyArray<string | undefined>>
  /** The greatest version that has states, 0 where there are none. */
  readonly lastStepVersion: (place: StepPlace) => Result<number>
  readonly getDefinition: (name: string) => Result<StoredDefinition | undefined>
  /** Sorted by name, by code point. */
  readonly listDefinitions: (page?: Page) => Result<ReadonlyArray<StoredDefinition>>
  readonly countDefinitions: () => Result<number>
  /** Another number than before where definitions were saved, deleted, paused or resumed since; cheap to ask for. */
  readonly definitionsVersion: () => Result<number>
  /** Undefined where there is none, or where it has expired by the store's clock. */
  readonly getEntry: (collection: string, key: string) => Result<StoredEntry | undefined>
  /** Sorted by key, by code point, without those that have expired. */
  readonly listEntries: (filter: EntryFilter) => Result<ReadonlyArray<StoredEntry>>
  /** Who holds it now, by the store's clock; undefined where nobody does, because it was released or has expired. */
  readonly getLease: (name: string) => Result<Lease | undefined>
}

export interface Store extends StoreReader {
  /** Fails where the id is taken. */
  readonly createRun: (run: Run) => Result<void>
  /**
   * Writes the run and appends the events in one step, so that a transition is durable before it is announced.
   * A run in a terminal state is not changed any more; gives false then, and where there is no such run, and appends nothing.
   */
  readonly updateRun: (id: string, change: Partial<Omit<Run, "id" | "pipeline">>, events?: ReadonlyArray<EngineEvent>) => Result<boolean>
  /** An event whose id is there already stays as it is, so that a call of unknown outcome may be made again. */
  readonly appendEvents: (events: ReadonlyArray<EngineEvent>) => Result<void>
  /**
   * The lease where it was free or expired (with a new epoch), or already this owner's (epoch kept); undefined where another holds it.
   * Two holders at once must never share an owner's name: a run's id is one. The epoch is at least `minimumEpoch`, also where the
   * owner holds the lease already: a destination may know a higher one than a store that was made anew.
   */
  readonly acquireLease: (name: string, owner: string, ttlMs: number, minimumEpoch?: number) => Result<Lease | undefined>
  /**
   * Undefined where the lease is no longer this owner's at this epoch. One that expired and that nobody took meanwhile is revived: a
   * laptop that slept may go on.
   */
  readonly renewLease: (lease: Lease, ttlMs: number) => Result<Lease | undefined>
  /** Does nothing where the lease is no longer this owner's at this epoch. */
  readonly releaseLease: (lease: Lease) => Result<void>
  /** Invariant 7: writes only while `lease` is held at its epoch and not expired; gives false otherwise. */
  readonly saveCheckpoint: (checkpoint: StoredCheckpoint, lease: Lease) => Result<boolean>
  /** Removes the states of steps too. */
  readonly deleteCheckpoints: (pipeline: string, lease: Lease) => Result<boolean>
  /**
   * Adds states of a version, in the place of those of the same key and version; older ones stay. Writes only while `lease` is held, as
   * `saveCheckpoint`. No key comes twice.
   */
  readonly saveStepStates: (place: StepPlace, version: number, states: ReadonlyArray<StepState>, lease: Lease) => Result<boolean>
  /**
   * Removes the states of versions before `from` and after `to`, and those that one of version `to` has taken the place of. Writes only
   * while `lease` is held, as `saveCheckpoint`.
   */
  readonly pruneStepStates: (place: StepPlace, from: number, to: number, lease: Lease) => Result<boolean>
  /**
   * Revision 1 for a new name, one more where `definition` differs, the same where it does not; `source` is replaced in any case.
   * Gives what is stored now. With `expected` it saves only where that is the revision now, 0 for a name that is not there, and gives
   * undefined otherwise.
   */
  readonly saveDefinition: (
    definition: { readonly name: string; readonly definition: string; readonly source: string | null },
    expected?: number,
  ) => Result<StoredDefinition | undefined>
  /** Gives false where there is no such name. */
  readonly setPaused: (name: string, paused: boolean) => Result<boolean>
  /**
   * Removes definition, runs, events, checkpoints and states of steps; the lease keeps its epoch. Gives false where there was none of
   * these.
   */
  readonly deleteDefinition: (name: string) => Result<boolean>
  /**
   * Adds the entry, or replaces the one with its key. With `expected` it saves only where that is the version now, 0 for a key that is
   * not there, and gives undefined otherwise: of two who add the same key one does. An entry that has expired counts as not there.
   */
  readonly saveEntry: (
    entry: Pick<StoredEntry, "collection" | "key" | "value" | "expiresAt">,
    expected?: number,
  ) => Result<StoredEntry | undefined>
  /** Gives false where there was none. */
  readonly deleteEntry: (collection: string, key: string) => Result<boolean>
  /**
   * The store on a transaction of the host, where the store has that: what is written becomes so with the host's commit, and is gone with
   * its rollback. Throws `StoreError` where `tx` is none that it knows.
   */
  readonly inTransaction?: (tx: unknown) => StoreTransaction
  /** Frees what the store holds; every later call fails. May be called twice. */
  readonly close: () => Effect.Effect<void>
}

/** What may be done on a transaction of the host. Nothing of it makes another writer wait for the host's commit. */
export type StoreTransaction = Pick<Store, "createRun" | "saveEntry" | "getDefinition">
