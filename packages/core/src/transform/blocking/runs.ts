/** Sorted runs of entries in a spill file: how they are written, read and merged. */
import { ByteReader, compareRanges, prefixOf } from "./byteWriter.ts"
import { Entry } from "./entries.ts"
import type { Range, SpillFile } from "./spill.ts"

/** Entries in order. `next` moves to the following one, and gives false where there is none; it waits only where it reads from disk. */
export interface SortedEntries {
  readonly entry: Entry
  readonly next: () => boolean | Promise<boolean>
}

/** A run is blocks of whole entries. */
export type Run = ReadonlyArray<Range>

/** Gives memory of at least the size of a block. */
export type BlockMemory = () => Uint8Array

/** Writes entries in their order as one run. */
export const writeRun = async (spill: SpillFile, entries: SortedEntries, memory: readonly [Uint8Array, Uint8Array]): Promise<Run> => {
  const writer = new RunWriter(spill, memory)
  for (let more = entries.next(); more === true || (more !== false && (await more)); more = entries.next()) {
    const { bytes, start, end } = entries.entry
    if (!writer.add(bytes, start, end)) await writer.flushAndAdd(bytes, start, end)
  }
  return await writer.end()
}

/** Fills a block while the one before is written. */
class RunWriter {
  private readonly spill: SpillFile
  private block: Uint8Array
  private other: Uint8Array
  private length = 0
  private writing: Promise<void> = Promise.resolve()
  private readonly run: Array<Range> = []

  constructor(spill: SpillFile, [block, other]: readonly [Uint8Array, Uint8Array]) {
    this.spill = spill
    this.block = block
    this.other = other
  }

  /** Takes a copy of an entry, unless there is no room for it. */
  add(bytes: Uint8Array, start: number, end: number): boolean {
    const { length, block } = this
    if (length + end - start > block.length) return false
    block.set(bytes.subarray(start, end), length)
    this.length = length + end - start
    return true
  }

  async flushAndAdd(bytes: Uint8Array, start: number, end: number): Promise<void> {
    await this.flush()
    if (this.add(bytes, start, end)) return
    // Larger than a block: it is one by itself.
    await this.writing
    await this.append(bytes.subarray(start, end))
  }

  private async flush(): Promise<void> {
    await this.writing
    if (this.length === 0) return
    const { block, other, length } = this
    this.writing = this.append(block.subarray(0, length))
    this.writing.catch(() => {
      // Whoever waits for it next hears of the failure.
    })
    this.block = other
    this.other = block
    this.length = 0
  }

  private async append(bytes: Uint8Array): Promise<void> {
    this.run.push(await this.spill.append(bytes))
  }

  async end(): Promise<Run> {
    await this.flush()
    await this.writing
    return this.run
  }
}

/** Reads the entries of a run, a block at a time; the next block is read meanwhile. */
class RunReader {
  readonly entry = new Entry()
  private readonly spill: SpillFile
  private readonly run: Run
  private readonly reader = new ByteReader()
  /** Where the block at hand ends. */
  private end = 0
  private readonly memory: [Uint8Array, Uint8Array]
  /** The next block of the run, by its number. */
  private nextBlock = 0
  private ahead: { readonly block: Promise<Uint8Array>; bytes?: Uint8Array } | undefined

  constructor(spill: SpillFile, run: Run, memory: BlockMemory) {
    this.spill = spill
    this.run = run
    this.memory = [memory(), memory()]
    this.readAhead()
  }

  next(): boolean | Promise<boolean> {
    const { reader, ahead } = this
    if (reader.at < this.end) return this.take()
    if (ahead === undefined) return false
    return ahead.bytes === undefined ? ahead.block.then((bytes) => this.turn(bytes)) : this.turn(ahead.bytes)
  }

  private take(): true {
    this.entry.read(this.reader)
    this.reader.at = this.entry.end
    return true
  }

  private turn(bytes: Uint8Array): true {
    this.reader.open(bytes, 0)
    this.end = bytes.length
    this.readAhead()
    return this.take()
  }

