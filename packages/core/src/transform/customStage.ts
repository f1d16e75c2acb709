/**
 * `custom`: a function of the author's own over rows, patches or whole batches.
 *
 * Whatever the function throws becomes an error that names the step and the row, and so does a result that is no row. A stateful step has
 * its state here, for one pass: set up before the first row, finished after the last one, closed at the end.
 */
import { isRetryable } from "../contract/thrown.ts"
import { messageOf } from "../model/messageOf.ts"
import { TransformError } from "../contract/Errors.ts"
import type { Log } from "../contract/Plugin.ts"
import type { TransformContext } from "../contract/Transform.ts"
import { Batch } from "../model/Batch.ts"
import { quoteValue, type Row, ValueError } from "../model/Value.ts"
import { batchValueError, pathOf, placeOf, type RowReporter, sentence } from "./failure.ts"
import { lazyRows } from "./lazyRow.ts"
import { type Misfit, OutputBuilder } from "./outputBuilder.ts"
import { OutputShape } from "./outputShape.ts"
import { type RowReader, rowReaders } from "./rowReader.ts"
import { CallError, settle, within } from "./settle.ts"
import { isPromise, PerSchema, type Stage, type StageResult } from "./stage.ts"
import type { CustomFunction, CustomStep, StatefulStep, StepsHost, StepsSpec } from "./Step.ts"

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

const DEFAULT_CONCURRENCY = 16

/** How long a call that nobody waits for any more may go on before the state is closed, milliseconds. */
const GRACE_MS = 1000

type Run = (input: never, context: TransformContext) => unknown

/** What is done with each row of a batch. */
interface RowWork {
  readonly batch: Batch
  readonly reporter: RowReporter
  readonly builder: OutputBuilder
  readonly call: (row: number) => unknown
  /** Takes what the function gave; an error where that is no row. May throw whatever reading it throws. */
  readonly take: (row: number, result: unknown) => TransformError | undefined
}

/** What belongs together while a batch function works. */
interface BatchWork {
  readonly batch: Batch
  readonly reporter: RowReporter
  readonly reader: RowReader
  readonly builder: OutputBuilder
}

export class CustomStage implements Stage {
  readonly steps: ReadonlyArray<number>
  readonly isAsync = true
  private readonly spec: StepsSpec
  private readonly step: CustomStep
  private readonly index: number
  private readonly apply: CustomFunction["apply"]
  private readonly function: Run
  private readonly concurrency: number
  private readonly abort = new AbortController()
  private context: TransformContext
  private readonly calls = new Calls()
  private readonly shape: OutputShape
  private readonly readers: PerSchema<(batch: Batch) => RowReader>
  private readonly views: PerSchema<ReturnType<typeof lazyRows>>

  constructor(spec: StepsSpec, index: number, { apply, config }: CustomFunction, host: StepsHost) {
    this.spec = spec
    this.index = index
    this.steps = [index]
    this.step = spec.steps[index] as CustomStep
    this.apply = apply
    this.function = apply.run as Run
    this.concurrency = this.step.concurrency ?? apply.concurrency ?? (apply.state === undefined ? DEFAULT_CONCURRENCY : 1)
    const signals = [this.abort.signal, ...(host.signal === undefined ? [] : [host.signal])]
    this.context = contextOf(spec, config, host, signals.length === 1 ? signals[0]! : AbortSignal.any(signals))
    this.shape = new OutputShape(this.step.columns, spec.backend, apply.state?.finish !== undefined)
    this.readers = new PerSchema((schema) => rowReaders(schema, spec.backend))
    this.views = new PerSchema(lazyRows)
  }

  get isStateful(): boolean {
    return this.apply.state !== undefined
  }

  get finishes(): StatefulStep["finishes"] {
    const { state } = this.apply
    return state?.finish === undefined ? "no" : state.eachRun === true ? "each run" : "all rows"
  }

  /** Makes the state. Throws `TransformError`. */
  async setup(): Promise<void> {
    try {
      this.context = { ...this.context, state: await this.apply.state?.setup(this.context) }
    } catch (error) {
      throw this.failed(`setup: ${sentence(messageOf(error))} Correct what setup opens or reads.`, undefined, error)
    }
  }

