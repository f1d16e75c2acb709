import {
  createEngine,
  defineDestination,
  type Load,
  type LoadRequest,
  type PipelineDefinition,
  type Row,
  type RunOptions,
} from "@deltaflow/core"
import { memoryStore } from "@deltaflow/core/store/memory"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { missingServer, type PostgresServer, startPostgres } from "../../../../../scripts/postgresServer.ts"
import { memoryDestination } from "../../memory/index.ts"
import { postgresDestination, postgresSource } from "../index.ts"
import { parseLsn } from "./pgoutput.ts"

/** The package brings no types. */
const packageName: string = "pg"
const { Pool } = ((await import(packageName)) as { readonly default: { readonly Pool: new (config: object) => TestPool } }).default

interface TestPool {
  readonly query: (sql: string, values?: ReadonlyArray<unknown>) => Promise<{ readonly rows: ReadonlyArray<Record<string, unknown>> }>
  readonly on: (event: "error", listener: () => void) => unknown
  readonly end: () => Promise<void>
}

const missing = await missingServer()

it.runIf(missing !== undefined)(`changes are tried against PostgreSQL (not run: ${missing ?? ""})`, (test) => {
  expect(process.env["DELTAFLOW_SERVICES"], missing).not.toBe("required")
  test.skip()
})

