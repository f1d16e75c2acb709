/**
 * CSV as people and programs write it, written down again in the strict form.
 *
 * A quote counts only where a field begins with one; inside a quoted field, one that no delimiter or line end follows is a quote in the
 * text. A quote that is never closed is text too. Rows end with LF, CRLF or CR, and lines without text are no rows. Missing fields are
 * null, surplus ones are left out.
 */
import type { CsvDialect } from "./csvDialect.ts"

const LF = 10
const CR = 13

interface Writing {
  readonly delimiter: number
  readonly quote: number
}

/** Strict rows with LF line ends, and where their fields begin, as `CsvRows` has it. */
export interface NormalCsv {
  readonly buffer: Uint8Array
  readonly offsets: Uint32Array
}

/** Rewrites the text from `from`, where a row begins, to its end. */
export const normaliseCsv = (bytes: Uint8Array, from: number, dialect: CsvDialect, columns: number): NormalCsv => {
  const writer = new StrictWriter(bytes, dialect, columns)
  let at = from
  while (at < bytes.length) {
    // With one column a line without text is an empty field.
    const next = columns > 1 ? skipLineEnd(bytes, at) : at
    at = next > at ? next : writer.row(at)
  }
  return writer.result()
}

/** Finds where text can be cut between rows: see `RowSplitter`. */
export class LenientSplitter {
  private readonly writing: Writing
  private state: "start" | "plain" | "quoted" | "quote" = "start"
  private afterReturn = false

  constructor(writing: Writing) {
    this.writing = writing
  }

  /** After the last row end in this piece of the text, or -1. Pieces follow each other. */
  split(bytes: Uint8Array, from: number, to: number): number {
    let boundary = -1
    for (let at = from; at < to; at++) {
      const byte = bytes[at]!
      // Only what follows a CR says whether its row ends here or behind an LF.
      if (this.afterReturn && byte !== LF) boundary = at
      this.afterReturn = false
      this.step(byte)
      if (byte === LF && this.state === "start") boundary = at + 1
    }
    return boundary
  }

  private step(byte: number): void {
    const { delimiter, quote } = this.writing
    if (this.state === "quoted") this.state = byte === quote ? "quote" : "quoted"
    else if (byte === delimiter || byte === LF) this.state = "start"
    else if (byte === CR) this.endRow()
    else if (this.state === "quote") this.state = "quoted"
    else this.state = byte === quote && this.state === "start" ? "quoted" : "plain"
  }

  private endRow(): void {
    this.state = "start"
    this.afterReturn = true
  }
}

/** Where the first row with text begins and ends, its line end included, and its number of fields; undefined where it is not complete. */
export const firstLenientRow = (
  bytes: Uint8Array,
  writing: Writing,
  final: boolean,
): { readonly start: number; readonly end: number; readonly fields: number } | undefined => {
  let start = 0
  while (start < bytes.length && skipLineEnd(bytes, start) > start) start = skipLineEnd(bytes, start)
  if (start === bytes.length) return undefined
  let at = start
  for (let fields = 1; ; fields++) {
    const end = fieldEnd(bytes, at, bytes.length, writing, final)
    if (end < 0 || (!final && (end >= bytes.length || (bytes[end] === CR && end + 1 === bytes.length)))) return undefined
    if (bytes[end] !== writing.delimiter) return { start, end: skipLineEnd(bytes, end), fields }
    at = end + 1
  }
}

/**
 * The delimiter or line end after the field that begins at `start`, or `to`. Gives -1 where its quote is not closed and the text goes on.
 */
const fieldEnd = (bytes: Uint8Array, start: number, to: number, { delimiter, quote }: Writing, final: boolean): number => {
  if (bytes[start] === quote) {
    const end = quotedEnd(bytes, start + 1, to, delimiter, quote)
    if (end >= 0 || !final) return end
  }
  let at = start
  while (at < to && bytes[at] !== delimiter && bytes[at] !== LF && bytes[at] !== CR) at++
  return at
}

