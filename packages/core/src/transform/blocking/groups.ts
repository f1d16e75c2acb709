/**
 * The keys of a step that groups rows, as many as fit into memory. A row of another key is put aside, in the part of its hash, and done
 * later with the others of its part. Which keys are in the table never changes once it is full, so each group is done in one place and gets
 * its rows in the order in which they came.
 */
import { type Piece, Span } from "./entries.ts"
import type { BlockingHost } from "./host.ts"
import type { KeyBlock } from "./keyBlock.ts"
import { KeyTable } from "./keyTable.ts"
import { Partitions, partOf } from "./partitions.ts"
import type { Range } from "./spill.ts"

/** Of a step's memory, what the table and all that belongs to its groups may take. */
const TABLE_SHARE = 1 / 2

/** Of a step's memory, what may wait to be put aside. */
const ASIDE_SHARE = 1 / 8

export class Groups {
  private table = new KeyTable()
  private readonly host: BlockingHost
  private readonly level: number
  private aside: Partitions | undefined

  /** `level` counts how often the rows have been divided before. */
  constructor(host: BlockingHost, level: number) {
    this.host = host
    this.level = level
  }

  get count(): number {
    return this.table.count
  }

  /** The number of the key's group, from 0; -1 where there is none yet. */
  find(key: Piece): number {
    return this.table.find(key.bytes, key.start, key.end)
  }

  /** The same for all keys of a block. */
  findAll(block: KeyBlock, found: Int32Array): void {
    this.table.findAll(block, found)
  }

  /**
   * Makes a group for the key that `find` has just not found, and gives its number; -1 where the table is full. `size` is what all groups
   * hold beside their keys.
   */
  add(key: Piece, size: number): number {
    if (this.aside !== undefined) return -1
    // One group is always there, so that every round gets something done.
    if (this.table.count === 0 || this.table.size + size < this.host.memory * TABLE_SHARE)
      return this.table.add(key.bytes, key.start, key.end)
    this.aside = new Partitions({ memory: this.host.memory * ASIDE_SHARE, openSpill: this.host.openSpill })
    return -1
  }

  /** Keeps a row whose key has just been refused. */
  putAside(key: Piece, row: Piece): void {
    this.aside!.add(partOf(this.table.hash, this.level), key, row)
  }

  /** Whether `flush` must be called before more rows are taken. */
  get isFull(): boolean {
    return this.aside?.isFull ?? false
  }

  async flush(): Promise<void> {
    await this.aside?.flush()
  }

  /** A copy of the group's key. */
  keyOf(group: number): Uint8Array {
    const key = new Span()
    this.table.keyOf(group, key)
    return key.bytes.slice(key.start, key.end)
  }

  /** Lets go of all keys. */
  clear(): void {
    this.table = new KeyTable()
  }

  /** Frees what keys are found by. Only `count` is known afterwards. */
  release(): void {
    this.table.release()
  }

  /** The rows that were put aside. Nothing may be added after. */
  async parts(): Promise<ReadonlyArray<ReadonlyArray<Range>>> {
    return this.aside === undefined ? [] : await this.aside.parts()
  }
}
