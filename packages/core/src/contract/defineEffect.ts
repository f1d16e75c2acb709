/**
 * The Effect form of plugins: `read` gives a stream, what is opened is scoped, errors are typed. The Promise form in `define.ts` is built
 * on it, so both keep the same guarantees.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Batch, RowsError } from "../model/Batch.ts"
import type { BatchSchema, ColumnType } from "../model/ColumnType.ts"
import type { CursorValue } from "../model/Cursor.ts"
import { RowSchema } from "../model/RowSchema.ts"
import type { Row } from "../model/Value.ts"
import type { Checkpoint, CommitResult, CommittedRows, Destination, Load, LoadRequest } from "./Destination.ts"
import { DeltaflowError, DestinationError, SourceError } from "./Errors.ts"
import type { PluginContext } from "./Plugin.ts"
import type { Source, SourceBatch, SourceReader, SourceRequest } from "./Source.ts"
import type { FinishResult, RowResult, SetupContext, StateFunctions, Transform, TransformContext } from "./Transform.ts"
import { defineTransform as transformOf, type TransformTraits } from "./defineTransform.ts"
import { messageOf } from "../model/messageOf.ts"
import { isRetryable } from "./thrown.ts"
import { destinationFields, type DestinationTraits, type ReadRequest, sourceFields, type SourceTraits, type Yielded } from "./traits.ts"

export type { ReadRequest, Yielded } from "./traits.ts"

export interface SourceOptions<Config, Cursor> extends SourceTraits<Config> {
  /**
   * Called once per run. What it acquires in its scope is released when the run ends, however it ends. A failure that is no `SourceError`
   * becomes one with the code `SOURCE_FAILED`; `retryable: true` on it is heeded. An interruption is prompt.
   */
  readonly read: (request: ReadRequest<Config, Cursor>) => Stream.Stream<Yielded, unknown, Scope.Scope>
}

/** A source from a stream of rows. */
export const defineSource = <Config = unknown, Cursor = any>(options: SourceOptions<Config, Cursor>): Source<Config> => ({
  ...sourceFields(options),
  open: (request) => openRows(options, request),
})

const openRows = <Config, Cursor>(
  options: SourceOptions<Config, Cursor>,
  request: SourceRequest<Config>,
): Effect.Effect<SourceReader, SourceError, Scope.Scope> =>
  Effect.gen(function* () {
    const failed = sourceFailure(options.type, request.name)
    const shape = new RowSchema({ ...options.columns, ...request.columns })
    let rowsBefore = 0
    const toBatch = (yielded: Yielded): SourceBatch => {
      const { rows, cursor } = isRows(yielded)
        ? { rows: yielded as ReadonlyArray<Row>, cursor: undefined }
        : (yielded as { rows: ReadonlyArray<Row>; cursor?: CursorValue })
      const batch = batchOf(rows, shape, rowsBefore, request)
      rowsBefore += rows.length
      return cursor === undefined ? { batch } : { batch, cursor }
    }
    const stream = yield* Effect.try({ try: () => options.read(request as ReadRequest<Config, Cursor>), catch: failed })
    const batches = stream.pipe(
      Stream.mapError(failed),
      Stream.mapEffect((yielded) => Effect.try({ try: () => toBatch(yielded), catch: failed })),
    )
    const pull = yield* Stream.toPull(batches)
    // The schema is known only from rows, so the first batch is fetched before the plan is made.
    const first = yield* Pull.catchDone(pull, () => Effect.succeed(undefined))
    const schema: BatchSchema = first?.[0].batch.schema ?? declaredSchema({ ...options.columns, ...request.columns })
    const all = first === undefined ? Stream.empty : Stream.concat(Stream.fromIterable(first), Stream.fromPull(Effect.succeed(pull)))
    return { schema, isEmpty: first === undefined, read: () => ({ rows: { kind: "batches", stream: all } }) } satisfies SourceReader
  })

const isRows = (yielded: Yielded): yielded is ReadonlyArray<object> => Array.isArray(yielded)

const declaredSchema = (columns: Readonly<Record<string, ColumnType>>): BatchSchema => ({
  columns: Object.entries(columns).map(([name, type]) => ({ name, type, nullable: true })),
})

