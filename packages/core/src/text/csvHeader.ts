/** The first row of a CSV text, which names the columns. */
import { csvError } from "./csvDecoderErrors.ts"
import { firstLenientRow, normaliseCsv } from "./csvDecoderLenient.ts"
import type { CsvDialect } from "./csvDialect.ts"
import { decodeCsvField } from "./decode.ts"
import { DecodeError } from "./DecodeError.ts"
import { checkUtf8 } from "./encoding.ts"
import { textKernel } from "./kernel.ts"
import { countLines } from "./lines.ts"
import type { CsvRows } from "./TextRows.ts"

export interface FirstRow {
  readonly fields: ReadonlyArray<string>
  /** Bytes and line ends that it takes, line end included. */
  readonly length: number
  readonly lines: number
}

export interface FirstRowOptions extends CsvDialect {
  readonly lenient: boolean
  /** No text comes after these bytes. */
  readonly final: boolean
}

/** The first row, or undefined where it is not complete. Throws `DecodeError`. */
export const readFirstRow = (bytes: Uint8Array, options: FirstRowOptions): FirstRow | undefined => {
  const { delimiter, quote, final } = options
  const scan = textKernel().scanCsv(bytes, 0, bytes.length, { delimiter, quote, columns: 0, final })
  if (scan.rows === 0 && scan.problem === undefined && !options.lenient) return undefined
  if (options.lenient) return lenientRow(bytes, options)
  if (scan.problem !== undefined && scan.rows === 0) throw csvError(bytes, scan, { rows: 0, lines: 0 }, { columns: [], delimiter, quote })
  const { offsets, columns, crlf, quotes } = scan
  return firstRow(
    bytes,
    { format: "csv", buffer: bytes, offsets, columns, crlf, quotes, delimiter, quote, nulls: [] },
    Math.min(bytes.length, offsets[columns]!),
  )
}

const lenientRow = (bytes: Uint8Array, options: FirstRowOptions): FirstRow | undefined => {
  const { delimiter, quote, final } = options
  const found = firstLenientRow(bytes, options, final)
  if (found === undefined) return undefined
  const { buffer, offsets } = normaliseCsv(bytes.subarray(0, found.end), found.start, options, found.fields)
  const rows: CsvRows = { format: "csv", buffer, offsets, columns: found.fields, crlf: false, quotes: true, delimiter, quote, nulls: [] }
  return firstRow(bytes, rows, found.end)
}

const firstRow = (bytes: Uint8Array, rows: CsvRows, length: number): FirstRow => {
  checkUtf8(bytes.subarray(0, length))
  const fields = Array.from({ length: rows.columns }, (_, field) => decodeCsvField(rows, 0, field, "string") as string)
  return { fields, length, lines: countLines(bytes, 0, length) }
}

/** Throws `DecodeError` where the names cannot be those of columns. */
export const checkHeader = (names: ReadonlyArray<string>): void => {
  const missing = names.indexOf("")
  if (missing >= 0) throw headerError(`column ${missing + 1} has no name. Name it, or set \`header: false\` where the file has no header.`)
  const twice = names.findIndex((name, i) => names.indexOf(name) < i)
  if (twice < 0) return
  const name = names[twice]!
  throw headerError(`columns ${names.indexOf(name) + 1} and ${twice + 1} are both named ${JSON.stringify(name)}. Give each its own name.`)
}

const headerError = (message: string): DecodeError => new DecodeError("CSV_HEADER", message, { row: 0, line: 1 })
