/**
 * PostgreSQL behind a network that stalls, cuts and lies: nothing is lost, nothing comes twice, and nothing waits for longer than it may.
 */
import { createEngine, defineSource, type PipelineDefinition } from "@deltaflow/core"
import { memoryStore } from "@deltaflow/core/store/memory"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { missingServer, type PostgresServer, startPostgres } from "../../../../scripts/postgresServer.ts"
import { type Behaviour, TcpProxy } from "../../test/tcpProxy.ts"
import { memoryDestination } from "../memory/index.ts"
import type { PgPool } from "./driver.ts"
import { postgresDestination, postgresSource } from "./index.ts"
import { postgresStore } from "./store/index.ts"

/** The package brings no types. */
const packageName: string = "pg"
const { Pool } = ((await import(packageName)) as { readonly default: { readonly Pool: new (config: object) => TestPool } }).default

type TestPool = PgPool & {
  readonly query: (sql: string) => Promise<{ readonly rows: ReadonlyArray<Record<string, unknown>> }>
  readonly on: (event: "error", listener: () => void) => unknown
  readonly end: () => Promise<void>
}

/** Commits that are cut. */
const CYCLES = 500
const CRASHES = 20

const missing = await missingServer()

it.runIf(missing !== undefined)(`the network is tried against PostgreSQL (not run: ${missing ?? ""})`, (test) => {
  expect(process.env["DELTAFLOW_SERVICES"], missing).not.toBe("required")
  test.skip()
})

