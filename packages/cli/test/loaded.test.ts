/** What is loaded, and when: start-up time and base memory are made of it, and it does not depend on how quick the machine is. */
import { spawnSync } from "node:child_process"
import { readFileSync, rmSync } from "node:fs"
import path from "node:path"
import { pathToFileURL } from "node:url"
import { describe, expect, it, vi } from "vitest"
import { folderWith, project, quickstart } from "./inProcess.ts"

vi.setConfig({ testTimeout: 60_000 })

const main = path.resolve(import.meta.dirname, "../src/main.ts")
const lister = pathToFileURL(path.resolve(import.meta.dirname, "listLoads.mjs")).href
const expressions = pathToFileURL(path.resolve(import.meta.dirname, "../../core/src/expression/Expression.ts")).href
const worker = pathToFileURL(path.resolve(import.meta.dirname, "../../core/src/engine/worker.ts")).href

interface Loaded {
  /** Names of the packages of others. */
  readonly packages: ReadonlySet<string>
  /** Our own, with their folder: `core/engine`, `cli`. */
  readonly ours: ReadonlySet<string>
}

const nodeOptions = ["--conditions=source", "--disable-warning=ExperimentalWarning"]

const listing = [...nodeOptions, `--import=${lister}`]

/** Runs Node in the folder and gives what it loaded; a thread that it starts is listed where it gets the options of `listing`. */
const loadedBy = (root: string, args: ReadonlyArray<string>, options = listing): Loaded => {
  const file = path.join(root, "loaded.txt")
  const { status, stderr } = spawnSync(process.execPath, [...options, ...args], {
    cwd: root,
    env: { ...process.env, LOADED: file, NODE_OPTIONS: "" },
    encoding: "utf8",
  })
  expect({ status, stderr }).toMatchObject({ status: 0 })
  return sorted(readFileSync(file, "utf8").trim().split("\n"))
}

