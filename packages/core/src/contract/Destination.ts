/**
 * Destinations: where rows go.
 *
 * The engine opens one *load* per run, writes batches in order, one at a time, and commits with the checkpoint. A load whose
 * scope closes without a final commit leaves what readers saw before the run as it was (or as the last early commit left it).
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Batch } from "../model/Batch.ts"
import type { BatchSchema } from "../model/ColumnType.ts"
import { DestinationError } from "./Errors.ts"
import type { ConnectionCheck, ModuleReference, PluginContext, StandardSchema } from "./Plugin.ts"

export const writeModes = ["append", "replace", "upsert", "merge", "scd2"] as const

export type WriteMode = (typeof writeModes)[number]

/**
 * - `transactional`: rows and checkpoint commit in one transaction.
 * - `idempotent`: the same batch twice is the same as once.
 * - `none`: neither; each batch carries a stable id for the receiver to tell repeats.
 */
export type Delivery = "transactional" | "idempotent" | "none"

/** Up to where a destination holds everything, as text that the engine made and reads back. */
export interface Checkpoint {
  readonly pipeline: string
  readonly runId: string
  /** Encoded cursors by source name. */
  readonly cursors: Readonly<Record<string, string>>
  /** Fencing token of the run's lease. A transactional destination refuses a commit with a lower one than it has seen. */
  readonly epoch: number
  /** Batches committed so far in this run. */
  readonly batchId: number
}

/**
 * Invariant 7, for a destination that keeps its checkpoint beside its rows: why a commit may not take the place of the checkpoint that is
 * there, undefined where it may. `behind` is what must stand there: the load's own last commit, before it the request's `checkpoint`. To
 * be asked in the transaction of the commit. `name` is the request's, `where` what the message calls the place.
 */
export const commitRefusal = (
  next: Checkpoint,
  there: Checkpoint | undefined,
  behind: Checkpoint | null | undefined,
  name: string,
  where?: string,
): DestinationError | undefined => {
  if (there === undefined) return undefined
  const isBehind =
    behind === undefined ||
    (behind !== null && there.runId === behind.runId && there.epoch === behind.epoch && there.batchId === behind.batchId)
  return isBehind && there.epoch <= next.epoch ? undefined : overtaken(next, name, where)
}

/** The refusal, for a destination that compares the two in a statement of its own. */
export const overtaken = ({ pipeline }: Checkpoint, name: string, where = "this table"): DestinationError =>
  new DestinationError({
    code: "LEASE_LOST",
    message: `${pipeline} / ${name}: another run has committed to ${where} since this one began, so this one may not. Run it again: it goes on from there.`,
    path: [pipeline, name],
    retryable: true,
  })

/** Which columns of the table take which columns of the rows; undefined for all of the rows' own, as they are called. */
export type Assignments = ReadonlyArray<{ readonly column: string; readonly from: string }> | undefined

/** Columns of a table that keeps history. */
export interface History {
  readonly validFrom: string
  readonly validTo: string
  readonly isCurrent: string
  /** Column of the rows that says since when a row holds; undefined for the start of the run. */
  readonly changedAt: string | undefined
}

/**
 * What becomes of the rows, where that is more than `append`, `replace` and `upsert` say. The engine has computed the conditions: two
 * columns that it adds to the rows say what to do with each. Rows of one key come one after the other.
 */
export interface RowChanges {
  /**
   * Column of the rows: what to do where the table has the key. 0 for nothing, -1 to delete that row, else the number of an update, from 1.
   */
  readonly matched: string
  /** Column of the rows: what to do where it has not. 0 for nothing, else the number of an insert, from 1. */
  readonly missing: string
  readonly updates: ReadonlyArray<Assignments>
  /** What an insert does not assign is as the row has it. */
  readonly inserts: ReadonlyArray<Assignments>
  /** Columns that the engine has added, which are not to be stored. */
  readonly added: ReadonlyArray<string>
  /** Whether of several rows with one key the last one alone decides. */
  readonly lastDecides: boolean
  /** Whether rows of the table whose key has not come are deleted, at the final commit. */
  readonly absence: boolean
  /** Where rows are not changed but closed, and followed by new ones. `matched` is then -1 for a row that is gone. */
  readonly history: History | undefined
}

