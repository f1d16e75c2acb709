/** Regular expressions: `~` and its kin, and the functions that replace, count and take out what matches. */
import type { RE2JS } from "re2js"
import type { Whole } from "../../model/Decimal.ts"
import { quoteValue } from "../../model/Value.ts"
import { characterCount, unitOf } from "./characters.ts"
import { ExpressionError } from "../ExpressionError.ts"
import { translateRegex } from "./regexSyntax.ts"
import { withinLimit } from "./limits.ts"
import { fn, op, type Signature } from "./signatures.ts"

/** A pattern made ready. */
export interface Regex {
  readonly expression: RE2JS
  readonly isGlobal: boolean
  readonly hasBoundary: boolean
}

let engine: typeof import("re2js") | undefined

/** Loads the engine, once per process. Few pipelines match regular expressions, and it is a quarter of a megabyte of tables. */
export const loadRegularExpressions = async (): Promise<void> => {
  engine ??= await import("re2js")
}

const compile = (pattern: string, flags: string): Regex => {
  if (engine === undefined) throw new Error("Regular expressions are not loaded. Await loadExpressions() first.")
  const { RE2JS, RE2JSException } = engine
  const { source, ignoreCase, isLazy, hasBoundary } = translateRegex(pattern, flags)
  // PostgreSQL prefers the longest of the matches that begin first, RE2 by itself the one that a backtracking search meets first.
  const options = (ignoreCase ? RE2JS.CASE_INSENSITIVE : 0) | (isLazy ? 0 : RE2JS.LONGEST_MATCH)
  try {
    return { expression: RE2JS.compile(source, options), isGlobal: flags.includes("g"), hasBoundary }
  } catch (error) {
    if (error instanceof RE2JSException)
      throw new ExpressionError("INVALID_ARGUMENT", `${quoteValue(pattern)} is no regular expression: ${error.message}.`)
    throw error
  }
}

const MOST_REMEMBERED = 64
const remembered = new Map<string, Regex>()

/** Patterns that come from columns are few as a rule, so the last ones are kept. */
const regexWith = (pattern: string, flags: string): Regex => {
  const key = `${flags}/${pattern}`
  const known = remembered.get(key)
  if (known !== undefined) return known
  const made = compile(pattern, flags)
  if (remembered.size >= MOST_REMEMBERED) remembered.clear()
  remembered.set(key, made)
  return made
}

const regex = (pattern: string): Regex => regexWith(pattern, "")
const regexIgnoreCase = (pattern: string): Regex => regexWith(pattern, "i")

/** For functions that give what matched: a pattern whose match would be another one than PostgreSQL's is refused. */
const regexToTake = (pattern: string, flags = ""): Regex => {
  if (translateRegex(pattern, flags).isMixed) {
    throw new ExpressionError(
      "INVALID_ARGUMENT",
      `The regular expression ${quoteValue(pattern)} mixes greedy and lazy quantifiers, which is not there.`,
    )
  }
  return regexWith(pattern, flags)
}

// eslint-disable-next-line no-control-regex
const FOREIGN_WORD = /(?![\0-\x7f])[\p{L}\p{Nl}\p{Nd}\p{Mn}\p{Mc}]/u

/** RE2 sees borders of words in ASCII only, so that the answer for other letters would be wrong. */
const refuseForeign = (text: string, { hasBoundary }: Regex): void => {
  if (hasBoundary && FOREIGN_WORD.test(text))
    throw new ExpressionError(
      "INVALID_ARGUMENT",
      `The regular expression uses \\y or \\Y, which know no letters as in ${quoteValue(text)}.`,
    )
}

const matchesRegex = (text: string, regexp: Regex): boolean => {
  refuseForeign(text, regexp)
  return regexp.expression.test(text)
}

const differsRegex = (text: string, regexp: Regex): boolean => !matchesRegex(text, regexp)

interface Match {
  readonly start: number
  readonly end: number
  readonly group: (index: number) => string | null
  readonly groups: number
}

