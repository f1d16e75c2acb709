import { gzipSync } from "node:zlib"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { projectFolder, put, readAll, type ReadOptions } from "../../test/harness.ts"
import { jsonSource, makeJsonSource } from "./index.ts"

const read = (content: string | Uint8Array, config: object = {}, options: Omit<ReadOptions, "root"> = {}, source = jsonSource) =>
  readAll(source, { path: "a.json", ...config }, { root: projectFolder({ "a.json": content }), ...options })

const rowsOf = async (content: string | Uint8Array, config: object = {}, options: Omit<ReadOptions, "root"> = {}) =>
  (await read(content, config, options)).rows

const failure = (content: string | Uint8Array, config: object = {}, source = jsonSource) =>
  read(content, config, {}, source).then(
    () => Promise.reject(new Error("it was read")),
    (error: unknown) => error as { code: string; message: string },
  )

describe("a JSON file", () => {
  it("gives the objects of its array", async () => {
    const { rows, reader } = await read('[\n  {"a": 1, "b": {"c": [2]}},\n  {"a": 2}\n]\n')
    expect(rows).toEqual([
      { a: 1, b: { c: [2] } },
      { a: 2, b: null },
    ])
    expect(reader.notes).toEqual(["reads a.json", "types from 2 rows: a integer, b json"])
  })

  it("gives one row for a single object, and none for an empty array", async () => {
    expect(await rowsOf('{"a":1,"b":[{"a":2}]}\n')).toEqual([{ a: 1, b: [{ a: 2 }] }])
    expect(await rowsOf(" [ ] ")).toEqual([])
  })

  it("finds the rows at a path of keys", async () => {
    const content = '{"page":1,"skip":{"data":[{"a":0}]},"data":{"items":[{"a":1},{"a":2}],"total":2},"next":null}'
    expect(await rowsOf(content, { records: "data.items" })).toEqual([{ a: 1 }, { a: 2 }])
    expect(await rowsOf(content, { records: "skip" })).toEqual([{ data: [{ a: 0 }] }])
    expect(await failure(content, { records: "data.rows" })).toMatchObject({
      code: "JSON_SHAPE",
      message: expect.stringContaining('data has no key "rows"') as string,
    })
    expect(await failure(content, { records: "page" })).toMatchObject({ code: "JSON_SHAPE" })
  })

  it("may be compressed, have a byte order mark, or be in UTF-16", async () => {
    const content = '[{"a":"é"}]'
    expect((await readAll(jsonSource, { path: "a.json.gz" }, { root: projectFolder({ "a.json.gz": gzipSync(content) }) })).rows).toEqual([
      { a: "é" },
    ])
    expect(await rowsOf(`\ufeff${content}`)).toEqual([{ a: "é" }])
    expect(await rowsOf(Buffer.from(`\ufeff${content}`, "utf16le"))).toEqual([{ a: "é" }])
  })

  it("comes from standard input too", async () => {
    async function* stdin(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('[{"a":1},')
      yield Buffer.from('{"a":2}]')
    }
    expect((await readAll(jsonSource, { path: "-" }, { root: "/", stdin: stdin() })).rows).toEqual([{ a: 1 }, { a: 2 }])
  })

  it("is read the same whatever the size of the pieces", async () => {
    const value = fc.jsonValue({ maxDepth: 2 })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ a: value, 'k"é': fc.string({ unit: "grapheme" }) }), { maxLength: 12 }),
        value,
        fc.integer({ min: 1, max: 40 }),
        async (rows, other, size) => {
          const content = JSON.stringify({ other, rows, more: other }, null, size % 3)
          const found = await read(content, { records: "rows" }, { columns: { a: "json", 'k"é': "string" } }, makeJsonSource(size))
          // Whole numbers that a double might change come back as bigint.
          const asNumbers = JSON.stringify(found.rows, (_, one: unknown) => (typeof one === "bigint" ? Number(one) : one))
          expect(JSON.parse(asNumbers)).toEqual(JSON.parse(JSON.stringify(rows)))
        },
      ),
      { numRuns: 60 },
    )
  })

  it("must have text, and JSON", async () => {
    expect(await failure("")).toMatchObject({ code: "SOURCE_EMPTY" })
    expect(await rowsOf("", {}, { optional: true })).toEqual([])
    expect(await failure('[{"a":1},\n {"a":2}')).toMatchObject({
      code: "JSON_SYNTAX",
      message: expect.stringMatching(/^a\.json:2:9: /) as string,
    })
    expect(await failure('[{"a":1}] x')).toMatchObject({
      code: "JSON_SYNTAX",
      message: expect.stringMatching(/^a\.json:1:11: "x" stands behind the end/) as string,
    })
    expect(await failure('{"a":1}\n{"a":2}\n')).toMatchObject({
      code: "JSON_SYNTAX",
      message: expect.stringContaining("type: ndjson") as string,
    })
    expect(await failure("[1]")).toMatchObject({ code: "JSON_SHAPE" })
    expect(await failure('[{"a":1,"a":2}]')).toMatchObject({ code: "DUPLICATE_KEY" })
    expect(await failure('{"a":1')).toMatchObject({ code: "JSON_SYNTAX" })
    for (const [content, config] of [
      [`[{"a":${"[".repeat(100_000)}`, {}],
      [`{"skip":${'{"a":'.repeat(100_000)}`, { records: "rows" }],
    ] as const)
      expect(await failure(content, config)).toMatchObject({ message: expect.stringContaining("nested more than 64 deep") as string })
    expect(await failure(Buffer.from('[{"a":"é"}]', "latin1"))).toMatchObject({ code: "WRONG_ENCODING" })
    expect(await failure(Buffer.from('{"note":"é","rows":[]}', "latin1"), { records: "rows" })).toMatchObject({ code: "WRONG_ENCODING" })
  })

  it("names line and character in the whole file where the error is far behind", async () => {
    const content = `{"rows":[\n${'{"a":1},\n'.repeat(100)}{"a":1} {"a":2}]}`
    expect(await failure(content, { records: "rows" }, makeJsonSource(64))).toMatchObject({
      row: 102,
      message: expect.stringMatching(/^a\.json:102:9: /) as string,
    })
    const oneLine = `[${'{"é":1},'.repeat(100)}{"é":}]`
    expect(await failure(oneLine, {}, makeJsonSource(64))).toMatchObject({ message: expect.stringMatching(/^a\.json:1:807: /) as string })
  })

  it("refuses a row over the limit", async () => {
    const content = `[{"a":1},{"a":"${"x".repeat(50_000)}"}]`
    expect(await failure(content, { max_row_size: 10_000 }, makeJsonSource(1000))).toMatchObject({
      code: "ROW_TOO_LARGE",
      message: expect.stringContaining("behind byte 8 ") as string,
    })
    expect(await rowsOf(content, { max_row_size: "64kb" })).toHaveLength(2)
  })
})

