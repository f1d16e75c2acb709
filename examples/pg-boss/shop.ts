/** What the worker and the shop share: one PostgreSQL with the orders, the jobs, and the state of the pipelines. */
import { postgresDestinationOver, postgresSourceOver } from "@deltaflow/connectors/postgres"
import { postgresStore } from "@deltaflow/connectors/postgres/store"
import { createEngine, pipeline } from "@deltaflow/core"
import pg from "pg"
import { PgBoss } from "pg-boss"

export const pool = new pg.Pool({ connectionString: process.env["DATABASE_URL"] })

export const queueName = "pipelines"

export const paidOrders = pipeline({
  name: "paid-orders",
  sources: [{ type: "postgres", table: "orders", incremental: { column: "id" } }],
  transforms: [{ type: "filter", condition: "status = 'paid'" }],
  destinations: [{ type: "postgres", table: "paid_orders", write_mode: "append" }],
})

export const openEngine = () =>
  createEngine({ plugins: [postgresSourceOver(pool), postgresDestinationOver(pool)], store: postgresStore({ pool }) })

export const openBoss = async () => {
  const boss = new PgBoss({ db: { executeSql: (text, values) => pool.query(text, values) } })
  boss.on("error", (error) => console.error(error))
  await boss.start()
  await boss.createQueue(queueName)
  return boss
}
