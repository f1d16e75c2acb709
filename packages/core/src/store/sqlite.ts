/**
 * A store in one SQLite file, by way of `node:sqlite`: durable, and safe for several processes of one machine.
 *
 * The file is opened, made and migrated on first use. Calls are synchronous inside and take about a millisecond. Not for network file
 * systems, whose locks cannot be relied on.
 */
import * as Effect from "effect/Effect"
import type { StoreError } from "../contract/Errors.ts"
import type {
  EntryFilter,
  Lease,
  Page,
  StepPlace,
  StepState,
  Store,
  StoredCheckpoint,
  StoredDefinition,
  StoredEntry,
} from "../contract/Store.ts"
import { savedDefinition } from "./definitions.ts"
import { livingEntry, savedEntry } from "./entries.ts"
import { acquired, heldLease, isSame, type LeaseRow, mayCommit, released } from "./leases.ts"
import { Database } from "./sqliteDatabase.ts"
import { appendEvents, listEvents } from "./sqliteEvents.ts"
import { createRun, getRun, listRuns, updateRun } from "./sqliteRuns.ts"
import { checkpointTable, definitionTable, entryTable, leaseTable, stepStateTable } from "./sqliteTables.ts"

export interface SqliteStoreOptions {
  /** The state file, by custom `.deltaflow/state.db`. Its folder is made on demand. Relative paths start at the process's folder. */
  readonly path: string
  /** The clock of leases and definitions, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
  /** How long a call waits, blocking the thread, for another process that writes. Default 5,000. */
  readonly busyTimeoutMs?: number
}

/** `await using` closes it, as `close` does. */
export const sqliteStore = (options: SqliteStoreOptions): Store & AsyncDisposable => {
  const now = options.now ?? Date.now
  const database = new Database({ path: options.path, busyTimeoutMs: options.busyTimeoutMs ?? 5000, check: checkRows })
  const read = <A>(run: () => A) => attempt(() => database.read(run))
  const write = <A>(run: () => A) => attempt(() => database.write(run))
  return {
    getRun: (id) => read(() => getRun(database, id)),
    listRuns: (filter) => read(() => listRuns(database, filter)),
    listEvents: (filter) => read(() => listEvents(database, filter)),
    getCheckpoints: (pipeline) => read(() => getCheckpoints(database, pipeline)),
    getStepStates: (place, keys) => read(() => keys.map((key) => getStepState(database, place, key))),
    lastStepVersion: (place) => read(() => lastStepVersion(database, place)),
    getDefinition: (name) => read(() => getDefinition(database, name)),
    listDefinitions: (page) => read(() => listDefinitions(database, page)),
    countDefinitions: () => read(() => Number(database.prepare("SELECT count(*) AS total FROM definitions").get()?.["total"])),
    definitionsVersion: () => read(() => Number(database.prepare("SELECT version FROM definition_changes").get()?.["version"])),
    getEntry: (collection, key) => read(() => livingEntry(getEntry(database, collection, key), now())),
    listEntries: (filter) => read(() => listEntries(database, filter, now())),
    getLease: (name) => read(() => heldLease(leaseRow(database, name), now())),
    createRun: (run) => write(() => createRun(database, run)),
    updateRun: (id, change, events = []) => write(() => updateRun(database, id, change, events)),
    appendEvents: (events) => write(() => appendEvents(database, events)),
    acquireLease: (name, owner, ttlMs, minimumEpoch) =>
      write(() => saveLease(database, acquired(leaseRow(database, name), { name, owner, ttlMs, minimumEpoch }, now()))),
    renewLease: (lease, ttlMs) => write(() => renewLease(database, lease, now() + ttlMs)),
    releaseLease: (lease) => write(() => releaseLease(database, lease)),
    saveCheckpoint: (checkpoint, lease) => write(() => mayWrite(database, lease, now()) && saveCheckpoint(database, checkpoint)),
    deleteCheckpoints: (pipeline, lease) => write(() => mayWrite(database, lease, now()) && deleteCheckpoints(database, pipeline)),
    saveStepStates: (place, version, states, lease) =>
      write(() => mayWrite(database, lease, now()) && saveStepStates(database, place, version, states)),
    pruneStepStates: (place, from, to, lease) =>
      write(() => mayWrite(database, lease, now()) && pruneStepStates(database, place, from, to)),
    saveDefinition: (definition, expected) =>
      write(() => saveDefinition(database, savedDefinition(getDefinition(database, definition.name), definition, now(), expected))),
    setPaused: (name, paused) => write(() => setPaused(database, name, paused)),
    deleteDefinition: (name) => write(() => deleteDefinition(database, name)),
    saveEntry: (entry, expected) => write(() => saveEntry(database, entry, expected, now())),
    deleteEntry: (collection, key) => write(() => deleteEntry(database, collection, key, now())),
    close: () => Effect.sync(() => database.close()),
    [Symbol.asyncDispose]: async () => database.close(),
  }
}

