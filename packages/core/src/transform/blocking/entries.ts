/** Rows with their keys, one after the other: in memory, and in a spill file in the same form. */
import { type ByteReader, ByteWriter, compareRanges, varintSize } from "./byteWriter.ts"

/** Some bytes among others. */
export interface Piece {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

/** No bytes. */
export const NOTHING: Piece = { bytes: new Uint8Array(), start: 0, end: 0 }

/** A piece that moves. */
export class Span implements Piece {
  bytes: Uint8Array = new Uint8Array()
  start = 0
  end = 0

  set(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes
    this.start = start
    this.end = end
  }
}

/** Negative, zero or positive, as `a` is before, equal to or behind `b`. */
export const comparePieces = (a: Piece, b: Piece): number => compareRanges(a.bytes, a.start, a.end, b.bytes, b.start, b.end)

/**
 * One row with its key, standing in bytes that stay as they are only until the next one is asked for. As bytes: the lengths of key and row,
 * the key, the row.
 */
export class Entry {
  bytes: Uint8Array = new Uint8Array()
  start = 0
  end = 0
  readonly key = new Span()
  readonly row = new Span()

  /** Reads the entry at the reader's place. */
  read(reader: ByteReader): void {
    this.start = reader.at
    const key = reader.varint()
    const row = reader.varint()
    const { bytes, at } = reader
    this.bytes = bytes
    this.end = at + key + row
    this.key.set(bytes, at, at + key)
    this.row.set(bytes, at + key, this.end)
  }
}

export const entrySize = (key: number, row: number): number => varintSize(key) + varintSize(row) + key + row

export const putEntry = (out: ByteWriter, key: Piece, row: Piece): void => {
  out.varint(key.end - key.start)
  out.varint(row.end - row.start)
  out.copy(key.bytes, key.start, key.end)
  out.copy(row.bytes, row.start, row.end)
}

/** Bits of a place that count bytes within a slab; the others count slabs. */
const SLAB_BITS = 20
const SLAB = 1 << SLAB_BITS

/** With so many slabs, places still fit into 32 bits. */
export const MOST_SLABS = 2 ** (32 - SLAB_BITS) - 1

/** Memory that is filled from its start and emptied as a whole. A place is a slab and an offset in one number. */
export class Slabs {
  readonly slabs: Array<Uint8Array> = []
  private readonly writers: Array<ByteWriter> = []
  /** Slabs of full size that were emptied. New ones would stand beside them until the garbage collector comes. */
  private spare: Array<ByteWriter> = []
  private current = new ByteWriter(0)
  /** Bytes that are used. */
  size = 0
  touched = 0

  /** Room for `size` bytes; they go to the writer that is given, whose length is where they start. */
  private room(size: number): ByteWriter {
    if (this.current.length + size > this.current.bytes.length) {
      const spare = size <= SLAB ? this.spare.pop() : undefined
      this.current = spare ?? new ByteWriter(Math.max(size, Math.min(SLAB, Math.max(FIRST, 2 * this.current.bytes.length))))
      this.current.length = 0
      this.writers.push(this.current)
      this.slabs.push(this.current.bytes)
    }
    this.size += size
    return this.current
  }

  /** Keeps an entry and gives its place. */
  add(key: Piece, row: Piece): number {
    const out = this.room(entrySize(key.end - key.start, row.end - row.start))
    const place = (this.slabs.length - 1) * SLAB + out.length
    putEntry(out, key, row)
    return place
  }

  /** Keeps bytes as they are and gives their place. `room` bytes are set aside for them, their own length or more. */
  put(bytes: Uint8Array, start: number, end: number, room: number): number {
    const out = this.room(room)
    const at = out.length
    out.copy(bytes, start, end)
    out.length = at + room
    return (this.slabs.length - 1) * SLAB + at
  }

  /** Writes other bytes into the room of a place. */
  overwrite(place: number, { bytes, view, length }: ByteWriter): void {
    const index = Math.floor(place / SLAB)
    const at = place % SLAB
    if (length > LONGEST_COPY) this.slabs[index]!.set(bytes.subarray(0, length), at)
    else copyWords(this.writers[index]!.view, at, view, length)
  }

  /** The slab of a place. */
  slab(place: number): Uint8Array {
    return this.slabs[Math.floor(place / SLAB)]!
  }

  /** Where in its slab a place is. */
  offset(place: number): number {
    return place % SLAB
  }

  /** Sets the reader to a place. */
  open(reader: ByteReader, place: number): void {
    reader.open(this.slabs[Math.floor(place / SLAB)]!, place % SLAB)
  }

  /** Forgets all that is kept, and holds on to the memory for what comes next. */
  empty(): void {
    this.spare.push(...this.writers.filter((writer) => writer.bytes.length === SLAB))
    this.forget()
  }

  /** Fetches what stands at some places into the processor's caches. */
  touch(places: Uint32Array, from: number, to: number): void {
    const { slabs } = this
    let sum = 0
    for (let i = from; i < to; i++) {
      const place = places[i]!
      const slab = slabs[place >>> SLAB_BITS]!
      const at = place & (SLAB - 1)
      sum += slab[at]! + (slab[at + 64] ?? 0)
    }
    // The compiler leaves out reads that nobody uses.
    this.touched = sum
  }

  /** Memory of one slab that was emptied, for something else. */
  takeSpare(): Uint8Array | undefined {
    return this.spare.pop()?.bytes
  }

  /** Forgets all that is kept, and lets go of the memory. */
  clear(): void {
    this.spare = []
    this.forget()
  }

  private forget(): void {
    this.writers.length = 0
    this.slabs.length = 0
    this.current = new ByteWriter(0)
    this.size = 0
  }
}

const FIRST = 4096

/** Longer runs are copied by the host. */
const LONGEST_COPY = 512

/** Four bytes at a time: for a few hundred of them, that is quicker than a call into the host. */
const copyWords = (to: DataView, at: number, from: DataView, length: number): void => {
  let i = 0
  for (; i + 4 <= length; i += 4) to.setInt32(at + i, from.getInt32(i))
  for (; i < length; i++) to.setUint8(at + i, from.getUint8(i))
}
