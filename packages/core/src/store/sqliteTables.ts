/** Which column of which table holds what. */
import type { EngineEvent, Run, StepPlace, StepState, StoredCheckpoint, StoredDefinition, StoredEntry } from "../contract/Store.ts"
import type { LeaseRow } from "./leases.ts"
import { Table } from "./sqliteTable.ts"

export const runTable = new Table<Run>("runs", ["id"], {
  id: ["id"],
  pipeline: ["pipeline"],
  revision: ["revision"],
  status: ["status"],
  trigger: ["trigger"],
  createdAt: ["created_at"],
  startedAt: ["started_at"],
  completedAt: ["completed_at"],
  fullRefresh: ["full_refresh", "boolean"],
  dryRun: ["dry_run", "boolean"],
  rowsExtracted: ["rows_extracted"],
  rowsFiltered: ["rows_filtered"],
  rowsLoaded: ["rows_loaded"],
  rowsRejected: ["rows_rejected"],
  stages: ["stages", "json"],
  error: ["error", "json"],
  attempt: ["attempt"],
  retryOf: ["retry_of"],
  variables: ["variables", "json"],
  logicalTime: ["logical_time", "added"],
})

export const eventTable = new Table<EngineEvent>(
  "events",
  ["id"],
  { id: ["id"], type: ["type"], timestamp: ["timestamp"], pipeline: ["pipeline"], runId: ["run_id"], data: ["data", "json"] },
  ["clock"],
)

export const checkpointTable = new Table<StoredCheckpoint>("checkpoints", ["pipeline", "destination"], {
  pipeline: ["pipeline"],
  destination: ["destination"],
  runId: ["run_id"],
  epoch: ["epoch"],
  batchId: ["batch_id"],
  cursors: ["cursors", "json"],
  cursorVersions: ["cursor_versions", "json"],
  fingerprints: ["fingerprints", "json"],
  state: ["state", "json"],
  updatedAt: ["updated_at"],
})

export const stepStateTable = new Table<StepPlace & StepState & { readonly version: number }>(
  "step_states",
  ["pipeline", "destination", "key", "version"],
  { pipeline: ["pipeline"], destination: ["destination"], key: ["key"], version: ["version"], value: ["value"] },
)

export const definitionTable = new Table<StoredDefinition>("definitions", ["name"], {
  name: ["name"],
  revision: ["revision"],
  definition: ["definition"],
  source: ["source"],
  paused: ["paused", "boolean"],
  createdAt: ["created_at"],
  updatedAt: ["updated_at"],
})

export const entryTable = new Table<StoredEntry>("entries", ["collection", "key"], {
  collection: ["collection"],
  key: ["key"],
  value: ["value", "json"],
  version: ["version"],
  expiresAt: ["expires_at"],
  updatedAt: ["updated_at"],
})

export const leaseTable = new Table<LeaseRow>("leases", ["name"], {
  name: ["name"],
  owner: ["owner"],
  epoch: ["epoch"],
  expiresAt: ["expires_at"],
})