// `Database` throws nothing but `StoreError`.
const attempt = <A>(run: () => A): Effect.Effect<A, StoreError> => Effect.try({ try: run, catch: (error) => error as StoreError })

/** A damaged key would hide its row from every look-up by key, so what decides about data is read once when the file is opened. */
const checkRows = (database: Database): void => {
  for (const table of [leaseTable, checkpointTable]) {
    for (const row of database.prepare(`SELECT ${table.columns} FROM ${table.name}`).iterate()) table.read(row)
  }
}

const leaseRow = (database: Database, name: string): LeaseRow | undefined => {
  const row = database.prepare(`SELECT ${leaseTable.columns} FROM leases WHERE name = ?`).get(name)
  return row === undefined ? undefined : leaseTable.read(row)
}

const saveLease = <L extends LeaseRow>(database: Database, lease: L | undefined): L | undefined => {
  if (lease !== undefined) database.prepare(leaseTable.upsert).run(...leaseTable.values(lease))
  return lease
}

const renewLease = (database: Database, lease: Lease, expiresAt: number): Lease | undefined =>
  isSame(leaseRow(database, lease.name), lease) ? saveLease(database, { ...lease, expiresAt }) : undefined

const releaseLease = (database: Database, lease: Lease): void => {
  if (isSame(leaseRow(database, lease.name), lease)) saveLease(database, released(lease))
}

const mayWrite = (database: Database, lease: Lease, now: number): boolean => mayCommit(leaseRow(database, lease.name), lease, now)

const getCheckpoints = (database: Database, pipeline: string): ReadonlyArray<StoredCheckpoint> =>
  database
    .prepare(`SELECT ${checkpointTable.columns} FROM checkpoints WHERE pipeline = ? ORDER BY destination`)
    .all(pipeline)
    .map((row) => checkpointTable.read(row))

const saveCheckpoint = (database: Database, checkpoint: StoredCheckpoint): true => {
  database.prepare(checkpointTable.upsert).run(...checkpointTable.values(checkpoint))
  return true
}

const deleteCheckpoints = (database: Database, pipeline: string): true => {
  for (const table of ["checkpoints", "step_states"]) database.prepare(`DELETE FROM ${table} WHERE pipeline = ?`).run(pipeline)
  return true
}

const getStepState = (database: Database, { pipeline, destination }: StepPlace, key: string): string | undefined => {
  const row = database
    .prepare(
      `SELECT ${stepStateTable.columns} FROM step_states WHERE pipeline = ? AND destination = ? AND key = ? ORDER BY version DESC LIMIT 1`,
    )
    .get(pipeline, destination, key)
  return row === undefined ? undefined : stepStateTable.read(row).value
}

const lastStepVersion = (database: Database, { pipeline, destination }: StepPlace): number =>
  Number(
    database
      .prepare("SELECT coalesce(max(version), 0) AS last FROM step_states WHERE pipeline = ? AND destination = ?")
      .get(pipeline, destination)?.["last"],
  )

const saveStepStates = (database: Database, place: StepPlace, version: number, states: ReadonlyArray<StepState>): true => {
  const insert = database.prepare(stepStateTable.upsert)
  for (const state of states) insert.run(...stepStateTable.values({ ...place, ...state, version }))
  return true
}

