/** What the code generator is given by whoever puts its source into a function. */
/**
 * Where the text of a column stands, as fragments of source. Fragments have no effect and are cheap, so they may appear several times.
 *
 * What is not a fragment is known when the code is generated: the code runs only on batches for which it is true.
 */
export type TextField = CsvTextField | JsonTextField

export interface CsvTextField {
  readonly format: "csv"
  /** The Uint8Array. */
  readonly buffer: string
  /** Index of the field's first byte, its quote included. */
  readonly start: string
  /** Index after the field's last byte. */
  readonly end: string
  /** The quote's byte. */
  readonly quote: number
  /** False promises that no field is quoted. */
  readonly quotes: boolean
  readonly nulls: ReadonlyArray<Uint8Array>
}

export interface JsonTextField {
  readonly format: "json"
  readonly buffer: string
  readonly start: string
  readonly end: string
  /** The token's `JsonKind`. */
  readonly kind: string
}

export interface Emitter {
  /**
   * Source that gives the decoded value or null of the scope's column `index` in the current row. It decodes at most once per row, when it
   * first runs.
   */
  readonly column: (index: number) => string
  /** Source that says whether the column is null, without decoding. Without it `column(index) === null` is used. */
  readonly isNull?: (index: number) => string
  /** Where the text of the column stands; undefined where the column is no text. */
  readonly textField?: (index: number) => TextField | undefined
  /** Keeps any value outside of the loop and gives its name: constants of the expression, sets, functions, patterns made ready. */
  readonly constant: (value: unknown) => string
  /** The name under which a function of `runtime` is reachable. */
  readonly runtime: (name: string) => string
  /** Declares a variable of the function and gives its name. */
  readonly local: () => string
}
