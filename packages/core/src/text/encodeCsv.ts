/**
 * From batches to CSV rows with LF line ends, in the order of the columns that the encoder was made for.
 *
 * Null is the first of the null texts, unquoted; a text that would be read as null is quoted. A field of CSV that nobody touched is copied
 * as it stands, after a look at whether it is of its column's type. Throws `EncodeError` where it is not.
 */
import { type Batch, type Column, ConstantColumn } from "../model/Batch.ts"
import { type BatchSchema, columnIndex, type ColumnType, isSameSchema } from "../model/ColumnType.ts"
import { formatValue, type Value } from "../model/Value.ts"
import type { CsvDialect } from "./csvDialect.ts"
import { csvText, type CsvText, isNullAt } from "./encodeCsvText.ts"
import type { TextEncode } from "./encodeJson.ts"
import { Outputs, putAscii, putBytes, putInteger, putText, TextOutput, wordSource } from "./encodeOutput.ts"
import { copiedBytes, type PutField, UnsupportedValue, writeRows } from "./encodeRows.ts"
import { copyBare, type CopyScalar, copyWords } from "./encodeScalars.ts"
import { NO_QUOTE } from "./csvDialect.ts"
import { decodeText } from "./decode.ts"
import { textKernel } from "./kernel.ts"
import { KernelRows, operationOf } from "./kernelEncode.ts"
import { EncodeOperation, type TextKernel } from "./kernelTypes.ts"
import { EscapedColumn, escapeText } from "./EscapedColumn.ts"
import { type CsvRows, JsonKind, type JsonRows, TextColumn } from "./TextRows.ts"

export interface CsvEncoderOptions extends CsvDialect {
  /** Names of the columns, as in the header. A batch without one of them has nulls there. */
  readonly columns: ReadonlyArray<string>
  /** The bytes are lent until two more batches have been encoded, which saves a copy. Default false: they are the caller's. */
  readonly lend?: boolean
}

/** Names this encoder for the engine, which may load it in a worker thread. */
export const csvEncoder = (options: CsvEncoderOptions) => ({ url: import.meta.url, name: "makeCsvEncoder", options })

/** `kernel`: of this thread, unless a test compares them. */
export const makeCsvEncoder = (options: CsvEncoderOptions, kernel: TextKernel = textKernel()): TextEncode => {
  const writer = new CsvWriter(options, kernel)
  const outputs = new Outputs(options.lend ?? false)
  let known: { readonly schema: BatchSchema; readonly order: ReadonlyArray<number> } | undefined
  return (batch) => {
    if (known === undefined || !isSameSchema(known.schema, batch.schema))
      known = { schema: batch.schema, order: orderOf(options, batch.schema) }
    const fields = known.order.map((index, i) => writer.column(batch, index, i))
    const rows = ordered(batch, known.order)
    const operations = rows.columns.map((column, i) => writer.operation(column, rows.schema.columns[i]!.type))
    return outputs.write((out) => {
      const length = writer.kernelRows.encode(out, rows, fields, operations)
      if (length !== undefined) return length
      out.begin(copiedBytes(batch.columns, batch.length, writer.perRow))
      return writeRows(out, rows, fields, putLineEnd)
    })
  }
}

/** The header row. */
export const encodeCsvHeader = (options: CsvEncoderOptions): Uint8Array<ArrayBuffer> => {
  const writer = new CsvWriter({ ...options, nulls: [] }, textKernel())
  const out = new TextOutput()
  out.begin(options.columns.length + 1)
  let at = 0
  options.columns.forEach((name, i) => {
    at = writer.text(out, i === 0 ? at : putDelimiter(out, at, options.delimiter), name)
  })
  return out.take(putLineEnd(out, at))
}

const orderOf = ({ columns }: CsvEncoderOptions, schema: BatchSchema): ReadonlyArray<number> =>
  columns.map((name) => columnIndex(schema, name))

/** The batch with its columns as they are written, so that an error names the right one. */
const ordered = (batch: Batch, order: ReadonlyArray<number>): Batch =>
  order.every((index, i) => index === i) && order.length === batch.columns.length
    ? batch
    : batch.withColumns(
        { columns: order.map((index) => batch.schema.columns[index] ?? NOTHING) },
        order.map((index) => batch.columns[index] ?? NOTHING_COLUMN),
      )

const NOTHING = { name: "", type: "string", nullable: true } as const
const NOTHING_COLUMN = new ConstantColumn("string", null)

const putLineEnd = (out: TextOutput, at: number): number => {
  out.bytes[at] = LF
  return at + 1
}

const putDelimiter = (out: TextOutput, at: number, delimiter: number): number => {
  out.bytes[at] = delimiter
  return at + 1
}

const LF = 10
const CR = 13
const BACKSLASH = 92

