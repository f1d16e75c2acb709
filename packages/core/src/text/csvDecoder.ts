/**
 * From chunks of CSV to batches: strict RFC 4180, with LF as a line end beside CRLF.
 *
 * The kernel finds the fields. Where its quick rules do not apply, the text decides: a change of line ends is followed, and what else is
 * wrong is an error with its place, or, with `lenient`, is brought to the strict form.
 */
import { Batch } from "../model/Batch.ts"
import type { ColumnSchema } from "../model/ColumnType.ts"
import { unifyLineEnds } from "./csvDecoderLineEnds.ts"
import { csvError } from "./csvDecoderErrors.ts"
import { normaliseCsv } from "./csvDecoderLenient.ts"
import type { CsvDialect } from "./csvDialect.ts"
import { checkUtf8 } from "./encoding.ts"
import { EscapedColumn, escapedFields } from "./EscapedColumn.ts"
import { type CsvScan, textKernel } from "./kernel.ts"
import { countLines } from "./lines.ts"
import { type CsvRows, TextColumn } from "./TextRows.ts"

export interface CsvDecoderOptions extends CsvDialect {
  readonly columns: ReadonlyArray<ColumnSchema>
  readonly batchSize: number
  /** Bring what is not strict to the strict form, instead of refusing it. */
  readonly lenient: boolean
}

/** What a decoder makes of a chunk. */
export interface DecodedText {
  readonly batches: ReadonlyArray<Batch>
  readonly rows: number
  readonly lines: number
  /** Takes back the memory that holds where the fields are, when nothing refers to the batches any more. Need not be called. */
  readonly release?: () => void
}

export type TextDecode = (bytes: Uint8Array) => DecodedText

/** Names this decoder for the engine, which may load it in a worker thread. */
export const csvDecoder = (options: CsvDecoderOptions) => ({ url: import.meta.url, name: "makeCsvDecoder", options })

export const makeCsvDecoder = (options: CsvDecoderOptions): TextDecode => {
  const scanner = new CsvScanner(options)
  return (bytes) => {
    checkUtf8(bytes)
    const parts = scanner.scan(bytes)
    return {
      batches: parts.flatMap((rows) => toBatches(rows, options)),
      rows: totalRows(parts),
      lines: linesOf(bytes, parts),
      release: () => scanner.release(parts),
    }
  }
}

const rowCount = (rows: CsvRows): number => (rows.offsets.length - 1) / rows.columns

const totalRows = (parts: ReadonlyArray<CsvRows>): number => parts.reduce((sum, part) => sum + rowCount(part), 0)

/** Changes of line ends that are followed one by one; a file that mixes them throughout is rewritten. */
const MOST_PARTS = 8

const MOST_KEPT = 16

class CsvScanner {
  readonly options: CsvDecoderOptions
  readonly nulls: ReadonlyArray<Uint8Array>
  /** Memory of earlier scans. */
  private readonly free: Array<Uint32Array<ArrayBuffer>> = []

  constructor(options: CsvDecoderOptions) {
    this.options = options
    this.nulls = options.nulls.map((text) => Buffer.from(text))
  }

  /** All rows of a chunk, in as many parts as it has stretches of equal line ends. */
  scan(bytes: Uint8Array): ReadonlyArray<CsvRows> {
    const parts: Array<CsvRows> = []
    let text = bytes
    let from = 0
    let linesBefore = 0
    for (;;) {
      const scan = this.scanPart(text, from)
      if (scan.rows > 0) parts.push(this.toRows(text, scan))
      from = scan.consumed
      if (scan.problem === undefined) return parts
      if (!isLineEndChange(text, scan)) return [...parts, this.careful(text, scan, totalRows(parts), linesBefore)]
      if (parts.length < MOST_PARTS) continue
      linesBefore = countLines(text, 0, from)
      text = unifyLineEnds(text, from, this.options.quote)
      from = 0
    }
  }

  /** The rest of a chunk that is not strict: an error, or its rows in the strict form. */
  private careful(bytes: Uint8Array, scan: CsvScan, rowsBefore: number, linesBefore: number): CsvRows {
    if (!this.options.lenient) throw csvError(bytes, scan, { rows: rowsBefore, lines: linesBefore }, this.options)
    const { delimiter, quote, columns } = this.options
    const { buffer, offsets } = normaliseCsv(bytes, scan.consumed, this.options, columns.length)
    return { format: "csv", buffer, offsets, columns: columns.length, crlf: false, quotes: true, delimiter, quote, nulls: this.nulls }
  }

  release(parts: ReadonlyArray<CsvRows>): void {
    for (const { offsets } of parts) if (this.free.length < MOST_KEPT) this.free.push(offsets as Uint32Array<ArrayBuffer>)
  }

  private scanPart(bytes: Uint8Array, from: number): CsvScan {
    const { delimiter, quote, columns } = this.options
    const reuse = this.free.pop()
    const options = { delimiter, quote, columns: columns.length, final: true }
    return textKernel().scanCsv(bytes, from, bytes.length, reuse === undefined ? options : { ...options, reuse })
  }

  private toRows(buffer: Uint8Array, scan: CsvScan): CsvRows {
    const { delimiter, quote, escapes } = this.options
    const { offsets, columns, crlf, quotes } = scan
    const rows: CsvRows = { format: "csv", buffer, offsets, columns, crlf, quotes, delimiter, quote, nulls: this.nulls }
    return escapes === true ? { ...rows, escapes } : rows
  }
}

/** The kernel stops where a row ends otherwise than the rows before it; a CR inside a field is another thing. */
const isLineEndChange = (bytes: Uint8Array, { problem, rows }: CsvScan): boolean =>
  problem?.kind === "mixed" && bytes[problem.at] === 10 && rows > 0

const toBatches = (rows: CsvRows, { columns, batchSize }: CsvDecoderOptions): ReadonlyArray<Batch> => {
  const schema = { columns }
  const total = rowCount(rows)
  const batches: Array<Batch> = []
  for (let start = 0; start < total; start += batchSize) {
    const end = Math.min(total, start + batchSize)
    const part = { ...rows, offsets: rows.offsets.subarray(start * rows.columns, end * rows.columns + 1) }
    const isEscaped = part.escapes === true ? escapedFields(part) : undefined
    batches.push(
      new Batch({
        schema,
        columns: columns.map(({ name, type }, field) =>
          isEscaped?.[field] === true ? new EscapedColumn(part, field, name, type) : new TextColumn(part, field, name, type),
        ),
        rowCount: end - start,
        byteSize: part.offsets.at(-1)! - part.offsets[0]! + part.offsets.byteLength,
      }),
    )
  }
  return batches
}

/** Every row ends a line, and quoted fields may hold more line ends. */
const linesOf = (bytes: Uint8Array, parts: ReadonlyArray<CsvRows>): number => {
  const isCounted = parts.every((part) => part.buffer === bytes && !part.quotes)
  return isCounted ? totalRows(parts) - (bytes.at(-1) === LF || bytes.length === 0 ? 0 : 1) : countLines(bytes, 0, bytes.length)
}

const LF = 10
