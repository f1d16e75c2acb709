/** Gzip and Zstandard, in and out, in pieces. */
import { constants, createGunzip, createGzip, createZstdCompress, createZstdDecompress } from "node:zlib"
import type { Transform } from "node:stream"
import { messageOf } from "../model/messageOf.ts"

export const compressions = ["none", "gzip", "zstd"] as const

export type Compression = (typeof compressions)[number]

/** What the end of a file name says: `.gz` and `.zst`. */
export const compressionOf = (path: string): Compression => (/\.gz$/i.test(path) ? "gzip" : /\.zst$/i.test(path) ? "zstd" : "none")

/** An archive that is damaged, ends early, or grows past its limits. */
export class ArchiveError extends Error {
  override readonly name = "ArchiveError"
}

/** How far an archive may grow, so that a small file cannot fill a disk. */
export interface ArchiveLimits {
  /** Bytes in all. */
  readonly size: number
  /** Times the size of what was read; counts from 64 MiB on. */
  readonly ratio: number
}

const RATIO_FROM = 64 * 1024 * 1024

const PIECE = 256 * 1024

/** The content of an archive, member after member. Throws `ArchiveError`, or what `blocks` throws. */
export async function* decompress(
  blocks: AsyncIterable<Uint8Array>,
  compression: Exclude<Compression, "none">,
  limits: ArchiveLimits,
): AsyncGenerator<Uint8Array> {
  const input = new Input(blocks)
  let written = 0
  try {
    while (await input.fill()) {
      for await (const piece of member(input, compression)) {
        written += piece.length
        checkLimits(input.taken, written, limits)
        yield piece
      }
    }
  } finally {
    await input.close()
  }
}

const checkLimits = (read: number, written: number, { size, ratio }: ArchiveLimits): void => {
  if (written > size)
    throw new ArchiveError(`the content is larger than ${size} bytes. Raise \`max_decompressed_size\` if it is meant to be.`)
  if (written > RATIO_FROM && written > ratio * read) {
    throw new ArchiveError(
      `the content is more than ${ratio} times as large as the file. Raise \`max_decompression_ratio\` if it is meant to be.`,
    )
  }
}

/** The blocks of the archive, of which a member may leave the end to the next one. */
class Input {
  private readonly iterator: AsyncIterator<Uint8Array>
  block: Uint8Array = new Uint8Array(0)
  taken = 0

  constructor(blocks: AsyncIterable<Uint8Array>) {
    this.iterator = blocks[Symbol.asyncIterator]()
  }

  /** Whether there is more. */
  async fill(): Promise<boolean> {
    while (this.block.length === 0) {
      const next = await this.iterator.next()
      if (next.done === true) return false
      this.block = next.value
      this.taken += next.value.length
    }
    return true
  }

  async close(): Promise<void> {
    await this.iterator.return?.()
  }
}

/** Decompresses from where the input stands to the end of the input, or of the member where another one follows in the same block. */
async function* member(input: Input, compression: Exclude<Compression, "none">): AsyncGenerator<Uint8Array> {
  const engine = compression === "gzip" ? createGunzip({ chunkSize: PIECE }) : createZstdDecompress({ chunkSize: PIECE })
  const failure: { read?: { readonly cause: unknown } } = {}
  const feeding = feed(input, engine).catch((cause: unknown) => {
    failure.read = { cause }
    engine.destroy(new Error("the archive could not be read"))
  })
  try {
    for await (const piece of engine) yield piece as Uint8Array
    await feeding
  } catch (cause) {
    if (failure.read !== undefined) throw failure.read.cause
    throw new ArchiveError(`the ${compression} archive is damaged or ends early (${messageOf(cause)})`)
  } finally {
    engine.destroy()
  }
  if (failure.read !== undefined) throw failure.read.cause
}

const feed = async (input: Input, engine: Transform & { readonly bytesWritten: number }): Promise<void> => {
  let fed = 0
  while (await input.fill()) {
    const { block } = input
    fed += block.length
    if (!(await write(engine, block))) return
    // Node's Zstandard ends with its first frame and says how far that went.
    input.block = block.subarray(block.length - (fed - engine.bytesWritten))
    if (input.block.length > 0) return
  }
  engine.end()
}

/** False where the engine failed; whoever reads from it gets the error. */
const write = (engine: Transform, block: Uint8Array): Promise<boolean> =>
  new Promise((resolve) => {
    const closed = () => resolve(false)
    engine.once("close", closed)
    engine.write(block, (error) => {
      engine.off("close", closed)
      resolve(error === null || error === undefined)
    })
  })

/** Compresses in pieces and hands them on. */
export class Compressor {
  private readonly engine: Transform
  private readonly emit: (bytes: Uint8Array) => Promise<void>
  private pieces: Array<Uint8Array> = []
  private failure: Error | undefined

  constructor(compression: Exclude<Compression, "none">, emit: (bytes: Uint8Array) => Promise<void>) {
    this.emit = emit
    this.engine =
      compression === "gzip"
        ? createGzip({ chunkSize: PIECE })
        : createZstdCompress({ chunkSize: PIECE, params: { [constants.ZSTD_c_checksumFlag]: 1 } })
    this.engine.on("data", (piece: Uint8Array) => this.pieces.push(piece))
    this.engine.on("error", (error) => (this.failure = error))
  }

  async write(bytes: Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => this.engine.write(bytes, () => resolve()))
    await this.flush()
  }

  /** Ends the member. */
  async end(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.engine.once("close", resolve)
      this.engine.end()
    })
    await this.flush()
  }

  close(): void {
    this.engine.destroy()
  }

  private async flush(): Promise<void> {
    if (this.failure !== undefined) throw this.failure
    const pieces = this.pieces
    this.pieces = []
    for (const piece of pieces) await this.emit(piece)
  }
}
