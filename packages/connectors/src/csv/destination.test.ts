import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync, gzipSync } from "node:zlib"
import { Batch, type Row } from "@deltaflow/core"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { configIssues, contextOf, failingFiles, loadAll, projectFolder, put, readAll, text } from "../../test/harness.ts"
import { csvDestination, csvSource } from "./index.ts"

const rows = [
  { id: 1, name: "Ann", note: null },
  { id: 2, name: 'B, "x"', note: "" },
]

const batch = Batch.fromRows(rows)

const CSV = 'id,name,note\n1,Ann,\n2,"B, ""x""",""\n'

const batchOf = (some: ReadonlyArray<Row>, schema = batch.schema): Batch => Batch.fromRows(some, schema)

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => Promise.reject(new Error("it was written")),
    (error: unknown) => error as { code: string; message: string; row?: number; column?: string },
  )

describe("a CSV file that is replaced", () => {
  it("has a header, and nulls and empty texts apart", async () => {
    const root = projectFolder()
    const { load } = await loadAll(csvDestination, { path: "out/deep/users.csv" }, [batch], { root })
    expect(text(root, "out/deep/users.csv")).toBe(CSV)
    expect(load).toMatchObject({ label: "users.csv", location: join(root, "out/deep/users.csv"), commitsEarly: false })
    expect(readdirSync(join(root, "out/deep"))).toEqual(["users.csv"])
  })

  it("is written in every dialect and encoding that can be read", async () => {
    const all = batchOf([...rows, { id: 3, name: "naïve", note: "NA" }])
    for (const config of [
      { delimiter: ";", quote: "'" },
      { delimiter: "\\t" },
      { null_values: ["NA", ""] },
      { encoding: "utf-16le" },
      { encoding: "utf-16be" },
      { encoding: "latin1" },
      { compression: "gzip" },
      { compression: "zstd" },
    ]) {
      const root = projectFolder()
      await loadAll(csvDestination, { path: "a", ...config }, [all], { root })
      const found = await readAll(csvSource, { path: "a", ...config }, { root, columns: { note: "string" } })
      expect(found.rows, JSON.stringify(config)).toEqual(all.toRows())
    }
  })

  it("has byte for byte what was read, whatever types were inferred", async () => {
    const numbers =
      "0|-0|-0.00|01234|+1|1e5|1E5|1e400|.5|1.50|NaN|nan| 1|1 |99999999999999999999|9223372036854775807|0.10000000000000000555"
    const times = "2024-02-29|2024-02-30|2024-01-02 03:04|2024-01-02T03:04:05.000Z|2024-01-02T03:04:05+02|12:30"
    const words = "|True|FALSE|yes|A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11|é|null|\\N"
    const plain = fc.constantFrom(...[numbers, times, words].flatMap((list) => list.split("|")))
    const field = fc.oneof(
      plain,
      plain.map((text) => `"${text}"`),
      fc.constantFrom('"a,b"', '"say ""hi"""', '"two\nlines"'),
    )
    // One kind of value in most columns, so that many types are inferred.
    const column = fc.oneof(
      fc.array(field, { minLength: 5, maxLength: 5 }),
      plain.map((text) => Array.from({ length: 5 }, () => text)),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(column, { minLength: 2, maxLength: 5 }), async (columns) => {
        const lines = [0, 1, 2, 3, 4].map((row) => `${columns.map((values) => values[row]).join(",")}\n`)
        const content = `${columns.map((_, i) => `c${i}`).join(",")}\n${lines.join("")}`
        const root = projectFolder({ "in.csv": content })
        const { batches } = await readAll(csvSource, { path: "in.csv" }, { root })
        await loadAll(csvDestination, { path: "out.csv" }, batches, { root })
        expect(text(root, "out.csv")).toBe(content)
      }),
    )
  })

  it("may have a field of 100 MB", async () => {
    const field = Buffer.alloc(100 * 1024 * 1024, 'line\n""')
    const content = Buffer.concat([
      Buffer.from('id,text\n1,"'),
      field.subarray(0, field.length - (field.length % 7)),
      Buffer.from('"\n2,small\n'),
    ])
    const root = projectFolder({ "in.csv": content })
    const { batches } = await readAll(csvSource, { path: "in.csv" }, { root })
    await loadAll(csvDestination, { path: "out.csv" }, batches, { root })
    expect(readFileSync(join(root, "out.csv")).equals(content)).toBe(true)
  })

  it("begins UTF-16 with a byte order mark", async () => {
    const root = projectFolder()
    await loadAll(csvDestination, { path: "a.csv", encoding: "utf-16le" }, [batch], { root })
    expect((await readAll(csvSource, { path: "a.csv" }, { root })).rows).toHaveLength(2)
  })

  it("is compressed by its name", async () => {
    const root = projectFolder()
    await loadAll(csvDestination, { path: "a.csv.gz" }, [batch], { root })
    expect(gunzipSync(readFileSync(join(root, "a.csv.gz"))).toString()).toBe(CSV)
  })

  it("may have no header, and has one even without rows", async () => {
    const root = projectFolder()
    await loadAll(csvDestination, { path: "a.csv", header: false }, [batch], { root })
    expect(text(root, "a.csv")).toBe(CSV.split("\n").slice(1).join("\n"))
    await loadAll(csvDestination, { path: "b.csv" }, [], { root, schema: batch.schema })
    expect(text(root, "b.csv")).toBe("id,name,note\n")
  })

  it("takes rows that were encoded elsewhere", async () => {
    const root = projectFolder()
    await loadAll(csvDestination, { path: "a.csv" }, [batch, batch], { root, encoded: true })
    expect(text(root, "a.csv")).toBe(CSV + CSV.split("\n").slice(1).join("\n"))
  })

  it("goes to standard output", async () => {
    const written: Array<Uint8Array> = []
    const { load } = await loadAll(csvDestination, { path: "-" }, [batch], { root: "/", stdout: async (bytes) => void written.push(bytes) })
    expect(Buffer.concat(written).toString()).toBe(CSV)
    expect(load.location).toBeUndefined()
    expect(await failure(loadAll(csvDestination, { path: "-" }, [batch], { root: "/" }))).toMatchObject({ code: "OUTPUT_NOT_WRITABLE" })
  })

  it("is as it was until the final commit, and after a failure", async () => {
    const root = projectFolder({ "a.csv": "old\n" })
    await loadAll(csvDestination, { path: "a.csv" }, [batch], { root, ends: "failed" })
    expect(text(root, "a.csv")).toBe("old\n")
    expect(readdirSync(root)).toEqual(["a.csv"])
  })

  it("removes what a crash of the same pipeline left, and nothing else", async () => {
    const root = projectFolder({ ".a.csv.test.run-0.tmp": "half", ".a.csv.other.run-0.tmp": "not ours", "a.csv.test.x.tmp": "not ours" })
    await loadAll(csvDestination, { path: "a.csv" }, [batch], { root })
    expect(readdirSync(root).toSorted()).toEqual([".a.csv.other.run-0.tmp", "a.csv", "a.csv.test.x.tmp"])
  })

  it("follows a link to the file that it names", async () => {
    const root = projectFolder({ "real/a.csv": "old\n" })
    symlinkSync(join(root, "real/a.csv"), join(root, "link.csv"))
    await loadAll(csvDestination, { path: "link.csv" }, [batch], { root })
    expect(text(root, "real/a.csv")).toBe(CSV)
    expect(text(root, "link.csv")).toBe(CSV)
  })

  it("cannot change its columns", async () => {
    const wider = Batch.fromRows([{ id: 3, name: "C", note: "n", age: 5 }])
    const narrower = Batch.fromRows([{ note: "n", id: 4 }])
    const root = projectFolder()
    expect(await failure(loadAll(csvDestination, { path: "a.csv" }, [batch, wider], { root }))).toMatchObject({
      code: "SCHEMA_CHANGED",
      column: "age",
      message:
        "output: the rows have new columns, age (integer). A CSV file has the columns of its header. Select the columns, or set schema_changes: freeze.",
    })
    await loadAll(csvDestination, { path: "a.csv" }, [batch, wider, narrower], { root, schemaChanges: "freeze" })
    expect(text(root, "a.csv")).toBe(`${CSV}3,C,n\n4,,n\n`)
    await loadAll(csvDestination, { path: "b.csv" }, [batch, wider], { root, schemaChanges: "discard" })
    expect(text(root, "b.csv")).toBe(CSV)
  })

  it("names row and column of a value that is not of its type", async () => {
    const root = projectFolder({ "in.csv": "id,n\na,1\nb,x\nc,3\n" })
    const { batches } = await readAll(csvSource, { path: "in.csv" }, { root, columns: { n: "integer" } })
    expect(await failure(loadAll(csvDestination, { path: "a.csv" }, batches, { root }))).toMatchObject({
      code: "VALUE_TYPE",
      row: 2,
      column: "n",
      message:
        'output: row 2, column n: "x" is no integer. It came so from the source: correct it there, or declare another type for the column.',
    })
  })

  it("names what latin1 cannot hold", async () => {
    const root = projectFolder()
    expect(
      await failure(
        loadAll(csvDestination, { path: "a.csv", encoding: "latin1" }, [batchOf([{ id: 1, name: "5 €", note: null }])], { root }),
      ),
    ).toMatchObject({
      code: "VALUE_NOT_SUPPORTED",
      message: 'output: latin1 has no "€". Write in utf-8, or replace it before.',
    })
  })
})

describe("where a file cannot be written", () => {
  it("a folder or device is refused", async () => {
    const root = projectFolder()
    mkdirSync(join(root, "folder"))
    expect(await failure(loadAll(csvDestination, { path: "folder" }, [batch], { root }))).toMatchObject({
      code: "OUTPUT_NOT_WRITABLE",
      message: "folder: it is a folder. Name a file.",
    })
    expect(await failure(loadAll(csvDestination, { path: "/dev/null" }, [batch], { root, allowOutside: true }))).toMatchObject({
      code: "OUTPUT_NOT_WRITABLE",
    })
    expect(await failure(loadAll(csvDestination, { path: "../a.csv" }, [batch], { root }))).toMatchObject({ code: "PATH_OUTSIDE_PROJECT" })
  })

  it("a folder without permission is named", async () => {
    const root = projectFolder()
    const files = failingFiles((operation) => (operation === "openWrite" ? "EACCES" : undefined))
    expect(await failure(loadAll(csvDestination, { path: "out/a.csv" }, [batch], { root, files }))).toMatchObject({
      code: "OUTPUT_NOT_WRITABLE",
      message: "out/a.csv: it cannot be written (EACCES). Check the folder and who may write to it.",
    })
  })

  it.skipIf(process.getuid?.() === 0)("a read-only folder is named on the real disk", async () => {
    const root = projectFolder()
    mkdirSync(join(root, "locked"))
    chmodSync(join(root, "locked"), 0o500)
    expect(await failure(loadAll(csvDestination, { path: "locked/a.csv" }, [batch], { root }))).toMatchObject({
      code: "OUTPUT_NOT_WRITABLE",
    })
  })

  it("a name may be as long as the disk takes it, and a longer one is named", async () => {
    const root = projectFolder({ ["a".repeat(255)]: "old\n" })
    for (const writeMode of ["replace", "append"] as const) {
      for (const path of ["a".repeat(255), "é".repeat(127)]) {
        const pipeline = "long".repeat(60)
        await loadAll(csvDestination, { path, header: false }, [batch], { root, writeMode, pipeline, schema: batch.schema })
        expect(text(root, path).endsWith('2,"B, ""x""",""\n')).toBe(true)
      }
      const tooLong = loadAll(csvDestination, { path: "a".repeat(256) }, [batch], { root, writeMode })
      expect(await failure(tooLong)).toMatchObject({ message: expect.stringContaining("ENAMETOOLONG") as string })
    }
    expect(readdirSync(root)).toHaveLength(2)
  })

  it("a file in the place of a folder is named", async () => {
    const root = projectFolder({ blocked: "x" })
    expect(await failure(loadAll(csvDestination, { path: "blocked/a.csv" }, [batch], { root }))).toMatchObject({
      code: "OUTPUT_NOT_WRITABLE",
    })
  })

  it("a full disk is told, whether at a write or at the end, and the old file is as it was", async () => {
    for (const full of ["write", "sync"]) {
      const root = projectFolder({ "a.csv": "old\n" })
      const files = failingFiles((operation, path) => (operation === full && path.endsWith(".tmp") ? "ENOSPC" : undefined))
      expect(await failure(loadAll(csvDestination, { path: "a.csv" }, [batch, batch, batch], { root, files }))).toMatchObject({
        code: "DISK_FULL",
        message: "a.csv: there is no room left to write it (ENOSPC). Make room and run again; the old output is as it was.",
      })
      expect(text(root, "a.csv")).toBe("old\n")
      expect(readdirSync(root)).toEqual(["a.csv"])
    }
  })

  it("options that make no sense are told", async () => {
    expect(await configIssues(csvDestination, { path: "a", null_values: [] })).toHaveLength(1)
    expect(await configIssues(csvDestination, { path: "a", quote: "ab" })).toEqual(["expected one ASCII character, or nothing for none"])
  })

  it("other write modes are not offered", () => {
    expect(csvDestination.writeModes).toEqual(["replace", "append"])
    expect((csvDestination.delivery as (config: object) => string)({ path: "a" })).toBe("idempotent")
    expect((csvDestination.delivery as (config: object) => string)({ path: "-" })).toBe("none")
  })
})

