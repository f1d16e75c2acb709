/** `START_REPLICATION`: messages of the log as they come, with the socket's own backpressure, and status updates the other way. */
import { Statement } from "../copy.ts"
import type { PgConnection } from "../driver.ts"
import { parseMessage, type StreamMessage } from "./pgoutput.ts"

/** Bytes that wait for a reader before the socket is told to wait. */
const AHEAD_BYTES = 4 * 1024 * 1024

/** What a message takes beside its bytes, about. */
const MESSAGE_BYTES = 250

/** Messages that were taken before their room is given back. */
const TAKEN_MESSAGES = 4096

/** How long the server may take to end the stream. */
const END_MS = 3000

export class ReplicationStream extends Statement {
  private messages: Array<{ readonly message: StreamMessage; readonly bytes: number }> = []
  /** How many of `messages` were taken: to shift them one by one would move all others each time. */
  private taken = 0
  private waiting = 0
  private wake: (() => void) | undefined
  private end: { readonly error: unknown } | undefined
  private isOver = false
  /** When the last message came, milliseconds of a clock that only grows. */
  heardAt = performance.now()

  /** The next message where one is there. Throws what ended the stream, once all before it was taken. */
  take(): StreamMessage | undefined {
    const next = this.messages[this.taken]
    if (next === undefined) {
      this.messages = []
      this.taken = 0
      if (this.end !== undefined) throw this.end.error
      return undefined
    }
    if (++this.taken >= TAKEN_MESSAGES) {
      this.messages = this.messages.slice(this.taken)
      this.taken = 0
    }
    this.waiting -= next.bytes
    if (this.waiting < AHEAD_BYTES) this.connection?.stream.resume()
    return next.message
  }

  /** Waits until there is something to take, somebody calls `interrupt`, or the time is over. */
  async wait(milliseconds: number): Promise<void> {
    if (this.messages.length > this.taken || this.end !== undefined) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.wake = resolve
      timer = setTimeout(resolve, milliseconds)
    })
    clearTimeout(timer)
    this.wake = undefined
  }

  interrupt(): void {
    this.wake?.()
  }

  /** A status update. Nothing where the stream has ended. */
  send(update: Uint8Array): void {
    if (!this.isOver) this.connection?.sendCopyFromChunk(update)
  }

  /** Ends the stream in order; updates that were sent before reach the server. */
  async finish(): Promise<void> {
    if (this.isOver || this.connection === undefined) return
    this.isOver = true
    this.messages = []
    this.taken = 0
    this.connection.endCopyFrom()
    this.connection.stream.resume()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, END_MS)))
    const settled = this.done.catch(() => {
      // A stream that broke has ended too.
    })
    await Promise.race([settled, late])
    clearTimeout(timer)
  }

  handleCopyInResponse(connection: PgConnection): void {
    connection.sendCopyFail("START_REPLICATION was expected to send")
  }

  handleCopyData({ chunk }: { readonly chunk: Uint8Array }): void {
    this.heardAt = performance.now()
    if (this.isOver) return
    try {
      const bytes = chunk.length + MESSAGE_BYTES
      this.messages.push({ message: parseMessage(chunk), bytes })
      this.waiting += bytes
    } catch (error) {
      this.end ??= { error }
    }
    if (this.waiting >= AHEAD_BYTES) this.connection?.stream.pause()
    this.wake?.()
  }

  protected override ended(error: Error | undefined): void {
    this.isOver = true
    this.end ??= { error: error ?? new Error("the server ended the stream of changes") }
    this.wake?.()
  }
}