describe("incremental reading", () => {
  it("reads new files, and changed ones again", async () => {
    const root = projectFolder({ "in/a.json": '[{"a":1}]' })
    const next = (cursor: unknown, warnings: Array<string> = []) =>
      readAll(jsonSource, { path: "in/*.json" }, { root, cursor, incremental: {}, warnings })
    const first = await next(undefined)
    put(root, "in/b.json", '[{"a":2}]')
    const second = await next(first.cursor)
    expect(second.rows).toEqual([{ a: 2 }])
    put(root, "in/a.json", '[{"a":1},{"a":3}]')
    const warnings: Array<string> = []
    expect((await next(second.cursor, warnings)).rows).toEqual([{ a: 1 }, { a: 3 }])
    expect(warnings).toHaveLength(1)
  })

  it("resumes at every cursor, in an array anywhere in the text", async () => {
    const rows = Array.from({ length: 40 }, (_, a) => ({ a, text: "x\n".repeat(a % 5) }))
    for (const gz of [false, true]) {
      const pack = (value: unknown) => (gz ? gzipSync(JSON.stringify(value, null, 1)) : JSON.stringify(value, null, 1))
      const root = projectFolder({
        "in/a": pack({ n: 1, d: { rows: rows.slice(0, 25) }, z: [] }),
        "in/b": pack({ d: { rows: rows.slice(25) } }),
        "in/c": pack({ d: { rows: [] } }),
      })
      const config = { path: "in/*", records: "d.rows", compression: gz ? "gzip" : "none" }
      const next = (cursor: unknown) => readAll(makeJsonSource(100), config, { root, cursor, incremental: {} })
      const all = await next(undefined)
      expect(all.rows).toEqual(rows)
      expect(all.cursors.length).toBeGreaterThan(8)
      for (const cursor of all.cursors) {
        const rest = await next(JSON.parse(cursor.stored) as unknown)
        expect(rest.rows).toEqual(rows.slice(cursor.rows))
      }
    }
  })

  it("gives nothing again behind its end, also where many files end with an empty one", async () => {
    const files = Array.from({ length: 150 }, (_, i) => [`in/${String(i).padStart(3, "0")}.json`, i === 149 ? "" : `[{"a":${i}}]`] as const)
    const root = projectFolder(Object.fromEntries(files))
    const next = (cursor: unknown) => readAll(jsonSource, { path: "in/*.json" }, { root, cursor, incremental: {} })
    const first = await next(undefined)
    expect(first.rows).toHaveLength(149)
    expect(first.cursors.at(-1)!.rows).toBe(149)
    expect((await next(first.cursor)).rows).toEqual([])
    put(root, "in/149.json", '[{"a":149}]')
    expect((await next(first.cursor)).rows).toEqual([{ a: 149 }])
  })

  it("reads a single object once", async () => {
    const root = projectFolder({ "a.json": '{"a":1}' })
    const next = (cursor: unknown) => readAll(jsonSource, { path: "a.json" }, { root, cursor, incremental: {} })
    const first = await next(undefined)
    expect(first.cursors).toHaveLength(1)
    expect((await next(first.cursor)).rows).toEqual([])
  })
})

