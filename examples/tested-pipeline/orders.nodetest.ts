import { test } from "node:test"
import { builtins } from "@deltaflow/connectors"
import { pipelineTests, testPipeline } from "@deltaflow/testing"

test("leaves out what was cancelled", async () => {
  await testPipeline(new URL("deltaflow.yml", import.meta.url), {
    fixtures: { orders: [{ id: 1, amount: 1, ordered_at: "2026-01-30T23:00:00", status: "cancelled" }] },
    expect: { row_count: 0 },
  })
})

await pipelineTests({ test, project: import.meta.dirname, plugins: builtins })
