import { pipeline } from "@deltaflow/core"

/** The prices that the warehouse puts down each night. */
export const prices = pipeline({
  name: "prices",
  sources: [{ type: "csv", path: "data/prices.csv" }],
  transforms: [{ type: "map", fields: { price: "cents / 100.0" } }],
  destinations: [{ type: "sqlite", path: "output/shop.db", table: "prices", write_mode: "upsert", key: "sku" }],
  schedule: "30 4 * * *",
  timezone: "Europe/Berlin",
})
