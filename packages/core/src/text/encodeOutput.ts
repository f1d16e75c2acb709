/**
 * The bytes that an encoder writes into: one growing buffer, used again for every batch.
 *
 * Writers get the place to write at and give the place after what they wrote. Before a batch is written there is room for every field that
 * is copied as it stands; who writes more than that asks with `reserve`. Words of eight bytes are written whole, so what stands behind a
 * place is never relied on.
 */
export class TextOutput {
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(64 * 1024)
  view: DataView = new DataView(this.bytes.buffer)
  /** The physical row that is being written. */
  row = 0
  /** What the copied fields of this batch may still need. */
  private promised = 0

  /** Makes room for a batch whose copied fields take at most this much. */
  begin(copied: number): void {
    this.promised = copied + SLACK
    this.grow(this.promised)
  }

  /** Makes room for `size` bytes at `at` that were not promised. */
  reserve(at: number, size: number): void {
    const needed = at + size + this.promised
    if (needed > this.bytes.length) this.grow(needed)
  }

  /** What was written: in a buffer of its own, or lent until this output is used again. */
  take(length: number, lend = false): Uint8Array<ArrayBuffer> {
    const taken = lend ? this.bytes.subarray(0, length) : this.bytes.slice(0, length)
    // One huge row must not hold its memory for the rest of the run.
    if (this.bytes.length > KEEP) this.replace(new Uint8Array(KEEP))
    return taken
  }

  private grow(size: number): void {
    if (size <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(size, 2 * this.bytes.length))
    larger.set(this.bytes)
    this.replace(larger)
  }

  private replace(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer)
  }
}

const KEEP = 32 * 1024 * 1024

/** Words are copied whole, up to seven bytes past the end. */
const SLACK = 64

/**
 * Where an encoder writes its batches. With `lend`, two buffers take turns, so that what was encoded stays as it is until two more batches
 * have been: time to write it out while the next one is encoded.
 */
export class Outputs {
  private readonly lend: boolean
  private current = new TextOutput()
  private other: TextOutput | undefined

  constructor(lend: boolean) {
    this.lend = lend
  }

  /** `put` writes and gives the length of what it wrote. Where it throws, or writes nothing, no turn is over. */
  write(put: (out: TextOutput) => number): Uint8Array<ArrayBuffer> {
    const out = this.current
    const bytes = out.take(put(out), this.lend)
    if (!this.lend || bytes.length === 0) return bytes
    this.current = this.other ?? new TextOutput()
    this.other = out
    return bytes
  }
}

/** Text that is written again and again, such as the key of a column. */
export interface Literal {
  readonly length: number
  /** The bytes, eight at a time. UTF-8 never holds the pattern of a NaN, whose bits a host may change. */
  readonly words: Float64Array
}

export const literal = (text: string): Literal => {
  const bytes = Buffer.from(text)
  const words = new Float64Array(Math.ceil(bytes.length / 8))
  new Uint8Array(words.buffer).set(bytes)
  return { length: bytes.length, words }
}

export const putLiteral = (out: TextOutput, at: number, { length, words }: Literal): number => {
  const { view } = out
  for (let i = 0; i < words.length; i++) view.setFloat64(at + 8 * i, words[i]!, true)
  return at + length
}

/** Bytes of a source as words: `safe` is up to where a word may be read. */
export interface WordSource {
  readonly bytes: Uint8Array
  readonly words: DataView
  readonly safe: number
}

export const wordSource = (bytes: Uint8Array): WordSource => {
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return { bytes, words, safe: bytes.byteLength - 8 }
}

/** Copies bytes as they stand. */
export const putBytes = (out: TextOutput, at: number, { bytes, words, safe }: WordSource, start: number, end: number): number => {
  const length = end - start
  if (length > LONG || end > safe) {
    out.bytes.set(bytes.subarray(start, end), at)
    return at + length
  }
  const { view } = out
  for (let i = 0; i < length; i += 8) view.setFloat64(at + i, words.getFloat64(start + i, true), true)
  return at + length
}

/** Longer runs are copied by the host. */
const LONG = 128

/** Copies text of characters below U+0080, asking for room. */
export const putAscii = (out: TextOutput, at: number, text: string): number => {
  out.reserve(at, text.length)
  const { bytes } = out
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i)
  return at + text.length
}

interface Writing {
  readonly utf8Write: (this: Uint8Array, text: string, offset: number, length: number) => number
}

const { utf8Write } = Buffer.prototype as unknown as Writing

/** Copies any text as UTF-8, asking for room. */
export const putText = (out: TextOutput, at: number, text: string): number => {
  const room = 3 * text.length
  out.reserve(at, room)
  return at + utf8Write.call(out.bytes, text, at, room)
}

/** Writes a whole number in decimal digits. */
export const putInteger = (out: TextOutput, at: number, value: number | bigint): number => {
  if (typeof value === "bigint" || value < 0 || value > 0x7fffffff) return putAscii(out, at, String(value))
  out.reserve(at, 10)
  const { bytes } = out
  const length = value < 10 ? 1 : value < 100 ? 2 : value < 1000 ? 3 : value < 10_000 ? 4 : value < 100_000 ? 5 : digits(value)
  let rest = value | 0
  for (let i = at + length - 1; i >= at; i--) {
    const next = (rest / 10) | 0
    bytes[i] = 48 + rest - 10 * next
    rest = next
  }
  return at + length
}

const digits = (value: number): number =>
  value < 1_000_000 ? 6 : value < 10_000_000 ? 7 : value < 100_000_000 ? 8 : value < 1_000_000_000 ? 9 : 10
