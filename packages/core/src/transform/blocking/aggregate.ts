/**
 * `aggregate`: one row for each group, with the columns of the key as the group's first row has them, and the metrics. Groups come in the
 * order of their first row. Without `group_by` all rows are one group, also where there is none.
 */
import { TransformError } from "../../contract/Errors.ts"
import {
  type Accumulator,
  accumulatorOf,
  type AggregateCall,
  type CheckedMetric,
  type Closure,
  compileClosure,
  ExpressionError,
} from "../../expression/Expression.ts"
import { Batch, type Column, ValuesColumn } from "../../model/Batch.ts"
import { type BatchSchema, columnIndex, type ColumnSchema } from "../../model/ColumnType.ts"
import { formatValue, quoteValue, type Value, ValueError } from "../../model/Value.ts"
import { batchValueError, pathOf, placeOf, sentence } from "../failure.ts"
import { PerSchema } from "../stage.ts"
import type { AggregateStep, OnRowError, StepsSpec } from "../Step.ts"
import { type CheckedAggregate, checkAggregate } from "./aggregateCheck.ts"
import { BatchBuilder } from "./batchBuilder.ts"
import { ByteWriter } from "./byteWriter.ts"
import { Span } from "./entries.ts"
import { Feed } from "./feed.ts"
import { GroupStates } from "./groupStates.ts"
import type { BlockingHost, BlockingRun } from "./host.ts"
import { equalityKey, KeyedRows, unexpectedSchema, type Writers } from "./keyedRows.ts"
import type { BlockingKind } from "./kind.ts"
import { batchesOf } from "./output.ts"
import { entriesOf } from "./partitions.ts"
import { RowForm } from "./rowForm.ts"
import { Sorter } from "./sorter.ts"
import type { Range } from "./spill.ts"

/** What the metrics need, made once the columns are known. */
interface Work {
  readonly schema: BatchSchema
  readonly output: BatchSchema
  readonly metrics: ReadonlyArray<CheckedMetric>
  readonly results: ReadonlyArray<Closure>
  readonly calls: ReadonlyArray<AggregateCall>
  readonly accumulators: ReadonlyArray<Accumulator>
  readonly groups: GroupStates
}

class AggregateRun implements BlockingRun {
  private readonly spec: StepsSpec
  private readonly index: number
  private readonly step: AggregateStep
  private readonly planned: BatchSchema | undefined
  private readonly host: BlockingHost
  private readonly rows: KeyedRows
  private readonly feeds: PerSchema<Feed>
  private work: Work | undefined
  private seen = 0

  constructor(spec: StepsSpec, index: number, step: AggregateStep, input: BatchSchema | undefined, host: BlockingHost) {
    this.spec = spec
    this.index = index
    this.step = step
    this.planned = input
    this.host = host
    this.rows = new KeyedRows({ spec, index, keys: [equalityKey(step.groupBy)], planned: undefined, check: () => undefined })
    this.feeds = new PerSchema((schema) => this.feedFor(schema))
  }

  private get place(): string {
    return placeOf(this.spec, this.index)
  }

  private feedFor(schema: BatchSchema): Feed {
    const checked = checkAggregate(this.spec, this.index, this.step, schema)
    const issue = checked.issues[0]
    if (issue !== undefined) throw unexpectedSchema(this.spec, this.index, issue, schema)
    const calls = checked.metrics.flatMap((metric) => metric.calls)
    if (this.work === undefined) this.work = this.begin(checked, schema)
    else if (typesOf(this.work.calls) !== typesOf(calls)) throw this.changed(schema)
    return new Feed(calls, this.work.accumulators)
  }

  private begin(checked: CheckedAggregate, schema: BatchSchema): Work {
    const calls = checked.metrics.flatMap((metric) => metric.calls)
    const accumulators = calls.map(accumulatorOf)
    return {
      schema,
      output: checked.output!,
      metrics: checked.metrics,
      results: checked.metrics.map((metric) => compileClosure(metric.result)),
      calls,
      accumulators,
      groups: new GroupStates(this.host, accumulators, 0),
    }
  }

  private changed(schema: BatchSchema): TransformError {
    const was = this.work!.schema.columns.find(({ name, type }) => schema.columns[columnIndex(schema, name)]?.type !== type)
    const is = schema.columns.find(({ name }) => name === was?.name)
    return new TransformError({
      code: "SCHEMA_CHANGED",
      message: `${this.place}: the column ${was?.name} was ${was?.type} and is now ${is?.type ?? "gone"}, which changes what the metrics are. Declare the column's type in the source or in the custom step before.`,
      path: pathOf(this.step, this.index),
    })
  }

