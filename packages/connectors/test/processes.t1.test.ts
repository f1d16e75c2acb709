/** Real processes that are killed and frozen at named points, with a source that forgets what is durable and one that does not. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import path from "node:path"
import { createInterface } from "node:readline"
import { DatabaseSync } from "node:sqlite"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { missingServer, type PostgresServer, startPostgres } from "../../../scripts/postgresServer.ts"
import { projectFolder } from "./harness.ts"
import type { PointRun } from "./pointRun.ts"

/** Times that each point is tried: `DELTAFLOW_CYCLES=42` for two thousand kills. */
const CYCLES = Number(process.env["DELTAFLOW_CYCLES"] ?? 3)

const points = [
  "before the run",
  "behind the run's creation",
  "behind the lease",
  "second read",
  "behind the rows",
  "before the commit",
  "behind the commit",
  "behind the checkpoint",
  "before the acknowledgement",
  "behind the acknowledgement",
  "before the run's end",
  "before the release",
]

const ROWS = 25

/** A process that runs, and what it says line by line. */
class Child {
  private readonly process: ChildProcess
  private readonly lines: AsyncIterator<string>

  constructor(run: PointRun) {
    const script = path.join(import.meta.dirname, "pointRun.ts")
    const flags = ["--conditions=source", "--disable-warning=ExperimentalWarning"]
    this.process = spawn(process.execPath, [...flags, script, JSON.stringify(run)], { stdio: ["pipe", "pipe", "inherit"] })
    this.lines = createInterface({ input: this.process.stdout! })[Symbol.asyncIterator]()
  }

  async line(): Promise<string> {
    const { value, done } = await this.lines.next()
    if (done === true) throw new Error("the process ended without a word")
    return value
  }

  async end(): Promise<{ readonly status: string; readonly code?: string }> {
    return JSON.parse(await this.line()) as { readonly status: string; readonly code?: string }
  }

  async kill(): Promise<void> {
    const closed = once(this.process, "close")
    this.process.kill("SIGKILL")
    await closed
  }

  signal(name: "SIGSTOP" | "SIGCONT"): void {
    this.process.kill(name)
  }

  goOn(): void {
    this.process.stdin!.write("go on\n")
  }
}

interface PgClient {
  readonly connect: () => Promise<void>
  readonly query: (sql: string) => Promise<{ readonly rows: ReadonlyArray<{ readonly id: unknown }> }>
  readonly end: () => Promise<void>
}

interface Place {
  readonly destination: object
  readonly ids: () => Promise<ReadonlyArray<number>>
}

const sqlitePlace = (root: string): Place => ({
  destination: { type: "sqlite", path: "out.db", table: "rows" },
  ids: async () => {
    const database = new DatabaseSync(path.join(root, "out.db"))
    try {
      const rows = database.prepare("SELECT id FROM rows ORDER BY rowid").all()
      return rows.map(({ id }) => Number(id))
    } finally {
      database.close()
    }
  },
})

let schemas = 0

const postgresPlace = async ({ port }: PostgresServer): Promise<Place> => {
  const connection = `postgres://postgres:any@127.0.0.1:${port}/postgres`
  const sql = async (text: string) => {
    const packageName: string = "pg"
    const { default: pg } = (await import(packageName)) as { readonly default: { readonly Client: new (url: string) => PgClient } }
    const client = new pg.Client(connection)
    await client.connect()
    try {
      return (await client.query(text)).rows
    } finally {
      await client.end()
    }
  }
  const schema = `s${++schemas}`
  await sql(`CREATE SCHEMA ${schema}`)
  return {
    destination: { type: "postgres", connection, schema, table: "rows" },
    ids: async () => (await sql(`SELECT id FROM ${schema}.rows`)).map(({ id }) => Number(id)),
  }
}

const missing = await missingServer()
let server: PostgresServer | undefined
beforeAll(async () => {
  if (missing === undefined) server = await startPostgres({ durable: true })
})
afterAll(async () => {
  await server?.stop()
})

it.runIf(missing !== undefined)(`processes are tried against PostgreSQL (not run: ${missing ?? ""})`, (test) => {
  expect(process.env["DELTAFLOW_SERVICES"], missing).not.toBe("required")
  test.skip()
})

const kinds = (["sqlite", "postgres"] as const).filter((kind) => kind === "sqlite" || missing === undefined)

const upTo = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, id) => id)

describe.each(kinds)("into %s", (kind) => {
  const begin = async () => {
    const root = projectFolder()
    const place = kind === "sqlite" ? sqlitePlace(root) : await postgresPlace(server!)
    const setRows = (all: number): void => writeFileSync(path.join(root, "log.json"), JSON.stringify({ all, forgotten: 0 }))
    setRows(ROWS)
    return { root, place, setRows }
  }

  it.each(points)("killed %s, and once more while the next process cleans up, it loses nothing and repeats nothing", async (point) => {
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const { root, place } = await begin()
      const run = { root, destination: place.destination, forgets: (points.indexOf(point) + cycle) % 2 === 0 }
      const first = new Child({ ...run, point, aheadMs: 0 })
      expect(await first.line()).toBe(`at ${point}`)
      await first.kill()
      const second = new Child({ ...run, point: "while it closes a lost run", aheadMs: 100_000 })
      const said = await second.line()
      // There may be no run that was lost.
      if (said.startsWith("at")) await second.kill()
      else expect(JSON.parse(said)).toEqual({ status: "success" })
      expect(await new Child({ ...run, aheadMs: 200_000 }).end()).toEqual({ status: "success" })
      expect(await place.ids()).toEqual(upTo(ROWS))
    }
  })

  // A process that stands still within SQLite's transaction keeps everybody else from writing.
  it.each(kind === "sqlite" ? ["behind the lease"] : ["behind the lease", "second read"])(
    "stands still %s, is overtaken, and may not commit when it goes on",
    async (point) => {
      for (let cycle = 0; cycle < CYCLES / 3; cycle++) {
        const { root, place, setRows } = await begin()
        const run = { root, destination: place.destination, forgets: false }
        expect(await new Child({ ...run, aheadMs: 0 }).end()).toEqual({ status: "success" })
        setRows(2 * ROWS)
        const frozen = new Child({ ...run, point, waits: true, aheadMs: 0 })
        expect(await frozen.line()).toBe(`at ${point}`)
        frozen.signal("SIGSTOP")
        expect(await new Child({ ...run, aheadMs: 60_000 }).end()).toEqual({ status: "success" })
        frozen.signal("SIGCONT")
        frozen.goOn()
        expect(await frozen.end()).toEqual({ status: "failed", code: "LEASE_LOST" })
        expect(await place.ids()).toEqual(upTo(2 * ROWS))
      }
    },
  )
})
