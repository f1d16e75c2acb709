/**
 * The keys of some rows, one after the other. What has to be fetched from a large table for one row does not depend on the row before, so
 * the processor fetches for several rows at once where a loop does nothing else.
 */
import { ByteWriter } from "./byteWriter.ts"
import type { Span } from "./entries.ts"

/** Rows of a block at most: their keys stay in the processor's cache. */
export const BLOCK_ROWS = 256

export class KeyBlock {
  readonly out = new ByteWriter()
  /** Where each row's key ends; it begins where the one before ends. */
  readonly ends = new Int32Array(BLOCK_ROWS)
  count = 0

  /** Forgets all keys. */
  clear(): void {
    this.out.length = 0
    this.count = 0
  }

  /** Says that what has been written to `out` since the last call is the key of the next row. */
  end(): void {
    this.ends[this.count++] = this.out.length
  }

  /** Sets `piece` to the key of one row. */
  at(index: number, piece: Span): void {
    piece.set(this.out.bytes, index === 0 ? 0 : this.ends[index - 1]!, this.ends[index]!)
  }
}
