/** Checkpoints beside the rows, in the table `_deltaflow_checkpoints`. */
import { type Checkpoint, commitRefusal } from "@deltaflow/core"
import type { DuckDBConnection } from "@duckdb/node-api"

const CHECKPOINTS = "_deltaflow_checkpoints"

export const readCheckpoint = async (
  connection: DuckDBConnection,
  pipeline: string,
  destination: string,
): Promise<Checkpoint | undefined> => {
  const known = await connection.runAndReadAll("SELECT 1 FROM duckdb_tables() WHERE table_name = $name", { name: CHECKPOINTS })
  return known.getRows().length === 0 ? undefined : await storedCheckpoint(connection, pipeline, destination)
}

const storedCheckpoint = async (connection: DuckDBConnection, pipeline: string, destination: string): Promise<Checkpoint | undefined> => {
  const found = await connection.runAndReadAll(
    `SELECT run_id, cursors, epoch, batch_id FROM main.${CHECKPOINTS} WHERE pipeline = $pipeline AND destination = $destination`,
    { pipeline, destination },
  )
  const [row] = found.getRows()
  if (row === undefined) return undefined
  const [runId, cursors, epoch, batchId] = row
  return {
    pipeline,
    runId: String(runId),
    cursors: JSON.parse(String(cursors)) as Record<string, string>,
    epoch: Number(epoch),
    batchId: Number(batchId),
  }
}

/** In the transaction of the rows. Throws where it may not stand in the place of what is there: see `commitRefusal`. */
export const saveCheckpoint = async (
  connection: DuckDBConnection,
  checkpoint: Checkpoint,
  behind: Checkpoint | null | undefined,
  destination: string,
): Promise<void> => {
  const { pipeline, runId, cursors, epoch, batchId } = checkpoint
  await connection.run(
    `CREATE TABLE IF NOT EXISTS main.${CHECKPOINTS} (pipeline VARCHAR, destination VARCHAR, run_id VARCHAR, cursors VARCHAR, epoch BIGINT, batch_id BIGINT, PRIMARY KEY (pipeline, destination))`,
  )
  const refusal = commitRefusal(checkpoint, await storedCheckpoint(connection, pipeline, destination), behind, destination)
  if (refusal !== undefined) throw refusal
  await connection.run(`INSERT OR REPLACE INTO main.${CHECKPOINTS} VALUES ($pipeline, $destination, $run, $cursors, $epoch, $batch)`, {
    pipeline,
    destination,
    run: runId,
    cursors: JSON.stringify(cursors),
    epoch: BigInt(epoch),
    batch: BigInt(batchId),
  })
}
