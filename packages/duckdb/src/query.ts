/** Reads a query with DuckDB's own parser: that it is one SELECT, which tables it names, and which runtime values. */
import { type NamedTable, type ParsedSql, runtimeNames, type SqlProblem } from "@deltaflow/core"
import type { DuckDBPreparedStatement } from "@duckdb/node-api"
import { connectClosed, openClosedDatabase } from "./api.ts"
import { characterAt, queryProblem } from "./failures.ts"

/** Memory of databases that only look at queries. */
export const LOOKING_MEMORY = 64 * 1024 * 1024

/** Table functions that make rows out of values alone. All others look at files, at the database, or at names made at run time. */
const TABLE_FUNCTIONS: ReadonlySet<string> = new Set([
  "range",
  "generate_series",
  "unnest",
  "repeat",
  "repeat_row",
  "json_each",
  "json_tree",
])

export const parseQuery = async (query: string): Promise<ParsedSql> => {
  const bindable = bindableQuery(query)
  const parsed = await serialize(bindable)
  if ("problem" in parsed) return { ok: false, problem: parsed.problem }
  const [statement, second] = parsed.statements
  if (statement === undefined || second !== undefined) return { ok: false, problem: notOne(parsed.statements.length) }
  const reader = new TreeReader(bindable)
  reader.read(statement, new Set())
  return reader.problem === undefined ? { ok: true, tables: reader.tables } : { ok: false, problem: reader.problem }
}

interface Serialized {
  readonly error: boolean
  readonly error_type?: string
  readonly error_message?: string
  readonly position?: string
  readonly statements?: ReadonlyArray<unknown>
}

const serialize = async (query: string): Promise<{ readonly statements: ReadonlyArray<unknown> } | { readonly problem: SqlProblem }> => {
  const instance = await openClosedDatabase({ path: ":memory:", threads: 1, memory: LOOKING_MEMORY })
  try {
    const connection = await connectClosed(instance)
    const [row] = await (await connection.run("SELECT json_serialize_sql($query::VARCHAR)", { query })).getRows()
    connection.closeSync()
    const parsed = JSON.parse(String(row?.[0])) as Serialized
    return parsed.error ? { problem: syntaxProblem(parsed, query) } : { statements: parsed.statements ?? [] }
  } catch (cause) {
    return { problem: queryProblem(cause, query) }
  } finally {
    instance.closeSync()
  }
}

const syntaxProblem = ({ error_type: type, error_message: message = "", position }: Serialized, query: string): SqlProblem => {
  if (type === "not implemented") return notOne(1)
  const at = position === undefined ? undefined : characterAt(query, Number(position))
  const isColon = at !== undefined && query[at] === ":"
  return {
    code: "SQL_INVALID",
    message: `DuckDB does not take the query: ${message}.`,
    ...(isColon ? { hint: `The runtime values are :${runtimeNames.join(", :")}.` } : {}),
    ...(at === undefined ? {} : { position: at }),
  }
}

const notOne = (count: number): SqlProblem => ({
  code: "SQL_INVALID",
  message: count === 1 ? "the query is no SELECT." : count === 0 ? "there is no query." : `there are ${count} queries.`,
  hint: "A step `sql` takes one SELECT, which may begin with WITH, FROM or VALUES, and changes nothing.",
})

/** Where DuckDB knows no place. */
const NOWHERE = 2 ** 32

/** Goes through the tree of a statement. What `WITH` names is no table; it hides one of the same name. */
class TreeReader {
  readonly tables: Array<NamedTable> = []
  problem: SqlProblem | undefined
  private readonly query: string

  constructor(query: string) {
    this.query = query
  }

  read(node: unknown, hidden: ReadonlySet<string>): void {
    if (Array.isArray(node)) for (const item of node) this.read(item, hidden)
    if (typeof node !== "object" || node === null || Array.isArray(node)) return
    const fields = node as Readonly<Record<string, unknown>>
    this.look(fields, hidden)
    const inside = this.withNames(fields, hidden)
    for (const [key, value] of Object.entries(fields)) if (key !== "cte_map") this.read(value, inside)
  }

