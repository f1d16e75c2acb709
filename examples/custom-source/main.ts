import { createEngine, defineSource, pipeline } from "@deltaflow/core"
import { memoryDestination } from "@deltaflow/connectors"
import { issuesAfter } from "./tracker.ts"

export const tracker = defineSource<unknown, { after: number }>({
  type: "tracker",
  async *read({ cursor }) {
    let after = cursor?.after ?? 0
    for (let page = await issuesAfter(after); page.length > 0; page = await issuesAfter(after)) {
      after = page.at(-1)!.id
      yield { rows: page, cursor: { after } }
    }
  },
})

const output = memoryDestination()
await using engine = createEngine({ plugins: [tracker, output] })
const issues = pipeline({
  name: "issues",
  sources: [{ type: "tracker", incremental: true }],
  destinations: [{ type: "memory", write_mode: "append" }],
})
const first = await engine.run(issues)
const second = await engine.run(issues)
console.log(`${first.rowsLoaded} issues, then ${second.rowsLoaded} new ones; ${output.rows().length} in all`)
