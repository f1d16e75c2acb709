/** Rows from a plugin of one's own, as async generator or as Effect stream: `plugin.ts promise|effect "" OUTPUT`. No contest of peers. */
import { dirname } from "node:path"
import * as Stream from "effect/Stream"
import { createEngine, defineSource } from "@deltaflow/core"
import { defineSource as defineStreamSource } from "@deltaflow/core/effect"
import { ndjsonDestination } from "@deltaflow/connectors/ndjson"
import { contender, type Task } from "./contender.ts"

const rowCount = 1_000_000
const batchSize = 5000

const batch = (first: number) =>
  Array.from({ length: batchSize }, (_, i) => ({
    id: first + i,
    name: `customer ${(first + i) % 997}`,
    amount: ((first + i) % 20_000) / 4,
    country: (first + i) % 3 === 0 ? "SE" : "FR",
  }))

const starts = Array.from({ length: rowCount / batchSize }, (_, i) => i * batchSize)

const generated = defineSource({
  type: "rows",
  async *read() {
    for (const start of starts) yield { rows: batch(start) }
  },
})

const streamed = defineStreamSource({
  type: "rows",
  read: () => Stream.fromIterable(starts).pipe(Stream.map((start) => ({ rows: batch(start) }))),
})

const run =
  (source: typeof generated) =>
  async ({ output }: Task): Promise<void> => {
    await using engine = createEngine({ plugins: [source, ndjsonDestination], projectRoot: dirname(output), allowOutside: true })
    await engine.run({
      name: "rows",
      sources: [{ type: "rows" }],
      transforms: [{ type: "filter", condition: "amount > 2500 AND country = 'FR'" }],
      destinations: [{ type: "ndjson", path: output, write_mode: "replace" }],
    })
  }

await contender({ promise: run(generated), effect: run(streamed) })
