/** The replication slot: what the server keeps of its log until the rows are durable elsewhere. */
import { createHash } from "node:crypto"
import { SourceError } from "@deltaflow/core"
import type { PgRow } from "../driver.ts"
import { isServerError } from "../failures.ts"
import { quoteName, quoteText } from "../quote.ts"
import type { Session } from "../session.ts"
import { formatLsn, type Lsn, parseLsn } from "./pgoutput.ts"

export interface Slot {
  readonly confirmed: Lsn
}

/** Letters, digits and underscores, 63 at most, as the server has them; the end tells apart what such a name cannot. */
export const slotName = (pipeline: string, source: string): string => {
  const mark = createHash("sha256")
    .update(JSON.stringify([pipeline, source]))
    .digest("hex")
    .slice(0, 6)
  return `deltaflow_${pipeline
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]+/g, "_")
    .slice(0, 46)}_${mark}`
}

const failed = (source: string, message: string, more: Partial<ConstructorParameters<typeof SourceError>[0]> = {}): SourceError =>
  new SourceError({ code: "SOURCE_FAILED", message: `${source}: ${message}`, path: [source], ...more })

/** What the server must be able to do. Gives who asks. */
export const checkServer = async (session: Session, source: string): Promise<string> => {
  const [row] = await session.query("SELECT current_setting('wal_level') AS level, pg_is_in_recovery() AS copy, current_user AS name")
  if (row!["copy"] === "t") throw failed(source, "the server is a copy that can only be read. Name the one that can be written.")
  if (row!["level"] !== "logical")
    throw failed(
      source,
      `the server's log does not hold what changes are made of: wal_level is ${row!["level"]}. Run ALTER SYSTEM SET wal_level = logical, and restart the server.`,
    )
  return row!["name"]!
}

/** Undefined where there is none. What is there and cannot be used is an error. */
export const findSlot = async (session: Session, name: string, source: string): Promise<Slot | undefined> => {
  const row = await slotRow(session, name)
  if (row === undefined) return undefined
  const drop = `SELECT pg_drop_replication_slot(${quoteText(name)})`
  if (row["slot_type"] !== "logical" || row["plugin"] !== "pgoutput")
    throw failed(
      source,
      `the replication slot ${name} was made by another, for ${row["plugin"] ?? "physical replication"}. Name another one in \`slot\`.`,
    )
  if (row["here"] !== "t")
    throw failed(
      source,
      `the replication slot ${name} belongs to the database ${row["database"] ?? "of another"}. Name another one in \`slot\`.`,
    )
  const reason =
    row["wal_status"] === "lost" ? (row["invalidation_reason"] ?? "its part of the log was removed") : row["invalidation_reason"]
  if (reason !== undefined && reason !== null)
    throw failed(
      source,
      `the replication slot ${name} is lost: ${reason.replaceAll("_", " ")}. Changes since the last run cannot be read any more. Run ${drop}, then once with --full-refresh; a larger max_slot_wal_keep_size lets the server keep more.`,
      { code: "CURSOR_INVALID" },
    )
  return { confirmed: parseLsn(row["confirmed_flush_lsn"] ?? "0/0") }
}

const slotRow = async (session: Session, name: string): Promise<PgRow | undefined> =>
  (
    await session.query("SELECT *, database = current_database() AS here FROM pg_catalog.pg_replication_slots WHERE slot_name = $1", [name])
  )[0]

const FREE_MS = 5000

/** A connection that was cut holds its slot until the server notices. */
export const untilFree = async (session: Session, name: string, source: string): Promise<void> => {
  for (const until = performance.now() + FREE_MS; ;) {
    const row = await slotRow(session, name)
    if (row === undefined || row["active"] !== "t") return
    if (performance.now() > until)
      throw failed(
        source,
        `the replication slot ${name} is in use by process ${row["active_pid"] ?? "?"} of the server. Only one run can read it: end the other one, or name another \`slot\`.`,
        { retryable: true },
      )
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

/** The cursor and the slot must be of one server, and the slot not ahead. */
export const checkPlace = (slot: Slot | undefined, name: string, from: Lsn, source: string): void => {
  if (slot === undefined)
    throw failed(
      source,
      `the replication slot ${name} is not there, so what changed since the last run is lost. Run once with --full-refresh.`,
      { code: "CURSOR_INVALID" },
    )
  if (slot.confirmed > from)
    throw failed(
      source,
      `the replication slot ${name} stands at ${formatLsn(slot.confirmed)}, and the cursor at ${formatLsn(from)}: somebody else has read what lies between. Run once with --full-refresh, and give each pipeline a slot of its own.`,
      { code: "CURSOR_INVALID" },
    )
}

/** `replication` is a connection for replication. */
export const createSlot = async (replication: Session, name: string, source: string): Promise<void> => {
  try {
    await replication.query(`CREATE_REPLICATION_SLOT ${quoteName(name)} LOGICAL pgoutput NOEXPORT_SNAPSHOT`)
  } catch (cause) {
    throw slotFailure(cause, source)
  }
}

/** A slot that goes with the connection. Its snapshot can be used until the next statement there. */
export const snapshotSlot = async (
  replication: Session,
  name: string,
  source: string,
): Promise<{ readonly snapshot: string; readonly from: Lsn }> => {
  try {
    const [made] = await replication.query(`CREATE_REPLICATION_SLOT ${quoteName(name)} TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT`)
    return { snapshot: made!["snapshot_name"]!, from: parseLsn(made!["consistent_point"]!) }
  } catch (cause) {
    throw slotFailure(cause, source)
  }
}

const slotFailure = (cause: unknown, source: string): unknown =>
  isServerError(cause) && cause.code === "53400"
    ? failed(source, `${cause.message}. A first run takes two replication slots for a while: drop some, or raise max_replication_slots.`, {
        cause,
      })
    : cause

/** The user lacks what a connection for replication takes. */
export const connectionFailure = (cause: unknown, user: string, source: string): unknown =>
  isServerError(cause) && (cause.code === "42501" || cause.code === "28000")
    ? failed(
        source,
        `the user ${user} may not read the log: ${cause.message}. Run ALTER ROLE ${quoteName(user)} REPLICATION, or what the service that runs the server offers for it.`,
        { cause },
      )
    : cause

/** Nothing where there is none. */
export const dropSlot = async (session: Session, name: string, source: string): Promise<void> => {
  const row = await slotRow(session, name)
  if (row === undefined || row["plugin"] !== "pgoutput" || row["here"] !== "t") return
  await untilFree(session, name, source)
  await session.query("SELECT pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots WHERE slot_name = $1", [name])
}
