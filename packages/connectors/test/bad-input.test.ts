/** What a whole run makes of bad input: an error that names the place, the old output as it was, and nothing left behind. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import {
  createEngine,
  defineTransform,
  type EngineOptions,
  type Files,
  loadProject,
  type PipelineDefinition,
  type RunError,
  runnablePipelines,
} from "@deltaflow/core"
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

/** A file that is not on the disk: `start`, and then its last byte again and again. */
const endless = (files: Files, place: string, size: number, start: Uint8Array, onRead: (length: number) => void): Files => ({
  ...files,
  stat: async (file) => (file === place ? { kind: "file", size, modifiedMs: 0 } : await files.stat(file)),
  realPath: async (file) => (file === place ? place : await files.realPath(file)),
  openRead: async (file) => {
    if (file !== place) return await files.openRead(file)
    return {
      read: async (buffer, position) => {
        const length = Math.min(buffer.length, size - position)
        buffer.fill(start.at(-1)!, 0, length)
        if (position < start.length) buffer.set(start.subarray(position, position + length))
        onRead(length)
        return length
      },
      close: async () => undefined,
    }
  },
})

/** Runs in a process that may write no file of more than a megabyte; gives what it says. */
const inSmallFiles = async (definition: PipelineDefinition): Promise<string> => {
  const script = path.join(import.meta.dirname, "childRun.ts")
  const limited = [
    "-c",
    'ulimit -f 1024; exec "$@"',
    "bash",
    process.execPath,
    "--conditions=source",
    "--disable-warning=ExperimentalWarning",
  ]
  const child = spawn("bash", [...limited, script, root, JSON.stringify(definition)], { stdio: ["ignore", "pipe", "inherit"] })
  let said = ""
  child.stdout.on("data", (bytes) => (said += String(bytes)))
  expect(await once(child, "close")).toEqual([0, null])
  return said
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

  it.each<[string, Readonly<Record<string, unknown>>, string, RegExp]>([
    [
      "an option that nobody knows",
      { sources: [{ type: "csv", path: "in.csv", delimeter: ";" }] },
      "UNKNOWN_KEY",
      /sources\[0\].*`delimeter`.*Did you mean `delimiter`\?/s,
    ],
    ["a key that nobody knows", { transfroms: [] }, "UNKNOWN_KEY", /`transfroms`.*Did you mean `transforms`\?/s],
    ["an option of another type", { sources: [{ type: "csv", path: "in.csv", header: 5 }] }, "INVALID_VALUE", /sources\[0\]\.header/],
    ["a common option of another type", { sources: [{ type: "csv", path: "in.csv", batch_size: "many" }] }, "INVALID_VALUE", /batch_size/],
    ["a value that is missing", { sources: [{ type: "csv" }] }, "MISSING_KEY", /sources\[0\].*path/s],
    [
      "a comparison of text with a number",
      { transforms: [{ type: "filter", condition: "b > 5" }] },
      "EXPRESSION_TYPE",
      /transforms\[0\]\.condition: > does not compare string with integer/,
    ],
    [
      "a column that is not there",
      { transforms: [{ type: "select", columns: ["a", "c"] }] },
      "UNKNOWN_COLUMN",
      /transforms\[0\]\.columns\[1\]: There is no column `c`/,
    ],
  ])("%s stops the run before it begins", async (_what, more, code, place) => {
    const error = await failing("a,b\n1,x\n", more)
    expect(error?.code).toBe(code)
    expect(error?.message).toMatch(place)
    await nothingChanged()
  })

  it("a variable that is not set, and a circle of pipelines, are told with file and line, and nothing of them runs", async () => {
    await mkdir(path.join(root, "pipelines"))
    const pipeline = (name: string, more: string, input = "in.csv") =>
      `name: ${name}\n${more}sources: [{ type: csv, path: "${input}" }]\ndestinations: [{ type: ndjson, path: out/rows.ndjson }]\n`
    await writeFile(path.join(root, "in.csv"), "a\n1\n")
    await writeFile(path.join(root, "pipelines/a.yml"), pipeline("a", "depends_on: b\n"))
    await writeFile(path.join(root, "pipelines/b.yml"), pipeline("b", "depends_on: [a]\n"))
    await writeFile(path.join(root, "pipelines/c.yml"), pipeline("c", "", "${INPUT_FOLDER}/in.csv"))
    const project = await loadProject({ root, files: nodeFiles(), plugins: builtins })
    expect(project.issues.map(({ code, file, line, message }) => [code, file, line, message])).toEqual([
      ["CIRCULAR_DEPENDENCY", "pipelines/a.yml", 2, expect.stringContaining("a → b → a")],
      ["CIRCULAR_DEPENDENCY", "pipelines/b.yml", 2, expect.stringContaining("b → a → b")],
      ["MISSING_VARIABLE", "pipelines/c.yml", 2, expect.stringContaining("INPUT_FOLDER")],
    ])
    expect(runnablePipelines(project)).toEqual([])
    await nothingChanged()
  })

  it.each<[string, (size: number) => Uint8Array, string]>([
    ["csv", (size) => Buffer.alloc(size, "x"), "big.csv:2: "],
    ["ndjson", (size) => Buffer.alloc(size, "x").fill('{"a":1}\n{"a":"', 0, 14), "big.ndjson:2: "],
    ["json", (size) => Buffer.alloc(size, "x").fill('[{"a":1},{"a":"', 0, 15), "big.json: the row that begins behind byte "],
  ])("a line of 1 GB in a %s file is refused at its place, and not read to its end", async (type, begin, place) => {
    const start = type === "csv" ? Buffer.concat([Buffer.from("a\n"), begin(1000)]) : begin(1000)
    let bytesRead = 0
    const files = endless(nodeFiles(), path.join(root, `big.${type}`), 2 ** 30, start, (length) => void (bytesRead += length))
    const before = process.memoryUsage().rss
    const error = await failing(undefined, { sources: [{ type, name: "input", path: `big.${type}` }] }, { files })
    expect(error?.code).toBe("ROW_TOO_LARGE")
    expect(error?.message).toContain(place)
    expect(error?.message).toContain("max_row_size")
    // The limit is 128 MiB; buffers double, and the sample comes before the run.
    expect(bytesRead).toBeLessThan(2 ** 30)
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 30)
    await nothingChanged()
  })

  it("a step that never resolves ends at the time limit", async () => {
    const stuck = defineTransform({ type: "stuck", row: () => new Promise<never>(() => undefined) })
    const more = { transforms: [{ type: "stuck" }], defaults: { timeout: "100ms" } }
    const error = await failing("a\n1\n2\n", more, { plugins: [...builtins, stuck] })
    expect(error?.code).toBe("STEP_TIMEOUT")
    expect(error?.message).toMatch(/bad \/ stuck: rows 1 to 2 did not finish within 0\.1 s/)
    await nothingChanged()
  })

  it("a disk that is really full says so, also where half of a write went through", async () => {
    await writeFile(path.join(root, "in.csv"), `a,b\n${"1,some text that takes room\n".repeat(100_000)}`)
    const definition: PipelineDefinition = {
      name: "bad",
      sources: [{ type: "csv", path: "in.csv" }],
      destinations: [{ type: "ndjson", path: "out/rows.ndjson" }],
    }
    for (const writeMode of ["replace", "append"] as const) {
      const [destination] = definition.destinations
      const child = await inSmallFiles({ ...definition, destinations: [{ ...destination!, write_mode: writeMode }] })
      expect(JSON.parse(child) as object).toMatchObject({
        code: "DISK_FULL",
        message: expect.stringContaining("out/rows.ndjson") as string,
      })
      await nothingChanged()
    }
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

  it.each(["EACCES", "EROFS"])("an output folder that is not writable (%s) says so", async (code) => {
    const files = nodeFiles()
    const locked: Files = {
      ...files,
      openWrite: (place) => Promise.reject(Object.assign(new Error(`${code}: permission denied, open '${place}'`), { code })),
    }
    const error = await failing("a\n1\n", {}, { files: locked })
    expect(error?.code).toBe("OUTPUT_NOT_WRITABLE")
    expect(error?.message).toContain(`out/rows.ndjson: it cannot be written (${code}). Check the folder and who may write to it.`)
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

  it.each([1, 500])("a run that is cancelled at row %s leaves the old output", async (at) => {
    const controller = new AbortController()
    const stuck = defineTransform({
      type: "stuck",
      row: (row) => {
        if (row["a"] !== at) return row
        controller.abort()
        return new Promise(() => {})
      },
    })
    await writeFile(path.join(root, "in.csv"), `a\n${Array.from({ length: 1000 }, (_, i) => `${i + 1}\n`).join("")}`)
    await using engine = createEngine({ plugins: [...builtins, stuck], projectRoot: root })
    const handle = await engine.start(
      {
        name: "bad",
        sources: [{ type: "csv", path: "in.csv", batch_size: 10 }],
        transforms: [{ type: "stuck" }],
        destinations: [{ type: "ndjson", path: "out/rows.ndjson" }],
      },
      { signal: controller.signal },
    )
    expect((await handle.done).status).toBe("cancelled")
    await nothingChanged()
  })
})
