/**
 * A file that is written: under another name until it is complete, or at the end of what is there, with a journal that knows how far that
 * went.
 *
 * Bytes are written behind the caller's back, one write at a time; the next call meets the failure of the one before.
 */
import { createHash } from "node:crypto"
import { basename, dirname, join } from "node:path"
import type { Files, ReadHandle, WriteHandle } from "@deltaflow/core"
import { type Compression, Compressor } from "@deltaflow/core/text"

export interface OutputFile {
  readonly write: (bytes: Uint8Array) => Promise<void>
  /** Opens what has been written so far. Absent where that cannot be read. */
  readonly readBack?: () => Promise<ReadHandle>
  /** Makes what was written durable and, for a replaced file, visible. Gives the length of the file. */
  readonly commit: (final: boolean) => Promise<number>
  /** Always called at the end. `kept` says that the final commit counts. */
  readonly close: (kept: boolean) => Promise<void>
}

/** Bytes on their way to a handle. */
export class Writing {
  private readonly handle: WriteHandle
  private readonly compression: Compression
  private compressor: Compressor | undefined
  private under: Promise<void> = Promise.resolve()
  private failure: { readonly cause: unknown } | undefined
  length: number

  constructor(handle: WriteHandle, compression: Compression, length = 0) {
    this.handle = handle
    this.compression = compression
    this.length = length
  }

  /** Waits for the write before this one. */
  async write(bytes: Uint8Array): Promise<void> {
    await this.settled()
    if (bytes.length === 0) return
    this.under = this.emit(bytes).catch((cause: unknown) => void (this.failure = { cause }))
  }

  /** Everything is in the file, if not yet on the disk. */
  async settled(): Promise<void> {
    await this.under
    if (this.failure !== undefined) throw this.failure.cause
  }

  /** Everything is on the disk. */
  async sync(): Promise<void> {
    await this.settled()
    await this.compressor?.end()
    this.compressor = undefined
    await this.handle.sync()
  }

  async close(): Promise<void> {
    await this.under
    this.compressor?.close()
    await this.handle.close()
  }

  /** Takes back what was written behind this length, also what a write left that failed half way, as on a full disk. */
  async truncate(length: number): Promise<void> {
    await this.under
    if (this.length > length || this.failure !== undefined) await this.handle.truncate(length)
    this.length = length
  }

  private async emit(bytes: Uint8Array): Promise<void> {
    if (this.compression === "none") return await this.put(bytes)
    this.compressor ??= new Compressor(this.compression, (piece) => this.put(piece))
    await this.compressor.write(bytes)
  }

  private async put(bytes: Uint8Array): Promise<void> {
    await this.handle.write(bytes)
    this.length += bytes.length
  }
}

/** Whose temporary files these are, so that what a crash left behind is known again. */
export interface Owner {
  readonly pipeline: string
  readonly runId: string
}

/**
 * Writes beside the target and renames at the final commit. Until then, and after a failure, the target is as it was. Leftovers of earlier
 * runs of the same pipeline are removed.
 */
export const replaceFile = async (files: Files, target: string, compression: Compression, owner: Owner): Promise<OutputFile> => {
  const folder = dirname(target)
  const prefix = `.${shortName(basename(target))}.${safeName(owner.pipeline)}.`
  await files.makeDirectory(folder)
  for (const name of await files.list(folder)) {
    if (name.startsWith(prefix) && name.endsWith(".tmp")) await files.remove(join(folder, name))
  }
  const temporary = join(folder, `${prefix}${safeName(owner.runId)}.tmp`)
  const writing = new Writing(await files.openWrite(temporary, "create"), compression)
  let isOpen = true
  let isRenamed = false
  return {
    write: (bytes) => writing.write(bytes),
    readBack: async () => {
      await writing.settled()
      return await files.openRead(temporary)
    },
    commit: async (final) => {
      if (!final) return writing.length
      if (!isRenamed) {
        await writing.sync()
        isOpen = false
        await writing.close()
        await files.rename(temporary, target)
        isRenamed = true
      }
      await files.syncDirectory(folder)
      return writing.length
    },
    close: async () => {
      try {
        if (isOpen) await writing.close()
      } finally {
        if (!isRenamed) await files.remove(temporary)
      }
    },
  }
}

const safeName = (name: string): string => shortName(name.replace(/[^\w-]/g, "_"))

/** The name itself, or a hash of it where there would be no room for what is added to it: a name may have 255 bytes. */
export const shortName = (name: string): string =>
  Buffer.byteLength(name) <= 80 ? name : createHash("sha256").update(name).digest("hex").slice(0, 32)
