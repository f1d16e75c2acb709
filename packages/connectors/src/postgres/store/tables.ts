/** Rows of the PostgreSQL store to values and back. */
import { parseJson, stringifyJson } from "@deltaflow/core"
import type { EngineEvent, LeaseRow, Run, StoredCheckpoint, StoredDefinition, StoredEntry } from "@deltaflow/core/store"
import { decodeText, encodeText } from "./texts.ts"

/** What a value is in PostgreSQL. JSON is kept as text: it comes back as it was written, and `\u0000` is allowed in it. */
type Kind = "text" | "bigint" | "boolean" | "json"

type Field = readonly [column: string, kind: Kind]

/** As any client of PostgreSQL gives a column that was cast to text. */
export type Texts = Readonly<Record<string, string | null>>

/** How values of one kind are kept in one table. */
export class Table<A extends object> {
  readonly name: string
  /** For `SELECT`: all as texts, so that no client's own idea of a type comes in between. */
  readonly columns: string
  /** `INSERT INTO … VALUES (…)`, for `values`. */
  readonly insert: string
  /** Inserts, or replaces the row with the same key. */
  readonly upsert: string
  private readonly fields: ReadonlyArray<readonly [key: string, ...Field]>

  constructor(name: string, key: ReadonlyArray<string>, fields: { readonly [K in keyof A]-?: Field }) {
    this.name = name
    this.fields = Object.entries<Field>(fields).map(([property, [column, kind]]) => [property, column, kind])
    const columns = this.fields.map(([, column]) => column)
    this.columns = columns.map((column) => `${name}.${column}::text AS ${column}`).join(", ")
    const values = this.fields.map(([, , kind], i) => `$${i + 1}::${kind === "json" ? "text" : kind}`)
    this.insert = `INSERT INTO ${name} (${columns.join(", ")}) VALUES (${values.join(", ")})`
    this.upsert = `${this.insert} ON CONFLICT (${key.join(", ")}) DO UPDATE SET ${columns.map((column) => `${column} = excluded.${column}`).join(", ")}`
  }

  /** The parameters of `insert` and `upsert`. */
  values(value: A): Array<string | null> {
    return this.fields.map(([property, , kind]) => toText(value[property as keyof A], kind))
  }

  read(row: Texts): A {
    return Object.fromEntries(this.fields.map(([property, column, kind]) => [property, fromText(row[column] ?? null, kind)])) as A
  }
}

const toText = (value: unknown, kind: Kind): string | null => {
  if (kind === "json") return stringifyJson(value ?? null).toWellFormed()
  if (value === null || value === undefined) return null
  return kind === "text" ? encodeText(String(value)) : String(value)
}

const fromText = (text: string | null, kind: Kind): unknown => {
  if (text === null) return null
  if (kind === "json") return parseJson(text)
  if (kind === "bigint") return Number(text)
  return kind === "boolean" ? text === "true" : decodeText(text)
}

export const runTable = new Table<Run>("runs", ["id"], {
  id: ["id", "text"],
  pipeline: ["pipeline", "text"],
  revision: ["revision", "bigint"],
  status: ["status", "text"],
  trigger: ["trigger", "text"],
  createdAt: ["created_at", "bigint"],
  startedAt: ["started_at", "bigint"],
  completedAt: ["completed_at", "bigint"],
  fullRefresh: ["full_refresh", "boolean"],
  dryRun: ["dry_run", "boolean"],
  rowsExtracted: ["rows_extracted", "bigint"],
  rowsFiltered: ["rows_filtered", "bigint"],
  rowsLoaded: ["rows_loaded", "bigint"],
  rowsRejected: ["rows_rejected", "bigint"],
  stages: ["stages", "json"],
  error: ["error", "json"],
  attempt: ["attempt", "bigint"],
  retryOf: ["retry_of", "text"],
  variables: ["variables", "json"],
  logicalTime: ["logical_time", "json"],
})

export const eventTable = new Table<EngineEvent>("events", ["id"], {
  id: ["id", "text"],
  type: ["type", "text"],
  timestamp: ["timestamp", "bigint"],
  pipeline: ["pipeline", "text"],
  runId: ["run_id", "text"],
  data: ["data", "json"],
})

export const checkpointTable = new Table<StoredCheckpoint>("checkpoints", ["pipeline", "destination"], {
  pipeline: ["pipeline", "text"],
  destination: ["destination", "text"],
  runId: ["run_id", "text"],
  epoch: ["epoch", "bigint"],
  batchId: ["batch_id", "bigint"],
  cursors: ["cursors", "json"],
  cursorVersions: ["cursor_versions", "json"],
  fingerprints: ["fingerprints", "json"],
  state: ["state", "json"],
  updatedAt: ["updated_at", "bigint"],
})

export const definitionTable = new Table<StoredDefinition>("definitions", ["name"], {
  name: ["name", "text"],
  revision: ["revision", "bigint"],
  definition: ["definition", "text"],
  source: ["source", "text"],
  paused: ["paused", "boolean"],
  createdAt: ["created_at", "bigint"],
  updatedAt: ["updated_at", "bigint"],
})

export const entryTable = new Table<StoredEntry>("entries", ["collection", "key"], {
  collection: ["collection", "text"],
  key: ["key", "text"],
  value: ["value", "json"],
  version: ["version", "bigint"],
  expiresAt: ["expires_at", "bigint"],
  updatedAt: ["updated_at", "bigint"],
})

export const leaseTable = new Table<LeaseRow>("leases", ["name"], {
  name: ["name", "text"],
  owner: ["owner", "text"],
  epoch: ["epoch", "bigint"],
  expiresAt: ["expires_at", "bigint"],
})
