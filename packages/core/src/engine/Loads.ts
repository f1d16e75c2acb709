/** The third stage: the destinations of one pass, written in step, with bad rows set aside and checkpoints at cursors. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Checkpoint, Load } from "../contract/Destination.ts"
import { type DestinationError, EngineError, type PipelineError } from "../contract/Errors.ts"
import type { PluginContext } from "../contract/Plugin.ts"
import type { Lease, Store, StoredCheckpoint } from "../contract/Store.ts"
import { type Batch } from "../model/Batch.ts"
import type { BatchSchema } from "../model/ColumnType.ts"
import type { Row } from "../model/Value.ts"
import { DeadLetter } from "./DeadLetter.ts"
import { limitOpening, limitTime, timeLimit } from "./limitTime.ts"
import type { ErrorHandling, ResolvedDestination, ResolvedPipeline } from "./Resolved.ts"
import type { Reached, RunState } from "./RunState.ts"
import { withOwnScope } from "./scopedForRun.ts"

/** A row that was set aside, with the reason. */
export interface Rejection {
  readonly row: Row
  /** Within its source, from 1. */
  readonly rowNumber: number
  readonly step: string
  readonly error: PipelineError
}

export interface LoadItem {
  readonly kind: "batch" | "encoded"
  readonly cursor: { readonly source: string; readonly encoded: string } | undefined
  readonly rowsIn: number
  /** Counts up to and with these rows; absent where all rows before them have been counted. */
  readonly reached?: Reached
  readonly rejections: ReadonlyArray<Rejection>
  readonly batch?: Batch
  readonly bytes?: Uint8Array
  readonly rows?: number
  readonly schema?: BatchSchema
}

export interface LoadsOptions {
  readonly pipeline: ResolvedPipeline
  readonly destinations: ReadonlyArray<ResolvedDestination>
  /** The checkpoint that all of these destinations share. */
  readonly cursors: Readonly<Record<string, string>>
  readonly states: ReadonlyMap<string, unknown>
  readonly context: (name: string) => PluginContext
  readonly store: Store
  readonly lease: () => Lease
  readonly state: RunState
  readonly fullRefresh: boolean
  /** Whether cursors are kept, so that commits before the end mean something. */
  readonly incremental: boolean
  /** What is known of the rows before the first one comes. */
  readonly schema: BatchSchema | undefined
  readonly now: () => number
  /** Takes secrets out of a text. */
  readonly mask: (text: string) => string
  readonly onRetry: (attempt: number, delayMs: number, error: PipelineError) => Effect.Effect<void, PipelineError>
}

export interface Loads {
  readonly write: (item: LoadItem) => Effect.Effect<void, PipelineError>
  /** The final commit of all destinations. After a graceful stop only what may be committed early is. */
  readonly finish: Effect.Effect<void, PipelineError>
  /** Whether no load refers to rows that it has written. */
  readonly releases: () => boolean
  /** Opens the loads where they were not yet, and gives them. */
  readonly open: (schema: BatchSchema) => Effect.Effect<ReadonlyArray<Load>, PipelineError>
}

interface Opened {
  readonly destination: ResolvedDestination
  readonly load: Load
  readonly index: number
  lastCommit: number
  batchId: number
}

export const makeLoads = (options: LoadsOptions): Effect.Effect<Loads, PipelineError, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const deadLetter = new DeadLetter(options, scope)
    const writer = new LoadsWriter(options, scope, deadLetter)
    return {
      write: (item) => writer.write(item),
      finish: Effect.suspend(() => writer.finish()),
      releases: () => writer.releases(),
      open: (schema) => Effect.map(writer.opened(schema), (all) => all.map((one) => one.load)),
    }
  })

class LoadsWriter {
  private readonly options: LoadsOptions
  private readonly scope: Scope.Scope
  private readonly deadLetter: DeadLetter
  private loads: ReadonlyArray<Opened> | undefined
  private cursors: Readonly<Record<string, string>>

