/**
 * The Promise form of plugins, for authors who know JavaScript and nothing of Effect: async generators, plain objects, an `AbortSignal`.
 * Each `define…` gives the same value as the Effect form, so that no guarantee is lost.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Batch, RowsError } from "../model/Batch.ts"
import type { BatchSchema, ColumnType } from "../model/ColumnType.ts"
import type { CursorValue } from "../model/Cursor.ts"
import { RowSchema } from "../model/RowSchema.ts"
import type { Row } from "../model/Value.ts"
import type { Checkpoint, CommitResult, Delivery, Destination, Load, LoadRequest, WriteMode } from "./Destination.ts"
import { DeltaflowError, DestinationError, SourceError } from "./Errors.ts"
import type { PluginContext, StandardSchema } from "./Plugin.ts"
import type { Source, SourceBatch, SourceReader, SourceRequest } from "./Source.ts"
import type { BatchFunction, PatchFunction, RowFunction, Transform } from "./Transform.ts"

/** Rows with the cursor that holds once they are durable; or the rows alone, where the source keeps none. */
export type Yielded = ReadonlyArray<object> | { readonly rows: ReadonlyArray<object>; readonly cursor?: CursorValue }

export interface SourceOptions<Config, Cursor> {
  readonly type: string
  readonly summary?: string
  /** Any Standard Schema: Effect Schema, Zod, Valibot, ArkType. Without one the config is handed on as it is. */
  readonly config?: StandardSchema<any, Config>
  /** Declared column types, by name; without them types are taken from the rows. */
  readonly columns?: Readonly<Record<string, ColumnType>>
  readonly cursorVersion?: number
  readonly migrateCursor?: (cursor: CursorValue, fromVersion: number) => CursorValue
  /** Called once per run. Close what you opened in `finally`: it also runs when the run is cancelled. */
  readonly read: (
    request: Omit<SourceRequest<Config>, "cursor"> & { readonly cursor: Cursor | undefined },
  ) => AsyncIterable<Yielded> | Iterable<Yielded>
}

/** A source from an async generator. */
export const defineSource = <Config = unknown, Cursor = any>(options: SourceOptions<Config, Cursor>): Source<Config> => ({
  kind: "source",
  type: options.type,
  summary: options.summary ?? "",
  config: options.config ?? anyConfig<Config>(),
  supportsIncremental: true,
  ...(options.cursorVersion === undefined ? {} : { cursorVersion: options.cursorVersion }),
  ...(options.migrateCursor === undefined ? {} : { migrateCursor: options.migrateCursor }),
  open: (request) => openRows(options, request),
})

const openRows = <Config, Cursor>(options: SourceOptions<Config, Cursor>, request: SourceRequest<Config>) =>
  Effect.gen(function* () {
    const failed = sourceFailure(options.type, request.name)
    const shape = new RowSchema({ ...options.columns, ...request.columns })
    const iterator = yield* Effect.acquireRelease(Effect.try({ try: () => iterate(options.read(request as never)), catch: failed }), (it) =>
      Effect.promise(async () => void (await it.return?.(undefined))),
    )
    let rowsBefore = 0
    const toBatch = (yielded: Yielded): SourceBatch => {
      const { rows, cursor } = isRows(yielded)
        ? { rows: yielded as ReadonlyArray<Row>, cursor: undefined }
        : (yielded as { rows: ReadonlyArray<Row>; cursor?: CursorValue })
      const batch = batchOf(rows, shape, rowsBefore, request)
      rowsBefore += rows.length
      return cursor === undefined ? { batch } : { batch, cursor }
    }
    const next = Effect.tryPromise({ try: async () => await iterator.next(), catch: failed })
    // The schema is known only from rows, so the first batch is fetched before the plan is made.
    const first = yield* next
    const firstBatch = first.done === true ? undefined : yield* Effect.try({ try: () => toBatch(first.value), catch: failed })
    const schema: BatchSchema = firstBatch?.batch.schema ?? declaredSchema({ ...options.columns, ...request.columns })
    const rest = Stream.fromAsyncIterable({ [Symbol.asyncIterator]: () => ({ next: async () => await iterator.next() }) }, failed).pipe(
      Stream.mapEffect((yielded) => Effect.try({ try: () => toBatch(yielded), catch: failed })),
    )
    const stream = firstBatch === undefined ? Stream.empty : Stream.concat(Stream.make(firstBatch), rest)
    return { schema, read: () => ({ rows: { kind: "batches", stream } }) } satisfies SourceReader
  })

const isRows = (yielded: Yielded): yielded is ReadonlyArray<object> => Array.isArray(yielded)

const iterate = (items: AsyncIterable<Yielded> | Iterable<Yielded>): AsyncIterator<Yielded> | Iterator<Yielded> =>
  Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]()

const declaredSchema = (columns: Readonly<Record<string, ColumnType>>): BatchSchema => ({
  columns: Object.entries(columns).map(([name, type]) => ({ name, type, nullable: true })),
})

/** A batch over plain objects under a schema that grows; a row that cannot be one is an error with its number. */
export const batchOf = (rows: ReadonlyArray<Row>, shape: RowSchema, rowsBefore: number, context: { readonly name: string }): Batch => {
  const bad = rows.findIndex((row) => typeof row !== "object" || row === null || Array.isArray(row))
  if (bad >= 0) {
    throw new SourceError({
      code: "VALUE_TYPE",
      message: `${context.name}: row ${rowsBefore + bad + 1} is no object. Yield rows as plain objects.`,
      row: rowsBefore + bad + 1,
    })
  }
  try {
    return Batch.fromRows(rows, shape.next(rows), rowsBefore + 1)
  } catch (error) {
    if (!(error instanceof RowsError)) throw error
    const row = rowsBefore + error.row + 1
    throw new SourceError({
      code: "VALUE_TYPE",
      message: `${context.name}: row ${row}, column ${error.column}: ${error.message}`,
      row,
      column: error.column,
    })
  }
}

