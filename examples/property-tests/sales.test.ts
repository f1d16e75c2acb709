import { builtins } from "@deltaflow/connectors"
import { checkDeltaLaw, testPipeline } from "@deltaflow/testing"
import fc from "fast-check"
import { expect, test } from "vitest"
import { salesByCountry } from "./sales.ts"

const columns = { id: "integer", country: "string", amount: "decimal" } as const

/** Few countries, so that they meet; ids grow, as those of a table do. */
const sales = fc
  .array(fc.record({ country: fc.constantFrom("DE", "FR", "日本", "", null), cents: fc.integer({ min: -500, max: 10_000 }) }), {
    maxLength: 30,
  })
  .map((rows) => rows.map(({ country, cents }, i) => ({ id: i + 1, country, amount: (cents / 100).toFixed(2) })))

test("any cut of the sales into runs gives the same table", async () => {
  await checkDeltaLaw(salesByCountry, { plugins: builtins, sources: { sales: { columns, rows: sales } } })
})

test("the totals are those that a loop counts", async () => {
  await fc.assert(
    fc.asyncProperty(sales, async (rows) => {
      const result = await testPipeline(salesByCountry, { fixtures: { sales: { columns, rows } }, plugins: builtins })
      const cents = new Map<string, number>()
      for (const { country, amount } of rows)
        if (Number(amount) > 0 && country !== null) cents.set(country, (cents.get(country) ?? 0) + Math.round(Number(amount) * 100))
      const found = result.rows().map((row) => [row["country"], Math.round(Number(row["total"]) * 100)])
      expect(new Map(found as Array<[string, number]>)).toEqual(cents)
    }),
    { numRuns: 30 },
  )
})