  add(batch: Batch, onRowError?: OnRowError): void | Promise<void> {
    const feed = this.feeds.get(batch.schema)
    const { schema } = batch
    const indexes = this.step.groupBy.map((name) => columnIndex(schema, name))
    const keyed = batch.withColumns(
      { columns: indexes.map((index) => schema.columns[index]!) },
      indexes.map((index) => batch.columns[index]!),
    )
    return this.addFrom(batch, keyed, 0, feed, this.rows.writers(keyed), onRowError)
  }

  private addFrom(
    batch: Batch,
    keyed: Batch,
    from: number,
    feed: Feed,
    writers: Writers,
    onRowError: OnRowError | undefined,
  ): void | Promise<void> {
    const { rows } = this
    const { groups } = this.work!
    const key = rows.keys[0]!
    for (let i = from; i < batch.length; i++) {
      const row = batch.physicalRow(i)
      const sequence = this.seen++
      if (!rows.writeKeys(keyed, row, writers, onRowError) || !this.compute(feed, batch, row, onRowError)) continue
      let group = groups.find(key)
      if (group < 0) {
        if (!rows.writeRow(keyed, row, writers, onRowError)) continue
        group = groups.add(key, rows.row, sequence)
      }
      this.count(feed, groups, group, batch.firstRow + row)
      if (groups.isFull) return groups.putAside().then(() => this.addFrom(batch, keyed, i + 1, feed, writers, onRowError))
    }
  }

  /** Computes what the row adds. False where it was reported instead. */
  private compute(feed: Feed, batch: Batch, row: number, onRowError: OnRowError | undefined): boolean {
    try {
      feed.compute(batch.columns, row)
      return true
    } catch (error) {
      const failure = this.rowError(batch, row, error)
      if (onRowError === undefined) throw failure
      onRowError({ row, step: this.index, error: failure })
      return false
    }
  }

  /** A state that takes no more ends the run: it has the rows of many. */
  private count(feed: Feed, groups: GroupStates, group: number, rowNumber: number): void {
    try {
      feed.add(groups, group)
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error
      throw this.failed(error, `row ${rowNumber}: `, "Filter the rows before, or group them by more columns.")
    }
  }

  private rowError(batch: Batch, row: number, error: unknown): TransformError {
    const rowNumber = batch.firstRow + row
    if (error instanceof ValueError) return batchValueError(this.place, rowNumber, batch, row, error, pathOf(this.step, this.index))
    if (!(error instanceof ExpressionError)) throw error
    const read = new Set(this.work!.calls.flatMap(columnsRead))
    const values = [...read]
      .slice(0, MOST_VALUES)
      .map((index) => `${batch.schema.columns[index]!.name} = ${shown(batch.columns[index]!, row)}`)
    const has = values.length === 0 ? "" : `The row has ${values.join(", ")}. `
    return this.failed(error, `row ${rowNumber}: `, `${has}Guard the metric against such rows, or let error_handling skip them.`, rowNumber)
  }

  private failed(error: ExpressionError, where: string, advice: string, row?: number): TransformError {
    return new TransformError({
      code: error.code,
      message: `${this.place}: ${where}${sentence(error.message)} ${advice}`,
      path: pathOf(this.step, this.index),
      cause: error,
      ...(row === undefined ? {} : { row }),
    })
  }

  async *finish(): AsyncGenerator<Batch, void, undefined> {
    const work = this.work ?? this.overNothing()
    if (work === undefined) return
    if (this.step.groupBy.length === 0) this.onlyGroup(work.groups)
    const parts = await work.groups.parts()
    if (parts.length === 0) {
      yield* this.batches(work, work.groups)
      return
    }
    const sorter = new Sorter({ memory: this.host.memory / 4, openSpill: this.host.openSpill })
    const form = new RowForm(work.output)
    await this.giveParts(work, parts, 1, form, sorter)
    yield* batchesOf(await sorter.sorted(), form, this.host)
  }

  /** Where no row has come, the planned columns say what the result is. */
  private overNothing(): Work | undefined {
    const schema = this.planned ?? { columns: [] }
    const checked = checkAggregate(this.spec, this.index, this.step, schema)
    return checked.output === undefined ? undefined : this.begin(checked, schema)
  }

  /** Without keys there is one group, with rows or without. */
  private onlyGroup(groups: GroupStates): void {
    const { key, row } = this.emptyKey()
    if (groups.find(key) < 0) groups.add(key, row, 0)
  }

  private emptyKey(): { readonly key: ByteWriter; readonly row: ByteWriter } {
    const row = new ByteWriter()
    const nothing = new Batch({ schema: { columns: [] }, columns: [], rowCount: 1, byteSize: 0 })
    this.rows.writers(nothing).row(row, 0)
    return { key: new ByteWriter(), row }
  }

