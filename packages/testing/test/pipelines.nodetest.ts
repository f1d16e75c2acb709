/** Tests of pipelines under Node's own test runner. Run by `testPipeline.test.ts`. */
import { test } from "node:test"
import { testPipeline } from "@deltaflow/testing"

const pipeline = {
  name: "ages",
  sources: [{ type: "anything", name: "people" }],
  transforms: [{ type: "map", fields: { age: "age + 1" } }],
  destinations: [{ type: "anything" }],
} as const

const fixtures = { people: [{ id: 1, age: 36 }] }

test("checks with expect", async () => {
  await testPipeline(pipeline, { fixtures, expect: { equals: [{ id: 1, age: 37 }] } })
})

test("gives what is checked later", async () => {
  const result = await testPipeline(pipeline, { fixtures })
  await result.check({ row_count: 1, expression: "age = 37" })
})

test("shows what differs", async () => {
  await testPipeline(pipeline, { fixtures, expect: { equals: [{ id: 1, age: 36 }] } })
})
