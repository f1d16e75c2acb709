/** What is wrong in a definition, before it is known where that stands in a file. */
import type { ErrorCode, Issue } from "../contract/Errors.ts"
import { didYouMean } from "../model/nearestName.ts"
import { formatPath, type Path } from "./path.ts"

export interface Problem {
  readonly code: ErrorCode
  readonly message: string
  readonly path: Path
  readonly hint?: string
  /** Whether the key is wrong rather than its value. Default: the value. */
  readonly at?: "key"
  /** The keys that an unknown one could have been. */
  readonly known?: ReadonlyArray<string>
  /** Index of the character within the value's text that is meant. */
  readonly position?: number
  /** Part of the value's text that is meant. */
  readonly part?: string
  /** Where it stands in the text, where that is known already. From, to. */
  readonly range?: readonly [number, number]
}

/** Where something stands in a text. */
export interface Place {
  readonly file?: string
  readonly line: number
  readonly column: number
  readonly frame: string
}

/** What the text that a definition came from adds to a problem. */
export interface Origin {
  readonly place: (problem: Problem) => Place | undefined
  /** What to do, where the way it was written explains the mistake. */
  readonly hint?: (problem: Problem) => string | undefined
}

/** A text that is wrong from end to end is told so, and not ten thousand times. */
const MOST_ISSUES = 200

/** In the order of the text. */
export const toIssues = (
  problems: ReadonlyArray<Problem>,
  origin: Origin | undefined,
  mask: (text: string) => string,
): ReadonlyArray<Issue> => {
  const all = distinct(problems)
  const issues = all
    .slice(0, MOST_ISSUES)
    .map((problem) => toIssue(problem, origin, mask))
    .toSorted(byPlace)
  const more = all.length - issues.length
  return more === 0 ? issues : [...issues, { code: "INVALID_PIPELINE", message: `${more} more issues are not shown.`, path: "" }]
}

const byPlace = (a: Issue, b: Issue): number => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)

export const toIssue = (problem: Problem, origin: Origin | undefined, mask: (text: string) => string): Issue => {
  const { code, message, path } = problem
  const place = origin?.place(problem)
  const hint = problem.hint ?? origin?.hint?.(problem)
  return {
    code,
    message: mask(message),
    path: formatPath(path),
    ...(place === undefined ? {} : { ...place, frame: maskFrame(place.frame, mask) }),
    ...(hint === undefined ? {} : { hint: mask(hint) }),
  }
}

/** Masks line by line, and moves the carets by what has become shorter before them. */
const maskFrame = (frame: string, mask: (text: string) => string): string => {
  const lines = frame.split("\n")
  return lines.map((line, i) => (lines[i - 1]?.startsWith(">") === true ? moveCarets(line, lines[i - 1]!, mask) : mask(line))).join("\n")
}

const moveCarets = (carets: string, marked: string, mask: (text: string) => string): string => {
  const at = carets.indexOf("^")
  const before = marked.slice(0, at)
  const moved = at + mask(before).length - before.length
  return carets.slice(0, carets.indexOf("|") + 1) + " ".repeat(Math.max(0, moved - carets.indexOf("|") - 1)) + carets.slice(at)
}

/** `the text "abc"`, `the number 5`, `a list`: what was found, for messages. */
export const describeValue = (value: unknown): string => {
  if (value === undefined || value === null) return "nothing"
  if (typeof value === "string") return value === "" ? "empty text" : `the text ${JSON.stringify(shorten(value))}`
  if (typeof value === "number" || typeof value === "bigint") return `the number ${value}`
  if (typeof value === "boolean") return String(value)
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list"
  return typeof value === "function" ? "a function" : "a mapping"
}

const shorten = (text: string): string => (text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text)

const LONGEST_QUOTE = 60

/** `owner` says whose keys they are, where that helps. */
export const unknownKey = (path: Path, known: Iterable<string>, owner = ""): Problem => {
  const key = String(path.at(-1))
  const names = [...known]
  const guess = didYouMean(key, names)
  // A long list says less than the guess above it.
  const isListed = names.length > 0 && (guess === "" || names.length <= SHORT_LIST)
  return {
    code: "UNKNOWN_KEY",
    message: `unknown key \`${shorten(key)}\`.${guess}`,
    path,
    at: "key",
    known: names,
    ...(isListed ? { hint: `Known keys${owner === "" ? "" : ` of ${owner}`}: ${names.join(", ")}.` } : {}),
  }
}

const SHORT_LIST = 12

/** The path is that of the missing key itself. */
export const missingKey = (path: Path, description: string | undefined): Problem => ({
  code: "MISSING_KEY",
  message: `the key \`${String(path.at(-1))}\` is missing.`,
  path,
  ...(description === undefined ? {} : { hint: `\`${String(path.at(-1))}\`: ${description}` }),
})

export const wrongValue = (path: Path, expected: string, value: unknown, more = ""): Problem => ({
  code: "INVALID_VALUE",
  message: `expected ${expected}, got ${describeValue(value)}.${more}`,
  path,
  ...(value === null ? { hint: "Give the key a value, or take it out." } : {}),
})

/** What cannot be read, or has no value, is wrong once, and not once more for what it would have been. */
export const exceptAt = (told: ReadonlyArray<Problem>): ((problems: ReadonlyArray<Problem>) => ReadonlyArray<Problem>) => {
  const places = new Set(told.filter(({ path }) => path.length > 0).map(({ path }) => formatPath(path)))
  return (problems) => problems.filter(({ path }) => !places.has(formatPath(path)))
}

/** Each problem once, and no missing key where a mistyped one beside it was meant for it. */
const distinct = (problems: ReadonlyArray<Problem>): ReadonlyArray<Problem> => {
  const meant = new Set(
    problems.filter(({ code }) => code === "UNKNOWN_KEY").map(({ path, message }) => formatPath([...path.slice(0, -1), guessIn(message)])),
  )
  const seen = new Set<string>()
  return problems.filter(({ code, message, path }) => {
    if (code === "MISSING_KEY" && meant.has(formatPath(path))) return false
    const text = JSON.stringify([code, message, path])
    return seen.has(text) ? false : seen.add(text) !== undefined
  })
}

const guessIn = (message: string): string => /Did you mean `([^`]+)`/.exec(message)?.[1] ?? ""