export interface LoadRequest<Config> extends PluginContext {
  readonly config: Config
  /** Of the first batch. Later batches may widen it, under `schema_changes`. */
  readonly schema: BatchSchema
  readonly writeMode: WriteMode
  readonly key: ReadonlyArray<string>
  /** There for `merge` and `scd2`, and where rows are deleted. Only a destination that `takesChanges` gets it. */
  readonly changes?: RowChanges | undefined
  readonly schemaChanges: "evolve" | "freeze" | "discard" | "fail"
  readonly epoch: number
  /**
   * What `checkpoint` gave when the run began; null for nothing. The first commit refuses where something else stands there by then, and
   * each later one where its own last does not: a commit of a process that is gone may arrive late, and this run has not seen its rows.
   * Absent where nobody asked, as for a dead letter.
   */
  readonly checkpoint?: Checkpoint | null
  /**
   * Whether a write that fails has to be told by that write, because the engine then looks for the row that is to blame. Where it is false,
   * a later call may tell it, and nothing of the load counts any more. Default true.
   */
  readonly isolatesRows?: boolean
  /** What the last commit of this destination gave back as `state`, where the engine's store kept it. */
  readonly state: unknown
  /** False where `state` is never kept, as for a dead letter: then each commit counts by itself. Default true. */
  readonly keepsState?: boolean
  /** Whether the run starts over: the checkpoint that the destination holds does not count. */
  readonly fullRefresh: boolean
}

export interface CommittedRows {
  /** Whether all rows of the sources have come, and none was rejected: only then is a key that has not come gone. */
  readonly areAll: boolean
}

export interface CommitResult {
  /** Kept by the engine beside the checkpoint and handed back as `state`. JSON. */
  readonly state?: unknown
}

/**
 * Encodes batches to bytes away from the load, on a worker thread where that pays. Its module exports a function of its options that gives
 * `(batch) => bytes`. The bytes may be lent until the next call.
 */
export type Encode = (batch: Batch) => Uint8Array

export interface Load {
  /** Takes the batch over. When it has returned, the rows are in the load; durable only after `commit`. */
  readonly write: (batch: Batch) => Effect.Effect<void, DestinationError>
  /**
   * Whether nothing of a batch is referred to when `write` has returned, and nothing of encoded bytes when the write after them has, so
   * that their memory may be used again. Default false.
   */
  readonly releases?: boolean
  /** Where rows become bytes without looking at other rows: the engine may call `encoder` elsewhere and hand the bytes in, in order. */
  readonly encoded?: {
    readonly encoder: (schema: BatchSchema) => ModuleReference
    readonly write: (bytes: Uint8Array, rows: number, schema: BatchSchema) => Effect.Effect<void, DestinationError>
  }
  /** Whether `commit` may be called before the end. False for a replace, which readers must see whole or not at all. */
  readonly commitsEarly: boolean
  /**
   * Whether what is committed counts only when a transaction around it does, which the host ends later. The engine then believes nothing
   * but the destination's own checkpoint, and lets no source forget what it has read. Default false.
   */
  readonly isProvisional?: boolean
  /** Makes everything written so far durable, together with the checkpoint. `final` is true once, at the end of the run. */
  readonly commit: (checkpoint: Checkpoint, final: boolean, rows?: CommittedRows) => Effect.Effect<CommitResult, DestinationError>
  /** For people: `filtered_users.json`. */
  readonly label: string
  /** Where the rows are, for the host to show: an absolute path, or nothing. */
  readonly location?: string
}

export interface Destination<Config = any> {
  readonly kind: "destination"
  readonly type: string
  readonly summary: string
  readonly config: StandardSchema<any, Config>
  readonly jsonSchema?: unknown
  readonly delivery: Delivery | ((config: Config, writeMode: WriteMode) => Delivery)
  readonly writeModes: ReadonlyArray<WriteMode>
  /** Whether it does what `changes` of a request says. Needed for `merge`, `scd2` and `hard_deletes`. Default false. */
  readonly takesChanges?: boolean
  /**
   * The checkpoint that a transactional destination keeps beside its rows; the engine believes it over its own store. Called before `open`;
   * must not create anything.
   */
  readonly checkpoint?: (context: PluginContext & { readonly config: Config }) => Effect.Effect<Checkpoint | undefined, DestinationError>
  /** For tests of connections. Default: `checkpoint`, where there is one. */
  readonly check?: ConnectionCheck<any, DestinationError>
  readonly open: (request: LoadRequest<Config>) => Effect.Effect<Load, DestinationError, Scope.Scope>
}
