import { readFileSync } from "node:fs"
import { defineTransform, type PipelineDefinition } from "@deltaflow/core"
import { expect, it } from "vitest"
import { simulateFaults } from "../src/index.ts"
import { type CaseName, caseNames, failuresOf, simulationOf } from "./simulationCases.ts"

it.each(caseNames)("20 histories with faults: %s", async (name) => {
  expect(await failuresOf(name, 1, 20)).toEqual([])
})

/** Histories in which something was wrong once. */
const lines = readFileSync(new URL("../seeds.txt", import.meta.url), "utf8").split("\n")
const known = lines.filter((line) => line !== "" && !line.startsWith("#")).map((line) => line.split(/\s+(.*)/) as [string, CaseName])

it.each(known)("seed %s: %s", async (seed, name) => {
  expect(await failuresOf(name, Number(seed), 1)).toEqual([])
})

it("gives the same history for the same seed", async () => {
  const [first, second] = [await simulationOf("two sources into two tables"), await simulationOf("two sources into two tables")]
  await second.play(4)
  for (const seed of [3, 8, 15]) {
    const { history } = await first.play(seed)
    expect(history.length).toBeGreaterThan(40)
    expect((await second.play(seed)).history).toEqual(history)
  }
})

it("shows the history and its seed where a pipeline loses rows", async () => {
  const seen = new Set<unknown>()
  // What it has seen it forgets with the process, and remembers of runs that were never committed.
  const once = defineTransform({ type: "once", batch: (rows) => rows.filter(({ id }) => !seen.has(id) && seen.add(id)) })
  const pipeline = {
    name: "hopes",
    sources: [{ name: "a", type: "log", incremental: true }],
    transforms: [{ type: "once" }],
    destinations: [{ name: "out", type: "table", write_mode: "append" }],
  } satisfies PipelineDefinition
  const options = { sources: { a: { columns: { id: "integer" } } }, plugins: [once], seed: 1 } as const
  await expect(simulateFaults(pipeline, options)).rejects.toThrow(
    /out does not hold what one run without faults leaves:\n[^]*To repeat it: \{ seed: \d+, histories: 1 \}/,
  )
})
