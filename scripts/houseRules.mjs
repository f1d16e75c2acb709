/**
 * Rules of the house that a linter does not know: words, file names, line length. Each says what to do instead.
 *
 * A line that must break a rule carries `house-rules: allow` and, beside it, the reason.
 */
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import path from "node:path"

const root = path.resolve(import.meta.dirname, "..")
/** These files and their test hold what they forbid. */
const self = "scripts/houseRules."

const code = /\.(ts|mts|js|mjs)$/
const sources = /^(packages|examples|scripts|templates)\/.*\.(ts|mjs|js)$/
const product = /^packages\/[^/]+\/src\/.*\.ts$/

/** @typedef {{ files: RegExp, pattern: RegExp, message: string }} LineRule */

/** @type {LineRule[]} */
export const lineRules = [
  {
    // Of code the formatter takes care. It leaves texts in one piece, so that a message can be found by what people saw of it.
    files: code,
    pattern: /^(?=\s*(\/\/|\*|\/\*\*) )(?!.*https?:\/\/).{141,}$/,
    message: "A comment longer than 140 characters: `pnpm format` breaks it.",
  },
  {
    files: sources,
    pattern: /^(?!.*effect\/Sink).*(\bsinks?\b|\bSink[A-Z]|[a-z]Sink\b)/,
    message: 'The glossary says "destination", never sink.',
  },
  {
    files: sources,
    // `Record<K, V>` is TypeScript's, `records` is an option of the pipeline file, "records that" is a verb.
    pattern:
      /\b(a|an|the|each|every|per|one|this|bad|no|of|first|last|next|which|any) records?\b|\brecords?[A-Z]\w*|[a-z]Records?(?![a-z<])/,
    message: 'The glossary says "row", never record.',
  },
  { files: sources, pattern: /(?<!node:)\b[Uu]tils?\b|\b[Hh]elpers?\b/, message: "Name the thing by what it does, not utils or helper." },
  { files: sources, pattern: /\bclass \w+(Manager|Impl)\b/, message: "No Manager, no Impl: name the class by what it is." },
  { files: sources, pattern: /\b(FIXME|XXX|HACK)\b/, message: "Finish it, or write TODO with a link to the issue." },
  { files: sources, pattern: /\bTODO\b(?!.*https?:\/\/)/, message: "A TODO carries a link to its issue, or goes." },
  {
    files: sources,
    pattern: /catch\s*(\([^)]*\)\s*)?\{\s*\}|\.catch\(\(\w*\) => (\{\}|undefined)\)/,
    message: "No silent catch: handle it, or let it go on.",
  },
  { files: product, pattern: /["'`].*\b[Ff]ailed to\b/, message: 'A message says "where: what happened. What to do.", never "failed to".' },
  { files: /./, pattern: /^(<{7}|>{7}) /, message: "A merge conflict was left behind." },
]

/** @typedef {{ files: RegExp, name: RegExp, message: string }} NameRule */

/** @type {NameRule[]} */
export const nameRules = [
  {
    files: sources,
    name: /^(?!.*(^|\/)(utils?|helpers?|common|misc)(\.|\/)).*$/i,
    message: "No file or folder named utils, helpers, common or misc: name it by what it holds.",
  },
  {
    files: /^packages\/[^/]+\/src\/.*\.ts$/,
    name: /(^|\/)[A-Za-z][A-Za-z0-9]*(\.(t1\.)?test|\.bench)?\.ts$/,
    message: "PascalCase.ts for a public module, camelCase.ts for an internal one.",
  },
  {
    files: /^packages\/connectors\/src\/[^/]+\//,
    name: /^packages\/connectors\/src\/[a-z][a-z0-9-]*\//,
    message: "A connector's folder is kebab-case, equal to its type and its sub-path.",
  },
]

/** @param {string} file @param {string} text */
export const breaches = (file, text) => {
  const found = nameRules.filter(({ files, name }) => files.test(file) && !name.test(file)).map(({ message }) => `${file}: ${message}`)
  // What a program made is checked by making it again.
  if (text.startsWith("/** Made by ")) return found
  const rules = lineRules.filter(({ files }) => files.test(file))
  for (const [i, line] of text.split("\n").entries()) {
    if (line.includes("house-rules: allow")) continue
    for (const { pattern, message } of rules) if (pattern.test(line)) found.push(`${file}:${i + 1}: ${message}`)
  }
  return found
}

const trackedFiles = () =>
  execFileSync("git", ["ls-files", "-co", "--exclude-standard", "-z"], { cwd: root, encoding: "utf8", maxBuffer: 1 << 26 })
    .split("\0")
    .filter((file) => file !== "" && !file.startsWith(self) && code.test(file) && existsSync(path.join(root, file)))

export const checkHouse = () => trackedFiles().flatMap((file) => breaches(file, readFileSync(path.join(root, file), "utf8")))

if (import.meta.main) {
  const found = checkHouse()
  process.stdout.write(found.map((line) => `${line}\n`).join(""))
  process.exitCode = found.length > 0 ? 1 : 0
}