  /** The last rows, in batches of `batchSize`. Throws `TransformError`. */
  async *finish(batchSize: number): AsyncGenerator<Batch, void, undefined> {
    let before = 0
    let builder = this.lastRows(before)
    let count = 0
    for await (const row of this.finishRows()) {
      builder.add(count++, row)
      if (count < batchSize) continue
      yield this.builtLast(builder)
      before += count
      count = 0
      builder = this.lastRows(before)
    }
    if (count > 0) yield this.builtLast(builder)
  }

  private lastRows(before: number): OutputBuilder {
    return new OutputBuilder(this.shape, Batch.empty({ columns: [] }).withFirstRow(before + 1), "rows", undefined)
  }

  private builtLast(builder: OutputBuilder): Batch {
    const { batch, misfits } = builder.build()
    const [misfit] = misfits
    if (misfit !== undefined) throw this.misfit(`row ${batch.firstRow + misfit.row} of finish`, undefined, misfit)
    return batch
  }

  /** Rows of `finish` one by one, each looked at; what is thrown on the way names the step. */
  private async *finishRows(): AsyncGenerator<Row, void, undefined> {
    let count = 0
    try {
      const result = await this.calls.add(this.apply.state!.finish!(this.context))
      for await (const row of eachOf(result)) {
        count++
        if (!isRow(row))
          throw this.failed(`finish: row ${count} is ${described(row)}, which is no row. ${FINISH_RESULTS}`, undefined, undefined)
        const unknown = this.step.columns === undefined || this.apply.mode !== "patch" ? undefined : this.unknownColumn(row)
        if (unknown !== undefined) throw this.undeclaredColumn(`row ${count} of finish`, undefined, unknown)
        yield row
      }
    } catch (error) {
      if (error instanceof TransformError) throw error
      const where = count === 0 ? "finish" : `finish, after row ${count}`
      throw this.failed(`${where}: ${sentence(messageOf(error))} ${CORRECT_FINISH}`, undefined, error)
    }
  }

  /** A column that no row before had and that `columns` does not name. */
  private unknownColumn(row: Row): string | undefined {
    return Object.keys(row).find((name) => !this.shape.knows(name))
  }

  /** Lets go of the state. A failure is logged: by now all rows are where they belong, or the run has failed for another reason. */
  async close(): Promise<void> {
    const { close } = this.apply.state ?? {}
    this.abort.abort()
    await this.calls.ended(GRACE_MS)
    try {
      await close?.(this.context)
    } catch (error) {
      this.context.log.warn(`${this.place}: close: ${sentence(messageOf(error))}`)
    }
  }

  run(batch: Batch, reporter: RowReporter): StageResult | Promise<StageResult> {
    switch (this.apply.mode) {
      case "row":
        return this.runRows(batch, reporter)
      case "patch":
        return this.runPatches(batch, reporter)
      case "batch":
        return this.runBatch(batch, reporter)
    }
  }

  private runRows(batch: Batch, reporter: RowReporter): StageResult | Promise<StageResult> {
    const reader = this.readers.get(batch.schema)(batch)
    const builder = new OutputBuilder(this.shape, batch, "rows", reader.given)
    const take = (row: number, result: unknown): TransformError | undefined => {
      // A function that forgot its `return` must not drop every row without a word.
      let problem: TransformError | undefined
      if (Array.isArray(result)) problem = this.takeSeveral(builder, reporter, row, result)
      else if (result !== null && !isRow(result)) problem = this.noRow(reporter.rowNumber(row), result, ROW_RESULTS)
      else if (result !== null) builder.replace(row, result)
      reader.forget(row)
      return problem
    }
    const call = (row: number): unknown => this.function(reader.read(row) as never, this.context)
    const done = this.eachRow({ batch, reporter, builder, call, take })
    return isPromise(done) ? done.then(() => this.built(builder, reporter)) : this.built(builder, reporter)
  }

  private takeSeveral(
    builder: OutputBuilder,
    reporter: RowReporter,
    row: number,
    rows: ReadonlyArray<unknown>,
  ): TransformError | undefined {
    const wrong = rows.findIndex((one) => !isRow(one))
    if (wrong >= 0) return this.noRow(reporter.rowNumber(row), rows[wrong], ROW_RESULTS)
    rows.forEach((one, i) => (i === 0 ? builder.replace(row, one as Row) : builder.add(row, one as Row)))
  }

