/**
 * One run, as a process of its own that a test may kill: stands still at the batch with the row `hangAt`, after it has said so. Ends with
 * the run's error as JSON on stdout, where there is one.
 */
import { createEngine, defineTransform, type PipelineDefinition, RunError } from "@deltaflow/core"
import { sqliteStore } from "@deltaflow/core/store/sqlite"
import { builtins } from "../src/index.ts"

const [root = "", definition = "", hangAt = ""] = process.argv.slice(2)

const hang = defineTransform({
  type: "hang",
  batch: async (rows) => {
    if (!rows.some((row) => String(row["id"]) === hangAt)) return rows
    process.stdout.write("hanging\n")
    return await new Promise<never>(() => setInterval(() => undefined, 1000))
  },
})

await using engine = createEngine({
  plugins: [...builtins, hang],
  projectRoot: root,
  store: sqliteStore({ path: `${root}/state.db` }),
})
try {
  await engine.run(JSON.parse(definition) as PipelineDefinition)
} catch (error) {
  if (!(error instanceof RunError)) throw error
  process.stdout.write(JSON.stringify({ code: error.code, message: error.message }))
}
