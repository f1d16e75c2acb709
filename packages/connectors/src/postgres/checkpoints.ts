/** Checkpoints beside the rows, in the table `_deltaflow_checkpoints` of the same schema. */
import { type Checkpoint, overtaken } from "@deltaflow/core"
import { quoteTable } from "./quote.ts"
import type { Statements } from "./session.ts"

const CHECKPOINTS = "_deltaflow_checkpoints"

/** Any number, the same for all who make the table. */
const LOCK = "4919413205427832"

const isThere = async (session: Statements, schema: string): Promise<boolean> => {
  const [known] = await session.query(
    "SELECT 1 FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = $1 AND relname = $2",
    [schema, CHECKPOINTS],
  )
  return known !== undefined
}

export const readCheckpoint = async (
  session: Statements,
  schema: string,
  pipeline: string,
  destination: string,
): Promise<Checkpoint | undefined> => {
  if (!(await isThere(session, schema))) return undefined
  const [row] = await session.query(
    `SELECT run_id, cursors, epoch, batch_id FROM ${quoteTable(schema, CHECKPOINTS)} WHERE pipeline = $1 AND destination = $2`,
    [pipeline, destination],
  )
  if (row === undefined) return undefined
  return {
    pipeline,
    runId: row["run_id"]!,
    cursors: JSON.parse(row["cursors"]!) as Record<string, string>,
    epoch: Number(row["epoch"]),
    batchId: Number(row["batch_id"]),
  }
}

/**
 * In the transaction of the rows. Throws where it may not stand in the place of what is there: see `commitRefusal`, whose rule the
 * statement has, because only within it nobody else can change the row.
 */
export const saveCheckpoint = async (
  session: Statements,
  schema: string,
  checkpoint: Checkpoint,
  behind: Checkpoint | null | undefined,
  destination: string,
): Promise<void> => {
  const table = quoteTable(schema, CHECKPOINTS)
  if (!(await isThere(session, schema))) {
    // Two who make it at once would get in each other's way.
    await session.query("SELECT pg_advisory_xact_lock($1::bigint)", [LOCK])
    await session.query(
      `CREATE TABLE IF NOT EXISTS ${table} (pipeline text, destination text, run_id text NOT NULL, cursors text NOT NULL, epoch bigint NOT NULL, batch_id bigint NOT NULL, committed_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (pipeline, destination))`,
    )
  }
  const isBehind =
    behind === null ? "false" : behind === undefined ? "true" : "known.run_id = $7 AND known.epoch = $8 AND known.batch_id = $9"
  const saved = await session.execute(
    `INSERT INTO ${table} AS known VALUES ($1, $2, $3, $4, $5, $6, now()) ON CONFLICT (pipeline, destination) DO UPDATE SET
     run_id = excluded.run_id, cursors = excluded.cursors, epoch = excluded.epoch, batch_id = excluded.batch_id, committed_at = excluded.committed_at
     WHERE known.epoch <= excluded.epoch AND ${isBehind}`,
    [
      checkpoint.pipeline,
      destination,
      checkpoint.runId,
      JSON.stringify(checkpoint.cursors),
      String(checkpoint.epoch),
      String(checkpoint.batchId),
      ...(behind === undefined || behind === null ? [] : [behind.runId, String(behind.epoch), String(behind.batchId)]),
    ],
  )
  if (saved === 0) throw overtaken(checkpoint, destination)
}
