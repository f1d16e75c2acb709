/**
 * Jobs with PostgreSQL, against `psql` and what people write by hand, on a server of its own with fsync on. Each contender's table or file
 * is looked at before it is timed.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { missingServer, type PostgresServer, startPostgres } from "../../scripts/postgresServer.ts"
import { csvLine, dataSet, type DataSet, orders } from "../data.ts"
import { inputColumns } from "../columns.ts"
import { checkLines } from "../harness/check.ts"
import { say } from "../harness/contest.ts"
import { type Command, measure, type Usage } from "../harness/measure.ts"
import type { Options } from "../harness/options.ts"
import { type Budget, verdict } from "../harness/report.ts"
import { ratios, type Spread, spread } from "../harness/statistics.ts"

export interface DatabaseContest {
  readonly job: string
  readonly a: string
  readonly b: string
  readonly wall: Spread
  readonly memory: string
  readonly seconds: string
  readonly pairs: number
  readonly held: number | undefined
  readonly stretch: number | undefined
  readonly met: string
}

export interface DatabaseFigures {
  readonly contests: ReadonlyArray<DatabaseContest>
  readonly budgets: ReadonlyArray<Budget>
  readonly failed: ReadonlyArray<string>
}

export const databaseJobs = ["j5", "j6", "j7", "j8", "increment"]

/** What a process may hold, whatever the size of the table. */
const heldMemory = 150

/** Settings of a server that is used, within this machine; fsync and all that makes it safe are on. */
const settings = ["shared_buffers=512MB", "max_wal_size=8GB", "checkpoint_timeout=30min"]

const columns = `id bigint, customer_id bigint, first_name text, last_name text, email text, status text, amount numeric, currency text, country text, created_at timestamptz, note text`

const script = fileURLToPath(new URL("../contenders/postgres.ts", import.meta.url))

interface Contender {
  readonly name: string
  readonly command: Command
}

interface Job {
  readonly id: string
  readonly contenders: Readonly<Record<string, Contender>>
  readonly contests: ReadonlyArray<{ readonly a: string; readonly b: string; readonly held?: number; readonly stretch?: number }>
  /** Makes the place that a contender writes to. */
  readonly prepare: () => Promise<unknown>
  /** Throws where what was written is wrong. */
  readonly check: () => Promise<void>
}

export async function measurePostgres(options: Options): Promise<DatabaseFigures | string> {
  const missing = await missingServer()
  if (missing !== undefined) return missing
  if (spawnSync("psql", ["--version"]).status !== 0) return "no psql on the PATH"
  const server = await startPostgres({ durable: true, settings })
  try {
    return await new Databases(options, server).measure()
  } finally {
    await server.stop()
  }
}

class Databases {
  private readonly options: Options
  private readonly set: DataSet
  private readonly url: string
  private readonly output: string

  constructor(options: Options, { port }: PostgresServer) {
    mkdirSync(options.folder, { recursive: true })
    this.options = options
    this.set = dataSet(options.folder, options.rows)
    this.url = `postgres://postgres:any@127.0.0.1:${port}/postgres`
    this.output = join(options.folder, "out-j8.ndjson")
  }

