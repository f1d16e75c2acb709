/** The connectors that come with the command. `memory` is made by the host, which gives its rows: see `@deltaflow/connectors/memory`. */
import type { Destination, Source } from "@deltaflow/core"
import { csvDestination, csvSource } from "./csv/index.ts"
import { jsonDestination, jsonSource } from "./json/index.ts"
import { ndjsonDestination, ndjsonSource } from "./ndjson/index.ts"
import { parquetDestination, parquetSource } from "./parquet/index.ts"
import { postgresDestination, postgresSource } from "./postgres/index.ts"
import { sqliteDestination, sqliteSource } from "./sqlite/index.ts"

export { memoryDestination, memorySource } from "./memory/index.ts"
export { csvDestination, csvSource, jsonDestination, jsonSource, ndjsonDestination, ndjsonSource, parquetDestination, parquetSource }
export { postgresDestination, postgresSource, sqliteDestination, sqliteSource }

/** Every one of them, for an engine that takes what a pipeline may name. */
export const builtins: ReadonlyArray<Source | Destination> = [
  csvSource,
  csvDestination,
  ndjsonSource,
  ndjsonDestination,
  jsonSource,
  jsonDestination,
  parquetSource,
  parquetDestination,
  postgresSource,
  postgresDestination,
  sqliteSource,
  sqliteDestination,
]
