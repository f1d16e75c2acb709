/**
 * Jobs with PostgreSQL: Deltaflow with nothing but its defaults, and by hand what people write in its place. `BENCH_URL` says where the
 * server is; `input` is a file or a table, `output` the other.
 */
import { createWriteStream } from "node:fs"
import { once } from "node:events"
import { createRequire } from "node:module"
import { dirname } from "node:path"
import { csvSource } from "@deltaflow/connectors/csv"
import { ndjsonDestination } from "@deltaflow/connectors/ndjson"
import { postgresDestination, postgresSource } from "@deltaflow/connectors/postgres"
import { createEngine, type PipelineDefinition } from "@deltaflow/core"
import { sqliteStore } from "@deltaflow/core/store/sqlite"
import { contender, type Task } from "./contender.ts"
import { csvRows } from "../harness/rows.ts"

const connection = process.env.BENCH_URL!

async function deltaflow({ output, threads }: Task, definition: PipelineDefinition, state?: string): Promise<void> {
  await using store = state === undefined ? undefined : sqliteStore({ path: state })
  await using engine = createEngine({
    plugins: [csvSource, ndjsonDestination, postgresSource, postgresDestination],
    projectRoot: dirname(output),
    allowOutside: true,
    ...(store === undefined ? {} : { store }),
  })
  await engine.run(definition, { workers: threads })
}

const intoTable = (table: string, more: object = { write_mode: "append" }) => ({
  type: "postgres",
  connection,
  table,
  create: false,
  ...more,
})

const filter = { type: "filter", condition: "status = 'paid' AND amount > 50" } as const
const filterFunction = { type: "custom", module: new URL("./isPaid.ts", import.meta.url).pathname, export: "isPaid" } as const

/** What the package brings no types for. */
interface Client {
  readonly connect: () => Promise<void>
  readonly query: (text: string, values?: ReadonlyArray<unknown>) => Promise<{ readonly rows: ReadonlyArray<Record<string, unknown>> }>
  readonly end: () => Promise<void>
}

const connected = async (): Promise<Client> => {
  // The one that Deltaflow itself takes.
  const require = createRequire(createRequire(import.meta.url).resolve("@deltaflow/connectors"))
  const { Client: Made } = require("pg") as { readonly Client: new (config: object) => Client }
  const client = new Made({ connectionString: connection })
  await client.connect()
  return client
}

/** Rows of 1,000 in one statement each, in one transaction. */
async function insert({ input, output }: Task): Promise<void> {
  const client = await connected()
  const rows = csvRows(input)
  const columns = rows.next().value as ReadonlyArray<string>
  await client.query("BEGIN")
  let waiting: Array<string> = []
  const flush = async (): Promise<void> => {
    const count = waiting.length / columns.length
    const values = Array.from({ length: count }, (_, row) => `(${columns.map((__, i) => `$${row * columns.length + i + 1}`).join(", ")})`)
    await client.query(`INSERT INTO ${output} VALUES ${values.join(", ")}`, waiting)
    waiting = []
  }
  for (const row of rows) {
    waiting.push(...row)
    if (waiting.length === 1000 * columns.length) await flush()
  }
  if (waiting.length > 0) await flush()
  await client.query("COMMIT")
  await client.end()
}

/** Ten thousand rows at a time, as objects. */
async function cursor({ input, output }: Task): Promise<void> {
  const client = await connected()
  const file = createWriteStream(output)
  await client.query("BEGIN")
  await client.query(`DECLARE rows NO SCROLL CURSOR FOR SELECT * FROM ${input}`)
  for (;;) {
    const { rows } = await client.query("FETCH 10000 FROM rows")
    if (rows.length === 0) break
    const text = rows
      .map(
        (row) =>
          `{${Object.entries(row)
            .map(([name, value]) => `"${name}":${textOf(name, value)}`)
            .join(",")}}\n`,
      )
      .join("")
    if (!file.write(text)) await once(file, "drain")
  }
  file.end()
  await once(file, "finish")
  await client.query("COMMIT")
  await client.end()
}

const numbers = new Set(["id", "customer_id", "amount"])

const textOf = (name: string, value: unknown): string => (numbers.has(name) ? String(value) : JSON.stringify(value))

const postgresTable = (table: string, more: object = {}) => ({ type: "postgres", connection, table, ...more })

await contender({
  j5: (task) => deltaflow(task, { name: "j5", sources: [{ type: "csv", path: task.input }], destinations: [intoTable(task.output)] }),
  "j5-insert": insert,
  // No step: what the source gives goes on as it is.
  "j6-raw": (task) =>
    deltaflow(task, {
      name: "j6",
      sources: [{ type: "postgres", connection, query: `SELECT * FROM ${task.input} WHERE status = 'paid' AND amount > 50` }],
      destinations: [intoTable(task.output)],
    }),
  "j6-declared": (task) =>
    deltaflow(task, { name: "j6", sources: [postgresTable(task.input)], transforms: [filter], destinations: [intoTable(task.output)] }),
  "j6-function": (task) =>
    deltaflow(task, {
      name: "j6",
      sources: [postgresTable(task.input)],
      transforms: [filterFunction],
      destinations: [intoTable(task.output)],
    }),
  j7: (task) =>
    deltaflow(task, {
      name: "j7",
      sources: [{ type: "csv", path: task.input }],
      destinations: [intoTable(task.output, { write_mode: "upsert", key: "id" })],
    }),
  j8: (task) =>
    deltaflow(task, {
      name: "j8",
      sources: [postgresTable(task.input)],
      destinations: [{ type: "ndjson", path: task.output, write_mode: "replace" }],
    }),
  "j8-cursor": cursor,
  increment: (task) =>
    deltaflow(
      task,
      {
        // A name of its own, for its checkpoint stands beside the rows.
        name: task.input,
        sources: [postgresTable(task.input, { incremental: { column: "id", initial_value: process.env.BENCH_FROM! } })],
        destinations: [intoTable(`${task.input}_copy`)],
      },
      task.output,
    ),
})
