/**
 * What a host may lend: its pool, or one of its transactions, of any of the usual libraries, told by their form. None of them is a
 * dependency, and what is lent is never closed.
 *
 * Connections are used within transactions alone, and nothing is left in a session.
 */
import type { GivenClient, GivenPool, PgClient, PgPool } from "../driver.ts"
import {
  type DrizzleTransaction,
  drizzleNested,
  drizzleQuery,
  type Kysely,
  type KyselyTransaction,
  kyselyQuery,
  kyselyTransactions,
  type PostgresJs,
  type PostgresJsTransaction,
  postgresJsNested,
  postgresJsQuery,
  postgresJsTransactions,
  type Prisma,
  type PrismaTransaction,
  prismaQuery,
  prismaTransactions,
} from "./libraries.ts"
import { ConnectionProblem } from "../settings.ts"
import { type Lent, pgQuery, pgTransactions, poolLends } from "./pg.ts"
import type { Query, Transactions } from "./Query.ts"

type Method = (...args: never) => unknown

/** A `Pool` of `pg`, `sql` of postgres.js, or a database of Drizzle (over one of these two), Kysely, Knex or Prisma. */
export type PostgresPool =
  | GivenPool
  | { readonly begin: Method; readonly unsafe: Method }
  | { readonly $client: object; readonly transaction: Method }
  | { readonly isTransaction: boolean; readonly executeQuery: Method; readonly withoutPlugins: Method }
  | { readonly client: object; readonly raw: Method; readonly transaction: Method }
  | { readonly $transaction: Method; readonly $queryRawUnsafe: Method }

/** A client of `pg` in a transaction, or what the transaction of postgres.js, Drizzle, Kysely, Knex or Prisma gives. */
export type PostgresTransaction =
  | GivenClient
  | { readonly unsafe: Method; readonly savepoint: Method }
  | { readonly execute: Method; readonly rollback: Method }
  | { readonly isTransaction: boolean; readonly executeQuery: Method }
  | { readonly client: object; readonly raw: Method; readonly commit: Method }
  | { readonly $queryRawUnsafe: Method }

/** Knex keeps connections of `pg`, and lends them. */
interface KnexClient {
  readonly dialect: string
  readonly acquireConnection: () => Promise<PgClient & { __knex__disposed?: string }>
  readonly releaseConnection: (connection: PgClient) => Promise<void>
}

interface Knex {
  readonly client: KnexClient
  /** Of a transaction. */
  readonly isTransaction?: boolean
  readonly isCompleted?: () => boolean
}

const POOLS = "a Pool of pg, sql of postgres.js, or a database of Drizzle (over pg's Pool or postgres.js), Kysely, Knex or Prisma"

const TRANSACTIONS = "a client of pg, or what the transaction of postgres.js, Drizzle, Kysely, Knex or Prisma gives"

/** Transactions on what the host lends. Throws where it is nothing that is known. */
export const lentTransactions = (pool: unknown): Transactions => {
  if (has(pool, "connect") && has(pool, "totalCount")) return pgTransactions(poolLends(pool as unknown as PgPool))
  if (isMethod(pool, "begin") && isMethod(pool, "unsafe")) return postgresJsTransactions(pool as PostgresJs)
  // Its own pool is all that is needed of Drizzle. A single client of pg would run two transactions in one.
  if (has(pool, "$client") && !isMethod(pool, "rollback")) return lentTransactions(pool["$client"])
  if (isKysely(pool) && pool["isTransaction"] === false) return kyselyTransactions(pool as unknown as Kysely)
  if (isKnex(pool) && pool.isTransaction !== true) return pgTransactions(knexLends(postgresOnly(pool.client)))
  if (isMethod(pool, "$transaction") && isMethod(pool, "$connect")) return prismaTransactions(pool as Prisma)
  const what = transactionQuery(pool) === undefined ? "" : " This is a single connection or transaction."
  throw new ConnectionProblem("pool", `it is none that can be used.${what} Give ${POOLS}`)
}

/** Statements on a transaction that the host has begun. Throws where it is nothing that is known. */
export const lentQuery = (tx: unknown): Query => known(transactionQuery(tx))

/** The same for statements that may fail without an end of the transaction, and are none that begin or end a savepoint. */
export const lentNested = (tx: unknown): Query => {
  if (isPostgresJs(tx)) return postgresJsNested(tx)
  return isDrizzle(tx) ? drizzleNested(tx) : lentQuery(tx)
}

const known = (query: Query | undefined): Query => {
  if (query !== undefined) return query
  throw new ConnectionProblem("tx", `it is no transaction that can be used. Give ${TRANSACTIONS}, and no pool`)
}

const transactionQuery = (tx: unknown): Query | undefined => {
  const client = lentClient(tx)
  if (client !== undefined) {
    // The client is asked for when it is needed.
    return async (text, values) => await pgQuery(await client())(text, values)
  }
  if (isPostgresJs(tx)) return postgresJsQuery(tx)
  if (isKysely(tx) && tx["isTransaction"] === true) return kyselyQuery(tx as unknown as KyselyTransaction)
  if (isDrizzle(tx)) return drizzleQuery(tx)
  if (isMethod(tx, "$queryRawUnsafe") && !isMethod(tx, "$connect")) return prismaQuery(tx as PrismaTransaction)
  return undefined
}

/** The client of `pg` under a transaction of the host's; undefined where there is none to be had. */
export const lentClient = (tx: unknown): (() => Promise<PgClient>) | undefined => {
  if (isMethod(tx, "query") && has(tx, "processID")) return async () => tx as unknown as PgClient
  if (!isKnex(tx) || tx.isTransaction !== true) return undefined
  return async () => {
    // Its connection is another's by then.
    if (tx.isCompleted?.() === true) throw new ConnectionProblem("tx", "the transaction of Knex has ended already")
    return await postgresOnly(tx.client).acquireConnection()
  }
}

const knexLends = (client: KnexClient) => async (): Promise<Lent> => {
  const connection = await client.acquireConnection()
  return {
    client: connection,
    giveBack: (isSound) => {
      if (!isSound) connection.__knex__disposed = "the connection was lost"
      void client.releaseConnection(connection)
    },
  }
}

const postgresOnly = (client: KnexClient): KnexClient => {
  if (client.dialect === "postgresql") return client
  throw new ConnectionProblem("pool", `this Knex is for ${client.dialect}. Give one for PostgreSQL: client: "pg"`)
}

type Fields = Readonly<Record<string, unknown>>

const has = (host: unknown, name: string): host is Fields =>
  ((typeof host === "object" && host !== null) || typeof host === "function") && name in host

const isMethod = (host: unknown, name: string): boolean => has(host, name) && typeof host[name] === "function"

const isPostgresJs = (tx: unknown): tx is Fields & PostgresJsTransaction => isMethod(tx, "unsafe") && !isMethod(tx, "begin")

const isDrizzle = (tx: unknown): tx is Fields & DrizzleTransaction => isMethod(tx, "rollback") && isMethod(tx, "execute")

const isKysely = (host: unknown): host is Fields => has(host, "isTransaction") && isMethod(host, "executeQuery")

const isKnex = (host: unknown): host is Fields & Knex =>
  typeof host === "function" && has(host, "client") && isMethod(host["client"], "acquireConnection")
