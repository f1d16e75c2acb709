/** A table of keys: each gets a number, from 0, in the order in which they came. */
import { compareRanges, PREFIX, prefixOf } from "./byteWriter.ts"
import { Slabs, type Span } from "./entries.ts"
import { grown, release } from "./growing.ts"
import { BLOCK_ROWS, type KeyBlock } from "./keyBlock.ts"

/** What a key takes beside its bytes: its numbers, half of their room free, and its slots, of which at least half are. */
const KEY_BYTES = 60

export class KeyTable {
  /** The hash of the key that was looked for last. */
  hash = 0
  count = 0
  private readonly keys = new Slabs()
  /** By key: its signature, where its bytes are, and how many. */
  private signatures = new Float64Array()
  private places = new Float64Array()
  private lengths = new Uint32Array()
  /**
   * Pairs of a key's hash and its number plus one, at the place that the hash gives or the next free one behind. What is there by chance is
   * told by its hash, without a look at the key.
   */
  private slots = new Int32Array(2 * FIRST_SLOTS)
  private slot = 0
  private signature = 0
  /** By key of a block: its hash, its signature, and whether the key in its slot has the same. */
  private readonly hashes = new Int32Array(BLOCK_ROWS)
  private readonly wanted = new Float64Array(BLOCK_ROWS)
  private readonly isLike = new Uint8Array(BLOCK_ROWS)

  /** Bytes that the table takes. */
  get size(): number {
    return this.keys.size + KEY_BYTES * this.count
  }

  /** The number of the key, or -1. Its hash is in `hash` then, and `add` puts it where it was looked for. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const hash = hashOf(bytes, start, end)
    this.signature = signatureOf(bytes, start, end)
    this.hash = hash
    const wanted = hash | 0
    const { slots } = this
    const mask = slots.length - 1
    let slot = (hash << 1) & mask
    for (;;) {
      const index = slots[slot + 1]! - 1
      if (index < 0) break
      if (slots[slot] === wanted && this.isSame(index, this.signature, bytes, start, end)) return index
      slot = (slot + 2) & mask
    }
    this.slot = slot
    return -1
  }

  /** Puts the number of each key of a block, or -1, into `found`. */
  findAll(block: KeyBlock, found: Int32Array): void {
    this.guessAll(block, found)
    const { wanted, isLike } = this
    const { ends, count } = block
    const { bytes } = block.out
    for (let i = 0, start = 0; i < count; i++) {
      const end = ends[i]!
      const isKnown = isLike[i] === 1 && (end - start <= PREFIX || this.isSame(found[i]!, wanted[i]!, bytes, start, end))
      if (!isKnown) found[i] = this.find(bytes, start, end)
      start = end
    }
  }

  /**
   * Looks only where the hash of each key says that it is, as most are there. Each loop fetches from one list and branches on nothing that
   * it fetches, so that the processor need not wait for one before it asks for the next.
   */
  private guessAll(block: KeyBlock, found: Int32Array): void {
    const { slots, signatures, hashes, wanted, isLike } = this
    const { ends, count } = block
    const { bytes } = block.out
    for (let i = 0, start = 0; i < count; i++) {
      const end = ends[i]!
      hashes[i] = hashOf(bytes, start, end)
      wanted[i] = signatureOf(bytes, start, end)
      start = end
    }
    const mask = slots.length - 1
    for (let i = 0; i < count; i++) found[i] = slots[((hashes[i]! << 1) & mask) + 1]! - 1
    // A slot that is free names the key -1, which the first one stands for: it may be like the key, but then it is not.
    for (let i = 0; i < count; i++) isLike[i] = signatures[Math.max(found[i]!, 0)] === wanted[i] ? 1 : 0
    for (let i = 0; i < count; i++) isLike[i]! &= found[i]! < 0 ? 0 : 1
  }

  /** Sets `piece` to the bytes of a key. */
  keyOf(index: number, piece: Span): void {
    const place = this.places[index]!
    const at = this.keys.offset(place)
    piece.set(this.keys.slab(place), at, at + this.lengths[index]!)
  }

  private isSame(index: number, signature: number, bytes: Uint8Array, start: number, end: number): boolean {
    return this.signatures[index] === signature && (end - start <= PREFIX || this.isSameLong(index, bytes, start, end))
  }

  private isSameLong(index: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.lengths[index] !== end - start) return false
    const place = this.places[index]!
    const at = this.keys.offset(place)
    return compareRanges(this.keys.slab(place), at, at + end - start, bytes, start, end) === 0
  }

  /** Adds the key that `find` has just not found, and gives its number. */
  add(bytes: Uint8Array, start: number, end: number): number {
    const index = this.count++
    this.signatures = grown(this.signatures, index)
    this.places = grown(this.places, index)
    this.lengths = grown(this.lengths, index)
    this.signatures[index] = this.signature
    this.places[index] = this.keys.put(bytes, start, end, end - start)
    this.lengths[index] = end - start
    this.slots[this.slot] = this.hash
    this.slots[this.slot + 1] = index + 1
    if (4 * this.count > this.slots.length) this.grow()
    return index
  }

  /** Frees all memory. Nothing can be found afterwards, or added. */
  release(): void {
    release(this.slots, this.signatures, this.places, this.lengths)
    this.keys.clear()
  }

  private grow(): void {
    const before = this.slots
    const slots = new Int32Array(2 * before.length)
    const mask = slots.length - 1
    for (let i = 0; i < before.length; i += 2) {
      if (before[i + 1] === 0) continue
      let slot = (before[i]! << 1) & mask
      while (slots[slot + 1] !== 0) slot = (slot + 2) & mask
      slots[slot] = before[i]!
      slots[slot + 1] = before[i + 1]!
    }
    this.slots = slots
    release(before)
  }
}

const FIRST_SLOTS = 64

/** First bytes of a key, and its length as far as these are all of it: short keys are equal exactly where this is. */
const signatureOf = (bytes: Uint8Array, start: number, end: number): number =>
  8 * prefixOf(bytes, start, end) + Math.min(end - start, PREFIX + 1)

/** 32 bits of which every one depends on every byte. */
export const hashOf = (bytes: Uint8Array, start: number, end: number): number => {
  let hash = 0x811c9dc5 | 0
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
