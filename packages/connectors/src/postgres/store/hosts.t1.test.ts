/** The store on what a host has: one contract for all libraries. */
import { createEngine, defineDestination, defineSource, type Run } from "@deltaflow/core"
import { runLaws, storeLaws } from "@deltaflow/testing"
import * as Effect from "effect/Effect"
import type pg from "pg"
import { afterAll, beforeAll, describe, expect, it, test } from "vitest"
import { missingServer, type PostgresServer, startPostgres } from "../../../../../scripts/postgresServer.ts"
import { type LentHost, lentHosts, pgPool } from "../../../test/postgresHosts.ts"
import { postgresStore } from "./index.ts"

const missing = await missingServer()

it.runIf(missing !== undefined)(`the store is tried on pools of hosts (not run: ${missing ?? ""})`, (test) => {
  expect(process.env["DELTAFLOW_SERVICES"], missing).not.toBe("required")
  test.skip()
})

const run = <A>(effect: Effect.Effect<A, unknown>): Promise<A> => Effect.runPromise(effect)

let schemas = 0
const freshSchema = () => `it's "${++schemas}; own`

const quoted = (schema: string) => `"${schema.replaceAll('"', '""')}"`

const aRun = (id: string, fields: Partial<Run> = {}): Run => ({
  id,
  pipeline: "orders",
  revision: 1,
  status: "pending",
  trigger: "manual",
  createdAt: 1000,
  startedAt: null,
  completedAt: null,
  fullRefresh: false,
  dryRun: false,
  rowsExtracted: 0,
  rowsFiltered: 0,
  rowsLoaded: 0,
  rowsRejected: 0,
  stages: [],
  error: null,
  attempt: 1,
  retryOf: null,
  variables: [],
  logicalTime: null,
  ...fields,
})

const numbers = defineSource({
  type: "numbers",
  async *read() {
    yield { rows: [{ id: 1 }] }
  },
})
const nowhere = defineDestination({ type: "nowhere", open: () => ({ write: () => undefined, commit: () => undefined }) })
const plugins = [numbers, nowhere]
const definition = { name: "numbers", sources: [{ type: "numbers" }], destinations: [{ type: "nowhere" }] }

