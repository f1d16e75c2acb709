/**
 * Puts entries in the order of their keys, in memory as long as they fit and by runs in a spill file past that. Entries with the same key
 * keep their order.
 */
import { ByteReader } from "./byteWriter.ts"
import { Entry, MOST_SLABS, type Piece, Slabs, Span } from "./entries.ts"
import { commonLength, EntryOrder, ORDER_BYTES } from "./entryOrder.ts"
import { mergeRuns, type Run, type SortedEntries, writeRun } from "./runs.ts"
import type { SpillFile } from "./spill.ts"

export interface SorterOptions {
  /** Bytes that may be held. */
  readonly memory: number
  readonly openSpill: () => Promise<SpillFile>
}

/** What one entry takes beside its bytes: its place, in a list that may be half full, and what it takes while it is sorted. */
const ENTRY_BYTES = 8 + ORDER_BYTES

export class Sorter {
  private readonly options: SorterOptions
  /** Bytes of entries and of what belongs to them. */
  private readonly memory: number
  private readonly block: number
  private readonly slabs = new Slabs()
  private readonly entries = new EntryOrder()
  private places = new Uint32Array(64)
  private count = 0
  private readonly common = new CommonBytes()
  private runs: Array<Run> = []
  /** What runs are written from. */
  private blocks: readonly [Uint8Array, Uint8Array] | undefined

  constructor(options: SorterOptions) {
    const { memory } = options
    this.options = options
    this.block = Math.max(SMALLEST_BLOCK, Math.min(LARGEST_BLOCK, Math.floor(memory / MOST_BLOCKS)))
    this.memory = memory - Math.min(2 * this.block, memory / 2)
  }

  add(key: Piece, row: Piece): void {
    if (this.count === this.places.length) this.places = larger(this.places)
    this.places[this.count++] = this.slabs.add(key, row)
    this.common.add(key)
  }

  /** Whether `spill` must be called before more is added. */
  get isFull(): boolean {
    const { slabs } = this
    return slabs.size + ENTRY_BYTES * this.count > this.memory || slabs.slabs.length >= MOST_SLABS
  }

  /** Writes what is held as one more run. */
  async spill(): Promise<void> {
    if (this.count === 0) return
    const spill = await this.options.openSpill()
    this.runs.push(await writeRun(spill, this.inMemory(), this.writing()))
    this.slabs.empty()
    this.count = 0
  }

  private writing(): readonly [Uint8Array, Uint8Array] {
    return (this.blocks ??= [new Uint8Array(this.block), new Uint8Array(this.block)])
  }

  /** All entries in order. Nothing may be added after. */
  async sorted(): Promise<SortedEntries> {
    if (this.runs.length === 0) return this.inMemory()
    await this.spill()
    this.entries.clear()
    this.places = new Uint32Array(0)
    const spill = await this.options.openSpill()
    const most = Math.max(2, Math.floor(this.options.memory / (2 * this.block)) - 1)
    // Neighbouring runs are merged into longer ones, so that equal keys keep their order.
    while (this.runs.length > most) {
      const longer: Array<Run> = []
      for (let i = 0; i < this.runs.length; i += most) {
        const some = this.runs.slice(i, i + most)
        longer.push(some.length === 1 ? some[0]! : await writeRun(spill, await this.merge(spill, some), this.writing()))
      }
      this.runs = longer
    }
    this.blocks = undefined
    return await this.merge(spill, this.runs)
  }

  private merge(spill: SpillFile, runs: ReadonlyArray<Run>): Promise<SortedEntries> {
    return mergeRuns(spill, runs, () => this.slabs.takeSpare() ?? new Uint8Array(this.block), this.common.length)
  }

  private inMemory(): SortedEntries {
    const { slabs } = this
    const order = this.entries.sort(slabs, this.places.subarray(0, this.count), this.common.length)
    const reader = new ByteReader()
    const entry = new Entry()
    let at = -1
    const next = (): boolean => {
      if (++at >= order.length) return false
      if (at % TOUCHED === 0) slabs.touch(order, at, Math.min(order.length, at + TOUCHED))
      slabs.open(reader, order[at]!)
      entry.read(reader)
      return true
    }
    return { entry, next }
  }
}

const larger = (list: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> => {
  const grown = new Uint32Array(2 * list.length)
  grown.set(list)
  return grown
}

const SMALLEST_BLOCK = 4 * 1024
const LARGEST_BLOCK = 1024 * 1024
/** Blocks that the memory is divided into, where they are neither too small nor too large for a disk: two for each run that is merged. */
const MOST_BLOCKS = 256

/** Entries that are asked for together: far from each other, each alone would be waited for. */
const TOUCHED = 16

/** Bytes with which all keys begin. */
class CommonBytes {
  private readonly first = new Span()
  /** How many they are; -1 before the first key. */
  private known = -1

  get length(): number {
    return Math.max(0, this.known)
  }

  add(key: Piece): void {
    if (this.known < 0) {
      const bytes = key.bytes.slice(key.start, Math.min(key.end, key.start + MOST_COMMON))
      this.first.set(bytes, 0, bytes.length)
      this.known = bytes.length
    }
    if (this.known > 0) this.known = commonLength(this.first, key, 0, this.known)
  }
}

/** Looking at more for each key would take longer than it saves. */
const MOST_COMMON = 64
