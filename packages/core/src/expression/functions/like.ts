/** LIKE and ILIKE, in time linear in the text for each `%` of the pattern at most. */
import { quoteValue } from "../../model/Value.ts"
import { characterCount, lower } from "./characters.ts"
import { ExpressionError } from "../ExpressionError.ts"
import { op, fn, type Signature } from "./signatures.ts"

/** A pattern made ready. */
export type LikeMatcher = (text: string) => boolean

type Token = { readonly kind: "text"; readonly text: string } | { readonly kind: "one" | "any" | "broken" }

/** `%` is any text, `_` any character, a backslash takes what follows literally. */
const tokens = (pattern: string): ReadonlyArray<Token> => {
  const found: Array<Token> = []
  let text = ""
  const flush = (): void => {
    if (text !== "") found.push({ kind: "text", text })
    text = ""
  }
  const characters = Array.from(pattern)
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i]!
    if (character === "%" || character === "_") {
      flush()
      if (character === "_") found.push({ kind: "one" })
      else if (found.at(-1)?.kind !== "any") found.push({ kind: "any" })
    } else if (character !== "\\") text += character
    else if (i + 1 < characters.length) text += characters[++i]!
    else {
      flush()
      found.push({ kind: "broken" })
    }
  }
  flush()
  return found
}

/** Patterns of one text with `%` at either end need no search over tokens. */
const likePattern = (pattern: string): LikeMatcher => {
  const parts = tokens(pattern)
  const kinds = parts.map(({ kind }) => kind).join(" ")
  const text = parts.find((part) => part.kind === "text")?.text ?? ""
  switch (kinds) {
    case "":
      return (value) => value === ""
    case "any":
      return () => true
    case "text":
      return (value) => value === text
    case "text any":
      return (value) => value.startsWith(text)
    case "any text":
      return (value) => value.endsWith(text)
    case "any text any":
      return (value) => value.includes(text)
    default:
      return (value) => matches(value, parts)
  }
}

const likeIgnoreCase = (pattern: string): LikeMatcher => {
  const matcher = likePattern(lower(pattern))
  return (value) => matcher(lower(value))
}

/** Greedy: after a `%` the rest is tried at each place; a later `%` makes earlier ones final. */
const matches = (text: string, parts: ReadonlyArray<Token>): boolean => {
  let at = 0
  let part = 0
  let retryPart = -1
  let retryAt = 0
  for (;;) {
    if (part === parts.length && at === text.length) return true
    const next = part === parts.length ? -1 : step(text, at, parts[part]!)
    if (part < parts.length && parts[part]!.kind === "any") {
      retryPart = ++part
      retryAt = at
    } else if (next >= 0) {
      at = next
      part++
    } else {
      if (retryPart < 0 || retryAt >= text.length) return false
      retryAt += text.codePointAt(retryAt)! > 0xffff ? 2 : 1
      at = retryAt
      part = retryPart
    }
  }
}

/** Where the text goes on after the token, or -1. */
const step = (text: string, at: number, token: Token): number => {
  if (token.kind === "text") return text.startsWith(token.text, at) ? at + token.text.length : -1
  if (at >= text.length) return -1
  if (token.kind === "broken") throw new ExpressionError("INVALID_ARGUMENT", "The LIKE pattern ends with its escape character.")
  return token.kind === "one" ? at + (text.codePointAt(at)! > 0xffff ? 2 : 1) : -1
}

/** The pattern with another escape character, rewritten to the backslash. */
const likeEscape = (pattern: string, escape: string): string => {
  if (characterCount(escape) > 1)
    throw new ExpressionError("INVALID_ARGUMENT", `ESCAPE takes one character, and this is ${quoteValue(escape)}.`)
  if (escape === "\\") return pattern
  let result = ""
  let isEscaped = false
  for (const character of pattern) {
    if (character === escape && !isEscaped) {
      result += "\\"
      isEscaped = true
    } else {
      result += character === "\\" && !isEscaped ? "\\\\" : character
      isEscaped = false
    }
  }
  return result
}

const like = (text: string, matcher: LikeMatcher): boolean => matcher(text)
const notLike = (text: string, matcher: LikeMatcher): boolean => !matcher(text)

export const likeRuntime = { likePattern, likeIgnoreCase, likeEscape, like, notLike }

const sensitive = { prepare: { by: "likePattern", from: [1] } }
const insensitive = { prepare: { by: "likeIgnoreCase", from: [1] } }

export const likeSignatures: ReadonlyArray<Signature> = [
  op("string ~~ string", "boolean", "like", sensitive),
  op("string !~~ string", "boolean", "notLike", sensitive),
  op("string ~~* string", "boolean", "like", insensitive),
  op("string !~~* string", "boolean", "notLike", insensitive),
  fn("like_escape(string, string)", "string", "likeEscape"),
]