  constructor(options: LoadsOptions, scope: Scope.Scope, deadLetter: DeadLetter) {
    this.options = options
    this.scope = scope
    this.deadLetter = deadLetter
    this.cursors = options.cursors
  }

  opened(schema: BatchSchema): Effect.Effect<ReadonlyArray<Opened>, PipelineError> {
    if (this.loads !== undefined) return Effect.succeed(this.loads)
    return Effect.forEach(this.options.destinations, (destination) => this.openOne(destination, schema)).pipe(
      Effect.tap((loads) => Effect.sync(() => void (this.loads = loads))),
    )
  }

  private openOne(destination: ResolvedDestination, schema: BatchSchema): Effect.Effect<Opened, PipelineError> {
    const { options } = this
    const index = options.pipeline.destinations.indexOf(destination)
    const open = destination.plugin.open({
      ...options.context(destination.name),
      config: destination.config,
      schema,
      writeMode: destination.writeMode,
      key: destination.key,
      schemaChanges: destination.schemaChanges,
      epoch: options.lease().epoch,
      state: options.states.get(destination.name),
      fullRefresh: options.fullRefresh,
    })
    return withOwnScope(this.scope)(open).pipe(
      limitOpening(options.pipeline.timeout, () => timeLimit(options.pipeline, destination, "did not open")),
      retrying(options, destination),
      Effect.map((load) => {
        const count = options.state.counters.destinations[index]!
        count.label = load.label
        count.location = load.location
        return { destination, load, index, lastCommit: options.now(), batchId: 0 }
      }),
    )
  }

  releases(): boolean {
    return this.loads?.every(({ load }) => load.releases === true) ?? false
  }

  write(item: LoadItem): Effect.Effect<void, PipelineError> {
    const { state } = this.options
    return Effect.gen({ self: this }, function* () {
      if (item.rejections.length > 0) yield* this.reject(item.rejections)
      const rows = item.batch?.length ?? item.rows ?? 0
      if (rows > 0) yield* this.writeRows(item)
      state.moved("load")
      if (item.cursor === undefined) return
      this.cursors = { ...this.cursors, [item.cursor.source]: item.cursor.encoded }
      if (this.commitsNow()) yield* this.commitDue(item.reached)
    })
  }

  private writeRows(item: LoadItem): Effect.Effect<void, PipelineError> {
    const { counters } = this.options.state
    return Effect.gen({ self: this }, function* () {
      const loads = yield* this.opened(item.batch?.schema ?? item.schema!)
      const rejected = new Set<number>()
      for (const opened of loads) {
        const started = performance.now()
        const rows =
          item.batch === undefined ? yield* this.writeEncoded(opened, item) : yield* this.writeBatch(opened, item.batch, rejected)
        const count = counters.destinations[opened.index]!
        count.rows += rows
        count.durationMs += performance.now() - started
      }
      counters.loaded += (item.batch?.length ?? item.rows ?? 0) - rejected.size
    })
  }

  private writeEncoded(opened: Opened, item: LoadItem): Effect.Effect<number, PipelineError> {
    const write = opened.load.encoded!.write(item.bytes!, item.rows!, item.schema!)
    return Effect.as(this.guarded(opened, write), item.rows!)
  }

  /** Gives the number of rows written. With `skip`, a batch that fails is halved until the bad row is alone. */
  private writeBatch(opened: Opened, batch: Batch, rejected: Set<number>): Effect.Effect<number, PipelineError> {
    const written = Effect.as(this.guarded(opened, opened.load.write(batch)), batch.length)
    if (!this.options.state.skipsRows) return written
    return Effect.catch(written, (error) => {
      if (!isAboutRows(error)) return Effect.fail(error)
      if (batch.length === 1) return this.rejectWritten(opened, batch, error, rejected)
      const middle = error.row === undefined ? batch.length >> 1 : splitAt(batch, error.row)
      const halves = [batch.slice(0, middle), batch.slice(middle, batch.length)]
      return Effect.map(
        Effect.forEach(halves, (half) => this.writeBatch(opened, half, rejected)),
        ([a, b]) => a! + b!,
      )
    })
  }

