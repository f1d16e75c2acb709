/** `run --from X --to Y`: a pipeline without a project, its types told by the files' endings. */
import path from "node:path"
import type { PipelineDefinition } from "@deltaflow/core"
import { type Invocation, textFlag, UsageError } from "./Command.ts"

const ENDINGS: ReadonlyArray<readonly [RegExp, string]> = [
  [/\.(csv|tsv|txt)(\.(gz|zst))?$/i, "csv"],
  [/\.(ndjson|jsonl)(\.(gz|zst))?$/i, "ndjson"],
  [/\.json(\.(gz|zst))?$/i, "json"],
  [/\.(db|sqlite|sqlite3)$/i, "sqlite"],
]

export const quickPipeline = (invocation: Invocation): PipelineDefinition => {
  const from = needed(invocation, "from")
  const to = needed(invocation, "to")
  const condition = textFlag(invocation, "where")
  return {
    name: "quick-run",
    sources: [{ name: from, ...endpoint(from, "from", invocation.cwd) }],
    transforms: condition === undefined ? [] : [{ type: "filter", condition }],
    destinations: [{ name: to, ...endpoint(to, "to", invocation.cwd) }],
  }
}

/** `types --from X`: a pipeline that is only looked at, called as the file or the table. */
export const lookedAtPipeline = (invocation: Invocation, from: string): PipelineDefinition => {
  const source = endpoint(from, "from", invocation.cwd)
  const words = (source["table"] ?? path.basename(source.path).replace(/\..*$/, "")).toLowerCase().replaceAll(/[^a-z0-9_]+/g, "-")
  const name = words
    .replace(/^[-_]+/, "")
    .slice(0, 64)
    .replace(/-+$/, "")
  return { name: name === "" ? "rows" : name, sources: [{ name: from, ...source }], destinations: [{ type: "ndjson", path: "-" }] }
}

const needed = (invocation: Invocation, name: string): string => {
  const value = textFlag(invocation, name)
  if (value === undefined) throw new UsageError(`--${name} is missing: give both, as in deltaflow run --from users.csv --to users.ndjson.`)
  return value
}

/** `users.csv`, `csv:users.data`, `sqlite:out.db#users`, `-`. */
const endpoint = (text: string, flag: string, cwd: string): { readonly type: string; readonly path: string } & Record<string, string> => {
  const prefixed = /^(csv|ndjson|json|sqlite):(.+)$/.exec(text)
  const [type, rest] = prefixed === null ? [typeOf(text, flag), text] : [prefixed[1]!, prefixed[2]!]
  if (type === "sqlite") return sqliteEndpoint(rest, cwd)
  const tabs = /\.tsv(\.|$)/i.test(rest) ? { delimiter: "\t" } : {}
  return { type, path: rest === "-" ? "-" : path.resolve(cwd, rest), ...tabs }
}

const sqliteEndpoint = (text: string, cwd: string) => {
  const [file, table] = text.split("#")
  return { type: "sqlite", path: path.resolve(cwd, file!), table: table ?? "rows" }
}

const typeOf = (text: string, flag: string): string => {
  // Lines of JSON are what other programs take and give most easily.
  if (text === "-") return "ndjson"
  const found = ENDINGS.find(([pattern]) => pattern.test(text))?.[1]
  if (found !== undefined) return found
  throw new UsageError(`--${flag} ${text}: the ending says no type. Use .csv, .ndjson, .json or .db, or write csv:${text}.`)
}
