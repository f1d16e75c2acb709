import { Decimal } from "@deltaflow/core"
import { describe, expect, it } from "vitest"
import { projectFolder, put, readAll, type ReadOptions } from "../../test/harness.ts"
import { makeNdjsonSource, ndjsonSource } from "./index.ts"

const rowsOf = async (content: string | Uint8Array, config: object = {}, options: Omit<ReadOptions, "root"> = {}) =>
  (await readAll(ndjsonSource, { path: "a.ndjson", ...config }, { root: projectFolder({ "a.ndjson": content }), ...options })).rows

const failure = (content: string | Uint8Array, options: Omit<ReadOptions, "root"> = {}) =>
  rowsOf(content, {}, options).then(
    () => Promise.reject(new Error("it was read")),
    (error: unknown) => error as { code: string; message: string },
  )

describe("an NDJSON file", () => {
  it("gives rows with the types of its first rows", async () => {
    const content = '{"id":9007199254740993,"price":1.50,"tags":["a"],"ok":true}\n\n{"id":2,"name":"x"}\r\n'
    const { rows, reader } = await readAll(ndjsonSource, { path: "a.ndjson" }, { root: projectFolder({ "a.ndjson": content }) })
    expect(rows).toEqual([
      { id: 9007199254740993n, price: new Decimal(150, 2), tags: ["a"], ok: true, name: null },
      { id: 2, price: null, tags: null, ok: null, name: "x" },
    ])
    expect(reader.notes).toEqual(["reads a.ndjson", "types from 2 rows: id integer, price decimal, tags json, ok boolean, name string"])
  })

  it("may declare types, also of keys that come later", async () => {
    expect(await rowsOf('{"id":"5"}\n', {}, { columns: { id: "decimal", day: "date" } })).toEqual([{ id: new Decimal(5, 0), day: null }])
  })

  it("gives a wider schema where a key comes that the sample did not have", async () => {
    const content = `${'{"id":1}\n'.repeat(100)}{"id":2,"new":1.5}\n`
    const source = makeNdjsonSource({ chunkBytes: 200, sampleBytes: 100, sampleRows: 5 })
    const { batches, schema } = await readAll(source, { path: "a.ndjson" }, { root: projectFolder({ "a.ndjson": content }) })
    expect(schema.columns.map((column) => column.name)).toEqual(["id"])
    expect(batches.at(-1)!.schema.columns).toEqual([
      { name: "id", type: "integer", nullable: true },
      { name: "new", type: "decimal", nullable: true },
    ])
    expect(batches.at(-1)!.toRows().at(-1)).toEqual({ id: 2, new: new Decimal(15, 1) })
  })

  it("takes the columns of all files that it looks at", async () => {
    const root = projectFolder({ "in/a.ndjson": '{"a":1}\n', "in/b.ndjson": '{"a":1.5,"b":true}\n' })
    const { schema } = await readAll(ndjsonSource, { path: "in/*" }, { root })
    expect(schema.columns.map((column) => [column.name, column.type])).toEqual([
      ["a", "decimal"],
      ["b", "boolean"],
    ])
  })

  it("expects keys as the sample spells them", async () => {
    const { batches } = await readAll(
      ndjsonSource,
      { path: "a.ndjson" },
      { root: projectFolder({ "a.ndjson": '{"caf\\u00e9":1}\n{"caf\\u00e9":2}\n' }) },
    )
    expect(batches.flatMap((batch) => batch.toRows())).toEqual([{ café: 1 }, { café: 2 }])
  })

  it("reads into memory that is given back, and the rows are the same", async () => {
    const rows = Array.from({ length: 300 }, (_, i) => ({ id: i, name: `name ${i}`, ...(i % 50 === 49 ? { more: i } : {}) }))
    const root = projectFolder({ "a.ndjson": rows.map((row) => `${JSON.stringify(row)}\n`).join("") })
    const source = makeNdjsonSource({ chunkBytes: 300, sampleBytes: 300, sampleRows: 5 })
    const expected = await readAll(source, { path: "a.ndjson" }, { root })
    expect((await readAll(source, { path: "a.ndjson" }, { root, releases: true })).rows).toEqual(expected.rows)
    expect(expected.rows.map((row) => row["id"])).toEqual(rows.map((row) => row.id))
  })

  it("must have text", async () => {
    expect(await failure("")).toMatchObject({ code: "SOURCE_EMPTY" })
    expect(await rowsOf("", {}, { optional: true })).toEqual([])
    expect(await rowsOf("\n")).toEqual([])
  })

  it("must be JSON, one object per line", async () => {
    expect(await failure('{"a":1}\n{"a":}\n')).toMatchObject({
      code: "JSON_SYNTAX",
      message: expect.stringMatching(/^a\.ndjson:2:6: /) as string,
    })
    expect(await failure('{"a":1}\n5\n')).toMatchObject({
      code: "JSON_SHAPE",
      message: expect.stringMatching(/^a\.ndjson:2:1: /) as string,
    })
    expect(await failure('{"a":1,"a":2}\n')).toMatchObject({ code: "DUPLICATE_KEY", column: "a" })
    expect(await failure('{"a":1')).toMatchObject({ code: "JSON_SYNTAX" })
    expect(await failure(`{"a":1}\n{"a":${"[".repeat(100_000)}\n`)).toMatchObject({
      code: "JSON_SHAPE",
      message: expect.stringMatching(/^a\.ndjson:2:70: the value is nested more than 64 deep/) as string,
    })
    expect(await rowsOf(`{"a":${"[".repeat(63)}${"]".repeat(63)}}\n`)).toHaveLength(1)
    expect(await failure(Buffer.from('{"a":"é"}\n', "latin1"))).toMatchObject({ code: "WRONG_ENCODING" })
  })

  it("names the line in the whole file where the error is far behind", async () => {
    const content = `${'{"a":1}\n\n'.repeat(200)}{"a":1,}\n`
    const source = makeNdjsonSource({ chunkBytes: 300, sampleBytes: 100, sampleRows: 5 })
    await expect(readAll(source, { path: "a.ndjson" }, { root: projectFolder({ "a.ndjson": content }) })).rejects.toMatchObject({
      row: 201,
      message: expect.stringMatching(/^a\.ndjson:401:8: /) as string,
    })
  })

  it("tells a value of another type when it is decoded", async () => {
    const source = makeNdjsonSource({ chunkBytes: 1000, sampleBytes: 1000, sampleRows: 1 })
    const found = await readAll(source, { path: "a.ndjson" }, { root: projectFolder({ "a.ndjson": '{"a":1}\n{"a":"x"}\n' }) })
    expect(() => found.rows).toThrow('"x" is text, not integer')
  })

  it("refuses a row over the limit, with its line", async () => {
    const root = projectFolder({ "a.ndjson": `{"a":1}\n{"a":"${"x".repeat(300_000)}"}\n` })
    const source = makeNdjsonSource({ chunkBytes: 1000, sampleBytes: 20, sampleRows: 1 })
    await expect(readAll(source, { path: "a.ndjson", max_row_size: "64kb" }, { root })).rejects.toMatchObject({
      code: "ROW_TOO_LARGE",
      message: expect.stringMatching(/^a\.ndjson:2: /) as string,
    })
  })
})

