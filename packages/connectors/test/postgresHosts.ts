/** What a host of each library may lend, made as the library's own users do, with the settings of theirs that could get in the way. */
import { createRequire } from "node:module"
import { PrismaPg } from "@prisma/adapter-pg"
import type * as PrismaRuntime from "@prisma/client/runtime/client"
import { drizzle as drizzleOverPg } from "drizzle-orm/node-postgres"
import { drizzle as drizzleOverPostgresJs } from "drizzle-orm/postgres-js"
import makeKnex from "knex"
import { CamelCasePlugin, CompiledQuery, Kysely, PostgresDialect } from "kysely"
import { sql as drizzleSql } from "drizzle-orm"
import pg from "pg"
import postgres from "postgres"
import type { PostgresPool } from "../src/postgres/hosts/index.ts"

export interface LentHost {
  readonly pool: PostgresPool
  /** As the library's users write it: commits, or rolls back where the body throws. */
  readonly transaction: (body: (tx: unknown, sql: (text: string) => Promise<unknown>) => Promise<void>) => Promise<void>
  /** Whether it still answers. */
  readonly works: () => Promise<boolean>
  /** As the host ends it. */
  readonly end: () => Promise<void>
}

/** Types that a host reads as values of its own, and names of columns that it changes. */
const parsed = () => {
  const types = new pg.TypeOverrides()
  for (const oid of [16, 20, 23, 25, 114]) types.setTypeParser(oid, (text: string) => `parsed ${text}`)
  return types
}

/** One whose connections may end with the server. */
export const pgPool = (url: string, options: pg.PoolConfig = {}): pg.Pool => {
  const pool = new pg.Pool({ connectionString: url, max: 4, ...options })
  pool.on("error", () => undefined)
  pool.on("connect", (client) => client.on("error", () => undefined))
  return pool
}

const answers = async (ask: () => PromiseLike<unknown>): Promise<boolean> => {
  try {
    await ask()
    return true
  } catch {
    return false
  }
}

const ofPg = (url: string): LentHost => {
  const pool = pgPool(url, { types: parsed() })
  return {
    pool,
    transaction: async (body) => {
      const client = await pool.connect()
      try {
        await client.query("BEGIN")
        await body(client, (text) => client.query(text))
        await client.query("COMMIT")
      } catch (cause) {
        await client.query("ROLLBACK")
        throw cause
      } finally {
        client.release()
      }
    },
    works: () => answers(() => pool.query("SELECT 1")),
    end: () => pool.end(),
  }
}

/** It gives names to statements, its own too, unless it is told that a pooler is in between. */
const postgresJsSql = (url: string, isPooled: boolean) =>
  postgres(url, {
    max: 4,
    prepare: !isPooled,
    onnotice: () => undefined,
    transform: postgres.camel,
    types: { number: { to: 20, from: [20], serialize: String, parse: BigInt } },
  })

const ofPostgresJs = (url: string, isPooled: boolean): LentHost => {
  const sql = postgresJsSql(url, isPooled)
  return {
    pool: sql,
    transaction: async (body) => {
      await sql.begin((tx) => body(tx, (text) => tx.unsafe(text)))
    },
    works: () => answers(() => sql`SELECT 1`),
    end: () => sql.end(),
  }
}

const ofDrizzle = (url: string): LentHost => {
  const pool = pgPool(url, { types: parsed() })
  const database = drizzleOverPg(pool, { casing: "snake_case" })
  return {
    pool: database,
    transaction: (body) => database.transaction((tx) => body(tx, async (text) => await tx.execute(drizzleSql.raw(text)))),
    works: () => answers(() => database.execute("SELECT 1")),
    end: () => pool.end(),
  }
}

const ofDrizzleOverPostgresJs = (url: string, isPooled: boolean): LentHost => {
  const sql = postgresJsSql(url, isPooled)
  const database = drizzleOverPostgresJs(sql)
  return {
    pool: database,
    transaction: (body) => database.transaction((tx) => body(tx, async (text) => await tx.execute(drizzleSql.raw(text)))),
    works: () => answers(() => database.execute("SELECT 1")),
    end: () => sql.end(),
  }
}

const ofKysely = (url: string): LentHost => {
  const database = new Kysely<object>({ dialect: new PostgresDialect({ pool: pgPool(url) }), plugins: [new CamelCasePlugin()] })
  return {
    pool: database,
    transaction: (body) => database.transaction().execute((tx) => body(tx, (text) => tx.executeQuery(CompiledQuery.raw(text)))),
    works: () => answers(() => database.executeQuery(CompiledQuery.raw("SELECT 1"))),
    end: () => database.destroy(),
  }
}

const camel = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(camel)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()), camel(one)]),
  )
}

const ofKnex = (url: string): LentHost => {
  const knex = makeKnex({ client: "pg", connection: url, pool: { min: 0, max: 4 }, postProcessResponse: camel })
  return {
    pool: knex,
    transaction: (body) => knex.transaction((tx) => body(tx, async (text) => await tx.raw(text))),
    works: () => answers(() => knex.raw("SELECT 1")),
    end: () => knex.destroy(),
  }
}

// Its module names no exports that an import could see.
const { getPrismaClient } = createRequire(import.meta.url)("@prisma/client/runtime/client") as typeof PrismaRuntime

const PRISMA_COMPILER = "@prisma/client/runtime/query_compiler_fast_bg.postgresql"

/** The real client, for a schema without models: what `prisma generate` writes for one, which would have to fetch a program first. */
const PrismaClient = getPrismaClient({
  previewFeatures: [],
  clientVersion: "7.10.0",
  engineVersion: "0",
  activeProvider: "postgresql",
  inlineSchema: 'datasource db {\n  provider = "postgresql"\n}\n',
  runtimeDataModel: { models: {}, enums: {}, types: {} },
  // No models: sixteen bytes of zero.
  parameterizationSchema: { strings: [], graph: "AAAAAAAAAAAAAAAAAAAAAA" },
  compilerWasm: {
    getRuntime: async () => await import(`${PRISMA_COMPILER}.mjs`),
    getQueryCompilerWasmModule: async () => {
      const { wasm } = (await import(`${PRISMA_COMPILER}.wasm-base64.mjs`)) as { readonly wasm: string }
      const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: { readonly Module: new (bytes: Uint8Array) => object } }
      return new WebAssembly.Module(Buffer.from(wasm, "base64"))
    },
    importName: "./query_compiler_fast_bg.js",
  },
})

interface PrismaTransaction {
  readonly $executeRawUnsafe: (text: string) => Promise<unknown>
}

const ofPrisma = (url: string): LentHost => {
  const pool = pgPool(url)
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) })
  return {
    pool: prisma,
    transaction: async (body) => {
      await prisma.$transaction((tx: PrismaTransaction) => body(tx, (text) => tx.$executeRawUnsafe(text)))
    },
    works: () => answers(() => prisma.$queryRawUnsafe("SELECT 1")),
    end: async () => {
      await prisma.$disconnect()
      await pool.end()
    },
  }
}

export const lentHosts: ReadonlyArray<readonly [name: string, open: (url: string, isPooled: boolean) => LentHost]> = [
  ["pg", ofPg],
  ["postgres.js", ofPostgresJs],
  ["Drizzle over pg", ofDrizzle],
  ["Drizzle over postgres.js", ofDrizzleOverPostgresJs],
  ["Kysely", ofKysely],
  ["Knex", ofKnex],
  ["Prisma", ofPrisma],
]
