/** The libraries that keep their connections to themselves, by the few calls of theirs that are needed. */
import type { PgRow } from "../driver.ts"
import type { Query, Transactions } from "./Query.ts"
import { begunInTime } from "./waiting.ts"

/**
 * A parameter is a text for the library, and becomes what it is on the server. Otherwise the library would look at its type, and write a
 * text such as `true` or `{}` as it thinks best.
 */
const asTexts = (text: string): string => text.replaceAll(/\$(\d+)::(?!text\b)/g, "$$$1::text::")

type Values = ReadonlyArray<string | null>
type Rows = ReadonlyArray<PgRow>

export interface PostgresJsTransaction {
  readonly unsafe: (text: string, values: Values) => PromiseLike<Rows>
  readonly savepoint?: <A>(body: (tx: PostgresJsTransaction) => Promise<A>) => Promise<A>
}

export interface PostgresJs {
  readonly begin: (how: string, body: (tx: PostgresJsTransaction) => Promise<unknown>) => Promise<unknown>
}

export const postgresJsQuery =
  (tx: PostgresJsTransaction): Query =>
  async (text, values) =>
    named(await tx.unsafe(values.length === 0 ? text : asTexts(text), values))

/** A transaction of postgres.js does not commit once a statement has failed in it, but where that was within a savepoint of its own. */
export const postgresJsNested = (tx: PostgresJsTransaction): Query =>
  tx.savepoint === undefined
    ? postgresJsQuery(tx)
    : async (text, values) => (await tx.savepoint!(async (inner) => [await postgresJsQuery(inner)(text, values)]))[0]!

/** The host may have names of columns changed: `run_id` comes as `runId`, `RunId` or `run-id`. */
const named = (rows: Rows): Rows =>
  rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [plainName(name), value])))

const plainName = (name: string): string =>
  name
    .replaceAll("-", "_")
    .replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    .replace(/^_/, "")

export const postgresJsTransactions = (sql: PostgresJs): Transactions => ({
  transaction: (mode, setup, use) => {
    const how = mode === "read" ? "isolation level repeatable read read only" : "isolation level read committed read write"
    return begunInTime((body: (tx: PostgresJsTransaction) => Promise<void>) => sql.begin(how, body), prepared(postgresJsQuery, setup, use))
  },
})

/** Drizzle asks what it is given for the statement, and the statement for its text. */
interface DrizzleStatement {
  readonly getSQL: () => { readonly toQuery: () => { readonly sql: string; readonly params: Values } }
}

export interface DrizzleTransaction {
  readonly execute: (statement: DrizzleStatement) => PromiseLike<Rows | { readonly rows: Rows }>
  readonly transaction: <A>(body: (tx: DrizzleTransaction) => Promise<A>) => Promise<A>
}

export const drizzleQuery =
  (tx: DrizzleTransaction): Query =>
  async (text, values) => {
    const sql = values.length === 0 ? text : asTexts(text)
    try {
      const result = await tx.execute({ getSQL: () => ({ toQuery: () => ({ sql, params: values }) }) })
      return named("rows" in result ? (result.rows ?? []) : result)
    } catch (cause) {
      // Drizzle's own message has the values of the parameters in it, and what the server says behind it.
      throw cause instanceof Error && "query" in cause && cause.cause !== undefined ? cause.cause : cause
    }
  }

/** As for postgres.js, over which Drizzle may be. */
export const drizzleNested =
  (tx: DrizzleTransaction): Query =>
  async (text, values) =>
    (await tx.transaction(async (inner) => [await drizzleQuery(inner)(text, values)]))[0]!

/** A statement as Kysely compiles its own. */
interface KyselyStatement {
  readonly sql: string
  readonly parameters: Values
  readonly query: { readonly kind: "RawNode"; readonly sqlFragments: ReadonlyArray<string>; readonly parameters: ReadonlyArray<never> }
  readonly queryId: { readonly queryId: string }
}

