/** The destination within a transaction of the host's: one contract for all libraries. */
import { createEngine, defineSource, type PipelineDefinition, type Plugin, type Store, type WriteMode } from "@deltaflow/core"
import { memoryStore } from "@deltaflow/core/store/memory"
import type pg from "pg"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { missingServer, type PostgresServer, startPostgres } from "../../../../scripts/postgresServer.ts"
import { type LentHost, lentHosts, pgPool } from "../../test/postgresHosts.ts"
import { memoryDestination, memorySource } from "../memory/index.ts"
import type { PostgresTransaction } from "./hosts/index.ts"
import { postgresDestinationOver, postgresDestinationWithin } from "./index.ts"
import { postgresStore } from "./store/index.ts"

const missing = await missingServer()

it.runIf(missing !== undefined)(`the destination is tried within transactions of hosts (not run: ${missing ?? ""})`, (test) => {
  expect(process.env["DELTAFLOW_SERVICES"], missing).not.toBe("required")
  test.skip()
})

describe.skipIf(missing !== undefined)("the destination within the host's transaction", () => {
  let server: PostgresServer
  let pool: pg.Pool
  const url = () => `postgres://postgres:any@127.0.0.1:${server.port}/postgres`
  beforeAll(async () => {
    server = await startPostgres()
    pool = pgPool(url())
    await pool.query("CREATE TABLE invoices (id int)")
  })
  afterAll(async () => {
    await pool.end()
    await server.stop()
  })

  const sql = async (text: string): Promise<ReadonlyArray<ReadonlyArray<unknown>>> =>
    (await pool.query({ text, rowMode: "array" })).rows as ReadonlyArray<ReadonlyArray<unknown>>
  let tables = 0
  const newTable = () => `w${++tables}`

  type Options = { readonly store?: Store; readonly plugins?: ReadonlyArray<Plugin>; readonly definition?: Partial<PipelineDefinition> }

  /** Runs a pipeline with its destination on `tx`, as a host does. */
  const load = async (tx: unknown, rows: ReadonlyArray<object>, destination: Record<string, unknown>, options: Options = {}) => {
    const { store = memoryStore(), plugins = [], definition = {} } = options
    await using engine = createEngine({
      store,
      plugins: [memorySource({ rows }), memoryDestination(), postgresDestinationWithin(tx as PostgresTransaction), ...plugins],
    })
    return await engine.run({
      name: `into_${String(destination["table"])}`,
      sources: [{ type: "memory", incremental: true, batch_size: 2 }],
      destinations: [{ type: "postgres", ...destination }],
      ...definition,
    })
  }

  describe.each(lentHosts)("%s", (name, open) => {
    let host: LentHost
    beforeAll(() => {
      host = open(url(), false)
    })
    afterAll(async () => {
      expect(await host.works()).toBe(true)
      await host.end()
    })

    const numbers = (count: number) => Array.from({ length: count }, (_, i) => ({ id: i + 1, note: `it's "${i}"` }))

    it("commits rows, checkpoint and the host's own writes together, or none of them", async () => {
      const table = newTable()
      await using store = postgresStore({ pool: host.pool, schema: `state_${table}` })
      const rows = numbers(5)
      const into = { table, write_mode: "append" } as const
      await sql("TRUNCATE invoices")
      await host.transaction(async (tx, execute) => {
        await execute("INSERT INTO invoices VALUES (1)")
        expect(await load(tx, rows, into, { store })).toMatchObject({ status: "success", rowsLoaded: 5 })
        await execute("INSERT INTO invoices VALUES (2)")
        expect(await sql(`SELECT to_regclass('${table}')`)).toEqual([[null]])
      })
      expect(await sql(`SELECT count(*)::int FROM ${table}`)).toEqual([[5]])
      // From here on the destination has a checkpoint, and the next run has a higher epoch than it.
      rows.push(...numbers(8).slice(5))
      const undone = host.transaction(async (tx, execute) => {
        await execute("INSERT INTO invoices VALUES (3)")
        expect(await load(tx, rows, into, { store })).toMatchObject({ rowsLoaded: 3 })
        throw new Error("no, after all")
      })
      await expect(undone).rejects.toThrow("no, after all")
      expect(await sql(`SELECT count(*)::int FROM ${table}`)).toEqual([[5]])
      rows.push(...numbers(9).slice(8))
      await host.transaction(async (tx) => {
        expect(await load(tx, rows, into, { store })).toMatchObject({ rowsLoaded: 4 })
        // Once more in the same transaction: it sees its own checkpoint.
        expect(await load(tx, rows, into, { store })).toMatchObject({ rowsLoaded: 0 })
        rows.push(...numbers(10).slice(9))
        expect(await load(tx, rows, into, { store })).toMatchObject({ rowsLoaded: 1 })
      })
      expect(await sql(`SELECT id::int, note FROM ${table} ORDER BY id`)).toEqual(numbers(10).map(({ id, note }) => [id, note]))
      expect(await sql("SELECT id FROM invoices ORDER BY id")).toEqual([[1], [2]])
      // A run outside goes on from there.
      await using engine = createEngine({ store, plugins: [memorySource({ rows: numbers(12) }), postgresDestinationOver(pool)] })
      const outside = await engine.run({
        name: `into_${table}`,
        sources: [{ type: "memory", incremental: true }],
        destinations: [{ type: "postgres", ...into }],
      })
      expect(outside.rowsLoaded).toBe(2)
    })

    it("has every write mode", async () => {
      const people = [
        { id: 1, name: "Ada", age: 36 },
        { id: 2, name: "Bob", age: null },
        { id: 1, name: "Ada L.", age: 37 },
        { id: 3, name: "", age: 4 },
      ]
      const contents = async (mode: WriteMode, more: Record<string, unknown>, within: boolean) => {
        const table = newTable()
        const runs = [people, [...people, { id: 2, name: "Rob", age: 5 }, { id: 4, name: 'a,"b"\n\\.', age: 1 }]]
        for (const rows of runs) {
          const destination = { table, write_mode: mode, ...more }
          const definition = { sources: [{ type: "memory" }] }
          if (within) await host.transaction(async (tx) => void (await load(tx, rows, destination, { definition })))
          else {
            await using engine = createEngine({ plugins: [memorySource({ rows }), postgresDestinationOver(pool)] })
            await engine.run({ name: `into_${table}`, ...definition, destinations: [{ type: "postgres", ...destination }] })
          }
        }
        const columns = await sql(
          `SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = '${table}'::regclass AND attnum > 0 ORDER BY attnum`,
        )
        return [columns, await sql(`SELECT id, name, age FROM ${table} ORDER BY 1, 2, 3`)]
      }
      const when = [{ condition: "age = 5", action: "delete" }, { action: "update" }, { action: "insert" }]
      const modes: ReadonlyArray<[WriteMode, Record<string, unknown>]> = [
        ["append", {}],
        ["replace", {}],
        ["upsert", { key: "id" }],
        ["merge", { key: "id", when }],
        ["scd2", { key: "id" }],
      ]
      for (const [mode, more] of modes)
        expect([mode, ...(await contents(mode, more, true))]).toEqual([mode, ...(await contents(mode, more, false))])
    })

    it("puts every type in as a load of its own does", async () => {
      const rows = [
        {
          id: 1,
          i: 9007199254740993n,
          d: 1.5e-7,
          n: 1.5,
          s: "é😀\t\\N",
          b: true,
          j: { a: [1, "x", null], "": {} },
          t: new Date(1_700_000_000_123),
          a: [1, 2],
          c: "",
        },
        { id: 2, i: -1n, d: Infinity, n: null, s: "null", b: false, j: "text", t: null, a: [], c: "x" },
        { id: 3, i: null, d: null, n: 2, s: null, b: null, j: [true], t: new Date(0), a: null, c: null },
      ]
      const columns = { i: "integer", d: "double", n: "decimal", j: "json", t: "timestamptz", a: "integer[]" } as const
      const sources = [{ type: "memory", columns }]
      const shape =
        "id bigint, i numeric(20,0), d double precision, n numeric(10,2), s varchar(40), b boolean, j jsonb, t timestamp with time zone, a bigint[], c char(3)"
      for (const create of ["", shape]) {
        const [within, over] = [newTable(), newTable()]
        if (create !== "") for (const table of [within, over]) await sql(`CREATE TABLE ${table} (${create})`)
        await host.transaction(async (tx) => void (await load(tx, rows, { table: within }, { definition: { sources } })))
        await using engine = createEngine({ plugins: [memorySource({ rows }), postgresDestinationOver(pool)] })
        await engine.run({ name: "over", sources, destinations: [{ type: "postgres", table: over }] })
        expect(await sql(`SELECT t::text FROM ${within} AS t ORDER BY id`)).toEqual(
          await sql(`SELECT t::text FROM ${over} AS t ORDER BY id`),
        )
        expect(await sql(`SELECT count(*)::int FROM ${within}`)).toEqual([[3]])
      }
    })

    it("leaves nothing of a run that fails, and the transaction goes on with the settings that it had", async () => {
      const table = newTable()
      await sql(`CREATE TABLE ${table} (id int PRIMARY KEY, note varchar(9))`)
      await sql("TRUNCATE invoices")
      await host.transaction(async (tx, execute) => {
        await execute("SET LOCAL timezone TO 'Asia/Tokyo'")
        await execute("SET LOCAL lock_timeout TO '7s'")
        await execute("INSERT INTO invoices VALUES (1)")
        const rows = [...numbers(3), { id: 4, note: "far too long for it" }]
        await expect(load(tx, rows, { table, write_mode: "append" })).rejects.toThrow(/too long/)
        await execute("DO $$ BEGIN ASSERT current_setting('timezone') = 'Asia/Tokyo' AND current_setting('lock_timeout') = '7s'; END $$")
        await execute(`DO $$ BEGIN ASSERT (SELECT count(*) FROM ${table}) = 0; END $$`)
        // The row alone, where the pipeline says so.
        const definition = { error_handling: { strategy: "skip", dead_letter: { type: "memory", dataset: "rejected" } } } as const
        expect(await load(tx, rows, { table, write_mode: "append" }, { definition })).toMatchObject({ rowsLoaded: 3, rowsRejected: 1 })
        await execute("DO $$ BEGIN ASSERT current_setting('timezone') = 'Asia/Tokyo' AND current_setting('lock_timeout') = '7s'; END $$")
      })
      expect(await sql(`SELECT count(*)::int FROM ${table}`)).toEqual([[3]])
      expect(await sql("SELECT id FROM invoices")).toEqual([[1]])
    })

    it("takes rows from a source that reads in the same transaction", async () => {
      const table = newTable()
      await sql("TRUNCATE invoices")
      await host.transaction(async (tx, execute) => {
        await execute("INSERT INTO invoices SELECT generate_series(1, 5)")
        const own = defineSource({
          type: "own",
          async *read() {
            for (let i = 0; i < 3; i++) {
              await execute("SELECT pg_sleep(0.01)")
              yield { rows: numbers(2) }
            }
          },
        })
        const definition = { sources: [{ type: "own", batch_size: 2 }] }
        expect(await load(tx, [], { table, write_mode: "append" }, { definition, plugins: [own] })).toMatchObject({ rowsLoaded: 6 })
      })
    })

    it("says what is wrong with a transaction that cannot be used", async () => {
      const table = newTable()
      const two = host.transaction(async (tx) => {
        const destinations = [
          { name: "one", type: "postgres", table },
          { name: "two", type: "postgres", table: `${table}_b` },
        ]
        await load(tx, numbers(1), {}, { definition: { destinations } })
      })
      await expect(two).rejects.toThrow(/another load is in this transaction/)
      const ended = { tx: undefined as unknown }
      await host.transaction(async (tx) => {
        ended.tx = tx
      })
      await expect(load(ended.tx, numbers(1), { table })).rejects.toMatchObject({ code: expect.stringMatching(/./) })
      await expect(load(host.pool, numbers(1), { table })).rejects.toThrow(/tx: it is no transaction that can be used/)
      expect(await sql(`SELECT to_regclass('${table}'), to_regclass('${table}_b')`)).toEqual([[null, null]])
      if (name === "pg") {
        const client = await pool.connect()
        await expect(load(client, numbers(1), { table })).rejects.toThrow(/Begin a transaction first/)
        client.release()
      }
    })
  })

  it("counts on from what a step remembers after a rollback, and says what was lost where there were two runs in it", async () => {
    const table = newTable()
    const store = memoryStore()
    const definition = {
      sources: [{ type: "memory", incremental: true }],
      transforms: [{ type: "aggregate", group_by: "kind", metrics: { n: "COUNT(*)" } }],
    } as const
    const rows: Array<{ readonly kind: string }> = []
    const run = async (client: pg.PoolClient, count: number) => {
      for (let i = 0; i < count; i++) rows.push({ kind: "a" })
      return await load(client, rows, { table, write_mode: "upsert", key: "kind" }, { store, definition })
    }
    const inTransaction = async (end: "COMMIT" | "ROLLBACK", counts: ReadonlyArray<number>) => {
      const client = await pool.connect()
      try {
        await client.query("BEGIN")
        for (const count of counts) await run(client, count)
        await client.query(end)
      } catch (cause) {
        await client.query("ROLLBACK")
        throw cause
      } finally {
        client.release()
      }
    }
    await inTransaction("COMMIT", [2])
    await inTransaction("ROLLBACK", [3])
    await inTransaction("COMMIT", [1])
    expect(await sql(`SELECT n::int FROM ${table}`)).toEqual([[6]])
    await inTransaction("ROLLBACK", [1, 1])
    await expect(inTransaction("COMMIT", [1])).rejects.toMatchObject({ code: "STATE_LOST" })
  })

  it("reads all again after a reset, which the store knows and the destination does not", async () => {
    const table = newTable()
    const store = memoryStore()
    const rows = [{ id: 1 }, { id: 2 }]
    const into = { table, write_mode: "append" } as const
    const inTransaction = async () => {
      const client = await pool.connect()
      await client.query("BEGIN")
      const { rowsLoaded } = await load(client, rows, into, { store })
      await client.query("COMMIT")
      client.release()
      return rowsLoaded
    }
    expect([await inTransaction(), await inTransaction()]).toEqual([2, 0])
    await using engine = createEngine({ store, plugins: [memorySource({ rows }), postgresDestinationOver(pool)] })
    await engine.resetState(`into_${table}`, {
      name: `into_${table}`,
      sources: [{ type: "memory", incremental: true }],
      destinations: [{ type: "postgres", ...into }],
    })
    expect([await inTransaction(), await inTransaction()]).toEqual([2, 0])
  })

  it("lets one of two runs that take the same rows in transactions of their own commit", async () => {
    const table = newTable()
    await sql(`CREATE TABLE ${table} (id int)`)
    const store = memoryStore()
    const clients = [await pool.connect(), await pool.connect()] as const
    const rows = [{ id: 1 }, { id: 2 }]
    const into = { table, write_mode: "append" }
    await clients[0].query("BEGIN")
    await load(clients[0], rows, into, { store })
    await clients[1].query("BEGIN")
    const second = load(clients[1], rows, into, { store }).then(
      () => undefined,
      (error: unknown) => error,
    )
    // It waits for the first one's checkpoint.
    await vi.waitFor(async () => expect(await sql("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")).toHaveLength(1), {
      timeout: 10_000,
    })
    await clients[0].query("COMMIT")
    expect(await second).toMatchObject({ code: "LEASE_LOST" })
    await clients[1].query("COMMIT")
    for (const client of clients) client.release()
    expect(await sql(`SELECT id FROM ${table} ORDER BY id`)).toEqual([[1], [2]])
  })
})