  private runPatches(batch: Batch, reporter: RowReporter): StageResult | Promise<StageResult> {
    const makeViews = this.views.get(batch.schema)
    const builder = new OutputBuilder(this.shape, batch, "patch", undefined)
    // A function that has returned is done with its row, so the next one takes its place; one that is still waiting keeps its own.
    let views = makeViews(batch.columns)
    const call = (row: number): unknown => {
      const result = this.function(views.at(row) as never, this.context)
      if (!isPromise(result)) return result
      const { end } = views
      views = makeViews(batch.columns)
      return Promise.resolve(result).finally(end)
    }
    const take = (row: number, result: unknown): TransformError | undefined => {
      if (result !== null && result !== undefined && !isRow(result)) return this.noRow(reporter.rowNumber(row), result, PATCH_RESULTS)
      const unknown = this.undeclared(builder, result)
      if (unknown !== undefined) return this.undeclaredColumn(`row ${reporter.rowNumber(row)}`, reporter.rowNumber(row), unknown)
      builder.patch(row, result)
    }
    const finish = (): StageResult => {
      views.end()
      return this.built(builder, reporter)
    }
    const done = this.eachRow({ batch, reporter, builder, call, take })
    return isPromise(done) ? done.then(finish) : finish()
  }

  /** A column that the patch adds although `columns` does not say so. */
  private undeclared(builder: OutputBuilder, changes: Row | null | undefined): string | undefined {
    if (this.step.columns === undefined || changes === null || changes === undefined) return undefined
    return Object.keys(changes).find((name) => !builder.has(name) && !this.shape.declared.has(name))
  }

  /** Calls the function for each row, in order. From the first promise on several calls may be under way at once. */
  private eachRow(work: RowWork): void | Promise<void> {
    const { batch } = work
    for (let i = 0; i < batch.length; i++) {
      const row = batch.physicalRow(i)
      let result: unknown
      let waits: boolean
      try {
        result = work.call(row)
        waits = isPromise(result)
      } catch (error) {
        this.rowFailed(work, row, error)
        continue
      }
      if (waits) return this.remainingRows(work, i, result as PromiseLike<unknown>)
      this.take(work, row, result)
    }
  }

  /** What the function gave may be anything, also an object that throws when it is read. */
  private take({ builder, reporter, take }: RowWork, row: number, result: unknown): void {
    builder.begin()
    let problem: TransformError | undefined
    try {
      problem = take(row, result)
    } catch (error) {
      builder.undo()
      problem = this.unreadable(reporter.rowNumber(row), error)
    }
    if (problem !== undefined) reporter.fail(row, this.index, problem)
  }

  private async remainingRows(work: RowWork, from: number, first: PromiseLike<unknown>): Promise<void> {
    const { batch, reporter } = work
    const count = batch.length - from
    const call = (i: number): unknown => this.calls.add(i === 0 ? first : work.call(batch.physicalRow(from + i)))
    const { signal } = this.context
    const failsAll = reporter.skips ? {} : { onFailure: (error: unknown) => this.abort.abort(error) }
    const settled = settle(count, call, { limit: this.concurrency, signal, grace: GRACE_MS, ...failsAll })
    const results = await settled.catch((error: unknown) => {
      if (!(error instanceof CallError)) throw error
      throw this.thrown(reporter, batch, batch.physicalRow(from + error.index), error.cause)
    })
    results.forEach((result, i) => {
      const row = batch.physicalRow(from + i)
      if (result.ok) this.take(work, row, result.value)
      else this.rowFailed(work, row, result.error)
    })
    if (results.length < count) throw this.cancelled()
  }

  private rowFailed({ reporter, batch }: RowWork, row: number, error: unknown): void {
    reporter.fail(row, this.index, this.thrown(reporter, batch, row, error))
  }

  private runBatch(batch: Batch, reporter: RowReporter): StageResult | Promise<StageResult> {
    const reader = this.readers.get(batch.schema)(batch)
    const work: BatchWork = { batch, reporter, reader, builder: new OutputBuilder(this.shape, batch, "rows", reader.given) }
    const rows = Array.from({ length: batch.length }, (_, i) => batch.physicalRow(i))
    const done = this.callBatch(work, rows)
    return isPromise(done) ? done.then(() => this.built(work.builder, reporter)) : this.built(work.builder, reporter)
  }

