/** Deltaflow as a library: a definition, the built packages, nothing but the defaults and the number of workers. */
import { dirname } from "node:path"
import { createEngine } from "@deltaflow/core"
import { csvDestination, csvSource } from "@deltaflow/connectors/csv"
import { ndjsonDestination, ndjsonSource } from "@deltaflow/connectors/ndjson"
import { contender, type Task } from "./contender.ts"
import { filter, group, latest, map, tenSteps } from "./steps.ts"

const rowFunction = {
  type: "custom",
  module: new URL("./enrichRow.ts", import.meta.url).pathname,
  export: "enrichRow",
} as const

const pipelines = {
  j1: { source: "csv", transforms: process.env.BENCH_STEPS === "ten" ? tenSteps : [filter, map], destination: "ndjson" },
  "j1-opaque": { source: "csv", transforms: [rowFunction], destination: "ndjson" },
  j2: { source: "csv", transforms: [filter, group], destination: "ndjson" },
  j3: { source: "csv", transforms: [latest], destination: "ndjson" },
  j4: { source: "ndjson", transforms: [filter], destination: "csv" },
} as const

async function run({ job, input, output, threads }: Task): Promise<void> {
  const { source, transforms, destination } = pipelines[job as keyof typeof pipelines]
  await using engine = createEngine({
    plugins: [csvSource, csvDestination, ndjsonSource, ndjsonDestination],
    projectRoot: dirname(output),
    allowOutside: true,
  })
  await engine.run(
    {
      name: job,
      sources: [{ type: source, path: input }],
      transforms: [...transforms],
      destinations: [{ type: destination, path: output, write_mode: "replace" }],
    },
    { workers: threads },
  )
}

await contender({ j1: run, "j1-opaque": run, j2: run, j3: run, j4: run })
