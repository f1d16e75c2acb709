/** Versions and ends of entries: the rules that all stores share. */
import type { Store, StoredEntry } from "../contract/Store.ts"

/** What is to be stored; undefined where another version is there than the one that is expected. */
export const savedEntry = (
  before: StoredEntry | undefined,
  saved: Parameters<Store["saveEntry"]>[0],
  expected: number | undefined,
  now: number,
): StoredEntry | undefined => {
  const version = livingEntry(before, now)?.version ?? 0
  if (expected !== undefined && expected !== version) return undefined
  const { collection, key, value, expiresAt } = saved
  return { collection, key, value, version: version + 1, expiresAt, updatedAt: now }
}

export const livingEntry = (entry: StoredEntry | undefined, now: number): StoredEntry | undefined =>
  entry === undefined || (entry.expiresAt !== null && entry.expiresAt <= now) ? undefined : entry
