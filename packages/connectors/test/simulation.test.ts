/** Files through simulated histories: the real destinations, over a disk that fails and forgets what was not synced. */
import type { PipelineDefinition } from "@deltaflow/core"
import { simulateFaults } from "@deltaflow/testing"
import fc from "fast-check"
import { expect, it } from "vitest"
import { csvDestination, jsonDestination, ndjsonDestination } from "../src/index.ts"

const columns = { id: "integer" } as const
const rows = fc.nat(25).map((count) => Array.from({ length: count }, (_, id) => ({ id })))

const histories = Number(process.env["DELTAFLOW_SEEDS"] ?? 15)
const seed = Number(process.env["DELTAFLOW_SEED"] ?? 1)

it.each(["csv", "ndjson", "json"])("%s: readers see the old file or the new one, and the new one in the end", async (type) => {
  const pipeline: PipelineDefinition = {
    name: "files",
    sources: [{ name: "a", type: "log" }],
    destinations: [{ name: "out", type, path: `out.${type}`, write_mode: "replace" }],
  }
  const simulated = simulateFaults(pipeline, {
    sources: { a: { columns, rows } },
    plugins: [csvDestination, ndjsonDestination, jsonDestination],
    files: { out: (files) => idsIn(files.text(`/project/out.${type}`) ?? "") },
    seed,
    histories,
  })
  await expect(simulated).resolves.toBeUndefined()
})

const idsIn = (text: string): ReadonlyArray<{ readonly id: number }> =>
  [...text.matchAll(/\d+/g)].map(([digits]) => ({ id: Number(digits) }))
