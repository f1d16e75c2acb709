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

/** @param {string} line @returns {string[]} */
const wrapLine = (line) => {
  const [, margin = "", text = ""] = /^(\s*)\/\*\* (.*) \*\/$/.exec(line) ?? []
  if (text !== "") return [`${margin}/**`, ...fill(text, `${margin} * `, `${margin} * `), `${margin} */`]
  const [, prefix, bullet = "", body] = /^(\s*(?:\/\/|\*) )(- )?(.*)$/.exec(line) ?? []
  if (prefix === undefined || body === undefined) return [line]
  return fill(body, prefix + bullet, prefix + " ".repeat(bullet.length))
}

/** @param {string} text */
export const wrapComments = (text) =>
  text
    .split("\n")
    .flatMap((line) => (line.length > width && !/https?:\/\//.test(line) ? wrapLine(line) : [line]))
    .join("\n")

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
