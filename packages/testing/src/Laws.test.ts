import { spawn } from "node:child_process"
import { once } from "node:events"
import path from "node:path"
import {
  type Batch,
  type Checkpoint,
  commitRefusal,
  defineDestination,
  defineSource,
  defineTransform,
  type Destination,
  DestinationError,
  type Files,
  type Row,
  type Source,
  SourceError,
  type Transform,
} from "@deltaflow/core"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { destinationLaws, type DestinationLawsOptions } from "./DestinationLaws.ts"
import { type Law, runLaws } from "./Law.ts"
import { memoryFiles } from "./memoryFiles.ts"
import { sourceLaws, type SourceLawsOptions } from "./SourceLaws.ts"
import { transformLaws } from "./TransformLaws.ts"

const SEED = 7

/** The names of the laws that are broken, without the plugin's, and what was said. */
const broken = async (laws: ReadonlyArray<Law>): Promise<Record<string, string>> => {
  const found: Record<string, string> = {}
  for (const { name, check } of laws) {
    const failure = await check().then(
      () => undefined,
      (error: unknown) =>
        String(error instanceof Error && error.cause instanceof Error ? `${error.message} ${error.cause.message}` : error),
    )
    if (failure !== undefined) found[name.replace(/^[^:]+: /, "")] = failure
  }
  return found
}

const NUMBERS: ReadonlyArray<Row> = Array.from({ length: 23 }, (_, id) => ({ id, name: id % 5 === 0 ? null : `n${id}` }))

interface Bugs {
  readonly skipsAtCursor?: boolean
  readonly dropsLastBatch?: boolean
  readonly leaks?: boolean
  readonly growsCursor?: boolean
  readonly noCursor?: boolean
}

let open = 0

/** Numbers, as a source that holds something open. */
const numbers = (bugs: Bugs = {}): Source =>
  defineSource<{ password?: string }, { next: number | bigint }>({
    type: "numbers",
    columns: { id: "integer", name: "string" },
    read: async function* ({ config, cursor, batchSize }) {
      if (config.password === "wrong")
        throw new SourceError({ code: "SOURCE_FAILED", message: "numbers: the password is refused. Give another." })
      if (config.password !== undefined) throw new Error(`the password ${config.password} is too short`)
      open++
      try {
        let next = Number(cursor?.next ?? 0) + (bugs.skipsAtCursor === true && cursor !== undefined ? 1 : 0)
        while (next < NUMBERS.length) {
          const rows = NUMBERS.slice(next, next + batchSize)
          next += rows.length
          if (bugs.dropsLastBatch === true && rows.length < batchSize && batchSize > 1 && batchSize < 9) break
          await Promise.resolve()
          yield bugs.noCursor === true
            ? rows
            : { rows, cursor: { next: bugs.growsCursor === true ? (new Map([[next, next]]) as never) : BigInt(next) } }
        }
        if (bugs.leaks === true) open--
      } finally {
        if (bugs.leaks !== true) open--
      }
    },
  })

const sourceOptions = (bugs?: Bugs): SourceLawsOptions => ({
  source: numbers(bugs),
  config: {},
  rows: NUMBERS,
  openResources: () => open,
  secrets: ["hunter2-hunter2"],
  badConfigs: [{ password: "wrong" }],
  seed: SEED,
  runs: 40,
})

describe("the laws of sources hold for a sound one", () => {
  runLaws(sourceLaws(sourceOptions()), { test })
})

