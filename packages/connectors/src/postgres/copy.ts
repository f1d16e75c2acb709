/** COPY over a client of `pg`: bytes in with the socket's own backpressure, bytes out in blocks. */
import { CopyRows, type RowTaker } from "./copyRows.ts"
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

  constructor(text: string) {
    super(text)
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
   * Hands whole rows over, which are referred to until the server has them. Waits while more than a little is on the way; what is wrong
   * with them `done` tells.
   */
  async write(bytes: Uint8Array): Promise<void> {
    await this.begun
    // A server that has refused a row takes no more messages.
    if (this.hasEnded) return
    const { stream } = this.connection!
    stream.cork()
    for (let at = 0; at < bytes.length; at += MESSAGE_BYTES) {
      const part = bytes.subarray(at, at + MESSAGE_BYTES)
      stream.write(copyHeader(part.length))
      stream.write(part)
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

const copyHeader = (length: number): Uint8Array => {
  const header = Buffer.allocUnsafe(5)
  header[0] = 0x64
  header.writeUInt32BE(length + 4, 1)
  return header
}

const SHORT_ROW = 64

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

/**
 * `COPY … TO STDOUT`: whole rows in blocks of `blockBytes` at most, or of one row, for `for await`. Leaving the loop early leaves the
 * statement running.
 */
export class CopyOut extends Statement implements AsyncIterable<Uint8Array>, RowTaker {
  private readonly blockBytes: number
  private block = Buffer.alloc(0)
  private length = 0
  private readonly blocks: Array<Uint8Array> = []
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
    if (this.length + length > this.block.length) this.flush()
    if (this.block.length === 0) this.block = Buffer.allocUnsafeSlow(Math.max(this.blockBytes, length))
  }

  addBytes(bytes: Uint8Array, from: number, to: number): void {
    if (this.isAbandoned) return
    const { block } = this
    // A call that copies costs more than the few bytes of most rows.
    if (to - from < SHORT_ROW) for (let at = from; at < to; at++) block[this.length++] = bytes[at]!
    else {
      block.set(bytes.subarray(from, to), this.length)
      this.length += to - from
    }
  }

  protected override ended(error: Error | undefined): void {
    this.rows?.end()
    if (error === undefined) this.flush()
    this.end = { error }
    this.wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const block = this.blocks.shift()
      if (block !== undefined) {
        this.waiting -= block.length
        if (this.waiting < AHEAD_BYTES) this.connection?.stream.resume()
        yield block
      } else if (this.end !== undefined) {
        if (this.end.error !== undefined) throw this.end.error
        return
      } else await new Promise<void>((resolve) => (this.wake = resolve))
    }
  }

  private flush(): void {
    if (this.length === 0 || this.isAbandoned) return
    this.blocks.push(this.block.subarray(0, this.length))
    this.waiting += this.length
    this.block = Buffer.alloc(0)
    this.length = 0
    if (this.waiting >= AHEAD_BYTES) this.connection?.stream.pause()
    this.wake?.()
  }
}
