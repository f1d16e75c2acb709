/**
 * The text of one input as UTF-8 bytes, from any position on: decompressed, decoded, without its byte order mark.
 *
 * A position counts bytes of the file where the text is stored as it is, else bytes of the decoded text.
 */
import type { Files, ReadHandle } from "@deltaflow/core"
import {
  type ArchiveLimits,
  byteOrderMark,
  type ByteOrderMark,
  type Compression,
  decompress,
  type Encoding,
  EncodingError,
  toUtf8,
} from "@deltaflow/core/text"

export interface TextReader {
  /** Fills the buffer from its start, as far as the text goes; 0 at its end. */
  readonly read: (buffer: Uint8Array) => Promise<number>
  readonly close: () => Promise<void>
  /** Where the first byte that `read` gives stands. */
  readonly position: number
}

export interface TextOptions {
  readonly compression: Compression
  /** Undefined: what the byte order mark says, else UTF-8. */
  readonly encoding: Encoding | undefined
  readonly limits: ArchiveLimits
}

/** Blocks that are read ahead of a decompressor or a decoder. */
const BLOCK = 256 * 1024

export const openFileText = async (files: Files, path: string, options: TextOptions, position = 0): Promise<TextReader> => {
  const handle = await files.openRead(path)
  try {
    if (options.compression === "none") {
      const mark = await markOf(handle)
      if (encodingOf(options, mark) === "utf-8") return plainReader(handle, Math.max(position, mark?.length ?? 0))
    }
    return await decodedReader(blocksOf(handle), options, position)
  } catch (cause) {
    await handle.close()
    throw cause
  }
}

/** Text that can be read only once and may keep one waiting, such as standard input. Reading rejects when the signal is aborted. */
export const openStreamText = async (blocks: AsyncIterable<Uint8Array>, options: TextOptions, signal: AbortSignal): Promise<TextReader> => {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  aborted.catch(() => undefined) // house-rules: allow, met where it is awaited
  const abort = () => reject(signal.reason instanceof Error ? signal.reason : new Error("the run was cancelled"))
  if (signal.aborted) abort()
  signal.addEventListener("abort", abort, { once: true })
  const reader = await Promise.race([decodedReader(blocks, options, 0), aborted])
  return {
    position: 0,
    read: (buffer) => Promise.race([reader.read(buffer), aborted]),
    close: async () => {
      signal.removeEventListener("abort", abort)
      // Whoever feeds the stream may never do so again, so nothing waits for it.
      reader.close().catch(() => undefined) // house-rules: allow, met where it is awaited
    },
  }
}

/** Gives what was read from it before once more. */
export const replayed = (reader: TextReader, start: Uint8Array): TextReader => {
  let rest = start
  return {
    position: reader.position,
    close: reader.close,
    read: async (buffer) => {
      if (rest.length === 0) return await reader.read(buffer)
      const taken = Math.min(rest.length, buffer.length)
      buffer.set(rest.subarray(0, taken))
      rest = rest.subarray(taken)
      return taken
    },
  }
}

/** Reads until the buffer is full or the text ends. */
export const readFully = async (reader: Pick<TextReader, "read">, buffer: Uint8Array): Promise<number> => {
  let length = 0
  while (length < buffer.length) {
    const read = await reader.read(buffer.subarray(length))
    if (read === 0) break
    length += read
  }
  return length
}

const markOf = async (handle: ReadHandle): Promise<ByteOrderMark | undefined> => {
  const start = new Uint8Array(3)
  let length = 0
  while (length < 3) {
    const read = await handle.read(start.subarray(length), length)
    if (read === 0) break
    length += read
  }
  return byteOrderMark(start.subarray(0, length))
}

const encodingOf = ({ encoding }: TextOptions, mark: ByteOrderMark | undefined): Encoding => {
  if (encoding === "utf-8" && mark !== undefined && mark.encoding !== "utf-8") {
    throw new EncodingError(1, `a byte order mark of ${mark.encoding}, while \`encoding\` says utf-8,`)
  }
  return encoding ?? mark?.encoding ?? "utf-8"
}

const plainReader = (handle: ReadHandle, start: number): TextReader => {
  let position = start
  return {
    position: start,
    close: handle.close,
    read: async (buffer) => {
      const read = await handle.read(buffer, position)
      position += read
      return read
    },
  }
}

async function* blocksOf(handle: ReadHandle): AsyncGenerator<Uint8Array> {
  try {
    for (let position = 0; ;) {
      const block = new Uint8Array(BLOCK)
      const read = await handle.read(block, position)
      if (read === 0) return
      position += read
      yield block.subarray(0, read)
    }
  } finally {
    await handle.close()
  }
}

const decodedReader = async (blocks: AsyncIterable<Uint8Array>, options: TextOptions, skip: number): Promise<TextReader> => {
  const { compression, limits } = options
  const content = new Blocks(compression === "none" ? blocks : decompress(blocks, compression, limits))
  const mark = byteOrderMark(await content.peek(3))
  const encoding = encodingOf(options, mark)
  await content.skip(mark !== undefined && mark.encoding === encoding ? mark.length : 0)
  const text = encoding === "utf-8" ? content : new Blocks(toUtf8(content, encoding))
  await text.skip(skip)
  return { position: skip, read: (buffer) => text.read(buffer), close: () => text.close() }
}

/** A stream of blocks as something to read from. */
class Blocks implements AsyncIterable<Uint8Array> {
  private readonly iterator: AsyncIterator<Uint8Array>
  private block: Uint8Array = new Uint8Array(0)

  constructor(blocks: AsyncIterable<Uint8Array>) {
    this.iterator = blocks[Symbol.asyncIterator]()
  }

  async read(buffer: Uint8Array): Promise<number> {
    if (!(await this.fill())) return 0
    const taken = Math.min(this.block.length, buffer.length)
    buffer.set(this.block.subarray(0, taken))
    this.block = this.block.subarray(taken)
    return taken
  }

  /** The first bytes, which stay to be read. */
  async peek(length: number): Promise<Uint8Array> {
    while (this.block.length < length) {
      const next = await this.iterator.next()
      if (next.done === true) break
      this.block = Buffer.concat([this.block, next.value])
    }
    return this.block.subarray(0, length)
  }

  async skip(length: number): Promise<void> {
    for (let left = length; left > 0 && (await this.fill());) {
      const taken = Math.min(this.block.length, left)
      this.block = this.block.subarray(taken)
      left -= taken
    }
  }

  async close(): Promise<void> {
    await this.iterator.return?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      while (await this.fill()) {
        const { block } = this
        this.block = new Uint8Array(0)
        yield block
      }
    } finally {
      await this.close()
    }
  }

  private async fill(): Promise<boolean> {
    while (this.block.length === 0) {
      const next = await this.iterator.next()
      if (next.done === true) return false
      this.block = next.value
    }
    return true
  }
}
