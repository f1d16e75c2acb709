import { gzipSync, zstdCompressSync } from "node:zlib"
import { Decimal } from "@deltaflow/core"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { configIssues, failingFiles, projectFolder, put, readAll, type ReadOptions } from "../../test/harness.ts"
import { csvSource, makeCsvSource } from "./index.ts"

const USERS = "id,name,score\n1,Ann,1.50\n2,Bob,2.25\n"

const read = (files: Readonly<Record<string, string | Uint8Array>>, config: object, options: Omit<ReadOptions, "root"> = {}) =>
  readAll(csvSource, config, { root: projectFolder(files), ...options })

const rowsOf = async (content: string | Uint8Array, config: object = {}, options: Omit<ReadOptions, "root"> = {}) =>
  (await read({ "a.csv": content }, { path: "a.csv", ...config }, options)).rows

const failure = (content: string | Uint8Array, config: object = {}, options: Omit<ReadOptions, "root"> = {}) =>
  rowsOf(content, config, options).then(
    () => Promise.reject(new Error("it was read")),
    (error: unknown) => error as { code: string; message: string; row?: number },
  )

describe("a CSV file", () => {
  it("gives rows with the types of its first rows, and says so", async () => {
    const { rows, schema, reader } = await read({ "data/a.csv": USERS }, { path: "data/a.csv" })
    expect(rows).toEqual([
      { id: 1, name: "Ann", score: new Decimal(150, 2) },
      { id: 2, name: "Bob", score: new Decimal(225, 2) },
    ])
    expect(schema.columns.map((column) => column.type)).toEqual(["integer", "string", "decimal"])
    expect(reader.notes).toEqual(["reads data/a.csv", "types from 2 rows: id integer, name string, score decimal"])
    expect(reader.totalBytes).toBe(USERS.length)
  })

  it("has no rows where it has only a header", async () => {
    const { rows, schema } = await read({ "a.csv": "id,name\n" }, { path: "a.csv" })
    expect(rows).toEqual([])
    expect(schema.columns.map((column) => column.name)).toEqual(["id", "name"])
    expect(await rowsOf("id,name")).toEqual([])
  })

  it("may declare types, or leave all as text", async () => {
    expect(await rowsOf(USERS, {}, { columns: { id: "string", score: "double" } })).toEqual([
      { id: "1", name: "Ann", score: 1.5 },
      { id: "2", name: "Bob", score: 2.25 },
    ])
    expect(await rowsOf(USERS, { infer: false }, { columns: { id: "integer" } })).toEqual([
      { id: 1, name: "Ann", score: "1.50" },
      { id: 2, name: "Bob", score: "2.25" },
    ])
    expect(await failure(USERS, {}, { columns: { age: "integer" } })).toMatchObject({
      code: "UNKNOWN_COLUMN",
      message: 'input: columns names "age", which the file does not have. It has id, name, score.',
    })
  })

  it("may have no header, or be given one", async () => {
    expect(await rowsOf("1,x\n2,y\n", { header: false })).toEqual([
      { column1: 1, column2: "x" },
      { column1: 2, column2: "y" },
    ])
    expect(await rowsOf("1,x\n", { header: ["id", "name"] })).toEqual([{ id: 1, name: "x" }])
    expect(await failure("1,x\n", { header: ["id"] })).toMatchObject({ code: "CSV_RAGGED_ROW" })
  })

  it("must name every column once", async () => {
    expect(await failure("id,,x\n")).toMatchObject({
      code: "CSV_HEADER",
      message: expect.stringMatching(/^a\.csv:1: column 2 has no name/) as string,
    })
    expect(await failure("id,id\n")).toMatchObject({ code: "CSV_HEADER" })
  })

  it("may have other delimiters, quotes and nulls", async () => {
    expect(await rowsOf("a;b\n'x;y';NA\n", { delimiter: ";", quote: "'", null_values: ["NA"] })).toEqual([{ a: "x;y", b: null }])
    expect(await rowsOf('a\tb\n"x\t1\n', { delimiter: "\\t", quote: "" })).toEqual([{ a: '"x', b: 1 }])
    expect(await rowsOf("a,b\n,1\n", { null_values: [] })).toEqual([{ a: "", b: 1 }])
  })

  it("may have a byte order mark, Windows line ends and another encoding", async () => {
    const rows = [{ id: 1, name: "Žoë" }]
    expect(await rowsOf("\ufeffid,name\r\n1,Žoë\r\n")).toEqual(rows)
    expect(await rowsOf(Buffer.from("\ufeffid,name\n1,Žoë\n", "utf16le"))).toEqual(rows)
    expect(await rowsOf(Buffer.from("\ufeffid,name\n1,Žoë\n", "utf16le").swap16())).toEqual(rows)
    expect(await rowsOf(Buffer.from("id,name\n1,Žoë\n", "utf16le"), { encoding: "utf-16le" })).toEqual(rows)
    expect(await rowsOf(Buffer.from("id,name\n1,Žoë\n", "utf16le").swap16(), { encoding: "utf-16be" })).toEqual(rows)
    expect(await rowsOf(Buffer.from("id,name\n1,café\n", "latin1"), { encoding: "latin1" })).toEqual([{ id: 1, name: "café" }])
    expect(await rowsOf('\ufeff"id","name"\n"1","Žoë"', { encoding: "utf-8" })).toEqual(rows)
  })

  it.each(["utf-16le", "utf-16be", "latin1"] as const)("in %s is read the same whatever the size of the pieces", async (encoding) => {
    const rows = Array.from({ length: 30 }, (_, id) => ({ id, name: encoding === "latin1" ? `é\n"${id}"` : `é😀\n"${id}"` }))
    const content = `id,name\r\n${rows.map(({ id, name }) => `${id},"${name.replaceAll('"', '""')}"\r\n`).join("")}`
    const bytes = Buffer.from(content, encoding === "latin1" ? "latin1" : "utf16le")
    for (const pack of [(given: Buffer) => given, gzipSync, zstdCompressSync]) {
      const root = projectFolder({ "a.csv": pack(encoding === "utf-16be" ? bytes.swap16() : bytes) })
      if (encoding === "utf-16be") bytes.swap16()
      const compression = pack === gzipSync ? "gzip" : pack === zstdCompressSync ? "zstd" : "none"
      for (const chunkBytes of [1, 2, 3, 7, 64]) {
        const source = makeCsvSource({ chunkBytes, sampleBytes: 50, sampleRows: 3 })
        expect((await readAll(source, { path: "a.csv", encoding, compression }, { root })).rows).toEqual(rows)
      }
    }
  })

  it("may be compressed", async () => {
    const rows = await rowsOf(USERS)
    const files = { "a.csv.gz": gzipSync(USERS), "b.csv.zst": zstdCompressSync(USERS), "c.bin": gzipSync(USERS), "d.csv.gz": USERS }
    expect((await read(files, { path: "a.csv.gz" })).rows).toEqual(rows)
    expect((await read(files, { path: "b.csv.zst" })).rows).toEqual(rows)
    expect((await read(files, { path: "c.bin", compression: "gzip" })).rows).toEqual(rows)
    expect((await read(files, { path: "d.csv.gz", compression: "none" })).rows).toEqual(rows)
    const members = Buffer.concat([gzipSync("id,na"), gzipSync("me,score\n1,Ann,1.50\n2,B"), gzipSync("ob,2.25\n")])
    expect((await read({ "a.csv.gz": members }, { path: "a.csv.gz" })).rows).toEqual(rows)
    expect((await read(files, { path: "a.csv.gz" })).reader.totalBytes).toBeUndefined()
  })

  it("may be several, in the order of their names", async () => {
    const files = {
      "in/b.csv": "id\n3\n",
      "in/a.csv": "id\n1\n2\n",
      "in/deep/er/c.csv": "id\n4\n",
      "in/note.txt": "no",
      "in/.hidden.csv": "x\n",
    }
    const { rows, batches } = await read(files, { path: "in/*.csv" })
    expect(rows).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }])
    expect(batches.map((batch) => batch.firstRow)).toEqual([1, 1])
    expect((await read(files, { path: "in/**/*.csv" })).rows).toHaveLength(4)
    expect((await read(files, { path: "./in/?.csv" })).rows).toHaveLength(3)
  })

  it("must have the same header in all files", async () => {
    await expect(read({ "a.csv": "id,x\n1,2\n", "b.csv": "id,y\n1,2\n" }, { path: "*.csv" })).rejects.toMatchObject({
      code: "SCHEMA_CHANGED",
      message: "b.csv:1: the header is id, y, where id, x is expected, as before. Read files with other columns by a source of their own.",
    })
  })

  it("may come from standard input, which is read once", async () => {
    async function* stdin(): AsyncGenerator<Uint8Array> {
      for (const byte of Buffer.from(USERS)) yield Uint8Array.of(byte)
    }
    const { rows, reader } = await readAll(csvSource, { path: "-" }, { root: "/", stdin: stdin() })
    expect(rows).toEqual(await rowsOf(USERS))
    expect(reader.notes?.[0]).toBe("reads standard input")
    await expect(readAll(csvSource, { path: "-" }, { root: "/" })).rejects.toMatchObject({ code: "FILE_NOT_FOUND" })
    await expect(readAll(csvSource, { path: "-" }, { root: "/", stdin: stdin(), incremental: {} })).rejects.toMatchObject({
      code: "UNSUPPORTED_FEATURE",
    })
  })

  it("stops waiting for standard input when the run is cancelled", async () => {
    const controller = new AbortController()
    const silent: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) }
    const reading = readAll(csvSource, { path: "-" }, { root: "/", stdin: silent, signal: controller.signal })
    controller.abort(new Error("cancelled"))
    await expect(reading).rejects.toThrow("cancelled")
  })

  it("gives batches of the size that is asked for", async () => {
    const { batches } = await read({ "a.csv": "id\n1\n2\n3\n4\n5\n" }, { path: "a.csv" }, { batchSize: 2 })
    expect(batches.map((batch) => [batch.firstRow, batch.length])).toEqual([
      [1, 2],
      [3, 2],
      [5, 1],
    ])
  })

  it("is read the same whatever the size of the pieces", async () => {
    const field = fc.oneof(fc.constantFrom("", "a", '"', "\n", "x,y"), fc.string({ maxLength: 8 }))
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 64 }),
        fc.boolean(),
        async (rows, chunkBytes, lenient) => {
          const quote = (text: string) => `"${text.replaceAll('"', '""')}"`
          const content = `a,b\n${rows.map(([a, b]) => `${quote(a)},${quote(b)}\n`).join("")}`
          const source = makeCsvSource({ chunkBytes, sampleBytes: 32, sampleRows: 3 })
          const found = await readAll(source, { path: "a.csv", infer: false, lenient }, { root: projectFolder({ "a.csv": content }) })
          expect(found.rows).toEqual(rows.map(([a, b]) => ({ a, b })))
        },
      ),
      { numRuns: 30 },
    )
  })
})

