/**
 * The rows of a `COPY … TO STDOUT`, taken from the socket before the client sees them: it would make an object and a buffer of each, for
 * the garbage collector. All other messages go on to the client.
 *
 * Messages are a byte that says what they are, their length with itself in four bytes, and the rest:
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
import { Socket } from "node:net"
import type { PgConnection } from "./driver.ts"

/** Takes the bytes of rows as they come. */
export interface RowTaker {
  /** A row of this many bytes begins. */
  readonly beginRow: (length: number) => void
  /** A part of it. What lies before `to` is the taker's, to overwrite as well. */
  readonly addBytes: (bytes: Uint8Array, from: number, to: number) => void
  /** The bytes that were added are gone after this. */
  readonly takeOver: () => void
}

/** What says that a message brings a part of a copy, in either direction. */
export const COPY_DATA = 0x64

/** Before what a message brings: what it says, and its length. */
export const HEADER_BYTES = 5

type Listener = (data: Uint8Array) => void

export class CopyRows {
  private readonly stream: PgConnection["stream"]
  private readonly taker: RowTaker
  private readonly listeners: ReadonlyArray<Listener>
  /** The beginning of a message that is not all there. */
  private rest: Uint8Array = new Uint8Array(0)
  /** Bytes of the row at hand that have not come. */
  private missing = 0
  private isOver = false
  /** Whether the client has got something of the bytes at hand, and may keep it. */
  private hasPassed = false
  private readonly ownsBytes: boolean

  /** Nothing may be on its way: what comes next begins a message. */
  constructor({ stream }: PgConnection, taker: RowTaker) {
    this.stream = stream
    this.taker = taker
    // What another kind of stream gives may be memory that it uses again.
    this.ownsBytes = stream instanceof Socket
    this.listeners = stream.listeners("data")
    stream.on("data", this.onData)
    for (const listener of this.listeners) stream.removeListener("data", listener)
  }

  /** From now on the client sees all. */
  end(): void {
    if (this.isOver) return
    this.isOver = true
    for (const listener of this.listeners) this.stream.on("data", listener)
    this.stream.removeListener("data", this.onData)
  }

  private readonly onData = (data: Uint8Array): void => {
    const bytes = this.rest.length === 0 ? data : Buffer.concat([this.rest, data])
    this.hasPassed = false
    const rest = bytes.subarray(this.take(bytes))
    this.taker.takeOver()
    // What follows the end of the copy is the client's.
    if (this.isOver && rest.length > 0) this.pass(rest)
    this.rest = new Uint8Array(rest)
    if (this.ownsBytes && !this.hasPassed) for (const one of new Set([data, bytes])) giveBack(one)
  }

  /** Gives how many bytes are done with. */
  private take(bytes: Uint8Array): number {
    let at = 0
    while (!this.isOver) {
      if (this.missing > 0) {
        const to = Math.min(bytes.length, at + this.missing)
        this.taker.addBytes(bytes, at, to)
        this.missing -= to - at
        at = to
        if (this.missing > 0) return at
      }
      if (at + HEADER_BYTES > bytes.length) return at
      const length = ((bytes[at + 1]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!) - 4
      if (bytes[at] === COPY_DATA) {
        this.taker.beginRow(length)
        this.missing = length
        at += HEADER_BYTES
        continue
      }
      const end = at + HEADER_BYTES + length
      if (end > bytes.length) return at
      const message = bytes.subarray(at, end)
      at = end
      this.pass(message)
    }
    return at
  }

  private pass(message: Uint8Array): void {
    this.hasPassed = true
    for (const listener of this.listeners) listener(message)
  }
}

/**
 * Frees memory that nobody looks at any more. The garbage collector would do so much later, with as much more waiting for it as the heap
 * has room for.
 */
const giveBack = ({ buffer, byteLength }: Uint8Array): void => {
  // A part of a larger memory is not ours alone.
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0)
}
