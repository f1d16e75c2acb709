/** One row for each key of a table: the one that `deduplicate` keeps so far. */
import { ByteReader, ByteWriter, prefixOf } from "./byteWriter.ts"
import { comparePieces, type Piece, Slabs, Span } from "./entries.ts"
import { Groups } from "./groups.ts"
import type { BlockingHost } from "./host.ts"

/** What a kept row is: its number among all that came, what `by` says, and the row itself. */
export interface Candidate {
  readonly sequence: number
  readonly by: Piece
  readonly row: Piece
}

/** A kept row as bytes. Its number stands first, so that the bytes sort as the rows came. */
export class CandidateReader implements Candidate {
  readonly number = new Span()
  readonly by = new Span()
  readonly row = new Span()
  private readonly reader = new ByteReader()

  read({ bytes, start, end }: Piece): void {
    const { reader } = this
    reader.open(bytes, start + NUMBER)
    const by = reader.varint()
    this.number.set(bytes, start, start + NUMBER)
    this.by.set(bytes, reader.at, reader.at + by)
    this.row.set(bytes, reader.at + by, end)
  }

  get sequence(): number {
    this.reader.open(this.number.bytes, this.number.start)
    return this.reader.float64()
  }
}

/** Bytes of a row's number. */
const NUMBER = 8

const putCandidate = (out: ByteWriter, { sequence, by, row }: Candidate): void => {
  out.length = 0
  out.float64(sequence)
  out.varint(by.end - by.start)
  out.copy(by.bytes, by.start, by.end)
  out.copy(row.bytes, row.start, row.end)
}

/** What a group takes beside its key and its row. */
const GROUP_BYTES = 40

export class KeptRows {
  readonly groups: Groups
  private readonly keep: "latest" | "earliest" | "first"
  private contents = new Slabs()
  private readonly places: Array<number> = []
  private readonly lengths: Array<number> = []
  /** Room that each row has, its own length or more. */
  private readonly rooms: Array<number> = []
  /** First bytes of what `by` says of each row. */
  private readonly prefixes: Array<number> = []
  private prefix = 0
  /** Bytes of rows that others have taken the place of. */
  private dead = 0
  /** The group of the row at hand. */
  private group = -1
  private readonly content = new ByteWriter()
  private readonly known = new CandidateReader()
  private readonly span = new Span()

  constructor(keep: "latest" | "earliest" | "first", host: BlockingHost, level: number) {
    this.keep = keep
    this.groups = new Groups(host, level)
  }

  /** Whether the row at hand would stay, as far as is known. */
  wants(key: Piece, by: Piece): boolean {
    const group = this.groups.find(key)
    this.group = group
    if (this.keep === "first") return group < 0
    this.prefix = prefixOf(by.bytes, by.start, by.end)
    if (group < 0) return true
    const order = this.prefix - this.prefixes[group]! || this.compareBy(by, group)
    return this.keep === "latest" ? order >= 0 : order < 0
  }

  private compareBy(by: Piece, group: number): number {
    this.read(group, this.known)
    return comparePieces(by, this.known.by)
  }

  /** Takes the row that `wants` has just said yes to. */
  take(key: Piece, candidate: Candidate): void {
    putCandidate(this.content, candidate)
    if (this.group >= 0) return this.replace(this.group)
    const { content } = this
    const group = this.groups.add(key, this.contents.size - this.dead + GROUP_BYTES * this.places.length)
    if (group < 0) return this.groups.putAside(key, content)
    const room = roomFor(content.length)
    this.places.push(this.contents.put(content.bytes, 0, content.length, room))
    this.lengths.push(content.length)
    this.rooms.push(room)
    this.prefixes.push(this.prefix)
  }

  private replace(group: number): void {
    this.prefixes[group] = this.prefix
    const { content } = this
    const place = this.places[group]!
    this.lengths[group] = content.length
    if (content.length <= this.rooms[group]!) {
      this.contents.slab(place).set(content.bytes.subarray(0, content.length), this.contents.offset(place))
      return
    }
    this.dead += this.rooms[group]!
    const room = roomFor(content.length)
    this.places[group] = this.contents.put(content.bytes, 0, content.length, room)
    this.rooms[group] = room
    if (this.dead > LEAST_DEAD && 2 * this.dead > this.contents.size) this.compact()
  }

  /** Copies the rows that are still wanted, and lets go of the others. */
  private compact(): void {
    const before = this.contents
    const after = new Slabs()
    this.places.forEach((place, group) => {
      const at = before.offset(place)
      this.places[group] = after.put(before.slab(place), at, at + this.lengths[group]!, this.rooms[group]!)
    })
    this.contents = after
    this.dead = 0
  }

  /** Lets go of all rows, but not of those that were put aside. */
  clear(): void {
    this.groups.clear()
    this.contents.clear()
    this.places.length = 0
  }

  /** Sets the reader to a group's row. */
  read(group: number, reader: CandidateReader): void {
    const place = this.places[group]!
    const at = this.contents.offset(place)
    this.span.set(this.contents.slab(place), at, at + this.lengths[group]!)
    reader.read(this.span)
  }

  /** The groups in the order in which their rows came. */
  inOrder(): Uint32Array {
    const count = this.places.length
    const numbers = new Float64Array(count)
    const order = new Uint32Array(count)
    for (let group = 0; group < count; group++) {
      this.read(group, this.known)
      numbers[group] = this.known.sequence
      order[group] = group
    }
    return order.sort((a, b) => numbers[a]! - numbers[b]!)
  }
}

/** A little more than is needed, so that the next row of the key probably fits too. */
const roomFor = (length: number): number => (length + 15) & ~7

const LEAST_DEAD = 1024 * 1024
