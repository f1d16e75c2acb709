// #region prices
import { csvSource } from "@deltaflow/connectors"
import { postgresDestinationWithin } from "@deltaflow/connectors/postgres"
import { createEngine, pipeline } from "@deltaflow/core"
import { pool, store } from "./shop.ts"

const prices = pipeline({
  name: "prices",
  sources: [{ type: "csv", path: "data/prices.csv" }],
  destinations: [{ type: "postgres", table: "prices", write_mode: "upsert", key: "item" }],
})

// The prices and the note about them are there together, or neither is.
const client = await pool.connect()
await client.query("BEGIN")
try {
  await using engine = createEngine({ store, plugins: [csvSource, postgresDestinationWithin(client)] })
  await engine.run(prices)
  await client.query("INSERT INTO imports (file) VALUES ('data/prices.csv')")
  await client.query("COMMIT")
} catch (error) {
  await client.query("ROLLBACK")
  throw error
} finally {
  client.release()
}
// #endregion
await pool.end()
