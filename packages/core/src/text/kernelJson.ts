/** The JSON kernel in plain JavaScript: the parser of kernel/json.ts, byte by byte. */
import { type KeyTable, keyTable } from "./kernelKeys.ts"
import { jsonProblem, JsonStatus } from "./kernelProblem.ts"
import type { JsonArrayOptions, JsonArrayScan, JsonKeys, JsonReuse, JsonScan, NdjsonOptions } from "./kernelTypes.ts"
import { JsonKind } from "./TextRows.ts"

const MAX_DEPTH = 64
const NUL = 0
const TAB = 0x09
const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const QUOTE = 0x22
const PLUS = 0x2b
const COMMA = 0x2c
const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30
const COLON = 0x3a
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))

const ESCAPES = bytesOf('"\\/bfnrt')
const TRUE = bytesOf("true")
const FALSE = bytesOf("false")
const NULL = bytesOf("null")

export const scanNdjson = (bytes: Uint8Array, from: number, to: number, keys: JsonKeys, options: NdjsonOptions): JsonScan => {
  const reader = new JsonReader(bytes, from, to, keys, false, options.final)
  return reader.result(reader.scanLines(), options.reuse)
}

export const scanJsonArray = (bytes: Uint8Array, from: number, to: number, keys: JsonKeys, options: JsonArrayOptions): JsonArrayScan => {
  const reader = new JsonReader(bytes, from, to, keys, true, options.final)
  const status = reader.scanElements(options.first)
  return { ...reader.result(status, options.reuse), closed: reader.closed }
}

/** A buffer of an earlier result, where it is large enough, with what the caller gets copied into it. */
export const copySpans = (spans: Uint32Array, reuse: JsonReuse | undefined): Uint32Array<ArrayBuffer> => {
  if (reuse === undefined || reuse.spans.buffer.byteLength < spans.byteLength) return new Uint32Array(spans)
  const result = new Uint32Array(reuse.spans.buffer, 0, spans.length)
  result.set(spans)
  return result
}

export const copyKinds = (kinds: Uint8Array, reuse: JsonReuse | undefined): Uint8Array<ArrayBuffer> => {
  if (reuse === undefined || reuse.kinds.buffer.byteLength < kinds.byteLength) return new Uint8Array(kinds)
  const result = new Uint8Array(reuse.kinds.buffer, 0, kinds.length)
  result.set(kinds)
  return result
}

/** Methods that move on return the place after what they passed, or -1 with `problem` and `problemAt` set. */
class JsonReader {
  readonly bytes: Uint8Array
  readonly end: number
  readonly array: boolean
  readonly final: boolean
  readonly table: KeyTable
  readonly columns: number
  /** Which column came after each one last time (the last entry: at the start of a row), or -1. */
  readonly following: Int32Array
  spans: Uint32Array
  kinds: Uint8Array
  rows = 0
  consumed: number
  closed = false
  problem: number = JsonStatus.done
  problemAt = 0
  kind = 0
  column = 0

  constructor(bytes: Uint8Array, from: number, to: number, keys: JsonKeys, array: boolean, final: boolean) {
    this.bytes = bytes
    this.end = to
    this.array = array
    this.final = final
    this.table = keyTable(keys)
    this.columns = keys.length
    this.following = new Int32Array(keys.length + 1).fill(-1)
    this.consumed = from
    const cells = (16 + ((to - from) >> 7)) * this.columns
    this.spans = new Uint32Array(2 * cells)
    this.kinds = new Uint8Array(cells)
  }

  result(status: number, reuse: JsonReuse | undefined): JsonScan {
    const cells = this.rows * this.columns
    return {
      spans: copySpans(this.spans.subarray(0, 2 * cells), reuse),
      kinds: copyKinds(this.kinds.subarray(0, cells), reuse),
      rows: this.rows,
      consumed: this.consumed,
      problem: jsonProblem(status, this.problemAt, this.rows),
    }
  }

  scanLines(): number {
    for (;;) {
      let at = this.startOfLine()
      if (at >= this.end) {
        if (this.final) this.consumed = this.end
        return JsonStatus.done
      }
      if (this.byte(at) !== OPEN_BRACE) return this.refuse(JsonStatus.notObject, at)
      at = this.readRow(at + 1)
      if (at < 0) return this.judge()
      at = this.skipSpace(at)
      if (at >= this.end) {
        if (!this.final) return JsonStatus.done
      } else if (this.byte(at) !== LF) return this.refuse(JsonStatus.trailingText, at)
      this.consumed = Math.min(at + 1, this.end)
      this.rows++
    }
  }

  scanElements(isFirst: boolean): number {
    let first = isFirst
    for (;;) {
      let at = this.nextElement(first)
      if (at < 0) return this.judge()
      if (!this.closed) at = this.readRow(at + 1)
      if (at < 0) return this.judge()
      this.consumed = at
      if (this.closed) return JsonStatus.done
      first = false
      this.rows++
    }
  }

  /** Skips blank lines, up to the first byte of a row or the end. */
  private startOfLine(): number {
    for (;;) {
      const at = this.skipSpace(this.consumed)
      if (this.byte(at) !== LF) return at
      this.consumed = at + 1
    }
  }

  private nextElement(first: boolean): number {
    let at = this.skipSpace(this.consumed)
    if (this.byte(at) === CLOSE_BRACKET) {
      this.closed = true
      return at + 1
    }
    if (!first) {
      if (this.byte(at) !== COMMA) return this.fail(JsonStatus.expectedCommaOrBracket, at)
      at = this.skipSpace(at + 1)
    }
    const byte = this.byte(at)
    if (byte === OPEN_BRACE) return at
    const isMissing = byte === CLOSE_BRACKET || byte === COMMA || at >= this.end
    return this.fail(isMissing ? JsonStatus.expectedObject : JsonStatus.notObject, at)
  }

