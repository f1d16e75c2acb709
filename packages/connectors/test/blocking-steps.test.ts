/** Steps that need all rows, from file to file: what nobody computes on is written as it was read, also by way of the disk. */
import { createEngine, type PipelineDefinition } from "@deltaflow/core"
import { describe, expect, it } from "vitest"
import { builtins } from "../src/index.ts"
import { projectFolder, text } from "./harness.ts"

const LINES = [
  "3,1.50,2025-01-31 04:05:06,plain,",
  '1,-0.0,2025-01-31T04:05:06.700Z,"with ""quotes"", and\na line break",""',
  "2,12345678901234567890.120,,NULL,x",
  '1,1e3,1999-12-31,," last "',
]

const run = async (root: string, transforms: PipelineDefinition["transforms"], output: string, buffer_memory = "256mb") => {
  await using engine = createEngine({ plugins: builtins, projectRoot: root, tempFolder: "tmp" })
  return await engine.run({
    name: "all-rows",
    defaults: { buffer_memory, batch_size: 3 },
    sources: [{ type: "csv", path: "in.csv", columns: { at: "string" } }],
    transforms: transforms ?? [],
    destinations: [{ type: output.endsWith(".csv") ? "csv" : "ndjson", path: output }],
  })
}

const csv = (lines: ReadonlyArray<string>): string => `${["id,amount,at,note,more", ...lines].join("\n")}\n`

describe("rows that a step keeps", () => {
  it("are written as they were read", async () => {
    const root = projectFolder({ "in.csv": csv(LINES) })
    await run(root, [{ type: "sort", by: "id" }], "out.csv")
    expect(text(root, "out.csv")).toBe(csv([LINES[1]!, LINES[3]!, LINES[2]!, LINES[0]!]))
    await run(root, [{ type: "deduplicate", key: "id" }], "kept.csv")
    expect(text(root, "kept.csv")).toBe(csv([LINES[0]!, LINES[1]!, LINES[2]!]))
  })

  it("give the same bytes in memory and by way of the disk, to CSV and to JSON", async () => {
    const lines = Array.from({ length: 3000 }, (_, i) => LINES[i % LINES.length]!.replace(/^\d/, String((i * 7919) % 1000)))
    const root = projectFolder({ "in.csv": csv(lines) })
    const transforms = [
      { type: "deduplicate", key: ["id", "note"], keep: "latest", by: "amount" },
      { type: "sort", by: [{ column: "amount", order: "desc" }, { column: "id" }] },
    ] as const
    for (const form of ["csv", "ndjson"]) {
      const counts = []
      for (const memory of ["256mb", "64kb"]) {
        const done = await run(root, transforms, `${memory}.${form}`, memory)
        counts.push([done.rowsExtracted, done.rowsFiltered, done.rowsLoaded])
      }
      expect(counts[0]).toEqual(counts[1])
      expect(text(root, `64kb.${form}`)).toBe(text(root, `256mb.${form}`))
      expect(text(root, `64kb.${form}`).length).toBeGreaterThan(40_000)
    }
  })
})

describe("a file that is large enough for several threads", () => {
  const lines = Array.from({ length: 300_000 }, (_, i) => `${i},${(i * 7919) % 100_003},text of some length in row ${i} of the file`)
  lines[123_456] = `123456,-1,too little`
  const files = { "in.csv": `id,key,note\n${lines.join("\n")}\n` }

  const bytes = async (root: string, more: Partial<PipelineDefinition>, workers: number): Promise<string> => {
    await using engine = createEngine({ plugins: builtins, projectRoot: root, tempFolder: "tmp" })
    const done = await engine.run(
      {
        name: "large",
        sources: [{ type: "csv", path: "in.csv" }],
        destinations: [{ type: "csv", path: "out.csv" }],
        error_handling: { dead_letter: { type: "ndjson", path: "rejected.ndjson" } },
        ...more,
      },
      { workers },
    )
    return [done.rowsExtracted, done.rowsLoaded, done.rowsRejected, done.rowsFiltered, text(root, "out.csv")].join("\n")
  }

  it("gives the same with any number of them: rules of the schema, and steps that need all rows", async () => {
    const root = projectFolder(files)
    const schema = { key: { min: 0, on_violation: "reject" } } as const
    const checked = await bytes(root, { schema }, 1)
    expect(checked.startsWith("300000\n299999\n1\n0\n")).toBe(true)
    expect(await bytes(root, { schema }, 4)).toBe(checked)
    const transforms = [{ type: "aggregate", group_by: "key", metrics: { n: "COUNT(*)", last: "MAX(id)" } }] as const
    const grouped = await bytes(root, { schema, transforms }, 1)
    expect(await bytes(root, { schema, transforms, defaults: { buffer_memory: "2mb" } }, 4)).toBe(grouped)
  })
})
