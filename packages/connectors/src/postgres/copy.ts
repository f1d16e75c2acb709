/** COPY over a client of `pg`: bytes in with the socket's own backpressure, bytes out in blocks. */
import { COPY_DATA, CopyRows, HEADER_BYTES, type RowTaker } from "./copyRows.ts"
import type { PgConnection, Submittable } from "./driver.ts"

/** Bytes in one message. The server starts on a message when it has all of it. */
const MESSAGE_BYTES = 64 * 1024

/** What every statement of ours has to be for `pg`. */
export abstract class Statement implements Submittable {
  readonly done: Promise<void>
  protected connection: PgConnection | undefined
  private readonly text: string
  private settle!: { readonly resolve: () => void; readonly reject: (cause: unknown) => void }

  constructor(text: string) {
    this.text = text
    this.done = new Promise<void>((resolve, reject) => (this.settle = { resolve, reject }))
    this.done.catch(() => {
      // Whoever waits for it gets the error; nobody has to wait.
    })
  }

  submit(connection: PgConnection): void {
    this.connection = connection
    connection.query(this.text)
  }
  handleError(error: Error): void {
    this.ended(error)
    this.settle.reject(error)
  }
  handleReadyForQuery(): void {
    this.ended(undefined)
    this.settle.resolve()
  }
  /** Told once, before `done` is. */
  protected ended(_error: Error | undefined): void {}

  abstract handleCopyInResponse(connection: PgConnection): void
  abstract handleCopyData(message: { readonly chunk: Uint8Array }): void
  handleCommandComplete(): void {}
  handleRowDescription(): void {}
  handleDataRow(): void {}
  handleEmptyQuery(): void {}
}

/** `COPY … FROM STDIN`: bytes are handed over as they come, until `end`. */
export class CopyIn extends Statement {
  private readonly begun: Promise<void>
  private begin!: () => void
  private hasEnded = false
  private readonly messages: Array<Buffer>

  /**
   * `messages` is the connection's memory of messages that its socket is done with: fresh memory costs more than to copy into what is
   * there.
   */
  constructor(text: string, messages: Array<Buffer>) {
    super(text)
    this.messages = messages
    this.begun = new Promise<void>((resolve) => (this.begin = resolve))
  }

  handleCopyInResponse(): void {
    this.begin()
  }
  handleCopyData(): void {}

  protected override ended(): void {
    this.hasEnded = true
    this.begin()
  }

  /**
   * Hands whole rows over; the bytes are the caller's again at once. Waits while more than a little is on the way; what is wrong with the
   * rows `done` tells.
   */
  async write(bytes: Uint8Array): Promise<void> {
    await this.begun
    // A server that has refused a row takes no more messages.
    if (this.hasEnded) return
    const { stream } = this.connection!
    stream.cork()
    for (let at = 0; at < bytes.length; at += MESSAGE_BYTES) {
      const message = this.messages.pop() ?? Buffer.allocUnsafeSlow(HEADER_BYTES + MESSAGE_BYTES)
      const part = bytes.subarray(at, at + MESSAGE_BYTES)
      message[0] = COPY_DATA
      message.writeUInt32BE(part.length + 4, 1)
      message.set(part, HEADER_BYTES)
      stream.write(message.subarray(0, HEADER_BYTES + part.length), () => this.messages.push(message))
    }
    stream.uncork()
    // All at once, and not message by message: between two the thread may be busy with other rows for long, and the server would wait.
    while (stream.writableLength > WAITING_BYTES && !this.hasEnded && !stream.destroyed) await progress(this.connection!)
  }

  /** There is no more. */
  async end(): Promise<void> {
    await this.begun
    if (!this.hasEnded) this.connection!.endCopyFrom()
    await this.done
  }
}

/** Bytes that may wait for the socket. */
const WAITING_BYTES = 1024 * 1024

/** When the socket has taken all that waits, or a little time has passed. */
const progress = ({ stream }: PgConnection): Promise<void> =>
  new Promise((resolve) => {
    const go = () => {
      stream.removeListener("drain", go)
      stream.removeListener("close", go)
      clearTimeout(timer)
      resolve()
    }
    stream.once("drain", go)
    stream.once("close", go)
    const timer = setTimeout(go, LOOK_MS)
  })

const LOOK_MS = 5

