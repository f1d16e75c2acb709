import { defineTransform, type PipelineDefinition } from "@deltaflow/core"
import { describe, expect, it } from "vitest"
import { checkDeltaLaw } from "./deltaLaw.ts"

const definition = (more: Partial<PipelineDefinition>): PipelineDefinition => ({
  name: "orders",
  sources: [{ type: "feed", name: "orders", incremental: true }],
  destinations: [{ type: "table", name: "totals", write_mode: "upsert", key: "shop" }],
  ...more,
})

const sources = { orders: { columns: { shop: "string", amount: "decimal", at: "timestamptz" } } } as const

describe("the delta law of a pipeline", () => {
  /** With the row functions of a test. */
  const passing = (seenOne: () => void) => (row: Record<string, unknown>) => {
    seenOne()
    return row
  }

  it("holds where steps go on from what they have seen", async () => {
    const totals = { type: "aggregate", group_by: ["shop"], metrics: { n: "COUNT(*)", total: "SUM(amount)", last: "MAX(at)" } }
    await checkDeltaLaw(definition({ transforms: [{ type: "filter", condition: "shop IS NOT NULL" }, totals] }), { sources, runs: 40 })
    const latest = { type: "deduplicate", key: "shop", keep: "latest", by: "at" }
    await checkDeltaLaw(definition({ transforms: [{ type: "filter", condition: "shop IS NOT NULL" }, latest] }), { sources, runs: 40 })
  })

  it("finds a step that does not, and shows the shortest rows and cut", async () => {
    let count = 0
    const numbered = defineTransform({
      type: "numbered",
      // Begins anew with each run, which is what is wrong with it.
      setup: () => void (count = 0),
      row: (row: object) => ({ ...row, number: ++count }),
    })
    const pipeline = definition({
      transforms: [{ type: "numbered" }],
      destinations: [{ type: "table", name: "rows", write_mode: "append" }],
    })
    const wrong = checkDeltaLaw(pipeline, { sources, plugins: [numbered], runs: 100, seed: 1 })
    await expect(wrong).rejects.toThrow(/Property failed/)
    const cause = await wrong.then(
      () => "",
      (error: Error) => String(error.cause),
    )
    expect(cause).toMatch(/rows holds other rows after \d runs than after one over all rows/)
    expect(cause).toMatch(/1 row differs|1 row is missing/)
    // Two rows in two runs are all that it takes.
    expect(cause.split("run 1:")[1]!.match(/\{/g)).toHaveLength(2)
  })

  it("says nothing of rows over which the pipeline fails, and much of a cut over which it does", async () => {
    const ratio = { type: "map", fields: { ratio: "1 / amount" } }
    await checkDeltaLaw(definition({ transforms: [ratio] }), { sources, runs: 30 })
    const first = defineTransform({
      type: "first",
      // An increment without rows is more than it can take.
      setup: () => void (seen = 0),
      row: passing(() => void seen++),
      finish: () => {
        if (seen === 0) throw new Error("no rows")
        return []
      },
      eachRun: true,
    })
    let seen = 0
    const wrong = checkDeltaLaw(definition({ transforms: [{ type: "first" }] }), { sources, plugins: [first], runs: 60, seed: 2 })
    await expect(wrong.catch((error: Error) => String(error.cause))).resolves.toMatch(
      /run \d of \d fails, and one run over all rows does not/,
    )
  })

  it("names what is wrong with the pipeline and with the sources", async () => {
    await expect(checkDeltaLaw(definition({ transforms: [{ type: "filter", condition: "nope > 1" }] }), { sources })).rejects.toThrow(
      "nope",
    )
    await expect(checkDeltaLaw(definition({}), { sources: { order: sources.orders } })).rejects.toThrow("Did you mean `orders`?")
  })
})