const sourceFailure =
  (type: string, name: string) =>
  (cause: unknown): SourceError =>
    cause instanceof SourceError
      ? cause
      : new SourceError({
          code: "SOURCE_FAILED",
          message: `${name} (${type}): ${messageOf(cause)}`,
          path: [name],
          retryable: isRetryable(cause),
          cause,
        })

/** The message of whatever was thrown. */
export const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

/** What a thrown error says of itself: `retryable: true`, as our own errors do. */
export const isRetryable = (cause: unknown): boolean =>
  typeof cause === "object" && cause !== null && "retryable" in cause && cause.retryable === true

/** A config schema that takes anything; for plugins without options. */
export const anyConfig = <Config>(): StandardSchema<any, Config> => ({
  "~standard": { version: 1, vendor: "deltaflow", validate: (value) => ({ value: value as Config }) },
})

/** What a destination in the Promise form is opened with. */
export type OpenRequest<Config> = LoadRequest<Config>

export interface OpenLoad {
  /** Takes the rows of one batch, as plain objects. In order, one call at a time. */
  readonly write: (rows: ReadonlyArray<Row>, batch: Batch) => Promise<void> | void
  /** Makes everything durable with the checkpoint. `final` is true once, at the end. */
  readonly commit?: (checkpoint: Checkpoint, final: boolean) => Promise<CommitResult | void> | CommitResult | void
  /** Always called at the end, after the final commit or without one. */
  readonly close?: (committed: boolean) => Promise<void> | void
  readonly commitsEarly?: boolean
  readonly label?: string
  readonly location?: string
}

export interface DestinationOptions<Config> {
  readonly type: string
  readonly summary?: string
  readonly config?: StandardSchema<any, Config>
  /** Default `none`: at least once. Claim more only where the laws of `@deltaflow/testing` hold. */
  readonly delivery?: Delivery
  /** Default `["append"]`. */
  readonly writeModes?: ReadonlyArray<WriteMode>
  readonly checkpoint?: (context: PluginContext & { readonly config: Config }) => Promise<Checkpoint | undefined>
  readonly open: (request: OpenRequest<Config>) => Promise<OpenLoad> | OpenLoad
}

/** A destination from plain async functions. */
export const defineDestination = <Config = unknown>(options: DestinationOptions<Config>): Destination<Config> => {
  const { checkpoint } = options
  return {
    kind: "destination",
    type: options.type,
    summary: options.summary ?? "",
    config: options.config ?? anyConfig<Config>(),
    delivery: options.delivery ?? "none",
    writeModes: options.writeModes ?? ["append"],
    ...(checkpoint === undefined
      ? {}
      : {
          checkpoint: (context) =>
            Effect.tryPromise({ try: () => checkpoint(context), catch: destinationFailure(options.type, context.name) }),
        }),
    open: (request) => openLoad(options, request),
  }
}

const openLoad = <Config>(options: DestinationOptions<Config>, request: LoadRequest<Config>) =>
  Effect.gen(function* () {
    const failed = destinationFailure(options.type, request.name)
    let committed = false
    const load = yield* Effect.acquireRelease(
      Effect.tryPromise({ try: async () => await options.open(request), catch: failed }),
      (opened) => Effect.promise(async () => await opened.close?.(committed)),
    )
    const attempt = <A>(run: () => Promise<A> | A) => Effect.tryPromise({ try: async () => await run(), catch: failed })
    return {
      label: load.label ?? request.name,
      ...(load.location === undefined ? {} : { location: load.location }),
      commitsEarly: load.commitsEarly ?? false,
      write: (batch) => attempt(() => load.write(batch.toRows(), batch)),
      commit: (checkpoint, final) =>
        Effect.map(
          attempt(() => load.commit?.(checkpoint, final)),
          (result) => {
            committed ||= final
            return result ?? {}
          },
        ),
    } satisfies Load
  })

const destinationFailure =
  (type: string, name: string) =>
  (cause: unknown): DestinationError => {
    if (cause instanceof DestinationError) return cause
    const code = cause instanceof DeltaflowError ? cause.code : "DESTINATION_FAILED"
    return new DestinationError({
      code,
      message: `${name} (${type}): ${messageOf(cause)}`,
      path: [name],
      retryable: isRetryable(cause),
      cause,
    })
  }

export interface TransformOptions<Config> {
  readonly type: string
  readonly summary?: string
  readonly config?: StandardSchema<any, Config>
  /** Exactly one of the three. See `Transform.ts` for what each may do. */
  readonly row?: RowFunction<Config>
  readonly patch?: PatchFunction<Config>
  readonly batch?: BatchFunction<Config>
}

/** A transform from a plain function. Throws `TypeError` where not exactly one of `row`, `patch` and `batch` is given. */
export const defineTransform = <Config = unknown>(options: TransformOptions<Config>): Transform<Config> => {
  const { row, patch, batch } = options
  if ([row, patch, batch].filter((run) => run !== undefined).length !== 1) {
    throw new TypeError(`defineTransform ${options.type}: give exactly one of row, patch and batch`)
  }
  return {
    kind: "transform",
    type: options.type,
    summary: options.summary ?? "",
    config: options.config ?? anyConfig<Config>(),
    apply:
      row !== undefined ? { mode: "row", run: row } : patch !== undefined ? { mode: "patch", run: patch } : { mode: "batch", run: batch! },
  }
}
