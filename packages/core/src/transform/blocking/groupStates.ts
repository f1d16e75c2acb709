/**
 * The groups of `aggregate` with the states of their metrics.
 *
 * When they take too much memory, all of them are put aside as saved states, in parts by the hash of their key, and the table starts
 * anew. A group that was put aside more than once is merged in the order of its rows, which gives what one state over all of them gives.
 */
import type { Accumulator, Saved } from "../../expression/Expression.ts"
import { ByteReader, ByteWriter } from "./byteWriter.ts"
import { type Piece, Slabs, Span } from "./entries.ts"
import type { BlockingHost } from "./host.ts"
import type { KeyBlock } from "./keyBlock.ts"
import { hashOf, KeyTable } from "./keyTable.ts"
import { Partitions, partOf } from "./partitions.ts"
import type { Range } from "./spill.ts"

/** Of a step's memory, what groups may take, and what may wait to be put aside. */
const TABLE_SHARE = 1 / 2
const ASIDE_SHARE = 1 / 8

/** What a group takes beside its key, and what each of its states takes beside what it collects. */
const GROUP_BYTES = 40
const STATE_BYTES = 96

/** Groups that were divided so often share all bits of their hash, so dividing them again would bring nothing. */
const DEEPEST = 8

/** The states of one group, one for each aggregate call. */
export type States = ReadonlyArray<object>

/** A group that was put aside. */
interface SavedGroup {
  readonly sequence: number
  readonly keys: Piece
  readonly states: ReadonlyArray<Saved>
}

export class GroupStates {
  private readonly host: BlockingHost
  private readonly accumulators: ReadonlyArray<Accumulator>
  private readonly level: number
  private table = new KeyTable()
  /** The values of the key as the group's first row has them. */
  private readonly contents = new Slabs()
  private readonly places: Array<number> = []
  private readonly lengths: Array<number> = []
  private readonly sequences: Array<number> = []
  private readonly states: Array<States> = []
  /** Bytes that states have collected. */
  private collected = 0
  private aside: Partitions | undefined
  private readonly content = new ByteWriter()

  constructor(host: BlockingHost, accumulators: ReadonlyArray<Accumulator>, level: number) {
    this.host = host
    this.accumulators = accumulators
    this.level = level
  }

  get count(): number {
    return this.states.length
  }

  /** The number of the key's group, or -1. */
  find(key: Piece): number {
    return this.table.find(key.bytes, key.start, key.end)
  }

  /** The same for all keys of a block. */
  findAll(block: KeyBlock, found: Int32Array): void {
    this.table.findAll(block, found)
  }

  /** Makes the group that `find` has just not found. `keys` are the values of the key in its first row, whose number is `sequence`. */
  add(key: Piece, keys: Piece, sequence: number): number {
    const length = keys.end - keys.start
    this.places.push(this.contents.put(keys.bytes, keys.start, keys.end, length))
    this.lengths.push(length)
    this.sequences.push(sequence)
    this.states.push(this.accumulators.map((accumulator) => accumulator.init()))
    return this.table.add(key.bytes, key.start, key.end)
  }

  statesOf(group: number): States {
    return this.states[group]!
  }

  sequenceOf(group: number): number {
    return this.sequences[group]!
  }

  /** A copy of the group's key. */
  keyOf(group: number): Uint8Array {
    const key = new Span()
    this.table.keyOf(group, key)
    return key.bytes.slice(key.start, key.end)
  }

  /** The group's states, to be kept. */
  savedOf(group: number): string {
    return JSON.stringify(this.accumulators.map((accumulator, i) => accumulator.save(this.states[group]![i]!)))
  }

  /** Puts the rows of states that were kept before those of the group. */
  addBefore(group: number, saved: string): void {
    const earlier = (JSON.parse(saved) as ReadonlyArray<Saved>).map((one, i) => this.accumulators[i]!.restore(one))
    this.accumulators.forEach((accumulator, i) => accumulator.merge(earlier[i]!, this.states[group]![i]!))
    this.states[group] = earlier
  }

  /** Sets `piece` to the values of the group's key. */
  keysOf(group: number, piece: Span): void {
    const place = this.places[group]!
    const at = this.contents.offset(place)
    piece.set(this.contents.slab(place), at, at + this.lengths[group]!)
  }

  /** Says that a state has collected so many bytes more. */
  grew(bytes: number): void {
    this.collected += bytes
  }

  private get size(): number {
    const perGroup = GROUP_BYTES + STATE_BYTES * this.accumulators.length
    return this.table.size + this.contents.size + perGroup * this.states.length + this.collected
  }

  /** Whether `putAside` must be called before more rows are taken. A group alone cannot be made smaller by that. */
  get isFull(): boolean {
    return this.states.length > 1 && this.level < DEEPEST && this.size > this.host.memory * TABLE_SHARE
  }

  /** Puts all groups aside, and starts anew. */
  async putAside(): Promise<void> {
    this.aside ??= new Partitions({ memory: this.host.memory * ASIDE_SHARE, openSpill: this.host.openSpill })
    const key = new Span()
    const keys = new Span()
    for (let group = 0; group < this.states.length; group++) {
      this.table.keyOf(group, key)
      this.keysOf(group, keys)
      this.save(group, keys)
      this.aside.add(partOf(hashOf(key.bytes, key.start, key.end), this.level), key, this.content)
      if (this.aside.isFull) await this.aside.flush()
    }
    this.clear()
  }

  private save(group: number, keys: Piece): void {
    const { content } = this
    const states = this.accumulators.map((accumulator, i) => accumulator.save(this.states[group]![i]!))
    content.length = 0
    content.float64(this.sequences[group]!)
    content.varint(keys.end - keys.start)
    content.copy(keys.bytes, keys.start, keys.end)
    content.utf8(JSON.stringify(states))
  }

  /** Merges a group that was put aside into the one that has its key here. Its rows come after those that are here. */
  takeBack(key: Piece, saved: Piece): void {
    const { sequence, keys, states } = readSaved(saved)
    const known = this.find(key)
    const group = known >= 0 ? known : this.add(key, keys, sequence)
    this.accumulators.forEach((accumulator, i) => {
      const state = this.states[group]![i]!
      const before = accumulator.size(state)
      accumulator.merge(state, accumulator.restore(states[i]!))
      this.collected += accumulator.size(state) - before
    })
  }

  /** Lets go of all groups, but not of those that were put aside. */
  clear(): void {
    this.table = new KeyTable()
    this.contents.clear()
    for (const list of [this.places, this.lengths, this.sequences, this.states]) list.length = 0
    this.collected = 0
  }

  /** What was put aside, with all that is still here; nothing where all is here. Nothing may be added after. */
  async parts(): Promise<ReadonlyArray<ReadonlyArray<Range>>> {
    if (this.aside === undefined) return []
    await this.putAside()
    return await this.aside.parts()
  }
}

const readSaved = ({ bytes, start, end }: Piece): SavedGroup => {
  const reader = new ByteReader()
  reader.open(bytes, start)
  const sequence = reader.float64()
  const length = reader.varint()
  const keys = new Span()
  keys.set(bytes, reader.at, reader.at + length)
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + keys.end, end - keys.end).toString("utf8")
  return { sequence, keys, states: JSON.parse(text) as ReadonlyArray<Saved> }
}