const quotedEnd = (bytes: Uint8Array, from: number, to: number, delimiter: number, quote: number): number => {
  for (let at = from; at < to; at++) {
    if (bytes[at] !== quote) continue
    const next = at + 1 < to ? bytes[at + 1]! : LF
    if (next === delimiter || next === LF || next === CR) return at + 1
    if (next === quote) at++
  }
  return -1
}

const skipLineEnd = (bytes: Uint8Array, at: number): number => {
  if (bytes[at] === CR) return bytes[at + 1] === LF ? at + 2 : at + 1
  return bytes[at] === LF ? at + 1 : at
}

class StrictWriter {
  readonly bytes: Uint8Array
  readonly dialect: CsvDialect
  readonly columns: number
  /** What stands for a missing field. */
  readonly missing: Uint8Array
  buffer: Uint8Array
  length = 0
  offsets: Uint32Array
  entries = 1

  constructor(bytes: Uint8Array, dialect: CsvDialect, columns: number) {
    this.bytes = bytes
    this.dialect = dialect
    this.columns = columns
    this.missing = Buffer.from(dialect.nulls.includes("") ? "" : (dialect.nulls[0] ?? ""))
    this.buffer = new Uint8Array(bytes.length + 1024)
    this.offsets = new Uint32Array(1024)
  }

  /** Writes one row and gives where the next one begins. */
  row(start: number): number {
    const { bytes, columns, dialect } = this
    let at = start
    for (let field = 0; ; field++) {
      const end = fieldEnd(bytes, at, bytes.length, dialect, true)
      if (field < columns) this.field(at, end)
      at = end
      if (end >= bytes.length || bytes[end] !== dialect.delimiter) {
        for (let missing = field + 1; missing < columns; missing++) this.text(this.missing)
        break
      }
      at++
    }
    this.buffer[this.length - 1] = LF
    return skipLineEnd(bytes, at)
  }

  result(): NormalCsv {
    return { buffer: this.buffer.subarray(0, this.length), offsets: this.offsets.subarray(0, this.entries) }
  }

  private field(start: number, end: number): void {
    const { bytes } = this
    const { quote } = this.dialect
    const text = bytes.subarray(start, end)
    if (!text.includes(quote)) return this.text(text)
    const isQuoted = text[0] === quote && text.length > 1 && quotedEnd(bytes, start + 1, end, this.dialect.delimiter, quote) === end
    this.quoted(isQuoted ? start + 1 : start, isQuoted ? end - 1 : end, isQuoted)
  }

  /** Copies a field that needs no quotes, with room for the delimiter behind it. */
  private text(text: Uint8Array): void {
    this.reserve(text.length + 1)
    this.buffer.set(text, this.length)
    this.endField(this.length + text.length)
  }

  /** Writes a field in quotes. Where it was quoted before, two quotes in a row are one. */
  private quoted(from: number, to: number, doubled: boolean): void {
    const { bytes } = this
    const { quote } = this.dialect
    this.reserve(2 * (to - from) + 3)
    const { buffer } = this
    let length = this.length
    buffer[length++] = quote
    for (let at = from; at < to; at++) {
      const byte = bytes[at]!
      buffer[length++] = byte
      if (byte !== quote) continue
      buffer[length++] = quote
      if (doubled && at + 1 < to && bytes[at + 1] === quote) at++
    }
    buffer[length++] = quote
    this.endField(length)
  }

  private endField(end: number): void {
    this.buffer[end] = this.dialect.delimiter
    this.length = end + 1
    if (this.entries === this.offsets.length) this.offsets = grown(this.offsets, new Uint32Array(2 * this.entries))
    this.offsets[this.entries++] = this.length
  }

  private reserve(bytes: number): void {
    const needed = this.length + bytes
    if (needed > this.buffer.length) this.buffer = grown(this.buffer, new Uint8Array(Math.max(needed, 2 * this.buffer.length)))
  }
}

const grown = <A extends Uint8Array | Uint32Array>(from: A, to: A): A => {
  to.set(from)
  return to
}
