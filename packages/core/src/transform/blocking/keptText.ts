/**
 * CSV text in kept rows, as it stood in the source: the lengths of the fields, then the fields with a delimiter between them. What nobody
 * touches is copied in one piece, and its fields need not be looked for again.
 */
import type { Batch, Column } from "../../model/Batch.ts"
import { type CsvRows, TextColumn } from "../../text/TextRows.ts"
import type { ByteReader, ByteWriter } from "./byteWriter.ts"

/** Which columns of a layout are kept as CSV text, and how it is to be read. */
export interface KeptText {
  readonly delimiter: number
  readonly quote: number
  readonly nulls: ReadonlyArray<Uint8Array>
  /** Fields that are kept of each row. */
  readonly count: number
  /** By column: which of these fields it is, or -1. */
  readonly places: ReadonlyArray<number>
}

/** The text of a batch, and its fields that are kept. */
export interface TextOfBatch {
  readonly text: KeptText
  readonly rows: CsvRows
  readonly fields: ReadonlyArray<number>
}

/** Undefined where no column is CSV text that nobody touched. */
export const textOf = ({ columns, schema }: Batch): TextOfBatch | undefined => {
  const isText = (column: Column, i: number): column is TextColumn & { readonly rows: CsvRows } =>
    column instanceof TextColumn && column.type === schema.columns[i]!.type && column.rows.format === "csv"
  const rows = columns.find(isText)?.rows
  if (rows === undefined) return undefined
  const own = columns.map((column, i) => (isText(column, i) && column.rows === rows ? column.field : -1))
  const fields = [...new Set(own.filter((field) => field >= 0))].toSorted((a, b) => a - b)
  const { delimiter, quote, nulls } = rows
  const places = own.map((field) => fields.indexOf(field))
  return { text: { delimiter, quote, nulls, count: fields.length, places }, rows, fields }
}

export const isSameText = (a: KeptText | undefined, b: KeptText | undefined): boolean =>
  a === undefined || b === undefined
    ? a === b
    : a.delimiter === b.delimiter && a.quote === b.quote && isSameList(a.places, b.places) && isSameNulls(a.nulls, b.nulls)

const isSameList = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): boolean =>
  a.length === b.length && a.every((one, i) => one === b[i])

const isSameNulls = (a: ReadonlyArray<Uint8Array>, b: ReadonlyArray<Uint8Array>): boolean =>
  a === b || (a.length === b.length && a.every((text, i) => Buffer.compare(text, b[i]!) === 0))

/** The longest form of a length. */
const LENGTH_BYTES = 5

/** Writes the text of one row. */
export const textWriter = ({ rows, fields }: TextOfBatch): ((out: ByteWriter, row: number) => void) => {
  const { buffer, offsets, columns } = rows
  const first = fields[0]!
  const last = fields.at(-1)!
  const lastGap = rows.crlf && last === columns - 1 ? 2 : 1
  if (last - first + 1 > fields.length) return fieldsWriter(rows, fields)
  return (out, row) => {
    const cell = row * columns
    const start = offsets[cell + first]!
    const end = offsets[cell + last + 1]! - lastGap
    let at = out.room(LENGTH_BYTES * fields.length)
    const { bytes } = out
    let from = start
    for (let field = first; field < last; field++) {
      const next = offsets[cell + field + 1]!
      const length = next - from - 1
      if (length < 128) bytes[at++] = length
      else at = putLength(bytes, at, length)
      from = next
    }
    out.length = putLength(bytes, at, end - from)
    out.copy(buffer, start, end)
  }
}

/** Writes fields that do not stand side by side. */
const fieldsWriter = (rows: CsvRows, fields: ReadonlyArray<number>): ((out: ByteWriter, row: number) => void) => {
  const { buffer, offsets, columns, crlf, delimiter } = rows
  const gaps = fields.map((field) => (crlf && field === columns - 1 ? 2 : 1))
  return (out, row) => {
    const cell = row * columns
    for (let i = 0; i < fields.length; i++) out.varint(offsets[cell + fields[i]! + 1]! - gaps[i]! - offsets[cell + fields[i]!]!)
    for (let i = 0; i < fields.length; i++) {
      if (i > 0) out.byte(delimiter)
      out.copy(buffer, offsets[cell + fields[i]!]!, offsets[cell + fields[i]! + 1]! - gaps[i]!)
    }
  }
}

const putLength = (bytes: Uint8Array, start: number, length: number): number => {
  let at = start
  let rest = length
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 128
  bytes[at++] = rest
  return at
}

/** Puts the text of kept rows together again, as rows of CSV. */
export class TextBuilder {
  private readonly text: KeptText
  private readonly quotes: boolean
  private readonly buffer: Uint8Array
  private readonly offsets: Uint32Array
  private size = 0
  private cells = 0

  /** `quotes`: whether fields may be quoted. `size`: bytes that all rows take at most, with their lengths. */
  constructor(text: KeptText, quotes: boolean, rows: number, size: number, { buffer, offsets }: TextMemory) {
    this.text = text
    this.quotes = quotes
    const cells = rows * text.count + 1
    // With room for a batch that is a little larger, so that the memory serves for the next ones too.
    this.buffer = buffer.length >= size ? buffer : new Uint8Array(Math.ceil(size * 1.125))
    this.offsets = offsets.length >= cells ? offsets : new Uint32Array(Math.ceil(cells * 1.125))
    this.offsets[0] = 0
  }

  /** Bytes that a row of nulls takes. */
  static nullSize({ nulls, count }: KeptText): number {
    return count * (nulls[0]!.length + 1)
  }

  /** Takes the text of a row at the reader's place, and goes past it. */
  add(reader: ByteReader): void {
    const { offsets, text } = this
    const start = this.size
    let end = start
    let { cells } = this
    for (let i = 0; i < text.count; i++) {
      end += reader.varint() + 1
      offsets[++cells] = end
    }
    this.cells = cells
    const from = reader.skip(end - start - 1)
    this.buffer.set(reader.bytes.subarray(from, from + end - start - 1), start)
    this.buffer[end - 1] = LF
    this.size = end
  }

  /** Adds a row in which all is null. */
  addNull(): void {
    const { nulls, count, delimiter } = this.text
    for (let i = 0; i < count; i++) {
      this.buffer.set(nulls[0]!, this.size)
      this.size += nulls[0]!.length
      this.buffer[this.size++] = i === count - 1 ? LF : delimiter
      this.offsets[++this.cells] = this.size
    }
  }

  /** `release` gets the memory when nobody looks at the rows any more. */
  rows(release: (memory: TextMemory) => void): CsvRows {
    const { text, quotes, buffer, offsets, size, cells } = this
    let isHeld = true
    return {
      format: "csv",
      buffer: buffer.subarray(0, size),
      offsets: offsets.subarray(0, cells + 1),
      columns: text.count,
      crlf: false,
      quotes,
      delimiter: text.delimiter,
      quote: text.quote,
      nulls: text.nulls,
      release: () => {
        if (isHeld) release({ buffer, offsets })
        isHeld = false
      },
    }
  }
}

/** What text is put together in. */
export interface TextMemory {
  readonly buffer: Uint8Array
  readonly offsets: Uint32Array
}

export const NO_MEMORY: TextMemory = { buffer: new Uint8Array(), offsets: new Uint32Array() }

const LF = 10
