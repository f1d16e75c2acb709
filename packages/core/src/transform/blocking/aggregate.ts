/**
 * `aggregate`: one row for each group, with the columns of the key as the group's first row has them, and the metrics. Groups come in the
 * order of their first row. Without `group_by` all rows are one group, also where there is none.
 */
import { TransformError } from "../../contract/Errors.ts"
import {
  type AggregateCall,
  type CheckedMetric,
  type Closure,
  compileClosure,
  ExpressionError,
  takesGroup,
} from "../../expression/Expression.ts"
import { Batch, type Column, ValuesColumn } from "../../model/Batch.ts"
import { type BatchSchema, columnIndex, type ColumnSchema } from "../../model/ColumnType.ts"
import { formatValue, quoteValue, type Value, ValueError } from "../../model/Value.ts"
import { batchValueError, pathOf, placeOf, sentence } from "../failure.ts"
import { PerSchema } from "../stage.ts"
import type { AggregateStep, OnRowError, StepIssue, StepsSpec } from "../Step.ts"
import { type CheckedAggregate, checkAggregate } from "./aggregateCheck.ts"
import { BatchBuilder } from "./batchBuilder.ts"
import { ByteWriter } from "./byteWriter.ts"
import { Span } from "./entries.ts"
import { Feed } from "./feed.ts"
import { GroupStates } from "./groupStates.ts"
import type { BlockingHost, BlockingRun } from "./host.ts"
import { BLOCK_ROWS, KeyBlock } from "./keyBlock.ts"
import { equalityKey, KeyedRows, unexpectedSchema, type Writers } from "./keyedRows.ts"
import type { BlockingKind } from "./kind.ts"
import { batchesOf } from "./output.ts"
import { entriesOf } from "./partitions.ts"
import { RowForm } from "./rowForm.ts"
import { type SharedCalls, shareCalls } from "./sharedCalls.ts"
import { Sorter } from "./sorter.ts"
import type { Range } from "./spill.ts"

/** What the metrics need, made once the columns are known. */
interface Work {
  readonly schema: BatchSchema
  readonly output: BatchSchema
  readonly metrics: ReadonlyArray<CheckedMetric>
  readonly results: ReadonlyArray<Closure>
  /** Of all metrics, in their order. */
  readonly calls: ReadonlyArray<AggregateCall>
  readonly shared: SharedCalls
  readonly groups: GroupStates
}

