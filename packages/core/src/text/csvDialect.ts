/** How a CSV file is written. Goes through structured clone. */
export interface CsvDialect {
  /** One ASCII byte. */
  readonly delimiter: number
  /** One ASCII byte; `NO_QUOTE` where nothing is quoted. */
  readonly quote: number
  /** Unquoted fields with one of these texts are null. */
  readonly nulls: ReadonlyArray<string>
  /** Whether it is the text of COPY, in which a backslash begins an escape. Default false. */
  readonly escapes?: boolean
}

/** A byte that UTF-8 never holds, for files without quotes. */
export const NO_QUOTE = 0xff

export const strictCsv: CsvDialect = { delimiter: 44, quote: 34, nulls: [""] }

/** Text as COPY of PostgreSQL writes and reads it. */
export const copyText: CsvDialect = { delimiter: 9, quote: NO_QUOTE, nulls: ["\\N"], escapes: true }