  private callBatch(work: BatchWork, rows: ReadonlyArray<number>): void | Promise<void> {
    const { readable, objects } = this.readAll(work, rows)
    if (objects.length === 0) return
    let result: unknown
    let waits: boolean
    // Told apart before the call: the array is the function's own from then on.
    const known = new Map<unknown, number>(objects.map((object, i) => [object, readable[i]!]))
    try {
      result = this.function(objects as never, this.context)
      waits = isPromise(result)
    } catch (error) {
      return this.batchFailed(work, readable, error)
    }
    if (!waits) return this.takeBatch(work, readable, known, result)
    return Promise.resolve(this.calls.add(result)).then(
      (value) => this.takeBatch(work, readable, known, value),
      (error: unknown) => this.batchFailed(work, readable, error),
    )
  }

  private readAll({ batch, reporter, reader }: BatchWork, rows: ReadonlyArray<number>) {
    const readable: Array<number> = []
    const objects: Array<Row> = []
    for (const row of rows) {
      try {
        objects.push(reader.read(row))
        readable.push(row)
      } catch (error) {
        reporter.fail(row, this.index, this.thrown(reporter, batch, row, error))
      }
    }
    return { readable, objects }
  }

  private takeBatch(
    work: BatchWork,
    rows: ReadonlyArray<number>,
    known: ReadonlyMap<unknown, number>,
    result: unknown,
  ): void | Promise<void> {
    work.builder.begin()
    try {
      this.takeRows(work.builder, rows, known, result)
    } catch (error) {
      work.builder.undo()
      return this.batchFailed(work, rows, error)
    }
  }

  private takeRows(builder: OutputBuilder, rows: ReadonlyArray<number>, known: ReadonlyMap<unknown, number>, result: unknown): void {
    if (!Array.isArray(result)) throw new NoRowsError(result)
    const wrong = result.findIndex((row) => !isRow(row))
    if (wrong >= 0) throw new NoRowsError(result[wrong])
    let last = -1
    result.forEach((row: Row, i) => {
      // Where the function made a new object, its row is known only if it gave one for each.
      const from = known.get(row) ?? (result.length === rows.length ? rows[i]! : undefined)
      if (from !== undefined && from > last) builder.replace(from, row)
      else builder.add(from ?? (last < 0 ? rows[0]! : last), row)
      last = Math.max(last, from ?? last)
    })
  }

  /**
   * With rows to be skipped, the batch is halved until the bad row is alone. No row may go into a state twice, so then all of them fail.
   */
  private batchFailed(work: BatchWork, rows: ReadonlyArray<number>, error: unknown): void | Promise<void> {
    const { reporter } = work
    if (!reporter.skips) throw this.rowsFailed(reporter, rows, error)
    if (rows.length === 1 || this.isStateful) {
      for (const row of rows) reporter.fail(row, this.index, this.rowsFailed(reporter, rows, error))
      return
    }
    const middle = rows.length >> 1
    const first = this.callBatch(work, rows.slice(0, middle))
    const second = (): void | Promise<void> => this.callBatch(work, rows.slice(middle))
    return isPromise(first) ? Promise.resolve(first).then(second) : second()
  }

  private built(builder: OutputBuilder, reporter: RowReporter): StageResult {
    const { batch, origin, misfits } = builder.build()
    for (const misfit of misfits) {
      const number = reporter.rowNumber(misfit.row)
      reporter.fail(misfit.row, this.index, this.misfit(`row ${number}`, number, misfit))
    }
    if (origin !== undefined) reporter.moved(origin)
    return { batch, passed: [batch.length] }
  }

  private get place(): string {
    return placeOf(this.spec, this.index)
  }

  private thrown(reporter: RowReporter, batch: Batch, row: number, error: unknown): TransformError {
    const rowNumber = reporter.rowNumber(row)
    if (error instanceof ValueError) return batchValueError(this.place, rowNumber, batch, row, error, pathOf(this.step, this.index))
    return this.failed(`row ${rowNumber}: ${sentence(messageOf(error))} ${CORRECT}`, rowNumber, error)
  }

  private rowsFailed(reporter: RowReporter, rows: ReadonlyArray<number>, error: unknown): TransformError {
    const first = reporter.rowNumber(rows[0]!)
    const where = rows.length === 1 ? `row ${first}` : `rows ${first} to ${reporter.rowNumber(rows.at(-1)!)}`
    return this.failed(`${where}: ${sentence(messageOf(error))} ${CORRECT}`, rows.length === 1 ? first : undefined, error)
  }