/** A batch whose rows are being taken. */
interface Taking {
  readonly batch: Batch
  /** The same with the columns of the key alone. */
  readonly keyed: Batch
  readonly feed: Feed
  readonly writers: Writers
  readonly onRowError: OnRowError | undefined
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
  /** Keys of the rows at hand, which of them could be read, and their groups. */
  private readonly block = new KeyBlock()
  private readonly readable = new Uint8Array(BLOCK_ROWS)
  private readonly found = new Int32Array(BLOCK_ROWS)
  private readonly key = new Span()
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
    return new Feed(shareCalls(calls))
  }

  private begin(checked: CheckedAggregate, schema: BatchSchema): Work {
    const calls = checked.metrics.flatMap((metric) => metric.calls)
    const shared = shareCalls(calls)
    return {
      schema,
      output: checked.output!,
      metrics: checked.metrics,
      results: checked.metrics.map((metric) => compileClosure(metric.result)),
      calls,
      shared,
      groups: new GroupStates(this.host, shared.accumulators, 0),
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
    feed.open(batch.columns)
    return this.addFrom({ batch, keyed, feed, writers: this.rows.writers(keyed), onRowError }, 0)
  }

  private addFrom(taking: Taking, from: number): void | Promise<void> {
    const { groups } = this.work!
    const { length } = taking.batch
    for (let i = from; i < length; i += BLOCK_ROWS) {
      const to = Math.min(length, i + BLOCK_ROWS)
      this.readKeys(taking, i, to)
      const next = this.addBlock(taking, i, to)
      if (groups.isFull) return groups.putAside().then(() => this.addFrom(taking, next))
    }
  }

  private readKeys({ batch, writers }: Taking, from: number, to: number): void {
    const { rows, block } = this
    const blocks = [block]
    block.clear()
    for (let i = from; i < to; i++) this.readable[i - from] = rows.addKeys(batch.physicalRow(i), writers, blocks) ? 1 : 0
  }

  /** Takes the rows whose keys have been read, until all are taken or the groups are full. Gives the place of the first that was not. */
  private addBlock(taking: Taking, from: number, to: number): number {
    const { batch, keyed, feed, writers, onRowError } = taking
    const { rows, block, found, readable, key } = this
    const { groups } = this.work!
    groups.findAll(block, found)
    for (let i = from; i < to; i++) {
      const row = batch.physicalRow(i)
      const sequence = this.seen++
      if (readable[i - from] === 0) {
        rows.writeKeys(keyed, row, writers, onRowError)
        continue
      }
      if (!this.compute(feed, batch, row, onRowError)) continue
      let group = found[i - from]!
      let isNew = false
      if (group < 0) {
        block.at(i - from, key)
        group = groups.find(key)
        isNew = group < 0
        if (isNew && !rows.writeRow(keyed, row, writers, onRowError)) continue
        if (isNew) group = groups.add(key, rows.row, sequence)
      }
      this.count(feed, groups, group, batch.firstRow + row)
      if ((isNew || feed.grows) && groups.isFull) return i + 1
    }
    return to
  }

  /** Computes what the row adds. False where it was reported instead. */
  private compute(feed: Feed, batch: Batch, row: number, onRowError: OnRowError | undefined): boolean {
    try {
      feed.compute(row)
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
    if (this.seen > 0) await this.host.remembered?.begin(shapeOf(work))
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
      const groups = new GroupStates(this.host, work.shared.accumulators, level)
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
    for await (const batch of this.batches(work, groups)) {
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
  private async *batches(work: Work, groups: GroupStates): AsyncGenerator<Batch, void, undefined> {
    const builder = new BatchBuilder(this.rows.form)
    const keys = new Span()
    for (let from = 0; from < groups.count; from += this.host.batchSize) {
      const to = Math.min(groups.count, from + this.host.batchSize)
      await this.remember(groups, from, to)
      for (let group = from; group < to; group++) {
        groups.keysOf(group, keys)
        builder.add(keys.bytes, keys.start, keys.end)
      }
      yield this.batch(work, groups, from, builder.build())
    }
  }

  /** Adds what earlier runs have counted, and keeps the sum of both. */
  private async remember(groups: GroupStates, from: number, to: number): Promise<void> {
    const { remembered } = this.host
    if (remembered === undefined) return
    const keys = Array.from({ length: to - from }, (_, i) => groups.keyOf(from + i))
    const earlier = await remembered.find(keys)
    earlier.forEach((saved, i) => {
      if (saved !== undefined) this.addBefore(groups, from + i, saved)
    })
    await remembered.keep(keys.map((key, i) => [key, groups.savedOf(from + i)]))
  }

  private addBefore(groups: GroupStates, group: number, saved: string): void {
    try {
      groups.addBefore(group, saved)
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error
      throw this.failed(error, "", "Filter the rows before, or group them by more columns.")
    }
  }

  private batch(work: Work, groups: GroupStates, from: number, keys: Batch): Batch {
    let call = 0
    const computed = work.metrics.map((metric, i): Column => {
      const states = metric.calls.map(({ type }): Column => {
        const { accumulator, state } = work.shared.results[call++]!
        const values = Array.from({ length: keys.length }, (_, row) =>
          this.inMetric(i, keys, row, () => accumulator.finish(groups.statesOf(from + row)[state]!)),
        )
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
    return this.inMetric(metric, keys, row, () => work.results[metric]!(columns, row))
  }

  /** What cannot be computed of a group is told with the metric and the group. */
  private inMetric(metric: number, keys: Batch, row: number, compute: () => Value | null): Value | null {
    try {
      return compute()
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

/** What states that are kept depend on. */
const shapeOf = ({ schema, output, metrics, calls }: Work): string => {
  const keys = output.columns.slice(0, output.columns.length - metrics.length).map(({ name }) => name)
  return JSON.stringify([keys.map((name) => schema.columns[columnIndex(schema, name)]!.type), typesOf(calls)])
}

const shown = (column: Column, row: number): string => {
  const value = column.value(row)
  return value === null ? "null" : typeof value === "string" ? quoteValue(value) : formatValue(value, column.type)
}

/** Those that would need all values, or the order in which all rows came. */
const forgetful = ({ metrics }: CheckedAggregate, step: AggregateStep, index: number): ReadonlyArray<StepIssue> =>
  metrics.flatMap(({ calls }, i): ReadonlyArray<StepIssue> => {
    const call = calls.find(({ aggregate, order }) => order.length > 0 || takesGroup(aggregate) || NEEDS_ORDER.has(aggregate))
    if (call === undefined) return []
    const name = Object.keys(step.metrics)[i]!
    return [
      {
        code: "UNSUPPORTED_FEATURE",
        message: `${call.aggregate.toUpperCase()} needs all rows, and each run sees only what is new: the source is incremental.`,
        hint: "Take `incremental` out of the source, or compute this metric in another pipeline that reads all rows.",
        step: index,
        path: `transforms[${index}].metrics.${name}`,
      },
    ]
  })

const NEEDS_ORDER: ReadonlySet<string> = new Set(["array_agg", "string_agg", "any_value"])

export const aggregateKind: BlockingKind<AggregateStep> = {
  check: (spec, index, step, input) => {
    const checked = checkAggregate(spec, index, step, input)
    const issues = spec.remembers === index ? forgetful(checked, step, index) : []
    return issues.length === 0 ? checked : { issues: [...checked.issues, ...issues], output: undefined }
  },
  reads: (spec, index, step, input) => {
    const { metrics } = checkAggregate(spec, index, step, input)
    const keys = step.groupBy.map((name) => columnIndex(input, name))
    return new Set([...keys, ...metrics.flatMap(({ calls }) => calls.flatMap(columnsRead))])
  },
  start: (spec, index, step, input, host) => new AggregateRun(spec, index, step, input, host),
}