describe("a log that grows", () => {
  it("is read on where it ended, and half of a line is left for later", async () => {
    const root = projectFolder({ "log.ndjson": '{"a":1}\n{"a":2}\n{"a":' })
    const read = (cursor: unknown) => readAll(ndjsonSource, { path: "log.ndjson" }, { root, cursor, incremental: {} })
    const first = await read(undefined)
    expect(first.rows).toEqual([{ a: 1 }, { a: 2 }])
    put(root, "log.ndjson", '{"a":1}\n{"a":2}\n{"a":3}\n{"a":4}')
    const second = await read(first.cursor)
    expect(second.rows).toEqual([{ a: 3 }, { a: 4 }])
    expect(second.batches[0]!.firstRow).toBe(3)
    put(root, "log.ndjson", '{"a":1}\n{"a":2}\n{"a":3}\n{"a":4}\n{"a":5}\n')
    expect((await read(second.cursor)).rows).toEqual([{ a: 5 }])
  })

  it("resumes at every cursor", async () => {
    const rows = Array.from({ length: 60 }, (_, a) => ({ a, text: "x".repeat(a % 7) }))
    const root = projectFolder({ "a.ndjson": rows.map((row) => `${JSON.stringify(row)}\n`).join("") })
    const source = makeNdjsonSource({ chunkBytes: 100, sampleBytes: 100, sampleRows: 5 })
    const read = (cursor: unknown) => readAll(source, { path: "a.ndjson" }, { root, cursor, incremental: {} })
    const all = await read(undefined)
    expect(all.rows).toEqual(rows)
    for (const cursor of all.cursors) expect((await read(JSON.parse(cursor.stored) as unknown)).rows).toEqual(rows.slice(cursor.rows))
  })
})