describe("memory that is given back", () => {
  it("is read into again, and the rows are the same", async () => {
    const content = `id,name\n${Array.from({ length: 500 }, (_, i) => `${i},"name ${i}"\n`).join("")}`
    const root = projectFolder({ "a.csv": content, "b.csv": content })
    const source = makeCsvSource({ chunkBytes: 300, sampleBytes: 300, sampleRows: 10 })
    const expected = await readAll(source, { path: "*.csv" }, { root })
    expect((await readAll(source, { path: "*.csv" }, { root, releases: true })).rows).toEqual(expected.rows)
    expect(expected.rows).toHaveLength(1000)
  })
})

describe("bad input", () => {
  it("missing: names the path", async () => {
    await expect(read({}, { path: "no.csv" })).rejects.toMatchObject({
      code: "FILE_NOT_FOUND",
      message: expect.stringMatching(/^input: there is no file no\.csv in /) as string,
    })
    await expect(read({}, { path: "in/*.csv" })).rejects.toMatchObject({
      code: "FILE_NOT_FOUND",
      message: expect.stringContaining("no file matches in/*.csv") as string,
    })
    expect((await read({}, { path: "no.csv" }, { optional: true, columns: { id: "integer" } })).schema.columns).toEqual([
      { name: "id", type: "integer", nullable: true },
    ])
  })

  it("empty: is an error unless it is optional, or one of several", async () => {
    expect(await failure("")).toMatchObject({
      code: "SOURCE_EMPTY",
      message: expect.stringMatching(/^a\.csv: the file is empty/) as string,
    })
    expect(await failure("\ufeff")).toMatchObject({ code: "SOURCE_EMPTY" })
    expect(await rowsOf("", {}, { optional: true })).toEqual([])
    const warnings: Array<string> = []
    expect((await read({ "a.csv": "", "b.csv": "id\n1\n" }, { path: "*.csv" }, { warnings })).rows).toEqual([{ id: 1 }])
    expect(warnings).toEqual(["a.csv is empty."])
  })

  it("a folder or a device: is no file", async () => {
    await expect(read({ "in/a.csv": USERS }, { path: "in" })).rejects.toMatchObject({
      message: "input: in is a folder. Name the files in it, such as in/*.",
    })
    await expect(read({}, { path: "/dev/zero" }, { allowOutside: true })).rejects.toMatchObject({
      message: expect.stringContaining("no regular file") as string,
    })
  })

  it("outside of the project: is refused unless it is allowed", async () => {
    const outside = projectFolder({ "a.csv": USERS })
    await expect(read({}, { path: `${outside}/a.csv` })).rejects.toMatchObject({ code: "PATH_OUTSIDE_PROJECT" })
    await expect(read({}, { path: "../*.csv" })).rejects.toMatchObject({ code: "PATH_OUTSIDE_PROJECT" })
    await expect(read({}, { path: `${outside}/*.csv` })).rejects.toMatchObject({ code: "PATH_OUTSIDE_PROJECT" })
    expect((await read({}, { path: `${outside}/*.csv` }, { allowOutside: true })).rows).toHaveLength(2)
  })

  it("a ragged row: names file, line and row", async () => {
    expect(await failure('id,name\n1,"a\nb"\n2\n')).toMatchObject({
      code: "CSV_RAGGED_ROW",
      row: 2,
      message: "a.csv:4: the row has 1 field, and 2 are expected. Give every row the same fields, or set `lenient: true`.",
    })
  })

  it("a ragged row far behind: names the line in the whole file", async () => {
    const content = `id,name\n${'1,"x\ny"\n'.repeat(300)}2\n`
    const source = makeCsvSource({ chunkBytes: 500, sampleBytes: 100, sampleRows: 3 })
    await expect(readAll(source, { path: "a.csv" }, { root: projectFolder({ "a.csv": content }) })).rejects.toMatchObject({
      row: 301,
      message: expect.stringMatching(/^a\.csv:602: /) as string,
    })
  })

  it("a quote that is not closed at the end: names where it opens", async () => {
    expect(await failure('id,name\n1,x\n2,"y\n3,z\n')).toMatchObject({
      code: "CSV_QUOTE",
      message: expect.stringMatching(/^a\.csv:3:3: the quote \("\) that opens here is not closed/) as string,
    })
  })

  it("a stray quote in a large file: is found without reading all of it", async () => {
    const content = `id,name\n1,5" disk\n${"2,x\n".repeat(4_000_000)}`
    expect(await failure(content)).toMatchObject({ code: "CSV_QUOTE", message: expect.stringMatching(/^a\.csv:2:4: a quote/) as string })
  })

  it("another encoding: names line and byte", async () => {
    expect(await failure(Buffer.from("id,name\n1,café\n", "latin1"))).toMatchObject({
      code: "WRONG_ENCODING",
      message: expect.stringMatching(/^a\.csv:2: byte 6 of the line is no UTF-8/) as string,
    })
    expect(await failure(Buffer.from("\ufeffid\n1\n", "utf16le"), { encoding: "utf-8" })).toMatchObject({
      code: "WRONG_ENCODING",
      message: expect.stringContaining("byte order mark of utf-16le") as string,
    })
    expect(await failure(Buffer.concat([Buffer.from("id\n", "utf16le"), Buffer.from([0, 0xdc])]), { encoding: "utf-16le" })).toMatchObject({
      code: "WRONG_ENCODING",
      message: expect.stringContaining("stands at byte 7") as string,
    })
  })

  it("a damaged archive: says so", async () => {
    const archive = gzipSync(USERS)
    await expect(read({ "a.csv.gz": archive.subarray(0, -4) }, { path: "a.csv.gz" })).rejects.toMatchObject({ code: "CORRUPT_ARCHIVE" })
    await expect(read({ "a.csv.gz": "id\n1\n" }, { path: "a.csv.gz" })).rejects.toMatchObject({ code: "CORRUPT_ARCHIVE" })
    const zstd = zstdCompressSync(USERS)
    await expect(read({ "a.csv.zst": zstd.subarray(0, -4) }, { path: "a.csv.zst" })).rejects.toMatchObject({ code: "CORRUPT_ARCHIVE" })
    await expect(read({ "a.csv.zst": USERS }, { path: "a.csv.zst" })).rejects.toMatchObject({ code: "CORRUPT_ARCHIVE" })
    await expect(read({ "a.csv.gz": archive }, { path: "a.csv.gz", max_decompressed_size: 10 })).rejects.toMatchObject({
      code: "CORRUPT_ARCHIVE",
      message: "a.csv.gz: the content is larger than 10 bytes. Raise `max_decompressed_size` if it is meant to be.",
    })
  })

  it("a value of another type behind the sample: is told when it is decoded", async () => {
    const source = makeCsvSource({ chunkBytes: 100, sampleBytes: 1000, sampleRows: 2 })
    const root = projectFolder({ "a.csv": "id\n1\n2\nx\n" })
    const { batches } = await readAll(source, { path: "a.csv" }, { root })
    expect(() => batches.map((batch) => batch.toRows())).toThrow('"x" is no integer')
  })

  it("a field of 100 MB: passes", async () => {
    const field = Buffer.alloc(100 * 1024 * 1024, "x")
    const { batches } = await read(
      { "a.csv": Buffer.concat([Buffer.from('id,text\n1,"'), field, Buffer.from('"\n2,small\n')]) },
      { path: "a.csv" },
    )
    const texts = batches.flatMap((batch) => Array.from({ length: batch.length }, (_, row) => batch.columns[1]!.value(row) as string))
    expect(texts.map((text) => text.length)).toEqual([field.length, 5])
  })

  it("a row over the limit: names its line", async () => {
    const source = makeCsvSource({ chunkBytes: 1000, sampleBytes: 1000, sampleRows: 10 })
    const root = projectFolder({ "a.csv": `id,text\n1,x\n2,"${"y".repeat(200_000)}"\n` })
    await expect(readAll(source, { path: "a.csv", max_row_size: "100kb" }, { root })).rejects.toMatchObject({
      code: "ROW_TOO_LARGE",
      message: expect.stringMatching(/^a\.csv:3: the row that begins here is larger than 102400 bytes/) as string,
    })
  })

  it("lenient: takes what is not strict", async () => {
    expect(await rowsOf('id,name\r1,5" disk\r\n2\n\n3,a,b\n', { lenient: true })).toEqual([
      { id: 1, name: '5" disk' },
      { id: 2, name: null },
      { id: 3, name: "a" },
    ])
  })

  it("a disk that fails: gives its reason, and every file is closed", async () => {
    const root = projectFolder({ "a.csv": USERS })
    const files = failingFiles((operation) => (operation === "openRead" ? "EACCES" : undefined))
    await expect(readAll(csvSource, { path: "a.csv" }, { root, files })).rejects.toMatchObject({
      code: "SOURCE_FAILED",
      message: expect.stringMatching(/^a\.csv: the file could not be read: EACCES.*Check who may read it\.$/) as string,
    })
  })

  it("options that make no sense: are told", async () => {
    expect(await configIssues(csvSource, { path: "a", delimiter: "||" })).toEqual(["expected one ASCII character, or \\t"])
    expect(await configIssues(csvSource, { path: "a", delimiter: '"' })).toEqual(["must be another character than the delimiter"])
    expect(await configIssues(csvSource, { path: "" })).toHaveLength(1)
    expect(await configIssues(csvSource, { path: "a", max_row_size: "lots" })).toHaveLength(1)
  })
})

describe("incremental reading of a folder", () => {
  const config = { path: "in/*.csv" }

  const next = (root: string, cursor: unknown, warnings: Array<string> = []) =>
    readAll(csvSource, config, { root, cursor, incremental: {}, warnings })

  it("reads only files that are new", async () => {
    const root = projectFolder({ "in/a.csv": "id\n1\n" })
    const first = await next(root, undefined)
    put(root, "in/b.csv", "id\n2\n")
    const second = await next(root, first.cursor)
    expect(second.rows).toEqual([{ id: 2 }])
    expect(second.reader.notes?.[0]).toBe("reads in/b.csv; 1 read before")
    const third = await next(root, second.cursor)
    expect(third.rows).toEqual([])
    expect(third.cursors).toEqual([])
  })

  it("goes on where a file has grown, and counts on from there", async () => {
    const root = projectFolder({ "in/a.csv": "id\n1\n2\n" })
    const first = await next(root, undefined)
    put(root, "in/a.csv", "id\n1\n2\n3\n")
    const second = await next(root, first.cursor)
    expect(second.rows).toEqual([{ id: 3 }])
    expect(second.batches[0]!.firstRow).toBe(3)
    put(root, "in/a.csv", "id\n1\n2\n3\n4,5\n")
    await expect(next(root, second.cursor)).rejects.toMatchObject({ row: 4, message: expect.stringMatching(/^in\/a\.csv:5: /) as string })
  })

  it("reads a changed file again, with a warning", async () => {
    const root = projectFolder({ "in/a.csv": "id\n1\n2\n" })
    const first = await next(root, undefined)
    put(root, "in/a.csv", "id\n9\n2\n3\n")
    const warnings: Array<string> = []
    expect((await next(root, first.cursor, warnings)).rows).toEqual([{ id: 9 }, { id: 2 }, { id: 3 }])
    expect(warnings).toEqual(["in/a.csv was changed since it was read, so it is read again from its start."])
  })

  it("leaves a file alone that was only touched", async () => {
    const root = projectFolder({ "in/a.csv": "id\n1\n" })
    const first = await next(root, undefined)
    await new Promise((resolve) => setTimeout(resolve, 20))
    put(root, "in/a.csv", "id\n1\n")
    expect((await next(root, first.cursor)).rows).toEqual([])
  })

  it("leaves half of a last row for the next run", async () => {
    const root = projectFolder({ "in/a.csv": "id,name\n1,x\n2" })
    const warnings: Array<string> = []
    const first = await next(root, undefined, warnings)
    expect(first.rows).toEqual([{ id: 1, name: "x" }])
    expect(warnings).toEqual(["in/a.csv ends in the middle of a row, which is left for the next run."])
    put(root, "in/a.csv", "id,name\n1,x\n2,y\n")
    expect((await next(root, first.cursor)).rows).toEqual([{ id: 2, name: "y" }])
  })

  it("takes a whole last row without a line end, and what follows it", async () => {
    const root = projectFolder({ "in/a.csv": "id\n1" })
    const first = await next(root, undefined)
    expect(first.rows).toEqual([{ id: 1 }])
    put(root, "in/a.csv", "id\n1\n2\n")
    expect((await next(root, first.cursor)).rows).toEqual([{ id: 2 }])
    put(root, "in/a.csv", "id\n15\n")
    const warnings: Array<string> = []
    expect((await next(root, first.cursor, warnings)).rows).toEqual([{ id: 15 }])
    expect(warnings[0]).toContain("its last row was longer than when it was read")
  })

  it("resumes at every cursor, loses nothing and repeats nothing", async () => {
    const line = (i: number) => `${i},"name\n${i}"\n`
    const content = (from: number, to: number) => `id,name\n${Array.from({ length: to - from }, (_, i) => line(from + i)).join("")}`
    for (const gz of [false, true]) {
      const pack = (text: string) => (gz ? gzipSync(text) : text)
      const end = gz ? ".csv.gz" : ".csv"
      const root = projectFolder({
        [`in/a${end}`]: pack(content(0, 50)),
        [`in/b${end}`]: pack(content(50, 60)),
        [`in/c${end}`]: pack(content(60, 100)),
      })
      const source = makeCsvSource({ chunkBytes: 150, sampleBytes: 1000, sampleRows: 10 })
      const read = (cursor: unknown) => readAll(source, { path: `in/*${end}` }, { root, cursor, incremental: {} })
      const all = await read(undefined)
      expect(all.rows.map((row) => row["id"])).toEqual(Array.from({ length: 100 }, (_, i) => i))
      expect(all.cursors.length).toBeGreaterThan(8)
      for (const { rows, stored } of all.cursors) {
        const rest = await read(JSON.parse(stored) as unknown)
        expect(rest.rows).toEqual(all.rows.slice(rows))
        expect(rest.batches.map((batch) => batch.firstRow)[0]).toBe(rest.rows.length === 0 ? undefined : firstRowOf(rows))
      }
    }
  })

  it("keeps the types that the first run found", async () => {
    const root = projectFolder({ "in/a.csv": "id\n1\n" })
    const first = await next(root, undefined)
    put(root, "in/0.csv", "id\nx\n")
    const second = await readAll(csvSource, config, { root, cursor: first.cursor, incremental: {} })
    expect(() => second.rows).toThrow('"x" is no integer')
  })

  it("refuses a cursor that is none of its own", async () => {
    const root = projectFolder({ "in/a.csv": "id\n1\n" })
    await expect(next(root, { since: "2024-01-01" })).rejects.toMatchObject({ code: "CURSOR_INVALID" })
  })

  it("gives few cursors where there are many files, and one at the end", async () => {
    const root = projectFolder(Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`in/${i}.csv`, "id\n1\n"])))
    const first = await next(root, undefined)
    expect(first.rows).toHaveLength(150)
    expect(first.cursors.length).toBeLessThan(115)
    expect(first.cursors.at(-1)!.rows).toBe(150)
    expect((await next(root, first.cursor)).rows).toEqual([])
  })
})

/** The number in its own file of the row behind so many rows, for files of 50, 10 and 40. */
const firstRowOf = (rows: number): number => (rows < 50 ? rows : rows < 60 ? rows - 50 : rows - 60) + 1
