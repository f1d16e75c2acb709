/** Starts the worker, adds a job, delivers it a second time, and ends the worker, as the README says. */
import assert from "node:assert/strict"
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { rmSync } from "node:fs"
import { connect } from "node:net"
import { DatabaseSync } from "node:sqlite"
import { Queue } from "bullmq"

const address = new URL(process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379")
const isThere = await new Promise((resolve) => {
  const socket = connect(Number(address.port || 6379), address.hostname)
  socket.once("connect", () => resolve(true)).once("error", () => resolve(false))
  socket.once("connect", () => socket.destroy())
})
if (!isThere) {
  console.log(`not run: there is no Redis at ${address.host}. Start one, or set REDIS_URL.`)
  process.exit(process.env["DELTAFLOW_SERVICES"] === "required" ? 1 : 0)
}

rmSync("output", { recursive: true, force: true })
const env = { ...process.env, QUEUE: `example-${process.pid}` }
const worker = spawn(process.execPath, ["worker.ts"], { env, stdio: ["ignore", "pipe", "inherit"] })
const ended = once(worker, "exit")
try {
  await once(worker.stdout, "data")
  const add = (...args: ReadonlyArray<string>) => execFileSync(process.execPath, ["add.ts", ...args], { env, encoding: "utf8" })
  const said = add()
  assert.match(said, /^run_\w+: 3 of 5 orders are paid$/m)
  assert.match(said, /^progress \{[^}]*loaded: 3/m)
  assert.match(said, /^log run_\w+ pipeline\.completed /m)
  const [runId] = /run_\w+/.exec(said)!
  // BullMQ knows the job by its id, which is that of the run, and gives what came of it.
  assert.match(add(runId), new RegExp(`^${runId}: 3 of 5 orders are paid$`, "m"))
  const { rows } = new DatabaseSync("output/shop.db").prepare("SELECT count(*) AS rows FROM paid_orders").get()!
  assert.equal(rows, 3)
} finally {
  worker.kill("SIGTERM")
}
assert.deepEqual(await ended, [0, null])
const queue = new Queue(env.QUEUE, { connection: { url: address.href } })
await queue.obliterate({ force: true })
await queue.close()
console.log("✓ a job, its progress and log, its second delivery, and the end of the worker")
