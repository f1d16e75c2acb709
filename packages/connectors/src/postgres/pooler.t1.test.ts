/** Behind a pooler in transaction mode: nothing of ours is kept in a session. */
import { createEngine } from "@deltaflow/core"
import * as Effect from "effect/Effect"
import pg from "pg"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { missingServer, type PostgresServer, startPostgres } from "../../../../scripts/postgresServer.ts"
import { type LentHost, lentHosts } from "../../test/postgresHosts.ts"
import { startPooler, type TransactionPooler } from "../../test/transactionPooler.ts"
import { memorySource } from "../memory/index.ts"
import type { PostgresTransaction } from "./hosts/index.ts"
import { postgresDestination, postgresDestinationWithin } from "./index.ts"
import { postgresStore } from "./store/index.ts"

const missing = await missingServer()

it.runIf(missing !== undefined)(`what a session keeps is tried behind a pooler (not run: ${missing ?? ""})`, (test) => {
  expect(process.env["DELTAFLOW_SERVICES"], missing).not.toBe("required")
  test.skip()
})

describe.skipIf(missing !== undefined)("behind a pooler in transaction mode", () => {
  let server: PostgresServer
  let pooler: TransactionPooler
  beforeAll(async () => {
    server = await startPostgres()
    pooler = await startPooler(server.port, 4)
  })
  afterAll(async () => {
    await pooler.stop()
    await server.stop()
  })
  const url = () => `postgres://postgres:any@127.0.0.1:${pooler.port}/postgres`

  it("is one that gives each transaction another session", async () => {
    const client = new pg.Client(url())
    await client.connect()
    const pid = async () => (await client.query("SELECT pg_backend_pid() AS pid")).rows[0].pid as number
    expect(await pid()).not.toBe(await pid())
    await client.query("BEGIN")
    expect(await pid()).toBe(await pid())
    await client.query("COMMIT")
    await client.end()
  })

  it.each(lentHosts)("%s: the store and loads leave nothing in a session", async (name, open) => {
    const host: LentHost = open(url(), true)
    const before = pooler.transactions()
    const table = `behind_${name.replaceAll(/\W/g, "_").toLowerCase()}`
    const store = postgresStore({ pool: host.pool, schema: table })
    const rows = [{ id: 1, note: "a" }]
    const plugins = [memorySource({ rows }), postgresDestination]
    const engine = createEngine({ store, plugins })
    const definition = {
      name: table,
      sources: [{ type: "memory", incremental: true }],
      destinations: [{ type: "postgres", connection: url(), table, write_mode: "upsert", key: "id" }],
    } as const
    expect((await engine.run(definition)).rowsLoaded).toBe(1)
    rows.push({ id: 2, note: "b" })
    await host.transaction(async (tx) => {
      await engine.enqueueRun({ pipeline: definition, tx })
      await using within = createEngine({ store, plugins: [memorySource({ rows }), postgresDestinationWithin(tx as PostgresTransaction)] })
      const destinations = [{ type: "postgres", table, write_mode: "upsert", key: "id" }] as const
      expect((await within.run({ ...definition, destinations })).rowsLoaded).toBe(1)
    })
    rows.push({ id: 3, note: "c" })
    expect((await engine.run(definition)).rowsLoaded).toBe(1)
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => Effect.runPromise(store.saveEntry({ collection: "c", key: `${i}`, value: i, expiresAt: null }))),
    )
    expect((await engine.listRuns()).total).toBe(4)
    await engine.close()
    await Effect.runPromise(store.close())
    await host.end()
    // All of them were used.
    expect(Math.min(...pooler.transactions().map((count, i) => count - before[i]!))).toBeGreaterThan(5)
    const none = [[], [], [], []]
    // What SET TRANSACTION says ends with its transaction, whatever this list tells.
    expect(await pooler.ask("SELECT name FROM pg_settings WHERE source = 'session' AND name NOT LIKE 'transaction%'")).toEqual(none)
    // postgres.js asks for the types of arrays by itself.
    expect(await pooler.ask("SELECT statement FROM pg_prepared_statements WHERE statement NOT LIKE '%typarray%'")).toEqual(none)
    expect(await pooler.ask("SELECT locktype FROM pg_locks WHERE locktype = 'advisory'")).toEqual(none)
    expect(await pooler.ask("SELECT relname FROM pg_class WHERE relpersistence = 't'")).toEqual(none)
    expect(await pooler.ask(`SELECT count(*) FROM ${table}`)).toEqual([["3"], ["3"], ["3"], ["3"]])
  })
})
