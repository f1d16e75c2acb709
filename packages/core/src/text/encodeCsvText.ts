/** Fields of CSV text as encoders look at them. */
import { type WordSource, wordSource } from "./encodeOutput.ts"
import type { CsvRows } from "./TextRows.ts"

/** One field of all rows: its text in row `r` is `bytes[offsets[r*columns+field] … offsets[r*columns+field+1]-gap)`. */
export interface CsvText {
  readonly source: WordSource
  readonly bytes: Uint8Array
  readonly offsets: Uint32Array
  readonly columns: number
  readonly field: number
  /** Bytes between the end of a field and the start of the next. */
  readonly gap: number
  readonly quote: number
  readonly quotes: boolean
  /** Whether the empty field is null. */
  readonly emptyIsNull: boolean
  /** The other texts that mean null. */
  readonly nulls: ReadonlyArray<Uint8Array>
}

/** Whether the empty field is null, and the other texts that mean null. */
export const nullsOf = ({ nulls }: CsvRows) => ({
  emptyIsNull: nulls.some((text) => text.length === 0),
  nulls: nulls.filter((text) => text.length > 0),
})

export const csvText = (rows: CsvRows, field: number): CsvText => ({
  source: wordSource(rows.buffer),
  bytes: rows.buffer,
  offsets: rows.offsets,
  columns: rows.columns,
  field,
  gap: rows.crlf && field === rows.columns - 1 ? 2 : 1,
  quote: rows.quote,
  quotes: rows.quotes,
  ...nullsOf(rows),
})

export const isNullAt = (text: CsvText, start: number, end: number): boolean =>
  start === end ? text.emptyIsNull : text.nulls.length > 0 && isNullText(text, start, end)

const isNullText = ({ bytes, nulls }: CsvText, start: number, end: number): boolean =>
  nulls.some((text) => text.length === end - start && isSameAt(bytes, start, text))

const isSameAt = (bytes: Uint8Array, start: number, text: Uint8Array): boolean => {
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text[i]) return false
  return true
}
