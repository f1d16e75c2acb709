/**
 * The order of entries by their keys, eight bytes of them at a time: radix sort, whose time grows with the entries alone, whatever order
 * they came in. Entries with the same key keep their order.
 */
import { ByteReader, compareRanges } from "./byteWriter.ts"
import { Entry, type Piece, type Slabs } from "./entries.ts"

/** What one entry takes while it is sorted: eight bytes of its key and its place, twice, with some room for more entries. */
export const ORDER_BYTES = 28

/** Entries with eight bytes of each key. */
class Items {
  high: Uint32Array
  low: Uint32Array
  place: Uint32Array
  constructor(size: number) {
    this.high = new Uint32Array(size)
    this.low = new Uint32Array(size)
    this.place = new Uint32Array(size)
  }
}

/** Bytes of the key that one round looks at. */
const ROUND = 8

/** Smaller groups are compared one by one. */
const SMALL = 32

export class EntryOrder {
  private items = new Items(0)
  private spare = new Items(0)
  private readonly counts = new Uint32Array(ROUND * 256)
  private readonly reader = new ByteReader()
  private readonly left = new Entry()
  private readonly right = new Entry()

  /**
   * The places in order; they are lent until the next call. `places` ascend in the order in which the entries came. The first `common`
   * bytes are the same in all keys.
   */
  sort(slabs: Slabs, places: Uint32Array, common: number): Uint32Array {
    const count = places.length
    if (this.items.place.length < count) {
      this.items = new Items(Math.ceil(count * 1.1))
      this.spare = new Items(Math.ceil(count * 1.1))
    }
    this.items.place.set(places)
    const work = [{ from: 0, to: count, depth: common }]
    for (let part = work.pop(); part !== undefined; part = work.pop()) {
      const { from, to, depth } = part
      this.read(slabs, from, to, depth)
      this.order(from, to, count)
      for (const group of this.ties(slabs, from, to, depth)) work.push(group)
    }
    return this.items.place.subarray(0, count)
  }

  /** Lets go of the memory. */
  clear(): void {
    this.items = new Items(0)
    this.spare = new Items(0)
  }

  /** Takes eight bytes of each key, from `depth` on. */
  private read(slabs: Slabs, from: number, to: number, depth: number): void {
    const { left, items } = this
    const { high, low, place } = items
    for (let i = from; i < to; i++) {
      this.open(slabs, place[i]!, left)
      const { bytes, start, end } = left.key
      high[i] = wordAt(bytes, start + depth, end)
      low[i] = wordAt(bytes, start + depth + 4, end)
    }
  }

  private open(slabs: Slabs, place: number, entry: Entry): void {
    const { reader } = this
    slabs.open(reader, place)
    entry.read(reader)
  }

  /** Sorts by the eight bytes, from the last to the first. */
  private order(from: number, to: number, count: number): void {
    const { counts } = this
    this.count(from, to)
    let isSwapped = false
    for (let digit = 0; digit < ROUND; digit++) {
      const own = counts.subarray(256 * digit, 256 * (digit + 1))
      const { high, low } = this.items
      const [word, shift] = digit < 4 ? [low, 8 * digit] : [high, 8 * (digit - 4)]
      // All have the same byte here.
      if (own[(word[from]! >>> shift) & 255] === to - from) continue
      let next = from
      for (let byte = 0; byte < 256; byte++) {
        const size = own[byte]!
        own[byte] = next
        next += size
      }
      distribute(this.items, this.spare, word, shift, own, from, to)
      const { items } = this
      this.items = this.spare
      this.spare = items
      isSwapped = !isSwapped
    }
    if (!isSwapped || to - from === count) return
    // The other entries stand where they stood before.
    const { items, spare } = this
    spare.high.set(items.high.subarray(from, to), from)
    spare.low.set(items.low.subarray(from, to), from)
    spare.place.set(items.place.subarray(from, to), from)
    this.items = spare
    this.spare = items
  }

