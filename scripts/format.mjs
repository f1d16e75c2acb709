/** Writes the format: `pnpm format [PATH…]`. The formatter does the code, and this the comments, which it leaves as long as they are. */
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"

const root = path.resolve(import.meta.dirname, "..")
const width = 140

/** @param {string} text @param {string} first what the first line begins with @param {string} next what the others begin with */
const fill = (text, first, next) => {
  const lines = []
  let line = first
  for (const word of text.split(" ")) {
    const isEmpty = line === first || line === next
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line)
      line = next
    }
    line += line === first || line === next ? word : ` ${word}`
  }
  return [...lines, line]
}

/** What begins something of its own within a comment: a blank line, an item, a tag, a table, an example. */
const BEGINS = /^(\s|$|-|\d+\.|@|\||```|\*)/

/**
 * `taken` says whether the next line went into the last of `lines`.
 * @param {string} line @param {string | undefined} next @returns {{ lines: string[], taken: boolean }}
 */
const wrapLine = (line, next) => {
  const [, margin = "", text = ""] = /^(\s*)\/\*\* (.*) \*\/$/.exec(line) ?? []
  if (text !== "") return { lines: [`${margin}/**`, ...fill(text, `${margin} * `, `${margin} * `), `${margin} */`], taken: false }
  const [, prefix, bullet = "", body] = /^(\s*(?:\/\/|\*) )(- )?(.*)$/.exec(line) ?? []
  if (prefix === undefined || body === undefined) return { lines: [line], taken: false }
  const indent = prefix + " ".repeat(bullet.length)
  const lines = fill(body, prefix + bullet, indent)
  const rest = next?.startsWith(indent) === true ? next.slice(indent.length) : ""
  if (lines.length < 2 || BEGINS.test(rest) || /https?:\/\//.test(rest)) return { lines, taken: false }
  return { lines: lines.with(-1, `${lines.at(-1)} ${rest}`), taken: true }
}

/** What is too much for one line goes on in the next one of its paragraph. @param {string} text */
export const wrapComments = (text) => {
  const lines = text.split("\n")
  const wrapped = []
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? ""
    if (line.length <= width || /https?:\/\//.test(line)) {
      wrapped.push(line)
      continue
    }
    const parts = wrapLine(line, lines[i + 1])
    if (parts.taken) lines[i + 1] = parts.lines.pop() ?? ""
    wrapped.push(...parts.lines)
  }
  return wrapped.join("\n")
}

/** @param {ReadonlyArray<string>} paths */
const sourcesIn = (paths) =>
  execFileSync("git", ["ls-files", "-co", "--exclude-standard", "-z", "--", ...paths], { cwd: root, encoding: "utf8", maxBuffer: 1 << 26 })
    .split("\0")
    .filter((file) => /\.(ts|mjs)$/.test(file) && existsSync(path.join(root, file)))

/** @param {ReadonlyArray<string>} paths */
const wrapAll = (paths) => {
  for (const file of sourcesIn(paths)) {
    const before = readFileSync(path.join(root, file), "utf8")
    const after = wrapComments(before)
    if (after !== before) writeFileSync(path.join(root, file), after)
  }
}

if (import.meta.main) {
  const paths = process.argv.length > 2 ? process.argv.slice(2) : ["."]
  wrapAll(paths)
  process.exitCode = spawnSync("oxfmt", paths, { cwd: root, stdio: "inherit" }).status ?? 1
}