  private rejectWritten(opened: Opened, batch: Batch, error: PipelineError, rejected: Set<number>): Effect.Effect<number, PipelineError> {
    const physical = batch.physicalRow(0)
    const isNew = !rejected.has(physical)
    rejected.add(physical)
    if (!isNew) return Effect.succeed(0)
    const rejection = { row: readableRow(batch, physical), rowNumber: batch.firstRow + physical, step: opened.destination.name, error }
    return Effect.as(this.reject([rejection]), 0)
  }

  private reject(rejections: ReadonlyArray<Rejection>): Effect.Effect<void, PipelineError> {
    return Effect.gen({ self: this }, function* () {
      yield* this.deadLetter.write(rejections)
      const tooMany = this.options.state.reject(rejections.length, rejections.at(-1)?.error)
      if (tooMany !== undefined) return yield* Effect.fail(tooMany)
    })
  }

  private guarded<A>(opened: Opened, effect: Effect.Effect<A, DestinationError>): Effect.Effect<A, PipelineError> {
    const { options } = this
    return effect.pipe(
      limitTime(options.pipeline.timeout, () => timeLimit(options.pipeline, opened.destination, "did not take a batch")),
      retrying(options, opened.destination),
    )
  }

  /** While rejected rows wait for the end in a dead letter that has no commit before, the cursor may not move past them. */
  private commitsNow(): boolean {
    return this.options.incremental && !this.options.fullRefresh && !this.deadLetter.waitsForEnd
  }

  private commitDue(reached: Reached | undefined): Effect.Effect<void, PipelineError> {
    const now = this.options.now()
    const due = (this.loads ?? []).filter((one) => one.load.commitsEarly && now - one.lastCommit >= one.destination.flushInterval)
    const commits = Effect.forEach(due, (one) => this.commit(one, false), { discard: true })
    return due.length === 0 || due.length < this.loads!.length
      ? commits
      : Effect.tap(commits, () => Effect.sync(() => this.options.state.committed(reached)))
  }

  finish(): Effect.Effect<void, PipelineError> {
    return Effect.gen({ self: this }, function* () {
      const { schema, state } = this.options
      // Without a row nothing has opened the loads yet, but an empty result still replaces the old one.
      const loads = this.loads ?? (yield* this.opened(schema ?? { columns: [] }))
      const ready = state.stopping ? loads.filter((one) => one.load.commitsEarly && this.options.incremental) : loads
      // Rejected rows before the cursor that lies behind them.
      yield* this.deadLetter.commit()
      yield* Effect.forEach(ready, (one) => this.commit(one, true), { discard: true })
      if (ready.length === loads.length) state.committed()
    })
  }

  /** Invariants 1, 2 and 7: rejected rows, then rows, then the checkpoint, and all only while the lease is held. */
  private commit(opened: Opened, final: boolean): Effect.Effect<void, PipelineError> {
    const { options } = this
    const started = performance.now()
    return Effect.gen({ self: this }, function* () {
      yield* this.deadLetter.flush()
      yield* stillHeld(options)
      opened.batchId++
      const checkpoint: Checkpoint = {
        pipeline: options.pipeline.name,
        runId: options.state.runId,
        cursors: this.cursors,
        epoch: options.lease().epoch,
        batchId: opened.batchId,
      }
      const result = yield* opened.load
        .commit(checkpoint, final)
        .pipe(limitTime(options.pipeline.timeout, () => timeLimit(options.pipeline, opened.destination, "did not commit")))
      if (options.incremental || result.state !== undefined) {
        const saved = yield* options.store.saveCheckpoint(this.stored(opened, checkpoint, result.state), options.lease())
        if (!saved) return yield* Effect.fail(leaseLost(options.pipeline.name))
      }
      opened.lastCommit = options.now()
      options.state.counters.destinations[opened.index]!.durationMs += performance.now() - started
    })
  }

