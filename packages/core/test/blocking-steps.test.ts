/** Steps that need all rows, in whole runs: where they spill, what they count, what is left when a run ends. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import {
  createEngine,
  Decimal,
  defineSource,
  defineTransform,
  type Engine,
  type PipelineDefinition,
  type Plugin,
  type Row,
  RunError,
} from "../src/index.ts"
import { nodeFiles } from "../src/node/nodeFiles.ts"
import { keepRows, rowsSource } from "./memoryPlugins.ts"

let tempFolder = ""
beforeEach(() => {
  tempFolder = mkdtempSync(path.join(tmpdir(), "blocking-steps-"))
})
afterEach(() => rmSync(tempFolder, { recursive: true, force: true }))

/** Knows its columns also where no row comes. */
const idSource = (rows: ReadonlyArray<Row>) =>
  defineSource<unknown, { at: number }>({
    type: "rows",
    columns: { id: "integer" },
    async *read({ cursor, batchSize }) {
      for (let at = cursor?.at ?? 0; at < rows.length; at += batchSize)
        yield { rows: rows.slice(at, at + batchSize), cursor: { at: Math.min(rows.length, at + batchSize) } }
    },
  })

const engineWith = (...plugins: ReadonlyArray<Plugin>): Engine => createEngine({ plugins, tempFolder })

/** Numbers from 0 to before `count`, mixed by a fixed rule. */
const mixed = (count: number): ReadonlyArray<{ readonly id: number; readonly text: string }> =>
  Array.from({ length: count }, (_, i) => ({ id: (i * 7919) % count, text: `row ${i}`.padEnd(50, ".") }))

const definition = (more: Partial<PipelineDefinition> = {}): PipelineDefinition => ({
  name: "numbers",
  sources: [{ type: "rows", batch_size: 100 }],
  transforms: [{ type: "sort", by: "id" }],
  destinations: [{ type: "keep" }],
  ...more,
})

const small = { buffer_memory: "64kb" } as const

/** Files opened in the temp folder so far, and what is in it now. */
const watched = () => {
  const files = nodeFiles()
  const opened: Array<string> = []
  return {
    opened,
    files: {
      ...files,
      openWrite: (file: string, mode: "create" | "append") => {
        opened.push(file)
        return files.openWrite(file, mode)
      },
    },
  }
}

const failure = async (run: Promise<unknown>): Promise<RunError> => {
  const error: unknown = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(RunError)
  return error as RunError
}

test("sorts in memory, without a file, and what is behind the sort sees the rows in order", async () => {
  const kept = keepRows()
  const { files, opened } = watched()
  await using engine = createEngine({ plugins: [rowsSource(mixed(997)), kept.destination], tempFolder, files })
  const run = await engine.run(
    definition({
      transforms: [
        { type: "filter", condition: "id <> 5" },
        { type: "sort", by: "id", order: "desc" },
        { type: "map", fields: { twice: "id * 2" } },
        { type: "filter", condition: "id <> 7" },
        { type: "select", columns: ["twice"] },
      ],
    }),
  )
  const expected = Array.from({ length: 997 }, (_, i) => 996 - i).filter((id) => id !== 5 && id !== 7)
  expect(kept.rows).toEqual(expected.map((id) => ({ twice: 2 * id })))
  expect(run).toMatchObject({ rowsExtracted: 997, rowsFiltered: 2, rowsLoaded: 995, rowsRejected: 0 })
  expect(run.progress.steps.map((step) => [step.rowsIn, step.rowsOut])).toEqual([
    [997, 996],
    [996, 996],
    [996, 996],
    [996, 995],
    [995, 995],
  ])
  expect(opened).toEqual([])
})

test("spills past buffer_memory with the same result, and leaves no file", async () => {
  const kept = keepRows()
  const { files, opened } = watched()
  await using engine = createEngine({ plugins: [rowsSource(mixed(5003)), kept.destination], tempFolder, files })
  const run = await engine.run(definition({ defaults: small }))
  expect(kept.rows).toEqual(mixed(5003).toSorted((a, b) => a.id - b.id))
  expect(run).toMatchObject({ rowsExtracted: 5003, rowsLoaded: 5003, rowsFiltered: 0 })
  expect(opened.filter((file) => file.startsWith(tempFolder))).toHaveLength(1)
  expect(readdirSync(tempFolder)).toEqual([])
})

