/** Large files are done by several threads, and give the same bytes and the same errors. */
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { createEngine, type PipelineDefinition, type RunError } from "@deltaflow/core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { builtins } from "../src/index.ts"

let root: string
const ROWS = 400_000

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), "deltaflow-workers-"))
  const note = (i: number): string => (i % 50 === 0 ? `"two\nlines, ""${i}"""` : `a note of some length about row ${i}`)
  const lines = Array.from({ length: ROWS }, (_, i) => `${i},${i % 3 === 0 ? "paid" : "open"},${(i % 1000) / 10},${note(i)}`)
  await writeFile(path.join(root, "in.csv"), `id,status,amount,note\n${lines.join("\n")}\n`)
  lines[ROWS - 5] = `${ROWS},paid,1,x,y`
  await writeFile(path.join(root, "ragged.csv"), `id,status,amount,note\n${lines.join("\n")}\n`)
})
afterAll(() => rm(root, { recursive: true, force: true }))

const run = async (input: string, workers: number) => {
  await using engine = createEngine({ plugins: builtins, projectRoot: root })
  const definition: PipelineDefinition = {
    name: "large",
    sources: [{ type: "csv", path: input }],
    transforms: [
      { type: "filter", condition: "status = 'paid' AND amount > 50" },
      { type: "map", fields: { cents: "(amount * 100)::bigint", label: "status || ':' || id" } },
    ],
    destinations: [{ type: "ndjson", path: `out-${workers}.ndjson` }],
  }
  return await engine.run(definition, { workers })
}

describe("worker threads", () => {
  it("are given a file that is large enough for them", async () => {
    expect((await stat(path.join(root, "in.csv"))).size).toBeGreaterThan(16 * 1024 * 1024)
  })

  it("give the bytes and counts that one thread gives", async () => {
    const [one, two] = [await run("in.csv", 1), await run("in.csv", 2)]
    expect(two).toMatchObject({ rowsExtracted: ROWS, rowsLoaded: one.rowsLoaded, rowsFiltered: one.rowsFiltered })
    const [a, b] = [await readFile(path.join(root, "out-1.ndjson")), await readFile(path.join(root, "out-2.ndjson"))]
    expect(a.length).toBeGreaterThan(1_000_000)
    expect(a.equals(b)).toBe(true)
  })

  it("give the error that one thread gives, with the line of the whole file", async () => {
    const errors = await Promise.all(
      [1, 2].map((workers) => run("ragged.csv", workers).catch((cause: unknown) => (cause as RunError).message)),
    )
    expect(errors[0]).toBe(errors[1])
    expect(errors[0]).toMatch(/ragged\.csv/)
  })
})
