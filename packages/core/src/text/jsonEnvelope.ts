/**
 * What stands around the rows in a JSON text: checks it byte by byte, and finds the array or object at a path of keys.
 *
 * The text may come in pieces. Rows themselves are left to the decoder; what else there is, is checked and passed over.
 */
import { decodeText } from "./decode.ts"
import type { DecodeCode } from "./DecodeError.ts"

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

/** Where a token that began in an earlier piece stands. */
type Token =
  | "none"
  | "string"
  | "escape"
  | "hex1"
  | "hex2"
  | "hex3"
  | "hex4"
  | "word"
  | "minus"
  | "zero"
  | "digits"
  | "dot"
  | "fraction"
  | "e"
  | "sign"
  | "exponent"

const NUMBER_ENDS: ReadonlySet<Token> = new Set(["zero", "digits", "fraction", "exponent"])

const MAX_DEPTH = 64

const QUOTE = 34
const BACKSLASH = 92
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

const isDigit = (byte: number): boolean => byte >= 48 && byte <= 57
const isHex = (byte: number): boolean => isDigit(byte) || ((byte | 32) >= 97 && (byte | 32) <= 102)
const isSpace = (byte: number): boolean => byte === 32 || byte === 10 || byte === 13 || byte === 9

export class JsonEnvelope {
  private readonly path: ReadonlyArray<string>
  /** True for objects, false for arrays; the innermost last. */
  private readonly stack: Array<boolean> = []
  /** How many of the open containers lie on the path. */
  private onPath = 0
  private expected: Expected = "value"
  private token: Token = "none"
  private isKey = false
  private key: Array<number> | undefined
  /** The key before the value is the one of the path. */
  private atPath = false
  private readonly seen: Array<boolean> = []
  private word = ""
  private wordAt = 0

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
   * Reads on to the rows: `array` stops behind their opening bracket, `object` at the brace of the only row. Undefined: the piece ended first.
   * Throws `EnvelopeError`.
   */
  feed(bytes: Uint8Array, from: number, to: number): { readonly found: "array" | "object"; readonly at: number } | undefined {
    let at = from
    while (at < to) {
      const byte = bytes[at]!
      if (this.token !== "none") {
        if (this.stepToken(byte, at)) at++
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
    if (NUMBER_ENDS.has(this.token)) this.endToken()
    if (this.token !== "none" || this.expected !== "nothing") throw this.syntax(at, `the text ends where ${this.wanted()} is expected`)
  }

  private wanted(): string {
    if (this.token !== "none") return "the rest of a value"
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
    if (!isDigit(byte) && !VALUE_STARTS.has(byte)) throw this.unexpected(byte, at)
    throw new EnvelopeError("JSON_SHAPE", at, `${this.path.length === 0 ? "the text" : this.where(this.path.length)} is neither an array nor an object, so it holds no rows`)
  }

  private openOnWay(byte: number, at: number): void {
    if (byte !== OPEN_BRACE) {
      if (byte !== OPEN_BRACKET && !isDigit(byte) && !VALUE_STARTS.has(byte)) throw this.unexpected(byte, at)
      throw new EnvelopeError("JSON_SHAPE", at, `${this.onPath === 0 ? "the text" : this.where(this.onPath)} is no object, so there is no ${this.where(this.path.length)} in it. Check records`)
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
        throw new EnvelopeError("JSON_SHAPE", at, `${this.onPath === 0 ? "the text" : this.where(this.onPath)} has no key ${JSON.stringify(this.path[this.onPath])}. Check records`)
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
    if (byte === QUOTE) {
      this.isKey = false
      this.key = undefined
      this.token = "string"
    } else if (byte === 45) this.token = "minus"
    else if (byte === 48) this.token = "zero"
    else if (isDigit(byte)) this.token = "digits"
    else this.openWord(byte, at)
  }

  private openWord(byte: number, at: number): void {
    const word = WORDS.find((candidate) => candidate.charCodeAt(0) === byte)
    if (word === undefined) throw this.unexpected(byte, at)
    this.word = word
    this.wordAt = 1
    this.token = "word"
  }

  /** False where the byte is not part of the token, which ended before it. */
  private stepToken(byte: number, at: number): boolean {
    switch (this.token) {
      case "string":
      case "escape":
      case "hex1":
      case "hex2":
      case "hex3":
      case "hex4":
        this.stepString(byte, at)
        return true
      case "word":
        if (this.word.charCodeAt(this.wordAt) !== byte) throw this.syntax(at, `${this.word} is expected here`)
        this.wordAt++
        if (this.wordAt === this.word.length) this.endToken()
        return true
      default:
        return this.stepNumber(byte, at)
    }
  }

  private stepString(byte: number, at: number): void {
    const { token } = this
    const isEnd = token === "string" && byte === QUOTE
    if (!isEnd) this.key?.push(byte)
    if (isEnd) this.endString(at)
    else if (token === "string") {
      if (byte < 32) throw this.syntax(at, "a control character in a string has to be escaped")
      if (byte === BACKSLASH) this.token = "escape"
    } else if (token === "escape") {
      if (byte !== 0x75 && !ESCAPES.has(byte)) throw this.syntax(at, "no such escape sequence")
      this.token = byte === 0x75 ? "hex1" : "string"
    } else {
      if (!isHex(byte)) throw this.syntax(at, "no such escape sequence")
      this.token = NEXT_HEX[token] ?? "string"
    }
  }

  private endString(at: number): void {
    this.token = "none"
    if (!this.isKey) return this.valueEnded()
    this.expected = "colon"
    if (this.key === undefined) return
    const bytes = Uint8Array.from([QUOTE, ...this.key, QUOTE])
    const name = JSON.parse(decodeText(bytes, 0, bytes.length)) as string
    const level = this.onPath - 1
    this.atPath = name === this.path[level]
    if (this.atPath && this.seen[level] === true) {
      throw new EnvelopeError("DUPLICATE_KEY", at, `the key ${JSON.stringify(name)} stands twice in one object. Keep one of them`)
    }
    if (this.atPath) this.seen[level] = true
  }

  private stepNumber(byte: number, at: number): boolean {
    const next = isDigit(byte) ? AFTER_DIGIT[this.token]?.(byte) : AFTER_SIGN[this.token]?.get(byte)
    if (next !== undefined) {
      this.token = next
      return true
    }
    if (!NUMBER_ENDS.has(this.token) || isDigit(byte)) throw this.syntax(at, "no number of JSON")
    this.endToken()
    return false
  }

  private endToken(): void {
    this.token = "none"
    this.valueEnded()
  }
}

const WORDS = ["true", "false", "null"]

/** What values other than numbers and containers begin with, and the minus sign. */
const VALUE_STARTS: ReadonlySet<number> = new Set([QUOTE, 45, 0x74, 0x66, 0x6e])

const ESCAPES: ReadonlySet<number> = new Set(Buffer.from('"\\/bfnrt'))

const NEXT_HEX: Partial<Record<Token, Token>> = { hex1: "hex2", hex2: "hex3", hex3: "hex4" }

const AFTER_DIGIT: Partial<Record<Token, (byte: number) => Token>> = {
  minus: (byte) => (byte === 48 ? "zero" : "digits"),
  digits: () => "digits",
  dot: () => "fraction",
  fraction: () => "fraction",
  e: () => "exponent",
  sign: () => "exponent",
  exponent: () => "exponent",
}

const E_SIGNS: ReadonlyArray<readonly [number, Token]> = [[0x65, "e"], [0x45, "e"]]

const AFTER_SIGN: Partial<Record<Token, ReadonlyMap<number, Token>>> = {
  zero: new Map([[46, "dot"], ...E_SIGNS]),
  digits: new Map([[46, "dot"], ...E_SIGNS]),
  fraction: new Map(E_SIGNS),
  e: new Map([[43, "sign"], [45, "sign"]]),
}
