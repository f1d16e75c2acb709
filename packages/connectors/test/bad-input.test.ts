/** What a whole run makes of bad input: an error that names the place, the old output as it was, and nothing left behind. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { createEngine, defineTransform, type EngineOptions, type Files, type PipelineDefinition, type RunError } from "@deltaflow/core"
import { nodeFiles } from "@deltaflow/core/node"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { builtins } from "../src/index.ts"

let root: string
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), "deltaflow-bad-"))
  await mkdir(path.join(root, "out"))
  await writeFile(path.join(root, "out/rows.ndjson"), "old\n")
})
afterEach(async () => {
  await chmod(path.join(root, "out"), 0o755)
  await rm(root, { recursive: true, force: true })
})

const failing = async (
  content: string | Uint8Array | undefined,
  more: Partial<PipelineDefinition> = {},
  options: Partial<EngineOptions> = {},
) => {
  if (content !== undefined) await writeFile(path.join(root, "in.csv"), content)
  await using engine = createEngine({ plugins: builtins, projectRoot: root, ...options })
  const definition: PipelineDefinition = {
    name: "bad",
    sources: [{ type: "csv", name: "input", path: "in.csv" }],
    destinations: [{ type: "ndjson", path: "out/rows.ndjson" }],
    ...more,
  }
  return await engine.run(definition).then(
    () => undefined,
    (cause: unknown) => cause as RunError,
  )
}

/** The old output stands, and no temporary file beside it. */
const nothingChanged = async (): Promise<void> => {
  expect(await readdir(path.join(root, "out"))).toEqual(["rows.ndjson"])
  expect(await readFile(path.join(root, "out/rows.ndjson"), "utf8")).toBe("old\n")
}

describe("bad input", () => {
  it.each<[string, string | Uint8Array | undefined, string, RegExp]>([
    ["a missing file", undefined, "FILE_NOT_FOUND", /in\.csv/],
    ["an empty file", "", "SOURCE_EMPTY", /in\.csv/],
    ["a row with too many fields", "a,b\n1,2\n3,4,5\n6,7\n", "CSV_RAGGED_ROW", /in\.csv.*3/],
    ["a row with too few fields", "a,b\n1,2\n3\n", "CSV_RAGGED_ROW", /in\.csv.*3/],
    ["a quote inside an unquoted field", 'a,b\n1,2\n3,x"y\n', "CSV_QUOTE", /in\.csv.*3/],
    ["a quote that is never closed", 'a,b\n1,2\n3,"x\ny\n', "CSV_QUOTE", /in\.csv.*3/],
    ["bytes that are no UTF-8", new Uint8Array([97, 44, 98, 10, 49, 44, 0xff, 10]), "WRONG_ENCODING", /in\.csv.*2/],
    ["a name that stands twice in the header", "a,a\n1,2\n", "CSV_HEADER", /\ba\b/],
    ["a truncated gzip file", new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 75]), "CORRUPT_ARCHIVE", /in\.csv/],
  ])("%s stops the run at its place", async (_what, content, code, place) => {
    const gz = code === "CORRUPT_ARCHIVE" ? { sources: [{ type: "csv", name: "input", path: "in.csv", compression: "gzip" }] as const } : {}
    const error = await failing(content, gz)
    expect(error?.code).toBe(code)
    expect(error?.message).toMatch(place)
    await nothingChanged()
  })

  it("a missing file is no error where the source is optional", async () => {
    expect(await failing(undefined, { sources: [{ type: "csv", path: "none.csv", optional: true }] })).toBeUndefined()
    expect(await readFile(path.join(root, "out/rows.ndjson"), "utf8")).toBe("")
  })

  it("a header without rows is no error", async () => {
    expect(await failing("a,b\n")).toBeUndefined()
    expect(await readFile(path.join(root, "out/rows.ndjson"), "utf8")).toBe("")
  })

  it("a value of another type than its column's names row and column", async () => {
    const rows = Array.from({ length: 2000 }, (_, i) => `${i}\n`).join("")
    const error = await failing(`n\n${rows}many\n`, { transforms: [{ type: "filter", condition: "n >= 0" }] })
    expect(error?.code).toBe("VALUE_TYPE")
    expect(error?.message).toMatch(/row 2001.*n\b.*many/s)
    await nothingChanged()
  })

  it("a custom step that throws names the step and the row", async () => {
    const boom = defineTransform({
      type: "boom",
      row: (row) => {
        if (row["a"] === 3) throw new Error("no threes here")
        return row
      },
    })
    const error = await failing("a\n1\n2\n3\n", { transforms: [{ type: "boom" }] }, { plugins: [...builtins, boom] })
    expect(error?.message).toMatch(/boom.*row 3.*no threes here/s)
    await nothingChanged()
  })

  it("a full disk says so", async () => {
    const files = nodeFiles()
    const full: Files = {
      ...files,
      openWrite: async (place, mode) => ({
        ...(await files.openWrite(place, mode)),
        write: () => Promise.reject(Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" })),
      }),
    }
    const error = await failing("a\n1\n", {}, { files: full })
    expect(error?.code).toBe("DISK_FULL")
    await nothingChanged()
  })

  it("an output folder that cannot be made says so", async () => {
    await writeFile(path.join(root, "file"), "")
    const error = await failing("a\n1\n", { destinations: [{ type: "ndjson", path: "file/rows.ndjson" }] })
    expect(error?.code).toBe("OUTPUT_NOT_WRITABLE")
    expect(error?.message).toContain("file")
  })

  it("a path out of the project is refused", async () => {
    const error = await failing(undefined, { sources: [{ type: "csv", path: "../../etc/passwd" }] })
    expect(error?.code).toBe("PATH_OUTSIDE_PROJECT")
  })

  it("a cancelled run leaves the old output", async () => {
    const controller = new AbortController()
    const stuck = defineTransform({
      type: "stuck",
      row: () => {
        controller.abort()
        return new Promise(() => {})
      },
    })
    await writeFile(path.join(root, "in.csv"), "a\n1\n")
    await using engine = createEngine({ plugins: [...builtins, stuck], projectRoot: root })
    const handle = await engine.start(
      {
        name: "bad",
        sources: [{ type: "csv", path: "in.csv" }],
        transforms: [{ type: "stuck" }],
        destinations: [{ type: "ndjson", path: "out/rows.ndjson" }],
      },
      { signal: controller.signal },
    )
    expect((await handle.done).status).toBe("cancelled")
    await nothingChanged()
  })
})
