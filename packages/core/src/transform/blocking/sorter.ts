/**
 * Puts entries in the order of their keys, in memory as long as they fit and by runs in a spill file past that. Entries with the same key
 * keep their order.
 */
import { ByteReader, ByteWriter, prefixOf } from "./byteWriter.ts"
import { comparePieces, Entry, HEAD, type Piece, Slabs } from "./entries.ts"
import type { Range, SpillFile } from "./spill.ts"

export interface SorterOptions {
  /** Bytes that may be held. */
  readonly memory: number
  readonly openSpill: () => Promise<SpillFile>
}

/** Entries in order. `next` moves to the following one, and gives false where there is none; it waits only where it reads from disk. */
export interface SortedEntries {
  readonly entry: Entry
  readonly next: () => boolean | Promise<boolean>
}

/** What one entry takes beside its bytes: its place and the start of its key in lists that grow, and its turn while it is sorted. */
const ENTRY_BYTES = 48

export class Sorter {
  private readonly options: SorterOptions
  private readonly slabs = new Slabs()
  private places: Array<number> = []
  private prefixes: Array<number> = []
  private runs: Array<Range> = []

  constructor(options: SorterOptions) {
    this.options = options
  }

  add(key: Piece, row: Piece): void {
    this.places.push(this.slabs.add(key, row))
    this.prefixes.push(prefixOf(key.bytes, key.start, key.end))
  }

  /** Whether `spill` must be called before more is added. */
  get isFull(): boolean {
    return this.slabs.size + ENTRY_BYTES * this.places.length > this.options.memory
  }

  /** Writes what is held as one more run. */
  async spill(): Promise<void> {
    if (this.places.length === 0) return
    const spill = await this.options.openSpill()
    this.runs.push(await writeRun(spill, this.inMemory(), this.blockSize()))
    this.forget()
  }

  private forget(): void {
    this.slabs.empty()
    this.places = []
    this.prefixes = []
  }

  /** All entries in order. Nothing may be added after. */
  async sorted(): Promise<SortedEntries> {
    if (this.runs.length === 0) return this.inMemory()
    await this.spill()
    this.slabs.clear()
    const spill = await this.options.openSpill()
    const most = Math.max(2, Math.floor(this.options.memory / SMALLEST_BLOCK) - 1)
    // Neighbouring runs are merged into longer ones, so that equal keys keep their order.
    while (this.runs.length > most) {
      const longer: Array<Range> = []
      for (let i = 0; i < this.runs.length; i += most) {
        const some = this.runs.slice(i, i + most)
        longer.push(some.length === 1 ? some[0]! : await writeRun(spill, await this.merge(spill, some), this.blockSize()))
      }
      this.runs = longer
    }
    return await this.merge(spill, this.runs)
  }

  private blockSize(): number {
    return Math.max(SMALLEST_BLOCK, Math.min(LARGEST_BLOCK, Math.floor(this.options.memory / 8)))
  }

  private async merge(spill: SpillFile, runs: ReadonlyArray<Range>): Promise<SortedEntries> {
    const block = Math.max(SMALLEST_BLOCK, Math.min(LARGEST_BLOCK, Math.floor(this.options.memory / (runs.length + 1))))
    const readers = runs.map((run) => new RunReader(spill, run, block))
    const merged = new Merge(readers)
    await merged.start()
    return merged
  }

  private inMemory(): SortedEntries {
    const { places, prefixes, slabs } = this
    const order = this.order()
    const reader = new ByteReader()
    const entry = new Entry()
    let at = -1
    const next = (): boolean => {
      if (++at >= order.length) return false
      slabs.open(reader, places[order[at]!]!)
      entry.read(reader)
      return true
    }
    prefixes.length = 0
    return { entry, next }
  }

  private order(): Uint32Array {
    const { places, prefixes, slabs } = this
    const order = new Uint32Array(places.length)
    for (let i = 0; i < order.length; i++) order[i] = i
    const left = new Entry()
    const right = new Entry()
    const reader = new ByteReader()
    const rest = (a: number, b: number): number => {
      slabs.open(reader, places[a]!)
      left.read(reader)
      slabs.open(reader, places[b]!)
      right.read(reader)
      return comparePieces(left.key, right.key) || a - b
    }
    order.sort((a, b) => prefixes[a]! - prefixes[b]! || rest(a, b))
    return order
  }
}

const SMALLEST_BLOCK = 4 * 1024
const LARGEST_BLOCK = 1024 * 1024