describe.skipIf(missing !== undefined)("postgres behind a bad network", () => {
  let server: PostgresServer
  let proxy: TcpProxy
  let pool: TestPool
  beforeAll(async () => {
    server = await startPostgres({ durable: true })
    proxy = await TcpProxy.start(server.port)
    pool = new Pool({ host: "127.0.0.1", port: server.port, user: "postgres", password: "any", max: 4 })
    pool.on("error", () => undefined)
  })
  afterEach(() => {
    proxy.behaviour = {}
    proxy.watch = () => "pass"
  })
  afterAll(async () => {
    await pool.end()
    await proxy.close()
    await server.stop()
  })

  const url = () => `postgres://postgres:any@127.0.0.1:${proxy.port}/postgres`
  const ids = async (table: string) => (await pool.query(`SELECT id FROM ${table} ORDER BY id`)).rows.map(({ id }) => Number(id))

  /** Rows that become more, ten in a batch; `before` is waited for before each. */
  const growing = (before: (at: number) => Promise<void> | void = () => undefined) => {
    const log = { length: 0 }
    const source = defineSource<unknown, { at: number }>({
      type: "log",
      async *read({ cursor }) {
        for (let at = cursor?.at ?? 0; at < log.length; at += 10) {
          await before(at)
          const to = Math.min(log.length, at + 10)
          yield { rows: Array.from({ length: to - at }, (_, i) => ({ id: at + i })), cursor: { at: to } }
        }
      },
    })
    return { log, source }
  }

  const appending = (table: string, more: Partial<PipelineDefinition> = {}): PipelineDefinition => ({
    name: table,
    defaults: { timeout: "5s" },
    sources: [{ type: "log", incremental: true }],
    destinations: [{ type: "postgres", connection: url(), table, write_mode: "append", flush_interval: 0, connect_timeout: 3 }],
    ...more,
  })

  const upTo = (count: number) => Array.from({ length: count }, (_, id) => id)

  it(`resolves ${CYCLES} commits whose answer is cut off by the checkpoint beside the rows`, async () => {
    const { log, source } = growing()
    await using engine = createEngine({ plugins: [source, postgresDestination], store: memoryStore() })
    const told = { before: 0, after: 0 }
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      log.length += 15
      let commits = 0
      // The first commit of the run, the second, or both in turn; lost on its way there, or on the way back.
      proxy.watch = (bytes) => {
        if (!bytes.includes("COMMIT\0") || commits++ !== cycle % 2) return "pass"
        const isLate = cycle % 4 < 2
        told[isLate ? "after" : "before"]++
        return isLate ? "cut after the answer" : "cut before"
      }
      const cut = await (await engine.start(appending("ambiguous"))).done
      expect(cut).toMatchObject({ status: "failed", error: { stage: "load", message: expect.stringContaining("127.0.0.1") } })
      proxy.watch = () => "pass"
      expect(await engine.run(appending("ambiguous"))).toMatchObject({ status: "success" })
    }
    expect(told).toEqual({ before: Math.floor(CYCLES / 2), after: Math.ceil(CYCLES / 2) })
    expect(await ids("ambiguous")).toEqual(upTo(15 * CYCLES))
  })

  it(`goes on by itself where it may try again, through ${CRASHES} crashes of the server in mid-load`, async () => {
    let crashes = 0
    const { log, source } = growing(async (at) => {
      if (at < 100 * crashes + 50 || crashes === CRASHES) return
      crashes++
      await server.crash()
    })
    log.length = 100 * CRASHES
    await using engine = createEngine({ plugins: [source, postgresDestination], store: memoryStore() })
    const retrying = appending("crashed", {
      error_handling: { strategy: "retry", max_retries: 3 * CRASHES, retry_delay: "20ms", backoff: "constant" },
    })
    expect(await engine.run(retrying)).toMatchObject({ status: "success" })
    expect(crashes).toBe(CRASHES)
    expect(await ids("crashed")).toEqual(upTo(100 * CRASHES))
  })

  const slow: ReadonlyArray<readonly [string, Behaviour]> = [
    ["late", { latencyMs: 10 }],
    ["in small pieces", { pieces: 50 }],
  ]

  it.each(slow)("does not care whether bytes come %s", async (name, behaviour) => {
    const table = name.replaceAll(" ", "_")
    proxy.behaviour = behaviour
    try {
      const { log, source } = growing()
      log.length = 200
      const output = memoryDestination()
      await using engine = createEngine({ plugins: [source, postgresDestination, postgresSource, output], store: memoryStore() })
      expect(await engine.run(appending(table))).toMatchObject({ status: "success", rowsLoaded: 200 })
      await engine.run({
        name: "back",
        sources: [{ type: "postgres", connection: url(), query: `SELECT id FROM ${table} ORDER BY id` }],
        destinations: [{ type: "memory" }],
      })
      expect(output.rows()).toEqual(upTo(200).map((id) => ({ id })))
    } finally {
      proxy.behaviour = {}
    }
  })

  /** What happens to the network once the first batch has come. */
  const breaks: ReadonlyArray<readonly [string, () => void, string]> = [
    ["resets all connections", () => proxy.reset(), "OUTPUT_NOT_WRITABLE"],
    ["goes down", () => ((proxy.behaviour = { refuses: true }), proxy.reset()), "OUTPUT_NOT_WRITABLE"],
    ["becomes a black hole", () => (proxy.behaviour = { blackHole: true }), "STEP_TIMEOUT"],
  ]

  it.each(breaks)("a load ends with an error where the network %s, and the next run loses nothing", async (name, breakIt, code) => {
    const table = name.replaceAll(" ", "_")
    let isBroken = false
    const { log, source } = growing((at) => {
      if (at === 50 && !isBroken) breakIt()
      isBroken ||= at === 50
    })
    log.length = 100
    await using engine = createEngine({ plugins: [source, postgresDestination], store: memoryStore() })
    const broken = await (await engine.start(appending(table))).done
    expect(broken).toMatchObject({ status: "failed", error: { code } })
    proxy.behaviour = {}
    expect(await engine.run(appending(table))).toMatchObject({ status: "success" })
    expect(await ids(table)).toEqual(upTo(100))
  })

  it.each(breaks)("a source ends with an error where the network %s", async (_, breakIt) => {
    await pool.query("CREATE TABLE IF NOT EXISTS much AS SELECT id, repeat('x', 2000) AS note FROM generate_series(1, 50000) AS id")
    let isBroken = false
    const output = memoryDestination()
    await using engine = createEngine({ plugins: [postgresSource, output], store: memoryStore() })
    const rows = output.stream()
    const run = await engine.start({
      name: "much",
      defaults: { timeout: "3s" },
      sources: [{ type: "postgres", connection: url(), table: "much" }],
      destinations: [{ type: "memory" }],
    })
    const read = (async () => {
      let count = 0
      for await (const _row of rows) {
        count++
        if (!isBroken) breakIt()
        isBroken = true
      }
      return count
    })()
    await expect(read).rejects.toThrow("ended before all rows were written")
    expect(await run.done).toMatchObject({ status: "failed", error: { stage: "extract", message: expect.stringMatching(/sources\[0\]/) } })
    proxy.behaviour = {}
  })

  it("the store ends its calls where the network is a black hole, and goes on when it is back", async () => {
    const store = postgresStore({ connection: url() })
    const { log, source } = growing()
    const output = memoryDestination()
    await using engine = createEngine({ plugins: [source, output], store })
    const definition: PipelineDefinition = {
      name: "stored",
      sources: [{ type: "log", incremental: true }],
      destinations: [{ type: "memory", write_mode: "append" }],
    }
    log.length = 20
    expect(await engine.run(definition)).toMatchObject({ status: "success" })
    proxy.reset()
    expect(await engine.run(definition)).toMatchObject({ status: "success" })
    proxy.behaviour = { refuses: true }
    proxy.reset()
    await expect(engine.run(definition)).rejects.toMatchObject({ code: "STORE_FAILED" })
    proxy.behaviour = {}
    log.length = 40
    expect(await engine.run(definition)).toMatchObject({ status: "success" })
    expect(output.rows()).toEqual(upTo(40).map((id) => ({ id })))
  })
})