  private readAhead(): void {
    const range = this.run[this.nextBlock]
    if (range === undefined) {
      this.ahead = undefined
      return
    }
    const size = range.end - range.start
    const memory = this.memory[this.nextBlock++ % 2]!
    const bytes = size <= memory.length ? memory.subarray(0, size) : new Uint8Array(size)
    const ahead: NonNullable<RunReader["ahead"]> = { block: this.read(bytes, range.start) }
    ahead.block.then(
      () => {
        ahead.bytes = bytes
      },
      () => {
        // Whoever needs the block hears of the failure.
      },
    )
    this.ahead = ahead
  }

  private async read(bytes: Uint8Array, place: number): Promise<Uint8Array> {
    if ((await this.spill.read(bytes, place)) < bytes.length) throw new Error("a spill file ended before its run")
    return bytes
  }
}

/**
 * The entries of several runs in one order; of equal keys that of the earlier run comes first. The first `common` bytes of all keys are the
 * same.
 */
export const mergeRuns = async (
  spill: SpillFile,
  runs: ReadonlyArray<Run>,
  memory: BlockMemory,
  common: number,
): Promise<SortedEntries> => {
  const merge = new Merge(
    runs.map((run) => new RunReader(spill, run, memory)),
    common,
  )
  await merge.start()
  return merge
}

/** A tree of losers: in each node stands which of two readers has the later entry, and the earliest of all wins. */
class Merge implements SortedEntries {
  private readonly readers: ReadonlyArray<RunReader>
  private readonly common: number
  /** The first bytes of each reader's key that can differ; infinite where it has no more entries. */
  private readonly prefixes: Float64Array
  private readonly losers: Int32Array
  private winner = 0
  private isStarted = false

  constructor(readers: ReadonlyArray<RunReader>, common: number) {
    this.readers = readers
    this.common = common
    this.prefixes = new Float64Array(readers.length)
    this.losers = new Int32Array(readers.length)
  }

  get entry(): Entry {
    return this.readers[this.winner]!.entry
  }

  async start(): Promise<void> {
    for (const [reader, one] of this.readers.entries()) this.moved(reader, await one.next())
    this.winner = this.play(1)
  }

  /** Plays all games below a node, and gives the winner. */
  private play(node: number): number {
    const { losers } = this
    if (node >= losers.length) return node - losers.length
    const [a, b] = [this.play(2 * node), this.play(2 * node + 1)]
    const isFirst = this.isBefore(a, b)
    losers[node] = isFirst ? b : a
    return isFirst ? a : b
  }

  next(): boolean | Promise<boolean> {
    const { winner } = this
    if (!this.isStarted) {
      this.isStarted = true
      return this.prefixes[winner]! < Infinity
    }
    const more = this.readers[winner]!.next()
    return typeof more === "boolean" ? this.replay(more) : more.then((is) => this.replay(is))
  }

  private moved(reader: number, more: boolean): void {
    const { key } = this.readers[reader]!.entry
    this.prefixes[reader] = more ? prefixOf(key.bytes, key.start + this.common, key.end) : Infinity
  }

  /** Plays the games of the reader that has moved. */
  private replay(more: boolean): boolean {
    const { losers } = this
    let { winner } = this
    this.moved(winner, more)
    for (let node = (losers.length + winner) >> 1; node > 0; node >>= 1) {
      const other = losers[node]!
      if (this.isBefore(winner, other)) continue
      losers[node] = winner
      winner = other
    }
    this.winner = winner
    return this.prefixes[winner]! < Infinity
  }

  private isBefore(a: number, b: number): boolean {
    const { prefixes } = this
    const first = prefixes[a]!
    const second = prefixes[b]!
    if (first !== second) return first < second
    return first === Infinity ? a < b : this.isKeyBefore(a, b)
  }

  private isKeyBefore(a: number, b: number): boolean {
    const { common, readers } = this
    const { key: left } = readers[a]!.entry
    const { key: right } = readers[b]!.entry
    const order = compareRanges(left.bytes, left.start + common, left.end, right.bytes, right.start + common, right.end)
    return order === 0 ? a < b : order < 0
  }
}
