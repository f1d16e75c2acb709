/** How a CSV file is written. Goes through structured clone. */
export interface CsvDialect {
  /** One ASCII byte. */
  readonly delimiter: number
  /** One ASCII byte; `NO_QUOTE` where nothing is quoted. */
  readonly quote: number
  /** Unquoted fields with one of these texts are null. */
  readonly nulls: ReadonlyArray<string>
}

/** A byte that UTF-8 never holds, for files without quotes. */
export const NO_QUOTE = 0xff

export const strictCsv: CsvDialect = { delimiter: 44, quote: 34, nulls: [""] }
