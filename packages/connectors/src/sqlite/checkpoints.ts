/** Checkpoints beside the rows, in the table `_deltaflow_checkpoints`. */
import type { DatabaseSync } from "node:sqlite"
import { type Checkpoint, commitRefusal } from "@deltaflow/core"

const CHECKPOINTS = "_deltaflow_checkpoints"

export const readCheckpoint = (database: DatabaseSync, pipeline: string, destination: string): Checkpoint | undefined => {
  const known = database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(CHECKPOINTS)
  return known === undefined ? undefined : storedCheckpoint(database, pipeline, destination)
}

const storedCheckpoint = (database: DatabaseSync, pipeline: string, destination: string): Checkpoint | undefined => {
  const row = database.prepare(`SELECT * FROM ${CHECKPOINTS} WHERE pipeline = ? AND destination = ?`).get(pipeline, destination)
  if (row === undefined) return undefined
  return {
    pipeline,
    runId: String(row["run_id"]),
    cursors: JSON.parse(String(row["cursors"])) as Record<string, string>,
    epoch: Number(row["epoch"]),
    batchId: Number(row["batch_id"]),
  }
}

/** In the transaction of the rows. Throws where it may not stand in the place of what is there: see `commitRefusal`. */
export const saveCheckpoint = (
  database: DatabaseSync,
  checkpoint: Checkpoint,
  behind: Checkpoint | null | undefined,
  destination: string,
): void => {
  const { pipeline, runId, cursors, epoch, batchId } = checkpoint
  database.exec(
    `CREATE TABLE IF NOT EXISTS ${CHECKPOINTS} (pipeline TEXT, destination TEXT, run_id TEXT, cursors TEXT, epoch INTEGER, batch_id INTEGER, PRIMARY KEY (pipeline, destination))`,
  )
  const refusal = commitRefusal(checkpoint, storedCheckpoint(database, pipeline, destination), behind, destination)
  if (refusal !== undefined) throw refusal
  database
    .prepare(`INSERT OR REPLACE INTO ${CHECKPOINTS} VALUES (?, ?, ?, ?, ?, ?)`)
    .run(pipeline, destination, runId, JSON.stringify(cursors), epoch, batchId)
}
