/** Strings, numbers and words of JSON, byte by byte, so that they may be cut anywhere. */

type NumberToken = "minus" | "zero" | "digits" | "dot" | "fraction" | "e" | "sign" | "exponent"

/** Where a token stands; of a word, the letters that are still to come. */
export type Token = "string" | "escape" | "hex4" | "hex3" | "hex2" | "hex1" | `rest of ${string}` | NumberToken

const QUOTE = 34
const BACKSLASH = 92

const isDigit = (byte: number): boolean => byte >= 48 && byte <= 57

const isHex = (byte: number): boolean => isDigit(byte) || ((byte | 32) >= 97 && (byte | 32) <= 102)

const WORDS: ReadonlyMap<number, Token> = new Map([
  [0x74, "rest of rue"],
  [0x66, "rest of alse"],
  [0x6e, "rest of ull"],
])

/** The token that begins with this byte. */
export const firstToken = (byte: number): Token | undefined => {
  if (byte === QUOTE) return "string"
  if (byte === 45) return "minus"
  if (byte === 48) return "zero"
  return isDigit(byte) ? "digits" : WORDS.get(byte)
}

/**
 * Where the token stands behind this byte: `end` where it ends with it, `before` where it ended before it. Undefined: no such token, see
 * `wrongToken`.
 */
export const stepToken = (token: Token, byte: number): Token | "end" | "before" | undefined => {
  switch (token) {
    case "string":
      if (byte === QUOTE) return "end"
      return byte === BACKSLASH ? "escape" : byte < 32 ? undefined : "string"
    case "escape":
      return byte === 0x75 ? "hex4" : ESCAPES.has(byte) ? "string" : undefined
    case "hex4":
    case "hex3":
    case "hex2":
    case "hex1":
      return isHex(byte) ? NEXT_HEX[token] : undefined
    default:
      return token in AFTER ? stepNumber(token as NumberToken, byte) : stepWord(token as `rest of ${string}`, byte)
  }
}

/** What is wrong where a token does not go on. */
export const wrongToken = (token: Token): string => {
  if (token === "string") return "a control character in a string has to be escaped"
  if (token === "escape" || token in NEXT_HEX) return "no such escape sequence"
  return token in AFTER ? "no number of JSON" : "true, false or null is expected here"
}

/** Whether the token is complete if nothing follows: some numbers are. */
export const mayEnd = (token: Token): boolean => token === "zero" || token === "digits" || token === "fraction" || token === "exponent"

const ESCAPES: ReadonlySet<number> = new Set(Buffer.from('"\\/bfnrt'))

const NEXT_HEX: Readonly<Record<"hex4" | "hex3" | "hex2" | "hex1", Token>> = { hex4: "hex3", hex3: "hex2", hex2: "hex1", hex1: "string" }

const stepWord = (token: `rest of ${string}`, byte: number): Token | "end" | undefined => {
  const rest = token.slice("rest of ".length)
  if (rest.charCodeAt(0) !== byte) return undefined
  return rest.length === 1 ? "end" : `rest of ${rest.slice(1)}`
}

const stepNumber = (token: NumberToken, byte: number): Token | "before" | undefined => {
  if (token === "minus" && byte === 48) return "zero"
  const kind = isDigit(byte) ? "digit" : byte === 46 ? "dot" : (byte | 32) === 0x65 ? "e" : byte === 43 || byte === 45 ? "sign" : undefined
  const next = kind === undefined ? undefined : AFTER[token][kind]
  if (next !== undefined) return next
  return mayEnd(token) && kind !== "digit" ? "before" : undefined
}

/** What may follow in a number. */
const AFTER: Readonly<Record<NumberToken, Partial<Record<"digit" | "dot" | "e" | "sign", NumberToken>>>> = {
  minus: { digit: "digits" },
  zero: { dot: "dot", e: "e" },
  digits: { digit: "digits", dot: "dot", e: "e" },
  dot: { digit: "fraction" },
  fraction: { digit: "fraction", e: "e" },
  e: { digit: "exponent", sign: "sign" },
  sign: { digit: "exponent" },
  exponent: { digit: "exponent" },
}
