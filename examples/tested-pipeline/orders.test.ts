import { builtins } from "@deltaflow/connectors"
import { pipelineTests, testPipeline } from "@deltaflow/testing"
import { expect, test } from "vitest"

// #region code
const orders = new URL("deltaflow.yml", import.meta.url)

test("adds the tax", async () => {
  const result = await testPipeline(orders, {
    fixtures: { orders: [{ id: 1, amount: "99.99", ordered_at: "2026-01-30T23:00:00", status: "paid" }] },
    expect: { row_count: 1, unique: "id", expression: "gross > amount" },
  })
  expect(result.run.rowsLoaded).toBe(1)
  await result.check({ equals: { columns: ["id", "gross"], rows: [{ id: 1, gross: "118.99" }] } })
})
// #endregion

// #region files
await pipelineTests({ test, project: import.meta.dirname, plugins: builtins })
// #endregion
