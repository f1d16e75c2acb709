/**
 * `join`: the rows with those of another source whose keys are equal. A null equals nothing.
 *
 * The other source is read first. While it fits into memory, rows go through as they come. Past that both sides are divided by the hash of
 * their keys, and each part of the other source is held in memory, piece by piece where it is too large. Rows come out in the order of the
 * left side, those of one left row in the order of the other source, and rows of the other source without a match behind all.
 */
import { TransformError } from "../../contract/Errors.ts"
import { Batch } from "../../model/Batch.ts"
import { type BatchSchema, columnIndex, type ColumnType } from "../../model/ColumnType.ts"
import { asType } from "../derivedColumns.ts"
import { pathOf, placeOf } from "../failure.ts"
import { PerSchema } from "../stage.ts"
import type { JoinStep, OnRowError, StepsSpec } from "../Step.ts"
import { ByteReader, ByteWriter } from "./byteWriter.ts"
import { NOTHING, type Piece, Span } from "./entries.ts"
import type { BlockingHost, BlockingRun } from "./host.ts"
import { ALONE, OpenPairs } from "./joinCondition.ts"
import { isSelection, type JoinedColumn, joinLayout, keepsLeft, keepsRight } from "./joinLayout.ts"
import { JoinOutput } from "./joinOutput.ts"
import { JoinPart, TABLE_SHARE } from "./joinPart.ts"
import { JoinTable } from "./joinTable.ts"
import { equalityKey, KeyedRows, unexpectedSchema, type Writers } from "./keyedRows.ts"
import { hashOf } from "./keyTable.ts"
import type { BlockingKind } from "./kind.ts"
import { partOf, Partitions, PARTS } from "./partitions.ts"
import { Sorter } from "./sorter.ts"

/** Of a step's memory, what may wait to be put aside of each side. */
const ASIDE_SHARE = 1 / 16

const ONE_KEY: Piece = { bytes: Uint8Array.of(1), start: 0, end: 1 }

/** Both sides of a join that does not fit into memory, divided by the hash of their keys. */
interface Divided {
  readonly left: Partitions
  readonly right: Partitions
}

class JoinRun implements BlockingRun {
  private readonly spec: StepsSpec
  private readonly index: number
  private readonly step: JoinStep
  private readonly host: BlockingHost
  private readonly side: BatchSchema
  private readonly planned: BatchSchema | undefined
  private readonly left: KeyedRows
  private readonly right: KeyedRows
  /** The types in which keys are compared. Where the rows' own are not known yet, they are those of the other source. */
  private readonly types: ReadonlyArray<ColumnType>
  private readonly checked: PerSchema<true>
  private table = new JoinTable()
  private divided: Divided | undefined
  private output: JoinOutput | undefined
  private added: ReadonlyArray<JoinedColumn> = []
  /** Pairs that the condition decides about. */
  private open: OpenPairs | undefined
  /** The last left row that has found a match, where a condition decides. */
  private matchedAt = -1
  private leftSeen = 0
  private rightSeen = 0
  private readonly content = new ByteWriter()

  constructor(spec: StepsSpec, index: number, step: JoinStep, input: BatchSchema | undefined, host: BlockingHost) {
    this.spec = spec
    this.index = index
    this.step = step
    this.host = host
    this.side = spec.sides![step.with]!
    this.planned = input
    const keyed = (columns: ReadonlyArray<string>, planned: BatchSchema | undefined) =>
      new KeyedRows({ spec, index, keys: [equalityKey(columns)], planned, check: () => undefined })
    this.left = keyed(
      step.on.map((key) => key.left),
      input,
    )
    this.right = keyed(
      step.on.map((key) => key.right),
      this.side,
    )
    const own = step.on.map((key) => this.side.columns[columnIndex(this.side, key.right)]!.type)
    this.types = input === undefined ? own : joinLayout(spec, index, step, input, this.side).keys.map((key) => key.type)
    this.checked = new PerSchema((schema) => this.begin(schema))
  }

  /** Takes rows of the other source; all of them come before those of the left side. */
  addSide(batch: Batch, _source: string, onRowError?: OnRowError): void | Promise<void> {
    const keyed = this.keyed(batch, "right")
    return this.addRight(batch, keyed, 0, writersOf(this.right, keyed, batch), onRowError)
  }

  private addRight(batch: Batch, keyed: Batch, from: number, writers: Writers, onRowError: OnRowError | undefined): void | Promise<void> {
    const { right } = this
    const key = this.keyOf(right)
    for (let i = from; i < batch.length; i++) {
      const row = batch.physicalRow(i)
      if (!right.writeKeys(keyed, row, writers, onRowError)) continue
      const matchesNone = hasNull(keyed, row)
      if (matchesNone && !keepsRight(this.step)) continue
      if (!right.writeRow(batch, row, writers, onRowError)) continue
      const waits = this.takeRight(matchesNone ? NOTHING : key, right.row)
      if (waits !== undefined) return waits.then(() => this.addRight(batch, keyed, i + 1, writers, onRowError))
    }
  }

