/** DuckDB for Deltaflow: steps in SQL, and tables of DuckDB files as sources and destinations. The client is loaded by the first query. */
import type { Destination, Source, SqlEngine } from "@deltaflow/core"
import { duckdbDestination } from "./destination.ts"
import { duckdbSource } from "./source.ts"

export { duckdbDestination, DuckdbDestinationConfig } from "./destination.ts"
export { duckdbSource, DuckdbSourceConfig } from "./source.ts"

/** Runs the queries of steps `sql`, each in a database of its own, which reaches neither files nor the network. */
export const duckdbSql: SqlEngine = {
  kind: "sql",
  type: "duckdb",
  summary: "Queries of steps `sql`, by DuckDB",
  parse: async (query) => await (await import("./query.ts")).parseQuery(query),
  describe: async (query) => await (await import("./describe.ts")).describeQuery(query),
  open: async (request) => await (await import("./session.ts")).openSession(request),
}

/** Everything of this package, for the plugins of an engine: `[...builtins, ...duckdb]`. */
export const duckdb: ReadonlyArray<Source | Destination | SqlEngine> = [duckdbSource, duckdbDestination, duckdbSql]