const writeRun = async (spill: SpillFile, entries: SortedEntries, blockSize: number): Promise<Range> => {
  const out = new ByteWriter(blockSize + 1024)
  let run: Range | undefined
  const flush = async (): Promise<void> => {
    const written = await spill.append(out.bytes.subarray(0, out.length))
    run = { start: run?.start ?? written.start, end: written.end }
    out.length = 0
  }
  for (let more = entries.next(); more === true || (more !== false && (await more)); more = entries.next()) {
    const { entry } = entries
    if (out.length > 0 && out.length + entry.end - entry.start > blockSize) await flush()
    out.copy(entry.bytes, entry.start, entry.end)
  }
  if (out.length > 0) await flush()
  return run ?? { start: 0, end: 0 }
}

/** Reads the entries of a run, a block at a time. */
export class RunReader {
  readonly entry = new Entry()
  private readonly spill: SpillFile
  private readonly reader = new ByteReader()
  private place: number
  private readonly end: number
  private buffer: Uint8Array
  private filled = 0

  constructor(spill: SpillFile, { start, end }: Range, block: number) {
    this.spill = spill
    this.place = start
    this.end = end
    this.buffer = new Uint8Array(Math.min(block, Math.max(1, end - start)))
    this.reader.open(this.buffer, 0)
  }

  next(): boolean | Promise<boolean> {
    if (!this.hasWhole()) return this.fill()
    this.take()
    return true
  }

  private take(): void {
    this.entry.read(this.reader)
    this.reader.at = this.entry.end
  }

  /** Whether an entry stands whole in the buffer. */
  private hasWhole(): boolean {
    const { reader, filled } = this
    const left = filled - reader.at
    if (left <= 0 || (left < HEAD && this.place < this.end)) return false
    return reader.at + this.nextSize() <= filled
  }

  private nextSize(): number {
    const { reader } = this
    const { at } = reader
    const key = reader.varint()
    const row = reader.varint()
    const size = reader.at - at + key + row
    reader.at = at
    return size
  }

  private async fill(): Promise<boolean> {
    const left = this.filled - this.reader.at
    if (left === 0 && this.place >= this.end) return false
    const needed = left >= HEAD || this.place >= this.end ? this.nextSize() : HEAD
    const target = needed > this.buffer.length ? new Uint8Array(needed) : this.buffer
    target.set(this.buffer.subarray(this.reader.at, this.filled))
    this.buffer = target
    const wanted = Math.min(target.length - left, this.end - this.place)
    const count = await this.spill.read(target.subarray(left, left + wanted), this.place)
    if (count < wanted) throw new Error("a spill file ended before its run")
    this.place += count
    this.filled = left + count
    this.reader.open(target, 0)
    return await this.next()
  }
}

/** The runs' entries in one order: a heap with the smallest on top, the earlier run first where keys are equal. */
class Merge implements SortedEntries {
  private readonly readers: ReadonlyArray<RunReader>
  private readonly heap: Array<number> = []
  private started = false

  constructor(readers: ReadonlyArray<RunReader>) {
    this.readers = readers
  }

  get entry(): Entry {
    return this.readers[this.heap[0]!]!.entry
  }

  async start(): Promise<void> {
    for (let i = 0; i < this.readers.length; i++) if (await this.readers[i]!.next()) this.heap.push(i)
    for (let i = (this.heap.length >> 1) - 1; i >= 0; i--) this.siftDown(i)
  }

  next(): boolean | Promise<boolean> {
    if (!this.started) {
      this.started = true
      return this.heap.length > 0
    }
    const more = this.readers[this.heap[0]!]!.next()
    return typeof more === "boolean" ? this.moved(more) : more.then((is) => this.moved(is))
  }

  private moved(more: boolean): boolean {
    const { heap } = this
    if (!more) {
      const last = heap.pop()!
      if (heap.length > 0) heap[0] = last
    }
    this.siftDown(0)
    return heap.length > 0
  }

  private siftDown(from: number): void {
    const { heap } = this
    let at = from
    for (;;) {
      const child = 2 * at + 1
      if (child >= heap.length) return
      const smaller = child + 1 < heap.length && this.isBefore(heap[child + 1]!, heap[child]!) ? child + 1 : child
      if (!this.isBefore(heap[smaller]!, heap[at]!)) return
      const other = heap[smaller]!
      heap[smaller] = heap[at]!
      heap[at] = other
      at = smaller
    }
  }

  private isBefore(a: number, b: number): boolean {
    const order = comparePieces(this.readers[a]!.entry.key, this.readers[b]!.entry.key)
    return order < 0 || (order === 0 && a < b)
  }
}