describe("the laws of sources", () => {
  test.each([
    ["a row lost at a cursor", { skipsAtCursor: true }, ["loses and repeats nothing when it is resumed at any cursor"]],
    [
      "a last batch that is dropped",
      { dropsLastBatch: true },
      ["gives the same rows in any batch size", "loses and repeats nothing when it is resumed at any cursor"],
    ],
    ["something left open when it is stopped", { leaks: true }, ["leaves nothing open wherever it is stopped"]],
    ["a cursor that cannot be stored", { growsCursor: true }, ["gives cursors that survive being stored"]],
    ["a promise of increments without a cursor", { noCursor: true }, ["loses and repeats nothing when it is resumed at any cursor"]],
  ] as const)("find %s", async (_bug, bugs, laws) => {
    open = 0
    const found = await broken(sourceLaws(sourceOptions(bugs)))
    expect(Object.keys(found)).toEqual(expect.arrayContaining([...laws]))
    open = 0
  })

  test("print the smallest counter-example: one row a batch, resumed after the first", async () => {
    const found = await broken(sourceLaws(sourceOptions({ skipsAtCursor: true })))
    expect(found["loses and repeats nothing when it is resumed at any cursor"]).toMatch(/Counterexample: \[1,1,0\].*resumed after 1 rows/s)
  })

  test("find an error that does not say whose it is", async () => {
    const source = defineSource<{ wrong?: boolean }>({
      type: "nameless",
      read: async function* ({ config }) {
        if (config.wrong === true) throw new SourceError({ code: "SOURCE_FAILED", message: "It did not work. Try again." })
        yield [{ id: 1 }]
      },
    })
    const found = await broken(sourceLaws({ source, config: {}, rows: [{ id: 1 }], badConfigs: [{ wrong: true }], incremental: false }))
    expect(found).toEqual({
      "fails with a code and without secrets": expect.stringContaining("neither the plugin's type nor its name") as string,
    })
  })

  test("find rows that are left out in silence where a file cannot be read", async () => {
    const files = memoryFiles()
    files.put("/project/a", "1")
    files.put("/project/b", "2")
    const source = defineSource<object>({
      type: "silent",
      async *read(context) {
        for (const name of await context.files.list("/project")) {
          const text = await readText(context.files, `/project/${name}`).catch(() => undefined) // house-rules: allow, the bug that is to be found
          if (text !== undefined) yield [{ text }]
        }
      },
    })
    const found = await broken(sourceLaws({ source, config: {}, rows: [{ text: "1" }, { text: "2" }], files, incremental: false }))
    expect(Object.keys(found)).toEqual(["leaves nothing open, and says what is wrong, when any file operation fails"])
    expect(found["leaves nothing open, and says what is wrong, when any file operation fails"]).toContain(
      "rows are missing where operation 2 failed",
    )
  })

  test("find a secret in an error, in whatever form", async () => {
    for (const form of [
      (text: string) => text,
      (text: string) => Buffer.from(text).toString("base64"),
      (text: string) => Buffer.from(text).toString("hex"),
    ]) {
      const source = defineSource<{ token: string }>({
        type: "telling",
        read: async function* ({ config }) {
          yield [{ id: 1 }]
          throw new Error(`refused: ${form(config.token)}`)
        },
      })
      const options = {
        source: { ...source, supportsIncremental: false },
        config: {},
        rows: [],
        secrets: ["hunter2-hunter2"],
        badConfigs: [{ token: "hunter2-hunter2" }],
      }
      expect((await broken(sourceLaws(options)))["fails with a code and without secrets"]).toContain("an error shows a secret")
    }
  })
})

interface WriterBugs {
  readonly inPlace?: boolean
  readonly allRows?: boolean
  readonly leaks?: boolean
  readonly alwaysAppends?: boolean
  readonly nullIsEmpty?: boolean
  readonly forgetsEmpty?: boolean
}