  private noRow(row: number, result: unknown, expected: string): TransformError {
    return this.failed(`row ${row}: the function gave ${described(result)}, which is no row. ${expected}`, row, undefined)
  }

  private unreadable(row: number, error: unknown): TransformError {
    return this.failed(`row ${row}: what the function gave cannot be read: ${sentence(messageOf(error))} ${CORRECT}`, row, error)
  }

  private undeclaredColumn(where: string, row: number | undefined, name: string): TransformError {
    return this.failed(
      `${where}: the ${row === undefined ? "row" : "patch"} adds the column ${name}, which \`columns\` does not name. Add it there with its type.`,
      row,
      undefined,
    )
  }

  private failed(what: string, row: number | undefined, cause: unknown): TransformError {
    return new TransformError({
      code: "CUSTOM_STEP_FAILED",
      message: `${this.place}: ${what}`,
      path: pathOf(this.step, this.index),
      retryable: isRetryable(cause),
      ...(row === undefined ? {} : { row }),
      ...(cause === undefined ? {} : { cause }),
    })
  }

  private misfit(where: string, row: number | undefined, { column, message }: Misfit): TransformError {
    return new TransformError({
      code: "VALUE_TYPE",
      message: `${this.place}: ${where}, column ${column}: ${sentence(message)} Give all rows one type, or declare the column's type under \`columns\` of the step.`,
      path: pathOf(this.step, this.index),
      ...(row === undefined ? {} : { row }),
      column,
    })
  }

  private cancelled(): TransformError {
    return new TransformError({
      code: "RUN_CANCELLED",
      message: `${this.place}: the run was cancelled while the step was working.`,
      path: pathOf(this.step, this.index),
    })
  }
}

const CORRECT = "Correct the function, or let error_handling skip such rows."
const ROW_RESULTS = "Return an object, an array of objects, or null to drop the row."
const CORRECT_FINISH = "Correct finish: nothing of this run is committed that waits for it."
const FINISH_RESULTS = "Give an object, a list or an iterable of objects, or nothing."
const PATCH_RESULTS = "Return an object with what changes, or null to change nothing."

/** A batch function gave something that is no array of rows. */
class NoRowsError extends Error {
  constructor(wrong: unknown) {
    super(`the function gave ${described(wrong)} where an array of rows is expected`)
  }
}

const described = (value: unknown): string => {
  try {
    if (value === null || value === undefined) return String(value)
    if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}`
    const kind = Array.isArray(value)
      ? "array"
      : typeof value === "object"
        ? Object.prototype.toString.call(value).slice(8, -1)
        : typeof value
    return `${quoteValue(value)} (${kind})`
  } catch {
    // It is named in a message only, and some objects throw whatever one does with them.
    return "something that cannot be shown"
  }
}

/** What `finish` gave, one by one. An object that is no iterable stands for itself. */
const eachOf = (result: unknown): Iterable<unknown> | AsyncIterable<unknown> => {
  if (result === null || result === undefined) return []
  const isIterable = typeof result === "object" && (Symbol.iterator in result || Symbol.asyncIterator in result)
  return isIterable ? (result as Iterable<unknown>) : [result]
}

/** Calls that go on, so that nothing is closed under them. */
class Calls {
  private readonly open = new Set<PromiseLike<unknown>>()

  /** The result as it is. */
  add<A>(result: A): A {
    if (!isPromise(result)) return result
    this.open.add(result)
    const done = (): void => void this.open.delete(result)
    result.then(done, done)
    return result
  }

  ended(milliseconds: number): Promise<void> {
    return within(milliseconds, [...this.open])
  }
}

const isRow = (value: unknown): value is Row => {
  if (typeof value !== "object" || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  // Instances of the author's classes are rows; dates, maps, bytes and arrays are values.
  return prototype === Object.prototype || prototype === null || Object.prototype.toString.call(value) === "[object Object]"
}

const contextOf = (spec: StepsSpec, config: unknown, host: StepsHost, signal: AbortSignal): TransformContext => ({
  config,
  log: host.log ?? silent,
  signal,
  runId: String(spec.runtime["run_id"] ?? ""),
  pipeline: String(spec.runtime["pipeline_name"] ?? ""),
  state: undefined,
})
