/** How rows of CSV and JSON lie in their bytes: where each field begins and ends. */

/**
 * CSV rows in UTF-8, in the strict form of RFC 4180. Whatever else a file may hold (other encodings, ragged rows) is brought to this form
 * before.
 *
 * `offsets` is flat: the first row's start, then the byte after each delimiter or line end. With `n = columns`, field `i` of row `r` is
 * `buffer[offsets[r*n+i] … offsets[r*n+i+1]-1)`, quotes included; the last field of a row ends one byte earlier where `crlf`.
 */
export interface CsvRows {
  readonly format: "csv"
  readonly buffer: Uint8Array
  readonly offsets: Uint32Array
  readonly columns: number
  readonly crlf: boolean
  /** False promises that no field is quoted. */
  readonly quotes: boolean
  readonly delimiter: number
  readonly quote: number
  /** Unquoted fields with this text are null. The empty field is usually one of them. */
  readonly nulls: ReadonlyArray<Uint8Array>
  /** True for the text of COPY, just as a server wrote it. What has an escape in it is no `TextColumn`, but an `EscapedColumn`. */
  readonly escapes?: boolean
  /** Takes the memory back, once nobody looks at the rows any more. */
  readonly release?: () => void
}

/** Kinds of JSON tokens, as the scanner tells them. */
export const JsonKind = {
  missing: 0,
  null: 1,
  false: 2,
  true: 3,
  integer: 4,
  number: 5,
  string: 6,
  escapedString: 7,
  object: 8,
  array: 9,
} as const

/**
 * Objects of NDJSON or a JSON array. The value of column `i` in row `r` is the token `buffer[spans[2*(r*n+i)] … spans[2*(r*n+i)+1])`,
 * strings with their quotes; `kinds[r*n+i]` says what it is.
 */
export interface JsonRows {
  readonly format: "json"
  readonly buffer: Uint8Array
  readonly spans: Uint32Array
  readonly kinds: Uint8Array
  readonly columns: number
}

export type TextRows = CsvRows | JsonRows

export const csvStart = (rows: CsvRows, row: number, field: number): number => rows.offsets[row * rows.columns + field]!

export const csvEnd = (rows: CsvRows, row: number, field: number): number =>
  rows.offsets[row * rows.columns + field + 1]! - (rows.crlf && field === rows.columns - 1 ? 2 : 1)

/** Whether the unquoted field is one of the texts that mean null. */
export const isCsvNull = (rows: CsvRows, row: number, field: number): boolean => {
  const start = csvStart(rows, row, field)
  const length = csvEnd(rows, row, field) - start
  return rows.nulls.some((text) => text.length === length && text.every((byte, i) => rows.buffer[start + i] === byte))
}
