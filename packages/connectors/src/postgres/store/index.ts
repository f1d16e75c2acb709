/**
 * A store in PostgreSQL: definitions, runs, events, leases and checkpoints that any number of processes share.
 *
 * Its tables lie in a schema of their own, made and migrated on first use. Every call is one transaction; nothing is kept in a session, so
 * a pooler in transaction mode may be in between. Leases go by the clock of the server.
 */
import type { StoreError } from "@deltaflow/core"
import { nodeFiles } from "@deltaflow/core/node"
import {
  acquired,
  changedRun,
  heldLease,
  isSame,
  livingEntry,
  type Lease,
  type LeaseRow,
  mayCommit,
  type Page,
  released,
  savedDefinition,
  type Store,
  type StoredCheckpoint,
  type StoredDefinition,
} from "@deltaflow/core/store"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { SslConfig, SslMode } from "../options.ts"
import { settingsOf } from "../settings.ts"
import { storeFailure } from "../failures.ts"
import { lentQuery, lentTransactions, type PostgresPool } from "../hosts/index.ts"
import type { Query } from "../hosts/Query.ts"
import { Database, type DatabaseOptions, ownPool } from "./database.ts"
import { appendEvents, listEvents } from "./events.ts"
import { deleteEntry, getEntry, listEntries, saveEntry } from "./entries.ts"
import { addRun, createRun, getRun, listRuns, openRun, saveRun } from "./runs.ts"
import { checkpointTable, definitionTable, leaseTable } from "./tables.ts"
import { getStepStates, lastStepVersion, pruneStepStates, saveStepStates } from "./stepStates.ts"
import { encodeText } from "./texts.ts"

export interface PostgresStoreOptions {
  /**
   * `postgres://user:password@host:5432/database`, or its parts. A pool of its own is made, with the package `pg`, and closed with the
   * store.
   */
  readonly connection?: string | PostgresServer
  /**
   * What the host has, in place of `connection`: a `Pool` of `pg`, `sql` of postgres.js, or a database of Drizzle, Kysely, Knex or Prisma.
   * It stays the host's, and is never closed here.
   */
  readonly pool?: PostgresPool
  /** The schema of the tables. Default: `deltaflow`. */
  readonly schema?: string
  /**
   * How the connection is encrypted, and whom it trusts; files are relative to the process's folder. Default: `sslmode` of the URL, then
   * `prefer`.
   */
  readonly ssl?: SslMode | SslConfig
  /** The most connections of the store's own pool. Default: 5. */
  readonly maxConnections?: number
  /** Longest wait for a connection, in seconds. Default: 10. */
  readonly connectTimeout?: number
  /** The clock of leases and definitions, in milliseconds since 1970, for tests. Default: the server's. */
  readonly now?: () => number
}

export type { PostgresPool } from "../hosts/index.ts"

export interface PostgresServer {
  readonly host?: string
  readonly port?: number
  readonly database?: string
  readonly user?: string
  readonly password?: string
}

