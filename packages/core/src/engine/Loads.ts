/** The third stage: the destinations of one pass, written in step, with bad rows set aside and checkpoints at cursors. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Checkpoint, Load } from "../contract/Destination.ts"
import { DestinationError, EngineError, type PipelineError, TransformError } from "../contract/Errors.ts"
import type { PluginContext } from "../contract/Plugin.ts"
import type { Lease, Store, StoredCheckpoint } from "../contract/Store.ts"
import { type Batch } from "../model/Batch.ts"
import { type BatchSchema, columnIndex } from "../model/ColumnType.ts"
import type { Row } from "../model/Value.ts"
import type { DecodedChanges } from "../pipeline/decodeChanges.ts"
import type { RowFailure } from "../transform/Step.ts"
import { ChangedRows, type ChangesSpec, rowChanges, storedSchema } from "./Changes.ts"
import { DeadLetter } from "./DeadLetter.ts"
import { limitOpening, limitTime, timeLimit } from "./limitTime.ts"
import { originsOf, withoutOrigins } from "./origins.ts"
import type { ErrorHandling, ResolvedDestination, ResolvedPipeline } from "./Resolved.ts"
import type { Reached, RunState } from "./RunState.ts"
import { withOwnScope } from "./scopedForRun.ts"
import { messageOf } from "../model/messageOf.ts"

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
  /** Rows of child tables, by name. */
  readonly children?: ReadonlyMap<string, Batch>
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
  /** What stands beside the rows of each destination that keeps it there. Changed by commits. */
  readonly checkpoints: Map<string, Checkpoint | null>
  readonly state: RunState
  readonly fullRefresh: boolean
  /** Whether cursors are kept, so that commits before the end mean something. */
  readonly incremental: boolean
  /** What a step remembers is of all rows of the pass: then there is one commit, at the end. */
  readonly commitsOnce: boolean
  /** What is known of the rows before the first one comes. */
  readonly schema: BatchSchema | undefined
  /** The same of child tables, by name. */
  readonly childSchemas: ReadonlyMap<string, BatchSchema>
  /** What expressions of destinations need beside the columns. */
  readonly expressions: ChangesSpec
  /** Whether columns that a batch lacks are unknown rather than null. */
  readonly isPartial: boolean
  readonly now: () => number
  /** Takes secrets out of a text. */
  readonly mask: (text: string) => string
  /** Tells the sources what all destinations hold; absent where other destinations of the pipeline are not among these. */
  readonly acknowledge?: (cursors: Readonly<Record<string, string>>) => Effect.Effect<void, PipelineError>
  readonly onRetry: (attempt: number, delayMs: number, error: PipelineError) => Effect.Effect<void, PipelineError>
}

export interface Loads {
  readonly write: (item: LoadItem) => Effect.Effect<void, PipelineError>
  /** Commits what has waited for its time, where no row came that would do so. */
  readonly flush: Effect.Effect<void, PipelineError>
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
  /** Computes what becomes of each row; undefined where rows are only added, replaced or updated. */
  readonly changed: ChangedRows | undefined
  lastCommit: number
  batchId: number
  /** Rows written since the last commit. */
  waiting: number
  /** Number of the cursors that its last commit had. */
  committed: number
}

export const makeLoads = (options: LoadsOptions): Effect.Effect<Loads, PipelineError, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const deadLetter = new DeadLetter(options, scope)
    const writer = new LoadsWriter(options, scope, deadLetter)
    return {
      write: (item) => writer.write(item),
      flush: Effect.suspend(() => writer.flush()),
      finish: Effect.suspend(() => writer.finish()),
      releases: () => writer.releases(),
      open: (schema) => Effect.map(writer.opened(schema), (all) => all.map((one) => one.load)),
    }
  })

class LoadsWriter {
  private readonly options: LoadsOptions
  private readonly scope: Scope.Scope
  private readonly deadLetter: DeadLetter
  /** Those that are open. A child table's destination opens with its first rows, which bring its columns. */
  private readonly loads: Array<Opened> = []
  private takesRows = false
  private cursors: Readonly<Record<string, string>>
  /** Grows with each change of the cursors. */
  private cursorNumber = 0
  /** Whether nothing was written since the cursors changed. */
  private atCursor = true
  private reached: Reached | undefined
  /** Cursors that some destination may still be at, by their numbers. */
  private readonly passed = new Map<number, Readonly<Record<string, string>>>()
  private acknowledged = 0

