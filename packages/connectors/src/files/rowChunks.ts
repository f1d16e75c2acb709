/** Cuts the text of an input into chunks of whole rows, each in a buffer of its own that may be given away. */
import type { RowSplitter } from "@deltaflow/core/text"
import { readFully, type TextReader } from "./textReader.ts"

export interface RowChunk {
  readonly bytes: Uint8Array
  /** Where the text goes on behind it. */
  readonly end: number
  /** Whether the text ends here. */
  readonly last: boolean
}

/** Buffers to read into. Who is done with a chunk may give its buffer back: fresh memory costs more than reading. */
export class BufferPool {
  readonly chunkBytes: number
  private readonly buffers: Array<ArrayBufferLike> = []

  constructor(chunkBytes: number) {
    this.chunkBytes = chunkBytes
  }

  take(): Uint8Array {
    return new Uint8Array(this.buffers.pop() ?? Buffer.allocUnsafeSlow(this.size).buffer)
  }

  give(buffer: ArrayBufferLike): void {
    if (buffer.byteLength === this.size && this.buffers.length < MOST_KEPT) this.buffers.push(buffer)
  }

  private get size(): number {
    return HEADROOM + this.chunkBytes
  }
}

const MOST_KEPT = 16

export interface CutOptions {
  readonly split: RowSplitter
  readonly pool: BufferPool
  readonly rowLimit: number
  /**
   * Looks at text in which no row end was found for long, from the row's start: true where it is broken, so that the decoder should
   * say what is wrong with it.
   */
  readonly isBroken: (bytes: Uint8Array) => boolean
}

/** A row that is larger than the limit; it begins at `position`. */
export class LargeRow extends Error {
  override readonly name = "LargeRow"
  readonly position: number
  constructor(position: number) {
    super("a row is larger than the limit")
    this.position = position
  }
}

/** Room in front of each block for the beginning of its first row, which came with the block before. */
const HEADROOM = 64 * 1024

interface Block {
  readonly buffer: Uint8Array
  /** The text is `buffer[HEADROOM … end)`. */
  readonly end: number
  readonly last: boolean
}

/** Text whose row has not ended yet. */
class Carry {
  private pieces: Array<Uint8Array> = []
  length = 0

  add(bytes: Uint8Array): void {
    // A copy: the chunk that it comes from is given away.
    this.pieces.push(new Uint8Array(bytes))
    this.length += bytes.length
  }

  /** What was carried, followed by `buffer[HEADROOM … end)`; in the block's own buffer where it fits. */
  join({ buffer }: Block, end: number): Uint8Array {
    const { length } = this
    const fits = length <= HEADROOM
    const target = fits ? buffer : new Uint8Array(length + end - HEADROOM)
    let at = fits ? HEADROOM - length : 0
    for (const piece of this.pieces) {
      target.set(piece, at)
      at += piece.length
    }
    if (!fits) target.set(buffer.subarray(HEADROOM, end), at)
    this.pieces = []
    this.length = 0
    return fits ? target.subarray(HEADROOM - length, end) : target
  }

  all(): Uint8Array {
    return Buffer.concat(this.pieces)
  }
}

/** Reads ahead by one block. Throws `LargeRow`, and what the reader throws. Closes the reader at the end. */
export async function* cutRows(reader: TextReader, options: CutOptions): AsyncGenerator<RowChunk> {
  const carry = new Carry()
  let position = reader.position
  let checkAt = FIRST_CHECK
  let next: Promise<Block> | undefined = startBlock(reader, options.pool)
  try {
    while (next !== undefined) {
      const block: Block = await next
      next = block.last ? undefined : startBlock(reader, options.pool)
      const boundary = block.last ? block.end : options.split(block.buffer, HEADROOM, block.end)
      if (boundary >= 0) {
        const rest = block.buffer.slice(boundary, block.end)
        const bytes = carry.join(block, boundary)
        position += bytes.length
        checkAt = FIRST_CHECK
        if (rest.length > 0) carry.add(rest)
        yield { bytes, end: position, last: block.last }
        continue
      }
      carry.add(block.buffer.subarray(HEADROOM, block.end))
      if (carry.length < checkAt && carry.length <= options.rowLimit) continue
      checkAt *= 2
      const text = carry.all()
      if (options.isBroken(text)) return yield { bytes: text, end: position + text.length, last: true }
      if (carry.length > options.rowLimit) throw new LargeRow(position)
    }
  } finally {
    await reader.close()
  }
}

/** Text without a row end that is looked at for the first time; then at every doubling. */
const FIRST_CHECK = 8 * 1024 * 1024

const startBlock = (reader: TextReader, pool: BufferPool): Promise<Block> => {
  const block = readBlock(reader, pool)
  // Its failure is met where the block is awaited. Where it never is, the input was closed for another reason.
  block.catch(() => undefined) // house-rules: allow, met where it is awaited
  return block
}

const readBlock = async (reader: TextReader, pool: BufferPool): Promise<Block> => {
  const buffer = pool.take()
  const length = await readFully(reader, buffer.subarray(HEADROOM))
  return { buffer, end: HEADROOM + length, last: length < pool.chunkBytes }
}
