/**
 * `custom`: a function of the author's own over rows, patches or whole batches.
 *
 * Whatever the function throws becomes an error that names the step and the row, and so does a result that is no row.
 */
import { messageOf, isRetryable } from "../contract/thrown.ts"
import { TransformError } from "../contract/Errors.ts"
import type { Log } from "../contract/Plugin.ts"
import type { TransformContext } from "../contract/Transform.ts"
import type { Batch } from "../model/Batch.ts"
import { quoteValue, type Row, ValueError } from "../model/Value.ts"
import { batchValueError, pathOf, placeOf, type RowReporter, sentence } from "./failure.ts"
import { lazyRows } from "./lazyRow.ts"
import { OutputBuilder } from "./outputBuilder.ts"
import { OutputShape } from "./outputShape.ts"
import { type RowReader, rowReaders } from "./rowReader.ts"
import { settle } from "./settle.ts"
import { isPromise, PerSchema, type Stage, type StageResult } from "./stage.ts"
import type { CustomFunction, CustomStep, StepsHost, StepsSpec } from "./Step.ts"

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

const DEFAULT_CONCURRENCY = 16

type Run = (input: never, context: TransformContext) => unknown

/** What is done with each row of a batch. */
interface RowWork {
  readonly call: (row: number) => unknown
  readonly take: (row: number, result: unknown) => void
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
  private readonly mode: CustomFunction["apply"]["mode"]
  private readonly function: Run
  private readonly context: TransformContext
  private readonly shape: OutputShape
  private readonly readers: PerSchema<(batch: Batch) => RowReader>
  private readonly views: PerSchema<ReturnType<typeof lazyRows>>

  constructor(spec: StepsSpec, index: number, { apply, config }: CustomFunction, host: StepsHost) {
    this.spec = spec
    this.index = index
    this.steps = [index]
    this.step = spec.steps[index] as CustomStep
    this.mode = apply.mode
    this.function = apply.run as Run
    this.context = contextOf(spec, config, host)
    this.shape = new OutputShape(this.step.columns, spec.backend)
    this.readers = new PerSchema((schema) => rowReaders(schema, spec.backend))
    this.views = new PerSchema(lazyRows)
  }

