/** The JSON kernel in plain JavaScript: rows and keys, as in kernel/json.ts. */
import { type KeyTable, keyTable } from "./kernelKeys.ts"
import { CLOSE_BRACE, CLOSE_BRACKET, COLON, COMMA, JsonTokens, LF, OPEN_BRACE, QUOTE } from "./kernelJsonTokens.ts"
import { jsonProblem, JsonStatus } from "./kernelProblem.ts"
import type { JsonArrayOptions, JsonArrayScan, JsonKeys, JsonReuse, JsonScan, NdjsonOptions } from "./kernelTypes.ts"
import { JsonKind } from "./TextRows.ts"

export const scanNdjson = (bytes: Uint8Array, from: number, to: number, keys: JsonKeys, options: NdjsonOptions): JsonScan => {
  const reader = new JsonReader(bytes, from, to, keys, options, false)
  return reader.result(reader.scanLines(), options.reuse)
}

export const scanJsonArray = (bytes: Uint8Array, from: number, to: number, keys: JsonKeys, options: JsonArrayOptions): JsonArrayScan => {
  const reader = new JsonReader(bytes, from, to, keys, options, true)
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

class JsonReader extends JsonTokens {
  private readonly final: boolean
  private readonly maxRows: number
  private readonly table: KeyTable
  private readonly columns: number
  /** Which column came after each one last time (the last entry: at the start of a row), or -1. */
  private readonly following: Int32Array
  private spans: Uint32Array
  private kinds: Uint8Array
  private rows = 0
  private consumed: number
  private column = 0
  closed = false

  constructor(bytes: Uint8Array, from: number, to: number, keys: JsonKeys, options: NdjsonOptions, array: boolean) {
    super(bytes, to, array)
    this.final = options.final
    this.maxRows = options.maxRows ?? Number.MAX_SAFE_INTEGER
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
      if (this.rows >= this.maxRows) return JsonStatus.done
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
      if (this.closed) {
        this.consumed = at
        return JsonStatus.done
      }
      if (this.rows >= this.maxRows) return JsonStatus.done
      at = this.readRow(at + 1)
      if (at < 0) return this.judge()
      this.consumed = at
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

  /** Room for one more row; new room says that every key is missing. Returns where the row's cells begin. */
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
}
