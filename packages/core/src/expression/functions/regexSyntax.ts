/**
 * PostgreSQL's regular expressions (its "advanced" ones) rewritten for RE2, which runs in time linear in the text.
 *
 * What RE2 cannot do is refused by name: back references, and looking ahead or behind.
 */
import { quoteValue } from "../../model/Value.ts"
import { ExpressionError } from "../ExpressionError.ts"

export interface Translated {
  readonly source: string
  readonly ignoreCase: boolean
  /** Quantifiers of both kinds: PostgreSQL then prefers other matches than RE2. */
  readonly isMixed: boolean
  readonly isLazy: boolean
  /** Has `\y` or `\Y`: to RE2 only letters, digits and _ of ASCII make words. */
  readonly hasBoundary: boolean
}

const WORD = "\\p{L}\\p{Nl}\\p{Nd}\\p{Mn}\\p{Mc}_"
const SPACE = "\\t-\\r \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"

/** Classes as they stand within brackets. */
const SHORTHANDS: Readonly<Record<string, string>> = { d: "0-9", s: SPACE, w: WORD }

const CLASSES: Readonly<Record<string, string>> = {
  alpha: "\\p{L}\\p{Nl}\\p{Mn}\\p{Mc}",
  alnum: "\\p{L}\\p{Nl}\\p{Nd}\\p{Mn}\\p{Mc}",
  digit: "0-9",
  space: SPACE,
  upper: "\\p{Lu}",
  lower: "\\p{Ll}",
  punct: "\\p{P}\\p{S}",
  blank: "\\t\\p{Zs}",
  cntrl: "\\x{0}-\\x{1f}\\x{7f}-\\x{9f}",
  xdigit: "0-9A-Fa-f",
  word: WORD,
}

const CONTROL: Readonly<Record<string, string>> = {
  a: "\\x{7}",
  b: "\\x{8}",
  B: "\\\\",
  e: "\\x{1b}",
  f: "\\f",
  n: "\\n",
  r: "\\r",
  t: "\\t",
  v: "\\x{b}",
}

const CONSTRAINTS: Readonly<Record<string, string>> = { A: "\\A", Z: "\\z", y: "\\b", Y: "\\B" }

const broken = (pattern: string, what: string): ExpressionError =>
  new ExpressionError("INVALID_ARGUMENT", `The regular expression ${quoteValue(pattern)} ${what}.`)

/** Flags as they follow a pattern in `regexp_replace`; `g` is the caller's. */
export const translateRegex = (pattern: string, flags: string): Translated => new Translator(pattern, flags).translate()

class Translator {
  private readonly pattern: string
  private readonly flags: Set<string>
  private at = 0
  private source = ""
  private greedy = false
  private lazy = false
  private boundary = false
  /** Whether what was read last is a place rather than a character: it cannot be repeated. */
  private isPlace = false

  constructor(pattern: string, flags: string) {
    this.pattern = pattern
    this.flags = new Set(flags)
    for (const flag of flags) if (!"cginpswtxmqe".includes(flag)) throw this.error(`has an unknown flag ${flag}`)
    if (/[xqe]/.test(flags)) throw this.error(`uses the flag ${/[xqe]/.exec(flags)![0]}, which is not there`)
  }

  translate(): Translated {
    this.options()
    while (this.at < this.pattern.length) this.next()
    const multiline = /[nm]/.test([...this.flags].join("")) || this.flags.has("w")
    const dotAll = !(this.flags.has("n") || this.flags.has("m") || this.flags.has("p"))
    const source = `(?${dotAll ? "s" : ""}${multiline ? "m" : ""}:${this.source})`.replace("(?:", "(?:")
    return { source, ignoreCase: this.flags.has("i"), isMixed: this.greedy && this.lazy, isLazy: this.lazy, hasBoundary: this.boundary }
  }

  private error(what: string): ExpressionError {
    return broken(this.pattern, what)
  }

  /** `(?i)` and the like at the very start; `***:` says what is so anyway, `***=` makes all of it literal. */
  private options(): void {
    if (this.pattern.startsWith("***:")) this.at = 4
    else if (this.pattern.startsWith("***=")) {
      this.source = quote(this.pattern.slice(4))
      this.at = this.pattern.length
      return
    }
    const match = /^\(\?([a-z]+)\)/.exec(this.pattern.slice(this.at))
    if (match === null) return
    for (const flag of match[1]!) {
      if (!"cinpswtm".includes(flag)) throw this.error(`has an option (?${flag}) that is not there`)
      if (flag === "c") this.flags.delete("i")
      else this.flags.add(flag)
    }
    this.at += match[0].length
  }

  private next(): void {
    const character = this.take()
    const isPlace = character === "^" || character === "$" || (character === "\\" && /^[AZyY]/.test(this.pattern.slice(this.at)))
    if (character === "\\") this.source += this.escape(false)
    else if (character === "[") this.source += this.bracket()
    else if (character === "(") this.open()
    else if ("*+?".includes(character)) this.quantifier(character)
    else if (character === "{") this.bound()
    else if (character === "}" || character === "]") this.source += `\\${character}`
    else this.source += character
    this.isPlace = isPlace
  }

  private take(): string {
    const character = String.fromCodePoint(this.pattern.codePointAt(this.at)!)
    this.at += character.length
    return character
  }

