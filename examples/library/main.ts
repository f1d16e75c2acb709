import { createEngine, pipeline } from "@deltaflow/core"
import { csvSource, ndjsonDestination } from "@deltaflow/connectors"

const adults = pipeline({
  name: "adults",
  sources: [{ type: "csv", path: "data/users.csv" }],
  transforms: [
    { type: "filter", condition: "age >= 18" },
    { type: "map", fields: { full_name: "first_name || ' ' || last_name" } },
    { type: "select", columns: ["id", "full_name", "age"] },
  ],
  destinations: [{ type: "ndjson", path: "output/adults.ndjson" }],
})

await using engine = createEngine({ plugins: [csvSource, ndjsonDestination], projectRoot: import.meta.dirname })
const run = await engine.run(adults)
console.log(`${run.rowsLoaded} of ${run.rowsExtracted} rows in ${run.pipeline}`)