const pruneStepStates = (database: Database, { pipeline, destination }: StepPlace, from: number, to: number): true => {
  const place = "pipeline = ? AND destination = ?"
  database.prepare(`DELETE FROM step_states WHERE ${place} AND version < ?`).run(pipeline, destination, from)
  database.prepare(`DELETE FROM step_states WHERE ${place} AND version > ?`).run(pipeline, destination, to)
  // From the new states to the old ones, of which there may be many more.
  const newer = `SELECT key FROM step_states INDEXED BY step_states_by_version WHERE ${place} AND version = ?`
  database
    .prepare(`DELETE FROM step_states WHERE ${place} AND key IN (${newer}) AND version < ?`)
    .run(pipeline, destination, pipeline, destination, to, to)
  return true
}

const getDefinition = (database: Database, name: string): StoredDefinition | undefined => {
  const row = database.prepare(`SELECT ${definitionTable.columns} FROM definitions WHERE name = ?`).get(name)
  return row === undefined ? undefined : definitionTable.read(row)
}

const listDefinitions = (database: Database, { limit = -1, skip = 0 }: Page = {}): ReadonlyArray<StoredDefinition> =>
  database
    .prepare(`SELECT ${definitionTable.columns} FROM definitions ORDER BY name LIMIT ? OFFSET ?`)
    .all(limit, skip)
    .map((row) => definitionTable.read(row))

const saveDefinition = <D extends StoredDefinition | undefined>(database: Database, definition: D): D => {
  if (definition !== undefined) database.prepare(definitionTable.upsert).run(...definitionTable.values(definition))
  return definition
}

const setPaused = (database: Database, name: string, paused: boolean): boolean => {
  const found = getDefinition(database, name)
  if (found !== undefined) saveDefinition(database, { ...found, paused })
  return found !== undefined
}

const getEntry = (database: Database, collection: string, key: string): StoredEntry | undefined => {
  const row = database.prepare(`SELECT ${entryTable.columns} FROM entries WHERE collection = ? AND key = ?`).get(collection, key)
  return row === undefined ? undefined : entryTable.read(row)
}

const listEntries = (database: Database, { collection, after, limit = 1000 }: EntryFilter, now: number): ReadonlyArray<StoredEntry> => {
  const from = after === undefined ? "" : "AND key > ?"
  return database
    .prepare(
      `SELECT ${entryTable.columns} FROM entries WHERE collection = ? ${from} AND (expires_at IS NULL OR expires_at > ?) ORDER BY key LIMIT ?`,
    )
    .all(collection, ...(after === undefined ? [] : [after]), now, limit)
    .map((row) => entryTable.read(row))
}

const saveEntry = (
  database: Database,
  entry: Parameters<Store["saveEntry"]>[0],
  expected: number | undefined,
  now: number,
): StoredEntry | undefined => {
  database.prepare("DELETE FROM entries WHERE expires_at <= ?").run(now)
  const saved = savedEntry(getEntry(database, entry.collection, entry.key), entry, expected, now)
  if (saved !== undefined) database.prepare(entryTable.upsert).run(...entryTable.values(saved))
  return saved === undefined ? undefined : getEntry(database, entry.collection, entry.key)
}

const deleteEntry = (database: Database, collection: string, key: string, now: number): boolean => {
  const isThere = livingEntry(getEntry(database, collection, key), now) !== undefined
  database.prepare("DELETE FROM entries WHERE collection = ? AND key = ?").run(collection, key)
  return isThere
}

const deleteDefinition = (database: Database, name: string): boolean => {
  const removed = [
    "DELETE FROM definitions WHERE name = ?",
    ...["runs", "events", "checkpoints", "step_states"].map((table) => `DELETE FROM ${table} WHERE pipeline = ?`),
  ].map((sql) => Number(database.prepare(sql).run(name).changes))
  database.prepare("DELETE FROM run_counts WHERE pipeline = ?").run(name)
  return removed.some((rows) => rows > 0)
}