/** `await using` closes it, as `close` does. */
export const postgresStore = (options: PostgresStoreOptions): Store & AsyncDisposable => {
  const database = new Database({ connect: connectWith(options), schema: options.schema ?? "deltaflow" })
  const clock = clockOf(options.now)
  const read: Attempt = (use) => attempt(() => database.read(use))
  const write: Attempt = (use) => attempt(() => database.write(use))
  return {
    getRun: (id) => read((query) => getRun(query, id)),
    listRuns: (filter) => read((query) => listRuns(query, filter)),
    listEvents: (filter) => read((query) => listEvents(query, filter)),
    getCheckpoints: (pipeline) => read((query) => getCheckpoints(query, pipeline)),
    getStepStates: (place, keys) => read((query) => getStepStates(query, place, keys)),
    lastStepVersion: (place) => read((query) => lastStepVersion(query, place)),
    getDefinition: (name) => read((query) => getDefinition(query, name)),
    listDefinitions: (page) => read((query) => listDefinitions(query, page)),
    countDefinitions: () =>
      read(async (query) => Number((await query("SELECT count(*)::text AS total FROM definitions", []))[0]?.["total"])),
    definitionsVersion: () =>
      read(async (query) => Number((await query("SELECT version::text AS version FROM definition_changes", []))[0]?.["version"])),
    getEntry: (collection, key) => read(async (query) => livingEntry(await getEntry(query, collection, key), await clock(query))),
    listEntries: (filter) => read(async (query) => await listEntries(query, filter, await clock(query))),
    getLease: (name) => read(async (query) => heldLease(await leaseRow(query, name, ""), await clock(query))),
    createRun: (run) => write((query) => createRun(query, run)),
    updateRun: (id, change, events = []) =>
      write(async (query) => {
        const run = await openRun(query, id)
        if (run === undefined) return false
        await saveRun(query, changedRun(run, change))
        await appendEvents(query, events)
        return true
      }),
    appendEvents: (events) => write((query) => appendEvents(query, events)),
    acquireLease: (name, owner, ttlMs, minimumEpoch) =>
      write(async (query) => {
        // Whoever comes first makes the row, so that there is one to lock.
        await query("INSERT INTO leases VALUES ($1::text, NULL, 0, 0) ON CONFLICT (name) DO NOTHING", [encodeText(name)])
        const row = await leaseRow(query, name, "FOR UPDATE")
        return await saveLease(query, acquired(row, { name, owner, ttlMs, minimumEpoch }, await clock(query)))
      }),
    renewLease: (lease, ttlMs) =>
      write(async (query) => {
        const row = await leaseRow(query, lease.name, "FOR UPDATE")
        return isSame(row, lease) ? await saveLease(query, { ...lease, expiresAt: (await clock(query)) + ttlMs }) : undefined
      }),
    releaseLease: (lease) =>
      write(async (query) => {
        if (isSame(await leaseRow(query, lease.name, "FOR UPDATE"), lease)) await saveLease(query, released(lease))
      }),
    saveCheckpoint: (checkpoint, lease) =>
      write(async (query) => {
        if (!(await mayWrite(query, lease, clock))) return false
        await query(checkpointTable.upsert, checkpointTable.values(checkpoint))
        return true
      }),
    deleteCheckpoints: (pipeline, lease) =>
      write(async (query) => {
        if (!(await mayWrite(query, lease, clock))) return false
        for (const table of ["checkpoints", "step_states"])
          await query(`DELETE FROM ${table} WHERE pipeline = $1::text`, [encodeText(pipeline)])
        return true
      }),
    saveStepStates: (place, version, states, lease) =>
      write(async (query) => (await mayWrite(query, lease, clock)) && (await saveStepStates(query, place, version, states))),
    pruneStepStates: (place, from, to, lease) =>
      write(async (query) => (await mayWrite(query, lease, clock)) && (await pruneStepStates(query, place, from, to))),
    saveDefinition: (definition, expected) =>
      write(async (query) => {
        await lockDefinitions(query)
        const saved = savedDefinition(await getDefinition(query, definition.name), definition, await clock(query), expected)
        if (saved !== undefined) await query(definitionTable.upsert, definitionTable.values(saved))
        return saved
      }),
    setPaused: (name, paused) =>
      write(async (query) => {
        const sql = "UPDATE definitions SET paused = $2::boolean WHERE name = $1::text RETURNING 1::text AS changed"
        return (await query(sql, [encodeText(name), String(paused)])).length > 0
      }),
    deleteDefinition: (name) => write((query) => deleteDefinition(query, name)),
    saveEntry: (entry, expected) => write((query) => saveEntry(query, entry, expected, clock, true)),
    deleteEntry: (collection, key) => write(async (query) => await deleteEntry(query, collection, key, await clock(query))),
    inTransaction: (tx) => {
      const query = transactionOf(tx)
      const within: Attempt = (use) => attempt(() => database.within(query, use))
      return {
        // What is not needed would lock rows until the host commits: counts of runs, entries that have expired.
        createRun: (run) => within((query) => addRun(query, run)),
        saveEntry: (entry, expected) => within((query) => saveEntry(query, entry, expected, clock, false)),
        getDefinition: (name) => within((query) => getDefinition(query, name)),
      }
    },
    close: () => Effect.promise(() => database.close()),
    [Symbol.asyncDispose]: () => database.close(),
  }
}

/** Throws `StoreError` where it is none that is known. */
const transactionOf = (tx: unknown): Query => {
  try {
    return lentQuery(tx)
  } catch (cause) {
    throw storeFailure({ name: "store", server: undefined }, cause)
  }
}

