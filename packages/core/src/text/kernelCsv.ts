/** The CSV kernel in plain JavaScript, and what both forms of it share: the last row and the result. */
import { CsvStatus, csvProblem } from "./kernelProblem.ts"
import type { CsvOptions, CsvScan, CsvSplit } from "./kernelTypes.ts"

const LF = 10
const CR = 13

/** What a scan knows when its text ends. */
export interface CsvState {
  /** `from`, then `count` places; room for one more. */
  readonly offsets: Uint32Array
  readonly count: number
  readonly rows: number
  readonly columns: number
  readonly crlf: boolean
  readonly inside: boolean
  /** 0xffffffff: none. */
  readonly firstQuote: number
  readonly status: number
  readonly problemAt: number
}

export const NO_QUOTE = 0xffffffff

/** Decides about the row that the text leaves open, and copies what the caller gets. */
export const finishCsv = (state: CsvState, bytes: Uint8Array, to: number, options: CsvOptions): CsvScan => {
  const last = options.final && state.status === CsvStatus.ok ? finishRow(state, bytes, to) : state
  const { offsets, rows, columns } = last
  const entries = rows * columns + 1
  // A last row without a line end is consumed up to `to`, though its entry says that a line end follows.
  const consumed = Math.min(offsets[entries - 1]!, to)
  return {
    offsets: copyOffsets(offsets, entries, options.reuse),
    rows,
    columns,
    consumed,
    crlf: last.crlf && rows > 0,
    quotes: last.firstQuote < consumed,
    problem: csvProblem(last.status, last.problemAt, rows),
  }
}

const finishRow = (state: CsvState, bytes: Uint8Array, to: number): CsvState => {
  const { offsets, count, rows, columns } = state
  if (offsets[rows * columns]! >= to) return state
  if (state.inside) return { ...state, status: CsvStatus.quote, problemAt: offsets[count]! }
  if (bytes[to - 1] === CR) return { ...state, status: CsvStatus.mixed, problemAt: to - 1 }

  const fields = count + 1 - rows * columns
  if (columns !== 0 && fields !== columns) return { ...state, status: CsvStatus.ragged, problemAt: to }
  offsets[count + 1] = to + (state.crlf ? 2 : 1)
  return { ...state, columns: fields, rows: rows + 1 }
}

const copyOffsets = (offsets: Uint32Array, entries: number, reuse: Uint32Array<ArrayBuffer> | undefined): Uint32Array<ArrayBuffer> => {
  const wanted = offsets.subarray(0, entries)
  if (reuse === undefined || reuse.buffer.byteLength < entries * 4) return new Uint32Array(wanted)
  const result = new Uint32Array(reuse.buffer, 0, entries)
  result.set(wanted)
  return result
}

export const scanCsv = (bytes: Uint8Array, from: number, to: number, options: CsvOptions): CsvScan => {
  const scanner = new CsvScanner(bytes, from, to, options)
  scanner.run()
  return finishCsv(scanner, bytes, to, options)
}

class CsvScanner implements CsvState {
  readonly bytes: Uint8Array
  readonly from: number
  readonly to: number
  readonly delimiter: number
  readonly quote: number
  /** No byte above this one means anything, so most text is passed over with one comparison. */
  readonly highest: number
  offsets: Uint32Array
  count = 0
  rows = 0
  columns: number
  crlf = false
  inside = false
  firstQuote = NO_QUOTE
  status: number = CsvStatus.ok
  problemAt = 0

  constructor(bytes: Uint8Array, from: number, to: number, options: CsvOptions) {
    this.bytes = bytes
    this.from = from
    this.to = to
    this.delimiter = options.delimiter
    this.quote = options.quote
    this.highest = Math.max(CR, options.delimiter, options.quote === 0xff ? 0 : options.quote)
    this.columns = options.columns
    this.offsets = new Uint32Array(16 + ((to - from) >> 3))
    this.offsets[0] = from
  }