/** The matches from unit `from` on; after an empty one the search goes on one character later. */
function* matchesOf(text: string, regexp: Regex, from: number): Generator<Match> {
  refuseForeign(text, regexp)
  const matcher = regexp.expression.matcher(text)
  let at = from
  while (at <= text.length && matcher.find(at)) {
    const [start, end] = [matcher.start(), matcher.end()]
    yield { start, end, group: (index) => matcher.group(index), groups: matcher.groupCount() }
    at = end > start ? end : end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1)
  }
}

/** `\1` is a group, `\&` the match, `\\` a backslash. */
const expand = (replacement: string, text: string, match: Match): string =>
  replacement.replace(/\\([1-9&\\])/g, (_, what: string) => {
    if (what === "\\") return "\\"
    if (what === "&") return text.slice(match.start, match.end)
    return Number(what) <= match.groups ? (match.group(Number(what)) ?? "") : ""
  })

const replaceMatches = (text: string, regexp: Regex, replacement: string, from: number, nth: number): string => {
  let result = ""
  let copied = 0
  let seen = 0
  for (const match of matchesOf(text, regexp, from)) {
    seen++
    if (nth > 0 && seen !== nth) continue
    result += text.slice(copied, match.start) + (replacement.includes("\\") ? expand(replacement, text, match) : replacement)
    copied = match.end
    withinLimit(result.length, "regexp_replace")
    if (nth > 0) break
  }
  return result + text.slice(copied)
}

const replaceRegex = (text: string, regexp: Regex, replacement: string): string =>
  replaceMatches(text, regexp, replacement, 0, regexp.isGlobal ? 0 : 1)

const startOf = (text: string, start: Whole, name: string): number => {
  if (start <= 0) throw new ExpressionError("INVALID_ARGUMENT", `${name}: places are counted from 1, and this is ${start}.`)
  // Past the end there is nothing to find, not even an empty match.
  return start > characterCount(text) + 1 ? text.length + 1 : unitOf(text, Number(start) - 1)
}

const atLeast = (value: Whole, least: number, name: string): number => {
  if (value < least) throw new ExpressionError("INVALID_ARGUMENT", `${name}: ${value} is below ${least}.`)
  return Number(value)
}

const replaceRegexFrom = (text: string, regexp: Regex, replacement: string, start: Whole): string =>
  replaceMatches(text, regexp, replacement, startOf(text, start, "regexp_replace"), 1)

const replaceRegexNth = (text: string, regexp: Regex, replacement: string, start: Whole, nth: Whole): string =>
  replaceMatches(text, regexp, replacement, startOf(text, start, "regexp_replace"), atLeast(nth, 0, "regexp_replace"))

const countRegex = (text: string, regexp: Regex): number => countRegexFrom(text, regexp, 1)

const countRegexFrom = (text: string, regexp: Regex, start: Whole): number => {
  let count = 0
  for (const _ of matchesOf(text, regexp, startOf(text, start, "regexp_count"))) count++
  return count
}

/** What matches, or what the first group matches where there is one; null where nothing does. */
const substringRegex = (text: string, regexp: Regex): string | null => {
  for (const match of matchesOf(text, regexp, 0)) return match.groups > 0 ? match.group(1) : text.slice(match.start, match.end)
  return null
}

const takeRegex = (text: string, regexp: Regex): string | null => takeRegexNth(text, regexp, 1, 1)
const takeRegexFrom = (text: string, regexp: Regex, start: Whole): string | null => takeRegexNth(text, regexp, start, 1)

const takeRegexNth = (text: string, regexp: Regex, start: Whole, nth: Whole): string | null => {
  let seen = 0
  const wanted = atLeast(nth, 1, "regexp_substr")
  for (const match of matchesOf(text, regexp, startOf(text, start, "regexp_substr"))) {
    if (++seen === wanted) return text.slice(match.start, match.end)
  }
  return null
}

/** The groups of the first match, or the match where there are none; null where nothing matches. */
const matchRegex = (text: string, regexp: Regex): ReadonlyArray<string | null> | null => {
  for (const match of matchesOf(text, regexp, 0)) {
    if (match.groups === 0) return [text.slice(match.start, match.end)]
    return Array.from({ length: match.groups }, (_, i) => match.group(i + 1))
  }
  return null
}

