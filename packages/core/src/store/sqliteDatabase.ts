/** The file of the SQLite store: opened on first use, brought to the newest version, guarded against what is not a store. */
import { mkdirSync, statSync } from "node:fs"
import path from "node:path"
import type { DatabaseSync, StatementSync } from "node:sqlite"
import { StoreError } from "../contract/Errors.ts"
import { isBusy, storeError } from "./sqliteErrors.ts"
import { APPLICATION_ID, migrations } from "./sqliteSchema.ts"

export interface DatabaseOptions {
  readonly path: string
  /** How long to wait for another process that writes. */
  readonly busyTimeoutMs: number
  /** Runs once the file is open and up to date; may throw to refuse it. */
  readonly check: (database: Database) => void
  /** For tests of what comes after this version. */
  readonly migrations?: ReadonlyArray<string>
}

export class Database {
  readonly path: string
  private readonly options: DatabaseOptions
  private readonly statements = new Map<string, StatementSync>()
  private opened: DatabaseSync | undefined
  private isClosed = false

  constructor(options: DatabaseOptions) {
    this.path = path.resolve(options.path)
    this.options = options
  }

  /** Runs in one read transaction, so that several statements see one state. All errors are `StoreError`. */
  read<A>(run: () => A): A {
    return this.transaction("BEGIN", run)
  }

  /** Runs in one write transaction: nothing of it stays where it throws. */
  write<A>(run: () => A): A {
    // IMMEDIATE waits for other writers before anything is read: a transaction that turns from reading to writing would fail instead.
    return this.transaction("BEGIN IMMEDIATE", run)
  }

  /** A statement, prepared once. Only within `read` and `write`. */
  prepare(sql: string): StatementSync {
    const known = this.statements.get(sql)
    if (known !== undefined) return known
    const statement = this.opened!.prepare(sql)
    this.statements.set(sql, statement)
    return statement
  }

  close(): void {
    this.isClosed = true
    this.statements.clear()
    this.opened?.close()
    this.opened = undefined
  }

  private transaction<A>(begin: string, run: () => A): A {
    try {
      const database = this.open()
      database.exec(begin)
      return this.finish(database, run)
    } catch (error) {
      throw storeError(error, this.path)
    }
  }

  private finish<A>(database: DatabaseSync, run: () => A): A {
    try {
      const result = run()
      database.exec("COMMIT")
      return result
    } catch (error) {
      // After a full disk or a failed read SQLite has rolled back by itself.
      if (isInTransaction(database)) database.exec("ROLLBACK")
      throw error
    }
  }

  private open(): DatabaseSync {
    if (this.opened !== undefined) return this.opened
    if (this.isClosed) throw new StoreError({ code: "STORE_FAILED", message: `${this.path}: the store was closed. Make a new one.` })
    const { DatabaseSync } = loadSqlite()
    mkdirSync(path.dirname(this.path), { recursive: true })
    const database = new DatabaseSync(this.path)
    try {
      this.prepareFile(database)
      this.opened = database
      this.options.check(this)
      return database
    } catch (error) {
      this.opened = undefined
      this.statements.clear()
      database.close()
      throw error
    }
  }

  private prepareFile(database: DatabaseSync): void {
    const { busyTimeoutMs } = this.options
    database.exec(
      `PRAGMA busy_timeout = ${busyTimeoutMs}; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA cache_size = -16384`,
    )
    retryBusy(busyTimeoutMs, () => {
      this.migrate(database)
      // WAL lets others read while one writes. FULL waits for the disk at each commit, as the contract says "durable when it returns":
      // under NORMAL a power cut could take back a lease's epoch or a checkpoint that a destination already counts on. It costs one
      // fsync per call, about a millisecond, of which a run makes a few.
      database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
    })
    if (statSync(this.path).size <= CHECKED_BYTES) checkPages(database, this.path)
  }

  private migrate(database: DatabaseSync): void {
    const all = this.options.migrations ?? migrations
    if (this.knownVersion(database, all) === all.length) return
    database.exec("BEGIN IMMEDIATE")
    this.finish(database, () => {
      // Another process may have migrated while this one waited for the lock.
      for (const sql of all.slice(this.knownVersion(database, all))) database.exec(sql)
      database.exec(`PRAGMA user_version = ${all.length}`)
    })
  }

