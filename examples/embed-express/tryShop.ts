/** Starts the shop, imports prices as its staff would, looks at the run through the API, and stops it, as the README says. */
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { rmSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"

rmSync("output", { recursive: true, force: true })
const shop = spawn(process.execPath, ["main.ts"], { env: { ...process.env, PORT: "0" }, stdio: ["ignore", "pipe", "inherit"] })
const ended = once(shop, "exit")
try {
  const [said] = (await once(shop.stdout, "data")) as [Buffer]
  const origin = said.toString().trim()
  const staff = { "x-shop-user": "staff" }
  for (const address of ["/imports/x/events", "/etl/api/v1/pipelines"]) assert.equal((await fetch(origin + address)).status, 401)

  const started = await fetch(`${origin}/imports`, { method: "POST", headers: staff })
  assert.equal(started.status, 202)
  const { id, events } = (await started.json()) as { id: string; events: string }
  const text = await (await fetch(origin + events, { headers: staff })).text()
  assert.match(text, /^event: status\n/)
  assert.match(text, /pipeline\.completed|"status":"success"/)

  const answer = await fetch(`${origin}/etl/api/v1/pipelines/prices/runs/${id}`, { headers: staff })
  const { data } = (await answer.json()) as { data: { status: string; trigger: string; rows_loaded: number } }
  assert.deepEqual([data.status, data.trigger, data.rows_loaded], ["success", "api", 3])
  const jobs = await fetch(`${origin}/etl/api/v1/scheduler/jobs`, { headers: staff })
  const [job] = ((await jobs.json()) as { data: ReadonlyArray<{ pipeline: string; schedule: string; next_run_at: string | null }> }).data
  assert.deepEqual([job!.pipeline, job!.schedule], ["prices", "30 4 * * *"])
  assert.ok(job!.next_run_at !== null)
  const rows = new DatabaseSync("output/shop.db").prepare("SELECT sku, CAST(price AS TEXT) AS price FROM prices ORDER BY sku").all()
  assert.deepEqual(
    rows.map(({ sku, price }) => [sku, Number(price)]),
    [
      ["a-1", 8.5],
      ["a-2", 12],
      ["b-1", 9.9],
    ],
  )
} finally {
  shop.kill("SIGTERM")
}
assert.deepEqual(await ended, [0, null])
console.log("✓ an import with its events, its run through the API behind the login, its schedule, and the end of the shop")
