/**
 * Runtime values in a query: `:last_run` and the like. `COPY` binds no parameters, so each value is put into a setting of the transaction,
 * which the query reads. No value is ever written into the text.
 */
import { runtimeNames } from "@deltaflow/core"
import type { Session } from "./session.ts"
import { quoteText } from "./quote.ts"

/** Where a `:name` may not be one: texts, quoted names, comments, and casts. */
const SKIPPED = /[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$(\w*)\$[\s\S]*?\$\1\$|::/.source

const NAMED = new RegExp(`${SKIPPED}|:(${runtimeNames.join("|")})\\b`, "g")

/** The text with what `replace` gives in the place of each `:name`. */
const replaceNames = (query: string, replace: (name: string) => string): string =>
  query.replace(NAMED, (found, _tag: string | undefined, name: string | undefined) => (name === undefined ? found : replace(name)))

/** Where the cursor stands, for queries that name `:last_run`. */
export interface LastRun {
  readonly value: string
  /** Milliseconds. */
  readonly lookback: number
}

/**
 * The query over settings. The server says which type it wants in each place, as it would for a bound value.
 *
 * Where increments go by a column, `:last_run` is a little before its last value: a query that says `>` still gives the rows that share
 * this value, of which those that were given before are left out afterwards.
 */
export const withSettings = async (
  session: Session,
  query: string,
  given: Readonly<Record<string, unknown>>,
  lastRun: LastRun | undefined,
): Promise<string> => {
  const values = lastRun === undefined ? given : { ...given, last_run: lastRun.value }
  const names: Array<string> = []
  const numbered = replaceNames(query, (name) => {
    names.push(name)
    return `$${names.length}`
  })
  if (names.length === 0) return query
  const types = await parameterTypes(session, numbered)
  for (const name of new Set(names)) await setValue(session, name, textOf(values[name]))
  let at = 0
  return replaceNames(query, (name) => {
    const type = types[at++] ?? "text"
    if (values[name] === undefined || values[name] === null) return `NULL::${type}`
    const value = `${valueOf(name)}::${type}`
    return name === "last_run" && lastRun !== undefined ? before(value, type, lastRun.lookback) : value
  })
}

/** The nearest value below, or one that is a little lower. */
const before = (value: string, type: string, lookback: number): string => {
  if (type.startsWith("timestamp")) return `(${value} - interval '1 microsecond' - interval '${lookback} milliseconds')`
  if (type === "date") return `(${value} - 1 - ${Math.ceil(lookback / 86_400_000)})`
  if (/^(bigint|integer|smallint|numeric)/.test(type)) return `(${value} - 1)`
  return type === "text" ? `pg_catalog.left(${value}, -1)` : value
}

const textOf = (value: unknown): string =>
  value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value)

const parameterTypes = async (session: Session, numbered: string): Promise<ReadonlyArray<string>> => {
  await session.query(`PREPARE _deltaflow AS SELECT * FROM (${numbered}\n) AS rows`)
  const [row] = await session.query(
    "SELECT to_json(parameter_types::text[]) AS types FROM pg_catalog.pg_prepared_statements WHERE name = '_deltaflow'",
  )
  await session.query("DEALLOCATE _deltaflow")
  return JSON.parse(row?.["types"] ?? "[]") as ReadonlyArray<string>
}

/** Gives the transaction a value under a name. */
export const setValue = async (session: Session, name: string, value: string): Promise<void> => {
  await session.query("SELECT set_config($1, $2, true)", [`deltaflow.${name}`, value])
}

/** Reads that value, as text. */
export const valueOf = (name: string): string => `pg_catalog.current_setting(${quoteText(`deltaflow.${name}`)})`
