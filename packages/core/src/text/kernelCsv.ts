/** The CSV kernel in plain JavaScript, and what both forms of it share: the last row and the result. */
import { CsvStatus, csvProblem } from "./kernelProblem.ts"
import type { CsvOptions, CsvScan, CsvSplit } from "./kernelTypes.ts"

const LF = 10
const CR = 13
const SLICE = 16_384

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
  /** 1 for the bytes that mean something. */
  readonly special = new Uint8Array(256)
  readonly places: Uint32Array
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
    for (const byte of [LF, CR, options.delimiter, options.quote]) this.special[byte] = 1
    this.places = new Uint32Array(Math.min(SLICE, to - from))
    this.columns = options.columns
    this.offsets = new Uint32Array(16 + ((to - from) >> 3))
    this.offsets[0] = from
  }

  run(): void {
    let next = this.from
    while (next < this.to && this.status === CsvStatus.ok) next = this.takeSlice(next, Math.min(next + SLICE, this.to))
  }

  private takeSlice(from: number, to: number): number {
    const { bytes, delimiter, places } = this
    const found = this.findSpecial(from, to)
    let next = from
    for (let i = 0; i < found; i++) {
      const at = places[i]!
      if (at < next) continue
      const byte = bytes[at]!
      if (byte === delimiter) this.push(at + 1)
      else next = this.takeSpecial(byte, at) + 1
      if (this.status !== CsvStatus.ok) return next
    }
    return Math.max(next, to)
  }

  /** Notes every byte's place and keeps it if the byte means something: a branch per byte would cost three times as much. */
  private findSpecial(from: number, to: number): number {
    const { bytes, special, places } = this
    let found = 0
    for (let at = from; at < to; at++) {
      places[found] = at
      found += special[bytes[at]!]!
    }
    return found
  }

  /** An LF, CR or quote. Returns the last byte that was taken with it, or leaves a `status` that ends the scan. */
  private takeSpecial(byte: number, at: number): number {
    if (byte === LF) {
      this.endRow(at)
      return at
    }
    if (byte === this.quote) return this.takeQuoted(at)
    return at + 1 < this.to && this.bytes[at + 1] !== LF ? this.refuse(CsvStatus.mixed, at) : at
  }

  /** From the opening quote to the closing one, which must end the field. */
  private takeQuoted(start: number): number {
    const { bytes, to, quote } = this
    if (this.firstQuote === NO_QUOTE) this.firstQuote = start
    if (this.offsets[this.count] !== start) return this.refuse(CsvStatus.quote, start)
    for (let at = start + 1; ; at += 2) {
      while (at < to && bytes[at] !== quote) at++
      this.inside = at >= to
      if (at + 1 >= to) return to
      const next = bytes[at + 1]!
      if (next === this.delimiter || next === LF || next === CR) return at
      if (next !== quote) return this.refuse(CsvStatus.quote, at + 1)
    }
  }

  private refuse(status: number, at: number): number {
    this.status = status
    this.problemAt = at
    return at
  }

  private endRow(lf: number): void {
    const crlf = lf > this.from && this.bytes[lf - 1] === CR
    if (this.rows === 0) this.crlf = crlf
    const fields = this.count + 1 - this.rows * this.columns
    if (crlf !== this.crlf) this.refuse(CsvStatus.mixed, lf)
    else if (this.columns !== 0 && fields !== this.columns) this.refuse(CsvStatus.ragged, lf)
    if (this.status !== CsvStatus.ok) return

    this.push(lf + 1)
    this.rows++
    if (this.columns === 0) this.status = CsvStatus.oneRow
    this.columns = fields
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

export const splitCsv = (bytes: Uint8Array, from: number, to: number, quote: number, insideQuotes: boolean): CsvSplit =>
  splitBackwards(bytes, from, to, quote, insideQuotes !== hasOdd(bytes, from, to, quote))

/** Whether `byte` stands an odd number of times in the text: four bytes at a time, because that is all that has to be known. */
const hasOdd = (bytes: Uint8Array, from: number, to: number, byte: number): boolean => {
  let odd = false
  let at = from
  for (; at < to && (bytes.byteOffset + at) % 4 !== 0; at++) if (bytes[at] === byte) odd = !odd
  const words = to - at < 4 ? new Uint32Array(0) : new Uint32Array(bytes.buffer, bytes.byteOffset + at, (to - at) >> 2)
  const wanted = Math.imul(byte, 0x01010101)
  let zeros = 0
  for (let i = 0; i < words.length; i++) {
    // The top bit of each byte of `zeros` changes where the byte is the wanted one.
    const other = words[i]! ^ wanted
    zeros ^= ~(((other & 0x7f7f7f7f) + 0x7f7f7f7f) | other | 0x7f7f7f7f)
  }
  for (at += words.length * 4; at < to; at++) if (bytes[at] === byte) odd = !odd
  const bits = (zeros >>> 31) ^ (zeros >>> 23) ^ (zeros >>> 15) ^ (zeros >>> 7)
  return odd !== ((bits & 1) === 1)
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

export const countByte = (bytes: Uint8Array, from: number, to: number, byte: number): number => {
  let count = 0
  for (let at = bytes.indexOf(byte, from); at >= 0 && at < to; at = bytes.indexOf(byte, at + 1)) count++
  return count
}