test("a step behind another takes its rows in their order: a stable sort after a sort", async () => {
  const kept = keepRows()
  await using engine = engineWith(rowsSource(mixed(3001)), kept.destination)
  await engine.run(
    definition({
      defaults: small,
      transforms: [
        { type: "map", fields: { rest: "id % 3" } },
        { type: "sort", by: "id", order: "desc" },
        { type: "sort", by: [{ column: "rest" }] },
        { type: "select", columns: ["rest", "id"] },
      ],
    }),
  )
  const expected = Array.from({ length: 3001 }, (_, i) => 3000 - i).map((id) => ({ rest: id % 3, id }))
  expect(kept.rows).toEqual(expected.toSorted((a, b) => a.rest - b.rest))
  expect(readdirSync(tempFolder)).toEqual([])
})

test("no rows at all are no rows", async () => {
  const kept = keepRows()
  await using engine = engineWith(idSource([]), kept.destination)
  expect(await engine.run(definition())).toMatchObject({ status: "success", rowsLoaded: 0 })
  expect(kept.rows).toEqual([])
  expect(kept.commits).toHaveLength(1)
})

test("a run that fails behind the step leaves no file and nothing loaded", async () => {
  const kept = keepRows()
  await using engine = engineWith(rowsSource(mixed(4000)), kept.destination)
  const transforms = [
    { type: "sort", by: "id" },
    { type: "map", fields: { x: "1 / (id - 3500)" } },
  ] as const
  const error = await failure(engine.run(definition({ defaults: small, transforms })))
  expect(error).toMatchObject({ code: "DIVISION_BY_ZERO" })
  expect(error.message).toContain("row 3501")
  expect(kept.rows).toEqual([])
  expect(readdirSync(tempFolder)).toEqual([])
})

test("a run that is cancelled while rows are held, or while they come out, leaves no file", async () => {
  for (const moment of ["in", "out"] as const) {
    const cancel = new AbortController()
    const { files, opened } = watched()
    const hasSpilled = () => opened.some((file) => file.startsWith(tempFolder))
    const kept = keepRows({ onWrite: () => cancel.abort() })
    const source = defineSource({
      type: "rows",
      async *read() {
        yield { rows: mixed(4000) }
        if (moment === "out") return
        while (!hasSpilled()) await new Promise(setImmediate)
        cancel.abort()
        yield { rows: mixed(4000) }
      },
    })
    await using engine = createEngine({ plugins: [source, kept.destination], tempFolder, files })
    const running = engine.run(definition({ defaults: small }), { signal: cancel.signal })
    expect(await failure(running)).toMatchObject({ code: "RUN_CANCELLED" })
    expect(hasSpilled()).toBe(true)
    expect(readdirSync(tempFolder)).toEqual([])
    expect(kept.rows).toEqual([])
  }
})

