/** The grammar of JSON in plain JavaScript: how the values of a row are passed over, byte by byte. */
import { JsonStatus } from "./kernelProblem.ts"
import { JsonKind } from "./TextRows.ts"

const MAX_DEPTH = 64
const NUL = 0
const TAB = 0x09
export const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
export const QUOTE = 0x22
const PLUS = 0x2b
export const COMMA = 0x2c
const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30
export const COLON = 0x3a
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
export const CLOSE_BRACKET = 0x5d
export const OPEN_BRACE = 0x7b
export const CLOSE_BRACE = 0x7d

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))

const ESCAPES = bytesOf('"\\/bfnrt')
const TRUE = bytesOf("true")
const FALSE = bytesOf("false")
const NULL = bytesOf("null")

/** 1 for the bytes that may stand in a string as they are. */
const PLAIN = Uint8Array.from({ length: 256 }, (_one, byte) => (byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0))

/** Methods that move on return the place after what they passed, or -1 with `problem` and `problemAt` set. */
export class JsonTokens {
  protected readonly bytes: Uint8Array
  protected readonly end: number
  /** LF is white space within an array; elsewhere it ends a row. */
  protected readonly array: boolean
  protected problem: number = JsonStatus.done
  protected problemAt = 0
  /** What the last value was. */
  protected kind = 0

  constructor(bytes: Uint8Array, end: number, array: boolean) {
    this.bytes = bytes
    this.end = end
    this.array = array
  }

  protected fail(problem: number, at: number): number {
    this.problem = problem
    this.problemAt = at
    return -1
  }

  /** NUL, which no token may hold, stands for the end. */
  protected byte(at: number): number {
    return at < this.end ? this.bytes[at]! : NUL
  }

  protected skipSpace(from: number): number {
    let at = from
    for (;;) {
      const byte = this.byte(at)
      if (byte > SPACE || (byte !== SPACE && byte !== TAB && byte !== CR && !(byte === LF && this.array))) return at
      at++
    }
  }

  protected skipColon(from: number): number {
    const at = this.skipSpace(from)
    return this.byte(at) === COLON ? this.skipSpace(at + 1) : this.fail(JsonStatus.expectedColon, at)
  }

  private skipScalar(at: number): number {
    const byte = this.byte(at)
    if (byte === QUOTE) return this.skipString(at + 1)
    return isDigit(byte) || byte === MINUS ? this.skipNumber(at) : this.skipLiteral(at)
  }

  /** From after the opening quote to after the closing one. */
  protected skipString(from: number): number {
    const { bytes, end } = this
    this.kind = JsonKind.string
    let at = from
    for (;;) {
      while (at < end && PLAIN[bytes[at]!] === 1) at++
      const byte = this.byte(at)
      if (byte === QUOTE) return at + 1
      if (byte !== BACKSLASH) return this.fail(JsonStatus.controlCharacter, at)
      this.kind = JsonKind.escapedString
      at = this.skipEscape(at)
      if (at < 0) return -1
    }
  }

  private skipEscape(at: number): number {
    const byte = this.byte(at + 1)
    if (byte !== 0x75) return ESCAPES.includes(byte) ? at + 2 : this.fail(JsonStatus.badEscape, at + 1)
    for (let i = at + 2; i < at + 6; i++) if (!isHex(this.byte(i))) return this.fail(JsonStatus.badEscape, i)
    return at + 6
  }

  private digitsEnd(from: number): number {
    const { bytes, end } = this
    let at = from
    while (at < end && isDigit(bytes[at]!)) at++
    return at
  }

  private skipNumber(at: number): number {
    this.kind = JsonKind.integer
    const digits = this.byte(at) === MINUS ? at + 1 : at
    const stop = this.digitsEnd(digits)
    if (stop === digits) return this.fail(JsonStatus.badNumber, stop)
    if (this.byte(digits) === ZERO && stop > digits + 1) return this.fail(JsonStatus.badNumber, digits + 1)
    const next = this.byte(stop)
    if (next !== DOT) return isExponent(next) ? this.skipExponent(stop) : stop

    this.kind = JsonKind.number
    const fraction = this.digitsEnd(stop + 1)
    if (fraction === stop + 1) return this.fail(JsonStatus.badNumber, fraction)
    return isExponent(this.byte(fraction)) ? this.skipExponent(fraction) : fraction
  }