  async measure(): Promise<DatabaseFigures> {
    const { jobs } = this.options
    await this.sql(`CREATE TABLE orders (${columns})`)
    await measure(this.psql([`\\copy orders FROM '${this.set.csv}' (FORMAT csv, HEADER)`]))
    await this.sql("VACUUM ANALYZE orders")
    const contests: Array<DatabaseContest> = []
    const failed: Array<string> = []
    for (const job of this.jobs().filter(({ id }) => jobs.includes(id))) {
      try {
        contests.push(...(await this.runJob(job)))
      } catch (error) {
        failed.push(`${job.id}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
    const budgets = jobs.includes("increment") ? await this.increments() : []
    return { contests, budgets, failed }
  }

  private jobs(): ReadonlyArray<Job> {
    const { set, output } = this
    const wanted = "status = 'paid' AND amount > 50"
    const target = { prepare: () => this.sql(`DROP TABLE IF EXISTS target; CREATE TABLE target (${columns}); CHECKPOINT`) }
    const changes = this.changes()
    const stage = ["CREATE TEMP TABLE stage (LIKE target)", `\\copy stage FROM '${changes}' (FORMAT csv, HEADER)`]
    const assigned = inputColumns.filter((name) => name !== "id").map((name) => `${name} = excluded.${name}`)
    const upsert = `INSERT INTO target SELECT * FROM stage ON CONFLICT (id) DO UPDATE SET ${assigned.join(", ")}`
    return [
      {
        id: "j5",
        ...target,
        check: () => this.sameAs("SELECT * FROM orders"),
        contenders: {
          deltaflow: { name: "Deltaflow", command: this.node("j5", set.csv, "target") },
          psql: { name: "`psql \\copy`", command: this.psql([`\\copy target FROM '${set.csv}' (FORMAT csv, HEADER)`]) },
          insert: { name: "`INSERT` of 1,000 rows by hand", command: this.node("j5-insert", set.csv, "target") },
        },
        contests: [
          { a: "deltaflow", b: "psql", held: 1.25, stretch: 1.1 },
          { a: "deltaflow", b: "insert", held: 0.4 },
        ],
      },
      {
        id: "j6",
        ...target,
        check: () => this.sameAs(`SELECT * FROM orders WHERE ${wanted}`),
        contenders: {
          raw: { name: "Deltaflow, the filter in its query", command: this.node("j6-raw", "orders", "target") },
          declared: { name: "Deltaflow, a filter step", command: this.node("j6-declared", "orders", "target") },
          function: { name: "Deltaflow, a JavaScript function", command: this.node("j6-function", "orders", "target") },
          psql: {
            name: "`psql` into `psql`",
            command: this.shell(
              `psql -qXc "COPY (SELECT * FROM orders WHERE ${wanted}) TO STDOUT" "$BENCH_URL" | psql -qXc "COPY target FROM STDIN" "$BENCH_URL"`,
            ),
          },
        },
        contests: [
          { a: "raw", b: "psql", held: 1.3, stretch: 1.2 },
          { a: "declared", b: "psql", stretch: 1.2 },
          { a: "function", b: "psql", held: 2.5 },
        ],
      },
      {
        id: "j7",
        prepare: () =>
          this.sql(
            "DROP TABLE IF EXISTS target; CREATE TABLE target AS SELECT * FROM orders; ALTER TABLE target ADD PRIMARY KEY (id); CHECKPOINT",
          ),
        check: () => this.sameAs(`SELECT * FROM changes UNION ALL SELECT * FROM orders WHERE id NOT IN (SELECT id FROM changes)`),
        contenders: {
          deltaflow: { name: "Deltaflow", command: this.node("j7", changes, "target") },
          psql: { name: "staging and `ON CONFLICT` by hand", command: this.psql(["BEGIN", ...stage, upsert, "COMMIT"]) },
        },
        contests: [{ a: "deltaflow", b: "psql", held: 1.2, stretch: 1.1 }],
      },
      {
        id: "j8",
        prepare: async () => rmSync(output, { force: true }),
        check: async () => checkLines(output, set.rows),
        contenders: {
          deltaflow: { name: "Deltaflow", command: this.node("j8", "orders", output) },
          psql: {
            name: "`psql`, `COPY` of `row_to_json`",
            // Backslashes of JSON would be doubled by the format of COPY, but in a field of CSV they stay, in quotes that no text has.
            command: {
              ...this.psql([
                `\\copy (SELECT row_to_json(orders) FROM orders) TO '${output}' (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')`,
              ]),
            },
          },
          cursor: { name: "cursor and `JSON.stringify` by hand", command: this.node("j8-cursor", "orders", output) },
        },
        contests: [
          { a: "deltaflow", b: "psql", held: 0.7, stretch: 0.5 },
          { a: "deltaflow", b: "cursor", held: 0.4 },
        ],
      },
    ]
  }

  /** 400,000 rows of 2,000,000: one half is there, the other is new. */
  private changes(): string {
    const file = join(this.options.folder, `changes-${this.options.rows}.csv`)
    const count = Math.ceil(this.options.rows / 5)
    const shift = this.options.rows - Math.ceil(count / 2)
    let text = `${inputColumns.join(",")}\n`
    for (const order of orders(count)) text += csvLine({ ...order, id: order.id + shift, note: "changed" })
    writeFileSync(file, text)
    return file
  }

  private node(job: string, input: string, output: string, more: Readonly<Record<string, string>> = {}): Command {
    return {
      file: process.execPath,
      args: [script, job, input, output, "1"],
      env: { NODE_COMPILE_CACHE: join(this.options.folder, "compile-cache"), BENCH_URL: this.url, ...more },
      reports: true,
    }
  }

  private psql(commands: ReadonlyArray<string>): Command {
    const args = ["-qX", "-v", "ON_ERROR_STOP=1", this.url, ...commands.flatMap((command) => ["-c", command])]
    return { file: "psql", args, env: { PGCLIENTENCODING: "UTF8" }, reports: false }
  }

  private shell(command: string): Command {
    return { file: "bash", args: ["-o", "pipefail", "-c", command], env: { BENCH_URL: this.url }, reports: false }
  }

  private async runJob(job: Job): Promise<ReadonlyArray<DatabaseContest>> {
    if (job.id === "j7") {
      await this.sql(`DROP TABLE IF EXISTS changes; CREATE TABLE changes (${columns})`)
      await measure(this.psql([`\\copy changes FROM '${this.changes()}' (FORMAT csv, HEADER)`]))
    }
    for (const contender of Object.values(job.contenders)) {
      await job.prepare()
      await measure(contender.command)
      await job.check()
      say(`${job.id}: ${contender.name}: right`)
    }
    const done: Array<DatabaseContest> = []
    for (const contest of job.contests) {
      const [a, b] = [contest.a, contest.b].map((name) => job.contenders[name]!) as [Contender, Contender]
      const runs: readonly [Array<Usage>, Array<Usage>] = [[], []]
      for (let pair = 0; pair < this.options.pairs; pair++) {
        for (const [i, contender] of [a, b].entries()) {
          await job.prepare()
          runs[i as 0 | 1].push(await measure(contender.command))
        }
        say(`${job.id}: ${a.name} ${runs[0].at(-1)!.wallSeconds.toFixed(2)} s, ${b.name} ${runs[1].at(-1)!.wallSeconds.toFixed(2)} s`)
      }
      done.push(outcome(job.id, contest, a.name, b.name, runs))
    }
    return done
  }

  /** Throws where the rows of the target are others, in any order. */
  private async sameAs(query: string): Promise<void> {
    const sums = async (rows: string): Promise<string> =>
      JSON.stringify(
        await this.sql(`SELECT count(*)::text AS rows, sum(hashtextextended(one::text, 0)::numeric)::text AS sum FROM (${rows}) AS one`),
      )
    const [found, wanted] = [await sums("SELECT * FROM target"), await sums(query)]
    if (found !== wanted) throw new Error(`the table holds ${found} and should hold ${wanted}`)
  }

  /** A run over 1,000 new rows of a small and of a large table, with an index on the column of the cursor. */
  private async increments(): Promise<ReadonlyArray<Budget>> {
    const sizes = [this.options.rows / 20, this.options.rows * 5].map(Math.ceil)
    const seconds: Array<number> = []
    for (const size of sizes) {
      const table = `events_${size}`
      const state = join(this.options.folder, `state-${size}.db`)
      for (const end of ["", "-wal", "-shm"]) rmSync(`${state}${end}`, { force: true })
      await this.sql(`DROP TABLE IF EXISTS ${table}, ${table}_copy; CREATE TABLE ${table} (id bigint PRIMARY KEY, note text)`)
      await this.sql(
        `INSERT INTO ${table} SELECT n, 'note ' || n FROM generate_series(1, ${size}) AS n; CREATE TABLE ${table}_copy (LIKE ${table})`,
      )
      await this.sql(`VACUUM ANALYZE ${table}; CHECKPOINT`)
      const command = this.node("increment", table, state, { BENCH_FROM: String(size) })
      const usages: Array<Usage> = []
      await measure(command)
      for (let round = 0; round < this.options.pairs; round++) {
        await this.sql(
          `INSERT INTO ${table} SELECT n, 'new' FROM generate_series(${size + 1000 * round + 1}, ${size + 1000 * (round + 1)}) AS n`,
        )
        usages.push(await measure(command))
      }
      const [copied] = await this.sql(`SELECT count(*)::int AS rows FROM ${table}_copy`)
      const expected = 1 + 1000 * this.options.pairs
      if (copied?.["rows"] !== expected) throw new Error(`increment: ${String(copied?.["rows"])} rows were copied, and not ${expected}`)
      seconds.push(spread(usages.map(({ wallSeconds }) => wallSeconds)).median)
      say(`increment: 1,000 new rows of ${size}: ${seconds.at(-1)!.toFixed(2)} s`)
    }
    const factor = seconds[1]! / seconds[0]!
    return [
      {
        what: `1,000 new rows from PostgreSQL to PostgreSQL, of a table of ${sizes[0]} → ${sizes[1]} rows`,
        measured: `${seconds.map((one) => one.toFixed(2)).join(" → ")} s (${factor.toFixed(2)} ×)`,
        held: "≤ 1.2 ×",
        met: factor <= 1.2 ? "held" : `MISSED by ${(factor / 1.2).toFixed(2)} ×`,
      },
    ]
  }

  private async sql(text: string): Promise<ReadonlyArray<Record<string, unknown>>> {
    const require = createRequire(createRequire(import.meta.url).resolve("@deltaflow/connectors"))
    const { Client } = require("pg") as { readonly Client: new (config: object) => PgClient }
    const client = new Client({ connectionString: this.url })
    await client.connect()
    try {
      let rows: ReadonlyArray<Record<string, unknown>> = []
      // One by one: some may not stand in a transaction, which several in one text would be.
      for (const one of text.split(";")) if (one.trim() !== "") ({ rows } = await client.query(one))
      return rows
    } finally {
      await client.end()
    }
  }
}

interface PgClient {
  readonly connect: () => Promise<void>
  readonly query: (text: string) => Promise<{ readonly rows: ReadonlyArray<Record<string, unknown>> }>
  readonly end: () => Promise<void>
}

const outcome = (
  job: string,
  { held, stretch }: Job["contests"][number],
  a: string,
  b: string,
  [ours, theirs]: readonly [ReadonlyArray<Usage>, ReadonlyArray<Usage>],
): DatabaseContest => {
  const wall = ratios(
    ours.map(({ wallSeconds }) => wallSeconds),
    theirs.map(({ wallSeconds }) => wallSeconds),
  )
  const peak = Math.max(...ours.map(({ peakMegabytes }) => peakMegabytes))
  const memory = peak <= heldMemory ? `${peak.toFixed(0)} MB, held` : `${peak.toFixed(0)} MB, MISSED by ${(peak / heldMemory).toFixed(2)} ×`
  const medians = [ours, theirs].map((runs) => spread(runs.map(({ wallSeconds }) => wallSeconds)).median.toFixed(2))
  return {
    job,
    a,
    b,
    wall,
    memory,
    seconds: medians.join(" / "),
    pairs: ours.length,
    held,
    stretch,
    met: verdict(wall.median, held, stretch),
  }
}
