/** A table of keys: each gets a number, from 0, in the order in which they came. */
import { compareRanges, PREFIX, prefixOf } from "./byteWriter.ts"
import { Slabs, type Span } from "./entries.ts"

/** What a key takes beside its bytes: hash, place, length, slots. */
const KEY_BYTES = 40

export class KeyTable {
  /** The hash of the key that was looked for last. */
  hash = 0
  private readonly keys = new Slabs()
  private readonly hashes: Array<number> = []
  private readonly places: Array<number> = []
  private readonly lengths: Array<number> = []
  /** First bytes of each key. A short key is no more than these. */
  private readonly prefixes: Array<number> = []
  /** The number of a key plus one, at the place that its hash gives or the next free one behind. */
  private slots = new Int32Array(64)
  private slot = 0
  private prefix = 0

  get count(): number {
    return this.places.length
  }

  /** Bytes that the table takes. */
  get size(): number {
    return this.keys.size + KEY_BYTES * this.places.length
  }

  /** The number of the key, or -1. Its hash is in `hash` then, and `add` puts it where it was looked for. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const hash = hashOf(bytes, start, end)
    this.prefix = prefixOf(bytes, start, end)
    this.hash = hash
    const { slots, hashes } = this
    const mask = slots.length - 1
    let slot = hash & mask
    for (;;) {
      const index = slots[slot]! - 1
      if (index < 0) break
      if (hashes[index] === hash && this.isSame(index, bytes, start, end)) return index
      slot = (slot + 1) & mask
    }
    this.slot = slot
    return -1
  }

  /** Sets `piece` to the bytes of a key. */
  keyOf(index: number, piece: Span): void {
    const place = this.places[index]!
    const at = this.keys.offset(place)
    piece.set(this.keys.slab(place), at, at + this.lengths[index]!)
  }

  private isSame(index: number, bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start
    if (this.prefixes[index] !== this.prefix || this.lengths[index] !== length) return false
    if (length <= PREFIX) return true
    const place = this.places[index]!
    const at = this.keys.offset(place)
    return compareRanges(this.keys.slab(place), at, at + length, bytes, start, end) === 0
  }

  /** Adds the key that `find` has just not found, and gives its number. */
  add(bytes: Uint8Array, start: number, end: number): number {
    const index = this.places.length
    this.hashes.push(this.hash)
    this.places.push(this.keys.put(bytes, start, end, end - start))
    this.lengths.push(end - start)
    this.prefixes.push(this.prefix)
    this.slots[this.slot] = index + 1
    if (2 * this.places.length > this.slots.length) this.grow()
    return index
  }

  private grow(): void {
    const slots = new Int32Array(2 * this.slots.length)
    const mask = slots.length - 1
    this.hashes.forEach((hash, index) => {
      let slot = hash & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = index + 1
    })
    this.slots = slots
  }
}

/** 32 bits of which every one depends on every byte. */
export const hashOf = (bytes: Uint8Array, start: number, end: number): number => {
  let hash = 0x811c9dc5 | 0
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
