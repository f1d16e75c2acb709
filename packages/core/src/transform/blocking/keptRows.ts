/** One row for each key of a table: the one that `deduplicate` keeps so far. */
import { ByteReader, ByteWriter, prefixOf } from "./byteWriter.ts"
import { comparePieces, type Piece, Slabs, Span } from "./entries.ts"
import { grown, release } from "./growing.ts"
import { Groups } from "./groups.ts"
import type { BlockingHost } from "./host.ts"
import { BLOCK_ROWS, type KeyBlock } from "./keyBlock.ts"

/**
 * A kept row as bytes: its number among all that came, what `by` says, and the row itself. The number stands first, so that the bytes sort
 * as the rows came.
 */
export class CandidateReader {
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

/** What a group takes beside its key and its row: its numbers, with room for more. */
const GROUP_BYTES = 48

export class KeptRows {
  readonly groups: Groups
  private readonly keep: "latest" | "earliest" | "first"
  private contents = new Slabs()
  /** By group: first bytes of what `by` says of its row, and the row's number, place, length, and room, which may be more. */
  private bys = new Float64Array()
  private sequences = new Float64Array()
  private places = new Float64Array()
  private lengths = new Uint32Array()
  private rooms = new Uint32Array()
  /** Places that rows have left, by their room. */
  private readonly free = new Map<number, Array<number>>()
  /** Bytes of these places. */
  private unused = 0
  /** First bytes of what `by` says of the row at hand. */
  private prefix = 0
  /** The group of the row at hand. */
  private group = -1
  private readonly content = new ByteWriter()
  private readonly known = new CandidateReader()
  private readonly span = new Span()
  private readonly found = new Int32Array(BLOCK_ROWS)
  private readonly may = new Uint8Array(BLOCK_ROWS)

  constructor(keep: "latest" | "earliest" | "first", host: BlockingHost, level: number) {
    this.keep = keep
    this.groups = new Groups(host, level)
  }

  /** Whether the row at hand would stay, as far as is known. */
  wants(key: Piece, by: Piece): boolean {
    return this.wantsFor(this.groups.find(key), by)
  }

  /** The same for the row `index` of the block that `mayStay` had last. */
  wantsNext(index: number, key: Piece, by: Piece): boolean {
    const known = this.found[index]!
    return this.wantsFor(known < 0 ? this.groups.find(key) : known, by)
  }

  private wantsFor(group: number, by: Piece): boolean {
    this.group = group
    if (this.keep === "first") return group < 0
    this.prefix = prefixOf(by.bytes, by.start, by.end)
    if (group < 0) return true
    const order = this.prefix - this.bys[group]! || this.compareBy(by, group)
    return this.keep === "latest" ? order >= 0 : order < 0
  }

  /**
   * Tells of the rows of a block which may stay: the others have come too late already, as what is known of a key only gets better. `keys`
   * and `bys` are what `wants` takes of each row.
   */
  mayStay(keys: KeyBlock, bys: KeyBlock): Uint8Array {
    const { found, may, keep } = this
    this.groups.findAll(keys, found)
    if (keep === "first") {
      for (let i = 0; i < keys.count; i++) may[i] = found[i]! < 0 ? 1 : 0
      return may
    }
    const known = this.bys
    const { bytes } = bys.out
    const sign = keep === "latest" ? 1 : -1
    for (let i = 0, start = 0; i < keys.count; i++) {
      const end = bys.ends[i]!
      may[i] = sign * (prefixOf(bytes, start, end) - known[Math.max(found[i]!, 0)]!) < 0 ? 0 : 1
      start = end
    }
    for (let i = 0; i < keys.count; i++) may[i]! |= found[i]! < 0 ? 1 : 0
    return may
  }

  private compareBy(by: Piece, group: number): number {
    this.read(group, this.known)
    return comparePieces(by, this.known.by)
  }

  /** Begins the row that `wants` has just said yes to, and gives where to write it; `take` takes it then. */
  begin(sequence: number, by: Piece): ByteWriter {
    const { content } = this
    content.length = 0
    content.float64(sequence)
    content.varint(by.end - by.start)
    content.copy(by.bytes, by.start, by.end)
    return content
  }

