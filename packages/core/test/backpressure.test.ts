import { expect, it } from "vitest"
import { createEngine, defineSource } from "../src/index.ts"
import { keepRows } from "./memoryPlugins.ts"

const BATCHES = 200
const NOTE = "x".repeat(1000)

it("a source waits for a slow destination: a few batches are on their way, whatever fits into memory", async () => {
  let given = 0
  const source = defineSource({
    type: "rows",
    async *read() {
      // 100 kB a batch, 20 MB in all.
      for (; given < BATCHES; given++) yield Array.from({ length: 100 }, (_, i) => ({ id: given * 100 + i, note: NOTE }))
    },
  })
  let mostAhead = 0
  let written = 0
  const slow = keepRows({
    onWrite: async (rows) => {
      // Everybody else goes on for as long as there is something to do.
      for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
      mostAhead = Math.max(mostAhead, given - written / 100)
      written += rows.length
    },
  })
  await using engine = createEngine({ plugins: [source, slow.destination] })
  const run = await engine.run({
    name: "slow",
    sources: [{ type: "rows" }],
    destinations: [{ type: "keep" }],
  })
  expect(run.rowsLoaded).toBe(BATCHES * 100)
  expect(mostAhead).toBeGreaterThan(2)
  expect(mostAhead).toBeLessThan(20)
})
