/**
 * The kernels in WebAssembly. One instance per thread, made at first use; memory holds the keys, then the text, then what was found, and
 * nothing in it outlives a call but the keys.
 */
import type { TextOutput } from "./encodeOutput.ts"
import { kernelBinary } from "./kernelBinary.ts"
import { type CsvState, finishCsv, splitBackwards } from "./kernelCsv.ts"
import { EncodeLayout } from "./kernelEncodeLayout.ts"
import { copyKinds, copySpans } from "./kernelJson.ts"
import { keyTable } from "./kernelKeys.ts"
import { CsvStatus, jsonProblem, JsonStatus } from "./kernelProblem.ts"
import type {
  CsvOptions,
  CsvScan,
  Encoded,
  EncodeColumn,
  EncodeFrame,
  EncodeText,
  JsonKeys,
  JsonReuse,
  JsonScan,
  TextKernel,
} from "./kernelTypes.ts"

const PAGE = 65_536
/** CSV goes through in slices that stay in the processor's cache. A multiple of 64. */
const SLICE = 65_536
/** Bytes after the text that the kernel may read. */
const PADDING = 128
/** The stretch that rows are written into before they are copied out; it stays in the processor's cache. */
const OUTPUT = 4 * PAGE
/** An instance that grew beyond this for one huge row is not kept. */
const KEEP = 512 * PAGE

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; readonly grow: (pages: number) => number }
  readonly csvStart: (columns: number, delimiter: number, quote: number, offsets: number) => void
  readonly csvScan: (input: number, length: number, base: number) => number
  readonly csvCount: () => number
  readonly csvRows: () => number
  readonly csvColumns: () => number
  readonly csvCrlf: () => number
  readonly csvInside: () => number
  readonly csvFirstQuote: () => number
  readonly csvProblemAt: () => number
  readonly countByte: (input: number, length: number, byte: number) => number
  readonly jsonPatternBytes: (columns: number) => number
  readonly jsonKeys: (columns: number, places: number, hashes: number, mask: number, patterns: number) => void
  readonly jsonStart: (base: number, from: number, to: number, array: boolean, first: boolean, final: boolean) => void
  readonly jsonScan: (spans: number, kinds: number, capacity: number) => number
  readonly jsonRows: () => number
  readonly jsonConsumed: () => number
  readonly jsonClosed: () => number
  readonly jsonProblemAt: () => number
  readonly encodeStart: (settings: number) => void
  readonly encodeRows: (first: number, last: number, at: number, end: number) => number
  readonly encodeRow: () => number
  readonly encodeEnd: () => number
  readonly encodeColumn: () => number
}

