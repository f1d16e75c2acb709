/** Many histories: 2,000, or as many as `DELTAFLOW_SEEDS` says, from the seed `DELTAFLOW_SEED` on. */
import { expect, test } from "vitest"
import { caseNames, failuresOf } from "./simulationCases.ts"

const first = Number(process.env["DELTAFLOW_SEED"] ?? 1000)
const all = Number(process.env["DELTAFLOW_SEEDS"] ?? 2000)

test.each(caseNames)("histories with faults: %s", { timeout: 60_000 + all * 20 }, async (name) => {
  const count = Math.ceil(all / caseNames.length)
  console.log(`${name}: seeds ${first} to ${first + count - 1}`)
  expect(await failuresOf(name, first, count)).toEqual([])
})
