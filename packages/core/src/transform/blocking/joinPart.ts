/** One part of both sides of a join that does not fit into memory. */
import { ByteReader, ByteWriter } from "./byteWriter.ts"
import { NOTHING, type Piece, Span } from "./entries.ts"
import type { BlockingHost } from "./host.ts"
import { ALONE, type OpenPairs } from "./joinCondition.ts"
import { isSelection, keepsLeft, keepsRight } from "./joinLayout.ts"
import { JoinTable } from "./joinTable.ts"
import { entriesOf } from "./partitions.ts"
import type { Sorter } from "./sorter.ts"
import type { Range } from "./spill.ts"
import type { JoinStep } from "../Step.ts"

/** Of a step's memory, what rows of the other source may take. */
export const TABLE_SHARE = 1 / 2

export interface PartSides {
  readonly left: ReadonlyArray<Range>
  readonly right: ReadonlyArray<Range>
  readonly noLeft: () => Piece
  readonly noRight: () => Piece
  /** Where a condition decides about pairs. */
  readonly open: OpenPairs | undefined
}

/** Joins one part of both sides: as much of the other source as fits at a time, each time against all left rows of the part. */
export class JoinPart {
  private readonly step: JoinStep
  private readonly host: BlockingHost
  private readonly sorter: Sorter
  private readonly sides: PartSides
  /** Left rows that have found a match. */
  private readonly matched: Array<boolean> = []
  /** Numbers of the part's left rows, where a condition decides. */
  private readonly sequences: Array<number> = []
  private readonly order = new ByteWriter()
  private readonly pair = new ByteWriter()

  constructor(step: JoinStep, host: BlockingHost, sorter: Sorter, sides: PartSides) {
    this.step = step
    this.host = host
    this.sorter = sorter
    this.sides = sides
  }

  async join(): Promise<void> {
    const { sides, host } = this
    if (sides.left.length === 0 && sides.right.length === 0) return
    const spill = await host.openSpill()
    let table = new JoinTable()
    const number = new NumberedRow()
    for await (const { key, row } of entriesOf(spill, sides.right)) {
      if (table.count > 0 && table.size > host.memory * TABLE_SHARE) {
        await this.againstLeft(table, false)
        table = new JoinTable()
      }
      number.read(row)
      table.add(key, number.row, number.sequence)
    }
    await this.againstLeft(table, true)
  }

  private async againstLeft(table: JoinTable, isLast: boolean): Promise<void> {
    const spill = await this.host.openSpill()
    const number = new NumberedRow()
    let at = 0
    for await (const { key, row } of entriesOf(spill, this.sides.left)) {
      number.read(row)
      if (this.sides.open === undefined) {
        await this.pairs(table, key, number, at)
        if (isLast) this.unmatched(number, at)
      } else await this.candidates(this.sides.open, table, key, number, at, isLast)
      at++
      if (this.sorter.isFull) await this.sorter.spill()
    }
    if (this.sides.open !== undefined) await this.settle(this.sides.open, table)
    if (keepsRight(this.step)) await this.unmatchedRight(table)
  }

  private async pairs(table: JoinTable, key: Piece, { sequence, row }: NumberedRow, at: number): Promise<void> {
    const first = table.find(key)
    if (first < 0) return
    if (isSelection(this.step)) {
      if (this.step.how === "semi" && this.matched[at] !== true) this.give(sequence, 0, row, NOTHING)
      this.matched[at] = true
      return
    }
    this.matched[at] = true
    const other = new Span()
    for (let match = first; match >= 0; match = table.next(match)) {
      table.match(match)
      table.rowAt(match, other)
      this.give(sequence, table.sequenceOf(match), row, other)
      if (this.sorter.isFull) await this.sorter.spill()
    }
  }

  private async candidates(
    open: OpenPairs,
    table: JoinTable,
    key: Piece,
    { sequence, row }: NumberedRow,
    at: number,
    isLast: boolean,
  ): Promise<void> {
    const other = new Span()
    this.sequences[at] = sequence
    for (let match = table.find(key); match >= 0; match = table.next(match)) {
      table.rowAt(match, other)
      open.add(row, other, at, match)
      if (open.isFull) await this.settle(open, table)
    }
    if (isLast && (this.step.how === "anti" || keepsLeft(this.step))) open.add(row, this.sides.noRight(), at, ALONE)
    if (open.isFull) await this.settle(open, table)
  }

  private async settle(open: OpenPairs, table: JoinTable): Promise<void> {
    const { how } = this.step
    const pairs = open.settle(({ at, other, isTrue, left, right }) => {
      const sequence = this.sequences[at]!
      const isFirst = this.matched[at] !== true
      if (other === ALONE) {
        if (isFirst) this.give(sequence, 0, left, right)
      } else if (isTrue) {
        this.matched[at] = true
        table.match(other)
        if (!isSelection(this.step)) this.give(sequence, table.sequenceOf(other), left, right)
        else if (how === "semi" && isFirst) this.give(sequence, 0, left, NOTHING)
      }
      return ONCE
    })
    for (const _ of pairs) if (this.sorter.isFull) await this.sorter.spill()
  }

  private unmatched({ sequence, row }: NumberedRow, at: number): void {
    if (this.matched[at] === true) return
    if (this.step.how === "anti") this.give(sequence, 0, row, NOTHING)
    else if (keepsLeft(this.step)) this.give(sequence, 0, row, this.sides.noRight())
  }

  private async unmatchedRight(table: JoinTable): Promise<void> {
    const row = new Span()
    for (let i = 0; i < table.count; i++) {
      if (table.isMatched(i)) continue
      table.rowAt(i, row)
      this.give(Infinity, table.sequenceOf(i), this.sides.noLeft(), row)
      if (this.sorter.isFull) await this.sorter.spill()
    }
  }

  private give(left: number, right: number, own: Piece, other: Piece): void {
    const { order, pair } = this
    order.length = 0
    order.float64(left)
    order.float64(right)
    pair.length = 0
    pair.varint(own.end - own.start)
    pair.copy(own.bytes, own.start, own.end)
    pair.copy(other.bytes, other.start, other.end)
    this.sorter.add(order, pair)
  }
}

/** Lets the caller wait after each pair. */
const ONCE: ReadonlyArray<true> = [true]

/** A row with its number among all of its side. */
class NumberedRow {
  sequence = 0
  readonly row = new Span()
  private readonly reader = new ByteReader()

  read({ bytes, start, end }: Piece): void {
    this.reader.open(bytes, start)
    this.sequence = this.reader.float64()
    this.row.set(bytes, this.reader.at, end)
  }
}
