/** The tables that the queries of steps `sql` name: what each of them is in the pipeline, or what is wrong with it. */
import type { NamedTable, SqlEngine } from "../contract/Sql.ts"
import { didYouMean } from "../model/nearestName.ts"
import type { QueryTable } from "../transform/Step.ts"
import type { ConnectorContext } from "./decodeConnectors.ts"
import { isMapping, type Path } from "./path.ts"
import type { Problem } from "./problem.ts"

type Entry = Readonly<Record<string, unknown>>

/** By the index of the step. A query that has a problem has no tables. */
export type TablesOfQueries = ReadonlyMap<number, ReadonlyArray<QueryTable>>

export interface Entries {
  /** Names of the sources, in order. */
  readonly sources: ReadonlyArray<string>
  readonly steps: ReadonlyArray<Entry>
}

/** Sources and steps as they are written, wrong ones too, so that places and counts are right. */
export const entriesOf = (root: Entry): Entries => ({
  sources: mappings(root["sources"]).map(({ name }, i) => (typeof name === "string" ? name : `sources[${i}]`)),
  steps: mappings(root["transforms"]),
})

const mappings = (list: unknown): ReadonlyArray<Entry> =>
  Array.isArray(list) ? list.map((entry: unknown) => (isMapping(entry) ? entry : {})) : []

export const decodeQueries = async (root: Entry, context: ConnectorContext): Promise<TablesOfQueries> => {
  const entries = entriesOf(root)
  const engine = context.plugins.find((plugin) => plugin.kind === "sql")
  const tables = new Map<number, ReadonlyArray<QueryTable>>()
  for (const [index, { type, query }] of entries.steps.entries()) {
    if (type !== "sql") continue
    const path = ["transforms", index]
    if (engine === undefined) context.report([noEngine(path)])
    else if (typeof query === "string" && query !== "") {
      const found = await tablesOf(engine, query, entries, index)
      if ("problems" in found) context.report(found.problems)
      else tables.set(index, found.tables)
    }
  }
  return tables
}

const noEngine = (path: Path): Problem => ({
  code: "UNKNOWN_PLUGIN",
  message: "nothing here can run a query: the step `sql` needs the package @deltaflow/duckdb.",
  path: [...path, "type"],
  hint: "Install it beside Deltaflow: npm install @deltaflow/duckdb. In code also add it: createEngine({ plugins: [...builtins, ...duckdb] }).",
})

type Found = { readonly tables: ReadonlyArray<QueryTable> } | { readonly problems: ReadonlyArray<Problem> }

const tablesOf = async (engine: SqlEngine, query: string, entries: Entries, index: number): Promise<Found> => {
  const parsed = await engine.parse(query)
  const path = ["transforms", index, "query"]
  if (!parsed.ok) return { problems: [{ ...parsed.problem, path }] }
  const found = parsed.tables.map((table) => tableOf(table, entries, index, path))
  const problems = found.flatMap((one) => ("problem" in one ? [one.problem] : []))
  return problems.length > 0 ? { problems } : { tables: found.flatMap((one) => ("table" in one ? [one.table] : [])) }
}

/** Something that a table can be. */
interface Candidate {
  readonly name: string
  /** For messages. */
  readonly what: string
  readonly rows: { readonly after: number } | { readonly source: string }
}

const tableOf = (
  { name, position }: NamedTable,
  entries: Entries,
  index: number,
  path: Path,
): { readonly table: QueryTable } | { readonly problem: Problem } => {
  const all = candidatesOf(entries, index)
  const meant = all.filter((one) => one.name.toLowerCase() === name.toLowerCase())
  const [first, second] = meant
  if (first !== undefined && second === undefined) return { table: { name, ...first.rows } }
  const code = "INVALID_VALUE"
  if (first !== undefined && second !== undefined)
    return {
      problem: {
        code,
        message: `the table \`${name}\` could be ${first.what} or ${second.what}.`,
        path,
        position,
        hint: "Give the source or the step another name.",
      },
    }
  const names = [...new Set(all.map((one) => one.name))]
  const message = `there is no table \`${name}\`.${didYouMean(name, names)}`
  return { problem: { code, message, path, position, hint: `The tables here are: ${names.join(", ")}.` } }
}

/** What the query of a step can name. Of a single source the rows are those that go through the steps. */
const candidatesOf = ({ sources, steps }: Entries, index: number): ReadonlyArray<Candidate> => [
  { name: "input", what: "the rows that arrive at the step", rows: { after: index - 1 } },
  ...sources.map((name): Candidate => ({
    name,
    what: `the source ${name}`,
    rows: sources.length === 1 ? { after: -1 } : { source: name },
  })),
  ...steps.slice(0, index).flatMap(({ name }, step): ReadonlyArray<Candidate> => {
    const what = `the rows after transforms[${step}]`
    const counted: Candidate = { name: `step_${step + 1}`, what, rows: { after: step } }
    // A step that has its own count as its name is no other table.
    return typeof name === "string" && name.toLowerCase() !== counted.name ? [{ name, what, rows: { after: step } }, counted] : [counted]
  }),
]