test("a full disk while spilling is an error that names the step and says what to do", async () => {
  const kept = keepRows()
  const files = nodeFiles()
  const full = {
    ...files,
    openWrite: async (file: string, mode: "create" | "append") => ({
      ...(await files.openWrite(file, mode)),
      write: () => Promise.reject(Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" })),
    }),
  }
  await using engine = createEngine({ plugins: [rowsSource(mixed(4000)), kept.destination], tempFolder, files: full })
  const error = await failure(engine.run(definition({ defaults: small })))
  expect(error).toMatchObject({ code: "DISK_FULL" })
  expect(error.message).toContain("numbers / transforms[0] (sort): no room is left in")
  expect(readdirSync(tempFolder)).toEqual([])
})

test("a temp folder that cannot be written is an error that names it", async () => {
  const kept = keepRows()
  await using engine = createEngine({ plugins: [rowsSource(mixed(4000)), kept.destination], tempFolder: "/dev/null/below" })
  const error = await failure(engine.run(definition({ defaults: small })))
  expect(error).toMatchObject({ code: "SPILL_FAILED" })
  expect(error.message).toContain("/dev/null/below")
})

test.each([
  ["sort", { type: "sort", by: "id" }, [1, 3, 7]],
  ["deduplicate", { type: "deduplicate", key: "id", keep: "first" }, [3, 1, 7]],
  ["deduplicate", { type: "deduplicate", key: "n", keep: "latest", by: "id" }, [7]],
  ["aggregate", { type: "aggregate", group_by: "id", metrics: { rows: "COUNT(*)" } }, [3, 1, 7]],
  ["aggregate", { type: "aggregate", group_by: "n", metrics: { id: "MAX(id)" } }, [7]],
] as const)("a row whose key cannot be read fails the run, or is set aside under `skip`: %s", async (type, step, expected) => {
  const rows = ["3", "x", "1", "y", "1", "7"].map((id) => ({ id, n: 1 }))
  const typed = defineSource({
    type: "rows",
    columns: { id: "integer", n: "integer" },
    async *read() {
      yield { rows: rows.filter(({ id }, i) => type !== "sort" || rows.findIndex((row) => row.id === id) === i) }
    },
  })
  const kept = keepRows()
  await using engine = engineWith(typed, kept.destination)
  const error = await failure(engine.run(definition({ transforms: [step] })))
  expect(error).toMatchObject({ code: "VALUE_TYPE" })
  expect(error.message).toContain(`numbers / transforms[0] (${type}): row 2, column id:`)
  const letters = keepRows({ type: "letters" })
  await using skipping = engineWith(typed, kept.destination, letters.destination)
  const run = await skipping.run(definition({ transforms: [step], error_handling: { strategy: "skip", dead_letter: { type: "letters" } } }))
  expect(run).toMatchObject({ rowsLoaded: expected.length, rowsRejected: 2 })
  expect(kept.rows.map((row) => row["id"])).toEqual(expected)
  expect(letters.rows).toHaveLength(2)
})

test("cursors of an incremental run are kept only with the rows that the step held", async () => {
  const kept = keepRows({ commitsEarly: true })
  await using engine = engineWith(idSource(mixed(950)), kept.destination)
  const incremental = definition({ sources: [{ type: "rows", batch_size: 100, incremental: {} }] })
  await engine.run(incremental)
  expect(kept.commits.map(({ checkpoint }) => checkpoint.cursors["sources[0]"])).toEqual(['{"at":950}'])
  expect(kept.rows.map((row) => row["id"])).toEqual(Array.from({ length: 950 }, (_, i) => i))
  expect(await engine.run(incremental)).toMatchObject({ rowsExtracted: 0 })
})

test("a preview shows the first rows in order, also of more rows than memory holds", async () => {
  const kept = keepRows()
  await using engine = engineWith(rowsSource(mixed(5000)), kept.destination)
  const preview = await engine.preview(definition({ defaults: small }), { limit: 3 })
  expect(preview.rows.map((row) => row["id"])).toEqual([0, 1, 2])
  expect(readdirSync(tempFolder)).toEqual([])
})

test("explain says that the step holds all rows, and in which order it puts them", async () => {
  const kept = keepRows()
  await using engine = engineWith(rowsSource(mixed(5)), kept.destination)
  const by = [
    { column: "text", nulls: "first" },
    { column: "id", order: "desc" },
  ] as const
  const explanation = await engine.explain(definition({ transforms: [{ type: "sort", by }] }))
  expect(explanation.passes).toEqual([{ steps: [0], how: "holds all rows, spills past buffer_memory" }])
  expect(explanation.steps[0]).toMatchObject({ type: "sort", what: "text nulls first, id desc" })
})

test("columns that only a custom step knows are checked when rows come", async () => {
  const kept = keepRows()
  const reshape = defineTransform({ type: "reshape", row: (row: Row) => ({ key: row["id"], big: Number(row["id"]) > 50 ? 0.5 : 1 }) })
  await using engine = engineWith(rowsSource(mixed(200)), kept.destination, reshape)
  await engine.run(definition({ transforms: [{ type: "reshape" }, { type: "sort", by: "key" }] }))
  expect(kept.rows.map((row) => row["key"])).toEqual(Array.from({ length: 200 }, (_, i) => i))
  const error = await failure(engine.run(definition({ transforms: [{ type: "reshape" }, { type: "sort", by: "kay" }] })))
  expect(error).toMatchObject({ code: "UNKNOWN_COLUMN" })
  expect(error.message).toContain("Did you mean `key`?")
})

test("a key that changes its type half way is an error that says so", async () => {
  const kept = keepRows()
  const reshape = defineTransform({ type: "reshape", row: (row: Row) => ({ key: Number(row["id"]) > 990 ? 0.5 : 1 }) })
  await using engine = engineWith(rowsSource(Array.from({ length: 1000 }, (_, id) => ({ id }))), kept.destination, reshape)
  const error = await failure(engine.run(definition({ transforms: [{ type: "reshape" }, { type: "sort", by: "key" }] })))
  expect(error).toMatchObject({ code: "SCHEMA_CHANGED" })
  expect(error.message).toContain("the column key was integer and is now double")
})

test("an unknown column and JSON as a key are found before a row is read", async () => {
  const kept = keepRows()
  const json = defineSource({
    type: "rows",
    columns: { doc: "json" },
    async *read() {
      yield { rows: [{ doc: { a: 1 } }] }
    },
  })
  await using engine = engineWith(json, kept.destination)
  const issuesOf = async (by: string): Promise<unknown> =>
    (await failure(engine.run(definition({ transforms: [{ type: "sort", by }] })))).message
  expect(await issuesOf("dok")).toContain("Did you mean `doc`?")
  expect(await issuesOf("doc")).toContain("which has no order")
})

test("rows that deduplicate leaves out count as filtered by it, spilled or not", async () => {
  for (const defaults of [{}, small]) {
    const kept = keepRows()
    await using engine = engineWith(rowsSource(mixed(4001)), kept.destination)
    const transforms = [
      { type: "map", fields: { group: "id / 3" } },
      { type: "deduplicate", key: "group", keep: "latest", by: "id" },
      { type: "select", columns: ["id"] },
    ] as const
    const run = await engine.run(definition({ defaults, transforms }))
    const highest = mixed(4001)
      .map(({ id }) => id)
      .filter((id) => id % 3 === 2 || id === 4000)
    expect(kept.rows).toEqual(highest.map((id) => ({ id })))
    expect(run).toMatchObject({ rowsExtracted: 4001, rowsLoaded: highest.length, rowsFiltered: 4001 - highest.length, rowsRejected: 0 })
    expect(readdirSync(tempFolder)).toEqual([])
  }
})

test("aggregate gives one row for each group, and counts the others as filtered, spilled or not", async () => {
  for (const defaults of [{}, { buffer_memory: "16kb" }]) {
    const kept = keepRows()
    await using engine = engineWith(rowsSource(mixed(4001)), kept.destination)
    const transforms = [
      { type: "map", fields: { bucket: "id % 1000" } },
      { type: "aggregate", group_by: "bucket", metrics: { rows: "COUNT(*)", total: "SUM(id)", high: "MAX(id) FILTER (WHERE id < 3000)" } },
      { type: "sort", by: "bucket" },
      { type: "filter", condition: "bucket < 2" },
    ] as const
    const run = await engine.run(definition({ defaults, transforms }))
    const total = (value: number) => Decimal.fromWhole(value)
    expect(kept.rows).toEqual([
      { bucket: 0, rows: 5, total: total(10_000), high: 2000 },
      { bucket: 1, rows: 4, total: total(6004), high: 2001 },
    ])
    expect(run).toMatchObject({ rowsExtracted: 4001, rowsLoaded: 2, rowsFiltered: 3999, rowsRejected: 0 })
    expect(readdirSync(tempFolder)).toEqual([])
  }
})

test("an aggregate over no rows is one row without group_by, and none with it", async () => {
  const metrics = { rows: "COUNT(*)", total: "SUM(id)", all: "ARRAY_AGG(id)" }
  for (const [group_by, rows] of [
    [undefined, [{ rows: 0, total: null, all: null }]],
    ["id", []],
  ] as const) {
    const kept = keepRows()
    await using engine = engineWith(idSource([]), kept.destination)
    const run = await engine.run(definition({ transforms: [{ type: "aggregate", ...(group_by && { group_by }), metrics }] }))
    expect(kept.rows).toEqual(rows)
    expect(run).toMatchObject({ rowsExtracted: 0, rowsLoaded: rows.length, rowsFiltered: 0 })
    expect(run.progress.added).toBe(rows.length)
  }
})

test("a row that a metric cannot compute fails the run with its number and values, or is set aside whole under `skip`", async () => {
  const rows = [{ id: 4 }, { id: 0 }, { id: 2 }]
  const kept = keepRows()
  await using engine = engineWith(idSource(rows), kept.destination)
  const transforms = [{ type: "aggregate", metrics: { rows: "COUNT(*)", parts: "SUM(8 / id)" } }] as const
  const error = await failure(engine.run(definition({ transforms })))
  expect(error).toMatchObject({ code: "DIVISION_BY_ZERO" })
  expect(error.message).toContain("numbers / transforms[0] (aggregate): row 2: ")
  expect(error.message).toContain("The row has id = 0.")
  const letters = keepRows({ type: "letters" })
  await using skipping = engineWith(idSource(rows), kept.destination, letters.destination)
  const skip = { strategy: "skip", dead_letter: { type: "letters" } } as const
  const run = await skipping.run(definition({ transforms, error_handling: skip }))
  expect(kept.rows).toEqual([{ rows: 2, parts: Decimal.fromWhole(6) }])
  expect(run).toMatchObject({ rowsExtracted: 3, rowsLoaded: 1, rowsRejected: 1, rowsFiltered: 1 })
})

test("a metric that cannot be computed for a group names the group", async () => {
  const kept = keepRows()
  await using engine = engineWith(idSource([{ id: 1 }, { id: 7 }]), kept.destination)
  const transforms = [{ type: "aggregate", group_by: ["id"], metrics: { share: "1 / (SUM(id) - 7)" } }] as const
  const error = await failure(engine.run(definition({ transforms })))
  expect(error).toMatchObject({ code: "DIVISION_BY_ZERO" })
  expect(error.message).toContain("the metric share of the group id = 7:")
})

test("an aggregate that is too large for its type names the group", async () => {
  const kept = keepRows()
  await using engine = engineWith(idSource([{ id: 1 }, { id: 2 }]), kept.destination)
  const metrics = { wide: "VARIANCE(id * 1e200::double precision)" }
  const error = await failure(engine.run(definition({ transforms: [{ type: "aggregate", metrics }] })))
  expect(error).toMatchObject({ code: "NUMBER_OUT_OF_RANGE" })
  expect(error.message).toContain("transforms[0] (aggregate): the metric wide:")
})

test("what is wrong with an aggregate is found before a row is read", async () => {
  const kept = keepRows()
  await using engine = engineWith(idSource([{ id: 1 }]), kept.destination)
  const messageOf = async (step: object) =>
    (await failure(engine.run(definition({ transforms: [{ type: "aggregate", ...step }] })))).message
  expect(await messageOf({ metrics: { n: "COUNT(ids)" } })).toContain("Did you mean id?")
  expect(await messageOf({ metrics: { n: "SUMM(id)" } })).toContain("transforms[0].metrics.n")
  expect(await messageOf({ group_by: ["id"], metrics: { id: "COUNT(*)" } })).toContain("`id` is a column of group_by too")
  expect(await messageOf({ group_by: ["id", "id"], metrics: {} })).toContain("`id` is named twice")
  expect(await messageOf({ metrics: { n: "id + COUNT(*)" } })).toContain("is no key of the group")
})

test("only the columns that an aggregate looks at are read", async () => {
  const kept = keepRows()
  await using engine = engineWith(rowsSource(mixed(5)), kept.destination)
  const explanation = await engine.explain(
    definition({
      transforms: [
        { type: "filter", condition: "id > 1" },
        { type: "aggregate", metrics: { n: "COUNT(*)" } },
      ],
    }),
  )
  expect(explanation.sources[0]).toMatchObject({ read: ["id"], pruned: ["text"] })
  expect(explanation.steps[1]!.columns).toEqual([{ name: "n", type: "integer", nullable: false }])
})

/** Two sources: numbers, and names for some of them. */
const joined = (more: Partial<PipelineDefinition> = {}): PipelineDefinition =>
  definition({
    sources: [
      { type: "rows", batch_size: 100 },
      { type: "names", name: "labels", batch_size: 70 },
    ],
    transforms: [{ type: "join", with: "labels", on: { id: "number" }, how: "left" }],
    ...more,
  })

const labelsOf = (count: number) =>
  rowsSource(
    Array.from({ length: count }, (_, i) => ({ label: `label ${i}`.padEnd(40, "."), number: 2 * i, text: i })),
    "names",
  )

test("a join adds the columns of the other source, in the order of the rows, in memory or not", async () => {
  for (const defaults of [{}, small]) {
    const kept = keepRows()
    const { files, opened } = watched()
    await using engine = createEngine({ plugins: [rowsSource(mixed(3001)), labelsOf(1200), kept.destination], tempFolder, files })
    const run = await engine.run(joined({ defaults }))
    const expected = mixed(3001).map(({ id, text }) => {
      const isThere = id % 2 === 0 && id < 2400
      return { id, text, label: isThere ? `label ${id / 2}`.padEnd(40, ".") : null, labels_text: isThere ? id / 2 : null }
    })
    expect(kept.rows).toEqual(expected)
    expect(run).toMatchObject({ rowsExtracted: 4201, rowsLoaded: 3001, rowsFiltered: 1200, rowsRejected: 0 })
    expect(run.progress).toMatchObject({ read: 4201, loaded: 3001, filtered: 1200, added: 0 })
    expect(opened.some((file) => file.startsWith(tempFolder))).toBe("buffer_memory" in defaults)
    expect(readdirSync(tempFolder)).toEqual([])
  }
})

test("rows that a join multiplies count as added", async () => {
  const kept = keepRows()
  const others = rowsSource(
    Array.from({ length: 50 }, (_, i) => ({ number: 1, other: i })),
    "names",
  )
  await using engine = engineWith(rowsSource([{ id: 1 }, { id: 2 }, { id: 1 }]), others, kept.destination)
  const run = await engine.run(joined({ transforms: [{ type: "join", with: "labels", on: { id: "number" } }] }))
  expect(kept.rows).toHaveLength(100)
  expect(run.progress).toMatchObject({ read: 53, loaded: 100, filtered: 0, rejected: 0, added: 47 })
})

test("a join that gives more than memory holds goes through, whatever room its batches find", async () => {
  const kept = keepRows()
  const others = rowsSource(
    Array.from({ length: 400 }, (_, i) => ({ number: 1, other: i, filler: "x".repeat(100) })),
    "names",
  )
  const rows = Array.from({ length: 60 }, () => ({ id: 1 }))
  for (const buffer_memory of ["64kb", "1mb"]) {
    await using engine = engineWith(rowsSource(rows), others, kept.destination)
    const transforms = [
      { type: "join", with: "labels", on: { id: "number" } },
      { type: "aggregate", metrics: { n: "COUNT(*)", total: "SUM(other)" } },
    ] as const
    const run = await engine.run(joined({ defaults: { buffer_memory }, transforms }))
    expect(run).toMatchObject({ rowsLoaded: 1 })
    expect(kept.rows.at(-1)).toEqual({ n: 24_000, total: Decimal.fromWhole(60 * 79_800) })
  }
  expect(readdirSync(tempFolder)).toEqual([])
})

test("keys of types that are never equal, columns that are not there and names that are taken are found before a row is read", async () => {
  const kept = keepRows()
  await using engine = engineWith(rowsSource(mixed(5)), labelsOf(5), kept.destination)
  const messageOf = async (on: string | Readonly<Record<string, string>>, before: PipelineDefinition["transforms"] = []): Promise<string> =>
    (await failure(engine.run(joined({ transforms: [...before, { type: "join", with: "labels", on }] })))).message
  expect(await messageOf({ id: "label" })).toContain("`id` is integer and `label` of `labels` is string, which are never equal.")
  expect(await messageOf({ id: "nummer" })).toContain("The source `labels` has no column `nummer`.\nDid you mean `number`?")
  expect(await messageOf({ ids: "number" })).toContain("There is no column `ids` at this step.")
  expect(await messageOf("id = number")).toMatch(
    /`id = number` is no column, and looks like a condition\.\nWrite it under `condition` in place of `on`\.$/,
  )
  const taken = [{ type: "map", fields: { labels_text: "1" } }] as const
  expect(await messageOf({ id: "number" }, taken)).toContain("The rows already have a column `labels_text`.")
})

test("a preview before a join shows the rows alone, and one behind it the pairs", async () => {
  const kept = keepRows()
  await using engine = engineWith(rowsSource(mixed(500)), labelsOf(100), kept.destination)
  expect((await engine.preview(joined(), { limit: 1000, step: 0 })).rows).toEqual(mixed(500))
  const behind = await engine.preview(joined(), { limit: 3 })
  expect(behind.rows.map((row) => Object.keys(row))).toEqual(Array.from({ length: 3 }, () => ["id", "text", "label", "labels_text"]))
  const explanation = await engine.explain(joined())
  expect(explanation.steps[0]).toMatchObject({ type: "join", what: "left with labels on id = number" })
  expect(explanation.passes).toEqual([{ steps: [0], how: "holds the other source, spills past buffer_memory" }])
  expect(explanation.sources.map((source) => source.name)).toEqual(["sources[0]", "labels"])
})

test("a join of rows that only a custom step knows compares keys as the other source has them", async () => {
  const kept = keepRows()
  const reshape = defineTransform({ type: "reshape", row: (row: Row) => ({ key: row["id"] }) })
  await using engine = engineWith(rowsSource(mixed(20)), labelsOf(5), kept.destination, reshape)
  const transforms = [{ type: "reshape" }, { type: "join", with: "labels", on: { key: "number" }, how: "semi" }] as const
  await engine.run(joined({ transforms }))
  expect(kept.rows.map((row) => Number(row["key"])).toSorted((a, b) => a - b)).toEqual([0, 2, 4, 6, 8])
  const wrong = defineTransform({ type: "reshape", row: (row: Row) => ({ key: String(row["id"]) }) })
  await using other = engineWith(rowsSource(mixed(20)), labelsOf(5), kept.destination, wrong)
  expect((await failure(other.run(joined({ transforms })))).message).toContain("are never equal")
})

test("a condition decides about pairs, sees the columns as they are called behind the join, and is checked before a row is read", async () => {
  const kept = keepRows()
  await using engine = engineWith(rowsSource(mixed(40)), labelsOf(40), kept.destination)
  const join = { type: "join", with: "labels", on: { id: "number" }, condition: "labels_text % 3 = 0 AND text <> label" } as const
  await engine.run(joined({ transforms: [join, { type: "select", columns: ["id", "labels_text"] }] }))
  const expected = mixed(40).flatMap(({ id }) => (id % 6 === 0 ? [{ id, labels_text: id / 2 }] : []))
  expect(kept.rows).toEqual(expected)
  const messageOf = async (condition: string): Promise<string> =>
    (await failure(engine.run(joined({ transforms: [{ ...join, condition }] })))).message
  expect(await messageOf("lable > 1")).toContain("transforms[0].condition")
  expect(await messageOf("labels_text")).toContain("transforms[0].condition")
  const error = await failure(engine.run(joined({ transforms: [{ ...join, condition: "1 / (labels_text - 2) > 0" }] })))
  expect(error).toMatchObject({ code: "DIVISION_BY_ZERO" })
  expect(error.message).toContain("numbers / transforms[0] (join): ")
  expect(error.message).toContain("The pair has id = 4, ")
})