  private fail(problem: number, at: number): number {
    this.problem = problem
    this.problemAt = at
    return -1
  }

  private refuse(problem: number, at: number): number {
    this.fail(problem, at)
    return this.judge()
  }

  /** The status for a problem: a row cut off by the end of a text that goes on is none. */
  private judge(): number {
    const isReal = this.final || (this.array ? this.problemAt < this.end : this.lineIsComplete(this.problemAt))
    return isReal ? this.problem : JsonStatus.done
  }

  private lineIsComplete(at: number): boolean {
    const lf = this.bytes.indexOf(LF, at)
    return lf >= 0 && lf < this.end
  }

  /** NUL, which no token may hold, stands for the end. */
  private byte(at: number): number {
    return at < this.end ? this.bytes[at]! : NUL
  }

  private skipSpace(from: number): number {
    let at = from
    for (;;) {
      const byte = this.byte(at)
      if (byte > SPACE || (byte !== SPACE && byte !== TAB && byte !== CR && !(byte === LF && this.array))) return at
      at++
    }
  }

  private readRow(from: number): number {
    const { columns, following } = this
    const cells = this.openRow()
    let previous = columns
    let at = from
    for (;;) {
      if (this.byte(at) === CLOSE_BRACE) return at + 1
      const expected = following[previous]!
      const key = at
      at = expected < 0 ? -1 : this.tryKey(at, expected, previous === columns)
      if (at >= 0) this.column = expected
      else at = this.readKey(key, previous === columns)
      if (at < 0) return this.problem === JsonStatus.done ? this.problemAt : -1
      if (this.kinds[cells + this.column] !== JsonKind.missing) return this.fail(JsonStatus.duplicateKey, this.keyBefore(key))

      const column = this.column
      const start = this.skipSpace(at)
      at = this.skipValue(start)
      if (at < 0) return -1
      this.kinds[cells + column] = this.kind
      this.spans[2 * (cells + column)] = start
      this.spans[2 * (cells + column) + 1] = at
      following[previous] = column
      previous = column
    }
  }

  /** Room for one more row, with every key missing so far. Returns where its cells begin. */
  private openRow(): number {
    const { columns } = this
    const cells = this.rows * columns
    if (cells + columns > this.kinds.length) {
      const kinds = new Uint8Array(2 * this.kinds.length)
      kinds.set(this.kinds)
      this.kinds = kinds
      const spans = new Uint32Array(2 * this.spans.length)
      spans.set(this.spans)
      this.spans = spans
    }
    // A row that was left as incomplete may have been here before.
    this.kinds.fill(JsonKind.missing, cells, cells + columns)
    this.spans.fill(0, 2 * cells, 2 * (cells + columns))
    return cells
  }

  /** Past comma, key and colon, if they are the ones that came last time; else -1. */
  private tryKey(from: number, column: number, isFirst: boolean): number {
    const { bytes } = this
    const key = this.table.keys[column]!
    let at = from
    if (!isFirst) {
      if (this.byte(at) !== COMMA) return -1
      at = this.skipSpace(at + 1)
    }
    if (at + key.length + 2 >= this.end || bytes[at] !== QUOTE) return -1
    at++
    for (let i = 0; i < key.length; i++) if (bytes[at + i] !== key[i]) return -1
    at += key.length
    return bytes[at] === QUOTE && bytes[at + 1] === COLON ? at + 2 : -1
  }

  /** Past comma, key and colon, with `column` set. -1 without a `problem`: the row ends before `problemAt`. */
  private readKey(from: number, isFirst: boolean): number {
    let at = this.skipSpace(from)
    if (this.byte(at) === CLOSE_BRACE) return this.fail(JsonStatus.done, at + 1)
    if (!isFirst) {
      if (this.byte(at) !== COMMA) return this.fail(JsonStatus.expectedCommaOrBrace, at)
      at = this.skipSpace(at + 1)
    }
    if (this.byte(at) !== QUOTE) return this.fail(JsonStatus.expectedKey, at)
    const key = at
    at = this.skipString(key + 1)
    if (at < 0) return -1
    this.column = this.table.find(this.bytes, key + 1, at - 1)
    if (this.column < 0) return this.fail(this.kind === JsonKind.escapedString ? JsonStatus.escapedKey : JsonStatus.unknownKey, key)
    return this.skipColon(at)
  }

  private keyBefore(from: number): number {
    return this.bytes.indexOf(QUOTE, from)
  }

  private skipColon(from: number): number {
    const at = this.skipSpace(from)
    return this.byte(at) === COLON ? this.skipSpace(at + 1) : this.fail(JsonStatus.expectedColon, at)
  }

  private skipValue(at: number): number {
    const byte = this.byte(at)
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      const end = this.skipNested(at)
      this.kind = byte === OPEN_BRACE ? JsonKind.object : JsonKind.array
      return end
    }
    return this.skipScalar(at)
  }

  private skipScalar(at: number): number {
    const byte = this.byte(at)
    if (byte === QUOTE) return this.skipString(at + 1)
    return isDigit(byte) || byte === MINUS ? this.skipNumber(at) : this.skipLiteral(at)
  }

  /** From after the opening quote to after the closing one. */
  private skipString(from: number): number {
    const { bytes, end } = this
    this.kind = JsonKind.string
    let at = from
    for (;;) {
      while (at < end && isPlain(bytes[at]!)) at++
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
}

const isDigit = (byte: number): boolean => byte >= ZERO && byte <= 0x39

const isHex = (byte: number): boolean => isDigit(byte) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)

const isExponent = (byte: number): boolean => (byte | 0x20) === 0x65

const isPlain = (byte: number): boolean => byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH
