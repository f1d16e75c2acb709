import { readdirSync } from "node:fs"
import { Batch } from "@deltaflow/core"
import { describe, expect, it } from "vitest"
import { configIssues, failingFiles, loadAll, projectFolder, readAll, text } from "../../test/harness.ts"
import { ndjsonDestination, ndjsonSource } from "./index.ts"

const batch = Batch.fromRows([
  { id: 1, name: "Ann" },
  { id: 2, name: null },
])
const LINES = '{"id":1,"name":"Ann"}\n{"id":2,"name":null}\n'

describe("an NDJSON file", () => {
  it("has one object per line, and none without rows", async () => {
    const root = projectFolder()
    await loadAll(ndjsonDestination, { path: "a.ndjson" }, [batch], { root })
    expect(text(root, "a.ndjson")).toBe(LINES)
    await loadAll(ndjsonDestination, { path: "a.ndjson" }, [], { root })
    expect(text(root, "a.ndjson")).toBe("")
  })

  it("takes rows with other columns as they come, as far as schema_changes lets it", async () => {
    const wider = Batch.fromRows([
      { id: 3, name: "C", age: 5 },
      { id: 4, name: "D", age: null },
    ])
    const root = projectFolder()
    const load = (schemaChanges: "evolve" | "freeze" | "discard" | "fail") =>
      loadAll(ndjsonDestination, { path: "a" }, [batch, wider], { root, schemaChanges })
    await load("evolve")
    expect(text(root, "a")).toBe(`${LINES}{"id":3,"name":"C","age":5}\n{"id":4,"name":"D","age":null}\n`)
    await load("freeze")
    expect(text(root, "a")).toBe(`${LINES}{"id":3,"name":"C"}\n{"id":4,"name":"D"}\n`)
    await load("discard")
    expect(text(root, "a")).toBe(`${LINES}{"id":4,"name":"D"}\n`)
    await expect(load("fail")).rejects.toMatchObject({
      code: "SCHEMA_CHANGED",
      message: expect.stringContaining("age (integer)") as string,
    })
    expect(text(root, "a")).toBe(`${LINES}{"id":4,"name":"D"}\n`)
  })

  it("takes rows that were encoded elsewhere", async () => {
    const root = projectFolder()
    await loadAll(ndjsonDestination, { path: "a" }, [batch, batch], { root, encoded: true })
    expect(text(root, "a")).toBe(LINES + LINES)
  })

  it("is compressed, and added to", async () => {
    const root = projectFolder()
    for (const path of ["a.gz", "b.zst"]) {
      for (let run = 0; run < 3; run++)
        await loadAll(ndjsonDestination, { path }, [batch], { root, writeMode: "append", runId: `run-${run}` })
      expect((await readAll(ndjsonSource, { path }, { root })).rows).toHaveLength(6)
    }
    expect(readdirSync(root)).toEqual(["a.gz", "b.zst"])
  })

  it("keeps each early commit that the engine stored, and nothing behind it", async () => {
    const root = projectFolder()
    const { states } = await loadAll(ndjsonDestination, { path: "a" }, [batch], { root, writeMode: "append", ends: "failed-after-commit" })
    await loadAll(ndjsonDestination, { path: "a" }, [batch], {
      root,
      writeMode: "append",
      runId: "run-2",
      state: states[0],
      ends: "failed",
    })
    expect(text(root, "a")).toBe(LINES)
  })

  it("leaves the old file where the disk is full", async () => {
    const root = projectFolder({ a: "old\n" })
    const files = failingFiles((operation) => (operation === "write" ? "ENOSPC" : undefined))
    await expect(loadAll(ndjsonDestination, { path: "a" }, [batch], { root, files })).rejects.toMatchObject({ code: "DISK_FULL" })
    expect(text(root, "a")).toBe("old\n")
    expect(readdirSync(root)).toEqual(["a"])
  })

  it("needs a path", async () => {
    expect(await configIssues(ndjsonDestination, {})).toHaveLength(1)
  })
})