  /** The version of the file, 0 for a new one. Throws where it is newer than this code, or no store at all. */
  private knownVersion(database: DatabaseSync, all: ReadonlyArray<string>): number {
    const version = pragma(database, "user_version")
    const isForeign =
      pragma(database, "application_id") !== APPLICATION_ID && database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() !== undefined
    if (isForeign) throw foreign(this.path)
    if (version > all.length) throw newer(this.path, version, all.length)
    return version
  }
}

/** Files up to this size are checked in full when they are opened, which takes some milliseconds. */
const CHECKED_BYTES = 4 * 1024 * 1024

const checkPages = (database: DatabaseSync, file: string): void => {
  const found = database.prepare("PRAGMA integrity_check(1)").get()?.["integrity_check"]
  if (found === "ok") return
  throw new StoreError({
    code: "STORE_CORRUPT",
    message: `${file}: the store is damaged (${String(found)}). Put a backup in its place, or move the file away to start anew.`,
    hint: "Put a backup of the state file in its place, or move it away to start anew.",
  })
}

const pragma = (database: DatabaseSync, name: string): number => Number(database.prepare(`PRAGMA ${name}`).get()?.[name])

const isInTransaction = (database: DatabaseSync & { readonly isTransaction?: boolean }): boolean => {
  if (database.isTransaction !== undefined) return database.isTransaction
  try {
    database.exec("BEGIN")
    database.exec("ROLLBACK")
    return false
  } catch {
    // Older Node cannot say, but within a transaction no other begins.
    return true
  }
}

/**
 * Switching to WAL, and the recovery after a crash, want the file alone, and do not always wait for it: processes that start together get
 * "busy" at once. Opening has not begun to do anything else yet, so waiting here blocks nobody.
 */
const retryBusy = (timeoutMs: number, run: () => void): void => {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    try {
      return run()
    } catch (error) {
      if (!isBusy(error) || Date.now() > deadline) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 + Math.random() * 20)
    }
  }
}

/** Loaded on first use: whoever keeps no state in SQLite pays nothing. */
const loadSqlite = (): typeof import("node:sqlite") => {
  const loaded = Number(process.versions.node.split(".")[0]) < 24 ? withoutWarning(findSqlite) : findSqlite()
  if (loaded !== undefined) return loaded
  throw new StoreError({
    code: "STORE_FAILED",
    message: "SQLite store: this runtime has no node:sqlite. Use Node 22.18 or newer, or another store.",
  })
}

const findSqlite = (): typeof import("node:sqlite") | undefined => process.getBuiltinModule("node:sqlite")

/**
 * Node 22 and 23 print that their SQLite is experimental, which is ours to know and not the user's. Loading is synchronous, so nobody else
 * meets the replaced function, and every other warning goes where it always went.
 */
const withoutWarning = <A>(load: () => A): A => {
  const original = Object.getOwnPropertyDescriptor(process, "emitWarning")!
  const emit = process.emitWarning.bind(process) as (...warning: ReadonlyArray<unknown>) => void
  const filtered = (...warning: ReadonlyArray<unknown>): void => {
    if (!String(warning[0]).startsWith("SQLite is an experimental feature")) emit(...warning)
  }
  Object.defineProperty(process, "emitWarning", { ...original, value: filtered })
  try {
    return load()
  } finally {
    Object.defineProperty(process, "emitWarning", original)
  }
}

const newer = (file: string, version: number, known: number): StoreError =>
  new StoreError({
    code: "STORE_NEWER",
    message: `${file}: the store has version ${version}, and this Deltaflow knows versions up to ${known}. Update Deltaflow, or use another state file.`,
    hint: "Update Deltaflow.",
  })

const foreign = (file: string): StoreError =>
  new StoreError({
    code: "STORE_FAILED",
    message: `${file}: this is an SQLite database, but no store of Deltaflow. Give another path, so that nothing of it is touched.`,
  })
