/** Bytes that grow at their end, in the order that Parquet stores numbers in: the lowest byte first. */
export class GrowingBytes {
  private buffer: Buffer
  length = 0

  constructor(size = 1024) {
    this.buffer = Buffer.allocUnsafe(size)
  }

  /** A view that the next write may change. */
  view(): Buffer {
    return this.buffer.subarray(0, this.length)
  }

  /** A copy of the bytes; begins anew. */
  take(): Buffer {
    const taken = Buffer.from(this.view())
    this.length = 0
    return taken
  }

  byte(value: number): void {
    if (this.length === this.buffer.length) this.ensure(1)
    this.buffer[this.length++] = value
  }

  int32(value: number): void {
    this.ensure(4)
    this.length = this.buffer.writeInt32LE(value | 0, this.length)
  }

  int64(value: number | bigint): void {
    this.ensure(8)
    if (typeof value === "bigint") {
      this.length = this.buffer.writeBigInt64LE(value, this.length)
      return
    }
    this.buffer.writeInt32LE(value | 0, this.length)
    this.length = this.buffer.writeInt32LE(Math.floor(value / WORD), this.length + 4)
  }

  double(value: number): void {
    this.ensure(8)
    this.length = this.buffer.writeDoubleLE(value, this.length)
  }

  bytes(value: Uint8Array): void {
    this.ensure(value.length)
    this.buffer.set(value, this.length)
    this.length += value.length
  }

  /** The bytes of the text behind their count. */
  text(value: string): void {
    this.ensure(4 + 3 * value.length)
    const start = this.length + 4
    const size = writeText(this.buffer, value, start)
    this.buffer.writeUInt32LE(size, this.length)
    this.length = start + size
  }

  fill(value: number, count: number): void {
    this.ensure(count)
    this.buffer.fill(value, this.length, this.length + count)
    this.length += count
  }

  /** A whole number from 0 on, seven bits to a byte. */
  varint(value: number): void {
    let left = value
    while (left > 127) {
      this.byte((left & 127) | 128)
      left >>>= 7
    }
    this.byte(left)
  }

  private ensure(size: number): void {
    if (this.length + size <= this.buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(2 * this.buffer.length, this.length + size))
    larger.set(this.view())
    this.buffer = larger
  }
}

const WORD = 4_294_967_296

/** Longer texts are quicker in the host. */
const SHORT_TEXT = 24

const writeText = (buffer: Buffer, text: string, start: number): number => {
  if (text.length > SHORT_TEXT) return buffer.write(text, start)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) return buffer.write(text, start)
    buffer[start + i] = code
  }
  return text.length
}
