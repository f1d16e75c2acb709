/** Rows as `COPY` reads them. */
import type { Batch } from "@deltaflow/core"
import { copyText, countLines, EscapedColumn, makeCsvEncoder, strictCsv, type TextEncode, TextColumn } from "@deltaflow/core/text"

/** The text that PostgreSQL itself writes, or CSV, which our text sources give. */
export type CopyFormat = "text" | "csv"

/** In which of them the rows go with the least work, for the server too: to read CSV costs it more. */
export const formatOf = ({ columns }: Batch): CopyFormat => {
  let hasText = false
  for (const column of columns) {
    if (column instanceof EscapedColumn) return "text"
    if (!(column instanceof TextColumn)) continue
    if (column.rows.format === "csv" && column.rows.escapes === true) return "text"
    hasText = true
  }
  return hasText ? "csv" : "text"
}

/** What writes rows of these columns. */
export const copyEncoders = (columns: ReadonlyArray<string>): Readonly<Record<CopyFormat, TextEncode>> => ({
  text: makeCsvEncoder({ ...copyText, columns, lend: true }),
  csv: makeCsvEncoder({ ...strictCsv, columns, lend: true }),
})

const QUOTE = 34
const LF = 10

/** Which row of its source stands in which line of what was sent, as far as the server may still have something to say of it. */
export class SentRows {
  /** Sent in all. */
  bytes = 0
  private lines = 0
  private readonly pieces: Array<Piece> = []
  /** Memory of pieces that the server has read. */
  private readonly free: Array<Uint8Array> = []

  /** A new statement begins. */
  begin(): void {
    while (this.pieces.length > 0) this.forget()
    this.bytes = 0
    this.lines = 0
  }

  add(batch: Batch, bytes: Uint8Array): void {
    const lines = countLines(bytes, 0, bytes.length)
    const { firstRow, length } = batch
    const isWhole = length > 0 && batch.physicalRow(length - 1) - batch.physicalRow(0) === length - 1
    this.pieces.push({
      line: this.lines,
      lines,
      end: this.bytes + bytes.length,
      // Only where a text has lines of its own must they be looked for.
      bytes: lines === length ? undefined : this.kept(bytes),
      first: firstRow + (length > 0 ? batch.physicalRow(0) : 0),
      rows: isWhole ? undefined : batch.selection?.map((row) => firstRow + row),
    })
    this.lines += lines
    this.bytes += bytes.length
    while (this.pieces[0]!.end < this.bytes - ON_THE_WAY) this.forget()
  }

  private kept(bytes: Uint8Array): Uint8Array {
    const index = this.free.findIndex((one) => one.length >= bytes.length)
    // With room for a batch that is a little larger, so that the memory serves for the next ones too.
    const memory = index < 0 ? new Uint8Array(Math.ceil(bytes.length * 1.125)) : this.free.splice(index, 1)[0]!
    memory.set(bytes)
    return memory.subarray(0, bytes.length)
  }

  private forget(): void {
    const { bytes } = this.pieces.shift()!
    if (bytes !== undefined) this.free.push(new Uint8Array(bytes.buffer))
  }

  /** The number of the row, of which the server names a line. It counts from 1, and those within quotes too. */
  rowAt(line: number): number {
    const piece = this.pieces.findLast((one) => one.line < line) ?? this.pieces[0]!
    const within = Math.min(line - piece.line, piece.lines)
    const index = piece.bytes === undefined ? within - 1 : rowAtLine(piece.bytes, within)
    return piece.rows === undefined ? piece.first + index : piece.rows[Math.min(index, piece.rows.length - 1)]!
  }
}

interface Piece {
  /** Lines before it, and its own. */
  readonly line: number
  readonly lines: number
  /** Bytes sent up to its end. */
  readonly end: number
  readonly bytes: Uint8Array | undefined
  readonly first: number
  /** Undefined where they follow each other. */
  readonly rows: Int32Array | undefined
}

/** Bytes that may be between this process and the server's reading of them: what two sockets take by themselves, and what waits here. */
const ON_THE_WAY = 12 * 1024 * 1024

const rowAtLine = (bytes: Uint8Array, line: number): number => {
  let row = 0
  let seen = 1
  let isQuoted = false
  for (let at = 0; at < bytes.length && seen < line; at++) {
    const byte = bytes[at]
    // A doubled quote goes out and in again.
    if (byte === QUOTE) isQuoted = !isQuoted
    else if (byte === LF) {
      seen++
      if (!isQuoted) row++
    }
  }
  return row
}

const END_MARK = Buffer.from("\\.\n")

/**
 * Servers before version 18 take a line with `\.` alone for the end of all rows, which can only be the row of a single column. In quotes it
 * is a text.
 */
export const quoteEndMark = (bytes: Uint8Array, columns: number): Uint8Array => {
  if (columns > 1) return bytes
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!text.includes(END_MARK)) return bytes
  const parts: Array<Uint8Array> = []
  let from = 0
  let isQuoted = false
  for (let at = 0; at < text.length; at++) {
    if (text[at] === QUOTE) isQuoted = !isQuoted
    const isStart = !isQuoted && (at === 0 || text[at - 1] === LF)
    if (!isStart || !text.subarray(at, at + END_MARK.length).equals(END_MARK)) continue
    parts.push(text.subarray(from, at), QUOTED_MARK)
    from = at + END_MARK.length
  }
  return Buffer.concat([...parts, text.subarray(from)])
}

const QUOTED_MARK = Buffer.from('"\\."\n')