/** The part of the global that is used; it is missing where the host forbids it. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: Exports }
}

/** Throws what the host says where it runs no WebAssembly or knows no SIMD. */
export const makeWasmKernel = (): TextKernel => {
  const api = (globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly
  if (api === undefined) throw new Error("text kernel: this host has no WebAssembly")
  const module = new api.Module(Uint8Array.from(atob(kernelBinary), (character) => character.charCodeAt(0)))
  let current: WasmInstance | undefined = new WasmInstance(new api.Instance(module).exports)

  const use = <A>(work: (instance: WasmInstance) => A): A => {
    const instance = current ?? new WasmInstance(new api.Instance(module).exports)
    const result = work(instance)
    current = instance.bytes.length > KEEP ? undefined : instance
    return result
  }
  return {
    name: "wasm",
    scanCsv: (bytes, from, to, options) => use((instance) => instance.scanCsv(bytes, from, to, options)),
    splitCsv: (bytes, from, to, quote, insideQuotes) => {
      const quotes = use((instance) => instance.countByte(bytes, from, to, quote))
      return splitBackwards(bytes, from, to, quote, insideQuotes !== (quotes % 2 === 1))
    },
    scanNdjson: (bytes, from, to, keys, options) =>
      use((instance) => instance.scanJson(bytes, from, to, keys, { ...options, array: false, first: true })),
    scanJsonArray: (bytes, from, to, keys, options) =>
      use((instance) => ({ ...instance.scanJson(bytes, from, to, keys, { ...options, array: true }), closed: instance.isClosed() })),
    count: (bytes, from, to, byte) => use((instance) => instance.countByte(bytes, from, to, byte)),
    encode: (text, columns, frame, out) => use((instance) => instance.encode(text, columns, frame, out)),
  }
}

interface JsonMode {
  readonly array: boolean
  readonly first: boolean
  readonly final: boolean
  readonly maxRows?: number
  readonly reuse?: JsonReuse
}

class WasmInstance {
  readonly kernel: Exports
  bytes: Uint8Array<ArrayBuffer>
  words: Uint32Array<ArrayBuffer>
  keys: JsonKeys | undefined
  /** Where the text begins, after the keys. */
  input = 64
  /** A row's length in the last text with these keys, to guess how many rows the next one has. */
  rowBytes = 128
  /** Where the kinds of the last JSON text lie. */
  kindsAt = 0

  constructor(kernel: Exports) {
    this.kernel = kernel
    this.bytes = new Uint8Array(kernel.memory.buffer)
    this.words = new Uint32Array(kernel.memory.buffer)
  }

  scanCsv(bytes: Uint8Array, from: number, to: number, options: CsvOptions): CsvScan {
    const { kernel } = this
    const offsets = this.input + SLICE + PADDING
    kernel.csvStart(options.columns, options.delimiter, options.quote, offsets + 4)
    let status: number = CsvStatus.ok
    for (let at = from; at < to && status === CsvStatus.ok; at += SLICE) {
      const length = Math.min(SLICE, to - at)
      this.reserve(offsets + 4 * ((kernel.csvCount() >>> 0) + length + 80))
      this.bytes.set(bytes.subarray(at, at + length), this.input)
      status = kernel.csvScan(this.input, length, at)
    }
    this.reserve(offsets + 8)
    this.words[offsets / 4] = from
    return finishCsv(this.csvState(offsets, status), bytes, to, options)
  }

  private csvState(offsets: number, status: number): CsvState {
    const { kernel } = this
    return {
      offsets: this.words.subarray(offsets / 4),
      count: kernel.csvCount() >>> 0,
      rows: kernel.csvRows() >>> 0,
      columns: kernel.csvColumns() >>> 0,
      crlf: kernel.csvCrlf() !== 0,
      inside: kernel.csvInside() !== 0,
      firstQuote: kernel.csvFirstQuote() >>> 0,
      status,
      problemAt: kernel.csvProblemAt() >>> 0,
    }
  }

  countByte(bytes: Uint8Array, from: number, to: number, byte: number): number {
    this.reserve(this.input + SLICE)
    let total = 0
    let at = from
    while (to - at >= 64) {
      const length = Math.min(SLICE, to - at) & ~63
      this.bytes.set(bytes.subarray(at, at + length), this.input)
      total += this.kernel.countByte(this.input, length, byte)
      at += length
    }
    for (; at < to; at++) if (bytes[at] === byte) total++
    return total
  }

  scanJson(bytes: Uint8Array, from: number, to: number, keys: JsonKeys, mode: JsonMode): JsonScan {
    if (keys !== this.keys) this.takeKeys(keys)
    const { kernel, input } = this
    const end = input + to - from
    this.reserve(end + PADDING)
    this.bytes.set(bytes.subarray(from, to), input)
    this.bytes[end] = 0
    kernel.jsonStart(input - from, input, end, mode.array, mode.first, mode.final)

    const status = this.fill(align(end + PADDING), from, to, mode.maxRows ?? Number.MAX_SAFE_INTEGER)
    return this.jsonResult(status, align(end + PADDING), keys.length, mode.reuse)
  }

  /** Scans, with more room whenever it runs out: spans at `spans`, kinds after them. */
  private fill(spans: number, from: number, to: number, maxRows: number): number {
    const { kernel } = this
    const columns = this.keys!.length
    let capacity = Math.min(64 + Math.ceil((to - from) / this.rowBytes), maxRows)
    for (;;) {
      const kinds = spans + 8 * capacity * columns
      this.reserve(kinds + capacity * columns + 16)
      const status = kernel.jsonScan(spans, kinds, capacity)
      const rows = kernel.jsonRows() >>> 0
      if (status !== JsonStatus.full || capacity === maxRows) {
        if (rows >= 16) this.rowBytes = (0.95 * ((kernel.jsonConsumed() >>> 0) - from)) / rows
        this.kindsAt = kinds
        return status
      }
      capacity = Math.min(2 * capacity, maxRows)
      const moved = spans + 8 * capacity * columns
      this.reserve(moved + rows * columns)
      this.bytes.copyWithin(moved, kinds, kinds + rows * columns)
    }
  }

  private jsonResult(status: number, spans: number, columns: number, reuse: JsonReuse | undefined): JsonScan {
    const { kernel } = this
    const rows = kernel.jsonRows() >>> 0
    const cells = rows * columns
    return {
      spans: copySpans(this.words.subarray(spans / 4, spans / 4 + 2 * cells), reuse),
      kinds: copyKinds(this.bytes.subarray(this.kindsAt, this.kindsAt + cells), reuse),
      rows,
      consumed: kernel.jsonConsumed() >>> 0,
      problem: jsonProblem(status, kernel.jsonProblemAt() >>> 0, rows),
    }
  }

  /** Lays down what the kernel needs, and empties the stretch that it writes into whenever that is full. */
  encode(text: EncodeText, columns: ReadonlyArray<EncodeColumn>, frame: EncodeFrame, out: TextOutput): Encoded {
    const { kernel } = this
    const layout = new EncodeLayout(text, columns, frame, this.input)
    let room = OUTPUT
    this.reserve(layout.size + room + PADDING)
    layout.write(this.bytes, this.words)
    kernel.encodeStart(layout.settings)
    const start = layout.size
    let length = 0
    for (let first = 0; ;) {
      const status = kernel.encodeRows(first, text.length, start, start + room)
      if (status === EncodeStatus.notPlain) return { column: kernel.encodeColumn() >>> 0 }
      const end = kernel.encodeEnd() >>> 0
      out.reserve(length, end - start)
      out.bytes.set(this.bytes.subarray(start, end), length)
      length += end - start
      if (status === EncodeStatus.done) return { length }
      const row = kernel.encodeRow() >>> 0
      if (row === first) {
        room *= 2
        this.reserve(start + room + PADDING)
      }
      first = row
    }
  }

  isClosed(): boolean {
    return this.kernel.jsonClosed() !== 0
  }

  /** Lays down places and hashes of the keys, the patterns that the kernel learns, and the keys themselves. */
  private takeKeys(keys: JsonKeys): void {
    const { hashes, mask } = keyTable(keys)
    this.keys = undefined
    const places = 64
    const table = places + 8 * keys.length
    const patterns = align(table + 4 * hashes.length)
    let at = patterns + this.kernel.jsonPatternBytes(keys.length)
    this.reserve(at + keys.reduce((sum, key) => sum + key.length, 0) + PADDING)
    this.words.set(hashes, table / 4)
    for (const [column, key] of keys.entries()) {
      this.words.set([at, key.length], places / 4 + 2 * column)
      this.bytes.set(key, at)
      at += key.length
    }
    this.kernel.jsonKeys(keys.length, places, table, mask, patterns)
    this.input = align(at)
    this.rowBytes = 128 + 8 * keys.length
    this.keys = keys
  }

  private reserve(size: number): void {
    const missing = size - this.bytes.length
    if (missing <= 0) return
    this.kernel.memory.grow(Math.ceil(missing / PAGE))
    this.bytes = new Uint8Array(this.kernel.memory.buffer)
    this.words = new Uint32Array(this.kernel.memory.buffer)
  }
}

/** What a call of `encodeRows` ended with, as in packages/core/kernel/encode.ts. */
const EncodeStatus = { done: 0, full: 1, notPlain: 2 } as const

const align = (place: number): number => Math.ceil(place / 64) * 64
