/** Strings that break things, as values, as names of columns and as names of files, through every format and back. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Batch, type Destination, type Row, setOwn, type Source } from "@deltaflow/core"
import { memoryFiles, nastyNames } from "@deltaflow/testing"
import { describe, expect, it } from "vitest"
import { csvDestination, csvSource } from "../src/csv/index.ts"
import { jsonDestination, jsonSource } from "../src/json/index.ts"
import { ndjsonDestination, ndjsonSource } from "../src/ndjson/index.ts"
import { sqliteDestination, sqliteSource } from "../src/sqlite/index.ts"
import { type Context, loadAll, projectFolder, readAll } from "./harness.ts"

const corpus = process.env["DELTAFLOW_CORPUS"]
const list = join(corpus ?? "", "strings/blns.json")

const FORMATS: ReadonlyArray<readonly [string, Source, Destination, object, object]> = [
  ["csv", csvSource, csvDestination, {}, {}],
  ["csv with another dialect", csvSource, csvDestination, { delimiter: ";", quote: "'" }, {}],
  ["csv in UTF-16", csvSource, csvDestination, { encoding: "utf-16le" }, {}],
  ["ndjson", ndjsonSource, ndjsonDestination, {}, {}],
  ["json", jsonSource, jsonDestination, {}, {}],
  ["pretty json", jsonSource, jsonDestination, {}, { pretty: true }],
  ["sqlite", sqliteSource, sqliteDestination, { table: "strings" }, {}],
]

const inMemory = (): Context => {
  const files = memoryFiles()
  files.put("/project/.keep", "")
  return { root: "/project", files }
}

const suite = (strings: ReadonlyArray<string>): void => {
  describe.each(FORMATS)("as %s", (format, source, destination, shared, written) => {
    const roundTrip = async (rows: ReadonlyArray<Row>, path = "out", context: Context = { root: projectFolder() }) => {
      const batch = Batch.fromRows(rows)
      const columns = Object.fromEntries(batch.schema.columns.map(({ name, type }) => [name, type]))
      await loadAll(destination, { path, ...shared, ...written }, [batch], { ...context, writeMode: "replace" })
      return (await readAll(source, { path, ...shared }, { ...context, columns })).rows
    }

    it("each comes back as the value that it was", async () => {
      const rows = strings.map((text, id) => ({ id, text }))
      expect(await roundTrip(rows)).toEqual(rows)
    })

    it("each may name a column", async () => {
      // An empty name is refused by CSV, and SQLite takes names in upper and lower case for the same.
      const names = [
        ...new Map(strings.filter((name) => name !== "" && !name.includes("\0")).map((name) => [name.toLowerCase(), name])).values(),
      ]
      for (let from = 0; from < names.length; from += 100) {
        const row: Row = {}
        for (const name of names.slice(from, from + 100)) setOwn(row, name, `value of ${name}`)
        const [found] = await roundTrip([row])
        expect(Object.entries(found!)).toEqual(Object.entries(row))
      }
    })

    // The big list goes to a disk in memory, which does not wait. All formats share the way to their files, but the database has its own.
    const isMany = strings.length > 100
    if (isMany && format !== "csv") return
    it("each may name a file, or is refused as a path out of the project", async () => {
      const context = isMany ? inMemory() : { root: projectFolder() }
      for (const name of strings.filter((one) => one !== "")) {
        const outcome = await roundTrip([{ id: 1 }], name, context).catch(
          (error: unknown) => (error as { code?: string }).code ?? String(error),
        )
        const refused = ["PATH_OUTSIDE_PROJECT", "OUTPUT_NOT_WRITABLE"]
        if (typeof outcome === "string") expect(refused, `${JSON.stringify(name)}: ${outcome}`).toContain(outcome)
        else expect([name, outcome]).toEqual([name, [{ id: 1 }]])
      }
    })
  })
}

describe("nasty strings", () => {
  suite([
    ...nastyNames,
    "null",
    "NULL",
    "\\N",
    "\ufeff",
    "=1+1",
    "a\r\nb",
    "\u2028",
    "'",
    ";",
    "%s",
    "${HOME}",
    "../x",
    "con",
    "a".repeat(300),
  ])
})

describe.skipIf(corpus === undefined || !existsSync(list))("the big list of naughty strings (DELTAFLOW_CORPUS)", () => {
  suite(corpus === undefined ? [] : [...new Set(JSON.parse(readFileSync(list, "utf8")) as ReadonlyArray<string>)])
})