const escape = (_key: string, value: unknown): unknown => (typeof value === "bigint" ? { $: String(value) } : value)
const unescape = (_key: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && "$" in value && Object.keys(value).length === 1 ? BigInt(String(value.$)) : value

const readText = async (files: Files, file: string): Promise<string> => {
  const stat = await files.stat(file)
  if (stat === undefined) return ""
  const handle = await files.openRead(file)
  try {
    const buffer = new Uint8Array(stat.size)
    await handle.read(buffer, 0)
    return new TextDecoder().decode(buffer)
  } finally {
    await handle.close()
  }
}

const linesOf = (rows: ReadonlyArray<Row>, bugs: WriterBugs): string =>
  rows
    .map(
      (row) =>
        `${JSON.stringify(bugs.nullIsEmpty === true ? Object.fromEntries(Object.entries(row).map(([key, value]) => [key, value ?? ""])) : row, escape)}\n`,
    )
    .join("")

/** Lines of JSON under a temporary name, which the commit renames. */
const lines = (bugs: WriterBugs = {}): Destination =>
  defineDestination<{ path: string }>({
    type: "lines",
    writeModes: ["append", "replace"],
    delivery: "idempotent",
    open: async ({ config, files, writeMode }) => {
      const temporary = bugs.inPlace === true ? config.path : `${config.path}.tmp`
      const encode = (text: string) => new TextEncoder().encode(text)
      const old = writeMode === "append" || bugs.alwaysAppends === true ? await readText(files, config.path) : ""
      if ((await files.stat(temporary)) !== undefined) await files.remove(temporary)
      const handle = await files.openWrite(temporary, "create")
      try {
        await handle.write(encode(old))
      } catch (error) {
        if (bugs.leaks !== true) await handle.close()
        throw error
      }
      const asRows = (rows: ReadonlyArray<Row>, batch: Batch) =>
        bugs.allRows === true ? Array.from({ length: batch.rowCount }, (_, i) => batch.row(i)) : rows
      return {
        write: (rows, batch) => handle.write(encode(linesOf(asRows(rows, batch), bugs))),
        commit: async () => {
          await handle.sync()
          if (bugs.inPlace !== true) await files.rename(temporary, config.path)
          await files.syncDirectory(path.posix.dirname(config.path))
        },
        close: () => handle.close(),
      }
    },
  })

const destinationOptions = (bugs?: WriterBugs): DestinationLawsOptions => ({
  destination: lines(bugs),
  make: () => {
    const files = memoryFiles()
    files.put("/project/.keep", "")
    return {
      config: { path: "/project/out.ndjson" },
      files,
      projectRoot: "/project",
      readBack: async () =>
        (await readText(files, "/project/out.ndjson"))
          .split("\n")
          .filter((line) => line !== "")
          .map((line) => JSON.parse(line, unescape) as Row),
    }
  },
  types: ["boolean", "integer", "string", "date", "timestamptz", "uuid"],
  seed: SEED,
  runs: 40,
})

describe("the laws of destinations hold for a sound one", () => {
  runLaws(destinationLaws(destinationOptions()), { test })
})

describe("the laws of destinations", () => {
  test.each([
    [
      "a file that is written in place",
      { inPlace: true },
      ["replace: readers see the old rows until the commit", "append: a load that ends without its commit changes nothing"],
    ],
    ["rows that a filter had left out", { allRows: true }, ["append: holds all rows, in order, whatever the batches and values"]],
    [
      "a handle that is left open when the disk is full",
      { leaks: true },
      ["append: any file operation that fails leaves the old rows or the new, and nothing open"],
    ],
    [
      "a replace that appends",
      { alwaysAppends: true },
      ["replace: a second load does to the first what the mode says", "replace: the same rows loaded twice are there once"],
    ],
    ["null written as empty text", { nullIsEmpty: true }, ["append: holds all rows, in order, whatever the batches and values"]],
  ] as const)("find %s", async (_bug, bugs, laws) => {
    expect(Object.keys(await broken(destinationLaws(destinationOptions(bugs))))).toEqual(expect.arrayContaining([...laws]))
  })

  test.each([
    ["a value that is left out in silence", "silent"],
    ["an error that does not say where", "vague"],
  ])("find %s, where the destination cannot hold all values", async (_bug, bug) => {
    const destination = defineDestination({
      type: "even",
      writeModes: ["append"],
      open: () => ({
        write: (rows) => {
          if (bug === "vague" && rows.some(({ number }) => isOdd(number)))
            throw new DestinationError({ code: "VALUE_NOT_SUPPORTED", message: "even: there is an odd number. Leave it out." })
        },
        commit: () => undefined,
      }),
    })
    const options = { destination, make: () => ({ config: {}, readBack: () => [] }), expected: () => [], runs: 20, seed: SEED }
    const names = fc.constant("number")
    const found = await broken(destinationLaws({ ...options, types: ["integer"], names, holds: (value) => !isOdd(value) }))
    expect(Object.keys(found)).toEqual(["append: names row and column of a value that it cannot hold"])
  })

  test("find a checkpoint that moves without a commit", async () => {
    let kept: Checkpoint | undefined
    const destination = defineDestination({
      type: "hasty",
      writeModes: ["append"],
      delivery: "transactional",
      checkpoint: async () => kept,
      open: ({ checkpoint: began }) => ({
        write: () => undefined,
        commit: (checkpoint) => {
          const refusal = commitRefusal(checkpoint, kept, began, "hasty")
          if (refusal !== undefined) throw refusal
          kept = checkpoint
        },
        close: (committed) => void (kept = committed || kept === undefined ? kept : { ...kept, cursors: { rows: "2" } }),
      }),
    })
    const place = { config: {}, readBack: () => [], dispose: () => void (kept = undefined) }
    const found = await broken(destinationLaws({ destination, make: () => place, expected: () => [], runs: 5 }))
    expect(Object.keys(found)).toContain("its checkpoint is the one of the last commit, and not that of a load that ended without")
  })
})

const isOdd = (value: unknown): boolean => (typeof value === "bigint" || typeof value === "number") && BigInt(value) % 2n !== 0n

const upper: Transform = defineTransform({
  type: "upper",
  row: (row) => (row["name"] === null ? null : { ...row, name: String(row["name"]).toUpperCase() }),
})

const NAMES = { columns: [{ name: "name", type: "string", nullable: true }] } as const

describe("the laws of transforms hold for sound ones", () => {
  const expected = (rows: ReadonlyArray<Row>) =>
    rows.filter((row) => row["name"] !== null).map((row) => ({ name: String(row["name"]).toUpperCase() }))
  runLaws(transformLaws({ transform: upper, rows: NAMES, expected, seed: SEED }), { test })
  runLaws(transformLaws({ transform: defineTransform({ type: "twice", row: async (row) => [row, row] }) }), { test })
  runLaws(transformLaws({ transform: defineTransform({ type: "patching", patch: () => ({ added: 1 }) }) }), { test })
  runLaws(
    transformLaws({
      transform: defineTransform({ type: "whole", batch: (rows) => rows.filter((row) => row["name"] !== "") }),
      rows: NAMES,
    }),
    { test },
  )
})

describe("the laws of transforms", () => {
  test.each([
    [
      "a batch that is sorted by itself",
      () =>
        defineTransform({ type: "sorts", batch: (rows) => rows.toSorted((a, b) => String(a["name"]).localeCompare(String(b["name"]))) }),
    ],
    [
      "a number that counts on between batches",
      () => {
        let count = 0
        return defineTransform({ type: "counts", row: (row) => ({ ...row, count: count++ }) })
      },
    ],
    ["rows that are none", () => defineTransform({ type: "texts", row: () => ["a", "b"] as never })],
  ] as const)("find %s", async (_bug, make) => {
    expect(Object.keys(await broken(transformLaws({ transform: make(), rows: NAMES, seed: SEED }))).length).toBeGreaterThan(0)
  })
})

test(
  "under node:test the same one line lets a sound plugin pass and a broken one fail, with the smallest counter-example",
  { timeout: 60_000 },
  async () => {
    const file = path.join(import.meta.dirname, "../test/laws.nodetest.ts")
    const child = spawn(process.execPath, ["--conditions=source", "--test", "--test-reporter=tap", file])
    let printed = ""
    child.stdout.on("data", (bytes) => (printed += String(bytes)))
    const [code] = (await once(child, "close")) as [number]
    expect([code, printed.match(/# (pass|fail) \d+/g)]).toEqual([1, ["# pass 27", "# fail 2"]])
    expect(printed.match(/not ok \d+ - .+: .+/g)?.map((line) => line.replace(/.* - /, ""))).toEqual([
      "broken source: loses and repeats nothing when it is resumed at any cursor",
      "broken destination: append: a load that ends without its commit changes nothing",
    ])
    expect(printed).toContain("Counterexample: [1,1,0]")
  },
)