describe("a CSV file that is added to", () => {
  const append = (root: string, batches: ReadonlyArray<Batch>, options: object = {}, config: object = {}) =>
    loadAll(csvDestination, { path: "a.csv", ...config }, batches, { root, writeMode: "append", ...options })

  it("has one header, and the rows of all runs", async () => {
    const root = projectFolder()
    const first = await append(root, [batch])
    expect(first.load.commitsEarly).toBe(true)
    await append(root, [batchOf([{ id: 3, name: "C", note: "n" }])], { state: first.states[0], runId: "run-2" })
    expect(text(root, "a.csv")).toBe(`${CSV}3,C,n\n`)
    expect(readdirSync(root)).toEqual(["a.csv"])
  })

  it("is as it was where no row came, so that nobody knows the columns", async () => {
    const root = projectFolder({ "a.csv": CSV })
    await append(root, [], { schema: { columns: [] } })
    expect(text(root, "a.csv")).toBe(CSV)
    await append(root, [], { schema: { columns: [] } }, { path: "new.csv" })
    expect(text(root, "new.csv")).toBe("")
    await append(root, [batch], { runId: "run-2" }, { path: "new.csv" })
    expect(text(root, "new.csv")).toBe(CSV)
  })

  it("keeps to the columns of the file, in its order", async () => {
    const root = projectFolder({ "a.csv": "note,id,name\n" })
    await append(root, [batch])
    expect(text(root, "a.csv")).toBe('note,id,name\n,1,Ann\n"",2,"B, ""x"""\n')
    const other = projectFolder({ "a.csv": "id,age\n1,5\n" })
    expect(await failure(append(other, [batch]))).toMatchObject({
      code: "SCHEMA_CHANGED",
      message:
        "a.csv:1: the file has the columns id, age, and the rows have id, name, note. Select the file's columns, or write to another file.",
    })
    expect(text(other, "a.csv")).toBe("id,age\n1,5\n")
  })

  it("ends the last line where it has no line end", async () => {
    const root = projectFolder({ "a.csv": "id,name,note\n9,Z," })
    await append(root, [batch])
    expect(text(root, "a.csv")).toBe(`id,name,note\n9,Z,\n${CSV.split("\n").slice(1).join("\n")}`)
  })

  it("adds a member to an archive, and goes on in another encoding", async () => {
    const root = projectFolder({ "a.csv.gz": gzipSync("id,name,note\n9,Z,\n") })
    await loadAll(csvDestination, { path: "a.csv.gz" }, [batch], { root, writeMode: "append" })
    expect(gunzipSync(readFileSync(join(root, "a.csv.gz"))).toString()).toBe(`id,name,note\n9,Z,\n${CSV.split("\n").slice(1).join("\n")}`)
    for (let run = 0; run < 2; run++)
      await loadAll(csvDestination, { path: "b.csv", encoding: "utf-16le" }, [batch], { root, writeMode: "append" })
    expect((await readAll(csvSource, { path: "b.csv" }, { root })).rows).toHaveLength(4)
  })

  it("is as it was after a failure before the first commit", async () => {
    const root = projectFolder({ "a.csv": "id,name,note\n" })
    await append(root, [batch], { ends: "failed" })
    expect(text(root, "a.csv")).toBe("id,name,note\n")
    expect(readdirSync(root)).toEqual(["a.csv"])
    await append(root, [batch], { ends: "failed" }, { path: "new.csv" })
    expect(readdirSync(root)).toEqual(["a.csv"])
  })

  it("is cut back to what the engine knows of, where it is unknown whether the last commit counts", async () => {
    const root = projectFolder({ "a.csv": "id,name,note\n" })
    const { states } = await append(root, [batch], { ends: "failed-after-commit", runId: "run-1" })
    expect(text(root, "a.csv")).toBe(CSV)
    const again = projectFolder({ "a.csv": text(root, "a.csv"), ".a.csv.journal": text(root, ".a.csv.journal") })
    // The engine stored the commit.
    await append(root, [batchOf([{ id: 3, name: "C", note: "n" }])], { state: states[0], runId: "run-2" })
    expect(text(root, "a.csv")).toBe(`${CSV}3,C,n\n`)
    // The engine did not, and has at most what an earlier run left.
    await append(again, [batch], { state: { run: "run-0", length: 5 }, runId: "run-2" })
    expect(text(again, "a.csv")).toBe(CSV)
    expect(readdirSync(again)).toEqual(["a.csv"])
  })

  it("keeps each commit where no state is kept", async () => {
    const root = projectFolder()
    await append(root, [batch], { ends: "failed-after-commit", keepsState: false })
    await append(root, [batchOf([{ id: 3, name: "C", note: "n" }])], { keepsState: false, runId: "run-2" })
    expect(text(root, "a.csv")).toBe(`${CSV}3,C,n\n`)
  })

  it("does not cut what somebody else added between the runs", async () => {
    const root = projectFolder()
    const { states } = await append(root, [batch])
    put(root, "a.csv", `${CSV}8,hand,\n`)
    await append(root, [batch], { state: states[0], runId: "run-2", ends: "failed" })
    expect(text(root, "a.csv")).toBe(`${CSV}8,hand,\n`)
  })

  it("shows no half of a row after a crash at any moment", async () => {
    const more = batchOf([{ id: 3, name: "C", note: "n" }])
    const whole = [CSV, `${CSV}3,C,n\n`]
    for (let moment = 0; ; moment++) {
      const root = projectFolder()
      const first = await append(root, [batch])
      let operations = 0
      // From this moment on nothing works any more, cleaning up neither, as if the process were gone.
      const files = failingFiles((operation) => {
        const isWrite = ["write", "sync", "truncate", "openWrite", "remove", "rename", "syncDirectory"].includes(operation)
        if (isWrite) operations++
        return operations > moment && isWrite ? "EIO" : undefined
      })
      const crashed = await append(root, [more], { state: first.states[0], runId: "run-2", files }).then(
        (result) => result,
        () => undefined,
      )
      const isDone = operations <= moment
      // The engine has stored the state of the second run only where its commit came back.
      const state = crashed?.states[0] ?? first.states[0]
      await append(root, [], { state, runId: "run-3", schema: batch.schema })
      expect(whole).toContain(text(root, "a.csv"))
      expect(text(root, "a.csv")).toBe(whole[crashed === undefined ? 0 : 1])
      expect(readdirSync(root)).toEqual(["a.csv"])
      if (isDone) {
        expect(moment).toBeGreaterThan(4)
        return
      }
    }
  })
})