  run(): void {
    let start = this.from
    while (start < this.to) {
      const end = this.fieldEnd(start)
      if (end >= this.to || this.status !== CsvStatus.ok) return
      const isRowEnd = this.bytes[end] !== this.delimiter
      if (isRowEnd && !this.endRow(end)) return
      start = end + 1
      this.push(start)
      if (isRowEnd && this.closeRow()) return
    }
  }

  /** The delimiter or LF after the field, or `to`; or a problem. */
  private fieldEnd(start: number): number {
    const { bytes, to, delimiter, quote } = this
    let at = start
    if (bytes[at] === quote) at = this.quotedEnd(at)
    if (this.status !== CsvStatus.ok) return at
    for (; at < to; at++) {
      const byte = bytes[at]!
      if (byte > this.highest && byte !== quote) continue
      if (byte === delimiter || byte === LF) return at
      if (byte === quote) return this.refuseQuote(at)
      if (byte === CR && at + 1 < to && bytes[at + 1] !== LF) return this.refuse(CsvStatus.mixed, at)
    }
    return to
  }

  /** What follows the closing quote: the end of the field, or a problem. */
  private quotedEnd(start: number): number {
    const { bytes, to, quote } = this
    if (this.firstQuote === NO_QUOTE) this.firstQuote = start
    let at = start + 1
    for (;;) {
      while (at < to && bytes[at] !== quote) at++
      if (at >= to) {
        this.inside = true
        return to
      }
      const next = ++at < to ? bytes[at]! : LF
      if (next === this.delimiter || next === LF || next === CR) return at
      if (next !== quote) return this.refuse(CsvStatus.quote, at)
      at++
    }
  }

  private refuseQuote(at: number): number {
    if (this.firstQuote === NO_QUOTE) this.firstQuote = at
    return this.refuse(CsvStatus.quote, at)
  }

  private refuse(status: number, at: number): number {
    this.status = status
    this.problemAt = at
    return at
  }

  /** Checks a row before its end is noted. */
  private endRow(lf: number): boolean {
    const crlf = lf > this.from && this.bytes[lf - 1] === CR
    if (this.rows === 0) this.crlf = crlf
    if (crlf !== this.crlf) this.refuse(CsvStatus.mixed, lf)
    else if (this.columns !== 0 && this.count + 1 !== (this.rows + 1) * this.columns) this.refuse(CsvStatus.ragged, lf)
    return this.status === CsvStatus.ok
  }

  /** Whether that was all: the first row, of which only the number of fields was wanted. */
  private closeRow(): boolean {
    this.rows++
    if (this.columns !== 0) return false
    this.columns = this.count
    this.status = CsvStatus.oneRow
    return true
  }

  private push(place: number): void {
    // One place stays free for the end of a last row without a line end.
    if (this.count + 2 >= this.offsets.length) {
      const larger = new Uint32Array(2 * this.offsets.length)
      larger.set(this.offsets)
      this.offsets = larger
    }
    this.offsets[++this.count] = place
  }
}

export const splitCsv = (bytes: Uint8Array, from: number, to: number, quote: number, insideQuotes: boolean): CsvSplit => {
  let quotes = 0
  for (let at = from; at < to; at++) if (bytes[at] === quote) quotes++
  return splitBackwards(bytes, from, to, quote, insideQuotes !== (quotes % 2 === 1))
}

/** Goes back from the end, of which it is known whether quotes are open there, to the last line end outside of quotes. */
export const splitBackwards = (bytes: Uint8Array, from: number, to: number, quote: number, insideQuotes: boolean): CsvSplit => {
  let inside = insideQuotes
  for (let at = to - 1; at >= from; at--) {
    if (bytes[at] === quote) inside = !inside
    else if (bytes[at] === LF && !inside) return { boundary: at + 1, insideQuotes }
  }
  return { boundary: -1, insideQuotes }
}
