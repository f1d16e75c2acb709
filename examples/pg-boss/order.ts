// #region order
import { pgBossJob } from "@deltaflow/scheduler/pg-boss"
import { openBoss, pool, queueName } from "./shop.ts"

const boss = await openBoss()
const client = await pool.connect()
const db = { executeSql: (text: string, values?: Array<unknown>) => client.query(text, values) }

// The order and the job are there together, or neither is.
await client.query("BEGIN")
await client.query("CREATE TABLE IF NOT EXISTS orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item text, status text)")
await client.query("INSERT INTO orders (item, status) VALUES ('lamp', 'paid'), ('chair', 'draft')")
const job = await boss.send(pgBossJob(queueName, "paid-orders", {}, { db }))
await client.query("COMMIT")
// #endregion

client.release()
for (;;) {
  const [found] = await boss.findJobs<object>(queueName, { id: job! })
  if (found?.state === "completed" || found?.state === "failed") {
    console.log(found.state, found.output)
    break
  }
  await new Promise((resolve) => setTimeout(resolve, 100))
}
await boss.stop()
await pool.end()
