/**
 * A quick look at the text before PostgreSQL's parser sees it: finds `:name` parameters outside of strings and comments, brackets that do
 * not match, and text that nests so deeply that the parser would run out of stack.
 */
import type { ExpressionIssue } from "./Scope.ts"

export interface Scanned {
  /** The text with each `:name` replaced by `$1` and blanks of the same length, so that places stay what they are. */
  readonly text: string
  /** The names of the parameters by their index in the text. */
  readonly parameters: ReadonlyMap<number, string>
  readonly issue?: ExpressionIssue
}

const IDENTIFIER = "[A-Za-z_\\u0080-\\uffff][\\w$\\u0080-\\uffff]*"

const TOKEN = new RegExp(
  [
    "(?<blank>\\s+|--[^\\n]*)",
    "(?<text>[eE]'(?:[^'\\\\]|\\\\[^]|'')*'|(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*'|(?:[uU]&)?\"(?:[^\"]|\"\")*\")",
    `(?<dollar>\\$(?:[A-Za-z_\\u0080-\\uffff][\\w\\u0080-\\uffff]*)?\\$)`,
    "(?<comment>/\\*)",
    `(?<word>${IDENTIFIER})`,
    "(?<number>\\.?\\d[\\w.]*)",
    "(?<cast>::)",
    "(?<parameter>:[A-Za-z_]\\w*)",
    "(?<other>[^])",
  ].join("|"),
  "y",
)

/** Tokens between separators, summed over the open brackets: more than this is deeper than any expression that is let through. */
const MAX_PENDING = 800

interface Level {
  readonly bracket: string
  readonly position: number
  pending: number
}

const CLOSING: Readonly<Record<string, string>> = { "(": ")", "[": "]", case: "end" }
const SEPARATORS = new Set([",", "and", "or", "when", "then", "else"])

/** Reads the tokens of a text up to where a string or comment is not closed; the parser says so then. */
export const scanTokens = (text: string): Scanned => {
  const parameters = new Map<number, string>()
  const nesting = new Nesting()
  let rewritten = ""
  let issue: ExpressionIssue | undefined
  for (let at = 0; at < text.length && issue === undefined;) {
    const end = endOfToken(text, at)
    if (end.kind === "parameter") {
      parameters.set(at, text.slice(at + 1, end.at))
      rewritten += "$1".padEnd(end.at - at)
    } else rewritten += text.slice(at, end.at)
    if (end.kind !== "blank") issue = nesting.add(text.slice(at, end.at), at)
    at = end.at
  }
  return issue === undefined ? { text: rewritten, parameters } : { text: rewritten, parameters, issue }
}

type TokenKind = "blank" | "parameter" | "other"

const endOfToken = (text: string, at: number): { readonly at: number; readonly kind: TokenKind } => {
  TOKEN.lastIndex = at
  const groups = TOKEN.exec(text)!.groups!
  if (groups["comment"] !== undefined) return { at: endOfComment(text, at), kind: "blank" }
  if (groups["dollar"] !== undefined) return { at: endOfDollarText(text, TOKEN.lastIndex, groups["dollar"]), kind: "other" }
  if (groups["other"] === "'" || groups["other"] === '"') return { at: text.length, kind: "other" }
  const kind = groups["blank"] !== undefined ? "blank" : groups["parameter"] !== undefined ? "parameter" : "other"
  return { at: TOKEN.lastIndex, kind }
}

const endOfDollarText = (text: string, from: number, tag: string): number => {
  const end = text.indexOf(tag, from)
  return end < 0 ? text.length : end + tag.length
}

const endOfComment = (text: string, start: number): number => {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    if (text.startsWith("/*", at)) {
      depth++
      at++
    } else if (text.startsWith("*/", at)) {
      at++
      if (--depth === 0) return at + 1
    }
  }
  return text.length
}

/** Counts brackets, and what may nest within them. */
class Nesting {
  private readonly levels: Array<Level> = [{ bracket: "", position: 0, pending: 0 }]
  private pending = 0

  add(token: string, position: number): ExpressionIssue | undefined {
    const word = token.toLowerCase()
    const level = this.levels.at(-1)!
    if (SEPARATORS.has(word)) {
      this.pending -= level.pending
      level.pending = 0
      return undefined
    }
    if (CLOSING[word] !== undefined) this.levels.push({ bracket: word, position, pending: 0 })
    else if (word === ")" || word === "]" || word === "end") return this.close(word, position)
    level.pending++
    return ++this.pending > MAX_PENDING ? tooDeep(position) : undefined
  }

  private close(closing: string, position: number): ExpressionIssue | undefined {
    const level = this.levels.at(-1)!
    if (CLOSING[level.bracket] !== closing) {
      // Only a column may be named "end"; the parser tells.
      if (closing === "end") return undefined
      return { code: "EXPRESSION_SYNTAX", message: `The ${closing} closes nothing. Remove it, or open it before.`, position }
    }
    this.levels.pop()
    this.pending -= level.pending
    return undefined
  }
}

export const tooDeep = (position: number): ExpressionIssue => ({
  code: "EXPRESSION_LIMIT",
  message: `The expression nests more than ${MAX_DEPTH} deep. Split it over several map steps.`,
  position,
})

export const MAX_DEPTH = 128

const IDENTIFIER_AT = new RegExp(`"((?:[^"]|"")*)"|(${IDENTIFIER})`, "y")

/** The identifier that stands at `position`, in full: the parser cuts names after 63 bytes. */
export const identifierAt = (text: string, position: number): { readonly name: string; readonly quoted: boolean } | undefined => {
  IDENTIFIER_AT.lastIndex = position
  const match = IDENTIFIER_AT.exec(text)
  if (match === null) return undefined
  if (match[1] !== undefined) return { name: match[1].replaceAll('""', '"'), quoted: true }
  return { name: match[2]!.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()), quoted: false }
}
