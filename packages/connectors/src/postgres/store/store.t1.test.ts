import { readFileSync } from "node:fs"
import path from "node:path"
import { createEngine, defineDestination, defineSource, type Run, type Store } from "@deltaflow/core"
import { runLaws, storeLaws } from "@deltaflow/testing"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, it, test } from "vitest"
import { missingServer, type PostgresServer, startPostgres } from "../../../../../scripts/postgresServer.ts"
import type { PgPool } from "../driver.ts"
import { lentTransactions } from "../hosts/index.ts"
import { Database } from "./database.ts"
import { postgresStore } from "./index.ts"
import { migrations } from "./schema.ts"

/** The package brings no types. */
const packageName: string = "pg"
const { Pool } = ((await import(packageName)) as { readonly default: { readonly Pool: new (config: object) => TestPool } }).default
type TestPool = PgPool & {
  readonly query: (sql: string) => Promise<{ readonly rows: ReadonlyArray<Record<string, unknown>> }>
  readonly on: (event: "error", listener: () => void) => unknown
  readonly end: () => Promise<void>
}

const corpus = process.env["DELTAFLOW_CORPUS"]
const strings = corpus === undefined ? [] : (JSON.parse(readFileSync(path.join(corpus, "strings/blns.json"), "utf8")) as Array<string>)

const missing = await missingServer()

it.runIf(missing !== undefined)(`the store is tried against PostgreSQL (not run: ${missing ?? ""})`, (test) => {
  expect(process.env["DELTAFLOW_SERVICES"], missing).not.toBe("required")
  test.skip()
})

