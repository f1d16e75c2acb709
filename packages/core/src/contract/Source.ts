/**
 * Sources: where rows come from.
 *
 * The engine opens a source once per run, within a scope that ends with the run, and pulls its stream. Between pulls the
 * source does nothing: backpressure is the stream's. A cursor that travels with rows says: all rows up to and with these
 * have been given. The engine stores it only after the rows are durable downstream, and hands the last stored one to the next run.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Batch } from "../model/Batch.ts"
import type { BatchSchema, ColumnType } from "../model/ColumnType.ts"
import type { CursorValue } from "../model/Cursor.ts"
import type { Value } from "../model/Value.ts"
import type { SourceError } from "./Errors.ts"
import type { ConnectionCheck, ModuleReference, PluginContext, StandardSchema } from "./Plugin.ts"

/** `column operator value`, one of the conditions that all must be true. Nulls never pass. */
export interface PushedCondition {
  readonly column: string
  readonly operator: "=" | "<>" | "<" | "<=" | ">" | ">=" | "is null" | "is not null"
  readonly type: ColumnType
  readonly value: Value | null
}

/** What the planner offers to the source. The source may take any part and says which. */
export interface Pushdown {
  /** The columns that are used, in the source's order; undefined for all. */
  readonly columns?: ReadonlyArray<string>
  readonly conditions?: ReadonlyArray<PushedCondition>
  readonly limit?: number
}

export interface SourceRequest<Config> extends PluginContext {
  readonly config: Config
  readonly batchSize: number
  /** Declared types of columns, over any inference. */
  readonly columns?: Readonly<Record<string, ColumnType>>
  /** The cursor that the last run's checkpoint holds; undefined in the first run and in a full refresh. */
  readonly cursor: CursorValue | undefined
  /** Whether cursors will be kept. Where it is false the source need not compute them. */
  readonly incremental: IncrementalOptions | undefined
  /** Whether an input that is missing or empty is no error but no rows. Default false. */
  readonly optional?: boolean
  /** Of a stream: whether to go on until the run is stopped, rather than to end at what is there. Default false. */
  readonly follow?: boolean
  /** Of a stream: a cursor to end at, where other destinations hold everything from there on. */
  readonly until?: CursorValue
  /** Whether rows are only looked at: nothing may change at the source. Default false. */
  readonly looksOnly?: boolean
}

export interface IncrementalOptions {
  readonly column?: string
  readonly initialValue?: string
  readonly key?: ReadonlyArray<string>
  /** Milliseconds. */
  readonly lookback?: number
}

/** Rows, and the cursor that holds once they are durable. */
export interface SourceBatch {
  readonly batch: Batch
  readonly cursor?: CursorValue
  /** Takes back memory that the batch refers to, as `release` of a chunk does, and at the same time. Need not be called. */
  readonly release?: () => void
}

/** Bytes that hold whole rows, still to be decoded, here or by a worker thread. The engine takes the bytes over. */
export interface SourceChunk {
  readonly bytes: Uint8Array
  readonly cursor?: CursorValue
  /** Names the chunk's file; handed back to `located`. */
  readonly label: string
  /**
   * Takes the chunk's buffer back, to read into it again; fresh memory costs as much as reading. Called at most once, and only when
   * nothing refers to the bytes any more: a worker thread sent them back, or every load says that it `releases` batches. Need not be
   * called.
   */
  readonly release?: (buffer: ArrayBufferLike) => void
}

/** What a decoder made of a chunk. */
export interface DecodedChunk {
  readonly batches: ReadonlyArray<Batch>
  readonly rows: number
  /** Line ends within the chunk, for places in messages. */
  readonly lines: number
  /** Takes back what the decoder made for this chunk, for the next one. As `release` of the chunk, and at the same time. */
  readonly release?: () => void
}

/**
 * A decoder's module exports a function of its options that gives this. Pure: the same bytes give the same batches. Throws `DecodeError`.
 */
export type Decode = (bytes: Uint8Array) => DecodedChunk

/** A place within a chunk, which the source turns into file, line and column. */
export interface DecodeErrorFields {
  readonly code: SourceError["code"]
  readonly message: string
  /** Rows of the chunk before the bad one. */
  readonly row: number
  /** Line within the chunk, from 1. */
  readonly line: number
  /** Character within the line, from 1. */
  readonly character?: number
  readonly column?: string
}

