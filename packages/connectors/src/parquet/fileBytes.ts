/** Ranges of an open file. */
import type { ReadHandle } from "@deltaflow/core"
import { readRange } from "../files/fileCursor.ts"
import { damaged } from "./problem.ts"

export class FileBytes {
  readonly size: number
  private readonly handle: ReadHandle
  private before: Promise<unknown> = Promise.resolve()

  constructor(handle: ReadHandle, size: number) {
    this.handle = handle
    this.size = size
  }

  /** Calls wait for each other: a handle takes one at a time. Throws where the file ends sooner. */
  async read(from: number, length: number): Promise<Buffer> {
    if (from < 0 || length < 0 || from + length > this.size)
      throw damaged(`bytes ${from} to ${from + length} are named in it, and it has ${this.size}`)
    const reading = this.before.then(() => readRange(this.handle, from, from + length))
    this.before = Promise.allSettled([reading])
    const bytes = await reading
    if (bytes.length < length) throw damaged(`it ends at byte ${from + bytes.length}, and had ${this.size} bytes when it was opened`)
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Waits for reads that were given up. */
  async close(): Promise<void> {
    await this.before
    await this.handle.close()
  }
}