  /** Takes the row that was begun last. */
  take(key: Piece, sequence: number): void {
    if (this.group >= 0) return this.replace(this.group, sequence)
    const group = this.groups.add(key, this.contents.size + GROUP_BYTES * this.groups.count)
    if (group < 0) return this.groups.putAside(key, this.content)
    this.bys = grown(this.bys, group)
    this.sequences = grown(this.sequences, group)
    this.places = grown(this.places, group)
    this.lengths = grown(this.lengths, group)
    this.rooms = grown(this.rooms, group)
    this.put(group, sequence)
  }

  private replace(group: number, sequence: number): void {
    const room = this.rooms[group]!
    if (this.content.length > room) {
      this.leave(this.places[group]!, room)
      return this.put(group, sequence)
    }
    this.contents.overwrite(this.places[group]!, this.content)
    this.say(group, sequence)
  }

  /** Finds a place for the row at hand. */
  private put(group: number, sequence: number): void {
    const { content } = this
    const room = roomFor(content.length)
    const place = this.free.get(room)?.pop()
    this.rooms[group] = room
    this.places[group] = place ?? this.contents.put(content.bytes, 0, content.length, room)
    if (place !== undefined) {
      this.unused -= room
      this.contents.overwrite(place, content)
    }
    this.say(group, sequence)
  }

  private say(group: number, sequence: number): void {
    this.bys[group] = this.prefix
    this.sequences[group] = sequence
    this.lengths[group] = this.content.length
  }

  private leave(place: number, room: number): void {
    const places = this.free.get(room)
    if (places === undefined) this.free.set(room, [place])
    else places.push(place)
    this.unused += room
    if (this.unused > LEAST_UNUSED && 2 * this.unused > this.contents.size) this.compact()
  }

  /** Copies the rows together, and lets go of all that was unused. The row at hand has no place at the moment. */
  private compact(): void {
    const before = this.contents
    const after = new Slabs()
    for (let group = 0; group < this.groups.count; group++) {
      if (group === this.group) continue
      const place = this.places[group]!
      const from = before.offset(place)
      this.places[group] = after.put(before.slab(place), from, from + this.lengths[group]!, this.rooms[group]!)
    }
    this.contents = after
    this.free.clear()
    this.unused = 0
  }

  /** Lets go of all rows, but not of those that were put aside. */
  clear(): void {
    this.groups.clear()
    this.contents.clear()
    this.free.clear()
    this.unused = 0
  }

  /** Whether a group's row stays also where an earlier run had a row of which `by` said this. */
  beats(group: number, by: Uint8Array): boolean {
    if (this.keep === "first") return false
    this.read(group, this.known)
    const order = comparePieces(this.known.by, { bytes: by, start: 0, end: by.length })
    return this.keep === "latest" ? order >= 0 : order < 0
  }

  /** What `by` says of a group's row, as text. */
  byOf(group: number): string {
    this.read(group, this.known)
    const { bytes, start, end } = this.known.by
    return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("base64")
  }

  /** Sets the reader to a group's row. */
  read(group: number, reader: CandidateReader): void {
    const place = this.places[group]!
    const at = this.contents.offset(place)
    this.span.set(this.contents.slab(place), at, at + this.lengths[group]!)
    reader.read(this.span)
  }

  /**
   * The groups in the order in which their rows came, to be read one by one. All that was needed to find a group is let go: while rows go
   * out, their way needs that memory.
   */
  finished(): Uint32Array {
    const order = this.inOrder()
    this.groups.release()
    release(this.bys, this.sequences, this.rooms)
    this.free.clear()
    return order
  }

  private inOrder(): Uint32Array {
    const { sequences } = this
    const { count } = this.groups
    const order = new Uint32Array(count)
    let highest = 0
    for (let group = 0; group < count; group++) {
      order[group] = group
      highest = Math.max(highest, sequences[group]!)
    }
    if ((highest + 1) * count > Number.MAX_SAFE_INTEGER) return order.sort((a, b) => sequences[a]! - sequences[b]!)
    // Numbers alone are sorted by the host, without a call for each comparison. Loops, as `from` would make a list of numbers first.
    const ranked = new Float64Array(count)
    for (let group = 0; group < count; group++) ranked[group] = sequences[group]! * count + group
    ranked.sort()
    for (let i = 0; i < count; i++) order[i] = ranked[i]! % count
    release(ranked)
    return order
  }
}

/** A little more than is needed, so that the next row of the key probably fits too, and few sizes, so that a place fits many rows. */
const roomFor = (length: number): number => (length + 31) & ~15

const LEAST_UNUSED = 1024 * 1024
