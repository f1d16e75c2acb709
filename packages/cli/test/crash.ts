/** A process that is killed in the middle of an incremental run over a folder of files, and the run that goes on from there. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { sqliteStore } from "@deltaflow/core/store/sqlite"
import * as Effect from "effect/Effect"
import { expect } from "vitest"
import { leaseOf } from "../src/leases.ts"
import { say, start } from "./child.ts"
import { folderWith } from "./inProcess.ts"

export interface Crash {
  readonly format: "csv" | "ndjson"
  readonly into: "sqlite" | "ndjson"
  /** Rows at which the process hangs until it is killed, one after the other: the later ones while it recovers. */
  readonly hangsAt: ReadonlyArray<number>
  /** Waits until the leases of the killed processes run out by themselves. */
  readonly waits?: boolean
}

const FILES = 5
const ROWS = 40

/** Waits for a file of the test's at the rows that it is told, and says so on stdout. */
const hang = `
import { existsSync, readFileSync } from "node:fs"
export default async (row) => {
  if (existsSync("hang-at") && Number(readFileSync("hang-at", "utf8")) === Number(row.id)) {
    process.stdout.write("hanging\\n")
    await new Promise(() => setInterval(() => undefined, 1000))
  }
  return row
}
`

const definition = ({ format, into }: Crash): string => `name: orders
sources: [{ type: ${format}, path: "inbox/*.${format}", incremental: true, batch_size: 10 }]
transforms: [{ type: custom, module: steps/hang.mjs, concurrency: 1 }]
destinations:
  - type: ${into}
    path: out.${into}
    ${into === "sqlite" ? "table: orders" : ""}
    write_mode: append
    flush_interval: 1ms
`

const rowsOf = (file: number): ReadonlyArray<number> => Array.from({ length: ROWS }, (_, i) => file * ROWS + i + 1)

const inputs = ({ format }: Crash): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: FILES }, (_, file) => [
      `inbox/${file}.${format}`,
      (format === "csv" ? "id,text\n" : "") +
        rowsOf(file)
          .map((id) => (format === "csv" ? `${id},"row\n${id}"\n` : `${JSON.stringify({ id, text: `row\n${id}` })}\n`))
          .join(""),
    ]),
  )

/** Ids that the destination holds, as another reader sees them. */
const idsIn = (root: string, { into }: Crash): ReadonlyArray<number> => {
  const file = path.join(root, `out.${into}`)
  if (!existsSync(file)) return []
  if (into === "ndjson") {
    return readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => (JSON.parse(line) as { id: number }).id)
  }
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    const isThere = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'orders'").get() !== undefined
    return isThere
      ? database
          .prepare("SELECT id FROM orders ORDER BY rowid")
          .all()
          .map(({ id }) => Number(id))
      : []
  } finally {
    database.close()
  }
}

/** As if fifteen seconds had passed since the process was killed. */
const expireLease = async (root: string): Promise<void> => {
  const store = sqliteStore({ path: path.join(root, ".deltaflow", "state.db") })
  try {
    const lease = await leaseOf(store, "orders")
    expect(lease).toBeDefined()
    await Effect.runPromise(store.releaseLease(lease!))
  } finally {
    await Effect.runPromise(store.close())
  }
}

export const everyId = Array.from({ length: FILES * ROWS }, (_, i) => i + 1)

/** Gives the ids that the destination holds in the end. */
export const crashAndRetry = async (crash: Crash): Promise<ReadonlyArray<number>> => {
  const root = folderWith({ "deltaflow.yml": definition(crash), "steps/hang.mjs": hang, ...inputs(crash) })
  const hangAt = path.join(root, "hang-at")
  for (const [i, row] of crash.hangsAt.entries()) {
    writeFileSync(hangAt, String(row))
    const { child, ended, hears } = start(root, ["run", ...(i === 0 ? [] : ["--retry"])])
    await hears("stdout", "hanging")
    child.kill("SIGKILL")
    expect(await ended).toBe(null)
    if (crash.waits !== true) await expireLease(root)
  }
  rmSync(hangAt)
  const retried = await say(root, ["run", "--retry"])
  if (crash.waits === true) expect(retried.stderr).toContain("A run of orders has not ended. Waiting up to")
  expect(retried.code).toBe(0)
  const runs = JSON.parse((await say(root, ["runs", "--json"])).stdout) as ReadonlyArray<Record<string, unknown>>
  expect(runs.map(({ status }) => status)).toEqual(["success", ...crash.hangsAt.map(() => "failed")])
  for (const { error } of runs.slice(1))
    expect(error).toMatchObject({ code: "RUN_INTERRUPTED", message: expect.stringContaining("the process ended") as string })
  expect(runs[0]).toMatchObject({ trigger: "retry", retry_of: runs[1]!["id"] })
  // Reading a database leaves files of SQLite's own beside it.
  const left = readdirSync(root).filter((name) => !/-(wal|shm)$/.test(name))
  expect(left.toSorted()).toEqual([".deltaflow", "deltaflow.yml", "inbox", `out.${crash.into}`, "steps"].toSorted())
  expect((await say(root, ["run"])).stderr).toContain("(0 rows written)")
  return idsIn(root, crash)
}
