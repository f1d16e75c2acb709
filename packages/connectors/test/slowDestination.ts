/**
 * A file into a destination of 50 MB a second, as a process of its own: prints its peak resident memory in bytes, first after a run over a
 * small file, then after the large one.
 */
import { createEngine, defineDestination } from "@deltaflow/core"
import { builtins } from "../src/index.ts"

const BYTES_A_MS = 50_000

const [root = "", small = "", large = "", rowBytes = ""] = process.argv.slice(2)

const slow = defineDestination({
  type: "slow",
  writeModes: ["append"],
  open: () => ({
    write: async (rows) => await new Promise((resolve) => setTimeout(resolve, (rows.length * Number(rowBytes)) / BYTES_A_MS)),
    commit: () => undefined,
  }),
})

await using engine = createEngine({ plugins: [...builtins, slow], projectRoot: root })
const peaks: Array<number> = []
let rows = 0
for (const path of [small, large]) {
  const run = await engine.run({
    name: "slow",
    sources: [{ type: "csv", path }],
    transforms: [{ type: "filter", condition: "id >= 0" }],
    destinations: [{ type: "slow", write_mode: "append" }],
  })
  rows = run.rowsLoaded
  peaks.push(process.resourceUsage().maxRSS * 1024)
}
process.stdout.write(JSON.stringify({ peaks, rows }))
