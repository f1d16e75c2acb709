/** The client of DuckDB, which is loaded by the first query: it is 70 MB. */
import type * as Client from "@duckdb/node-api"
import type Bindings from "@duckdb/node-bindings"

export type Duckdb = typeof Client

/** What the client itself is built on. */
export type DuckdbBindings = typeof Bindings

export const loadBindings = async (): Promise<DuckdbBindings> => (await import("@duckdb/node-bindings")).default

export const loadDuckdb = async (): Promise<Duckdb> => await import("@duckdb/node-api")

/** The one function that quotes identifiers. Names come from users. */
export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`

export interface OpenOptions {
  /** `:memory:`, or a file. */
  readonly path: string
  readonly threads: number
  /** Bytes. */
  readonly memory: number
  /** Where rows go that do not fit; absolute. Default: nowhere. */
  readonly spillFolder?: string
  /** Whether the file is only read. Default false. */
  readonly readOnly?: boolean
}

const MEBIBYTE = 1024 * 1024

/**
 * A database that runs queries of others: it reaches neither files nor the network, loads no extension, and keeps its configuration.
 * Errors come as JSON, which says the place within the query.
 */
export const openClosedDatabase = async ({
  path,
  threads,
  memory,
  spillFolder,
  readOnly = false,
}: OpenOptions): Promise<Client.DuckDBInstance> => {
  const { DuckDBInstance } = await loadDuckdb()
  // In this order: where files are out of reach, the folder can no longer be set.
  return await DuckDBInstance.create(path, {
    ...(spillFolder === undefined ? {} : { temp_directory: spillFolder }),
    ...(readOnly ? { access_mode: "READ_ONLY" } : {}),
    memory_limit: `${Math.max(1, Math.floor(memory / MEBIBYTE))}MiB`,
    threads: String(threads),
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
    allow_community_extensions: "false",
    errors_as_json: "true",
    enable_external_access: "false",
  })
}

/** A connection whose clock is UTC, for statements of ours. */
export const connectOpen = async (instance: Client.DuckDBInstance): Promise<Client.DuckDBConnection> => {
  const connection = await instance.connect()
  await connection.run("SET TimeZone = 'UTC'")
  return connection
}

/** A connection whose clock is UTC, and behind which nothing can be configured any more. */
export const connectClosed = async (instance: Client.DuckDBInstance): Promise<Client.DuckDBConnection> => {
  const connection = await instance.connect()
  await connection.run("SET TimeZone = 'UTC'; SET lock_configuration = true")
  return connection
}
