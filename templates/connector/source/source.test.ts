import { memoryDestination } from "@deltaflow/connectors/memory"
import { createEngine } from "@deltaflow/core"
import { expect, it } from "vitest"
import { acmeOrdersSource } from "./index.ts"

const pipeline = (rows: number) => ({
  name: "acme-orders",
  sources: [{ type: "acme-orders", rows, batch_size: 2, incremental: true }],
  destinations: [{ type: "memory", write_mode: "append" as const }],
})

it("gives every row once, in order", async () => {
  const output = memoryDestination()
  await using engine = createEngine({ plugins: [acmeOrdersSource, output] })
  const run = await engine.run(pipeline(5))
  expect(run.rowsLoaded).toBe(5)
  expect(output.rows().map((row) => row["id"])).toEqual([1, 2, 3, 4, 5])
})

it("gives nothing again that an earlier run has given", async () => {
  const output = memoryDestination()
  await using engine = createEngine({ plugins: [acmeOrdersSource, output] })
  await engine.run(pipeline(5))
  const second = await engine.run(pipeline(5))
  expect(second.rowsExtracted).toBe(0)
  expect(output.rows()).toHaveLength(5)
})

it("ends well where there is nothing to read", async () => {
  const output = memoryDestination()
  await using engine = createEngine({ plugins: [acmeOrdersSource, output] })
  const run = await engine.run(pipeline(0))
  expect(run.status).toBe("success")
  expect(output.rows()).toEqual([])
})