  run(batch: Batch, reporter: RowReporter): StageResult | Promise<StageResult> {
    switch (this.mode) {
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
    const take = (row: number, result: unknown): void => {
      if (result === null || result === undefined) return
      const rows: ReadonlyArray<unknown> = Array.isArray(result) ? result : [result]
      const wrong = rows.findIndex((one) => !isRow(one))
      if (wrong >= 0) return reporter.fail(row, this.index, this.noRow(reporter.rowNumber(row), rows[wrong], ROW_RESULTS))
      rows.forEach((one, i) => (i === 0 ? builder.replace(row, one as Row) : builder.add(row, one as Row)))
    }
    const done = this.eachRow(batch, reporter, { call: (row) => this.function(reader.read(row) as never, this.context), take })
    return isPromise(done) ? done.then(() => this.finish(builder, reporter)) : this.finish(builder, reporter)
  }

  private runPatches(batch: Batch, reporter: RowReporter): StageResult | Promise<StageResult> {
    const makeView = this.views.get(batch.schema)
    const builder = new OutputBuilder(this.shape, batch, "patch", undefined)
    // A function that has returned is done with its row, so one object serves all rows; one that is still waiting keeps its own.
    let view = makeView(batch.columns)
    const call = (row: number): unknown => {
      const result = this.function(view.moveTo(row) as never, this.context)
      if (isPromise(result)) view = makeView(batch.columns)
      return result
    }
    const take = (row: number, result: unknown): void => {
      if (result !== null && result !== undefined && !isRow(result))
        return reporter.fail(row, this.index, this.noRow(reporter.rowNumber(row), result, PATCH_RESULTS))
      const unknown = this.undeclared(builder, result)
      if (unknown !== undefined) return reporter.fail(row, this.index, this.undeclaredColumn(reporter.rowNumber(row), unknown))
      builder.patch(row, result)
    }
    const done = this.eachRow(batch, reporter, { call, take })
    return isPromise(done) ? done.then(() => this.finish(builder, reporter)) : this.finish(builder, reporter)
  }

  /** A column that the patch adds although `columns` does not say so. */
  private undeclared(builder: OutputBuilder, changes: Row | null | undefined): string | undefined {
    if (this.step.columns === undefined || changes === null || changes === undefined) return undefined
    return Object.keys(changes).find((name) => !builder.has(name) && !this.shape.declared.has(name))
  }

  /** Calls the function for each row, in order. From the first promise on several calls may be under way at once. */
  private eachRow(batch: Batch, reporter: RowReporter, work: RowWork): void | Promise<void> {
    for (let i = 0; i < batch.length; i++) {
      const row = batch.physicalRow(i)
      let result: unknown
      try {
        result = work.call(row)
      } catch (error) {
        reporter.fail(row, this.index, this.thrown(reporter, batch, row, error))
        continue
      }
      if (isPromise(result)) return this.remainingRows(batch, reporter, work, i, result)
      work.take(row, result)
    }
  }

  private async remainingRows(
    batch: Batch,
    reporter: RowReporter,
    work: RowWork,
    from: number,
    first: PromiseLike<unknown>,
  ): Promise<void> {
    const { signal } = this.context
    const count = batch.length - from
    const limit = this.step.concurrency ?? DEFAULT_CONCURRENCY
    const call = (i: number): unknown => (i === 0 ? first : work.call(batch.physicalRow(from + i)))
    const results = await settle(count, call, { limit, stopsOnFailure: !reporter.skips, signal })
    results.forEach((result, i) => {
      const row = batch.physicalRow(from + i)
      if (result.ok) work.take(row, result.value)
      else reporter.fail(row, this.index, this.thrown(reporter, batch, row, result.error))
    })
    if (results.length < count) throw this.cancelled()
  }

  private runBatch(batch: Batch, reporter: RowReporter): StageResult | Promise<StageResult> {
    const reader = this.readers.get(batch.schema)(batch)
    const work: BatchWork = { batch, reporter, reader, builder: new OutputBuilder(this.shape, batch, "rows", reader.given) }
    const rows = Array.from({ length: batch.length }, (_, i) => batch.physicalRow(i))
    const done = this.callBatch(work, rows)
    return isPromise(done) ? done.then(() => this.finish(work.builder, reporter)) : this.finish(work.builder, reporter)
  }

  private callBatch(work: BatchWork, rows: ReadonlyArray<number>): void | Promise<void> {
    const { readable, objects } = this.readAll(work, rows)
    if (objects.length === 0) return
    let result: unknown
    // Told apart before the call: the array is the function's own from then on.
    const known = new Map<unknown, number>(objects.map((object, i) => [object, readable[i]!]))
    try {
      result = this.function(objects as never, this.context)
    } catch (error) {
      return this.batchFailed(work, readable, error)
    }
    if (!isPromise(result)) return this.takeBatch(work, readable, known, result)
    return Promise.resolve(result).then(
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
    if (!Array.isArray(result)) return this.batchFailed(work, rows, new NoRowsError(result))
    const wrong = result.findIndex((row) => !isRow(row))
    if (wrong >= 0) return this.batchFailed(work, rows, new NoRowsError(result[wrong]))
    let last = -1
    result.forEach((row: Row, i) => {
      // Where the function made a new object, its row is known only if it gave one for each.
      const from = known.get(row) ?? (result.length === rows.length ? rows[i]! : undefined)
      if (from !== undefined && from > last) work.builder.replace(from, row)
      else work.builder.add(from ?? (last < 0 ? rows[0]! : last), row)
      last = Math.max(last, from ?? last)
    })
  }

  /** With rows to be skipped, the batch is halved until the bad row is alone. */
  private batchFailed(work: BatchWork, rows: ReadonlyArray<number>, error: unknown): void | Promise<void> {
    const { reporter } = work
    if (!reporter.skips) throw this.rowsFailed(reporter, rows, error)
    if (rows.length === 1) return reporter.fail(rows[0]!, this.index, this.rowsFailed(reporter, rows, error))
    const middle = rows.length >> 1
    const first = this.callBatch(work, rows.slice(0, middle))
    const second = (): void | Promise<void> => this.callBatch(work, rows.slice(middle))
    return isPromise(first) ? Promise.resolve(first).then(second) : second()
  }

  private finish(builder: OutputBuilder, reporter: RowReporter): StageResult {
    const { batch, origin, misfits } = builder.build()
    for (const { row, column, message } of misfits) reporter.fail(row, this.index, this.misfit(reporter.rowNumber(row), column, message))
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

  private undeclaredColumn(row: number, name: string): TransformError {
    return this.failed(
      `row ${row}: the patch adds the column ${name}, which \`columns\` does not name. Add it there with its type.`,
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

  private misfit(row: number, column: string, message: string): TransformError {
    return new TransformError({
      code: "VALUE_TYPE",
      message: `${this.place}: row ${row}, column ${column}: ${sentence(message)} Give all rows one type, or declare the column's type under \`columns\` of the step.`,
      path: pathOf(this.step, this.index),
      row,
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
const PATCH_RESULTS = "Return an object with what changes, or null to change nothing."

/** A batch function gave something that is no array of rows. */
class NoRowsError extends Error {
  constructor(wrong: unknown) {
    super(`the function gave ${described(wrong)} where an array of rows is expected`)
  }
}

const described = (value: unknown): string => {
  if (value === null || value === undefined) return String(value)
  if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}`
  const kind = Array.isArray(value)
    ? "array"
    : typeof value === "object"
      ? Object.prototype.toString.call(value).slice(8, -1)
      : typeof value
  return `${quoteValue(value)} (${kind})`
}

const isRow = (value: unknown): value is Row => {
  if (typeof value !== "object" || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  // Instances of the author's classes are rows; dates, maps, bytes and arrays are values.
  return prototype === Object.prototype || prototype === null || Object.prototype.toString.call(value) === "[object Object]"
}

const contextOf = (spec: StepsSpec, config: unknown, host: StepsHost): TransformContext => ({
  config,
  log: host.log ?? silent,
  signal: host.signal ?? new AbortController().signal,
  runId: String(spec.runtime["run_id"] ?? ""),
  pipeline: String(spec.runtime["pipeline_name"] ?? ""),
})