  private count(from: number, to: number): void {
    const { counts, items } = this
    const { high, low } = items
    counts.fill(0)
    for (let i = from; i < to; i++) {
      const first = high[i]!
      const second = low[i]!
      counts[second & 255]!++
      counts[256 + ((second >>> 8) & 255)]!++
      counts[512 + ((second >>> 16) & 255)]!++
      counts[768 + (second >>> 24)]!++
      counts[1024 + (first & 255)]!++
      counts[1280 + ((first >>> 8) & 255)]!++
      counts[1536 + ((first >>> 16) & 255)]!++
      counts[1792 + (first >>> 24)]!++
    }
  }

  /** Orders groups of entries with the same eight bytes; gives those that need another round. */
  private ties(slabs: Slabs, from: number, to: number, depth: number): ReadonlyArray<Group> {
    const { high, low } = this.items
    const groups: Array<Group> = []
    for (let start = from, end = from + 1; end <= to; end++) {
      if (end < to && low[end] === low[start] && high[end] === high[start]) continue
      if (end - start > SMALL) {
        const next = this.large(slabs, start, end, depth)
        if (next !== undefined) groups.push(next)
      } else if (end - start > 1) this.small(slabs, start, end, depth)
      start = end
    }
    return groups
  }

  private small(slabs: Slabs, from: number, to: number, depth: number): void {
    const { place } = this.items
    for (let i = from + 1; i < to; i++) {
      const own = place[i]!
      let at = i
      for (; at > from && this.compare(slabs, place[at - 1]!, own, depth) > 0; at--) place[at] = place[at - 1]!
      place[at] = own
    }
  }

  private compare(slabs: Slabs, a: number, b: number, depth: number): number {
    const { left, right } = this
    this.open(slabs, a, left)
    this.open(slabs, b, right)
    return compareRanges(left.key.bytes, left.key.start + depth, left.key.end, right.key.bytes, right.key.start + depth, right.key.end)
  }

  /** The group with the bytes at which its keys differ next; undefined where it is in order. */
  private large(slabs: Slabs, from: number, to: number, depth: number): Group | undefined {
    const { left, right } = this
    const { place } = this.items
    this.open(slabs, place[from]!, left)
    const first = left.key
    const length = first.end - first.start
    let common = length
    let [shortest, longest] = [length, length]
    for (let i = from + 1; i < to; i++) {
      this.open(slabs, place[i]!, right)
      const { key } = right
      common = commonLength(first, key, depth, common)
      shortest = Math.min(shortest, key.end - key.start)
      longest = Math.max(longest, key.end - key.start)
    }
    if (common < shortest) return { from, to, depth: common }
    // Either all are the same, or a key ends within another one, and has no bytes to be told apart by.
    if (shortest < longest) this.sortAll(slabs, from, to, depth)
    return undefined
  }

  /** For keys of which some begin others. Those that `orderedBytes` makes never do. */
  private sortAll(slabs: Slabs, from: number, to: number, depth: number): void {
    const { place } = this.items
    const sorted = Array.from(place.subarray(from, to)).toSorted((a, b) => this.compare(slabs, a, b, depth) || a - b)
    place.set(sorted, from)
  }
}

interface Group {
  readonly from: number
  readonly to: number
  readonly depth: number
}

/** How many bytes from the start are the same. `from` of them are known to be, and no more than `to` count. */
export const commonLength = (a: Piece, b: Piece, from: number, to: number): number => {
  const most = Math.min(to, b.end - b.start)
  let length = from
  while (length < most && a.bytes[a.start + length] === b.bytes[b.start + length]) length++
  return Math.min(length, most)
}

/** Four bytes as a number, zeros behind the end. */
const wordAt = (bytes: Uint8Array, at: number, end: number): number => {
  if (at + 4 <= end) return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  let word = 0
  for (let i = at; i < at + 4; i++) word = word * 256 + (i < end ? bytes[i]! : 0)
  return word
}

const distribute = (from: Items, to: Items, word: Uint32Array, shift: number, next: Uint32Array, start: number, end: number): void => {
  const { high, low, place } = from
  const { high: highs, low: lows, place: places } = to
  for (let i = start; i < end; i++) {
    const byte = (word[i]! >>> shift) & 255
    const at = next[byte]!
    next[byte] = at + 1
    highs[at] = high[i]!
    lows[at] = low[i]!
    places[at] = place[i]!
  }
}