/** An opened source: its schema is known before a row is read. */
export interface SourceReader {
  readonly schema: BatchSchema
  /** Lines for `explain`: what was inferred from how many rows, what is read. */
  readonly notes?: ReadonlyArray<string>
  /** Whether it is known that no row will come. Then no column need be known either, and no step is held to be wrong for it. */
  readonly isEmpty?: boolean
  /** Rows in all, where the source knows; for progress. */
  readonly totalRows?: number
  /** Bytes in all, where the source knows; for progress. */
  readonly totalBytes?: number
  /**
   * Whether a column that a batch lacks is unknown rather than null: destinations leave it as it is, and steps leave out what they would
   * make of it. Default false.
   */
  readonly isPartial?: boolean
  /**
   * Says that everything up to the cursor is durable in all destinations, so that the source may forget it. Called after their commits,
   * with cursors that never go back; a failure ends the run, whose rows stay.
   */
  readonly acknowledge?: (cursor: CursorValue) => Effect.Effect<void, SourceError>
  /** How far behind the rows are that were read last, as far as the source knows. Asked often. */
  readonly lag?: () => SourceLag
  /** Called at most once, after the planner has seen the schema. */
  readonly read: (offer: Pushdown) => SourceRead
}

/** How far a stream is behind its origin. */
export interface SourceLag {
  readonly bytes?: number
  /** Since what was read last was committed there; 0 where nothing is left to read. */
  readonly seconds?: number
}

export interface SourceRead {
  /** Which parts of the offer are done by the source itself, exactly. The engine does the rest. */
  readonly accepted?: {
    readonly columns?: boolean
    readonly conditions?: ReadonlyArray<PushedCondition>
    readonly limit?: boolean
  }
  /** Lines for `explain`, such as the query that will be sent. */
  readonly notes?: ReadonlyArray<string>
  readonly rows: RowStream | ChunkStream
}

export interface RowStream {
  readonly kind: "batches"
  readonly stream: Stream.Stream<SourceBatch, SourceError>
}

/** For text formats: the engine decodes the chunks, on several threads where that pays, and keeps their order. */
export interface ChunkStream {
  readonly kind: "chunks"
  readonly stream: Stream.Stream<SourceChunk, SourceError>
  readonly decoder: ModuleReference
  /**
   * Called in order for each chunk that was decoded, so that the source can count rows and lines per label. Gives the number of the chunk's
   * first row in its source, from 1.
   */
  readonly decoded: (chunk: SourceChunk, result: { readonly rows: number; readonly lines: number }) => number
  /** The error that names file, line and column. Called in order, like `decoded`. */
  readonly located: (chunk: SourceChunk, error: DecodeErrorFields) => SourceError
}

export interface Source<Config = any> {
  readonly kind: "source"
  /** Equal to the connector's folder and sub-path. */
  readonly type: string
  readonly summary: string
  readonly config: StandardSchema<any, Config>
  /** JSON Schema (draft-07) of the config for editors and reference pages; derived where `config` is an Effect Schema. */
  readonly jsonSchema?: unknown
  /** Bumped when the stored cursor changes shape; `migrateCursor` brings older ones forward. Default 1. */
  readonly cursorVersion?: number
  readonly migrateCursor?: (cursor: CursorValue, fromVersion: number) => CursorValue
  /** Parts of the config that, when changed, make stored cursors meaningless. Default: the whole config. */
  readonly fingerprint?: (config: Config) => unknown
  /** Whether `incremental` works with this source. Default false. */
  readonly supportsIncremental?: boolean
  /** Whether a config makes it a stream: cursors are kept without `incremental`, and it may go on for ever. Default: never. */
  readonly isStream?: (config: Config) => boolean
  /** Of a stream: negative where `a` stands before `b`, 0 where they are the same place. */
  readonly compareCursors?: (a: CursorValue, b: CursorValue) => number
  /** Gives back what it keeps at its origin for a pipeline, whose cursors are forgotten. Nothing there is no error. */
  readonly forget?: (context: PluginContext & { readonly config: Config }) => Effect.Effect<void, SourceError>
  /** For tests of connections. Default: `open`. */
  readonly check?: ConnectionCheck<any, SourceError>
  readonly open: (request: SourceRequest<Config>) => Effect.Effect<SourceReader, SourceError, Scope.Scope>
}