const sorted = (urls: ReadonlyArray<string>): Loaded => {
  const found = (pattern: RegExp) => new Set(urls.flatMap((url) => pattern.exec(url)?.[1] ?? []))
  return { packages: found(/.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//), ours: found(/\/packages\/(\w+\/src(?:\/\w+(?=\/))?)/) }
}

/** A program with this text. */
const code = (text: string): ReadonlyArray<string> => {
  const program = path.join(folderWith({ "program.mjs": text }), "program.mjs")
  return [program]
}

const core = JSON.stringify(import.meta.resolve("@deltaflow/core"))

const pipelineWith = (steps: string) =>
  folderWith({ ...project, "deltaflow.yml": quickstart.replace(/transforms:[^]*(?=destinations:)/, `transforms:\n${steps}\n`) })

const needed = ["effect", "yaml"]

describe("importing the core", () => {
  it("loads nothing of others, also when plugins, a pipeline and an engine are made", () => {
    const { packages, ours } = loadedBy(
      folderWith({}),
      code(`
        import { createEngine, defineDestination, defineSource, pipeline } from ${core}
        const source = defineSource({ type: "ours", read: async function* () { yield [{ a: 1 }] } })
        const destination = defineDestination({ type: "theirs", open: () => ({ write: () => {} }) })
        createEngine({ plugins: [source, destination] })
        pipeline({ name: "p", sources: [{ type: "ours" }], destinations: [{ type: "theirs" }] })
      `),
    )
    expect([...packages]).toEqual([])
    expect(ours).toContain("core/src/contract")
    for (const folder of ["expression", "store", "text"]) expect([...ours]).not.toContain(`core/src/${folder}`)
  })

  it("runs a definition in code without YAML, the SQL parser and regular expressions", () => {
    const { packages } = loadedBy(
      folderWith({}),
      code(`
        import { createEngine, defineDestination, defineSource } from ${core}
        const source = defineSource({ type: "ours", read: async function* () { yield [{ a: 1 }] } })
        const destination = defineDestination({ type: "theirs", open: () => ({ write: () => {} }) })
        await using engine = createEngine({ plugins: [source, destination] })
        await engine.run({ name: "p", sources: [{ type: "ours" }], destinations: [{ type: "theirs" }] })
      `),
    )
    expect([...packages]).toEqual(["effect"])
  })
})

describe("the command", () => {
  it.each(["--version", "--help"])("loads only itself for %s", (flag) => {
    const { packages, ours } = loadedBy(folderWith({}), [main, flag])
    expect([...packages]).toEqual([])
    expect([...ours]).toEqual(["cli/src"])
  })

  it("loads the SQL parser for a run with expressions only", () => {
    expect([...loadedBy(pipelineWith("  - type: select\n    columns: [age]"), [main, "run"]).packages].toSorted()).toEqual(needed)
    const { packages } = loadedBy(pipelineWith('  - type: filter\n    condition: "age >= 18"'), [main, "run"])
    expect([...packages].toSorted()).toEqual(["@pgsql/types", ...needed, "libpg-query"].toSorted())
  })

  it("loads no generator of random rows to test pipelines", () => {
    const text = "pipeline: hello-world\ntests: [{ name: none, fixtures: { sample_data: [] }, expect: { row_count: 0 } }]\n"
    const { packages, ours } = loadedBy(folderWith({ ...project, "tests/none.test.yml": text }), [main, "test"])
    expect(ours).toContain("testing/src/pipeline")
    expect([...packages].toSorted()).toEqual(["@pgsql/types", ...needed, "libpg-query"].toSorted())
  })

  it("loads regular expressions where a step matches them", () => {
    const { packages } = loadedBy(pipelineWith("  - type: filter\n    condition: \"first_name ~ '^A'\""), [main, "run"])
    expect([...packages]).toContain("re2js")
  })

  it("loads what reads and writes Parquet where a pipeline does", () => {
    const destination = "destinations:\n  - type: parquet\n    path: out.parquet\n"
    const root = folderWith({
      ...project,
      "deltaflow.yml": quickstart.replace(/destinations:[^]*$/, destination),
      "read.yml": "name: read\nsources:\n  - type: parquet\n    path: out.parquet\ndestinations:\n  - type: ndjson\n    path: out.ndjson\n",
    })
    expect([...loadedBy(root, [main, "run", "deltaflow.yml"]).packages]).toEqual(expect.arrayContaining(["hyparquet", "hyparquet-writer"]))
    rmSync(path.join(root, "loaded.txt"))
    const { packages } = loadedBy(root, [main, "run", "read.yml"])
    expect([...packages].toSorted()).toEqual([...needed, "hyparquet"].toSorted())
  })

  it("loads the parser of schedules where there is one", () => {
    const root = folderWith({ ...project, "deltaflow.yml": `${quickstart}\nschedule: "0 6 * * *"\n` })
    expect([...loadedBy(root, [main, "validate"]).packages]).toContain("cron-parser")
  })
})

describe("a worker thread", () => {
  it("loads what decodes, computes and encodes, and neither Effect nor the SQL parser", () => {
    const program = code(`
      import { Worker } from "node:worker_threads"
      import { csvDecoder, jsonEncoder } from ${JSON.stringify(import.meta.resolve("@deltaflow/core/text"))}
      import { loadExpressionParser, treesOf } from ${JSON.stringify(expressions)}
      await loadExpressionParser()
      const columns = [{ name: "a", type: "string", nullable: true }]
      const thread = new Worker(new URL(${JSON.stringify(worker)}), {
        execArgv: ${JSON.stringify(listing)},
        workerData: {
          decoder: csvDecoder({ columns, batchSize: 10, lenient: false, delimiter: 44, quote: 34, nulls: [""] }),
          encoder: jsonEncoder({ layout: "lines" }),
          steps: { steps: [{ type: "filter", condition: "a <> 'y'" }], input: { columns }, runtime: {}, now: 0, backend: "code" },
          trees: treesOf(["a <> 'y'"]),
          output: { columns },
        },
      })
      thread.on("message", ({ result }) => process.exit(Buffer.from(result.bytes).toString() === '{"a":"x"}\\n' ? 0 : 1))
      thread.postMessage({ id: 0, bytes: new Uint8Array(Buffer.from("x\\n")) })
    `)
    const { packages, ours } = loadedBy(folderWith({}), program, nodeOptions)
    expect([...packages]).toEqual([])
    expect(ours).toContain("core/src/expression")
    expect([...ours]).not.toContain("core/src/pipeline")
  })
})
