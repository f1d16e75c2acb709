/** The database of the store: transactions on connections of a pool, and its tables brought to the newest version. */
import { StoreError } from "@deltaflow/core"
import { loadPool, type PgClient, type PgPool } from "../driver.ts"
import { isServerError, storeFailure } from "../failures.ts"
import { quoteName } from "../quote.ts"
import { serverOf } from "../session.ts"
import type { Settings } from "../settings.ts"
import type { Texts } from "./tables.ts"
import { migrations as published } from "./schema.ts"

/** One statement with its parameters as texts, which it casts. Every column of the result is a text too. */
export type Query = (text: string, values: ReadonlyArray<string | null>) => Promise<ReadonlyArray<Texts>>

export interface DatabaseOptions {
  /** Made on first use, with `pg`. */
  readonly connect: () => Promise<{ readonly pool: PgPool; readonly server: string | undefined; readonly end: () => Promise<void> }>
  readonly schema: string
  /** For tests of what comes after this version. */
  readonly migrations?: ReadonlyArray<string>
}

type Connected = Awaited<ReturnType<DatabaseOptions["connect"]>>

export class Database {
  private readonly options: DatabaseOptions
  private opening: Promise<Connected> | undefined
  private isClosed = false

  constructor(options: DatabaseOptions) {
    this.options = options
  }

  /** Runs in one transaction that sees one state and changes nothing. All errors are `StoreError`. */
  async read<A>(use: (query: Query) => Promise<A>): Promise<A> {
    return await this.transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", use)
  }

  /**
   * Runs in one transaction: nothing of it stays where it throws. Each statement sees what was committed before it, so that one behind a
   * lock sees what the other did.
   */
  async write<A>(use: (query: Query) => Promise<A>): Promise<A> {
    return await this.transaction("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", use)
  }

  async close(): Promise<void> {
    this.isClosed = true
    const opening = this.opening
    this.opening = undefined
    const connected = await opening?.catch(() => {
      // Where it could not be opened, whoever asked was told.
      return undefined
    })
    await connected?.end()
  }

  private async transaction<A>(begin: string, use: (query: Query) => Promise<A>): Promise<A> {
    const place: { server: string | undefined } = { server: undefined }
    try {
      const { pool, server } = await this.open()
      place.server = server
      return await inTransaction(pool, `${begin}; ${this.searchPath()}`, use)
    } catch (cause) {
      throw storeFailure({ name: "store", server: place.server }, cause)
    }
  }

  private searchPath(): string {
    return `SET LOCAL search_path TO ${quoteName(this.options.schema)}, pg_catalog`
  }

  private async open(): Promise<Connected> {
    if (this.isClosed) throw new StoreError({ code: "STORE_FAILED", message: "the store was closed. Make a new one." })
    this.opening ??= this.openNow()
    try {
      return await this.opening
    } catch (cause) {
      // The next call tries again.
      this.opening = undefined
      throw cause
    }
  }

  private async openNow(): Promise<Connected> {
    const connected = await this.options.connect()
    try {
      await this.migrate(connected.pool)
      return connected
    } catch (cause) {
      await connected.end()
      throw storeFailure({ name: "store", server: connected.server }, cause)
    }
  }

  private async migrate(pool: PgPool): Promise<void> {
    const { schema, migrations = published } = this.options
    if ((await inTransaction(pool, "BEGIN READ ONLY", (query) => this.version(query))) === migrations.length) return
    await inTransaction(pool, "BEGIN ISOLATION LEVEL READ COMMITTED", async (query) => {
      // Processes that start together wait here, and then find it done.
      await query("SELECT pg_advisory_xact_lock($1::bigint)::text", [MIGRATION_LOCK])
      const version = await this.version(query)
      if (version === migrations.length) return
      const steps = migrations.slice(version)
      // A schema that is there may be one that this user cannot make.
      const [found] = await query("SELECT 1::text AS found FROM pg_namespace WHERE nspname = $1::text", [schema])
      if (found === undefined) await query(`CREATE SCHEMA ${quoteName(schema)}`, [])
      await query(this.searchPath(), [])
      for (const sql of steps) await runScript(query, sql)
      if (version === 0) await query("CREATE TABLE deltaflow_store (version bigint NOT NULL)", [])
      if (version === 0) await query("INSERT INTO deltaflow_store VALUES (0)", [])
      await query("UPDATE deltaflow_store SET version = $1::bigint", [String(migrations.length)])
    })
  }