describe("a replaced file", () => {
  it("is the old or the new one after a crash at any moment", async () => {
    for (let moment = 0; ; moment++) {
      const root = projectFolder({ "a.csv": "old\n" })
      let operations = 0
      const files = failingFiles((operation) => {
        const isWrite = ["write", "sync", "openWrite", "remove", "rename", "syncDirectory", "makeDirectory"].includes(operation)
        if (isWrite) operations++
        return operations > moment && isWrite ? "EIO" : undefined
      })
      await loadAll(csvDestination, { path: "a.csv" }, [batch], { root, files }).catch(() => undefined) // house-rules: allow, either outcome is fine here
      expect(["old\n", CSV]).toContain(text(root, "a.csv"))
      await loadAll(csvDestination, { path: "a.csv" }, [batch], { root, runId: "run-2" })
      expect(text(root, "a.csv")).toBe(CSV)
      expect(readdirSync(root)).toEqual(["a.csv"])
      if (operations <= moment) {
        expect(moment).toBeGreaterThan(4)
        return
      }
    }
  })

  it("tells what cannot be cleaned up", async () => {
    const warnings: Array<string> = []
    const root = projectFolder()
    const files = failingFiles((operation) => (operation === "remove" ? "EIO" : undefined))
    await loadAll(csvDestination, { path: "a.csv" }, [batch], { root, files, ends: "failed", warnings })
    expect(warnings).toEqual([expect.stringMatching(/^a\.csv: it could not be written: EIO: remove/)])
    expect(contextOf({ root }).projectRoot).toBe(root)
  })
})
