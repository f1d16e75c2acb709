/**
 * Run by `incremental-folder.test.ts` as a process of its own: one run that stands still at the row in `hang-at`, says so, and waits to be
 * killed.
 */
import { createEngine, defineTransform, type PipelineDefinition } from "@deltaflow/core"
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
await engine.run(JSON.parse(definition) as PipelineDefinition)
