/** The rows of a join's other source by their key, as many as fit into memory. Rows of one key keep their order. */
import { type Piece, Slabs, type Span } from "./entries.ts"
import { KeyTable } from "./keyTable.ts"

/** What a row takes beside its bytes and its key. */
const ROW_BYTES = 40

export class JoinTable {
  private readonly table = new KeyTable()
  private readonly contents = new Slabs()
  private readonly places: Array<number> = []
  private readonly lengths: Array<number> = []
  private readonly sequences: Array<number> = []
  /** The key of each row, or -1 for a row that matches none. */
  private readonly keys: Array<number> = []
  /** The next row of the same key, or -1. */
  private readonly following: Array<number> = []
  private readonly first: Array<number> = []
  private readonly last: Array<number> = []
  private readonly matched: Array<boolean> = []

  get count(): number {
    return this.places.length
  }

  get size(): number {
    return this.table.size + this.contents.size + ROW_BYTES * this.places.length
  }

  /** An empty key matches none. */
  add(key: Piece, row: Piece, sequence: number): void {
    const index = this.places.length
    const length = row.end - row.start
    this.places.push(this.contents.put(row.bytes, row.start, row.end, length))
    this.lengths.push(length)
    this.sequences.push(sequence)
    this.following.push(-1)
    this.matched.push(false)
    if (key.start === key.end) {
      this.keys.push(-1)
      return
    }
    const known = this.table.find(key.bytes, key.start, key.end)
    const number = known < 0 ? this.table.add(key.bytes, key.start, key.end) : known
    this.keys.push(number)
    if (known < 0) this.first.push(index)
    else this.following[this.last[number]!] = index
    this.last[number] = index
  }

  /** The first row of the key, or -1. */
  find(key: Piece): number {
    if (key.start === key.end) return -1
    const number = this.table.find(key.bytes, key.start, key.end)
    return number < 0 ? -1 : this.first[number]!
  }

  /** The next row of the same key, or -1. */
  next(row: number): number {
    return this.following[row]!
  }

  match(row: number): void {
    this.matched[row] = true
  }

  isMatched(row: number): boolean {
    return this.matched[row]!
  }

  sequenceOf(row: number): number {
    return this.sequences[row]!
  }

  /** Sets `piece` to the bytes of a row. */
  rowAt(row: number, piece: Span): void {
    const place = this.places[row]!
    const at = this.contents.offset(place)
    piece.set(this.contents.slab(place), at, at + this.lengths[row]!)
  }

  /** Sets `piece` to the key of a row, which is empty where it matches none. */
  keyAt(row: number, piece: Span): void {
    const key = this.keys[row]!
    if (key < 0) piece.set(piece.bytes, 0, 0)
    else this.table.keyOf(key, piece)
  }
}