describe.skipIf(missing !== undefined)("the store on what the host has", () => {
  let server: PostgresServer
  let pool: pg.Pool
  const url = () => `postgres://postgres:any@127.0.0.1:${server.port}/postgres`
  beforeAll(async () => {
    server = await startPostgres()
    pool = pgPool(url())
  })
  afterAll(async () => {
    await pool.end()
    await server.stop()
  })

  const sql = async (text: string): Promise<ReadonlyArray<Record<string, unknown>>> => (await pool.query(text)).rows

  it("does not wait for ever where the host's transaction holds the only connection", { timeout: 40_000 }, async () => {
    const only = pgPool(url(), { max: 1 })
    const schema = freshSchema()
    const store = postgresStore({ pool: only, schema })
    const engine = createEngine({ store, plugins })
    const client = await only.connect()
    await client.query("BEGIN")
    const message =
      "store: the pool that was lent gave no connection within 20 s. See whether it was closed, or all its connections are in use."
    await expect(engine.enqueueRun({ pipeline: definition, tx: client })).rejects.toMatchObject({ code: "STORE_FAILED", message })
    await client.query("ROLLBACK")
    client.release()
    // Once store and engine are open, nothing but the transaction is needed.
    await engine.listRuns()
    const again = await only.connect()
    await again.query("BEGIN")
    const { id } = await engine.enqueueRun({ pipeline: definition, tx: again })
    await again.query("COMMIT")
    again.release()
    expect(await engine.getRun(id)).toMatchObject({ status: "pending" })
    await engine.close()
    await run(store.close())
    await only.end()
  })

  describe.each(lentHosts)("%s", (_, open) => {
    let host: LentHost
    beforeAll(async () => {
      host = open(url(), false)
      await sql("CREATE TABLE IF NOT EXISTS invoices (id int)")
    })
    afterAll(async () => {
      // Never closed by a store, whatever stores there were.
      expect(await host.works()).toBe(true)
      await host.end()
    })

    describe("the laws", () => {
      runLaws(
        storeLaws(
          "postgres",
          ({ now }) => {
            const schema = freshSchema()
            return { open: () => postgresStore({ pool: host.pool, schema, now }) }
          },
          { runs: 4, strings: [], durable: true },
        ),
        { test },
      )
    })

    it("makes a run within the host's transaction: it is there with the commit, and gone with a rollback", async () => {
      const schema = freshSchema()
      await using store = postgresStore({ pool: host.pool, schema })
      await using engine = createEngine({ store, plugins })
      await sql("TRUNCATE invoices")
      let id = ""
      await host.transaction(async (tx, execute) => {
        await execute("INSERT INTO invoices VALUES (1)")
        id = (await engine.enqueueRun({ pipeline: definition, tx })).id
        await execute("INSERT INTO invoices VALUES (2)")
        expect(await engine.getRun(id)).toBeUndefined()
      })
      expect(await engine.getRun(id)).toMatchObject({ id, status: "pending", pipeline: "numbers" })
      const undone = host.transaction(async (tx, execute) => {
        await execute("INSERT INTO invoices VALUES (3)")
        id = (await engine.enqueueRun({ pipeline: definition, tx })).id
        throw new Error("no invoice after all")
      })
      await expect(undone).rejects.toThrow("no invoice after all")
      expect(await engine.getRun(id)).toBeUndefined()
      expect(await engine.listRuns()).toMatchObject({ total: 1 })
      expect(await sql("SELECT id FROM invoices ORDER BY id")).toEqual([{ id: 1 }, { id: 2 }])
      expect(await sql(`SELECT count(*)::int AS n FROM ${quoted(schema)}.entries`)).toEqual([{ n: 1 }])
    })

    it("keeps entries and finds definitions in it, and leaves the transaction's settings as they were", async () => {
      const schema = freshSchema()
      await using store = postgresStore({ pool: host.pool, schema })
      await run(store.saveDefinition({ name: "orders", definition: '{"name":"orders"}', source: null }))
      const entry = { collection: "c", key: "k\0é", value: { a: [1, "true", null] }, expiresAt: null }
      await host.transaction(async (tx, execute) => {
        await execute("SET LOCAL search_path TO pg_temp")
        const on = store.inTransaction!(tx)
        expect(await run(on.getDefinition("orders"))).toMatchObject({ name: "orders", revision: 1, paused: false })
        expect(await run(on.getDefinition("none"))).toBeUndefined()
        expect(await run(on.saveEntry(entry, 0))).toMatchObject({ ...entry, version: 1 })
        expect(await run(on.saveEntry(entry, 0))).toBeUndefined()
        await run(on.createRun(aRun("run_1", { variables: ["it's ?", "$1"], dryRun: true })))
        await execute("DO $$ BEGIN ASSERT current_setting('search_path') = 'pg_temp'; END $$")
      })
      expect(await run(store.getEntry("c", "k\0é"))).toMatchObject({ ...entry, version: 1 })
      expect(await run(store.getRun("run_1"))).toEqual(aRun("run_1", { variables: ["it's ?", "$1"], dryRun: true }))
      // What is wrong with a run is told, and nothing else of the transaction is lost.
      await host.transaction(async (tx) => {
        const on = store.inTransaction!(tx)
        const taken = await run(Effect.flip(on.createRun(aRun("run_1"))))
        expect(taken.message).toContain('there is a run "run_1" already')
        await run(on.createRun(aRun("run_2")))
      })
      expect(await run(store.listRuns({}))).toMatchObject({ total: 2 })
    })

    it("locks nothing that others need until the host commits", async () => {
      const schema = freshSchema()
      await using store = postgresStore({ pool: host.pool, schema })
      await using other = postgresStore({ connection: url(), schema })
      // Every hundredth new run adds up the counts.
      for (let i = 0; i < 98; i++) await run(other.createRun(aRun(`run_${i}`)))
      await run(store.saveEntry({ collection: "c", key: "gone", value: 1, expiresAt: 1 }))
      await host.transaction(async (tx) => {
        const on = store.inTransaction!(tx)
        await run(on.createRun(aRun("mine_1")))
        await run(on.createRun(aRun("mine_2")))
        await run(on.saveEntry({ collection: "c", key: "mine", value: 1, expiresAt: null }))
        await run(other.createRun(aRun("other_1")))
        for (let i = 0; i < 100; i++) await run(other.createRun(aRun(`other_${i}_`)))
        expect(
          await run(
            other.updateRun("run_1", { status: "success" }, [
              { id: "e", type: "t", timestamp: 1, pipeline: "orders", runId: null, data: {} },
            ]),
          ),
        ).toBe(true)
        await run(other.saveEntry({ collection: "c", key: "gone", value: 2, expiresAt: null }, 0))
        await run(other.saveEntry({ collection: "c", key: "other", value: 2, expiresAt: null }, 0))
      })
      expect(await run(store.listRuns({ limit: 0 }))).toMatchObject({ total: 201 })
    })

    it("says what is wrong with a transaction that cannot be used", async () => {
      const schema = freshSchema()
      await using store = postgresStore({ pool: host.pool, schema })
      await using engine = createEngine({ store, plugins })
      const failing = (tx: unknown) => engine.enqueueRun({ pipeline: definition, tx })
      const unknown = {
        code: "INVALID_VALUE",
        message:
          "store: tx: it is no transaction that can be used. Give a client of pg, or what the transaction of postgres.js, Drizzle, Kysely, Knex or Prisma gives, and no pool.",
      }
      for (const tx of [{}, "tx", null, 1, () => undefined, host.pool]) await expect(failing(tx)).rejects.toMatchObject(unknown)
      const ended = { tx: undefined as unknown }
      await host.transaction(async (tx) => {
        ended.tx = tx
      })
      await expect(failing(ended.tx)).rejects.toMatchObject({ name: "StoreError" })
      const failed = host.transaction(async (tx, execute) => {
        await expect(execute("SELECT 1 / 0")).rejects.toThrow(/division by zero|1 \/ 0/)
        await expect(failing(tx)).rejects.toThrow(/current transaction is aborted/)
        throw new Error("rolled back")
      })
      await expect(failed).rejects.toThrow("rolled back")
      expect(await engine.listRuns()).toMatchObject({ total: 0 })
    })

    it("refuses a transaction of another database", async () => {
      const schema = freshSchema()
      await sql(`DROP DATABASE IF EXISTS elsewhere`)
      await sql(`CREATE DATABASE elsewhere`)
      const elsewhere = open(url().replace(/postgres$/, "elsewhere"), false)
      await using store = postgresStore({ pool: host.pool, schema })
      await using engine = createEngine({ store, plugins })
      const failed = elsewhere.transaction(async (tx) => {
        await engine.enqueueRun({ pipeline: definition, tx })
      })
      await expect(failed).rejects.toMatchObject({
        code: "INVALID_VALUE",
        message: `store: tx: its database has no store in the schema ${schema}. The transaction must be of the store's own database.`,
      })
      await elsewhere.end()
      expect(await engine.listRuns()).toMatchObject({ total: 0 })
    })

    it("tells that the pool was closed under it, at once, and again", async () => {
      const closing = open(url(), false)
      const schema = freshSchema()
      const store = postgresStore({ pool: closing.pool, schema })
      await run(store.createRun(aRun("run_1")))
      const engine = createEngine({ store, plugins })
      await engine.run(definition)
      await closing.end()
      for (let i = 0; i < 2; i++) {
        const error = await run(Effect.flip(store.getRun("run_1")))
        expect(error).toMatchObject({ name: "StoreError", code: "STORE_FAILED" })
        expect(error.message).toMatch(/The pool that was lent is closed\. Close the store before it, or give another one\.$/)
      }
      await expect(engine.run(definition)).rejects.toThrow(/The pool that was lent is closed/)
      await engine.close()
      await run(store.close())
      await using again = postgresStore({ pool: host.pool, schema })
      expect(await run(again.getRun("run_1"))).toMatchObject({ id: "run_1", createdAt: 1000 })
    })

    // Kysely does not tell those who wait, so that they are told after a while.
    it("fails what was asked while the pool was closed, or does it", { timeout: 40_000 }, async () => {
      const closing = open(url(), false)
      const store = postgresStore({ pool: closing.pool, schema: freshSchema() })
      await run(store.countDefinitions())
      const asked = Array.from({ length: 20 }, (_, i) => run(Effect.result(store.createRun(aRun(`run_${i}`)))))
      // Some have a connection by then, and some wait for one.
      await new Promise((resolve) => setImmediate(resolve))
      const ended = closing.end()
      const results = await Promise.all(asked)
      const failures = results.flatMap((result) => (result._tag === "Failure" ? [result.failure as Error & { readonly code: string }] : []))
      expect(failures.map(({ name, code }) => [name, code])).toEqual(failures.map(() => ["StoreError", "STORE_FAILED"]))
      await ended
      await run(store.close())
    })
  })
})
