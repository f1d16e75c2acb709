/** Processes whose clocks are five minutes before or behind that of the database: leases go by the database's. */
import { createEngine, defineDestination, defineSource, type Run, type Store } from "@deltaflow/core"
import * as Effect from "effect/Effect"
import type pg from "pg"
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest"
import { missingServer, type PostgresServer, startPostgres } from "../../../../../scripts/postgresServer.ts"
import { pgPool } from "../../../test/postgresHosts.ts"
import { postgresStore } from "./index.ts"

const missing = await missingServer()

it.runIf(missing !== undefined)(`clocks that differ are tried against PostgreSQL (not run: ${missing ?? ""})`, (test) => {
  expect(process.env["DELTAFLOW_SERVICES"], missing).not.toBe("required")
  test.skip()
})

const run = <A>(effect: Effect.Effect<A, unknown>): Promise<A> => Effect.runPromise(effect)

const OFF_MS = 5 * 60_000

const cases = [
  { mine: OFF_MS, other: -OFF_MS },
  { mine: -OFF_MS, other: OFF_MS },
  { mine: OFF_MS, other: 0 },
  { mine: -OFF_MS, other: 0 },
]

const numbers = (gate: Promise<void>, isReading: () => void) =>
  defineSource({
    type: "numbers",
    async *read() {
      isReading()
      await gate
      yield { rows: [{ id: 1 }], cursor: { at: 1 } }
    },
  })
const nowhere = defineDestination({ type: "nowhere", open: () => ({ write: () => undefined, commit: () => undefined }) })
const definition = { name: "numbers", sources: [{ type: "numbers", incremental: true }], destinations: [{ type: "nowhere" }] }
const open = numbers(Promise.resolve(), () => undefined)

describe.skipIf(missing !== undefined)("a clock that is five minutes off", () => {
  let server: PostgresServer
  let pool: pg.Pool
  beforeAll(async () => {
    server = await startPostgres()
    pool = pgPool(`postgres://postgres:any@127.0.0.1:${server.port}/postgres`)
  })
  afterAll(async () => {
    await pool.end()
    await server.stop()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const real = Date.now
  /** What this process believes the time to be. */
  const believe = (off: number) => vi.useFakeTimers({ toFake: ["Date"], now: real() + off })

  let schemas = 0
  const stores = (): readonly [Store & AsyncDisposable, Store & AsyncDisposable] => {
    const schema = `clock_${++schemas}`
    return [postgresStore({ pool, schema }), postgresStore({ pool, schema })]
  }

  it.each(cases)("takes, renews, holds and takes over leases by the server's clock: $mine and $other ms", async ({ mine, other }) => {
    const [a, b] = stores()
    believe(mine)
    const lease = (await run(a.acquireLease("pipeline:numbers", "run_a", 1000)))!
    const [{ now }] = (await pool.query("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now")).rows as [{ now: number }]
    expect(Math.abs(lease.expiresAt - 1000 - now)).toBeLessThan(900)
    believe(other)
    expect(await run(b.acquireLease("pipeline:numbers", "run_b", 1000))).toBeUndefined()
    expect(await run(b.getLease("pipeline:numbers"))).toMatchObject({ owner: "run_a", epoch: 1 })
    believe(mine)
    const renewed = (await run(a.renewLease(lease, 1000)))!
    const checkpoint = {
      pipeline: "numbers",
      destination: "d",
      runId: "run_a",
      epoch: 1,
      batchId: 1,
      cursors: {},
      cursorVersions: {},
      fingerprints: {},
      state: null,
      updatedAt: Date.now(),
    }
    expect(await run(a.saveCheckpoint(checkpoint, renewed))).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 1100))
    // Past its time on the server, and nowhere else.
    expect(await run(a.saveCheckpoint({ ...checkpoint, batchId: 2 }, renewed))).toBe(false)
    believe(other)
    expect(await run(b.getLease("pipeline:numbers"))).toBeUndefined()
    expect(await run(b.acquireLease("pipeline:numbers", "run_b", 60_000))).toMatchObject({ owner: "run_b", epoch: 2 })
    believe(mine)
    expect(await run(a.renewLease(renewed, 1000))).toBeUndefined()
    await run(a.close())
    await run(b.close())
  })

  it.each(cases)("runs a pipeline once at a time, and closes what was lost: $mine and $other ms", async ({ mine, other }) => {
    const [a, b] = stores()
    const off = (ms: number) => () => real() + ms
    let release: () => void = () => undefined
    let isReading: () => void = () => undefined
    const gate = new Promise<void>((resolve) => (release = resolve))
    const reading = new Promise<void>((resolve) => (isReading = resolve))
    const first = createEngine({ store: a, plugins: [numbers(gate, isReading), nowhere], now: off(mine) })
    const second = createEngine({ store: b, plugins: [open, nowhere], now: off(other) })
    const running = first.run(definition)
    await reading
    await expect(second.run(definition)).rejects.toMatchObject({ code: "LEASE_HELD" })
    release()
    expect((await running).status).toBe("success")
    expect((await second.run(definition)).status).toBe("success")
    expect((await first.run(definition)).status).toBe("success")

    // A process that is gone: its run says that it goes on, and its lease runs out.
    const [known] = (await first.listRuns({ limit: 1 })).runs
    const lost: Run = {
      ...known!,
      id: "run_lost",
      status: "running",
      createdAt: real() + mine,
      startedAt: real() + mine,
      completedAt: null,
    }
    await run(a.createRun(lost))
    await run(a.acquireLease("pipeline:numbers", lost.id, 1000))
    await expect(second.run(definition)).rejects.toMatchObject({ code: "LEASE_HELD" })
    expect(await second.getRun(lost.id)).toMatchObject({ status: "running" })
    await new Promise((resolve) => setTimeout(resolve, 1100))
    expect((await second.run(definition)).status).toBe("success")
    expect(await first.getRun(lost.id)).toMatchObject({ status: "failed", error: { code: "RUN_INTERRUPTED" } })
    await first.close()
    await second.close()
    await run(a.close())
    await run(b.close())
  })

  it.each(cases)(
    "tells of its clock where another process took a run for lost that was about to begin: $mine and $other ms",
    async ({ mine, other }) => {
      const [a, b] = stores()
      let arrive: () => void = () => undefined
      let letGo: () => void = () => undefined
      const arrived = new Promise<void>((resolve) => (arrive = resolve))
      const gone = new Promise<void>((resolve) => (letGo = resolve))
      // Its run is there by then, and its lease is not.
      const slow: Store = {
        ...a,
        acquireLease: (...args) =>
          Effect.andThen(
            Effect.promise(() => {
              arrive()
              return gone
            }),
            a.acquireLease(...args),
          ),
      }
      const first = createEngine({ store: slow, plugins: [open, nowhere], now: () => real() + mine })
      const second = createEngine({ store: b, plugins: [open, nowhere], now: () => real() + other })
      const running = first.run(definition)
      await arrived
      expect((await second.listRuns()).total).toBe(1)
      letGo()
      // When a run was made is the time of its own process.
      await expect(running).rejects.toMatchObject({
        code: "LEASE_LOST",
        message: expect.stringContaining("its clock is so far off"),
      })
      expect((await first.run(definition)).status).toBe("success")
      expect((await second.run(definition)).status).toBe("success")
      await first.close()
      await second.close()
      await run(a.close())
      await run(b.close())
    },
  )
})