const corpus = process.env["DELTAFLOW_CORPUS"]

describe.skipIf(corpus === undefined || !existsSync(join(corpus, "json/test_parsing")))("the JSON parsing test suite", () => {
  const folder = join(corpus ?? "", "json/test_parsing")
  const names = corpus === undefined ? [] : readdirSync(folder)

  /** As a value among others that are passed over, and as the value of a row. */
  const outcomes = (bytes: Uint8Array) =>
    Promise.all(
      [
        [Buffer.concat([Buffer.from('{"x":'), bytes, Buffer.from(',"rows":[]}')]), { records: "rows" }] as const,
        [Buffer.concat([Buffer.from('[{"v":'), bytes, Buffer.from("}]")]), {}] as const,
      ].map(([content, config]) =>
        read(content, config, { columns: { v: "json" } }).then(
          () => "accepted",
          (error: unknown) => (error as { code: string }).code,
        ),
      ),
    )

  // A byte order mark may only stand at the start of a file, not before a value in it.
  it.each(names.filter((name) => name.startsWith("y_")))("accepts %s", async (name) => {
    expect(await outcomes(readFileSync(join(folder, name)))).toEqual(["accepted", "accepted"])
  })

  it.each(names.filter((name) => name.startsWith("n_")))("refuses %s", async (name) => {
    for (const outcome of await outcomes(readFileSync(join(folder, name))))
      expect(["JSON_SYNTAX", "JSON_SHAPE", "WRONG_ENCODING", "DUPLICATE_KEY"]).toContain(outcome)
  })
})