export interface KyselyTransaction {
  readonly withoutPlugins: () => KyselyTransaction
  readonly executeQuery: (statement: KyselyStatement) => Promise<{ readonly rows: Rows }>
}

interface KyselyBuilder {
  readonly setIsolationLevel: (level: "repeatable read" | "read committed") => KyselyBuilder
  readonly setAccessMode: (mode: "read only" | "read write") => KyselyBuilder
  readonly execute: (body: (tx: KyselyTransaction) => Promise<unknown>) => Promise<unknown>
}

export interface Kysely {
  readonly transaction: () => KyselyBuilder
}

let statements = 0

export const kyselyQuery = (tx: KyselyTransaction): Query => {
  // A plugin of the host's may rename columns.
  const plain = tx.withoutPlugins()
  return async (text, values) => {
    const sql = values.length === 0 ? text : asTexts(text)
    const query = { kind: "RawNode", sqlFragments: [sql], parameters: [] } as const
    const result = await plain.executeQuery({ sql, parameters: values, query, queryId: { queryId: `deltaflow_${++statements}` } })
    return result.rows
  }
}

export const kyselyTransactions = (kysely: Kysely): Transactions => ({
  transaction: (mode, setup, use) => {
    const [level, access] = mode === "read" ? (["repeatable read", "read only"] as const) : (["read committed", "read write"] as const)
    return begunInTime(
      (body: (tx: KyselyTransaction) => Promise<void>) => kysely.transaction().setIsolationLevel(level).setAccessMode(access).execute(body),
      prepared(kyselyQuery, setup, use),
    )
  },
})

export interface PrismaTransaction {
  readonly $queryRawUnsafe: (text: string, ...values: Values) => PromiseLike<Rows>
}

export interface Prisma {
  readonly $transaction: (
    body: (tx: PrismaTransaction) => Promise<unknown>,
    options: { readonly isolationLevel: string; readonly maxWait: number; readonly timeout: number },
  ) => Promise<unknown>
}

/** Prisma ends a transaction after five seconds by itself. The engine gives up on a call of the store after this time. */
const PRISMA_MS = 30_000

export const prismaQuery =
  (tx: PrismaTransaction): Query =>
  async (text, values) => {
    try {
      return await tx.$queryRawUnsafe(values.length === 0 ? text : asTexts(text), ...values)
    } catch (cause) {
      throw prismaCause(cause)
    }
  }

/** What the server said, without the place in the code that Prisma puts before it. */
const prismaCause = (cause: unknown): unknown => {
  const { meta } = cause as { readonly meta?: { readonly driverAdapterError?: { readonly cause?: Readonly<Record<string, unknown>> } } }
  const { originalCode, originalMessage } = meta?.driverAdapterError?.cause ?? {}
  if (typeof originalCode !== "string" || typeof originalMessage !== "string") return cause
  return Object.assign(new Error(originalMessage, { cause }), { code: originalCode, severity: "ERROR" })
}

export const prismaTransactions = (prisma: Prisma): Transactions => ({
  transaction: (mode, setup, use) => {
    const options = { isolationLevel: mode === "read" ? "RepeatableRead" : "ReadCommitted", maxWait: PRISMA_MS, timeout: PRISMA_MS }
    return begunInTime(
      (body: (tx: PrismaTransaction) => Promise<void>) => prisma.$transaction(body, options),
      prepared(prismaQuery, setup, async (query) => {
        // Prisma has no word for it.
        if (mode === "read") await query("SET TRANSACTION READ ONLY", [])
        return await use(query)
      }),
    )
  },
})

const prepared =
  <T, A>(queryOf: (tx: T) => Query, setup: string, use: (query: Query) => Promise<A>) =>
  async (tx: T): Promise<A> => {
    const query = queryOf(tx)
    await query(setup, [])
    return await use(query)
  }