  /** 0 where there is none. Throws where it is newer than this code. */
  private async version(query: Query): Promise<number> {
    const { schema, migrations = published } = this.options
    // Asked of the catalogue's tables: to_regclass may still go by what was so before this transaction waited for its lock.
    const [found] = await query(
      `SELECT 1::text AS found FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
      WHERE nspname = $1::text AND relname = 'deltaflow_store'`,
      [schema],
    )
    if (found === undefined) return 0
    const [row] = await query(`SELECT version::text AS version FROM ${quoteName(schema)}.deltaflow_store`, [])
    const version = Number(row?.["version"] ?? 0)
    if (version <= migrations.length) return version
    throw new StoreError({
      code: "STORE_NEWER",
      message: `the store in the schema ${schema} has version ${version}, and this Deltaflow knows versions up to ${migrations.length}. Update Deltaflow, or use another schema.`,
      hint: "Update Deltaflow.",
    })
  }
}

/** Any number, the same for all who migrate. */
const MIGRATION_LOCK = "4919413205427831"

// Values come as the texts that they are, whatever parsers of types the host has set.
const ALL_TEXT = { getTypeParser: () => (text: string) => text }

const queryOf =
  (client: PgClient): Query =>
  async (text, values) => {
    const result = await client.query({ text, types: ALL_TEXT, ...(values.length === 0 ? {} : { values }) })
    return ("rows" in result ? result : result.at(-1)!).rows
  }

/** Several statements at once cannot have parameters. */
const runScript = async (query: Query, sql: string): Promise<void> => {
  await query(sql, [])
}

/** Connections of a pool that may have broken while nobody used them, and not have been noticed. */
const MOST_BROKEN = 10

/** A connection with a transaction that has begun. Where one is found broken then, nothing was done yet, and the next one is taken. */
const begun = async (pool: PgPool, begin: string): Promise<PgClient> => {
  for (let broken = 0; ; broken++) {
    const client = await pool.connect()
    // A connection that breaks is told by the statement that needs it; without a listener it would end the process.
    client.on("error", ignore)
    try {
      await queryOf(client)(begin, [])
      return client
    } catch (cause) {
      giveBack(client, false)
      if (broken === MOST_BROKEN || !isLost(cause)) throw cause
    }
  }
}

/** No answer of the server, or that it ends the connection. */
const isLost = (cause: unknown): boolean => !isServerError(cause) || cause.code.startsWith("57P")

const giveBack = (client: PgClient, isSound: boolean): void => {
  client.removeListener("error", ignore)
  client.release?.(!isSound)
}

const inTransaction = async <A>(pool: PgPool, begin: string, use: (query: Query) => Promise<A>): Promise<A> => {
  const client = await begun(pool, begin)
  const query = queryOf(client)
  let isSound = false
  try {
    const result = await use(query)
    await query("COMMIT", [])
    isSound = true
    return result
  } catch (cause) {
    isSound = await query("ROLLBACK", []).then(
      () => true,
      () => false,
    )
    throw cause
  } finally {
    giveBack(client, isSound)
  }
}

const ignore = (): void => undefined

/** With `prefer`, a server that has no SSL is reached without. */
export const ownPool = async ({ client, mode, tls }: Settings, max: number): Promise<Connected> => {
  const Pool = await loadPool("store", StoreError)
  const attempt = async (ssl: unknown): Promise<Connected> => {
    const pool = new Pool({ ...client, ssl, max })
    // Connections that break while nobody uses them are made anew when they are needed.
    pool.on("error", ignore)
    const end = () => pool.end()
    try {
      ;(await pool.connect()).release?.()
      return { pool, server: serverOf(client), end }
    } catch (cause) {
      await end()
      throw cause
    }
  }
  const withoutWhereItMay = (cause: unknown): Promise<Connected> => {
    const hasNone = cause instanceof Error && /does not support SSL/.test(cause.message)
    return mode === "prefer" && hasNone ? attempt(false) : Promise.reject(cause)
  }
  try {
    return await attempt(mode === "disable" ? false : tls).catch(withoutWhereItMay)
  } catch (cause) {
    throw storeFailure({ name: "store", server: serverOf(client) }, cause)
  }
}
