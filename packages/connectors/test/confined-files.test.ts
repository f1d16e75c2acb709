/** Files stay inside the project, whatever a path says and wherever links lead; and they come into being as a whole. */
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { Batch, type Destination, type Source } from "@deltaflow/core"
import { faultyFiles, memoryFiles } from "@deltaflow/testing"
import { describe, expect, it } from "vitest"
import { csvDestination, csvSource } from "../src/csv/index.ts"
import { jsonDestination, jsonSource } from "../src/json/index.ts"
import { ndjsonDestination, ndjsonSource } from "../src/ndjson/index.ts"
import { sqliteDestination, sqliteSource } from "../src/sqlite/index.ts"
import { loadAll, projectFolder, readAll } from "./harness.ts"

const sources: ReadonlyArray<readonly [string, Source, object]> = [
  ["csv", csvSource, {}],
  ["ndjson", ndjsonSource, {}],
  ["json", jsonSource, {}],
  ["sqlite", sqliteSource, { table: "t" }],
]

const destinations: ReadonlyArray<readonly [string, Destination, object]> = [
  ["csv", csvDestination, {}],
  ["ndjson", ndjsonDestination, {}],
  ["json", jsonDestination, {}],
  ["sqlite", sqliteDestination, { table: "t" }],
]

/** A folder with a project in it and a secret beside it. */
const neighbours = () => {
  const above = projectFolder({ "secret/s.csv": "id\n1\n", "secret/s.ndjson": '{"id":1}\n', "secret/s.json": '[{"id":1}]' })
  const root = join(above, "project")
  mkdirSync(join(root, "in"), { recursive: true })
  symlinkSync(join(above, "secret"), join(root, "in/folder"))
  for (const type of ["csv", "ndjson", "json"]) symlinkSync(join(above, `secret/s.${type}`), join(root, `in/link.${type}`))
  symlinkSync(join(above, "secret/none"), join(root, "in/dangling"))
  symlinkSync("folder", join(root, "in/twice"))
  const outside = () => readdirSync(join(above, "secret")).toSorted()
  return { above, root, outside }
}

const OUT = (above: string) => [
  "../secret/s.csv",
  "in/../../secret/s.csv",
  "./././../secret/s.csv",
  `${above}/secret/s.csv`,
  "/etc/passwd",
  "in/folder/s.csv",
  "in/twice/s.csv",
  "in/link.csv",
  "in/dangling",
  "..\\secret\\s.csv",
]

/** What is no way out, but only an odd name. */
const ODD = [
  "in/folder/../s.csv",
  "..%2fsecret%2fs.csv",
  "%2e%2e/secret/s.csv",
  "....//secret/s.csv",
  "~/s.csv",
  "$HOME/s.csv",
  "file:///etc/passwd",
]

const BROKEN = ["a\0b.csv", "../secret/s.csv\0.txt"]

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => "it went through",
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  )

describe.each(sources)("the %s source", (_type, source, more) => {
  it("reads nothing outside of the project", async () => {
    const { above, root } = neighbours()
    const read = (path: string) => failure(readAll(source, { path, ...more }, { root }))
    for (const path of OUT(above)) expect([path, await read(path)]).toEqual([path, "PATH_OUTSIDE_PROJECT"])
    for (const path of ODD) expect(["FILE_NOT_FOUND", "SOURCE_FAILED"], path).toContain(await read(path))
    for (const path of BROKEN)
      expect(["PATH_INVALID", "PATH_OUTSIDE_PROJECT", "FILE_NOT_FOUND"], JSON.stringify(path)).toContain(await read(path))
  })
})

describe.each(destinations)("the %s destination", (_type, destination, more) => {
  const batch = Batch.fromRows([{ id: 1 }])

  it("writes nothing outside of the project", async () => {
    const { above, root, outside } = neighbours()
    const before = outside()
    for (const writeMode of destination.writeModes.filter((mode) => mode !== "upsert")) {
      const write = (path: string) => failure(loadAll(destination, { path, ...more }, [batch], { root, writeMode }))
      for (const path of OUT(above)) expect([path, await write(path)]).toEqual([path, "PATH_OUTSIDE_PROJECT"])
      for (const path of BROKEN) expect(["PATH_INVALID", "PATH_OUTSIDE_PROJECT"], JSON.stringify(path)).toContain(await write(path))
      for (const path of ODD) await write(path)
      expect(outside()).toEqual(before)
      expect(readdirSync(above).toSorted()).toEqual(["project", "secret"])
      expect(readFileSync(join(above, "secret/s.csv"), "utf8")).toBe("id\n1\n")
    }
  })

  it("may leave the project where it is allowed", async () => {
    const { above, root } = neighbours()
    await loadAll(destination, { path: "../secret/new", ...more }, [batch], { root, allowOutside: true })
    expect(existsSync(join(above, "secret/new"))).toBe(true)
  })
})

describe.each([
  ["csv", csvDestination, "id\n1\n"],
  ["ndjson", ndjsonDestination, '{"id":1}\n'],
  ["json", jsonDestination, '[\n{"id":1}\n]\n'],
] as const)("a %s file that is replaced", (_type, destination, content) => {
  const batch = Batch.fromRows([{ id: 1 }])

  it("is written under another name, synced, renamed, and its folder synced, in this order", async () => {
    const root = projectFolder({ out: "old\n" })
    const files = faultyFiles(memoryOf(root))
    await loadAll(destination, { path: "out" }, [batch], { root, files })
    const changes = files.operations.filter(({ name }) => !["stat", "realPath", "list", "makeDirectory"].includes(name))
    const names = changes.map(({ name }) => name)
    expect([...new Set(names)]).toEqual(["openWrite", "write", "sync", "rename", "syncDirectory"])
    expect(names.filter((name) => name !== "write")).toEqual(["openWrite", "sync", "rename", "syncDirectory"])
    expect(changes[0]!.target).toMatch(/\/\.out\.test\.run-1\.tmp$/)
    expect(changes.find(({ name }) => name === "rename")!.target).toBe(join(root, "out"))
  })

  it("is there after the power went, as soon as it was committed", async () => {
    const root = projectFolder()
    const files = memoryOf(root)
    await loadAll(destination, { path: "out" }, [batch], { root, files })
    files.crash()
    expect(files.text(join(root, "out"))).toBe(content)
  })
})

describe.each([
  ["csv", csvDestination, "id\n1\n1\n"],
  ["ndjson", ndjsonDestination, '{"id":1}\n{"id":1}\n'],
] as const)("a %s file that is added to", (_type, destination, content) => {
  it("has the rows after the power went, as soon as they were committed", async () => {
    const batch = Batch.fromRows([{ id: 1 }])
    const root = projectFolder()
    const files = memoryOf(root)
    for (const runId of ["run-1", "run-2"]) {
      await loadAll(destination, { path: "out" }, [batch], { root, files, writeMode: "append", runId })
      files.crash()
    }
    expect(files.text(join(root, "out"))).toBe(content)
  })
})

/** A disk of its own, with the project's folder on it. */
const memoryOf = (root: string) => {
  const files = memoryFiles()
  files.put(join(root, ".keep"), "")
  return files
}
