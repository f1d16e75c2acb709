/** Starts a PostgreSQL, orders, and loads prices twice, the second time with a row that cannot be stored. */
import assert from "node:assert/strict"
import { execFileSync, spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import pg from "pg"
import { missingServer, startPostgres } from "../../scripts/postgresServer.ts"

const missing = await missingServer()
if (missing !== undefined) {
  console.log(`not run: ${missing}`)
  process.exit(process.env["DELTAFLOW_SERVICES"] === "required" ? 1 : 0)
}

const file = path.join(import.meta.dirname, "data/prices.csv")
const before = readFileSync(file, "utf8")
const server = await startPostgres()
const client = new pg.Client(`postgres://postgres:any@127.0.0.1:${server.port}/postgres`)
const env = { ...process.env, DATABASE_URL: `postgres://postgres:any@127.0.0.1:${server.port}/postgres` }
const rows = async (sql: string) => (await client.query({ text: sql, rowMode: "array" })).rows
try {
  await client.connect()
  assert.equal(execFileSync(process.execPath, ["order.ts"], { env, encoding: "utf8" }), "success 1\n")
  assert.deepEqual(await rows("SELECT item FROM paid_orders"), [["lamp"]])
  execFileSync(process.execPath, ["prices.ts"], { env })
  assert.deepEqual(await rows("SELECT item, price FROM prices ORDER BY 1"), [
    ["chair", "49.00"],
    ["lamp", "19.90"],
  ])
  writeFileSync(file, `${before}sofa,too much\n`)
  assert.equal(spawnSync(process.execPath, ["prices.ts"], { env }).status, 1)
  assert.deepEqual(await rows("SELECT (SELECT count(*) FROM prices), (SELECT count(*) FROM imports)"), [["2", "1"]])
} finally {
  writeFileSync(file, before)
  await client.end()
  await server.stop()
}
console.log("✓ an order with its run, prices with their note, and neither where it fails")
