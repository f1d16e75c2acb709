/** The columns that a query gives, found out over empty tables. */
import type { DescribedSql, SqlQuery } from "@deltaflow/core"
import type { DuckDBConnection } from "@duckdb/node-api"
import { connectClosed, loadDuckdb, openClosedDatabase, quoteName } from "./api.ts"
import { queryProblem } from "./failures.ts"
import { bindableQuery, bindRuntime, LOOKING_MEMORY } from "./query.ts"
import { type NamedType, resultColumns } from "./results.ts"
import { ColumnsError, Table } from "./table.ts"

export const describeQuery = async ({ query, tables, runtimeValues }: SqlQuery): Promise<DescribedSql> => {
  const duckdb = await loadDuckdb()
  const instance = await openClosedDatabase({ path: ":memory:", threads: 1, memory: LOOKING_MEMORY })
  const bindable = bindableQuery(query)
  try {
    const connection = await connectClosed(instance)
    for (const { names, schema } of tables) {
      const table = new Table(duckdb, connection, names)
      await table.create(schema)
      await table.complete()
    }
    const found = resultColumns(duckdb, await typesOf(connection, bindable, runtimeValues))
    connection.closeSync()
    return found.ok ? { ok: true, schema: found.schema } : found
  } catch (cause) {
    if (cause instanceof ColumnsError) return { ok: false, problem: { code: "DUPLICATE_COLUMN", message: `${cause.message}.` } }
    return { ok: false, problem: queryProblem(cause, bindable) }
  } finally {
    instance.closeSync()
  }
}

/** Names and types of the columns that a query gives, as it would be run. */
export const typesOf = async (
  connection: DuckDBConnection,
  query: string,
  runtime: SqlQuery["runtimeValues"],
): Promise<ReadonlyArray<NamedType>> => {
  const statement = await connection.prepare(query)
  if (statement.parameterCount === 0)
    return Array.from({ length: statement.columnCount }, (_, i) => ({ name: statement.columnName(i), type: statement.columnType(i) }))
  return await typesWithValues(connection, query, runtime)
}

/** With parameters, types are known only with their values. DuckDB tells them as text, and knows what the text means. */
const typesWithValues = async (
  connection: DuckDBConnection,
  query: string,
  runtime: SqlQuery["runtimeValues"],
): Promise<ReadonlyArray<NamedType>> => {
  const described = await connection.prepare(`DESCRIBE ${query}`)
  bindRuntime(described, runtime)
  const rows = await (await described.run()).getRows()
  const casts = rows.map(([name, type]) => `CAST(NULL AS ${String(type)}) AS ${quoteName(String(name))}`)
  const typed = await connection.prepare(`SELECT ${casts.join(", ")}`)
  return rows.map(([name], i) => ({ name: String(name), type: typed.columnType(i) }))
}