  private skipExponent(at: number): number {
    this.kind = JsonKind.number
    const sign = this.byte(at + 1)
    const digits = sign === PLUS || sign === MINUS ? at + 2 : at + 1
    const stop = this.digitsEnd(digits)
    return stop === digits ? this.fail(JsonStatus.badNumber, stop) : stop
  }

  private skipLiteral(at: number): number {
    const byte = this.byte(at)
    if (byte === TRUE[0]) return this.skipWord(at, TRUE, JsonKind.true)
    if (byte === FALSE[0]) return this.skipWord(at, FALSE, JsonKind.false)
    if (byte === NULL[0]) return this.skipWord(at, NULL, JsonKind.null)
    return this.fail(JsonStatus.expectedValue, at)
  }

  private skipWord(at: number, word: Uint8Array, kind: number): number {
    this.kind = kind
    for (let i = 1; i < word.length; i++) if (this.byte(at + i) !== word[i]) return this.fail(JsonStatus.expectedValue, at + i)
    return at + word.length
  }

  /** From the bracket of an object or array to what follows it. The stack tells objects from arrays. */
  private skipNested(from: number): number {
    const stack: Array<boolean> = []
    let at = from
    do {
      at = this.skipOpening(at, stack)
      if (at >= 0) at = this.skipClosing(at, stack)
      if (at < 0) return -1
    } while (stack.length > 0)
    return at
  }

  /** Opens brackets up to the first value that is none (which is passed) or to the first empty pair (which is left open). */
  private skipOpening(from: number, stack: Array<boolean>): number {
    let at = from
    for (;;) {
      const byte = this.byte(at)
      if (byte !== OPEN_BRACE && byte !== OPEN_BRACKET) {
        at = this.skipScalar(at)
        return at < 0 ? -1 : this.skipSpace(at)
      }
      if (stack.length === MAX_DEPTH) return this.fail(JsonStatus.tooDeep, at)
      const isObject = byte === OPEN_BRACE
      stack.push(isObject)
      at = this.skipSpace(at + 1)
      if (this.byte(at) === (isObject ? CLOSE_BRACE : CLOSE_BRACKET)) return at
      if (isObject) at = this.skipKey(at)
      if (at < 0) return -1
    }
  }

  /** After a value: closes the brackets that end here. Stops after the last one, or at the value after a comma. */
  private skipClosing(from: number, stack: Array<boolean>): number {
    let at = from
    for (;;) {
      const inObject = stack.at(-1)!
      const byte = this.byte(at)
      if (byte === COMMA) {
        at = this.skipSpace(at + 1)
        return inObject ? this.skipKey(at) : at
      }
      if (byte !== (inObject ? CLOSE_BRACE : CLOSE_BRACKET)) {
        return this.fail(inObject ? JsonStatus.expectedCommaOrBrace : JsonStatus.expectedCommaOrBracket, at)
      }
      stack.pop()
      if (stack.length === 0) return at + 1
      at = this.skipSpace(at + 1)
    }
  }

  private skipKey(at: number): number {
    if (this.byte(at) !== QUOTE) return this.fail(JsonStatus.expectedKey, at)
    const end = this.skipString(at + 1)
    return end < 0 ? -1 : this.skipColon(end)
  }

  protected skipValue(at: number): number {
    const byte = this.byte(at)
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      const end = this.skipNested(at)
      this.kind = byte === OPEN_BRACE ? JsonKind.object : JsonKind.array
      return end
    }
    return this.skipScalar(at)
  }
}

const isDigit = (byte: number): boolean => byte >= ZERO && byte <= 0x39

const isHex = (byte: number): boolean => isDigit(byte) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)

const isExponent = (byte: number): boolean => (byte | 0x20) === 0x65
