/**
 * A file for what does not fit into memory: blocks are appended, and read back by their place.
 *
 * The file has no name while it is used: it is removed from its folder as soon as it is open, and the system takes its space back when the
 * handles close, also where the process is killed.
 */
import { randomUUID } from "node:crypto"
import path from "node:path"
import { TransformError } from "../../contract/Errors.ts"
import type { Files, ReadHandle, WriteHandle } from "../../contract/Files.ts"
import { messageOf } from "../../model/messageOf.ts"

export interface SpillOptions {
  readonly files: Files
  /** Absolute; made where it is missing. */
  readonly folder: string
  /** `orders / transforms[1] (sort)`, for messages. */
  readonly place: string
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** The longest time that one call may take, milliseconds. */
  readonly timeout: number
}

/** Bytes of a spill file. */
export interface Range {
  readonly start: number
  readonly end: number
}

export class SpillFile {
  private readonly options: SpillOptions
  private readonly reading: ReadHandle
  private readonly writing: WriteHandle
  private size = 0
  /** The last of the reads that were asked for: a handle takes one at a time. */
  private lastRead: Promise<unknown> = Promise.resolve()

  private constructor(options: SpillOptions, reading: ReadHandle, writing: WriteHandle) {
    this.options = options
    this.reading = reading
    this.writing = writing
  }

  static async open(options: SpillOptions): Promise<SpillFile> {
    const { files, folder } = options
    try {
      await files.makeDirectory(folder)
      await removeLeftovers(options)
      const name = path.join(folder, `${randomUUID()}${ENDING}`)
      const writing = await files.openWrite(name, "create")
      const reading = await files.openRead(name).catch(async (error: unknown) => {
        await writing.close()
        throw error
      })
      const spill = new SpillFile(options, reading, writing)
      try {
        await files.remove(name)
      } catch (error) {
        await spill.close()
        throw error
      }
      return spill
    } catch (cause) {
      throw spillError(options, cause)
    }
  }

  /** Writes the bytes behind all others. They may be used again when it has resolved. */
  async append(bytes: Uint8Array): Promise<Range> {
    const start = this.size
    try {
      await inTime(this.options, this.writing.write(bytes))
    } catch (cause) {
      throw spillError(this.options, cause)
    }
    this.size = start + bytes.length
    return { start, end: this.size }
  }

  /** Fills `buffer` from its start with what stands at `place`, and gives how much there was. Reads come in turn. */
  read(buffer: Uint8Array, place: number): Promise<number> {
    const count = this.lastRead.then(() => this.fill(buffer, place))
    this.lastRead = count.catch(() => {
      // Whoever asked for it hears of the failure; it is none of the next one.
    })
    return count
  }

  private async fill(buffer: Uint8Array, place: number): Promise<number> {
    let filled = 0
    try {
      while (filled < buffer.length) {
        const count = await inTime(this.options, this.reading.read(filled === 0 ? buffer : buffer.subarray(filled), place + filled))
        if (count === 0) break
        filled += count
      }
    } catch (cause) {
      throw spillError(this.options, cause)
    }
    return filled
  }

  async close(): Promise<void> {
    await Promise.all([this.reading.close(), this.writing.close()])
  }
}

const ENDING = ".spill"

/** Empty files of processes that ended between making a file and removing it. A younger one may be about to be used. */
const removeLeftovers = async ({ files, folder, now }: SpillOptions): Promise<void> => {
  const names = await files.list(folder)
  for (const name of names.filter((one) => one.endsWith(ENDING))) {
    const file = path.join(folder, name)
    const found = await files.stat(file)
    if (found === undefined || now() - found.modifiedMs < LEFTOVER_MS) continue
    await files.remove(file).catch((error: unknown) => {
      // Another process has been quicker.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error
    })
  }
}

const LEFTOVER_MS = 60_000

/** A disk that hangs ends the run instead of holding it. */
const inTime = async <A>({ place, folder, timeout }: SpillOptions, call: Promise<A>): Promise<A> => {
  if (!Number.isFinite(timeout)) return await call
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const message = `${place}: the disk did not answer within ${timeout / 1000} s while rows were kept in ${folder}. See what the disk waits for, or raise timeout.`
      reject(new TransformError({ code: "STEP_TIMEOUT", message }))
    }, timeout)
  })
  try {
    return await Promise.race([call, limit])
  } finally {
    clearTimeout(timer)
  }
}

const NO_ROOM: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", "EFBIG"])

const spillError = ({ folder, place }: SpillOptions, cause: unknown): TransformError => {
  if (cause instanceof TransformError) return cause
  const isFull = NO_ROOM.has((cause as NodeJS.ErrnoException).code)
  const what = isFull
    ? `no room is left in ${folder} for rows that do not fit into memory. Free some, choose another tempFolder, or raise buffer_memory.`
    : `rows that do not fit into memory cannot be kept in ${folder}: ${messageOf(cause)}. Choose another tempFolder, or raise buffer_memory.`
  return new TransformError({ code: isFull ? "DISK_FULL" : "SPILL_FAILED", message: `${place}: ${what}`, cause })
}