  /** Names that `WITH` gives: each is there for those behind it, and a recursive one for itself. */
  private withNames(fields: Readonly<Record<string, unknown>>, hidden: ReadonlySet<string>): ReadonlySet<string> {
    const map = fields["cte_map"] as { readonly map?: ReadonlyArray<{ readonly key: string; readonly value: unknown }> } | undefined
    const names = new Set(hidden)
    if (fields["type"] === "RECURSIVE_CTE_NODE") names.add(String(fields["cte_name"] ?? fields["ctename"]).toLowerCase())
    for (const { key, value } of map?.map ?? []) {
      this.read(value, names)
      names.add(key.toLowerCase())
    }
    return names
  }

  private look(fields: Readonly<Record<string, unknown>>, hidden: ReadonlySet<string>): void {
    const { type } = fields
    if (type === "BASE_TABLE") this.table(fields, hidden)
    else if (type === "TABLE_FUNCTION") this.tableFunction(fields)
    else if (type === "SHOW_REF") this.problem ??= notOne(1)
    else if (type === "VALUE_PARAMETER") this.parameter(fields)
  }

  private table(fields: Readonly<Record<string, unknown>>, hidden: ReadonlySet<string>): void {
    const name = String(fields["table_name"])
    const position = this.positionOf(fields)
    const schema = [fields["catalog_name"], fields["schema_name"]].filter((part) => part !== "" && part !== undefined)
    if (schema.length > 0)
      this.problem ??= {
        code: "SQL_INVALID",
        message: `the query names the schema \`${schema.join(".")}\`, and there is none.`,
        hint: `Name the table alone: ${name}.`,
        position,
      }
    else if (!hidden.has(name.toLowerCase()) && this.tables.every((table) => table.name.toLowerCase() !== name.toLowerCase()))
      this.tables.push({ name, position })
  }

  private tableFunction(fields: Readonly<Record<string, unknown>>): void {
    const name = String((fields["function"] as Readonly<Record<string, unknown>> | undefined)?.["function_name"])
    if (TABLE_FUNCTIONS.has(name.toLowerCase())) return
    this.problem ??= {
      code: "SQL_INVALID",
      message: `a query may not call \`${name}\` for rows: it sees the pipeline's rows, and no files and no other databases.`,
      hint: `These may be called: ${[...TABLE_FUNCTIONS].join(", ")}. Read files with a source.`,
      position: this.positionOf(fields),
    }
  }

  private parameter({ identifier }: Readonly<Record<string, unknown>>): void {
    if (runtimeNames.some((name) => name === identifier)) return
    this.problem ??= {
      code: "SQL_INVALID",
      message: `there is no runtime value \`${String(identifier)}\`.`,
      hint: `The runtime values are :${runtimeNames.join(", :")}.`,
    }
  }

  private positionOf({ query_location: byte }: Readonly<Record<string, unknown>>): number {
    return typeof byte === "number" && byte < NOWHERE ? characterAt(this.query, byte) : 0
  }
}

/** Where a `:name` may not be one: texts, quoted names, comments, and casts. */
const SKIPPED = /[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$(\w*)\$[\s\S]*?\$\1\$|::/.source

const NAMED = new RegExp(`${SKIPPED}|:(${runtimeNames.join("|")})\\b`, "g")

/** DuckDB writes a parameter `$name`. Of the same length, so that places stay. */
export const bindableQuery = (query: string): string =>
  query.replace(NAMED, (found, _tag: string | undefined, name: string | undefined) => (name === undefined ? found : `$${name}`))

/** Binds the runtime values that the statement names: a text as it is, anything else as JSON. */
export const bindRuntime = (statement: DuckDBPreparedStatement, runtime: Readonly<Record<string, unknown>>): void => {
  for (let i = 1; i <= statement.parameterCount; i++) {
    const value = runtime[statement.parameterName(i)]
    if (value === undefined || value === null) statement.bindNull(i)
    else statement.bindVarchar(i, typeof value === "string" ? value : JSON.stringify(value))
  }
}
