import { mkdtempSync, readFileSync, rmSync, writeFileSync, mkdirSync, readdirSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { createEngine, defineSource, explainText, type PipelineDefinition } from "@deltaflow/core"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { builtins } from "../src/index.ts"

let root: string
beforeEach(() => void (root = mkdtempSync(path.join(tmpdir(), "deltaflow-modes-"))))
afterEach(() => rmSync(root, { recursive: true }))

/** Versions of rows, oldest first; the cursor is how many were given. */
const changes = (rows: ReadonlyArray<object>) =>
  defineSource<unknown, number>({
    type: "changes",
    async *read({ cursor = 0 }) {
      if (cursor < rows.length) yield { rows: rows.slice(cursor), cursor: rows.length }
    },
  })

const engineOver = (rows: ReadonlyArray<object>) => createEngine({ plugins: [...builtins, changes(rows)], projectRoot: root })

const into = (destination: PipelineDefinition["destinations"][number], more: Partial<PipelineDefinition> = {}): PipelineDefinition => ({
  name: "modes",
  sources: [{ type: "changes", incremental: true }],
  destinations: [destination],
  ...more,
})

const text = (name: string): string => readFileSync(path.join(root, name), "utf8")

/** What two runs leave, the second with one change more. */
const afterTwoRuns = async (pipeline: PipelineDefinition): Promise<void> => {
  const rows = [
    { id: 1, name: "one" },
    { id: 2, name: "two" },
  ]
  await using engine = engineOver(rows)
  await engine.run(pipeline)
  rows.push({ id: 1, name: "uno" })
  expect((await engine.run(pipeline)).rowsLoaded).toBe(1)
}

describe("an incremental run without write_mode", () => {
  it("adds to a CSV file", async () => {
    await afterTwoRuns(into({ type: "csv", path: "out.csv" }))
    expect(text("out.csv")).toBe("id,name\n1,one\n2,two\n1,uno\n")
  })

  it("adds to an NDJSON file", async () => {
    await afterTwoRuns(into({ type: "ndjson", path: "out.ndjson" }))
    expect(text("out.ndjson").trimEnd().split("\n")).toHaveLength(3)
  })

  const table = (): ReadonlyArray<unknown> => {
    const database = new DatabaseSync(path.join(root, "out.db"), { readOnly: true })
    const rows = database.prepare("SELECT id, name FROM t ORDER BY rowid").all()
    database.close()
    return rows.map((row) => ({ ...row }))
  }

  it("adds to a SQLite table, and with a key replaces the rows of the same key", async () => {
    await afterTwoRuns(into({ type: "sqlite", path: "out.db", table: "t" }))
    expect(table()).toEqual([
      { id: 1, name: "one" },
      { id: 2, name: "two" },
      { id: 1, name: "uno" },
    ])
    rmSync(path.join(root, "out.db"))
    await afterTwoRuns(into({ type: "sqlite", path: "out.db", table: "t", key: "id" }))
    expect(table()).toEqual([
      { id: 1, name: "uno" },
      { id: 2, name: "two" },
    ])
  })

  it("is refused where the destination could only drop the rows of earlier runs", async () => {
    await using engine = engineOver([{ id: 1 }])
    const refused = engine.run(into({ type: "json", path: "out.json" }))
    await expect(refused).rejects.toMatchObject({
      code: "MISSING_KEY",
      message: expect.stringContaining("the rows of earlier runs would be gone"),
    })
    expect(readdirSync(root)).toEqual([])
  })

  it("is said by explain and validate", async () => {
    await using engine = engineOver([{ id: 1 }])
    const lines = async (pipeline: PipelineDefinition) => explainText(await engine.explain(pipeline)).at(-1)
    expect(await lines(into({ type: "csv", path: "out.csv" }))).toContain("(csv, append)")
    expect(await lines(into({ type: "sqlite", path: "out.db", table: "t", key: "id" }))).toContain("(sqlite, upsert)")
    expect((await engine.validate(into({ type: "ndjson", path: "o" }))).destinations[0]?.writeMode).toBe("append")
  })
})

describe("a write mode that is written", () => {
  it("holds in an incremental run too: only the newest rows stay", async () => {
    await afterTwoRuns(into({ type: "json", path: "out.json", write_mode: "replace" }))
    expect(JSON.parse(text("out.json"))).toEqual([{ id: 1, name: "uno" }])
  })
})

describe("a run that is not incremental", () => {
  it("replaces a file, and needs no write_mode for it", async () => {
    await using engine = engineOver([{ id: 1 }])
    const whole = into({ type: "csv", path: "out.csv" }, { sources: [{ type: "changes" }] })
    await engine.run(whole)
    await engine.run(whole)
    expect(text("out.csv")).toBe("id\n1\n")
  })
})

describe("strategy skip", () => {
  const rows = Array.from({ length: 20 }, (_, i) => ({ id: i + 1 }))
  const skipping = (more: PipelineDefinition["error_handling"] = {}): PipelineDefinition => ({
    name: "skips",
    sources: [{ type: "changes" }],
    transforms: [{ type: "map", fields: { part: "100 / (id % 5)" } }],
    destinations: [{ type: "csv", path: "out.csv" }],
    error_handling: { strategy: "skip", ...more },
  })

  it("keeps rejected rows below .deltaflow/rejected where no place is given, each run in its own file", async () => {
    await using engine = engineOver(rows)
    const run = await engine.run(skipping())
    expect(run).toMatchObject({ rowsExtracted: 20, rowsLoaded: 16, rowsRejected: 4 })
    const letters = text(`.deltaflow/rejected/skips/${run.id}.ndjson`).trimEnd().split("\n")
    expect(letters.map((line) => (JSON.parse(line) as { row: unknown }).row)).toEqual([5, 10, 15, 20].map((id) => ({ id })))
    await engine.run(skipping())
    expect(readdirSync(path.join(root, ".deltaflow/rejected/skips"))).toHaveLength(2)
  })

  it("leaves no file where no row is rejected", async () => {
    await using engine = engineOver([{ id: 1 }])
    await engine.run(skipping())
    expect(readdirSync(root)).toEqual(["out.csv"])
  })

  it("adds to a dead letter of one name", async () => {
    await using engine = engineOver(rows)
    for (let i = 0; i < 2; i++) await engine.run(skipping({ dead_letter: { type: "csv", path: "bad.csv" } }))
    expect(text("bad.csv").trimEnd().split("\n")).toHaveLength(9)
  })

  it("needs a dead letter where the engine has no destination for the default", async () => {
    const csv = builtins.filter(({ type }) => type === "csv")
    await using engine = createEngine({ plugins: [...csv, changes(rows)], projectRoot: root })
    await expect(engine.run(skipping())).rejects.toMatchObject({
      code: "MISSING_KEY",
      message: expect.stringContaining("`strategy: skip` needs `dead_letter`"),
    })
  })

  it("fails the run where the dead letter cannot be written, and leaves the old output", async () => {
    writeFileSync(path.join(root, "out.csv"), "old\n")
    mkdirSync(path.join(root, "bad.ndjson"))
    await using engine = engineOver(rows)
    await expect(engine.run(skipping({ dead_letter: { type: "ndjson", path: "bad.ndjson" } }))).rejects.toMatchObject({
      code: "DEAD_LETTER_FAILED",
      message: expect.stringContaining("it is a folder"),
    })
    expect(text("out.csv")).toBe("old\n")
  })

  it("fails at the row after max_errors, and leaves the old output", async () => {
    writeFileSync(path.join(root, "out.csv"), "old\n")
    await using engine = engineOver(rows)
    await expect(engine.run(skipping({ max_errors: 3 }))).rejects.toMatchObject({ code: "TOO_MANY_ERRORS" })
    expect(text("out.csv")).toBe("old\n")
    expect((await engine.run(skipping({ max_errors: 4 }))).rowsRejected).toBe(4)
  })

  it("finds the one row that a table refuses by halving the batch", async () => {
    const database = new DatabaseSync(path.join(root, "out.db"))
    database.exec("CREATE TABLE t (id INTEGER CHECK (id <> 13))")
    database.close()
    await using engine = engineOver(rows)
    const run = await engine.run({
      ...skipping(),
      transforms: [],
      destinations: [{ type: "sqlite", path: "out.db", table: "t", write_mode: "append" }],
    })
    expect(run).toMatchObject({ rowsLoaded: 19, rowsRejected: 1 })
    expect(text(`.deltaflow/rejected/skips/${run.id}.ndjson`)).toContain('"row":{"id":13}')
  })
})