  private open(): void {
    this.source += "("
    if (this.pattern[this.at] !== "?") return
    const kind = this.pattern.slice(this.at, this.at + 2)
    if (kind !== "?:")
      throw this.error(
        /^\?<?[=!]/.test(this.pattern.slice(this.at)) ? "looks ahead or behind, which is not there" : "has an unknown group (?",
      )
    this.source += kind
    this.at += 2
  }

  private quantifier(sign: string): void {
    if (this.isPlace) throw this.error("repeats a place (^, $, \\A, \\Z, \\y or \\Y)")
    const isLazy = this.pattern[this.at] === "?"
    if (isLazy) this.at++
    if (isLazy) this.lazy = true
    else this.greedy = true
    this.source += isLazy ? `${sign}?` : sign
    if (/^[*+?]/.test(this.pattern.slice(this.at))) throw this.error("has a quantifier after a quantifier")
  }

  /** A brace that no digit follows is itself. */
  private bound(): void {
    const match = /^(\d+)(,(\d*))?\}/.exec(this.pattern.slice(this.at))
    if (match === null) {
      if (/^\d/.test(this.pattern.slice(this.at))) throw this.error("has a repetition {…} that is not closed")
      this.source += "\\{"
      return
    }
    const [low, high] = [Number(match[1]), match[3] === undefined || match[3] === "" ? undefined : Number(match[3])]
    if (low > MOST_REPEATS || (high !== undefined && (high > MOST_REPEATS || high < low)))
      throw this.error("has a repetition {…} out of range")
    this.at += match[0].length
    this.quantifier(`{${match[0]}`)
  }

  private escape(inBracket: boolean): string {
    if (this.at >= this.pattern.length) throw this.error("ends with a backslash")
    const character = this.take()
    const lowered = character.toLowerCase()
    if ("dsw".includes(lowered)) return this.shorthand(character, lowered, inBracket)
    if (!inBracket && Object.hasOwn(CONSTRAINTS, character)) {
      this.boundary ||= character === "y" || character === "Y"
      return CONSTRAINTS[character]!
    }
    if (character === "m" || character === "M") throw this.error(`uses \\${character}, which is not there. Use \\y`)
    if (Object.hasOwn(CONTROL, character)) return CONTROL[character]!
    if (character === "c") return `\\x{${(this.take().charCodeAt(0) & 31).toString(16)}}`
    if (character === "u") return this.codePoint(4)
    if (character === "U") return this.codePoint(8)
    if (character === "x") return this.codePoint(255)
    if (character === "0") return this.octal("0")
    if (/[1-9]/.test(character)) throw this.error("refers back to a group, which is not there")
    if (/[A-Za-z]/.test(character)) throw this.error(`uses \\${character}, which is not there`)
    return quote(character)
  }

  private shorthand(character: string, name: string, inBracket: boolean): string {
    const isNegated = character !== name
    if (!inBracket) return `[${isNegated ? "^" : ""}${SHORTHANDS[name]!}]`
    if (isNegated) throw this.error(`uses \\${character} within brackets`)
    return SHORTHANDS[name]!
  }

  private codePoint(digits: number): string {
    const match = new RegExp(`^[0-9a-fA-F]{${digits === 255 ? "1,255" : digits}}`).exec(this.pattern.slice(this.at))
    if (match === null) throw this.error("has an escape without its digits")
    this.at += match[0].length
    return `\\x{${match[0].replace(/^0+(?=.)/, "")}}`
  }

  private octal(first: string): string {
    const more = /^[0-7]{0,2}/.exec(this.pattern.slice(this.at))![0]
    this.at += more.length
    return `\\x{${Number.parseInt(first + more, 8).toString(16)}}`
  }

  private bracket(): string {
    let source = "["
    if (this.pattern[this.at] === "^") {
      this.at++
      source += "^"
      // With newline-sensitive matching a negated class does not reach over a line end.
      if (this.flags.has("n") || this.flags.has("m") || this.flags.has("p")) source += "\\n"
    }
    for (let isFirst = true; ; isFirst = false) {
      if (this.at >= this.pattern.length) throw this.error("has a [ that is not closed")
      const character = this.take()
      if (character === "]" && !isFirst) return `${source}]`
      source += this.bracketItem(character)
    }
  }

  private bracketItem(character: string): string {
    if (character === "\\") return this.escape(true)
    if (character === "[" && /^[:.=]/.test(this.pattern.slice(this.at))) return this.namedClass()
    if (character === "-") return this.dash()
    return "[]^&~|".includes(character) ? `\\${character}` : character
  }

  /** A dash between two characters makes a range; at an end it is itself. */
  private dash(): string {
    const isFirst = /\[\^?$/.test(this.pattern.slice(0, this.at - 1))
    return isFirst || this.pattern[this.at] === "]" ? "\\-" : "-"
  }

  private namedClass(): string {
    const match = /^:([a-z]+):\]/.exec(this.pattern.slice(this.at))
    const name = match?.[1] ?? ""
    if (match === null || !Object.hasOwn(CLASSES, name)) throw this.error("has a class in brackets that is not there")
    this.at += match[0].length
    // Where case makes no difference, both classes are all letters.
    return CLASSES[this.flags.has("i") && (name === "upper" || name === "lower") ? "alpha" : name]!
  }
}

const MOST_REPEATS = 255

const quote = (text: string): string => text.replace(/[\\^$.|?*+()[\]{}-]/g, "\\$&")
