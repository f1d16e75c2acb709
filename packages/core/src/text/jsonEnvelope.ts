/**
 * What stands around the rows in a JSON text: checks it byte by byte, and finds the array or object at a path of keys.
 *
 * The text may come in pieces. Rows themselves are left to the decoder; what else there is, is checked and passed over.
 */
import { decodeText } from "./decode.ts"
import type { DecodeCode } from "./DecodeError.ts"
import { firstToken, mayEnd, stepToken, type Token, wrongToken } from "./jsonEnvelopeToken.ts"

/** What is wrong, at a byte of the piece that was fed. */
export class EnvelopeError extends Error {
  override readonly name = "EnvelopeError"
  readonly code: DecodeCode
  readonly at: number
  constructor(code: DecodeCode, at: number, message: string) {
    super(message)
    this.code = code
    this.at = at
  }
}

type Expected = "value" | "value or ]" | "key" | "key or }" | "colon" | "comma or close" | "nothing"

const MAX_DEPTH = 64

const QUOTE = 34
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

const isSpace = (byte: number): boolean => byte === 32 || byte === 10 || byte === 13 || byte === 9

export class JsonEnvelope {
  private readonly path: ReadonlyArray<string>
  /** True for objects, false for arrays; the innermost last. */
  private readonly stack: Array<boolean> = []
  /** How many of the open containers lie on the path. */
  private onPath = 0
  private expected: Expected = "value"
  /** The token that is being read, and may have begun in an earlier piece. */
  private token: Token | undefined
  private isKey = false
  private key: Array<number> | undefined
  /** The key before the value is the one of the path. */
  private atPath = false
  private readonly seen: Array<boolean> = []

  constructor(path: ReadonlyArray<string>) {
    this.path = path
  }

  /** As it is between two rows of the array, for who goes on in the middle of a text. */
  enter(): void {
    for (let level = 0; level < this.path.length; level++) {
      this.stack.push(true)
      this.seen.push(true)
    }
    this.onPath = this.path.length
  }

  /**
   * Reads on to the rows: `array` stops behind their opening bracket, `object` at the brace of the only row. Undefined: the piece ended
   * first.
   * Throws `EnvelopeError`.
   */
  feed(bytes: Uint8Array, from: number, to: number): { readonly found: "array" | "object"; readonly at: number } | undefined {
    let at = from
    while (at < to) {
      const byte = bytes[at]!
      if (this.token !== undefined) {
        if (this.stepToken(this.token, byte, at)) at++
        continue
      }
      if (!isSpace(byte)) {
        const found = this.structure(byte, at)
        if (found !== undefined) return { found, at: found === "array" ? at + 1 : at }
      }
      at++
    }
    return undefined
  }

  /** The rows have been read, to behind their closing bracket or brace. */
  leave(): void {
    this.valueEnded()
  }

  /** The text ends here. Throws `EnvelopeError` where it is not complete or had no rows. */
  end(at: number): void {
    if (this.token !== undefined && mayEnd(this.token)) this.endToken(at)
    if (this.token !== undefined || this.expected !== "nothing") throw this.syntax(at, `the text ends where ${this.wanted()} is expected`)
  }

  private wanted(): string {
    if (this.token !== undefined) return "the rest of a value"
    const words: Record<Expected, string> = {
      value: "a value",
      "value or ]": "a value or ]",
      key: "a key in double quotes",
      "key or }": "a key in double quotes or }",
      colon: "a colon",
      "comma or close": this.stack.at(-1) === true ? "a comma or }" : "a comma or ]",
      nothing: "nothing more",
    }
    return words[this.expected]
  }

  private syntax(at: number, message: string): EnvelopeError {
    return new EnvelopeError("JSON_SYNTAX", at, message)
  }

  private unexpected(byte: number, at: number): EnvelopeError {
    return this.syntax(at, `${JSON.stringify(String.fromCharCode(byte))} stands where ${this.wanted()} is expected`)
  }

  private structure(byte: number, at: number): "array" | "object" | undefined {
    switch (this.expected) {
      case "value":
      case "value or ]":
        if (byte === CLOSE_BRACKET && this.expected === "value or ]") return this.close(at)
        return this.openValue(byte, at)
      case "key":
      case "key or }":
        if (byte === CLOSE_BRACE && this.expected === "key or }") return this.close(at)
        if (byte !== QUOTE) throw this.unexpected(byte, at)
        this.openKey()
        return undefined
      case "colon":
        if (byte !== 58) throw this.unexpected(byte, at)
        this.expected = "value"
        return undefined
      case "comma or close":
        return this.commaOrClose(byte, at)
      case "nothing":
        throw this.afterEnd(byte, at)
    }
  }

