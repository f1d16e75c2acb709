import { tmpdir } from "node:os"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { missingServer, type PostgresServer, startPostgres } from "../../../../scripts/postgresServer.ts"
import { changesSuite } from "../../test/changesSuite.ts"
import { postgresDestination } from "./index.ts"

/** The package brings no types. */
const packageName: string = "pg"
const { Pool } = ((await import(packageName)) as { readonly default: { readonly Pool: new (config: object) => TestPool } }).default

interface TestPool {
  readonly query: (sql: string) => Promise<{ readonly rows: ReadonlyArray<Record<string, unknown>> }>
  readonly on: (event: "error", listener: () => void) => unknown
  readonly end: () => Promise<void>
}

const missing = await missingServer()

it.runIf(missing !== undefined)(`merge, scd2 and hard deletes are tried against PostgreSQL (not run: ${missing ?? ""})`, (test) => {
  expect(process.env["DELTAFLOW_SERVICES"], missing).not.toBe("required")
  test.skip()
})

/** As SQLite gives it. */
const plain = (value: unknown): unknown => {
  if (value instanceof Date) return value.toISOString()
  if (typeof value === "object" && value !== null) return JSON.stringify(value)
  if (typeof value === "boolean") return value ? 1 : 0
  return typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : value
}

describe.skipIf(missing !== undefined)("postgres", () => {
  let server: PostgresServer
  let pool: TestPool
  beforeAll(async () => {
    server = await startPostgres()
    pool = new Pool({ host: "127.0.0.1", port: server.port, user: "postgres", password: "any" })
    // When the server is stopped.
    pool.on("error", () => undefined)
  })
  afterAll(async () => {
    await pool.end()
    await server.stop()
  })
  let tables = 0
  changesSuite(
    () => ({
      destination: postgresDestination,
      projectRoot: tmpdir(),
      newTable: () => ({
        config: { connection: `postgres://postgres:any@127.0.0.1:${server.port}/postgres`, table: `changes_${++tables}` },
        sql: async (text) => {
          const { rows } = await pool.query(text)
          return rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)])))
        },
      }),
    }),
    0.5,
  )
})