class CsvWriter {
  readonly delimiter: number
  readonly quote: number
  readonly quoted: boolean
  readonly nulls: ReadonlySet<string>
  readonly nullText: string
  readonly nullBytes: Uint8Array
  /** Whether a number may look like a null, so that it has to be compared. */
  private readonly hasNumericNull: boolean
  /** Bytes that each row takes beside its values. */
  readonly perRow: number
  readonly escapes: boolean
  /** For each byte whether a field with it must be quoted, or escaped. */
  private readonly special = new Uint8Array(256)
  private readonly specialText: RegExp
  readonly kernelRows: KernelRows

  constructor({ delimiter, quote, nulls, columns, escapes = false }: CsvEncoderOptions, kernel: TextKernel) {
    this.escapes = escapes
    this.delimiter = delimiter
    this.quote = quote
    this.quoted = quote !== NO_QUOTE
    this.nulls = new Set(nulls)
    this.nullText = nulls[0] ?? ""
    this.hasNumericNull = nulls.some((text) => /\d/.test(text))
    this.nullBytes = Buffer.from(this.nullText)
    this.perRow = columns.length * (this.nullBytes.length + 3) + 1
    const own = [...(this.quoted ? [quote] : []), ...(escapes ? [BACKSLASH] : [])]
    for (const byte of [delimiter, LF, CR, ...own]) this.special[byte] = 1
    const marks = [delimiter, ...own].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`)
    this.specialText = new RegExp(`[\r\n${marks.join("")}]`)
    const quotesEmpty = nulls.length > 0 && !escapes
    const frame = { target: "csv", null: this.nullBytes, end: LINE_END, delimiter, quote, quotesEmpty } as const
    const before = Uint8Array.of(delimiter)
    this.kernelRows = new KernelRows(
      kernel,
      frame,
      columns.map((_, i) => (i === 0 ? NO_TEXT : before)),
    )
  }

  /**
   * What the kernel does with a column: what stands in this dialect, and, where only the empty field is null, other text without quotes.
   */
  operation(column: Column, type: ColumnType): number | undefined {
    if (this.isCopyText(column, type)) return EncodeOperation.string
    if (!(column instanceof TextColumn) || column.type !== type || this.escapes || !this.hasOnlyEmptyNull()) return undefined
    return column.rows.format === "json" || this.isSameDialect(column.rows) || !column.rows.quotes ? operationOf[type] : undefined
  }

  private hasOnlyEmptyNull(): boolean {
    return this.nulls.size === 1 && this.nullText === ""
  }

  /** Whether fields of these rows stand here as they stood there; nulls too, where only the empty field is null here. */
  private isSameDialect({ delimiter, quote, nulls }: CsvRows): boolean {
    return delimiter === this.delimiter && quote === this.quote && nulls.length === 1 && nulls[0]!.length === 0
  }

  /** Whether a server wrote the column's text for COPY, and a server reads it: every value is as it has to be, its escapes too. */
  private isCopyText(column: Column, type: ColumnType): column is (TextColumn & { readonly rows: CsvRows }) | EscapedColumn {
    const isText = column instanceof TextColumn || column instanceof EscapedColumn
    return this.escapes && isText && column.type === type && column.rows.format === "csv" && column.rows.escapes === true
  }

  /** What writes column `index` of the batch as the `position`-th field of a row. */
  column(batch: Batch, index: number, position: number): PutField {
    const put =
      index < 0 ? (out: TextOutput, at: number) => this.null(out, at) : this.field(batch.columns[index]!, batch.schema.columns[index]!.type)
    const { delimiter } = this
    return position === 0 ? put : (out, at, row) => put(out, putDelimiter(out, at, delimiter), row)
  }

  private field(column: Column, type: ColumnType): PutField {
    if (this.isCopyText(column, type)) return copyRaw(csvText(column.rows, column.field), noCheck)
    if (!(column instanceof TextColumn) || column.type !== type) return this.values(column, type)
    return column.rows.format === "json" ? this.fromJson(column, column.rows) : this.fromCsv(column, column.rows)
  }

  private values(column: Column, type: ColumnType): PutField {
    return (out, at, row) => {
      const value = column.value(row)
      return value === null ? this.null(out, at) : this.value(out, at, value, type)
    }
  }

  private value(out: TextOutput, at: number, value: Value, type: ColumnType): number {
    if (type === "integer" && !this.hasNumericNull) return putInteger(out, at, value as number | bigint)
    return this.text(out, at, Object.is(value, -0) ? "-0" : formatValue(value, type))
  }

  /** A text as a field, quoted where it must be. */
  text(out: TextOutput, at: number, text: string): number {
    if (!this.specialText.test(text) && !this.nulls.has(text)) return putUtf8(out, at, text)
    if (this.escapes) return putUtf8(out, at, escapeText(text))
    if (!this.quoted) throw new UnsupportedValue("the text can only be written in quotes, and `quote` is off")
    const sign = String.fromCharCode(this.quote)
    return putUtf8(out, at, `${sign}${text.replaceAll(sign, sign + sign)}${sign}`)
  }

  private null(out: TextOutput, at: number): number {
    if (this.nulls.size === 0) throw new UnsupportedValue("a null has no text here: `null_values` is empty")
    out.bytes.set(this.nullBytes, at)
    return at + this.nullBytes.length
  }

  private fromCsv(column: TextColumn, rows: CsvRows): PutField {
    const text = csvText(rows, column.field)
    const check = this.checkOf(column)
    if (this.isSameDialect(rows) && this.hasOnlyEmptyNull()) return copyRaw(text, check)
    return (out, at, row) => {
      const cell = row * text.columns + text.field
      const start = text.offsets[cell]!
      const end = text.offsets[cell + 1]! - text.gap
      if (isNullAt(text, start, end)) return this.null(out, at)
      check(out, at, row, start, end)
      const isQuoted = end > start && text.bytes[start] === rows.quote
      if (isQuoted && rows.quote === this.quote) return putBytes(out, at, text.source, start, end)
      return isQuoted ? this.text(out, at, stringAt(column, row)) : this.plain(out, at, text, start, end)
    }
  }

  /** An unquoted text in another dialect. */
  private plain(
    out: TextOutput,
    at: number,
    { bytes, source }: { readonly bytes: Uint8Array; readonly source: CsvText["source"] },
    start: number,
    end: number,
  ): number {
    const { special } = this
    for (let i = start; i < end; i++) if (special[bytes[i]!] !== 0) return this.text(out, at, decodeText(bytes, start, end))
    const mayBeNull = !this.escapes && (start === end || this.nulls.size > 1 || this.nullText !== "")
    return mayBeNull ? this.text(out, at, decodeText(bytes, start, end)) : putBytes(out, at, source, start, end)
  }

  private fromJson(column: TextColumn, rows: JsonRows): PutField {
    const { kinds, spans, columns, buffer } = rows
    const text = { bytes: buffer, source: wordSource(buffer) }
    const { type, field } = column
    // Where more than the empty field is null, each value has to be compared with those texts.
    const isSimple = this.nulls.size <= 1 && (this.nullText === "" || this.escapes)
    const bare = isSimple ? copyBare[type] : undefined
    const words = isSimple ? copyWords[type] : undefined
    return (out, at, row) => {
      const cell = row * columns + field
      const kind = kinds[cell]!
      if (kind <= JsonKind.null) return this.null(out, at)
      const start = spans[2 * cell]!
      const end = spans[2 * cell + 1]!
      if (kind === JsonKind.string) {
        if (type === "string") return this.plain(out, at, text, start + 1, end - 1)
        const to = words?.(out, at, buffer, start + 1, end - 1) ?? -1
        if (to >= 0) return to
      } else if (bare !== undefined) {
        const to = bare(out, at, buffer, start, end)
        if (to >= 0) return to
      }
      return this.value(out, at, column.value(row)!, type)
    }
  }

  /** Throws where a field is not of its column's type. */
  private checkOf(column: TextColumn): Check {
    const { type } = column
    if (type === "string") return noCheck
    const copy: CopyScalar | undefined = copyBare[type] ?? copyWords[type]
    const { buffer } = column.rows
    return (out, at, row, start, end) => {
      // What is copied here is written over by the field itself.
      if (copy === undefined || copy(out, at, buffer, start, end) < 0) column.value(row)
    }
  }
}

const NO_TEXT = new Uint8Array(0)
const LINE_END = Uint8Array.of(LF)

const noCheck: Check = () => undefined

type Check = (out: TextOutput, at: number, row: number, start: number, end: number) => void

/** Fields that are written as they were read. */
const copyRaw =
  ({ source, offsets, columns, field, gap }: CsvText, check: Check): PutField =>
  (out, at, row) => {
    const cell = row * columns + field
    const start = offsets[cell]!
    const end = offsets[cell + 1]! - gap
    if (end === start) return at
    check(out, at, row, start, end)
    return putBytes(out, at, source, start, end)
  }

const stringAt = (column: TextColumn, row: number): string =>
  new TextColumn(column.rows, column.field, column.name, "string").value(row) as string

/** Text that is mostly ASCII. */
const putUtf8 = (out: TextOutput, at: number, text: string): number => {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return putWellFormed(out, at, text)
  return putAscii(out, at, text)
}

const putWellFormed = (out: TextOutput, at: number, text: string): number => {
  if (!text.isWellFormed()) throw new UnsupportedValue("the text holds half of a surrogate pair, which UTF-8 cannot hold")
  return putText(out, at, text)
}
