/** What the worker and those who add jobs share. */
import { csvSource, sqliteDestination } from "@deltaflow/connectors"
import { createEngine, pipeline } from "@deltaflow/core"
import { sqliteStore } from "@deltaflow/core/store/sqlite"

export const queueName = process.env["QUEUE"] ?? "pipelines"
export const connection = { url: process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379", maxRetriesPerRequest: null }

export const paidOrders = pipeline({
  name: "paid-orders",
  sources: [{ type: "csv", path: "data/orders.csv" }],
  transforms: [{ type: "filter", condition: "status = 'paid'" }],
  destinations: [{ type: "sqlite", path: "output/shop.db", table: "paid_orders", write_mode: "upsert", key: "id" }],
})

const projectRoot = import.meta.dirname

/** Workers on one machine share this store; on several, they share `postgresStore`. */
export const openEngine = () =>
  createEngine({
    plugins: [csvSource, sqliteDestination],
    projectRoot,
    store: sqliteStore({ path: `${projectRoot}/output/state.db` }),
  })
