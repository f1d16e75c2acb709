/**
 * The classic hole of incremental reading: a transaction takes a value (a time, a number of a sequence), others take later ones and commit
 * first, a run reads those and moves its cursor past them, and then the first one commits. Its rows would never be read.
 *
 * So an increment ends before what a transaction that is still open can have taken:
 * - a time, before the oldest open transaction began: `now()` is when a transaction began, and all other clocks of the server say later;
 * - any other value, before the rows of transactions that are not older than all open ones. Only tables know that of their rows.
 */
import type { SourceRequest } from "@deltaflow/core"
import type { SourceColumn } from "./columns.ts"
import { quoteName, quoteText } from "./quote.ts"
import type { Session } from "./session.ts"

export interface Bound {
  /** When the oldest transaction that is still open began; the time of asking where none is. */
  readonly began: string
  /** The time zone that the server gives to sessions which name none: that of times without a zone. */
  readonly timeZone: string
  /** Whether rows know the transaction that wrote them. */
  readonly hasRowVersions: boolean
}

export const boundOf = async (
  session: Session,
  { config, name, log }: SourceRequest<{ readonly schema?: string; readonly table?: string }>,
): Promise<Bound> => {
  const [row] = await session.query(
    `SELECT least(
       (SELECT min(xact_start) FROM pg_catalog.pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()),
       (SELECT min(prepared) FROM pg_catalog.pg_prepared_xacts WHERE database = current_database()),
       clock_timestamp()
     )::text AS began,
     (SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'TimeZone') AS zone,
     EXISTS (
       SELECT 1 FROM pg_catalog.pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND state IS NULL
     ) AS hidden,
     EXISTS (
       SELECT 1 FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
       WHERE nspname = $1 AND relname = $2 AND relkind IN ('r', 'p')
     ) AS versions`,
    [config.schema ?? "public", config.table ?? ""],
  )
  if (row!["hidden"] === "t")
    log.warn(
      `${name}: this user does not see the transactions of others, so rows that one of them commits late may be missed. Run GRANT pg_read_all_stats TO it.`,
    )
  return { began: row!["began"]!, timeZone: row!["zone"] ?? "UTC", hasRowVersions: row!["versions"] === "t" }
}

/** The condition for rows that are read now; undefined where nothing bounds them. */
export const upperBound = ({ began, timeZone, hasRowVersions }: Bound, { name, type }: SourceColumn): string | undefined => {
  const column = quoteName(name)
  const time = `${quoteText(began)}::timestamptz`
  const local = `${time} AT TIME ZONE ${quoteText(timeZone)}`
  if (type === "timestamptz") return `${column} < ${time}`
  if (type === "timestamp") return `${column} < (${local})`
  // All of a day has one value; rows that share it are told apart by their marks.
  if (type === "date") return `${column} <= (${local})::date`
  return hasRowVersions ? OLD_ROWS : undefined
}

/** Numbers of transactions go round; one is older than another where it lies in the half before it. Those below 3 are older than all. */
const OLD_ROWS = `(
  xmin::text::bigint < 3 OR
  (xmin::text::bigint - pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text::bigint % 4294967296 + 6442450944) % 4294967296 < 2147483648
)`