  private async giveParts(
    work: Work,
    parts: ReadonlyArray<ReadonlyArray<Range>>,
    level: number,
    form: RowForm,
    sorter: Sorter,
  ): Promise<void> {
    const spill = await this.host.openSpill()
    for (const ranges of parts) {
      const groups = new GroupStates(this.host, work.accumulators, level)
      for await (const { key, row } of entriesOf(spill, ranges)) {
        groups.takeBack(key, row)
        if (groups.isFull) await groups.putAside()
      }
      const smaller = await groups.parts()
      if (smaller.length === 0) await this.give(work, groups, form, sorter)
      else await this.giveParts(work, smaller, level + 1, form, sorter)
    }
  }

  /** Moves the rows of finished groups to the sorter that brings those of all parts into one order. */
  private async give(work: Work, groups: GroupStates, form: RowForm, sorter: Sorter): Promise<void> {
    const sequence = new ByteWriter()
    const row = new ByteWriter()
    let group = 0
    for (const batch of this.batches(work, groups)) {
      const put = form.writer(batch)
      for (let i = 0; i < batch.length; i++) {
        sequence.length = 0
        sequence.float64(groups.sequenceOf(group++))
        row.length = 0
        put(row, i)
        sorter.add(sequence, row)
        if (sorter.isFull) await sorter.spill()
      }
    }
  }

  /** The groups' rows, in the order of the groups. */
  private *batches(work: Work, groups: GroupStates): Generator<Batch, void, undefined> {
    const builder = new BatchBuilder(this.rows.form)
    const keys = new Span()
    for (let from = 0; from < groups.count; from += this.host.batchSize) {
      const to = Math.min(groups.count, from + this.host.batchSize)
      for (let group = from; group < to; group++) {
        groups.keysOf(group, keys)
        builder.add(keys.bytes, keys.start, keys.end)
      }
      yield this.batch(work, groups, from, builder.build())
    }
  }

  private batch(work: Work, groups: GroupStates, from: number, keys: Batch): Batch {
    let call = 0
    const computed = work.metrics.map((metric, i): Column => {
      const states = metric.calls.map(({ type }): Column => {
        const at = call++
        const values = Array.from({ length: keys.length }, (_, row) => work.accumulators[at]!.finish(groups.statesOf(from + row)[at]!))
        return new ValuesColumn(type, values)
      })
      const columns = [...keys.columns, ...states]
      const values = Array.from({ length: keys.length }, (_, row) => this.metric(work, i, columns, row, keys))
      return new ValuesColumn(metric.result.type, values)
    })
    const byteSize = keys.byteSize + computed.length * keys.length * VALUE_BYTES
    return new Batch({
      schema: outputOf(work.output, keys.schema),
      columns: [...keys.columns, ...computed],
      rowCount: keys.length,
      firstRow: keys.firstRow,
      byteSize,
    })
  }

  private metric(work: Work, metric: number, columns: ReadonlyArray<Column>, row: number, keys: Batch): Value | null {
    try {
      return work.results[metric]!(columns, row)
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error
      const name = Object.keys(this.step.metrics)[metric]!
      const group = keys.schema.columns.map((column, i) => `${column.name} = ${shown(keys.columns[i]!, row)}`).join(", ")
      const where = `the metric ${name}${group === "" ? "" : ` of the group ${group}`}: `
      throw this.failed(error, where, "Guard the metric against such groups, as with NULLIF(…, 0).")
    }
  }
}

/** A rough size of one computed value. */
const VALUE_BYTES = 32

const MOST_VALUES = 6

/** The planned columns, with keys as the rows had them: a source may say of more columns that they can be null. */
const outputOf = (output: BatchSchema, keys: BatchSchema): BatchSchema => {
  const columns = output.columns.map((column, i): ColumnSchema => {
    const key = keys.columns[i]
    return key === undefined || key.nullable === column.nullable ? column : key
  })
  return columns.every((column, i) => column === output.columns[i]) ? output : { columns }
}

const columnsRead = ({ args, filter, order }: AggregateCall): ReadonlyArray<number> =>
  [...args, ...(filter === undefined ? [] : [filter]), ...order.map(({ expression }) => expression)].flatMap(({ columns }) => columns)

/** Types on which states depend. */
const typesOf = (calls: ReadonlyArray<AggregateCall>): string =>
  JSON.stringify(calls.map(({ type, args, order }) => [type, args.map((arg) => arg.type), order.map(({ expression }) => expression.type)]))

const shown = (column: Column, row: number): string => {
  const value = column.value(row)
  return value === null ? "null" : typeof value === "string" ? quoteValue(value) : formatValue(value, column.type)
}

export const aggregateKind: BlockingKind<AggregateStep> = {
  check: checkAggregate,
  reads: (spec, index, step, input) => {
    const { metrics } = checkAggregate(spec, index, step, input)
    const keys = step.groupBy.map((name) => columnIndex(input, name))
    return new Set([...keys, ...metrics.flatMap(({ calls }) => calls.flatMap(columnsRead))])
  },
  start: (spec, index, step, input, host) => new AggregateRun(spec, index, step, input, host),
}
