/** Starts a PostgreSQL and the worker, orders twice, and ends the worker, as the README says. */
import assert from "node:assert/strict"
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import pg from "pg"
import { missingServer, startPostgres } from "../../scripts/postgresServer.ts"

const missing = await missingServer()
if (missing !== undefined) {
  console.log(`not run: ${missing}`)
  process.exit(process.env["DELTAFLOW_SERVICES"] === "required" ? 1 : 0)
}

const server = await startPostgres()
const DATABASE_URL = `postgres://postgres:any@127.0.0.1:${server.port}/postgres`
const env = { ...process.env, DATABASE_URL }
const worker = spawn(process.execPath, ["worker.ts"], { env, stdio: ["ignore", "pipe", "inherit"] })
const ended = once(worker, "exit")
try {
  await once(worker.stdout, "data")
  for (const ids of [["1"], ["1", "3"]]) {
    const said = execFileSync(process.execPath, ["order.ts"], { env, encoding: "utf8" })
    assert.match(said, /^completed \{[\s\S]*status: 'success'[\s\S]*rowsLoaded: 1/)
    const client = new pg.Client(DATABASE_URL)
    await client.connect()
    assert.deepEqual(
      (await client.query("SELECT id FROM paid_orders ORDER BY id")).rows,
      ids.map((id) => ({ id })),
    )
    await client.end()
  }
} finally {
  worker.kill("SIGTERM")
  await ended
  await server.stop()
}
assert.deepEqual(await ended, [0, null])
console.log("✓ orders and their jobs, loaded once each, and the end of the worker")