  /** Without columns that must be equal, all rows have one key. */
  private keyOf(rows: KeyedRows): Piece {
    return this.step.on.length === 0 ? ONE_KEY : rows.keys[0]!
  }

  private takeRight(key: Piece, row: Piece): void | Promise<void> {
    const sequence = this.rightSeen++
    if (this.divided !== undefined) return putAside(this.divided.right, key, this.numbered(sequence, row))
    this.table.add(key, row, sequence)
    if (this.table.size > this.host.memory * TABLE_SHARE) return this.divide()
  }

  /** The other source does not fit: what is there so far goes to parts, and so will all that comes. */
  private async divide(): Promise<void> {
    const make = () => new Partitions({ memory: this.host.memory * ASIDE_SHARE, openSpill: this.host.openSpill })
    this.divided = { left: make(), right: make() }
    const key = new Span()
    const row = new Span()
    for (let i = 0; i < this.table.count; i++) {
      this.table.keyAt(i, key)
      this.table.rowAt(i, row)
      await putAside(this.divided.right, key, this.numbered(this.table.sequenceOf(i), row))
    }
    this.table = new JoinTable()
  }

  private numbered(sequence: number, row: Piece): Piece {
    const { content } = this
    content.length = 0
    content.float64(sequence)
    content.copy(row.bytes, row.start, row.end)
    return content
  }

  /** The columns of the key alone, as the types in which both sides are compared. */
  private keyed(batch: Batch, side: "left" | "right"): Batch {
    const { schema } = batch
    const columns = this.step.on.map((key, i) => {
      const index = columnIndex(schema, key[side])
      const column = asType(batch.columns[index]!, this.types[i]!)
      if (column === undefined)
        throw this.schemaChanged(`the key ${key[side]} is ${batch.columns[index]!.type}, and is compared as ${this.types[i]!}`)
      return { schema: { ...schema.columns[index]!, type: column.type }, column }
    })
    return batch.withColumns(
      { columns: columns.map((one) => one.schema) },
      columns.map((one) => one.column),
    )
  }

  private schemaChanged(what: string): TransformError {
    return new TransformError({
      code: "SCHEMA_CHANGED",
      message: `${placeOf(this.spec, this.index)}: ${what}. Declare the types of both in their sources, or in the custom step before.`,
      path: pathOf(this.step, this.index),
    })
  }

  /** Looks at the columns of the left side: what they are with those of the other source is decided by the first batch. */
  private begin(schema: BatchSchema): true {
    const layout = joinLayout(this.spec, this.index, this.step, schema, this.right.form.schema!)
    const issue = layout.issues[0]
    if (issue !== undefined) throw unexpectedSchema(this.spec, this.index, issue, schema)
    if (this.output === undefined) {
      this.added = layout.added
      const keys = layout.keys.map((key, i) => ({ ...key, type: this.types[i]! }))
      if (this.step.condition !== undefined) this.open = this.newPairs()
      this.output = new JoinOutput(this.step, keys, layout.added, { left: this.left.form, right: this.right.form }, this.host)
    }
    const taken = this.added.find(({ name }) => columnIndex(schema, name) >= 0)
    if (taken !== undefined) throw this.schemaChanged(`the rows now have a column ${taken.name}, which the join adds`)
    return true
  }

  private newPairs(): OpenPairs {
    return new OpenPairs(this.spec, this.index, this.step, { left: this.left.form, right: this.right.form }, this.host.memory)
  }

  add(): never {
    throw new TypeError("a join takes the rows of its left side with `through`")
  }

  /** Takes rows of the left side, and gives what they are joined to, where that is known at once. */
  async *through(batch: Batch, onRowError?: OnRowError): AsyncGenerator<Batch, void, undefined> {
    this.checked.get(batch.schema)
    const { left } = this
    const keyed = this.keyed(batch, "left")
    const writers = writersOf(left, keyed, batch)
    const key = this.keyOf(left)
    for (let i = 0; i < batch.length; i++) {
      const row = batch.physicalRow(i)
      const sequence = this.leftSeen++
      if (!left.writeKeys(keyed, row, writers, onRowError) || !left.writeRow(batch, row, writers, onRowError)) continue
      const own = hasNull(keyed, row) ? NOTHING : key
      if (this.divided === undefined)
        yield* this.open === undefined ? this.matches(own, left.row) : this.candidates(own, left.row, sequence)
      else {
        const waits = putAside(this.divided.left, own, this.numbered(sequence, left.row))
        if (waits !== undefined) await waits
      }
    }
  }

  /** The pairs that one left row makes with the rows in memory. */
  private *matches(key: Piece, row: Piece): Generator<Batch, void, undefined> {
    const { table, step } = this
    const output = this.output!
    const other = new Span()
    const first = table.find(key)
    if (isSelection(step) || first < 0) {
      if (isSelection(step) ? first < 0 === (step.how === "anti") : keepsLeft(step)) yield* some(output.add(row, this.nothing("right")))
      return
    }
    for (let match = first; match >= 0; match = table.next(match)) {
      table.match(match)
      table.rowAt(match, other)
      yield* some(output.add(row, other))
    }
  }

