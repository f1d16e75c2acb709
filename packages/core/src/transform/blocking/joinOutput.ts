/** Puts rows of both sides side by side. */
import { Batch, type Column } from "../../model/Batch.ts"
import { columnIndex, type ColumnType } from "../../model/ColumnType.ts"
import type { Value } from "../../model/Value.ts"
import { asType } from "../derivedColumns.ts"
import type { JoinStep } from "../Step.ts"
import { BatchBuilder } from "./batchBuilder.ts"
import type { Piece } from "./entries.ts"
import type { BlockingHost } from "./host.ts"
import { isSelection, type JoinedColumn, type JoinKey, keysBoth, outputOf } from "./joinLayout.ts"
import { LARGEST_BATCH } from "./output.ts"
import type { RowForm } from "./rowForm.ts"

export interface JoinSides {
  readonly left: RowForm
  readonly right: RowForm
}

export class JoinOutput {
  private readonly step: JoinStep
  private readonly keys: ReadonlyArray<JoinKey>
  private readonly added: ReadonlyArray<JoinedColumn>
  private readonly left: BatchBuilder
  private readonly right: BatchBuilder | undefined
  private readonly rows: number
  private readonly bytes: number

  constructor(
    step: JoinStep,
    keys: ReadonlyArray<JoinKey>,
    added: ReadonlyArray<JoinedColumn>,
    { left, right }: JoinSides,
    { batchSize, memory }: Pick<BlockingHost, "batchSize" | "memory">,
  ) {
    this.step = step
    this.keys = keys
    this.added = added
    this.left = new BatchBuilder(left)
    this.right = isSelection(step) ? undefined : new BatchBuilder(right)
    this.rows = batchSize
    this.bytes = Math.min(LARGEST_BATCH, memory)
  }

  /** Takes a copy of a pair, and gives a batch where there are enough. */
  add(left: Piece, right: Piece): Batch | undefined {
    this.left.add(left.bytes, left.start, left.end)
    this.right?.add(right.bytes, right.start, right.end)
    return this.left.length >= this.rows || this.left.size + (this.right?.size ?? 0) >= this.bytes ? this.build() : undefined
  }

  /** The last batch. */
  *rest(): Generator<Batch, void, undefined> {
    if (this.left.length > 0) yield this.build()
  }

  private build(): Batch {
    const left = this.left.build()
    const right = this.right?.build()
    if (right === undefined) return left
    const { step, keys, added } = this
    const own = left.schema.columns.map(({ name }, i): Column => {
      const key = keysBoth(step) ? keys.find((one) => one.left === name) : undefined
      if (key === undefined) return left.columns[i]!
      const other = right.columns[columnIndex(right.schema, key.right)]!
      return new FirstColumn(key.type, asType(left.columns[i]!, key.type)!, asType(other, key.type)!)
    })
    const others = added.map(({ from }) => right.columns[columnIndex(right.schema, from)]!)
    return new Batch({
      schema: outputOf(step, left.schema, right.schema, keys, added),
      columns: [...own, ...others],
      rowCount: left.rowCount,
      firstRow: left.firstRow,
      byteSize: left.byteSize + right.byteSize,
    })
  }
}

/** The value of one column, or of another where that is null. */
class FirstColumn implements Column {
  readonly type: ColumnType
  private readonly first: Column
  private readonly second: Column
  constructor(type: ColumnType, first: Column, second: Column) {
    this.type = type
    this.first = first
    this.second = second
  }
  value(row: number): Value | null {
    return this.first.value(row) ?? this.second.value(row)
  }
  isNull(row: number): boolean {
    return this.first.isNull(row) && this.second.isNull(row)
  }
}