/** Bytes that wait for a reader before the socket is told to wait. */
const AHEAD_BYTES = 4 * 1024 * 1024

/** Rows that COPY wrote. */
export interface CopiedBlock {
  readonly bytes: Uint8Array
  /** Takes the memory back, for rows that are still to come. Need not be called. */
  readonly release: () => void
}

/** Blocks that are kept for rows to come: as many as wait for a reader, and some that are on their way. */
const KEPT_BLOCKS = 8

/**
 * `COPY … TO STDOUT`: whole rows in blocks of `blockBytes` at most, or of one row, for `for await`. Leaving the loop early leaves the
 * statement running.
 */
export class CopyOut extends Statement implements AsyncIterable<CopiedBlock>, RowTaker {
  private readonly blockBytes: number
  private block: Buffer = Buffer.alloc(0)
  private length = 0
  private readonly blocks: Array<{ readonly memory: Buffer; readonly length: number }> = []
  private readonly kept: Array<Buffer> = []
  /** Rows of the block that still lie where they came, side by side: in `bytes`, from `from` to `to`. */
  private gathered: { readonly bytes: Uint8Array; readonly from: number; to: number } | undefined
  private waiting = 0
  private wake: (() => void) | undefined
  private end: { readonly error: Error | undefined } | undefined
  private rows: CopyRows | undefined
  private isAbandoned = false

  constructor(text: string, blockBytes: number) {
    super(text)
    this.blockBytes = blockBytes
  }

  override submit(connection: PgConnection): void {
    this.rows = new CopyRows(connection, this)
    super.submit(connection)
  }

  handleCopyInResponse(connection: PgConnection): void {
    connection.sendCopyFail("COPY TO was expected")
  }

  /** The rows do not come this way. */
  handleCopyData(): void {}

  /** Nobody wants the rest: what comes is let go, so that the end comes too. */
  abandon(): void {
    this.isAbandoned = true
    this.blocks.length = 0
    this.connection?.stream.resume()
  }

  beginRow(length: number): void {
    if (this.isAbandoned) return
    const { gathered } = this
    const waiting = gathered === undefined ? 0 : gathered.to - gathered.from
    if (this.length + waiting + length > this.block.length) this.flush()
    if (this.block.length > 0) return
    this.block = length > this.blockBytes ? Buffer.allocUnsafeSlow(length) : (this.kept.pop() ?? Buffer.allocUnsafeSlow(this.blockBytes))
  }

  addBytes(bytes: Uint8Array, from: number, to: number): void {
    if (this.isAbandoned) return
    const { gathered } = this
    if (gathered?.bytes === bytes) {
      // Moved together first, so that many rows go into the block at once: of each by itself the view would cost more than the copy.
      bytes.copyWithin(gathered.to, from, to)
      gathered.to += to - from
      return
    }
    this.gathered = { bytes, from, to }
  }

  takeOver(): void {
    this.moveRows()
  }

  private moveRows(): void {
    const { gathered } = this
    if (gathered === undefined) return
    this.block.set(gathered.bytes.subarray(gathered.from, gathered.to), this.length)
    this.length += gathered.to - gathered.from
    this.gathered = undefined
  }

  protected override ended(error: Error | undefined): void {
    this.rows?.end()
    if (error === undefined) this.flush()
    this.end = { error }
    this.wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<CopiedBlock> {
    for (;;) {
      const block = this.blocks.shift()
      if (block !== undefined) {
        const { memory, length } = block
        this.waiting -= length
        if (this.waiting < AHEAD_BYTES) this.connection?.stream.resume()
        yield { bytes: memory.subarray(0, length), release: () => this.keep(memory) }
      } else if (this.end !== undefined) {
        if (this.end.error !== undefined) throw this.end.error
        return
      } else await new Promise<void>((resolve) => (this.wake = resolve))
    }
  }

  private keep(memory: Buffer): void {
    if (memory.length === this.blockBytes && this.kept.length < KEPT_BLOCKS && this.end === undefined) this.kept.push(memory)
  }

  private flush(): void {
    this.moveRows()
    if (this.length === 0 || this.isAbandoned) return
    this.blocks.push({ memory: this.block, length: this.length })
    this.waiting += this.length
    this.block = Buffer.alloc(0)
    this.length = 0
    if (this.waiting >= AHEAD_BYTES) this.connection?.stream.pause()
    this.wake?.()
  }
}
