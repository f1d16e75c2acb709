/**
 * Makes a new connector that works as it is: `pnpm new connector acme-orders --kind source`.
 *
 * It copies `templates/connector/<kind>` to `packages/connectors/src/<name>` and puts the name in.
 */
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import { parseArgs } from "node:util"

const usage = `Usage: pnpm new connector NAME --kind source|destination

NAME is the connector's type, its folder and its sub-path: lower-case letters, digits and hyphens.

  pnpm new connector acme-orders --kind source
`

const kinds = ["source", "destination"]

/** What the templates are named after. */
const model = "acme-orders"

/** @param {string} name */
export const camelCase = (name) => name.replaceAll(/-([a-z0-9])/g, (_, letter) => letter.toUpperCase())

/** @param {string} name */
export const pascalCase = (name) => camelCase(`-${name}`)

/** @param {string} text @param {string} name */
export const renamed = (text, name) =>
  text.replaceAll(model, name).replaceAll(camelCase(model), camelCase(name)).replaceAll(pascalCase(model), pascalCase(name))

/** What is wrong with the wish, or nothing. @param {string | undefined} name @param {string | undefined} kind */
export const objection = (name, kind) => {
  if (name === undefined) return "it needs a name."
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
    return `"${name}" is no name for a connector. Use lower-case letters, digits and hyphens, as in acme-orders.`
  }
  if (kind === undefined || !kinds.includes(kind)) return `--kind is ${kind ?? "missing"}. Use source or destination.`
  return undefined
}

/** @param {string} root @param {string} name @param {string} kind @returns {string[]} the files that were made */
export const makeConnector = (root, name, kind) => {
  const target = path.join(root, "packages", "connectors", "src", name)
  if (existsSync(target)) throw new Error(`${path.relative(root, target)} is there already. Choose another name, or remove it first.`)
  cpSync(path.join(root, "templates", "connector", kind), target, { recursive: true })
  const files = readdirSync(target).map((file) => path.join(target, file))
  for (const file of files) writeFileSync(file, renamed(readFileSync(file, "utf8"), name))
  return files.map((file) => path.relative(root, file))
}

const main = () => {
  const { values, positionals } = parseArgs({ options: { kind: { type: "string" } }, allowPositionals: true })
  const [what, name] = positionals
  const problem = what === "connector" ? objection(name, values.kind) : `"${what ?? ""}" cannot be made. Only "connector" can.`
  if (problem !== undefined || name === undefined || values.kind === undefined) {
    process.stderr.write(`new: ${problem}\n\n${usage}`)
    return 2
  }
  const files = makeConnector(path.resolve(import.meta.dirname, ".."), name, values.kind)
  const folder = path.dirname(files[0] ?? "")
  process.stdout.write(`Made:\n${files.map((file) => `  ${file}\n`).join("")}
Next:
  vitest run ${folder}      the laws hold already: keep them holding
  list it in packages/connectors/src/index.ts, when pipelines shall find it without being told
  pnpm verify
`)
  return 0
}

if (import.meta.main) {
  try {
    process.exitCode = main()
  } catch (cause) {
    process.stderr.write(`new: ${cause instanceof Error ? cause.message : String(cause)}\n`)
    process.exitCode = 1
  }
}