describe.skipIf(missing !== undefined)("mode: cdc of the source postgres", () => {
  let pool: TestPool
  let server: PostgresServer
  const url = () => `postgres://postgres:any@127.0.0.1:${server.port}/postgres`
  const sql = async (text: string, values?: ReadonlyArray<unknown>) => (await pool.query(text, values)).rows
  beforeAll(async () => {
    server = await startPostgres({
      settings: ["wal_level=logical", "synchronous_commit=on", "max_replication_slots=40", "max_wal_senders=20"],
    })
    pool = new Pool({ host: "127.0.0.1", port: server.port, user: "postgres", password: "any", max: 8 })
    pool.on("error", () => undefined)
  })
  afterAll(async () => {
    await pool.end()
    await server.stop()
  })

  /** One pipeline over several runs, with rows kept in memory. */
  const following = (name: string, source: Record<string, unknown>, more: Partial<PipelineDefinition> = {}) => {
    const output = memoryDestination()
    const store = memoryStore()
    const definition: PipelineDefinition = {
      name,
      sources: [{ type: "postgres", connection: url(), mode: "cdc", slot: name, ...source }],
      destinations: [{ type: "memory", write_mode: "append" }],
      ...more,
    }
    const engine = createEngine({ plugins: [postgresSource, postgresDestination, output], store })
    return {
      engine,
      definition,
      output,
      /** The rows that this run brings. */
      run: async (options: RunOptions = {}): Promise<ReadonlyArray<Row>> => {
        const before = output.rows().length
        await engine.run(definition, options)
        return output.rows().slice(before)
      },
    }
  }

  const slotOf = async (name: string) => (await sql("SELECT * FROM pg_replication_slots WHERE slot_name = $1", [name]))[0]
  const confirmed = async (name: string): Promise<unknown> => (await slotOf(name))?.["confirmed_flush_lsn"]
  const failure = async (promise: Promise<unknown>) => {
    const error = await promise.then(
      () => undefined,
      (cause: unknown) => cause,
    )
    expect(error).toBeInstanceOf(Error)
    return error as Error & { readonly code: string }
  }
  /** Only what hangs lasts longer. */
  const WAIT = { timeout: 15_000, interval: 20 }

  const short = (rows: ReadonlyArray<Row>) => rows.map(({ _lsn, _commit_time, _deleted, ...row }) => row)

  it("reads the table once, and then what changes in it", async () => {
    await sql("CREATE TABLE people (id int PRIMARY KEY, name text, tags text[], big int8)")
    await sql(`INSERT INTO people VALUES (1, 'Ada', '{a,"b c",NULL}', 9007199254740993), (2, 'Bob', NULL, NULL)`)
    const people = following("people", { table: "people" })
    expect(short(await people.run())).toEqual([
      { id: 1, name: "Ada", tags: ["a", "b c", null], big: 9_007_199_254_740_993n, _op: "snapshot" },
      { id: 2, name: "Bob", tags: null, big: null, _op: "snapshot" },
    ])
    expect(await people.run()).toEqual([])
    await sql("UPDATE people SET name = 'Ada L.' WHERE id = 1")
    await sql(`INSERT INTO people VALUES (3, 'Cy', '{"x\\\\y","q\\"r"}', -1)`)
    await sql("DELETE FROM people WHERE id = 2")
    const rows = await people.run()
    expect(short(rows)).toEqual([
      { id: 1, name: "Ada L.", tags: ["a", "b c", null], big: 9_007_199_254_740_993n, _op: "update" },
      { id: 3, name: "Cy", tags: ["x\\y", 'q"r'], big: -1, _op: "insert" },
      { id: 2, _op: "delete" },
    ])
    expect(rows.map((row) => row["_deleted"])).toEqual([false, false, true])
    expect(await people.run()).toEqual([])
  })

  it("misses nothing and repeats nothing of what is written while the tables are read", async () => {
    await sql("CREATE TABLE ledger (id int PRIMARY KEY, version int NOT NULL, pad text)")
    await sql("INSERT INTO ledger SELECT i, 1, repeat('x', 200) FROM generate_series(1, 20000) AS i")
    const ledger = following("ledger", { table: "ledger", batch_size: 500 })
    let isWriting = true
    let next = 20_001
    const write = async (seed: number): Promise<void> => {
      for (let i = seed; isWriting; i += 7) {
        const id = next++
        await sql(
          `INSERT INTO ledger VALUES (${id}, 1, ''); UPDATE ledger SET version = version + 1 WHERE id IN (${(i * 31) % 20_000}, ${(i * 97) % 20_000}, ${id - 3})`,
        )
      }
    }
    const writers = [1, 2, 3].map(write)
    const rows = [...(await ledger.run()), ...(await ledger.run())]
    isWriting = false
    await Promise.all(writers)
    rows.push(...(await ledger.run()))
    const seen = new Map<number, number>()
    for (const { id, version, _op } of rows as unknown as ReadonlyArray<{
      readonly id: number
      readonly version: number
      readonly _op: string
    }>) {
      const before = seen.get(id)
      if (before === undefined)
        expect(_op === "snapshot" || (_op === "insert" && version === 1), `${id} begins with ${_op} ${version}`).toBe(true)
      else expect(version, `${id} after ${before}`).toBe(before + 1)
      seen.set(id, version)
    }
    const now = await sql("SELECT id, version FROM ledger")
    expect(now.length).toBe(seen.size)
    for (const { id, version } of now) expect(seen.get(Number(id)), String(id)).toBe(version)
    // Else nothing was written meanwhile, and nothing was tried.
    expect(rows.filter(({ _op }) => _op === "update").length).toBeGreaterThan(20)
  })

  it("keeps a table the same by an upsert, through steps, with large values that did not change, and marks what is deleted", async () => {
    await sql("CREATE TABLE notes (id int PRIMARY KEY, title text, body text)")
    const large = "SELECT string_agg(md5(i::text), '') FROM generate_series(1, 1000) AS i"
    await sql(`INSERT INTO notes SELECT i, 't' || i, (${large}) FROM generate_series(1, 3) AS i`)
    const { run } = following(
      "notes",
      { table: "notes" },
      {
        transforms: [
          { type: "map", fields: { shown: "upper(title)", size: "length(body)" } },
          { type: "select", columns: ["id", "shown", "title", "body", "size", "_deleted"] },
        ],
        destinations: [{ type: "postgres", connection: url(), table: "notes_copy", key: "id" }],
      },
    )
    await run()
    await sql("UPDATE notes SET title = 'new' WHERE id = 1; DELETE FROM notes WHERE id = 2; INSERT INTO notes VALUES (4, 'four', 'small')")
    await run()
    const copy =
      "SELECT id, shown, title, body = md5s AS same, size, _deleted FROM notes_copy LEFT JOIN LATERAL (" +
      large +
      ") AS l (md5s) ON true ORDER BY id"
    expect(await sql(copy)).toEqual([
      { id: "1", shown: "NEW", title: "new", same: true, size: "32000", _deleted: false },
      { id: "2", shown: "T2", title: "t2", same: true, size: "32000", _deleted: true },
      { id: "3", shown: "T3", title: "t3", same: true, size: "32000", _deleted: false },
      { id: "4", shown: "FOUR", title: "four", same: false, size: "5", _deleted: false },
    ])
    await sql("ALTER TABLE notes REPLICA IDENTITY FULL; UPDATE notes SET id = 30 WHERE id = 3")
    await run()
    expect((await sql(copy)).slice(2)).toEqual([
      { id: "3", shown: "T3", title: "t3", same: true, size: "32000", _deleted: true },
      { id: "4", shown: "FOUR", title: "four", same: false, size: "5", _deleted: false },
      { id: "30", shown: "T3", title: "t3", same: true, size: "32000", _deleted: false },
    ])
  })

  it("keeps a copy that is the table, deletes and large values that did not change among it", async () => {
    await sql("CREATE TABLE origin (id int PRIMARY KEY, name text, note text)")
    await sql("ALTER TABLE origin ALTER note SET STORAGE EXTERNAL")
    await sql("INSERT INTO origin SELECT i, 'n' || i, repeat('long', 3000) || i FROM generate_series(1, 60) AS i")
    const copying = following(
      "origin",
      { table: "origin" },
      {
        transforms: [{ type: "select", columns: ["id", "name", "note", "_deleted"] }],
        destinations: [{ type: "postgres", connection: url(), table: "origin_copy", write_mode: "upsert", key: "id", hard_deletes: "key" }],
      },
    )
    const tables = async () => {
      const sum = (table: string) =>
        sql(`SELECT count(*)::int AS rows, md5(string_agg(t::text, ',' ORDER BY id)) AS sum FROM ${table} AS t`)
      return [await sum("origin_copy"), await sum("origin")] as const
    }
    for (let round = 0; round < 6; round++) {
      await copying.engine.run(copying.definition)
      const [copy, origin] = await tables()
      expect(copy).toEqual(origin)
      await sql(`DELETE FROM origin WHERE id % 7 = ${round}; UPDATE origin SET name = name || '${round}' WHERE id % 3 = ${round % 3}`)
      await sql(
        `INSERT INTO origin SELECT i, 'again', repeat('more', 4000) FROM generate_series(1, 60, ${round + 5}) AS i ON CONFLICT DO NOTHING`,
      )
      // A key that moves is a row that goes and one that comes.
      await sql(`UPDATE origin SET id = id + ${1000 + 100 * round}, note = 'moved' WHERE id = (SELECT min(id) FROM origin)`)
    }
    await copying.engine.run(copying.definition)
    const [copy, origin] = await tables()
    expect(copy).toEqual(origin)
  })

  it("gives a large value that did not change where the whole row is in the log, else no column", async () => {
    await sql("CREATE TABLE toast (id int PRIMARY KEY, n int, body text)")
    await sql("INSERT INTO toast SELECT 1, 0, string_agg(md5(i::text), '') FROM generate_series(1, 1000) AS i")
    const toast = following("toast", { table: "toast" })
    await toast.run()
    await sql("UPDATE toast SET n = 1")
    expect(short(await toast.run())).toEqual([{ id: 1, n: 1, _op: "update" }])
    await sql("UPDATE toast SET id = 2")
    const error = await failure(toast.run())
    expect(error.message).toMatch(
      /a row of public\.toast got another key.*body.*ALTER TABLE "public"\."toast" REPLICA IDENTITY FULL.*--full-refresh/,
    )
    await sql("ALTER TABLE toast REPLICA IDENTITY FULL")
    expect(await toast.run({ fullRefresh: true })).toHaveLength(1)
    await sql("UPDATE toast SET n = 2; UPDATE toast SET id = 3; DELETE FROM toast")
    const rows = await toast.run()
    expect(rows.map(({ _op, id, n, body }) => [_op, id, n, String(body).length])).toEqual([
      ["update", 2, 2, 32_000],
      ["delete", 2, 2, 32_000],
      ["update", 3, 2, 32_000],
      ["delete", 3, 2, 32_000],
    ])
  })

  it("says that a table was truncated, and lets no such row into a table by key", async () => {
    await sql("CREATE TABLE bin (id int PRIMARY KEY); INSERT INTO bin VALUES (1)")
    const bin = following("bin", { table: "bin" })
    await bin.run()
    await sql("TRUNCATE bin; INSERT INTO bin VALUES (2)")
    const rows = await bin.run()
    expect(short(rows)).toEqual([{ _op: "truncate" }, { id: 2, _op: "insert" }])
    expect(rows[0]!["_deleted"]).toBe(true)

    const byKey = { destinations: [{ type: "postgres", connection: url(), table: "bin_copy", key: "id" }] }
    const strict = following("bin_strict", { table: "bin" }, byKey)
    await strict.run()
    await sql("TRUNCATE bin; INSERT INTO bin VALUES (3)")
    expect((await failure(strict.run())).message).toMatch(/rows came without the column id, which key names\. .*truncated/)
    const lenient = following(
      "bin_lenient",
      { table: "bin" },
      { ...byKey, transforms: [{ type: "filter", condition: "_op <> 'truncate'" }] },
    )
    await lenient.run()
    await sql("TRUNCATE bin; INSERT INTO bin VALUES (4)")
    await lenient.run()
    expect(await sql("SELECT id FROM bin_copy ORDER BY id")).toEqual([{ id: "2" }, { id: "3" }, { id: "4" }])
  })

  it("goes on with other columns when the table gets them, and leaves those alone that it lost", async () => {
    await sql("CREATE TABLE growing (id int PRIMARY KEY, a int, b text); INSERT INTO growing VALUES (1, 1, 'b1')")
    const growing = following(
      "growing",
      { table: "growing" },
      { destinations: [{ type: "postgres", connection: url(), table: "growing_copy", key: "id" }] },
    )
    await growing.run()
    await sql(
      "INSERT INTO growing VALUES (2, 2, 'b2'); ALTER TABLE growing ADD COLUMN c date; UPDATE growing SET c = '2025-01-31' WHERE id = 1",
    )
    await sql(
      "ALTER TABLE growing ALTER COLUMN a TYPE numeric; UPDATE growing SET a = 2 WHERE id = 2; ALTER TABLE growing DROP COLUMN b; UPDATE growing SET a = 1.0 + id WHERE id = 1",
    )
    await growing.run()
    expect(await sql("SELECT id, a, b, c::text FROM growing_copy ORDER BY id")).toEqual([
      { id: "1", a: "2", b: "b1", c: "2025-01-31" },
      { id: "2", a: "2", b: "b2", c: null },
    ])
    const frozen = following(
      "frozen",
      { table: "growing" },
      { destinations: [{ type: "postgres", connection: url(), table: "frozen_copy", key: "id", schema_changes: "fail" }] },
    )
    await frozen.run()
    await sql("ALTER TABLE growing ADD COLUMN d int; UPDATE growing SET d = 1 WHERE id = 1")
    expect((await failure(frozen.run())).code).toBe("SCHEMA_CHANGED")
  })

  it("follows several tables, those of partitions too, as one stream in the order of the commits", async () => {
    await sql("CREATE SCHEMA shop; CREATE TABLE shop.orders (id int PRIMARY KEY, total numeric) PARTITION BY RANGE (id)")
    await sql(
      "CREATE TABLE shop.orders_1 PARTITION OF shop.orders FOR VALUES FROM (0) TO (10); CREATE TABLE shop.orders_2 PARTITION OF shop.orders FOR VALUES FROM (10) TO (20)",
    )
    await sql(
      "CREATE TABLE clients (id int PRIMARY KEY, name text); INSERT INTO clients VALUES (1, 'Ada'); INSERT INTO shop.orders VALUES (1, 1.5), (11, 2)",
    )
    const both = following("both", { tables: ["clients", "shop.orders"] })
    const list = async () =>
      (await both.run()).map(({ _table, _op, id, name, total }) => [
        _table,
        _op,
        id,
        name,
        total === null || total === undefined ? total : String(total),
      ])
    expect(await list()).toEqual([
      ["public.clients", "snapshot", 1, "Ada", null],
      ["shop.orders", "snapshot", 1, null, "1.5"],
      ["shop.orders", "snapshot", 11, null, "2"],
    ])
    await sql("INSERT INTO shop.orders VALUES (12, 3)")
    await sql("INSERT INTO clients VALUES (2, 'Bob'); DELETE FROM shop.orders WHERE id = 1")
    expect(await list()).toEqual([
      ["shop.orders", "insert", 12, null, "3"],
      ["public.clients", "insert", 2, "Bob", null],
      ["shop.orders", "delete", 1, null, undefined],
    ])
  })

  it("gives every type as a snapshot gives it", async () => {
    await sql(`CREATE TABLE kinds (id int PRIMARY KEY, big int8, exact numeric(38,9), nan float8, low numeric, raw bytea, old date, never timestamptz, at timestamptz, local timestamp,
      clock time, span interval, range int4range, doc json, docb jsonb, words text[], amounts numeric[], address inet, flags bool[], yes bool, code uuid, raws bytea[], small float4)`)
    const values = `9007199254740993, 1.50, 'NaN', '-Infinity', '\\x00ff', '0044-03-15 BC', 'infinity', '2025-01-31 04:05:06.789012+02', '2025-01-31 04:05:06.5',
      '04:05:06.7', '1 mon -2 days 03:00', '[1,5)', '{"a": 1.10}', '{"b":2,"a":1}', ARRAY['a,b', NULL, '"', '\\'], '{1.10,NULL}', '10.0.0.1', '{t,NULL}', true,
      '00000000-0000-0000-0000-000000000001', ARRAY['\\x00'::bytea], 1.5`
    await sql(`INSERT INTO kinds VALUES (1, ${values})`)
    const kinds = following("kinds", { table: "kinds" })
    const [first] = await kinds.run()
    await sql(`INSERT INTO kinds VALUES (2, ${values})`)
    const [second] = await kinds.run()
    expect(short([second!])[0]).toEqual({ ...short([first!])[0], id: 2, _op: "insert" })
  })

  it("confirms to the server only what the destination has committed", async () => {
    await sql("CREATE TABLE slow (id int PRIMARY KEY)")
    let gate: Promise<void> = Promise.resolve()
    const kept: Array<unknown> = []
    const destination = defineDestination({
      type: "gate",
      writeModes: ["append"],
      open: () => ({
        commitsEarly: true,
        write: (rows) => void kept.push(...rows.map(({ id }) => id)),
        commit: () => gate,
      }),
    })
    const store = memoryStore()
    await using engine = createEngine({ plugins: [postgresSource, destination], store })
    const definition: PipelineDefinition = {
      name: "slow",
      mode: "streaming",
      sources: [{ type: "postgres", connection: url(), mode: "cdc", slot: "slow", table: "slow" }],
      destinations: [{ type: "gate", flush_interval: "10ms" }],
    }
    const run = await engine.start(definition)
    await vi.waitFor(async () => expect(await engine.getState("slow")).toHaveLength(1), WAIT)
    let open!: () => void
    gate = new Promise((resolve) => (open = resolve))
    // Not the confirmed position: a commit from before the gate may still be told to the server, and moves it on.
    const [{ lsn: before }] = (await sql("SELECT pg_current_wal_insert_lsn() AS lsn")) as [{ readonly lsn: string }]
    const isPast = async () => parseLsn(String(await confirmed("slow"))) > parseLsn(before)
    await sql("INSERT INTO slow VALUES (1)")
    await vi.waitFor(() => expect(kept).toEqual([1]), WAIT)
    // Long enough for any status update that a commit would have made.
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(await isPast()).toBe(false)
    open()
    await vi.waitFor(async () => expect(await isPast()).toBe(true), WAIT)
    await run.stop()
    const [{ cursors }] = (await engine.getState("slow")) as unknown as readonly [{ readonly cursors: Record<string, string> }]
    const { lsn } = JSON.parse(cursors["sources[0]"]!) as { readonly lsn: string }
    expect(
      await sql("SELECT confirmed_flush_lsn <= $1::pg_lsn AS behind FROM pg_replication_slots WHERE slot_name = 'slow'", [lsn]),
    ).toEqual([{ behind: true }])
  })

  it("reads again what was not committed, after a crash in the first run and in a later one", async () => {
    await sql("CREATE TABLE crashing (id int PRIMARY KEY, version int); INSERT INTO crashing SELECT i, 1 FROM generate_series(1, 100) AS i")
    let crashes = true
    const output = memoryDestination()
    const failing = {
      ...output,
      open: (request: LoadRequest<any>) =>
        Effect.map(output.open(request), (load): Load => ({
          ...load,
          commit: (...args) => (crashes ? Effect.die(new Error("crash")) : load.commit(...args)),
        })),
    }
    await using engine = createEngine({ plugins: [postgresSource, failing], store: memoryStore() })
    const definition: PipelineDefinition = {
      name: "crashing",
      sources: [{ type: "postgres", connection: url(), mode: "cdc", slot: "crashing", table: "crashing" }],
      destinations: [{ type: "memory", write_mode: "append" }],
    }
    await failure(engine.run(definition))
    expect(await slotOf("crashing")).toMatchObject({ active: false })
    await sql("UPDATE crashing SET version = 2 WHERE id = 1")
    crashes = false
    await engine.run(definition)
    expect(output.rows()).toHaveLength(100)
    expect(output.rows().find(({ id }) => id === 1)).toMatchObject({ version: 2, _op: "snapshot" })
    crashes = true
    await sql("UPDATE crashing SET version = 3 WHERE id = 1")
    await failure(engine.run(definition))
    crashes = false
    await engine.run(definition)
    expect(short(output.rows().slice(100))).toEqual([{ id: 1, version: 3, _op: "update" }])
  })

  it("goes on where a server that crashed comes back, and keeps the copy the same", async () => {
    await sql("CREATE TABLE lively (id int PRIMARY KEY, version int); CREATE TABLE lively_copy (id int8 PRIMARY KEY)")
    const lively = following(
      "lively",
      { table: "lively" },
      {
        mode: "streaming",
        error_handling: { strategy: "retry", max_retries: 20, retry_delay: "200ms", backoff: "constant" },
        destinations: [{ type: "memory", write_mode: "append", flush_interval: "50ms" }],
      },
    )
    const handle = await lively.engine.start(lively.definition)
    await vi.waitFor(async () => expect(await slotOf("lively")).toMatchObject({ active: true }), WAIT)
    for (let round = 1; round <= 3; round++) {
      await vi.waitFor(() => sql(`INSERT INTO lively VALUES (${round}, 1) ON CONFLICT DO NOTHING`), WAIT)
      await vi.waitFor(() => expect(lively.output.rows().map(({ id }) => id)).toEqual(Array.from({ length: round }, (_, i) => i + 1)), WAIT)
      await server.crash()
    }
    await vi.waitFor(() => sql("INSERT INTO lively VALUES (4, 1) ON CONFLICT DO NOTHING"), WAIT)
    await vi.waitFor(() => expect(lively.output.rows().map(({ id }) => id)).toEqual([1, 2, 3, 4]), WAIT)
    await handle.stop()
    expect(await handle.done).toMatchObject({ status: "success" })
  })

  it("streams, commits after a time or so many rows, tells how far behind it is, stops cleanly, and its slot goes with its state", async () => {
    await sql("CREATE TABLE stream (id int PRIMARY KEY)")
    const stream = (flush_interval: unknown) =>
      following("stream", { table: "stream" }, {
        mode: "streaming",
        destinations: [{ type: "memory", write_mode: "append", flush_interval }],
      } as Partial<PipelineDefinition>)
    const timed = stream("100ms")
    let handle = await timed.engine.start(timed.definition)
    const ids = () => timed.output.rows().map(({ id }) => id)
    await vi.waitFor(async () => expect(await slotOf("stream")).toMatchObject({ active: true }), WAIT)
    await sql("INSERT INTO stream VALUES (1)")
    await vi.waitFor(() => expect(ids()).toEqual([1]), WAIT)
    await sql("INSERT INTO stream VALUES (2)")
    await vi.waitFor(() => expect(ids()).toEqual([1, 2]), WAIT)
    await handle.stop()
    expect(await handle.done).toMatchObject({ status: "success", rowsLoaded: 2 })
    expect((await handle.done).progress.sources[0]!.lag).toMatchObject({ bytes: expect.any(Number) })
    await vi.waitFor(async () => expect(await slotOf("stream")).toMatchObject({ active: false }), WAIT)
    await sql("INSERT INTO stream VALUES (3)")
    handle = await timed.engine.start(timed.definition)
    await vi.waitFor(() => expect(ids()).toEqual([1, 2, 3]), WAIT)
    expect((await failure(timed.engine.resetState("stream", timed.definition))).code).toBe("LEASE_HELD")
    await handle.stop()
    await timed.engine.resetState("stream", timed.definition)
    expect(await slotOf("stream")).toBeUndefined()
    await timed.engine.resetState("stream", timed.definition)
    expect(await timed.engine.getState("stream")).toMatchObject([{ cursors: {} }])

    const counted = stream({ time: "1h", rows: 3 })
    handle = await counted.engine.start(counted.definition)
    await vi.waitFor(() => expect(counted.output.rows()).toHaveLength(3), WAIT)
    await sql("INSERT INTO stream VALUES (4); INSERT INTO stream VALUES (5)")
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(counted.output.rows()).toHaveLength(3)
    await sql("INSERT INTO stream VALUES (6)")
    await vi.waitFor(() => expect(counted.output.rows()).toHaveLength(6), WAIT)
    await handle.cancel()
    expect(await handle.done).toMatchObject({ status: "cancelled" })
  })

  it("changes nothing at the server where it is only looked at", async () => {
    await sql("CREATE TABLE looked (id int PRIMARY KEY); INSERT INTO looked VALUES (1)")
    const looked = following("looked", { table: "looked", publication: "looked" })
    const explanation = JSON.stringify(await looked.engine.explain(looked.definition))
    expect(explanation).toContain("follows public.looked by the publication looked, which the first run makes, and the slot looked")
    expect(short((await looked.engine.preview(looked.definition)).rows)).toEqual([{ id: 1, _op: "snapshot" }])
    await looked.engine.run(looked.definition, { dryRun: true })
    expect(await slotOf("looked")).toBeUndefined()
    expect(await sql("SELECT 1 FROM pg_publication WHERE pubname = 'looked'")).toEqual([])
  })

  it("reads all again by a full refresh, and goes on behind it", async () => {
    await sql("CREATE TABLE fresh (id int PRIMARY KEY); INSERT INTO fresh VALUES (1)")
    const fresh = following("fresh", { table: "fresh" })
    await fresh.run()
    await sql("INSERT INTO fresh VALUES (2)")
    expect(short(await fresh.run({ fullRefresh: true }))).toEqual([
      { id: 1, _op: "snapshot" },
      { id: 2, _op: "snapshot" },
    ])
    await sql("INSERT INTO fresh VALUES (3)")
    expect(short(await fresh.run())).toEqual([{ id: 3, _op: "insert" }])
  })

  describe("says what is wrong and what to do", () => {
    const messageOf = async (name: string, source: Record<string, unknown>) => (await failure(following(name, source).run())).message
    beforeAll(async () => {
      await sql("CREATE TABLE plain (id int PRIMARY KEY, n int); INSERT INTO plain VALUES (1, 1)")
    })

    it("about tables", async () => {
      await sql("CREATE TABLE keyless (id int); CREATE VIEW seen AS SELECT * FROM plain; CREATE TABLE taken (id int PRIMARY KEY, _op text)")
      await sql("CREATE TABLE other_type (id text PRIMARY KEY)")
      expect(await messageOf("w1", { table: "none" })).toMatch(/there is no table public\.none\. Check the names/)
      expect(await messageOf("w2", { table: "keyless" })).toMatch(/nothing tells the rows of public\.keyless apart.*REPLICA IDENTITY FULL/)
      expect(await messageOf("w3", { table: "seen" })).toMatch(/public\.seen is no table whose changes are in the log/)
      expect(await messageOf("w4", { table: "taken" })).toMatch(/public\.taken has a column _op.*Rename it/)
      expect(await messageOf("w5", { tables: ["plain", "other_type"] })).toMatch(
        /the column id is string in public\.other_type and integer/,
      )
      expect(await messageOf("w6", { table: "plain", incremental: { column: "n" } })).toMatch(/the log says what is new, not a column/)
      // The application could not write any more, had it been published.
      await sql("UPDATE keyless SET id = 2")
    })

    it("about publications", async () => {
      await sql("CREATE PUBLICATION half FOR TABLE plain WITH (publish = 'insert, update'); CREATE PUBLICATION lacking FOR TABLE ledger")
      expect(await messageOf("p1", { table: "plain", publication: "half" })).toMatch(
        /does not send delete and truncate\. Run ALTER PUBLICATION "half" SET/,
      )
      expect(await messageOf("p2", { table: "plain", publication: "lacking" })).toMatch(
        /does not have the table public\.plain\. Run ALTER PUBLICATION "lacking" ADD TABLE "public"\."plain"/,
      )
      expect(await messageOf("p3", { publication: "nowhere" })).toMatch(
        /the publication nowhere is not there\. Name tables, or run CREATE PUBLICATION/,
      )
      const gone = following("p4", { table: "plain", publication: "gone" })
      await gone.run()
      await sql("DROP PUBLICATION gone")
      expect((await failure(gone.run())).message).toMatch(/the publication gone is gone.*--full-refresh/)
      expect(await gone.run({ fullRefresh: true })).toHaveLength(1)
    })

    it("about privileges", async () => {
      await sql(
        "CREATE ROLE reader LOGIN; GRANT SELECT ON plain TO reader; CREATE ROLE logger LOGIN REPLICATION; GRANT SELECT ON plain TO logger",
      )
      const as = (user: string) => url().replace("postgres:any", `${user}:any`)
      await sql("CREATE PUBLICATION for_all FOR TABLE plain")
      expect(await messageOf("r1", { connection: as("reader"), table: "plain", publication: "for_all" })).toMatch(
        /may not read the log.*ALTER ROLE "reader" REPLICATION/,
      )
      expect(await messageOf("r2", { connection: as("logger"), table: "plain", publication: "own" })).toMatch(
        /the publication own is not there and could not be made: .*Run as the owner of the tables: CREATE PUBLICATION "own" FOR TABLE "public"\."plain"/,
      )
      expect(short(await following("r3", { connection: as("logger"), table: "plain", publication: "for_all" }).run())).toHaveLength(1)
    })

    it("about slots", async () => {
      await sql("SELECT pg_create_physical_replication_slot('physical'); ")
      expect(await messageOf("s1", { table: "plain", slot: "physical" })).toMatch(
        /the replication slot physical was made by another, for physical replication/,
      )
      await sql("CREATE DATABASE elsewhere")
      const away = new Pool({ host: "127.0.0.1", port: server.port, user: "postgres", password: "any", database: "elsewhere" })
      await away.query("SELECT pg_create_logical_replication_slot('away', 'pgoutput')")
      await away.end()
      expect(await messageOf("s2", { table: "plain", slot: "away" })).toMatch(/the replication slot away belongs to the database elsewhere/)

      const busy = following("s3", { table: "plain" }, { mode: "streaming" })
      const handle = await busy.engine.start(busy.definition)
      await vi.waitFor(async () => expect(await slotOf("s3")).toMatchObject({ active: true }), WAIT)
      const error = await failure(following("s3_other", { table: "plain", slot: "s3" }).run())
      expect(error.message).toMatch(/the replication slot s3 is in use by process \d+/)
      await handle.stop()

      const dropped = following("s4", { table: "plain" })
      await dropped.run()
      await sql("SELECT pg_drop_replication_slot('s4')")
      expect(await failure(dropped.run())).toMatchObject({
        code: "CURSOR_INVALID",
        message: expect.stringMatching(/the replication slot s4 is not there.*--full-refresh/),
      })
      expect(await dropped.run({ fullRefresh: true })).toHaveLength(1)

      const shared = following("s5", { table: "plain" })
      await shared.run()
      await sql("INSERT INTO plain VALUES (2, 2)")
      await sql("SELECT pg_replication_slot_advance('s5', pg_current_wal_lsn())")
      expect((await failure(shared.run())).message).toMatch(
        /the replication slot s5 stands at .*, and the cursor at .*somebody else has read/,
      )
      await shared.engine.setState(shared.definition, "sources[0]", '{"lsn":"FFFFFFFF/0","system":"1"}')
      expect((await failure(shared.run())).message).toMatch(/the cursor is of another server/)
      await shared.engine.setState(shared.definition, "sources[0]", '{"value":"x"}')
      expect((await failure(shared.run())).message).toMatch(/the stored cursor is none of mode: cdc/)
    })

    it("about options that do not go together", async () => {
      for (const [source, words] of [
        [{ query: "SELECT 1" }, "mode: cdc follows tables, and no query"],
        [{}, "name the tables to follow, or a publication"],
        [{ table: "a", tables: ["b"] }, "give either table or tables"],
        [{ mode: "batch", table: "a", slot: "x" }, "slot goes with mode: cdc"],
        [{ table: "a", slot: "No-Slot" }, "small letters, digits and underscores"],
      ] as const)
        expect((await failure(following("o1", { slot: undefined, ...source }).run())).message).toContain(words)
    })

    it("about a server whose log is too short, or went on without it", async () => {
      const other = await startPostgres()
      try {
        const address = `postgres://postgres:any@127.0.0.1:${other.port}/postgres`
        expect(await messageOf("l1", { connection: address, table: "plain" })).toMatch(
          /wal_level is replica\. Run ALTER SYSTEM SET wal_level = logical, and restart/,
        )
      } finally {
        await other.stop()
      }
      const lost = following("l2", { table: "plain" })
      await lost.run()
      await sql("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
      await sql("SELECT pg_reload_conf()")
      await vi.waitFor(async () => {
        await sql("CREATE TABLE IF NOT EXISTS filler (t text)")
        await sql(
          "INSERT INTO filler SELECT repeat(md5(i::text), 40) FROM generate_series(1, 20000) AS i; SELECT pg_switch_wal(); CHECKPOINT",
        )
        expect(await slotOf("l2")).toMatchObject({ wal_status: "lost" })
      }, WAIT)
      expect(await failure(lost.run())).toMatchObject({
        code: "CURSOR_INVALID",
        message: expect.stringMatching(
          /the replication slot l2 is lost: wal removed\..*pg_drop_replication_slot\('l2'\), then once with --full-refresh; a larger max_slot_wal_keep_size/,
        ),
      })
      await sql("ALTER SYSTEM RESET max_slot_wal_keep_size")
      await sql("SELECT pg_reload_conf()")
    })
  })
})