type Attempt = <A>(use: (query: Query) => Promise<A>) => Effect.Effect<A, StoreError>

// `Database` throws nothing but `StoreError`.
const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, StoreError> =>
  Effect.tryPromise({ try: run, catch: (error) => error as StoreError })

type Clock = (query: Query) => Promise<number>

/** All processes go by the server's clock, whatever theirs say. Asked after the lock, for which one may have waited. */
const clockOf = (now: (() => number) | undefined): Clock =>
  now === undefined
    ? async (query) =>
        Number((await query("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint::text AS now", []))[0]?.["now"])
    : async () => now()

const connectWith =
  (options: PostgresStoreOptions): DatabaseOptions["connect"] =>
  async () => {
    const { pool, connection, ssl, maxConnections = 5, connectTimeout } = options
    if (pool !== undefined) return { transactions: lentTransactions(pool), server: undefined, end: async () => undefined }
    const config = {
      ...(connection === undefined ? {} : { connection: typeof connection === "string" ? Redacted.make(connection) : hidden(connection) }),
      ...(ssl === undefined ? {} : { ssl }),
      ...(connectTimeout === undefined ? {} : { connect_timeout: connectTimeout * 1000 }),
    }
    // The host wrote these paths itself.
    const settings = await settingsOf(config, { projectRoot: process.cwd(), files: nodeFiles(), allowOutside: true })
    return await ownPool(settings, maxConnections)
  }

const hidden = ({ password, ...server }: PostgresServer) => ({
  ...server,
  ...(password === undefined ? {} : { password: Redacted.make(password) }),
})

const leaseRow = async (query: Query, name: string, lock: "" | "FOR SHARE" | "FOR UPDATE"): Promise<LeaseRow | undefined> => {
  const [row] = await query(`SELECT ${leaseTable.columns} FROM leases WHERE name = $1::text ${lock}`, [encodeText(name)])
  return row === undefined ? undefined : leaseTable.read(row)
}

const saveLease = async <L extends LeaseRow>(query: Query, lease: L | undefined): Promise<L | undefined> => {
  if (lease !== undefined) await query(leaseTable.upsert, leaseTable.values(lease))
  return lease
}

/** Nobody takes the lease before the transaction has ended. */
const mayWrite = async (query: Query, lease: Lease, clock: Clock): Promise<boolean> =>
  mayCommit(await leaseRow(query, lease.name, "FOR SHARE"), lease, await clock(query))

const getCheckpoints = async (query: Query, pipeline: string): Promise<ReadonlyArray<StoredCheckpoint>> => {
  const sql = `SELECT ${checkpointTable.columns} FROM checkpoints WHERE pipeline = $1::text ORDER BY destination`
  return (await query(sql, [encodeText(pipeline)])).map((row) => checkpointTable.read(row))
}

const getDefinition = async (query: Query, name: string): Promise<StoredDefinition | undefined> => {
  const [row] = await query(`SELECT ${definitionTable.columns} FROM definitions WHERE name = $1::text`, [encodeText(name)])
  return row === undefined ? undefined : definitionTable.read(row)
}

const listDefinitions = async (query: Query, { limit, skip = 0 }: Page = {}): Promise<ReadonlyArray<StoredDefinition>> => {
  const sql = `SELECT ${definitionTable.columns} FROM definitions ORDER BY name LIMIT ${limit ?? "ALL"} OFFSET ${skip}`
  return (await query(sql, [])).map((row) => definitionTable.read(row))
}

/** Who saves waits for others who do: a new name has no row to lock. Who reads does not wait. */
const lockDefinitions = async (query: Query): Promise<void> => {
  await query("LOCK TABLE definitions IN SHARE ROW EXCLUSIVE MODE", [])
}

const deleteDefinition = async (query: Query, name: string): Promise<boolean> => {
  await lockDefinitions(query)
  let removed = 0
  for (const [table, column] of [
    ["definitions", "name"],
    ["runs", "pipeline"],
    ["events", "pipeline"],
    ["checkpoints", "pipeline"],
    ["step_states", "pipeline"],
  ]) {
    const sql = `WITH gone AS (DELETE FROM ${table} WHERE ${column} = $1::text RETURNING 1) SELECT count(*)::text AS rows FROM gone`
    removed += Number((await query(sql, [encodeText(name)]))[0]?.["rows"])
  }
  return removed > 0
}
