/** The plugins that every project may name: the connectors, and those of packages that need not be installed. */
import { builtins } from "@deltaflow/connectors"
import type { Plugin } from "@deltaflow/core"

export const knownPlugins = async (): Promise<ReadonlyArray<Plugin>> => [...builtins, ...(await duckdbPlugins())]

const DUCKDB = "@deltaflow/duckdb"

/** Small by itself: the database is loaded by the first query. */
const duckdbPlugins = async (): Promise<ReadonlyArray<Plugin>> => {
  try {
    return (await import("@deltaflow/duckdb")).duckdb
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

/** Whether it is this package that is not there, and not one that it needs. */
const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND" && error.message.includes(`'${DUCKDB}'`)
