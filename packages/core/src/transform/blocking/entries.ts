/** Rows with their keys, one after the other: in memory, and in a spill file in the same form. */
import { type ByteReader, ByteWriter, compareRanges, varintSize } from "./byteWriter.ts"

/**
 * One row with its key, standing in bytes that stay as they are only until the next one is asked for. As bytes: the lengths of key and row,
 * the key, the row.
 */
export class Entry {
  bytes: Uint8Array = new Uint8Array()
  start = 0
  keyStart = 0
  /** Also where the row starts. */
  keyEnd = 0
  end = 0

  /** Reads the entry at the reader's place. */
  read(reader: ByteReader): void {
    this.start = reader.at
    const key = reader.varint()
    const row = reader.varint()
    this.bytes = reader.bytes
    this.keyStart = reader.at
    this.keyEnd = this.keyStart + key
    this.end = this.keyEnd + row
  }

  static compare(a: Entry, b: Entry): number {
    return compareRanges(a.bytes, a.keyStart, a.keyEnd, b.bytes, b.keyStart, b.keyEnd)
  }
}

/** What the lengths in front of an entry take at most. */
export const HEAD = 12

export const entrySize = (key: number, row: number): number => varintSize(key) + varintSize(row) + key + row

export const putEntry = (out: ByteWriter, key: ByteWriter, row: ByteWriter): void => {
  out.varint(key.length)
  out.varint(row.length)
  out.copy(key.bytes, 0, key.length)
  out.copy(row.bytes, 0, row.length)
}

/** Bits of a place that count bytes within a slab; the others count slabs. */
const SLAB_BITS = 20
const SLAB = 1 << SLAB_BITS

/** Memory that is filled from its start and emptied as a whole. A place is a slab and an offset in one number. */
export class Slabs {
  readonly slabs: Array<Uint8Array> = []
  private current = new ByteWriter(0)
  /** Bytes that are used. */
  size = 0

  /** Room for `size` bytes; they go to the writer that is given, whose length is where they start. */
  private room(size: number): ByteWriter {
    if (this.current.length + size > this.current.bytes.length) {
      this.current = new ByteWriter(Math.max(size, Math.min(SLAB, Math.max(FIRST, 2 * this.current.bytes.length))))
      this.slabs.push(this.current.bytes)
    }
    this.size += size
    return this.current
  }

  /** Keeps an entry and gives its place. */
  add(key: ByteWriter, row: ByteWriter): number {
    const out = this.room(entrySize(key.length, row.length))
    const place = (this.slabs.length - 1) * SLAB + out.length
    putEntry(out, key, row)
    return place
  }

  /** Sets the reader to a place. */
  open(reader: ByteReader, place: number): void {
    reader.open(this.slabs[Math.floor(place / SLAB)]!, place % SLAB)
  }

  clear(): void {
    this.slabs.length = 0
    this.current = new ByteWriter(0)
    this.size = 0
  }
}

const FIRST = 4096
