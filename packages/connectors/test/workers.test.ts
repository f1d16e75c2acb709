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
  const signs = lines.map((line, i) => (i % 7 === 3 ? line.replace(/^\d+/, "-0") : line))
  await writeFile(path.join(root, "signs.csv"), `id,status,amount,note\n${signs.join("\n")}\n`)
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

describe("the types of a custom step's columns", () => {
  const STEPS = `
    export const sometimesHalf = (row) => ({ ...row, score: row.id === ${ROWS - 1000} ? 1.5 : row.id })
    export const sometimesText = (row) => ({ ...row, score: row.id === ${ROWS - 1000} ? "many" : row.id })
    export const label = (row) => ({ label: row.status + "!" })
    export const halfId = (row) => (row.id === 1000 ? { id: 1.5 } : null)
  `

  const outcome = async (step: { export: string; mode?: "patch"; columns?: Record<string, "string"> }, workers: number) => {
    await writeFile(path.join(root, "steps.mjs"), STEPS)
    const out = `custom-${workers}.csv`
    await rm(path.join(root, out), { force: true })
    await using engine = createEngine({ plugins: builtins, projectRoot: root })
    const definition: PipelineDefinition = {
      name: "custom",
      sources: [{ type: "csv", path: "signs.csv" }],
      transforms: [{ type: "custom", module: "steps.mjs", ...step }],
      destinations: [{ type: "csv", path: out }],
    }
    const failure = await engine.run(definition, { workers }).then(
      () => undefined,
      (cause: unknown) => (cause as RunError).message,
    )
    return { failure, bytes: failure === undefined ? await readFile(path.join(root, out), "latin1") : "" }
  }

  it.each([
    ["from its rows", { export: "sometimesHalf" }, undefined, `,1.5\n`],
    ["from its rows, where they do not meet", { export: "sometimesText" }, /row 399001, column score: .*"many"/, ""],
    ["as they are declared", { export: "label", mode: "patch", columns: { label: "string" } }, undefined, ",paid!\n"],
    [
      "as they are declared, and those of the input",
      { export: "halfId", mode: "patch", columns: {} },
      /row 1001, column id: the step gave 1\.5, and the column is integer/,
      "",
    ],
    ["from its rows, in a patch", { export: "halfId", mode: "patch" }, undefined, "\n1.5,"],
  ] as const)("are taken %s, whatever the number of threads", async (_how, step, failure, part) => {
    const [one, two] = [await outcome(step, 1), await outcome(step, 2)]
    if (failure === undefined) expect(one.failure).toBeUndefined()
    else expect(one.failure).toMatch(failure)
    expect(one.bytes).toContain(part)
    expect(two.failure).toBe(one.failure)
    expect(two.bytes === one.bytes).toBe(true)
  })
})
