/** A growing buffer that rows and keys are written into. Numbers are big-endian, so that bytes compare as numbers do. */

interface Writing {
  readonly utf8Write: (this: Uint8Array, text: string, offset: number, length: number) => number
}

// Works on any Uint8Array, and saves making a Buffer of it first.
const { utf8Write } = Buffer.prototype as unknown as Writing

export class ByteWriter {
  bytes: Uint8Array<ArrayBuffer>
  view: DataView
  length = 0
  /** With `end`, what was written is a piece of bytes. */
  readonly start = 0

  constructor(size = 1024) {
    this.bytes = new Uint8Array(size)
    this.view = new DataView(this.bytes.buffer)
  }

  get end(): number {
    return this.length
  }

  /** Makes room for `size` more bytes and gives the place where they go. */
  room(size: number): number {
    const at = this.length
    if (at + size > this.bytes.length) this.grow(at + size)
    this.length = at + size
    return at
  }

  private grow(size: number): void {
    const larger = new Uint8Array(Math.max(size, 2 * this.bytes.length))
    larger.set(this.bytes.subarray(0, this.length))
    this.bytes = larger
    this.view = new DataView(larger.buffer)
  }

  byte(value: number): void {
    const at = this.room(1)
    this.bytes[at] = value
  }

  float64(value: number): void {
    const at = this.room(8)
    this.view.setFloat64(at, value)
  }

  int32(value: number): void {
    const at = this.room(4)
    this.view.setInt32(at, value)
  }

  bigint64(value: bigint): void {
    const at = this.room(8)
    this.view.setBigInt64(at, value)
  }

  /** A whole number from 0, small ones in few bytes. */
  varint(value: number): void {
    let rest = value
    while (rest > 127) {
      this.byte((rest % 128) | 128)
      rest = Math.floor(rest / 128)
    }
    this.byte(rest)
  }

  copy(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start
    const at = this.room(length)
    if (length > SHORT) {
      this.bytes.set(bytes.subarray(start, end), at)
      return
    }
    const target = this.bytes
    for (let i = 0; i < length; i++) target[at + i] = bytes[start + i]!
  }

  /** Well-formed text as UTF-8. */
  utf8(text: string): void {
    const { length } = text
    const at = this.room(3 * length)
    const target = this.bytes
    if (length <= SHORT) {
      let i = 0
      for (; i < length; i++) {
        const code = text.charCodeAt(i)
        if (code > 127) break
        target[at + i] = code
      }
      if (i === length) {
        this.length = at + length
        return
      }
    }
    this.length = at + utf8Write.call(target, text, at, 3 * length)
  }
}

/** Longer runs are copied by the host. */
const SHORT = 48

/** How many bytes `varint` takes for the number. */
export const varintSize = (value: number): number => {
  let size = 1
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) size++
  return size
}

/** Reads from bytes, keeping its place. */
export class ByteReader {
  bytes: Uint8Array = new Uint8Array()
  at = 0
  /** Made when it is needed: most readers only look at lengths. */
  private viewed: Uint8Array | undefined
  private lastView = new DataView(this.bytes.buffer)

  open(bytes: Uint8Array, at = 0): void {
    this.bytes = bytes
    this.at = at
  }

  private get view(): DataView {
    const { bytes } = this
    if (this.viewed !== bytes) {
      this.viewed = bytes
      this.lastView = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    return this.lastView
  }

  byte(): number {
    return this.bytes[this.at++]!
  }

  varint(): number {
    let byte = this.bytes[this.at++]!
    if (byte < 128) return byte
    let value = byte - 128
    let scale = 128
    do {
      byte = this.bytes[this.at++]!
      value += (byte & 127) * scale
      scale *= 128
    } while (byte > 127)
    return value
  }

  int32(): number {
    this.at += 4
    return this.view.getInt32(this.at - 4)
  }

  float64(): number {
    this.at += 8
    return this.view.getFloat64(this.at - 8)
  }

  bigint64(): bigint {
    this.at += 8
    return this.view.getBigInt64(this.at - 8)
  }

  /** The place of the next `length` bytes, which are passed over. */
  skip(length: number): number {
    const { at } = this
    this.at += length
    return at
  }
}

/** Negative, zero or positive, as `a` is before, equal to or behind `b`. */
export const compareRanges = (a: Uint8Array, aStart: number, aEnd: number, b: Uint8Array, bStart: number, bEnd: number): number => {
  const aLength = aEnd - aStart
  const bLength = bEnd - bStart
  const shorter = aLength < bLength ? aLength : bLength
  for (let i = 0; i < shorter; i++) {
    const difference = a[aStart + i]! - b[bStart + i]!
    if (difference !== 0) return difference
  }
  return aLength - bLength
}

/** Bytes that `prefixOf` looks at: a double holds 53 bits exactly. */
export const PREFIX = 6

/** The first bytes as a number: most keys differ here, comparing numbers is quick, and their bytes need not be fetched. */
export const prefixOf = (bytes: Uint8Array, start: number, end: number): number => {
  if (end - start >= PREFIX) {
    const high = (bytes[start]! << 16) | (bytes[start + 1]! << 8) | bytes[start + 2]!
    return high * 0x1000000 + ((bytes[start + 3]! << 16) | (bytes[start + 4]! << 8) | bytes[start + 5]!)
  }
  let prefix = 0
  for (let i = 0; i < PREFIX; i++) prefix = prefix * 256 + (start + i < end ? bytes[start + i]! : 0)
  return prefix
}