describe.skipIf(missing !== undefined)("the store in PostgreSQL", () => {
  let server: PostgresServer
  let pool: TestPool
  beforeAll(async () => {
    // One of these tests ends it at once, and nothing may be lost.
    server = await startPostgres({ durable: true })
    pool = new Pool({ host: "127.0.0.1", port: server.port, user: "postgres", password: "any", max: 8 })
    // Connections that nobody uses end with the server.
    pool.on("error", () => undefined)
  })
  afterAll(async () => {
    await pool.end()
    await server.stop()
  })

  const url = () => `postgres://postgres:any@127.0.0.1:${server.port}/postgres`
  let schemas = 0
  const freshSchema = () => `store "${++schemas}`
  const run = <A>(effect: Effect.Effect<A, unknown>): Promise<A> => Effect.runPromise(effect)
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

  describe("the laws", () => {
    runLaws(
      storeLaws(
        "postgres",
        ({ now }) => {
          const schema = freshSchema()
          return { open: () => postgresStore({ pool, schema, now }) }
        },
        { runs: 25, strings, durable: true },
      ),
      { test },
    )
  })

  const sql = async (text: string) => (await pool.query(text)).rows

  it("makes its tables once, whoever starts at the same time", async () => {
    const schema = freshSchema()
    const stores = Array.from({ length: 20 }, () => postgresStore({ pool, schema }))
    const counts = await Promise.all(stores.map((store) => run(store.countDefinitions())))
    expect(counts).toEqual(stores.map(() => 0))
    for (const store of stores) await run(store.close())
  })

  it("goes by the clock of the server, and one of many gets the lease", async () => {
    const schema = freshSchema()
    const stores = Array.from({ length: 8 }, () => postgresStore({ pool, schema }))
    const leases = await Promise.all(stores.map((store, i) => run(store.acquireLease("orders", `run_${i}`, 60_000))))
    const held = leases.filter((lease) => lease !== undefined)
    expect(held).toHaveLength(1)
    const [row] = await sql("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now")
    expect(Math.abs(held[0]!.expiresAt - 60_000 - Number(row!["now"]))).toBeLessThan(10_000)
    for (const store of stores) await run(store.close())
  })

  it("keeps totals while many write, through the adding up of changes", async () => {
    const schema = freshSchema()
    const stores = [postgresStore({ pool, schema }), postgresStore({ pool, schema })]
    const ids = Array.from({ length: 450 }, (_, i) => i)
    const work = async (part: number) => {
      for (const i of ids.filter((id) => id % 6 === part)) {
        const store = stores[part % 2]!
        await run(store.createRun(aRun(`run_${i}`, { pipeline: `p${i % 7}`, createdAt: i * 40_000_000 })))
        await run(store.updateRun(`run_${i}`, { status: "running", startedAt: i * 40_000_000 + 5 }))
        if (i % 3 === 0) await run(store.updateRun(`run_${i}`, { status: "success" }, [event(`evt_${i}`)]))
      }
    }
    await Promise.all([0, 1, 2, 3, 4, 5].map(work))
    const total = async (filter: Parameters<Store["listRuns"]>[0]) => (await run(stores[0]!.listRuns({ limit: 0, ...filter }))).total
    expect(await total({})).toBe(450)
    expect(await total({ status: ["success"] })).toBe(150)
    expect(await total({ pipeline: "p3", status: ["running", "success"] })).toBe(ids.filter((i) => i % 7 === 3).length)
    expect(await total({ since: 100 * 40_000_000, until: 300 * 40_000_000 })).toBe(200)
    const [left] = await sql(`SELECT count(*)::int AS n FROM "${schema.replace('"', '""')}".run_changes`)
    expect(left!["n"]).toBeLessThan(1500)
    expect(left!["n"]).toBeGreaterThan(0)
    expect(await run(stores[0]!.deleteDefinition("p3"))).toBe(true)
    expect(await total({ pipeline: "p3" })).toBe(0)
    expect(await total({})).toBe(450 - ids.filter((i) => i % 7 === 3).length)
    for (const store of stores) await run(store.close())
  })

  const event = (id: string) => ({ id, type: "t", timestamp: 1, pipeline: "orders", runId: null, data: {} })

  it("shows a reader each event once and none late, whoever appends meanwhile", async () => {
    const schema = freshSchema()
    const stores = Array.from({ length: 4 }, () => postgresStore({ pool, schema }))
    const seen: Array<string> = []
    let isDone = false
    const reader = (async () => {
      for (let isLast = false; ; isLast = isDone) {
        const after = seen.at(-1)
        const events = await run(stores[0]!.listEvents({ limit: 7, ...(after === undefined ? {} : { after }) }))
        seen.push(...events.map(({ id }) => id))
        if (isLast && events.length === 0) return
      }
    })()
    await Promise.all(
      stores.map(async (store, part) => {
        for (let i = 0; i < 60; i++) await run(store.appendEvents([event(`evt_${part}_${i}_a`), event(`evt_${part}_${i}_b`)]))
      }),
    )
    isDone = true
    await reader
    expect(seen).toHaveLength(480)
    expect(new Set(seen).size).toBe(480)
    for (const store of stores) await run(store.close())
  })

  it("refuses a newer store by name, and brings an older one up to date", async () => {
    const schema = freshSchema()
    {
      await using store = postgresStore({ pool, schema })
      await run(store.createRun(aRun("run_1")))
    }
    const connect = async () => ({ transactions: lentTransactions(pool), server: undefined, end: async () => undefined })
    const next = [...migrations, "ALTER TABLE runs ADD COLUMN note text"]
    const newer = new Database({ connect, schema, migrations: next })
    expect(await newer.read((query) => query("SELECT id, note FROM runs", []))).toEqual([{ id: "run_1", note: null }])
    await using store = postgresStore({ pool, schema })
    const error = await run(Effect.flip(store.getRun("run_1")))
    expect(error).toMatchObject({ code: "STORE_NEWER" })
    expect(error.message).toMatch(
      new RegExp(
        `has version ${migrations.length + 1}, and this Deltaflow knows versions up to ${migrations.length}\\. Update Deltaflow, or use another schema\\.$`,
      ),
    )
  })

  it("leaves nothing of a migration that fails", async () => {
    const schema = freshSchema()
    const connect = async () => ({ transactions: lentTransactions(pool), server: undefined, end: async () => undefined })
    const broken = new Database({ connect, schema, migrations: [...migrations, "SELECT 1 / 0"] })
    await expect(broken.read(async () => undefined)).rejects.toThrow(/division by zero/)
    expect(await sql(`SELECT 1 FROM pg_namespace WHERE nspname = '${schema}'`)).toEqual([])
    await using store = postgresStore({ pool, schema })
    expect(await run(store.countDefinitions())).toBe(0)
  })

  it("says what is wrong with the connection, without its password", async () => {
    const failing = async (options: Partial<Parameters<typeof postgresStore>[0]>) => {
      const { pool: _, ...rest } = { pool, connectTimeout: 2, schema: freshSchema(), ...options }
      await using store = postgresStore(rest)
      return await run(Effect.flip(store.countDefinitions()))
    }
    const nobody = await failing({ connection: url().replace("postgres:any", "nobody:s3cret") })
    expect(nobody.message).toMatch(/^store \(127\.0\.0\.1:\d+\/postgres as nobody\): /)
    expect(nobody.message).not.toContain("s3cret")
    const away = await failing({ connection: { host: "127.0.0.1", port: 1, user: "u", password: "s3cret" } })
    expect(away).toMatchObject({ retryable: true })
    expect(away.message).toContain("Nobody listens there")
    const wrong = await failing({ connection: "mysql://here" })
    expect(wrong.message).toContain("it is no URL of PostgreSQL")
  })

  it("fails while the server is away, and goes on when it is there again", async () => {
    const { pool: _, ...own } = { pool, connection: url(), schema: freshSchema(), maxConnections: 2 }
    const store = postgresStore(own)
    await run(store.createRun(aRun("run_1")))
    await server.crash()
    let answer: Run | undefined
    for (let i = 0; i < 50 && answer === undefined; i++) {
      answer = await run(
        Effect.catch(store.getRun("run_1"), (error) => (error.retryable === true ? Effect.succeed(undefined) : Effect.fail(error))),
      )
      if (answer === undefined) await new Promise((resolve) => setTimeout(resolve, 100))
    }
    expect(answer).toEqual(aRun("run_1"))
    await run(store.close())
    expect(await sql("SELECT 1 FROM pg_stat_activity WHERE application_name = 'deltaflow'")).toEqual([])
  })

  it("is shared by engines: of two that start one pipeline at once, one runs it", async () => {
    const schema = freshSchema()
    const stores = [postgresStore({ pool, schema }), postgresStore({ pool, schema })]
    let release: () => void = () => undefined
    const gate = new Promise<void>((resolve) => (release = resolve))
    let isReading: () => void = () => undefined
    const reading = new Promise<void>((resolve) => (isReading = resolve))
    const numbers = defineSource({
      type: "numbers",
      async *read() {
        isReading()
        await gate
        yield { rows: [{ id: 1 }] }
      },
    })
    const nowhere = defineDestination({ type: "nowhere", open: () => ({ write: () => undefined, commit: () => undefined }) })
    const definition = { name: "numbers", sources: [{ type: "numbers" }], destinations: [{ type: "nowhere" }] }
    const [first, second] = stores.map((store) => createEngine({ store, plugins: [numbers, nowhere] }))
    const running = first!.run(definition)
    await reading
    await expect(second!.run(definition)).rejects.toMatchObject({ code: "LEASE_HELD" })
    release()
    expect((await running).status).toBe("success")
    expect((await second!.run(definition)).status).toBe("success")
    expect((await second!.listRuns({})).runs).toEqual((await first!.listRuns({})).runs)
    await first!.close()
    await second!.close()
    for (const store of stores) await run(store.close())
  })
})
