/** Rows that a step cannot take, in whole runs from file to file: the error says where, and the old output stays as it was. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createEngine, defineTransform, type EngineOptions, type PipelineDefinition, type Plugin, type Row } from "@deltaflow/core"
import { nodeFiles } from "@deltaflow/core/node"
import { afterEach, beforeEach, expect, test } from "vitest"
import { csvSource } from "../src/csv/index.ts"
import { ndjsonDestination, ndjsonSource } from "../src/ndjson/index.ts"

const OLD = '{"old":"output"}\n'

let folder = ""
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bad-input-transforms-"))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

type Steps = NonNullable<PipelineDefinition["transforms"]>

interface More {
  readonly plugins?: ReadonlyArray<Plugin>
  readonly engine?: Partial<EngineOptions>
  readonly pipeline?: Partial<PipelineDefinition>
}

const run = async (input: string, transforms: Steps, { plugins = [], engine: options = {}, pipeline = {} }: More = {}) => {
  writeFileSync(join(folder, "in.csv"), input)
  writeFileSync(join(folder, "out.ndjson"), OLD)
  await using engine = createEngine({
    plugins: [csvSource, ndjsonSource, ndjsonDestination, ...plugins],
    projectRoot: folder,
    tempFolder: join(folder, "spill"),
    ...options,
  })
  return await engine.run({
    name: "bad",
    sources: [{ type: "csv", path: "in.csv" }],
    transforms,
    destinations: [{ type: "ndjson", path: "out.ndjson", write_mode: "replace" }],
    ...pipeline,
  })
}

const output = () => readFileSync(join(folder, "out.ndjson"), "utf8")

const rowsOf = async (...args: Parameters<typeof run>): Promise<ReadonlyArray<Row>> => {
  await run(...args)
  return output()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row)
}

/** The error of a run that has to fail, after a look at what it left. */
const failure = async (...args: Parameters<typeof run>): Promise<{ code: string; message: string }> => {
  const error = await run(...args).then(
    () => Promise.reject(new Error("it ran")),
    (thrown: unknown) => thrown as { code: string; message: string },
  )
  expect(output()).toBe(OLD)
  const left = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  expect(left.map(({ name }) => name).toSorted()).toEqual([
    "in.csv",
    ...(existsSync(join(folder, "names.ndjson")) ? ["names.ndjson"] : []),
    "out.ndjson",
  ])
  return error
}

const map = (x: string): Steps => [{ type: "map", fields: { x } }]

test.each([
  ["division by zero", "n\n2\n0\n", "1 / n", /row 2: .*division by zero.*n = 0/],
  ["overflow", "n\n1\n9223372036854775807\n", "n + 1", /row 2: 9223372036854775807 \+ 1 does not fit an integer/],
  ["a text that is no number", "n\n1\nabc\n", "CAST(n AS integer)", /row 2: .*abc/],
  ["a date that does not exist", "n\n2024-02-29\n2023-02-29x\n", "CAST(LEFT(n, 10) AS date)", /row 2: .*2023-02-29/],
  ["NaN as an integer", "n\n1\nNaN\n", "CAST(CAST(n AS double) AS integer)", /row 2: .*NaN/],
  ["infinity as an integer", "n\n1\nInfinity\n", "CAST(CAST(n AS double) AS integer)", /row 2: .*(Infinity|out of range)/],
  ["a year past the last", "n\nx2024-01-01\nx294277-01-01\n", "CAST(SUBSTRING(n, 2) AS timestamp)", /row 2: .*294277/],
])("%s fails with step, row and value", async (_, input, expression, says) => {
  const { message } = await failure(input, map(expression))
  expect(message).toContain("bad / transforms[0] (map x): ")
  expect(message).toMatch(says)
})

test("groups without values and aggregates over no rows answer as PostgreSQL does", async () => {
  const metrics = { n: "COUNT(*)", s: "SUM(v)", a: "AVG(v)" }
  const grouped: Steps = [{ type: "aggregate", group_by: ["k"], metrics }]
  expect(await rowsOf("k,v\na,1\nb,\n", grouped)).toMatchObject([
    { k: "a", n: 1, s: 1 },
    { k: "b", n: 1, s: null, a: null },
  ])
  const none: Steps = [
    { type: "filter", condition: "v > 5" },
    { type: "aggregate", metrics },
  ]
  expect(await rowsOf("k,v\na,1\n", none)).toEqual([{ n: 0, s: null, a: null }])
})

test("the row of a value that is none is told, however far down it stands", async () => {
  const at = 4_999_999
  const input = `n\n${"1\n".repeat(at - 1)}x\n2\n`
  const pipeline = { sources: [{ type: "csv", path: "in.csv", infer: false }] }
  const { message } = await failure(input, map("n::integer"), { pipeline })
  expect(message).toMatch(/^bad \/ transforms\[0\] \(map x\): row 4999999: "x" is no integer\. The row has n = "x"\./)
}, 60_000)

