/** Entries put aside in a spill file, divided by the hash of their key, each part in the order in which they came. */
import { ByteReader, ByteWriter } from "./byteWriter.ts"
import { Entry, type Piece, putEntry } from "./entries.ts"
import type { Range, SpillFile } from "./spill.ts"

const BITS = 4
/** Parts of one division. */
export const PARTS = 1 << BITS

/** Which bits of the hash tell the parts of one level apart. Past the last level all entries are in one part. */
export const partOf = (hash: number, level: number): number => (BITS * level >= 32 ? 0 : (hash >>> (32 - BITS * (level + 1))) & (PARTS - 1))

export interface PartitionsOptions {
  /** Bytes that may wait to be written. */
  readonly memory: number
  readonly openSpill: () => Promise<SpillFile>
}

export class Partitions {
  private readonly options: PartitionsOptions
  private readonly waiting: ReadonlyArray<ByteWriter>
  private readonly ranges: ReadonlyArray<Array<Range>>
  private size = 0

  constructor(options: PartitionsOptions) {
    this.options = options
    this.waiting = Array.from({ length: PARTS }, () => new ByteWriter(64))
    this.ranges = Array.from({ length: PARTS }, () => [])
  }

  add(part: number, key: Piece, row: Piece): void {
    const out = this.waiting[part]!
    const before = out.length
    putEntry(out, key, row)
    this.size += out.length - before
  }

  /** Whether `flush` must be called before more is added. */
  get isFull(): boolean {
    return this.size > this.options.memory
  }

  async flush(): Promise<void> {
    if (this.size === 0) return
    const spill = await this.options.openSpill()
    for (const [part, out] of this.waiting.entries()) {
      if (out.length === 0) continue
      this.ranges[part]!.push(await spill.append(out.bytes.subarray(0, out.length)))
      out.length = 0
    }
    this.size = 0
  }

  /** One part, as ranges of the file. Nothing may wait to be written. */
  rangesOf(part: number): ReadonlyArray<Range> {
    return this.ranges[part]!
  }

  /** The parts that hold something, each as ranges of the file. Nothing may be added after. */
  async parts(): Promise<ReadonlyArray<ReadonlyArray<Range>>> {
    await this.flush()
    return this.ranges.filter((ranges) => ranges.length > 0)
  }
}

/** The entries of some ranges in order, a range at a time. The entry is the same object each time. */
export async function* entriesOf(spill: SpillFile, ranges: ReadonlyArray<Range>): AsyncGenerator<Entry, void, undefined> {
  const entry = new Entry()
  const reader = new ByteReader()
  for (const { start, end } of ranges) {
    const bytes = new Uint8Array(end - start)
    if ((await spill.read(bytes, start)) < bytes.length) throw new Error("a spill file ended before its part")
    reader.open(bytes, 0)
    while (reader.at < bytes.length) {
      entry.read(reader)
      reader.at = entry.end
      yield entry
    }
  }
}