  private stored(opened: Opened, checkpoint: Checkpoint, state: unknown): StoredCheckpoint {
    const { sources } = this.options.pipeline
    return {
      pipeline: checkpoint.pipeline,
      destination: opened.destination.name,
      runId: checkpoint.runId,
      epoch: checkpoint.epoch,
      batchId: checkpoint.batchId,
      cursors: this.options.incremental ? checkpoint.cursors : {},
      cursorVersions: Object.fromEntries(sources.map((source) => [source.name, source.plugin.cursorVersion ?? 1])),
      fingerprints: Object.fromEntries(sources.map((source) => [source.name, source.fingerprint])),
      state: state ?? null,
      updatedAt: this.options.now(),
    }
  }
}

const stillHeld = (options: LoadsOptions): Effect.Effect<void, PipelineError> =>
  Effect.gen(function* () {
    const held = yield* options.store.getLease(options.lease().name)
    const mine = options.lease()
    if (held === undefined || held.owner !== mine.owner || held.epoch !== mine.epoch)
      return yield* Effect.fail(leaseLost(options.pipeline.name))
  })

export const leaseLost = (pipeline: string): EngineError =>
  new EngineError({
    code: "LEASE_LOST",
    message: `${pipeline}: another process took over this pipeline, so this run may not commit. See which process runs it; this one was probably frozen for a while.`,
    path: [pipeline],
  })

/**
 * Errors that one row can cause. A full disk or a missing folder would be the same for each of them, and what may work later is no fault of
 * a row.
 */
const ROW_CODES: ReadonlySet<string> = new Set([
  "VALUE_NOT_SUPPORTED",
  "VALUE_TYPE",
  "NUMBER_OUT_OF_RANGE",
  "INVALID_CAST",
  "DESTINATION_FAILED",
])

const isAboutRows = (error: PipelineError): boolean => ROW_CODES.has(error.code) && !error.retryable

/** Where the row that the error names is among those still in, so that it is found at once; never an empty half. */
const splitAt = (batch: Batch, rowNumber: number): number => {
  const physical = rowNumber - batch.firstRow
  for (let i = 0; i < batch.length; i++) if (batch.physicalRow(i) === physical) return i === 0 ? 1 : i
  return batch.length >> 1
}

/** The row for the dead letter, also where one of its values cannot be read: that one then reads as null. */
export const readableRow = (batch: Batch, physicalRow: number): Row => {
  try {
    return batch.row(physicalRow)
  } catch {
    return Object.fromEntries(batch.schema.columns.map(({ name }, i) => [name, readableValue(batch, i, physicalRow)]))
  }
}

const readableValue = (batch: Batch, column: number, physicalRow: number): unknown => {
  const schema = { columns: [batch.schema.columns[column]!] }
  try {
    return batch.withColumns(schema, [batch.columns[column]!]).row(physicalRow)[schema.columns[0]!.name]
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Milliseconds before the `attempt`-th repeat, from 1. */
export const backoffDelay = ({ backoff, retryDelay }: ErrorHandling, attempt: number): number =>
  backoff === "constant" ? retryDelay : backoff === "linear" ? retryDelay * attempt : retryDelay * 2 ** (attempt - 1)

/** Repeats what says of itself that it may work later. A write that failed has left nothing in the load, so it may be repeated. */
const retrying =
  (options: LoadsOptions, destination: ResolvedDestination) =>
  <A>(effect: Effect.Effect<A, PipelineError>): Effect.Effect<A, PipelineError> => {
    const { errorHandling } = options.pipeline
    if (errorHandling.strategy === "fail") return effect
    let attempt = 0
    const step: Effect.Effect<A, PipelineError> = Effect.catch(effect, (error) => {
      if (!error.retryable || attempt >= errorHandling.maxRetries) return Effect.fail(error)
      attempt++
      const delay = backoffDelay(errorHandling, attempt)
      return options.onRetry(attempt, delay, error).pipe(Effect.andThen(Effect.sleep(delay)), Effect.andThen(Effect.suspend(() => step)))
    })
    return Effect.withSpan(step, "load", { attributes: { destination: destination.name } })
  }
