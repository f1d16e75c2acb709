/** Text encodings: everything is brought to UTF-8 before fields are looked for. */
import { isUtf8 } from "node:buffer"
import { DecodeError } from "./DecodeError.ts"
import { countLines, lineStart } from "./lines.ts"

export const encodings = ["utf-8", "utf-16le", "utf-16be", "latin1"] as const

export type Encoding = (typeof encodings)[number]

/** Throws `DecodeError` where a chunk is no UTF-8. */
export const checkUtf8 = (bytes: Uint8Array): void => {
  if (isUtf8(bytes)) return
  const at = firstNonUtf8(bytes)
  const start = lineStart(bytes, at)
  const wrong = Array.from(bytes.subarray(at, at + 2), (byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join(" ")
  throw new DecodeError(
    "WRONG_ENCODING",
    `byte ${at - start + 1} of the line is no UTF-8 (${wrong}). Set \`encoding\` to what the file is written in, such as latin1.`,
    { row: 0, line: countLines(bytes, 0, at) + 1 },
  )
}

const firstNonUtf8 = (bytes: Uint8Array): number => {
  let at = 0
  while (at < bytes.length) {
    const lead = bytes[at]!
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
    if (lead >= 0x80 && !isUtf8(bytes.subarray(at, at + length))) return at
    at += length
  }
  return at
}

export interface ByteOrderMark {
  readonly encoding: Encoding
  readonly length: number
}

/** The mark that a text may begin with; needs its first three bytes. */
export const byteOrderMark = (bytes: Uint8Array): ByteOrderMark | undefined => {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return { encoding: "utf-8", length: 3 }
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return { encoding: "utf-16le", length: 2 }
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return { encoding: "utf-16be", length: 2 }
  return undefined
}

/** Bytes that are no text in the encoding that is declared. `byte` counts from 1 over all blocks. */
export class EncodingError extends Error {
  override readonly name = "EncodingError"
  readonly byte: number
  constructor(byte: number, message: string) {
    super(message)
    this.byte = byte
  }
}

/** UTF-8 from blocks in another encoding, cut anywhere. Throws `EncodingError`. */
export async function* toUtf8(blocks: AsyncIterable<Uint8Array>, encoding: Encoding): AsyncGenerator<Uint8Array> {
  if (encoding === "latin1") {
    for await (const block of blocks) yield Buffer.from(asBuffer(block).latin1Slice(0, block.length))
    return
  }
  const decoder = new Utf16Decoder(encoding === "utf-16be")
  for await (const block of blocks) yield decoder.decode(block)
  decoder.end()
}

interface Slicing {
  readonly latin1Slice: (start: number, end: number) => string
  readonly ucs2Slice: (start: number, end: number) => string
}

const asBuffer = (bytes: Uint8Array): Buffer & Slicing =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) as unknown as Buffer & Slicing

/** UTF-16 in pieces. The host's own decoder does not say where the text is wrong. */
class Utf16Decoder {
  readonly bigEndian: boolean
  private rest: Uint8Array = new Uint8Array(0)
  private before = 0

  constructor(bigEndian: boolean) {
    this.bigEndian = bigEndian
  }

  decode(block: Uint8Array): Uint8Array {
    const bytes = Buffer.concat([this.rest, block])
    const end = this.wholeEnd(bytes)
    const whole = Buffer.from(bytes.subarray(0, end))
    if (this.bigEndian) whole.swap16()
    const text = whole.toString("utf16le")
    if (!text.isWellFormed()) throw this.error(loneSurrogate(text))
    this.rest = bytes.subarray(end)
    this.before += end
    return Buffer.from(text)
  }

  end(): void {
    if (this.rest.length > 0) throw new EncodingError(this.before + 1, `the text ends in the middle of a UTF-16 character`)
  }

  /** Without an odd byte and without the first half of a pair at the end. */
  private wholeEnd(bytes: Uint8Array): number {
    const end = bytes.length - (bytes.length % 2)
    const high = end < 2 ? 0 : bytes[this.bigEndian ? end - 2 : end - 1]!
    return high >= 0xd8 && high <= 0xdb ? end - 2 : end
  }

  private error(unit: number): EncodingError {
    return new EncodingError(this.before + 2 * unit + 1, `half of a UTF-16 surrogate pair`)
  }
}

const loneSurrogate = (text: string): number =>
  /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.exec(text)?.index ?? 0