  constructor(options: LoadsOptions, scope: Scope.Scope, deadLetter: DeadLetter) {
    this.options = options
    this.scope = scope
    this.deadLetter = deadLetter
    this.cursors = options.cursors
  }

  /** Those that take the rows themselves. */
  opened(schema: BatchSchema): Effect.Effect<ReadonlyArray<Opened>, PipelineError> {
    return Effect.suspend(() => {
      if (this.takesRows) return Effect.succeed(this.loads.filter(({ destination }) => destination.rows === undefined))
      const destinations = this.options.destinations.filter(({ rows }) => rows === undefined)
      return Effect.forEach(destinations, (destination) => this.openOne(destination, schema)).pipe(
        Effect.tap(() => Effect.sync(() => void (this.takesRows = true))),
      )
    })
  }

  /** Those that take the child table. */
  private openedFor(table: string, schema: BatchSchema): Effect.Effect<ReadonlyArray<Opened>, PipelineError> {
    const destinations = this.options.destinations.filter(({ rows }) => rows === table)
    return Effect.forEach(destinations, (destination) => {
      const open = this.loads.find((one) => one.destination === destination)
      return open === undefined ? this.openOne(destination, schema) : Effect.succeed(open)
    })
  }

  private openOne(destination: ResolvedDestination, schema: BatchSchema): Effect.Effect<Opened, PipelineError> {
    const { options } = this
    const index = options.pipeline.destinations.indexOf(destination)
    const { changes } = destination
    const known = options.checkpoints.get(destination.name)
    const open = destination.plugin.open({
      ...options.context(destination.name),
      config: destination.config,
      schema: changes === undefined ? schema : storedSchema(changes, schema),
      writeMode: destination.writeMode,
      key: destination.key,
      changes: changes === undefined ? undefined : rowChanges(changes),
      schemaChanges: destination.schemaChanges,
      epoch: options.lease().epoch,
      ...(known === undefined ? {} : { checkpoint: known }),
      isolatesRows: options.state.skipsRows,
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
        const changed = changes === undefined ? undefined : new ChangedRows(destination, options.expressions)
        const opened: Opened = { destination, load, index, changed, lastCommit: options.now(), batchId: 0, waiting: 0, committed: 0 }
        this.loads.push(opened)
        return opened
      }),
    )
  }

  releases(): boolean {
    return this.loads.length > 0 && this.loads.every(({ load }) => load.releases === true)
  }

  write(item: LoadItem): Effect.Effect<void, PipelineError> {
    const { state } = this.options
    return Effect.gen({ self: this }, function* () {
      if (item.rejections.length > 0) yield* this.reject(item.rejections)
      const rows = item.batch?.length ?? item.rows ?? 0
      this.atCursor = false
      if (rows > 0) yield* this.writeRows(item)
      state.moved("load")
      if (item.cursor === undefined) return
      this.cursors = { ...this.cursors, [item.cursor.source]: item.cursor.encoded }
      this.cursorNumber++
      this.atCursor = true
      this.reached = item.reached
      if (this.commitsNow()) yield* this.commitDue()
    })
  }

  /** Behind a cursor there may be rows of which a later cursor says that they are whole: no commit ends among them. */
  flush(): Effect.Effect<void, PipelineError> {
    return Effect.suspend(() => (this.atCursor && this.commitsNow() ? this.commitDue() : Effect.void))
  }

  private writeRows(item: LoadItem): Effect.Effect<void, PipelineError> {
    return Effect.gen({ self: this }, function* () {
      const { counters } = this.options.state
      const keyless = this.keyless(item)
      if (keyless !== undefined) return yield* Effect.fail(keyless)
      counters.loaded += yield* this.writeTo(yield* this.opened(item.batch?.schema ?? item.schema!), item)
      for (const [table, batch] of item.children ?? [])
        counters.loaded += yield* this.writeTo(yield* this.openedFor(table, batch.schema), { ...item, batch })
    })
  }

  /** Rows of which only a part is known may lack the key, and no destination could say which of its rows they mean. */
  private keyless({ batch, children }: LoadItem): DestinationError | undefined {
    if (!this.options.isPartial || batch === undefined || children !== undefined) return undefined
    for (const { name, writeMode, key, rows } of this.options.destinations) {
      const missing = writeMode === "upsert" && rows === undefined ? key.find((column) => columnIndex(batch.schema, column) < 0) : undefined
      if (missing === undefined) continue
      const message = `${name}: rows came without the column ${missing}, which key names. Where a followed table was truncated, such a row says so: leave it out by a filter, or reset the state to read the table again.`
      return new DestinationError({ code: "UNKNOWN_COLUMN", message, path: [name, "key"], column: missing })
    }
    return undefined
  }

  /** Gives the number of rows that no destination has rejected. */
  private writeTo(loads: ReadonlyArray<Opened>, item: LoadItem): Effect.Effect<number, PipelineError> {
    const { counters } = this.options.state
    return Effect.gen({ self: this }, function* () {
      const offered = item.batch?.length ?? item.rows ?? 0
      const rejected = new Set<number>()
      for (const opened of loads) {
        const started = performance.now()
        const count = counters.destinations[opened.index]!
        count.offered += offered
        const rows =
          item.batch === undefined ? yield* this.writeEncoded(opened, item) : yield* this.writeChanged(opened, item.batch, rejected)
        count.rows += rows
        opened.waiting += rows
        count.durationMs += performance.now() - started
      }
      return offered - rejected.size
    })
  }

  private writeEncoded(opened: Opened, item: LoadItem): Effect.Effect<number, PipelineError> {
    const write = opened.load.encoded!.write(item.bytes!, item.rows!, item.schema!)
    return Effect.as(this.guarded(opened, write), item.rows!)
  }

  /** The same for a destination that is told what becomes of each row. */
  private writeChanged(opened: Opened, batch: Batch, rejected: Set<number>): Effect.Effect<number, PipelineError> {
    const { changed } = opened
    if (changed === undefined) return this.writeBatch(opened, batch, rejected)
    const failures: Array<RowFailure> = []
    return Effect.gen({ self: this }, function* () {
      const collect = this.options.state.skipsRows ? (failure: RowFailure) => void failures.push(failure) : undefined
      const told = yield* Effect.try({ try: () => changed.of(batch, collect), catch: computed })
      for (const { row, error } of failures) yield* this.rejectRow(opened, batch, row, error, rejected)
      return yield* this.writeBatch(opened, told, rejected)
    })
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
    return Effect.as(this.rejectRow(opened, batch, batch.physicalRow(0), error, rejected), 0)
  }

  private rejectRow(
    opened: Opened,
    batch: Batch,
    physical: number,
    error: PipelineError,
    rejected: Set<number>,
  ): Effect.Effect<void, PipelineError> {
    const isNew = !rejected.has(physical)
    rejected.add(physical)
    if (!isNew) return Effect.void
    const { name, changes } = opened.destination
    const row = withoutAdded(readableRow(batch, physical), changes)
    return this.reject([{ row, rowNumber: batch.firstRow + physical, step: name, error }])
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
    const { incremental, commitsOnce, fullRefresh, pipeline } = this.options
    // A run that never ends replaces the old cursors with the first one that it comes to.
    return incremental && !commitsOnce && (!fullRefresh || pipeline.isStreaming) && !this.deadLetter.waitsForEnd
  }

  private commitDue(): Effect.Effect<void, PipelineError> {
    const now = this.options.now()
    // A clock that was set back would put the next commit off for as long.
    const isTime = (last: number, interval: number): boolean => now - last >= interval || now < last
    const isDue = ({ load, destination, lastCommit, waiting, committed }: Opened): boolean =>
      load.commitsEarly &&
      committed < this.cursorNumber &&
      (isTime(lastCommit, destination.flushInterval) || waiting >= destination.flushRows)
    const due = this.loads.filter(isDue)
    if (due.length === 0) return Effect.void
    return Effect.gen({ self: this }, function* () {
      yield* Effect.forEach(due, (one) => this.commit(one, false), { discard: true })
      if (due.length === this.options.destinations.length) this.options.state.committed(this.reached)
      yield* this.acknowledge()
    })
  }

  /** Invariant 1: what the destination that is furthest behind holds, all hold. */
  private acknowledge(): Effect.Effect<void, PipelineError> {
    const { acknowledge, destinations } = this.options
    return Effect.suspend(() => {
      const oldest = Math.min(...this.loads.map(({ committed }) => committed))
      const cursors = this.passed.get(oldest)
      if (acknowledge === undefined || this.loads.length < destinations.length || cursors === undefined || oldest <= this.acknowledged)
        return Effect.void
      if (this.loads.some(({ load }) => load.isProvisional === true)) return Effect.void
      this.acknowledged = oldest
      for (const number of this.passed.keys()) if (number < oldest) this.passed.delete(number)
      return acknowledge(cursors)
    })
  }

  finish(): Effect.Effect<void, PipelineError> {
    return Effect.gen({ self: this }, function* () {
      const { schema, childSchemas, destinations, state } = this.options
      // Without a row nothing has opened the loads yet, but an empty result still replaces the old one.
      yield* this.opened(schema ?? { columns: [] })
      for (const { rows } of destinations) if (rows !== undefined) yield* this.openedFor(rows, childSchemas.get(rows) ?? { columns: [] })
      const { loads } = this
      const ready = state.stopping ? loads.filter((one) => one.load.commitsEarly && this.options.incremental) : loads
      // Rejected rows before the cursor that lies behind them.
      yield* this.deadLetter.commit()
      yield* Effect.forEach(ready, (one) => this.commit(one, true), { discard: true })
      if (ready.length === loads.length) state.committed()
      yield* this.acknowledge()
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
        .commit(checkpoint, final, { areAll: this.areAll(opened) })
        .pipe(limitTime(options.pipeline.timeout, () => timeLimit(options.pipeline, opened.destination, "did not commit")))
      if (options.checkpoints.has(opened.destination.name)) options.checkpoints.set(opened.destination.name, checkpoint)
      // Otherwise the store would be ahead of the destination where the host rolls back.
      const isKept = opened.load.isProvisional !== true && (options.incremental || result.state !== undefined)
      if (isKept) {
        const saved = yield* options.store.saveCheckpoint(this.stored(opened, checkpoint, result.state), options.lease())
        if (!saved) return yield* Effect.fail(leaseLost(options.pipeline.name))
      }
      opened.lastCommit = options.now()
      opened.waiting = 0
      opened.committed = this.cursorNumber
      this.passed.set(this.cursorNumber, this.cursors)
      options.state.counters.destinations[opened.index]!.durationMs += performance.now() - started
    })
  }

  /** Whether what has not come is gone. */
  private areAll({ destination }: Opened): boolean {
    const { state, incremental, pipeline, context } = this.options
    if (incremental) return false
    const { rejected } = state.counters
    const reason = state.stopping ? "the run was stopped" : rejected > 0 ? `${rejected} rows were rejected` : undefined
    if (reason !== undefined && destination.changes?.absence === true)
      context(destination.name).log.warn(
        `${pipeline.name} / ${destination.name}: ${reason}, so it is not known which are gone: none is deleted.`,
      )
    return reason === undefined
  }

  private stored(opened: Opened, checkpoint: Checkpoint, state: unknown): StoredCheckpoint {
    const { sources } = this.options.pipeline
    return {
      pipeline: checkpoint.pipeline,
      destination: opened.destination.name,
      runId: checkpoint.runId,
      epoch: checkpoint.epoch,
      batchId: checkpoint.batchId,
      cursors: this.options.incremental ? withoutOrigins(checkpoint.cursors) : {},
      ...originsOf(sources),
      state: state ?? null,
      updatedAt: this.options.now(),
    }
  }
}

/** What an expression could not compute; anything else is a bug. */
const computed = (cause: unknown): TransformError => {
  if (cause instanceof TransformError) return cause
  throw cause
}

/** The row as it came, as far as it still is. */
const withoutAdded = (row: Row, changes: DecodedChanges | undefined): Row => {
  if (changes === undefined) return row
  const added = new Set(rowChanges(changes).added)
  return Object.fromEntries(Object.entries(row).filter(([name]) => !added.has(name)))
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
    return messageOf(error)
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
