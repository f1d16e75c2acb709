/**
 * Reads `.env` files: `NAME=value`, `export NAME=value`, comments, single quotes (as it is), double quotes (`\n`, `\t`, `\"`, `\\`, over
 * several lines).
 *
 * Values are not expanded: a `$` stands for itself, so a password may hold one.
 */
import { codeFrame, splitLines } from "./codeFrame.ts"
import type { Issue } from "../contract/Errors.ts"

export interface EnvFile {
  readonly values: ReadonlyMap<string, string>
  readonly issues: ReadonlyArray<Issue>
}

/** `file` is for messages. The last of several lines for one name counts. */
export const parseEnvFile = (text: string, file: string): EnvFile => {
  const values = new Map<string, string>()
  const issues: Array<Issue> = []
  const source = text.replace(/^\uFEFF/, "")
  let at = 0
  while (at < source.length) {
    const line = lineAt(source, at)
    const entry = parseEntry(source, at, line.text)
    if (typeof entry === "string") issues.push(issueAt(source, at, file, entry))
    else if (entry !== undefined) values.set(entry.name, entry.value)
    at = Math.max(line.next, entry === undefined || typeof entry === "string" ? 0 : lineAt(source, entry.end).next)
  }
  return { values, issues }
}

interface Entry {
  readonly name: string
  readonly value: string
  readonly end: number
}

const lineAt = (source: string, at: number): { readonly text: string; readonly next: number } => {
  const end = source.indexOf("\n", at)
  return end < 0 ? { text: source.slice(at), next: source.length } : { text: source.slice(at, end), next: end + 1 }
}

/** The entry, nothing for an empty line or a comment, or what is wrong. */
const parseEntry = (source: string, at: number, line: string): Entry | string | undefined => {
  if (/^\s*(#|$)/.test(line)) return undefined
  const head = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*=[^\S\n]*/.exec(line)
  if (head === null) return "expected NAME=value. A name has letters, digits and _; text over several lines goes in double quotes."
  const start = at + head[0].length
  const quote = source[start]
  if (quote === '"' || quote === "'") return parseQuoted(source, start, quote, head[1]!)
  // A comment begins at a # behind a space: the one in `p#ss` belongs to the value.
  return {
    name: head[1]!,
    value: source
      .slice(start, at + line.length)
      .replace(/(^|\s)#.*$/, "")
      .trim(),
    end: start,
  }
}

const parseQuoted = (source: string, start: number, quote: string, name: string): Entry | string => {
  let end = start + 1
  while (end < source.length && source[end] !== quote) end += quote === '"' && source[end] === "\\" ? 2 : 1
  if (end >= source.length) return `the value of ${name} begins with ${quote} and does not end. Close the quote.`
  const rest = lineAt(source, end + 1).text.trim()
  if (rest !== "" && !rest.startsWith("#"))
    return `after the closing quote of ${name} the line goes on. Put the whole value into the quotes.`
  const inner = source.slice(start + 1, end)
  return { name, value: quote === '"' ? unescape(inner) : inner, end }
}

const unescape = (text: string): string => text.replaceAll(/\\([\s\S])/g, (both, character: string) => escapes[character] ?? both)

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\", $: "$" }

const issueAt = (source: string, at: number, file: string, message: string): Issue => {
  const line = source.slice(0, at).split("\n").length
  const frame = codeFrame(splitLines(source), line, 1)
  return { code: "INVALID_VALUE", message, path: "", file, line, column: 1, frame: hideValues(frame) }
}

// The lines around may hold passwords that nobody has registered yet.
const hideValues = (frame: string): string => frame.replaceAll(/(\|\s*(?:export\s+)?[\w.]+\s*=\s*)\S.*$/gm, "$1***")