test("a join on keys of types that are never equal is told before a row is read", async () => {
  writeFileSync(join(folder, "names.ndjson"), '{"id":"one","name":"x"}\n')
  const sources = [
    { type: "csv", path: "in.csv" },
    { type: "ndjson", path: "names.ndjson", name: "names" },
  ]
  const join_: Steps = [{ type: "join", with: "names", on: "id" }]
  await expect(run("id\n1\n", join_, { pipeline: { sources } })).rejects.toThrow(
    "`id` is integer and `id` of `names` is string, which are never equal.",
  )
  expect(output()).toBe(OLD)
})

const NAMES = Array.from({ length: 4000 }, (_, i) => `{"id":${i},"name":"${"name ".repeat(20)}${i}"}\n`).join("")

test.each<[string, Steps[number]]>([
  ["sort", { type: "sort", by: "v" }],
  ["aggregate", { type: "aggregate", group_by: ["v"], metrics: { n: "COUNT(*)" } }],
  ["deduplicate", { type: "deduplicate", key: ["v"], keep: "latest", by: "id" }],
  ["join", { type: "join", with: "names", on: "id" }],
])("a disk that is full while %s spills ends the run with a clear error", async (type, step) => {
  const files = nodeFiles()
  const full = (): Promise<never> => Promise.reject(Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" }))
  const engine = {
    files: {
      ...files,
      openWrite: async (file: string, mode: "create" | "append") => {
        const handle = await files.openWrite(file, mode)
        return file.startsWith(join(folder, "spill")) ? { ...handle, write: full } : handle
      },
    },
  }
  const hasNames = type === "join"
  if (hasNames) writeFileSync(join(folder, "names.ndjson"), NAMES)
  const sources = [{ type: "csv", path: "in.csv" }, ...(hasNames ? [{ type: "ndjson", path: "names.ndjson", name: "names" }] : [])]
  const input = `id,v\n${Array.from({ length: 4000 }, (_, i) => `${i},${"text ".repeat(40)}${i}`).join("\n")}\n`
  const pipeline = { sources, defaults: { buffer_memory: "64kb" } }
  const { code, message } = await failure(input, [step], { engine, pipeline })
  expect(code).toBe("DISK_FULL")
  expect(message).toContain(`bad / transforms[0] (${type}`)
  expect(message).toContain(join(folder, "spill"))
})

const custom = (name: string, apply: (row: Row) => unknown): Plugin => defineTransform({ type: name, row: apply as (row: Row) => Row })

test.each<[string, (row: Row) => unknown]>([
  ["returns nothing for a row", (row) => (row["id"] === 2 ? undefined : row)],
  ["rejects", (row) => (row["id"] === 2 ? Promise.reject(new Error("it broke")) : row)],
  ["changes a column's type half way", (row) => (row["id"] === 2 ? { ...row, v: { deep: true } } : row)],
])("a custom step that %s fails at its row", async (_, apply) => {
  const { message } = await failure("id,v\n1,1\n2,2\n", [{ type: "bad_step" }], { plugins: [custom("bad_step", apply)] })
  expect(message).toContain("bad / transforms[0] (custom bad_step): row 2")
})

test("a custom step that changes its input gives the changed row", async () => {
  const step = custom("mutate", (row) => Object.assign(row, { v: Number(row["v"]) + 1 }))
  expect(await rowsOf("id,v\n1,1\n2,2\n", [{ type: "mutate" }], { plugins: [step] })).toEqual([
    { id: 1, v: 2 },
    { id: 2, v: 3 },
  ])
})

test("a step that changes its input in place of giving a patch is told so", async () => {
  const step = defineTransform({
    type: "mutate",
    patch: (row) => {
      ;(row as Record<string, unknown>)["v"] = 0
      return null
    },
  })
  const { message } = await failure("id,v\n1,1\n", [{ type: "mutate" }], { plugins: [step] })
  expect(message).toContain("bad / transforms[0] (custom mutate): row 1")
})

test("a step that changes rows changes nothing for a step before it, which wrote them elsewhere", async () => {
  const seen: Array<Row> = []
  const first = custom("remember", (row) => {
    seen.push(row)
    return row
  })
  const second = custom("mutate", (row) => Object.assign(row, { v: 0 }))
  const rows = await rowsOf("id,v\n1,1\n2,2\n", [{ type: "remember" }, { type: "mutate" }], { plugins: [first, second] })
  expect(rows.map(({ v }) => v)).toEqual([0, 0])
  expect(seen.map((row) => row["v"])).toEqual([1, 2])
})

test("rows that a custom step keeps hold their own values to the end, or say that they are gone", async () => {
  const kept: Array<Row> = []
  const step = custom("keep_all", (row) => {
    kept.push(row)
    return row
  })
  const input = `id,v\n${Array.from({ length: 50_000 }, (_, i) => `${i},text ${i}`).join("\n")}\n`
  const rows = await rowsOf(input, [{ type: "keep_all" }], { plugins: [step] })
  expect(rows).toHaveLength(50_000)
  const wrong = kept.findIndex((row, i) => {
    try {
      return row["id"] !== i || row["v"] !== `text ${i}`
    } catch (error) {
      return !/row/.test(String(error))
    }
  })
  expect(wrong).toBe(-1)
})
