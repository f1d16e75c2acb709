/**
 * Rows of text through the kernel's encoder: the columns that nobody touched are copied there, the others are given as prepared text.
 *
 * The kernel judges only what is in the plain form of its type. A column that shows something else is prepared for some batches, and the
 * writers of src/text/encode*.ts, which know everything, stay the ones to say what is written or what is wrong.
 */
import type { Batch } from "../model/Batch.ts"
import type { ColumnType } from "../model/ColumnType.ts"
import { ValueError } from "../model/Value.ts"
import { TextOutput } from "./encodeOutput.ts"
import { copiedBytes, isTextAsItStands, type PutField, UnsupportedValue } from "./encodeRows.ts"
import {
  EncodeOperation,
  type EncodeColumn,
  type EncodeFrame,
  type EncodeText,
  type PreparedColumn,
  type TextKernel,
} from "./kernelTypes.ts"
import { JsonKind, type JsonRows, type TextRows } from "./TextRows.ts"

/** The operations for columns of each type; types without one are prepared. */
export const operationOf: Partial<Record<ColumnType, number>> = {
  string: EncodeOperation.string,
  integer: EncodeOperation.integer,
  decimal: EncodeOperation.decimal,
  double: EncodeOperation.decimal,
  boolean: EncodeOperation.boolean,
  date: EncodeOperation.date,
  time: EncodeOperation.time,
  timestamp: EncodeOperation.timestamp,
  timestamptz: EncodeOperation.timestamptz,
  uuid: EncodeOperation.uuid,
}

/** Text beyond this is not copied into the kernel's memory: such rows are huge, and writing them is not what takes time. */
const LARGEST_TEXT = 8 * 1024 * 1024

/** Batches for which a column is prepared after the kernel met something in it that it cannot judge. */
const PAUSE = 16

/** Bytes that a value takes beside its text. */
const QUOTES = 2

export class KernelRows {
  private readonly frame: EncodeFrame
  private readonly keys: ReadonlyArray<Uint8Array>
  /** For each column, how many more batches it is prepared. */
  private readonly pauses: Array<number>
  /** One for each column, used again for every batch. */
  private readonly prepared: Array<TextOutput> = []

  private readonly kernel: TextKernel

  /** `keys`: what stands before each column's values. */
  constructor(kernel: TextKernel, frame: EncodeFrame, keys: ReadonlyArray<Uint8Array>) {
    this.kernel = kernel
    this.frame = frame
    this.keys = keys
    this.pauses = keys.map(() => 0)
  }

  /**
   * Writes the batch and gives the length, or undefined where the kernel is of no use or a value is wrong. `operations`: what the kernel
   * may do with each column, undefined for one that `fields` writes.
   */
  encode(
    out: TextOutput,
    batch: Batch,
    fields: ReadonlyArray<PutField>,
    operations: ReadonlyArray<number | undefined>,
  ): number | undefined {
    const write = this.kernel.encode
    const rows = mainRows(batch, operations)
    if (write === undefined || rows === undefined || batch.length === 0) return undefined
    const text = textOf(rows, batch)
    if (text === undefined) return undefined
    const columns: Array<EncodeColumn> = []
    for (const [index, field] of fields.entries()) {
      const column = this.columnOf(batch, index, field, rows, operations[index])
      if (column === undefined) return undefined
      columns.push(column)
    }
    for (;;) {
      const result = write(text, columns, this.frame, out)
      if ("length" in result) return result.length
      const { column: index } = result
      this.pauses[index] = PAUSE
      const column = this.prepare(batch, index, fields[index]!)
      if (column === undefined) return undefined
      columns[index] = column
    }
  }

  private columnOf(batch: Batch, index: number, field: PutField, rows: TextRows, operation: number | undefined): EncodeColumn | undefined {
    const column = batch.columns[index]
    const pause = this.pauses[index]!
    if (pause > 0) this.pauses[index] = pause - 1
    if (pause > 0 || operation === undefined || !isTextAsItStands(column) || column.rows !== rows) return this.prepare(batch, index, field)
    return { operation, key: this.keys[index]!, field: column.field }
  }

  /** One column's fields as they are written; undefined where one of them cannot be. */
  private prepare(batch: Batch, index: number, field: PutField): PreparedColumn | undefined {
    const { length, selection } = batch
    const ends = new Uint32Array(length)
    const prepared = (this.prepared[index] ??= new TextOutput())
    prepared.begin(copiedBytes([batch.columns[index]!], length, this.keys[index]!.length + this.frame.null.length + QUOTES))
    try {
      let at = 0
      for (let i = 0; i < length; i++) {
        at = field(prepared, at, selection === undefined ? i : selection[i]!)
        ends[i] = at
      }
      return { ends, text: prepared.take(length === 0 ? 0 : ends[length - 1]!, true) }
    } catch (cause) {
      // The writers that go row by row meet it again, and say in which row it is.
      if (cause instanceof ValueError || cause instanceof UnsupportedValue) return undefined
      throw cause
    }
  }
}

/** The text that the columns lie in, where the kernel can take at least half of them. */
const mainRows = ({ columns }: Batch, operations: ReadonlyArray<number | undefined>): TextRows | undefined => {
  let rows: TextRows | undefined
  let count = 0
  for (const [index, column] of columns.entries()) {
    if (!isTextAsItStands(column) || operations[index] === undefined) continue
    rows ??= column.rows
    if (column.rows === rows) count++
  }
  return 2 * count >= columns.length ? rows : undefined
}

/** The stretch of text that the batch's rows lie in. */
const textOf = (rows: TextRows, { rowCount, length, selection }: Batch): EncodeText | undefined => {
  const [from, to] = rows.format === "csv" ? [rows.offsets[0]!, rows.offsets[rowCount * rows.columns]!] : jsonStretch(rows, rowCount)
  return to - from > LARGEST_TEXT ? undefined : { rows, rowCount, length, selection, from, to: Math.min(to, rows.buffer.length) }
}

/** Rows follow each other in their text, so the first and the last row with a value bound it. */
const jsonStretch = (rows: JsonRows, rowCount: number): readonly [number, number] => {
  for (let first = 0; first < rowCount; first++) {
    const from = edgeOf(rows, first, Math.min, 0)
    if (from === undefined) continue
    for (let last = rowCount - 1; ; last--) {
      const to = edgeOf(rows, last, Math.max, 1)
      if (to !== undefined) return [from, to]
    }
  }
  return [0, 0]
}

/** The first start or the last end of a row's values; undefined where it has none. */
const edgeOf = (
  { spans, kinds, columns }: JsonRows,
  row: number,
  pick: (a: number, b: number) => number,
  side: number,
): number | undefined => {
  let edge: number | undefined
  for (let cell = row * columns; cell < (row + 1) * columns; cell++) {
    const place = spans[2 * cell + side]!
    if (kinds[cell] !== JsonKind.missing) edge = edge === undefined ? place : pick(edge, place)
  }
  return edge
}
