/**
 * What the text kernels do, whichever of the two forms runs: WebAssembly with SIMD or plain JavaScript. Both give the same bytes.
 *
 * A kernel finds where fields and values stand and checks the grammar on the way; it decodes nothing. Where its quick rules do not apply it
 * stops with a `problem`, and everything before the problem's row is in the result.
 */

import type { TextOutput } from "./encodeOutput.ts"
import type { TextRows } from "./textLayout.ts"

export interface CsvOptions {
  /** One byte each, neither LF nor CR, and not the same. `quote` 0xff, which UTF-8 never holds, means that nothing is quoted. */
  readonly delimiter: number
  readonly quote: number
  /** Fields of every row. 0: not known yet, so the scan stops after the first row and tells. */
  readonly columns: number
  /** No text comes after `to`: the last row ends there, with or without a line end. */
  readonly final: boolean
  /** The `offsets` of an earlier scan that nobody reads any more. Fresh memory costs about as much as the scan itself. */
  readonly reuse?: Uint32Array<ArrayBuffer>
}

/**
 * - `ragged`: a row with another number of fields; `at` is its end.
 * - `quote`: a quote inside an unquoted field, text after a closing quote, or (at the opening one) a quote that is never closed.
 * - `mixed`: a row that ends otherwise than the first, or a CR that ends no row. A scan from `consumed` goes on after a change of line
 *   ends.
 */
export interface CsvProblem {
  readonly kind: "ragged" | "quote" | "mixed"
  readonly at: number
  readonly row: number
}

export interface CsvScan {
  /**
   * The first row's start, then the place after each delimiter and row end: `rows * columns + 1` entries. A last row without a line end
   * is given as if one stood at `to`, so that its last entry can lie past the text.
   */
  readonly offsets: Uint32Array<ArrayBuffer>
  readonly rows: number
  readonly columns: number
  /** Where the first row that is not in the result begins. */
  readonly consumed: number
  /** Every row ends with CRLF. */
  readonly crlf: boolean
  /** A quote stands somewhere in the rows. */
  readonly quotes: boolean
  readonly problem: CsvProblem | undefined
}

export interface CsvSplit {
  /** After the last LF outside of quotes, or -1. */
  readonly boundary: number
  /** Whether the text ends inside quotes. */
  readonly insideQuotes: boolean
}

/** Arrays of an earlier scan that nobody reads any more. */
export interface JsonReuse {
  readonly spans: Uint32Array<ArrayBuffer>
  readonly kinds: Uint8Array<ArrayBuffer>
}

export interface NdjsonOptions {
  /** No text comes after `to`. */
  readonly final: boolean
  /**
   * The scan stops after so many rows, and the next one begins at `consumed`. A row costs 9 bytes per key however short it is, so without a
   * limit a text of `{}` can grow a thousand times.
   */
  readonly maxRows?: number
  readonly reuse?: JsonReuse
}

export interface JsonArrayOptions extends NdjsonOptions {
  /** No element stands before `from`: the text begins after the opening bracket. Otherwise it begins after an element. */
  readonly first: boolean
}

/**
 * - `syntax`: no JSON; `message` says what is wrong at `at`.
 * - `not-object`: a row that is another value.
 * - `unknown-key`, `duplicate-key`, `escaped-key` (spelled with escapes, so it may be any of the keys); `at` is the key's quote.
 * - `depth`: a value nested more than 64 deep.
 */
export interface JsonProblem {
  readonly kind: "syntax" | "unknown-key" | "duplicate-key" | "escaped-key" | "not-object" | "depth"
  readonly at: number
  readonly row: number
  readonly message: string
}

export interface JsonScan {
  /** Start and end of the value of each key in each row; 0, 0 where the key is missing. Strings with their quotes. */
  readonly spans: Uint32Array<ArrayBuffer>
  /** What each value is: see `JsonKind`. */
  readonly kinds: Uint8Array<ArrayBuffer>
  readonly rows: number
  /** NDJSON: where the first line that is not in the result begins. Array: after the last element in the result, or after `]`. */
  readonly consumed: number
  readonly problem: JsonProblem | undefined
}

export interface JsonArrayScan extends JsonScan {
  /** The array has ended, right before `consumed`. */
  readonly closed: boolean
}

/**
 * Raw key names, as they stand between quotes, in column order. Scans that share the array share what is prepared for it: never change it.
 */
export type JsonKeys = ReadonlyArray<Uint8Array>

/** What the kernel does with a column: the numbers stand in packages/core/kernel/encode.ts too. */
export const EncodeOperation = {
  prepared: 0,
  string: 1,
  integer: 2,
  decimal: 3,
  boolean: 4,
  date: 5,
  time: 6,
  timestamp: 7,
  timestamptz: 8,
  uuid: 9,
  json: 10,
} as const

/** A column that is copied: a field of the text with `key` before it. */
export interface CopiedColumn {
  readonly operation: number
  readonly key: Uint8Array
  readonly field: number
}

/** A column whose fields are there as they are to be written, keys included: the `i`-th of the selected rows ends at `ends[i]`. */
export interface PreparedColumn {
  readonly text: Uint8Array
  readonly ends: Uint32Array
}

export type EncodeColumn = CopiedColumn | PreparedColumn

/** The rows to write, in the stretch of their buffer from `from` to `to`. `selection` says which of the `rowCount`; all without one. */
export interface EncodeText {
  readonly rows: TextRows
  readonly rowCount: number
  readonly length: number
  readonly selection: Int32Array | undefined
  readonly from: number
  readonly to: number
}

/** The format that is written. */
export interface EncodeFrame {
  readonly target: "json" | "csv"
  /** What is written for null, and behind a row. */
  readonly null: Uint8Array
  readonly end: Uint8Array
  /** Of CSV; `quote` is 0xff where nothing is quoted. */
  readonly delimiter: number
  readonly quote: number
  /** Whether an empty text needs quotes, because an empty field is null. */
  readonly quotesEmpty: boolean
}

/** What was written, or the column that the kernel cannot judge, with nothing said about what was written. */
export type Encoded = { readonly length: number } | { readonly column: number }

export interface TextKernel {
  readonly name: "wasm" | "javascript"
  /** Finds the fields of the rows in `bytes` from `from`, where a row begins, to `to`. */
  readonly scanCsv: (bytes: Uint8Array, from: number, to: number, options: CsvOptions) => CsvScan
  /** Finds where CSV text can be cut between rows, without looking at fields. */
  readonly splitCsv: (bytes: Uint8Array, from: number, to: number, quote: number, insideQuotes: boolean) => CsvSplit
  /**
   * Finds the values of one object per line. Lines without text are no rows. A line that is not complete is left for later, whatever is in
   * it, so the line of a problem is all there.
   */
  readonly scanNdjson: (bytes: Uint8Array, from: number, to: number, keys: JsonKeys, options: NdjsonOptions) => JsonScan
  /** Finds the values of the objects in an array, to the end of the text or of the array. */
  readonly scanJsonArray: (bytes: Uint8Array, from: number, to: number, keys: JsonKeys, options: JsonArrayOptions) => JsonArrayScan
  /** Number of `byte` in the text. */
  readonly count: (bytes: Uint8Array, from: number, to: number, byte: number) => number
  /** Writes rows of text at the start of `out`. Plain JavaScript has none: the writers in src/text/encode*.ts do it field by field. */
  readonly encode?: (text: EncodeText, columns: ReadonlyArray<EncodeColumn>, frame: EncodeFrame, out: TextOutput) => Encoded
}
