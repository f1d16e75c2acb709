/** Text and nested values as JSON. */
import { putBytes, putText, type TextOutput, type WordSource } from "./encodeOutput.ts"

const QUOTE = 34
const BACKSLASH = 92
const LF = 10
const CR = 13

const HIGH_BITS = 0x80808080 | 0

/** The bytes of a word that stand before its end: none, one, two, three. */
const MASKS: ReadonlyArray<number> = [0, 0xff, 0xffff, 0xffffff]

/**
 * Zero where none of the four bytes must be escaped in JSON: no control character, quote or backslash. A byte of UTF-8 above 0x7f is let
 * through.
 */
const suspicious = (word: number): number => {
  const quote = word ^ 0x22222222
  const backslash = word ^ 0x5c5c5c5c
  return (((word - 0x20202020) & ~word) | ((quote - 0x01010101) & ~quote) | ((backslash - 0x01010101) & ~backslash)) & HIGH_BITS
}

/** Copies text that needs no escapes, with the quote behind it; -1 where it needs some. */
export const putPlainString = (out: TextOutput, at: number, source: WordSource, start: number, end: number): number => {
  if (end > source.safe) return putPlainBytes(out, at, source.bytes, start, end)
  const { words } = source
  const { view } = out
  let found = 0
  let from = start
  let to = at
  for (; from + 4 <= end; from += 4, to += 4) {
    const word = words.getInt32(from, true)
    found |= suspicious(word)
    view.setInt32(to, word, true)
  }
  if (from < end) {
    const word = words.getInt32(from, true)
    found |= suspicious(word) & MASKS[end - from]!
    view.setInt32(to, word, true)
    to += end - from
  }
  if (found !== 0) return -1
  out.bytes[to] = QUOTE
  return to + 1
}

const putPlainBytes = (out: TextOutput, at: number, bytes: Uint8Array, start: number, end: number): number => {
  const target = out.bytes
  let to = at
  for (let from = start; from < end; from++) {
    const byte = bytes[from]!
    if (ESCAPES[byte] !== 0) return -1
    target[to++] = byte
  }
  target[to] = QUOTE
  return to + 1
}

/** What follows the backslash for each byte: 0 where there is none, `u` where six characters are needed. */
const ESCAPES = new Uint8Array(256)
ESCAPES.fill(0x75, 0, 32)
for (const [byte, letter] of [
  [8, "b"],
  [9, "t"],
  [LF, "n"],
  [12, "f"],
  [CR, "r"],
  [QUOTE, '"'],
  [BACKSLASH, "\\"],
] as const) {
  ESCAPES[byte] = letter.charCodeAt(0)
}

const HEX = Buffer.from("0123456789abcdef")

/**
 * Copies text with escapes, and the quote behind it. With `doubled`, the quote of a CSV field, two of them in a row are one character.
 * Asks for room itself.
 */
export const putEscapedString = (out: TextOutput, at: number, bytes: Uint8Array, start: number, end: number, doubled: number): number => {
  out.reserve(at, 6 * (end - start) + 1)
  const target = out.bytes
  let to = at
  for (let from = start; from < end; from++) {
    const byte = bytes[from]!
    if (byte === doubled) from++
    const letter = ESCAPES[byte]!
    if (letter === 0) target[to++] = byte
    else if (letter === 0x75) to = putUnicodeEscape(target, to, byte)
    else {
      target[to++] = BACKSLASH
      target[to++] = letter
    }
  }
  target[to] = QUOTE
  return to + 1
}

const putUnicodeEscape = (target: Uint8Array, at: number, byte: number): number => {
  target[at] = BACKSLASH
  target[at + 1] = 0x75
  target[at + 2] = 48
  target[at + 3] = 48
  target[at + 4] = HEX[byte >> 4]!
  target[at + 5] = HEX[byte & 15]!
  return at + 6
}

/** Longer strings are escaped and written by the host. */
const SHORT = 64

/** A JavaScript string with its quotes. Asks for room itself. */
export const putString = (out: TextOutput, at: number, text: string): number => {
  const { length } = text
  if (length > SHORT) return putText(out, at, JSON.stringify(text))
  out.reserve(at, length + 2)
  const target = out.bytes
  target[at] = QUOTE
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127 || ESCAPES[code] !== 0) return putText(out, at, JSON.stringify(text))
    target[at + 1 + i] = code
  }
  target[at + 1 + length] = QUOTE
  return at + length + 2
}

/** How values are laid out: `indent` is the depth of a row's values in pretty JSON, or -1 for one line. */
export interface JsonLayout {
  readonly indent: number
}

/** A nested value. On one line it is copied as it stands where it is on one line already. Asks for room itself. */
export const putNested = (out: TextOutput, at: number, source: WordSource, start: number, end: number, { indent }: JsonLayout): number => {
  if (indent < 0 && !hasLineEnd(source.bytes, start, end)) {
    out.reserve(at, end - start)
    return putBytes(out, at, source, start, end)
  }
  return new Formatter(out, at, indent).format(source.bytes, start, end)
}

const hasLineEnd = (bytes: Uint8Array, start: number, end: number): boolean => {
  for (let at = start; at < end; at++) if (bytes[at] === LF || bytes[at] === CR) return true
  return false
}

/** Lays out valid JSON anew, without touching strings and numbers. */
class Formatter {
  readonly out: TextOutput
  readonly pretty: boolean
  private at: number
  private depth: number

  constructor(out: TextOutput, at: number, indent: number) {
    this.out = out
    this.at = at
    this.pretty = indent >= 0
    this.depth = indent
  }

  format(bytes: Uint8Array, start: number, end: number): number {
    let from = start
    while (from < end) from = this.token(bytes, from)
    return this.at
  }

  private token(bytes: Uint8Array, from: number): number {
    const byte = bytes[from]!
    switch (byte) {
      case 0x20:
      case 0x09:
      case LF:
      case CR:
        return from + 1
      case QUOTE:
        return this.string(bytes, from)
      case 0x7b:
      case 0x5b:
        return this.open(bytes, from)
      case 0x7d:
      case 0x5d:
        this.depth--
        this.newLine()
        break
      default:
        break
    }
    this.put(byte)
    if (byte === 0x2c) this.newLine()
    if (byte === 0x3a && this.pretty) this.put(0x20)
    return from + 1
  }

  private string(bytes: Uint8Array, from: number): number {
    let to = from + 1
    while (bytes[to] !== QUOTE) to += bytes[to] === BACKSLASH ? 2 : 1
    to++
    this.out.reserve(this.at, to - from)
    this.out.bytes.set(bytes.subarray(from, to), this.at)
    this.at += to - from
    return to
  }

  private open(bytes: Uint8Array, from: number): number {
    const byte = bytes[from]!
    let next = from + 1
    while (bytes[next]! <= 0x20) next++
    this.put(byte)
    // An object is two above its opening brace, an array too.
    if (bytes[next] === byte + 2) {
      this.put(byte + 2)
      return next + 1
    }
    this.depth++
    this.newLine()
    return next
  }

  private newLine(): void {
    if (!this.pretty) return
    this.put(LF)
    for (let i = 0; i < 2 * this.depth; i++) this.put(0x20)
  }

  private put(byte: number): void {
    this.out.reserve(this.at, 1)
    this.out.bytes[this.at++] = byte
  }
}