  /** The pairs of one left row that the condition decides about, and those decided on the way. */
  private *candidates(key: Piece, row: Piece, at: number): Generator<Batch, void, undefined> {
    const { table, step } = this
    const open = this.open!
    const other = new Span()
    for (let match = table.find(key); match >= 0; match = table.next(match)) {
      table.rowAt(match, other)
      open.add(row, other, at, match)
      if (open.isFull) yield* this.settle(open)
    }
    if (keepsLeft(step) || step.how === "anti") open.add(row, this.nothing("right"), at, ALONE)
    if (open.isFull) yield* this.settle(open)
  }

  private settle(open: OpenPairs): Generator<Batch, void, undefined> {
    const { table, step } = this
    const output = this.output!
    return open.settle(({ at, other, isTrue, left, right }) => {
      const isFirst = this.matchedAt !== at
      if (other === ALONE) return isFirst ? some(output.add(left, right)) : []
      if (!isTrue) return []
      this.matchedAt = at
      table.match(other)
      if (step.how === "anti" || (step.how === "semi" && !isFirst)) return []
      return some(output.add(left, right))
    })
  }

  /** A row of nulls. */
  private nothing(side: "left" | "right"): Piece {
    return (this.nulls[side] ??= nullRow(this[side]))
  }
  private readonly nulls: { left?: Piece; right?: Piece } = {}

  async *finish(): AsyncGenerator<Batch, void, undefined> {
    if (this.output === undefined) this.checked.get(this.planned ?? this.guessed())
    const output = this.output!
    if (this.divided !== undefined) yield* this.fromParts(this.divided, output)
    else {
      if (this.open !== undefined) yield* this.settle(this.open)
      if (keepsRight(this.step)) yield* this.unmatched(output)
    }
    yield* output.rest()
  }

  /** Rows of the other source that have found no match. */
  private *unmatched(output: JoinOutput): Generator<Batch, void, undefined> {
    const row = new Span()
    for (let i = 0; i < this.table.count; i++) {
      if (this.table.isMatched(i)) continue
      this.table.rowAt(i, row)
      yield* some(output.add(this.nothing("left"), row))
    }
  }

  /** Where no row of the left side has come and nothing is known of it, it has at least its keys. */
  private guessed(): BatchSchema {
    return { columns: this.step.on.map((key, i) => ({ name: key.left, type: this.types[i]!, nullable: true })) }
  }

  private async *fromParts({ left, right }: Divided, output: JoinOutput): AsyncGenerator<Batch, void, undefined> {
    await left.flush()
    await right.flush()
    const sorter = new Sorter({ memory: this.host.memory / 4, openSpill: this.host.openSpill })
    for (let part = 0; part < PARTS; part++)
      await new JoinPart(this.step, this.host, sorter, {
        left: left.rangesOf(part),
        right: right.rangesOf(part),
        noLeft: () => this.nothing("left"),
        noRight: () => this.nothing("right"),
        open: this.open === undefined ? undefined : this.newPairs(),
      }).join()
    const entries = await sorter.sorted()
    const own = new Span()
    const other = new Span()
    const reader = new ByteReader()
    for (let more = entries.next(); more === true || (more !== false && (await more)); more = entries.next()) {
      const { bytes, start, end } = entries.entry.row
      reader.open(bytes, start)
      const length = reader.varint()
      own.set(bytes, reader.at, reader.at + length)
      other.set(bytes, reader.at + length, end)
      yield* some(output.add(own, other))
    }
  }
}

const putAside = (partitions: Partitions, key: Piece, row: Piece): void | Promise<void> => {
  partitions.add(key.start === key.end ? 0 : partOf(hashOf(key.bytes, key.start, key.end), 0), key, row)
  if (partitions.isFull) return partitions.flush()
}

const hasNull = (keyed: Batch, row: number): boolean => keyed.columns.some((column) => column.isNull(row))

/** Keys come from columns that are converted, rows from the batch as it is. */
const writersOf = (rows: KeyedRows, keyed: Batch, batch: Batch): Writers => ({ keys: rows.keyWriters(keyed), row: rows.rowWriter(batch) })

const nullRow = (rows: KeyedRows): Piece => {
  const out = new ByteWriter(16)
  rows.rowWriter(new Batch({ schema: { columns: [] }, columns: [], rowCount: 1, byteSize: 0 }))(out, 0)
  return out
}

const some = (batch: Batch | undefined): ReadonlyArray<Batch> => (batch === undefined ? [] : [batch])

export const joinKind: BlockingKind<JoinStep> = {
  check: (spec, index, step, input) => {
    const { issues, output } = joinLayout(spec, index, step, input, spec.sides![step.with]!)
    return { issues, output: isSelection(step) ? input : output }
  },
  start: (spec, index, step, input, host) => new JoinRun(spec, index, step, input, host),
}