export const regexRuntime = {
  regex,
  regexIgnoreCase,
  regexWith,
  regexToTake,
  matchesRegex,
  differsRegex,
  replaceRegex,
  replaceRegexFrom,
  replaceRegexNth,
  countRegex,
  countRegexFrom,
  substringRegex,
  takeRegex,
  takeRegexFrom,
  takeRegexNth,
  matchRegex,
}

/** What is wrong with a constant pattern, before any row. */
const refusePattern =
  (make: (pattern: string, flags?: string) => Regex, patternAt = 1, flagsAt = -1) =>
  (constants: ReadonlyArray<unknown>): string | undefined => {
    const pattern = constants[patternAt]
    const flags = flagsAt < 0 ? "" : constants[flagsAt]
    if (typeof pattern !== "string" || typeof flags !== "string") return undefined
    try {
      make(pattern, flags)
      return undefined
    } catch (error) {
      if (error instanceof ExpressionError) return error.message
      throw error
    }
  }

const matching = { prepare: { by: "regex", from: [1] }, refuse: refusePattern(regex) }
const loosely = { prepare: { by: "regexIgnoreCase", from: [1] }, refuse: refusePattern(regexIgnoreCase) }
const matchingWith = {
  prepare: { by: "regexWith", from: [1, 2] },
  refuse: refusePattern((pattern, flags = "") => regexWith(pattern, flags), 1, 2),
}
const taking = { prepare: { by: "regexToTake", from: [1] }, refuse: refusePattern(regexToTake) }
const takingWith = (flagsAt: number) => ({
  prepare: { by: "regexToTake", from: [1, flagsAt] },
  refuse: refusePattern(regexToTake, 1, flagsAt),
})

export const regexSignatures: ReadonlyArray<Signature> = [
  op("string ~ string", "boolean", "matchesRegex", matching),
  op("string !~ string", "boolean", "differsRegex", matching),
  op("string ~* string", "boolean", "matchesRegex", loosely),
  op("string !~* string", "boolean", "differsRegex", loosely),
  fn("regexp_like(string, string)", "boolean", "matchesRegex", matching),
  fn("regexp_like(string, string, string)", "boolean", "matchesRegex", matchingWith),
  fn("regexp_replace(string, string, string)", "string", "replaceRegex", taking),
  fn("regexp_replace(string, string, string, string)", "string", "replaceRegex", takingWith(3)),
  fn("regexp_replace(string, string, string, integer)", "string", "replaceRegexFrom", taking),
  fn("regexp_replace(string, string, string, integer, integer)", "string", "replaceRegexNth", taking),
  fn("regexp_replace(string, string, string, integer, integer, string)", "string", "replaceRegexNth", takingWith(5)),
  fn("regexp_count(string, string)", "integer", "countRegex", taking),
  fn("regexp_count(string, string, integer)", "integer", "countRegexFrom", taking),
  fn("regexp_count(string, string, integer, string)", "integer", "countRegexFrom", takingWith(3)),
  fn("substring(string, string)", "string", "substringRegex", { ...taking, nullable: true }),
  fn("regexp_substr(string, string)", "string", "takeRegex", { ...taking, nullable: true }),
  fn("regexp_substr(string, string, integer)", "string", "takeRegexFrom", { ...taking, nullable: true }),
  fn("regexp_substr(string, string, integer, integer)", "string", "takeRegexNth", { ...taking, nullable: true }),
  fn("regexp_match(string, string)", "string[]", "matchRegex", { ...taking, nullable: true }),
  fn("regexp_match(string, string, string)", "string[]", "matchRegex", { ...takingWith(2), nullable: true }),
]

const names = [...new Set(regexSignatures.map(({ name }) => name))]

/** Whether an expression may match regular expressions; true also for some that do not. */
export const mayMatchRegularExpressions = (text: string): boolean => {
  const lower = text.toLowerCase()
  // In `U&"…"` a name may be written by the numbers of its characters.
  return lower.includes("u&") || names.some((name) => lower.includes(name))
}