  private afterEnd(byte: number, at: number): EnvelopeError {
    const advice = byte === OPEN_BRACE ? " Read files with one object per line with type: ndjson." : ""
    return this.syntax(at, `${JSON.stringify(String.fromCharCode(byte))} stands behind the end of the JSON text.${advice}`)
  }

  private commaOrClose(byte: number, at: number): undefined {
    const inObject = this.stack.at(-1) === true
    if (byte === 44) {
      this.expected = inObject ? "key" : "value"
      return undefined
    }
    if (byte !== (inObject ? CLOSE_BRACE : CLOSE_BRACKET)) throw this.unexpected(byte, at)
    return this.close(at)
  }

  private openKey(): void {
    this.isKey = true
    this.token = "string"
    this.key = this.isPathObject ? [] : undefined
  }

  private get isPathObject(): boolean {
    return this.onPath > 0 && this.stack.length === this.onPath
  }

  /** A value begins: the rows, a container on the way to them, or something else. */
  private openValue(byte: number, at: number): "array" | "object" | undefined {
    const onWay = this.stack.length === 0 || (this.atPath && this.isPathObject)
    this.atPath = false
    if (onWay && this.onPath === this.path.length && (this.stack.length > 0 || this.path.length === 0)) return this.openRows(byte, at)
    if (onWay) this.openOnWay(byte, at)
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.push(byte === OPEN_BRACE, at)
    else this.openScalar(byte, at)
    return undefined
  }

  private openRows(byte: number, at: number): "array" | "object" {
    if (byte === OPEN_BRACKET) return "array"
    if (byte === OPEN_BRACE) return "object"
    if (firstToken(byte) === undefined) throw this.unexpected(byte, at)
    throw new EnvelopeError(
      "JSON_SHAPE",
      at,
      `${this.path.length === 0 ? "the text" : this.where(this.path.length)} is neither an array nor an object, so it holds no rows`,
    )
  }

  private openOnWay(byte: number, at: number): void {
    if (byte !== OPEN_BRACE) {
      if (byte !== OPEN_BRACKET && firstToken(byte) === undefined) throw this.unexpected(byte, at)
      throw new EnvelopeError(
        "JSON_SHAPE",
        at,
        `${this.onPath === 0 ? "the text" : this.where(this.onPath)} is no object, so there is no ${this.where(this.path.length)} in it. Check records`,
      )
    }
    this.push(true, at)
    this.onPath++
    this.seen[this.onPath - 1] = false
  }

  private where(levels: number): string {
    return this.path.slice(0, levels).join(".")
  }

  private push(isObject: boolean, at: number): void {
    if (this.stack.length === MAX_DEPTH) throw new EnvelopeError("JSON_SHAPE", at, `the value is nested more than ${MAX_DEPTH} deep`)
    this.stack.push(isObject)
    this.expected = isObject ? "key or }" : "value or ]"
  }

  private close(at: number): undefined {
    if (this.isPathObject) {
      this.onPath--
      if (this.seen[this.onPath] !== true) {
        throw new EnvelopeError(
          "JSON_SHAPE",
          at,
          `${this.onPath === 0 ? "the text" : this.where(this.onPath)} has no key ${JSON.stringify(this.path[this.onPath])}. Check records`,
        )
      }
    }
    this.stack.pop()
    this.valueEnded()
    return undefined
  }

  private valueEnded(): void {
    this.expected = this.stack.length === 0 ? "nothing" : "comma or close"
  }

  private openScalar(byte: number, at: number): void {
    const token = firstToken(byte)
    if (token === undefined) throw this.unexpected(byte, at)
    this.isKey = false
    this.key = undefined
    this.token = token
  }

  /** False where the byte is not part of the token, which ended before it. */
  private stepToken(token: Token, byte: number, at: number): boolean {
    const next = stepToken(token, byte)
    if (next === undefined) throw this.syntax(at, wrongToken(token))
    if (next === "end" || next === "before") this.endToken(at)
    else {
      this.key?.push(byte)
      this.token = next
    }
    return next !== "before"
  }

  private endToken(at: number): void {
    this.token = undefined
    if (this.isKey) this.endKey(at)
    else this.valueEnded()
  }

  private endKey(at: number): void {
    this.isKey = false
    this.expected = "colon"
    if (this.key === undefined) return
    const bytes = Uint8Array.from([QUOTE, ...this.key, QUOTE])
    const name = JSON.parse(decodeText(bytes, 0, bytes.length)) as string
    const level = this.onPath - 1
    this.key = undefined
    this.atPath = name === this.path[level]
    if (this.atPath && this.seen[level] === true) {
      throw new EnvelopeError("DUPLICATE_KEY", at, `the key ${JSON.stringify(name)} stands twice in one object. Keep one of them`)
    }
    if (this.atPath) this.seen[level] = true
  }
}
