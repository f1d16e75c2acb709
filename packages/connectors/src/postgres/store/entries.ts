/** What parts around the engine keep. */
import { type EntryFilter, livingEntry, savedEntry, type Store, type StoredEntry } from "@deltaflow/core/store"
import type { Query } from "../hosts/Query.ts"
import { entryTable } from "./tables.ts"
import { encodeText } from "./texts.ts"

const PLACE = "collection = $1::text AND key = $2::text"

export const getEntry = async (query: Query, collection: string, key: string): Promise<StoredEntry | undefined> => {
  const [row] = await query(`SELECT ${entryTable.columns} FROM entries WHERE ${PLACE}`, [encodeText(collection), encodeText(key)])
  return row === undefined ? undefined : entryTable.read(row)
}

export const listEntries = async (
  query: Query,
  { collection, after, limit = 1000 }: EntryFilter,
  now: number,
): Promise<ReadonlyArray<StoredEntry>> => {
  const rows = await query(
    `SELECT ${entryTable.columns} FROM entries WHERE collection = $1::text AND ($2::text IS NULL OR key > $2::text)
     AND (expires_at IS NULL OR expires_at > $3::bigint) ORDER BY entries.key LIMIT $4::bigint`,
    [encodeText(collection), after === undefined ? null : encodeText(after), String(now), String(limit)],
  )
  return rows.map((row) => entryTable.read(row))
}

/** Who saves an entry waits for others who save or delete it: a new key has no row to lock. */
const lockEntry = async (query: Query, collection: string, key: string): Promise<void> => {
  await query("SELECT pg_advisory_xact_lock(hashtextextended($1::text, hashtextextended($2::text, $3::bigint)))::text AS done", [
    encodeText(key),
    encodeText(collection),
    LOCK_SEED,
  ])
}

/** So that the locks of entries meet no others. */
const LOCK_SEED = "3684102277"

export const saveEntry = async (
  query: Query,
  entry: Parameters<Store["saveEntry"]>[0],
  expected: number | undefined,
  clock: (query: Query) => Promise<number>,
  /** Whether others that have expired may be taken away at once. */
  cleans: boolean,
): Promise<StoredEntry | undefined> => {
  await lockEntry(query, entry.collection, entry.key)
  const now = await clock(query)
  if (cleans) await deleteExpired(query, now)
  const saved = savedEntry(await getEntry(query, entry.collection, entry.key), entry, expected, now)
  if (saved === undefined) return undefined
  await query(entryTable.upsert, entryTable.values(saved))
  return await getEntry(query, entry.collection, entry.key)
}

const deleteExpired = async (query: Query, now: number): Promise<void> => {
  // Another who does the same is not waited for.
  await query(
    "DELETE FROM entries WHERE ctid = ANY (ARRAY(SELECT ctid FROM entries WHERE expires_at <= $1::bigint LIMIT 100 FOR UPDATE SKIP LOCKED))",
    [String(now)],
  )
}

export const deleteEntry = async (query: Query, collection: string, key: string, now: number): Promise<boolean> => {
  await lockEntry(query, collection, key)
  const before = livingEntry(await getEntry(query, collection, key), now)
  await query(`DELETE FROM entries WHERE ${PLACE}`, [encodeText(collection), encodeText(key)])
  return before !== undefined
}
