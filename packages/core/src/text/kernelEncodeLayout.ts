/** Where the text, the places of its fields and the operations lie in the kernel's memory for one call of its encoder. */
import { nullsOf } from "./encodeCsvText.ts"
import type { EncodeColumn, EncodeFrame, EncodeText } from "./kernelTypes.ts"
import type { CsvRows } from "./textLayout.ts"

const SETTINGS = 23
const OPERATION = 6
/** Bytes behind every text that the kernel may read. */
const PADDING = 64

/** Bytes that are laid down at a place. */
interface Part {
  readonly at: number
  readonly bytes: Uint8Array
}

export class EncodeLayout {
  readonly settings: number
  /** Where everything ends. */
  size: number
  private readonly parts: Array<Part> = []
  private readonly header: Uint32Array

  constructor(text: EncodeText, columns: ReadonlyArray<EncodeColumn>, frame: EncodeFrame, start: number) {
    this.settings = start
    this.size = align(start + 4 * (SETTINGS + OPERATION * columns.length))
    this.header = new Uint32Array(SETTINGS + OPERATION * columns.length)
    const { rows, rowCount, selection } = text
    const cells = rowCount * rows.columns
    const csv = rows.format === "csv" ? rows : undefined
    const places = rows.format === "csv" ? rows.offsets.subarray(0, cells + 1) : rows.spans.subarray(0, 2 * cells)
    const { emptyIsNull, nulls } = csv === undefined ? { emptyIsNull: false, nulls: [] } : nullsOf(csv)
    this.header.set([
      rows.format === "json" ? 1 : 0,
      frame.target === "csv" ? 1 : 0,
      rows.columns,
      this.add(places),
      rows.format === "json" ? this.add(rows.kinds.subarray(0, cells)) : 0,
      this.add(rows.buffer.subarray(text.from, text.to)) - text.from,
      csv?.crlf === true ? 2 : 1,
      csv?.quotes === true ? 1 : 0,
      csv?.quote ?? 0,
      emptyIsNull ? 1 : 0,
      nulls.length,
      this.add(new Uint32Array(nulls.flatMap((text) => [this.add(text), text.length]))),
      frame.delimiter,
      frame.quote,
      frame.quotesEmpty ? 1 : 0,
      this.add(frame.null),
      frame.null.length,
      this.add(frame.end),
      frame.end.length,
      columns.length,
      start + 4 * SETTINGS,
      selection === undefined ? 0 : this.add(selection),
      csv === undefined || isDialectOf(csv, frame) ? 0 : 1,
    ])
    columns.forEach((column, i) => this.header.set(this.operation(column), SETTINGS + OPERATION * i))
  }

  write(bytes: Uint8Array, words: Uint32Array): void {
    words.set(this.header, this.settings / 4)
    for (const part of this.parts) bytes.set(part.bytes, part.at)
  }

  private operation(column: EncodeColumn): ReadonlyArray<number> {
    if ("text" in column) return [0, 0, 0, 0, this.add(column.ends), this.add(column.text)]
    return [column.operation, this.add(column.key), column.key.length, column.field, 0, 0]
  }

  private add(data: Uint8Array | Uint32Array | Int32Array): number {
    const at = this.size
    this.parts.push({ at, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) })
    this.size = align(at + data.byteLength + PADDING)
    return at
  }
}

/** Whether fields of these rows, nulls too, stand in the frame as they stand here. */
const isDialectOf = ({ delimiter, quote, nulls }: CsvRows, frame: EncodeFrame): boolean =>
  delimiter === frame.delimiter && quote === frame.quote && nulls.length === 1 && Buffer.compare(nulls[0]!, frame.null) === 0

const align = (place: number): number => Math.ceil(place / 64) * 64
