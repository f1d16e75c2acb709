// #region order
import { postgresDestinationOver, postgresSourceOver } from "@deltaflow/connectors/postgres"
import { createEngine, pipeline } from "@deltaflow/core"
import { pool, store } from "./shop.ts"

const paidOrders = pipeline({
  name: "paid-orders",
  sources: [{ type: "postgres", table: "orders", incremental: { column: "id" } }],
  transforms: [{ type: "filter", condition: "status = 'paid'" }],
  destinations: [{ type: "postgres", table: "paid_orders", write_mode: "append" }],
})
const engine = createEngine({ store, plugins: [postgresSourceOver(pool), postgresDestinationOver(pool)] })

// The order and the run are there together, or neither is.
const client = await pool.connect()
await client.query("BEGIN")
await client.query("INSERT INTO orders (item, status) VALUES ('lamp', 'paid'), ('chair', 'draft')")
const { id } = await engine.enqueueRun({ pipeline: paidOrders, tx: client })
await client.query("COMMIT")
// #endregion
client.release()

// Here a scheduler is in the same process. It may be in any that shares the store.
const { Scheduler } = await import("@deltaflow/scheduler")
const scheduler = new Scheduler(engine, { pipelines: [paidOrders] })
await scheduler.start()
for (;;) {
  const run = await engine.getRun(id)
  if (run?.status !== "pending" && run?.status !== "running") {
    console.log(run?.status, run?.rowsLoaded)
    break
  }
  await new Promise((resolve) => setTimeout(resolve, 100))
}
await scheduler.stop()
await engine.close()
await pool.end()
