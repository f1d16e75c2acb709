/** The database of the store: transactions on connections of a pool, and its tables brought to the newest version. */
import { StoreError } from "@deltaflow/core"
import { loadPool } from "../driver.ts"
import { isServerError, type ServerError, storeFailure } from "../failures.ts"
import { pgTransactions, poolLends } from "../hosts/pg.ts"
import type { Query, TransactionMode, Transactions } from "../hosts/Query.ts"
import { quoteName, quoteTable, quoteText } from "../quote.ts"
import { serverOf } from "../session.ts"
import { ConnectionProblem, type Settings } from "../settings.ts"
import { migrations as published } from "./schema.ts"

export interface DatabaseOptions {
  /** Called on first use. */
  readonly connect: () => Promise<Connected>
  readonly schema: string
  /** For tests of what comes after this version. */
  readonly migrations?: ReadonlyArray<string>
}

export interface Connected {
  readonly transactions: Transactions
  /** For messages; undefined where the host lends what it has. */
  readonly server: string | undefined
  readonly end: () => Promise<void>
}

export class Database {
  private readonly options: DatabaseOptions
  private opening: Promise<Connected> | undefined
  private isClosed = false

  constructor(options: DatabaseOptions) {
    this.options = options
  }

  /** Runs in one transaction that sees one state and changes nothing. All errors are `StoreError`. */
  async read<A>(use: (query: Query) => Promise<A>): Promise<A> {
    return await this.transaction("read", use)
  }

  /**
   * Runs in one transaction: nothing of it stays where it throws. Each statement sees what was committed before it, so that one behind a
   * lock sees what the other did.
   */
  async write<A>(use: (query: Query) => Promise<A>): Promise<A> {
    return await this.transaction("write", use)
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

  /**
   * Runs within a transaction that the host has begun and will end: what it writes stays where the host commits. All errors are
   * `StoreError`.
   *
   * Other statements of the host's may run in between, so that neither a setting nor a savepoint may be used.
   */
  async within<A>(lent: Query, use: (query: Query) => Promise<A>): Promise<A> {
    const { schema } = this.options
    try {
      await this.open()
      await lent(`LOCK TABLE ${quoteTable(schema, "deltaflow_store")} IN ACCESS SHARE MODE`, []).catch((cause: unknown) => {
        throw isServerError(cause) ? unusable(cause, schema) : cause
      })
      return await use((text, values) => lent(withSchema(text, schema), values))
    } catch (cause) {
      throw storeFailure({ name: "store", server: undefined }, cause)
    }
  }

  private async transaction<A>(mode: TransactionMode, use: (query: Query) => Promise<A>): Promise<A> {
    const place: { server: string | undefined } = { server: undefined }
    try {
      const { transactions, server } = await this.open()
      place.server = server
      return await transactions.transaction(mode, this.searchPath(), use)
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
      await this.migrate(connected.transactions)
      return connected
    } catch (cause) {
      await connected.end()
      throw storeFailure({ name: "store", server: connected.server }, cause)
    }
  }

  private async migrate({ transaction }: Transactions): Promise<void> {
    const { schema, migrations = published } = this.options
    // A path to a schema that is not there is no error.
    const path = this.searchPath()
    if ((await transaction("read", path, (query) => this.version(query))) === migrations.length) return
    await transaction("write", path, async (query) => {
      // Processes that start together wait here, and then find it done.
      await query("SELECT pg_advisory_xact_lock($1::bigint)::text", [MIGRATION_LOCK])
      const version = await this.version(query)
      if (version === migrations.length) return
      const steps = migrations.slice(version)
      // A schema that is there may be one that this user cannot make.
      const [found] = await query("SELECT 1::text AS found FROM pg_namespace WHERE nspname = $1::text", [schema])
      if (found === undefined) await query(`CREATE SCHEMA ${quoteName(schema)}`, [])
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

/** The tables that a host's transaction reaches. Statements name them behind these words alone. */
const TABLES = /\b(FROM|INTO|UPDATE|JOIN) (definitions|runs|entries)\b/g

/** For a transaction whose search path is the host's. */
const withSchema = (sql: string, schema: string): string =>
  sql.replaceAll(TABLES, (_, word: string, table: string) => `${word} ${quoteTable(schema, table)}`)

/** Why the host's transaction cannot be used, from the first statement of ours in it. */
const unusable = (cause: ServerError, schema: string): unknown => {
  if (cause.code === "25P01")
    return new ConnectionProblem("tx", "no transaction is open on it. Begin one, and await this call before it ends", cause)
  if (cause.code !== "42P01" && cause.code !== "3F000") return cause
  return new ConnectionProblem(
    "tx",
    `its database has no store in the schema ${schema}. The transaction must be of the store's own database`,
    cause,
  )
}

/** Any number, the same for all who migrate. */
const MIGRATION_LOCK = "4919413205427831"

/** Several statements, as the one that each library takes. */
const runScript = async (query: Query, sql: string): Promise<void> => {
  await query(`DO LANGUAGE plpgsql ${quoteText(`BEGIN EXECUTE ${quoteText(sql)}; END`)}`, [])
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
      return { transactions: pgTransactions(poolLends(pool)), server: serverOf(client), end }
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
