import { createEngine, defineDestination, type Row } from "@deltaflow/core"
import { runLaws, sourceLaws } from "@deltaflow/testing"
import { expect, test } from "vitest"
import { shopOrders } from "./orders.ts"
import { openShop } from "./shop.ts"

const shop = await openShop({ token: "tok_of_the_shop", orders: 23 })
const config = { url: shop.url, token: "tok_of_the_shop" }

// #region laws
runLaws(
  sourceLaws({ source: shopOrders, config, rows: shop.orders, badConfigs: [{ ...config, token: "wrong-token" }] }),
  { test }, // or that of node:test
)
// #endregion

test("a run tries again what the shop could not answer, and the next one reads what is new", async () => {
  const rows: Array<Row> = []
  const shelf = defineDestination({ type: "shelf", open: () => ({ write: (batch) => void rows.push(...batch) }) })
  await using engine = createEngine({ plugins: [shopOrders, shelf] })
  const pipeline = {
    name: "orders",
    sources: [{ type: "shop_orders", ...config, incremental: true }],
    destinations: [{ type: "shelf", write_mode: "append" }],
    error_handling: { strategy: "retry", retry_delay: "1ms" },
  } as const
  shop.failNext(503)
  expect((await engine.run(pipeline)).rowsLoaded).toBe(23)
  shop.orders.push({ id: 24, item: "lamp" })
  expect((await engine.run(pipeline)).rowsLoaded).toBe(1)
  expect(rows).toEqual(shop.orders)
  await shop.close()
})