/** A batch over plain objects under a schema that grows; a row that cannot be one is an error with its number. */
const batchOf = (rows: ReadonlyArray<Row>, shape: RowSchema, rowsBefore: number, context: { readonly name: string }): Batch => {
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

/** Whatever a source failed with, as the error that names it. */
export const sourceFailure =
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

/** An opened destination. Its functions are called one at a time, in order. */
export interface RowsLoad {
  /** Takes the rows of one batch, as plain objects. When it fails, none of them may be in the load. */
  readonly write: (rows: ReadonlyArray<Row>, batch: Batch) => Effect.Effect<void, unknown>
  /** Makes everything durable with the checkpoint. `final` is true once, at the end. */
  readonly commit?: (checkpoint: Checkpoint, final: boolean, rows: CommittedRows) => Effect.Effect<CommitResult | void, unknown>
  /** Whether `commit` may be called before the end. Default false. */
  readonly commitsEarly?: boolean
  /** For people. Default: the destination's name. */
  readonly label?: string
  /** Where the rows are: an absolute path, or nothing. */
  readonly location?: string
}

export interface DestinationOptions<Config> extends DestinationTraits<Config> {
  readonly checkpoint?: (context: PluginContext & { readonly config: Config }) => Effect.Effect<Checkpoint | undefined, unknown>
  /**
   * Opens the destination for one run. What is acquired in its scope is released at the end of the run; without a final commit the release
   * leaves what readers saw before. A failure that is no `DestinationError` becomes one with the code `DESTINATION_FAILED`.
   */
  readonly open: (request: LoadRequest<Config>) => Effect.Effect<RowsLoad, unknown, Scope.Scope>
}

/** A destination from effects. */
export const defineDestination = <Config = unknown>(options: DestinationOptions<Config>): Destination<Config> => {
  const { checkpoint, open } = options
  return {
    ...destinationFields(options),
    ...(checkpoint === undefined
      ? {}
      : { checkpoint: (context) => Effect.mapError(checkpoint(context), destinationFailure(options.type, context.name)) }),
    open: (request) => {
      const failed = destinationFailure(options.type, request.name)
      return Effect.suspend(() => open(request)).pipe(
        Effect.mapError(failed),
        Effect.map((load) => toLoad(load, request.name, failed)),
      )
    },
  }
}

const toLoad = (load: RowsLoad, name: string, failed: (cause: unknown) => DestinationError): Load => ({
  label: load.label ?? name,
  ...(load.location === undefined ? {} : { location: load.location }),
  commitsEarly: load.commitsEarly ?? false,
  write: (batch) => Effect.suspend(() => load.write(batch.toRows(), batch)).pipe(Effect.mapError(failed)),
  commit: (checkpoint, final, rows = { areAll: false }) =>
    Effect.suspend(() => load.commit?.(checkpoint, final, rows) ?? Effect.void).pipe(
      Effect.mapError(failed),
      Effect.map((result) => result ?? {}),
    ),
})

/** Whatever a destination failed with, as the error that names it. */
export const destinationFailure =
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

/**
 * Exactly one of `row`, `patch` and `batch`. See `Transform.ts` for what each may do; a failure is an error of the row, or of the batch.
 */
export interface TransformOptions<Config, State> extends TransformTraits<Config>, Pick<StateFunctions, "eachRun"> {
  /** Makes the state before the first row. What it acquires in its scope is released at the end of the run, however it ends. */
  readonly setup?: (context: SetupContext<Config>) => Effect.Effect<State, unknown, Scope.Scope>
  readonly row?: (row: Row, context: TransformContext<Config, State>) => Effect.Effect<RowResult, unknown>
  readonly patch?: (row: Readonly<Row>, context: TransformContext<Config, State>) => Effect.Effect<Row | null | undefined, unknown>
  readonly batch?: (rows: ReadonlyArray<Row>, context: TransformContext<Config, State>) => Effect.Effect<ReadonlyArray<Row>, unknown>
  /** The last rows: an effect with them, or a stream. */
  readonly finish?: (context: TransformContext<Config, State>) => Effect.Effect<FinishResult, unknown> | Stream.Stream<Row, unknown>
}

/**
 * A transform from functions that give effects. Each effect runs in a fiber of its own, which is interrupted when the run ends early.
 * Throws `TypeError` as the Promise form does.
 */
export const defineTransform = <Config = unknown, State = undefined>(options: TransformOptions<Config, State>): Transform<Config> => {
  const { setup, row, patch, batch, finish, ...traits } = options
  return transformOf<Config, Held<Config, State>>({
    ...traits,
    ...(setup === undefined
      ? {}
      : { setup: (context: SetupContext<Config>) => hold(setup, context), close: ({ state }) => Effect.runPromise(state.release) }),
    ...(row === undefined ? {} : { row: (value, context) => runEffect(row(value, contextWith(context)), context) }),
    ...(patch === undefined ? {} : { patch: (value, context) => runEffect(patch(value, contextWith(context)), context) }),
    ...(batch === undefined ? {} : { batch: (rows, context) => runEffect(batch(rows, contextWith(context)), context) }),
    ...(finish === undefined ? {} : { finish: (context) => lastRows(finish(contextWith(context)), context) }),
  })
}

/** A state with what releases it. */
interface Held<Config, State> {
  readonly release: Effect.Effect<void>
  readonly context: TransformContext<Config, State>
}

const hold = async <Config, State>(
  setup: (context: SetupContext<Config>) => Effect.Effect<State, unknown, Scope.Scope>,
  context: SetupContext<Config>,
): Promise<Held<Config, State>> => {
  const scope = Scope.makeUnsafe()
  const exit = await Effect.runPromiseExit(
    Scope.provide(
      Effect.suspend(() => setup(context)),
      scope,
    ),
    { signal: context.signal },
  )
  if (Exit.isFailure(exit)) await Effect.runPromise(Scope.close(scope, exit))
  return { release: Scope.close(scope, Exit.void), context: { ...context, state: valueOf(exit) } }
}

/** Without `setup` there is no state, and the context is the one that was given. */
const contextWith = <Config, State>(context: TransformContext<Config, Held<Config, State>>): TransformContext<Config, State> =>
  (context.state as Held<Config, State> | undefined)?.context ?? (context as TransformContext<Config, never>)

const lastRows = (
  given: Effect.Effect<FinishResult, unknown> | Stream.Stream<Row, unknown>,
  context: SetupContext,
): FinishResult | Promise<FinishResult> => (Stream.isStream(given) ? Stream.toAsyncIterable(given) : runEffect(given, context))

/** The result itself where the effect does not wait, so that a row costs no turn of the event loop. */
const runEffect = <A>(effect: Effect.Effect<A, unknown>, { signal }: SetupContext): A | Promise<A> => {
  const fiber = Effect.runFork(effect, { signal })
  const exit = fiber.pollUnsafe()
  if (exit !== undefined) return valueOf(exit)
  return new Promise((resolve, reject) => {
    fiber.addObserver((later) => (Exit.isSuccess(later) ? resolve(later.value) : reject(Cause.squash(later.cause) as Error)))
  })
}

const valueOf = <A>(exit: Exit.Exit<A, unknown>): A => {
  if (Exit.isSuccess(exit)) return exit.value
  throw Cause.squash(exit.cause)
}
