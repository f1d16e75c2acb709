import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Decimal } from "../model/Decimal.ts"
import { DecodeError } from "./DecodeError.ts"
import { type JsonDecoderOptions, makeJsonArrayDecoder, makeNdjsonDecoder, ndjsonDecoder, sampleColumns } from "./jsonDecoder.ts"

const decode = (text: string | Uint8Array, options: Partial<JsonDecoderOptions> = {}) =>
  makeNdjsonDecoder({ columns: [], batchSize: 5000, ...options })(Buffer.from(text))

const rowsOf = (text: string, options?: Partial<JsonDecoderOptions>) => decode(text, options).batches.flatMap((batch) => batch.toRows())

const typesOf = (text: string, options?: Partial<JsonDecoderOptions>) =>
  Object.fromEntries(sampleColumns(decode(text, options)).map((column) => [column.name, column.type]))

const failure = (run: () => unknown): DecodeError => {
  try {
    run()
  } catch (cause) {
    if (cause instanceof DecodeError) return cause
    throw cause
  }
  throw new Error("it was decoded")
}

const column = (name: string, type: "integer" | "string" | "decimal") => ({ name, type, nullable: true })

describe("NDJSON", () => {
  it("gives a row per line, whatever blank lines and line ends there are", () => {
    expect(decode('{"a":1}\n\n{"a":2}\r\n \t\n{"a":3}', { columns: [column("a", "integer")] })).toMatchObject({ rows: 3, lines: 4 })
    expect(decode('\n{"a":1}\n')).toMatchObject({ rows: 1, lines: 2 })
    expect(decode('{"a":1}\n{"a":2}\n')).toMatchObject({ rows: 2, lines: 2 })
    expect(decode("")).toMatchObject({ rows: 0, lines: 0, batches: [] })
  })

  it("gives null for a key that is missing, and takes keys in any order", () => {
    const columns = [column("a", "integer"), column("b", "string")]
    expect(rowsOf('{"b":"x","a":1}\n{"a":2}\n{"b":null}\n{}\n', { columns })).toEqual([
      { a: 1, b: "x" },
      { a: 2, b: null },
      { a: null, b: null },
      { a: null, b: null },
    ])
  })

  it("makes a column of a key that it does not know, for the whole text", () => {
    const { batches } = decode('{"a":1}\n{"a":2,"new":"x"}\n{"new":"y","other":[1]}\n', { columns: [column("a", "integer")] })
    expect(new Set(batches.map((batch) => JSON.stringify(batch.schema))).size).toBe(1)
    expect(batches[0]!.schema.columns).toEqual([
      column("a", "integer"),
      column("new", "string"),
      { name: "other", type: "json", nullable: true },
    ])
    expect(batches.flatMap((batch) => batch.toRows())).toEqual([
      { a: 1, new: null, other: null },
      { a: 2, new: "x", other: null },
      { a: null, new: "y", other: [1] },
    ])
  })

  it("starts every text from the columns that it was made with", () => {
    const decoder = makeNdjsonDecoder({ columns: [column("a", "integer")], batchSize: 10 })
    const first = decoder(Buffer.from('{"a":1,"b":2}\n'))
    const second = decoder(Buffer.from('{"a":1}\n'))
    expect(first.batches[0]!.schema.columns.map((one) => one.name)).toEqual(["a", "b"])
    expect(second.batches[0]!.schema.columns.map((one) => one.name)).toEqual(["a"])
  })

  it("takes a key spelled with escapes for the key that it is", () => {
    const columns = [column("name", "string")]
    expect(rowsOf('{"name":"x"}\n{"na\\u006de":"y"}\n', { columns })).toEqual([{ name: "x" }, { name: "y" }])
    expect(failure(() => rowsOf('{"name":"x"}\n{"name":1,"na\\u006de":2}\n', { columns }))).toMatchObject({
      code: "DUPLICATE_KEY",
      row: 1,
      line: 2,
      column: "name",
    })
    const text = decode('{"caf\\u00e9":1,"a\\"b":2,"__proto__":3}\n')
    expect(text.spellings).toEqual({ café: "caf\\u00e9" })
    expect(text.batches[0]!.schema.columns.map((one) => one.name)).toEqual(["café", 'a"b', "__proto__"])
    expect(rowsOf('{"caf\\u00e9":7}\n', { columns: [column("café", "integer")], spellings: text.spellings })).toEqual([{ café: 7 }])
    for (const name of ["__proto__", "constructor", "hasOwnProperty"]) {
      const row = rowsOf(`{"${name}":1}\n`, { columns: [column(name, "integer")], spellings: text.spellings })[0]!
      expect(Object.entries(row)).toEqual([[name, 1]])
    }
  })

  it("keeps numbers exact", () => {
    const text = '{"id":9007199254740993,"price":0.10,"rate":1e-7}\n'
    expect(typesOf(text)).toEqual({ id: "integer", price: "decimal", rate: "double" })
    expect(rowsOf(text)).toEqual([{ id: 9007199254740993n, price: new Decimal(10, 2), rate: 1e-7 }])
  })

  it("finds the smallest type for all values of a column", () => {
    expect(typesOf('{"v":1}\n{"v":2.5}\n')).toEqual({ v: "decimal" })
    expect(typesOf('{"v":1}\n{"v":"x"}\n')).toEqual({ v: "json" })
    expect(typesOf('{"v":true}\n{"v":1}\n')).toEqual({ v: "json" })
    expect(typesOf('{"v":null}\n{"v":false}\n')).toEqual({ v: "boolean" })
    expect(typesOf('{"v":null}\n')).toEqual({ v: "string" })
    expect(typesOf('{"v":{"k":1}}\n{"v":[]}\n')).toEqual({ v: "json" })
    expect(typesOf('{"v":"2024-01-01"}\n')).toEqual({ v: "string" })
    expect(typesOf('{"v":1}\n', { declared: { v: "double" } })).toEqual({ v: "double" })
  })

  it("puts declared columns that no row has behind the others", () => {
    expect(sampleColumns(decode('{"a":1}\n'), { b: "date", a: "integer" })).toEqual([
      column("a", "integer"),
      { name: "b", type: "date", nullable: true },
    ])
  })

  it("refuses what is no JSON, with line and character", () => {
    expect(failure(() => decode('{"a":1}\n{"é":1,}\n'))).toMatchObject({ code: "JSON_SYNTAX", row: 1, line: 2, character: 8 })
    expect(failure(() => decode('{"a":1}\n{"a":\n')).message).toContain("Found the end of the line")
    expect(failure(() => decode('{"a":01}\n'))).toMatchObject({ code: "JSON_SYNTAX", line: 1 })
    expect(failure(() => decode("{'a':1}\n"))).toMatchObject({ code: "JSON_SYNTAX" })
  })

  it("refuses rows that are no objects, keys that stand twice, and values that nest too deeply", () => {
    expect(failure(() => decode("[1]\n"))).toMatchObject({ code: "JSON_SHAPE", line: 1 })
    expect(failure(() => decode('{"a":1,"b":2,"a":3}\n'))).toMatchObject({ code: "DUPLICATE_KEY", column: "a" })
    expect(failure(() => decode(`{"a":${"[".repeat(70)}${"]".repeat(70)}}\n`))).toMatchObject({ code: "JSON_SHAPE" })
    expect(rowsOf(`{"a":${"[".repeat(60)}${"]".repeat(60)}}\n`)).toHaveLength(1)
  })

  it("refuses bytes that are no UTF-8", () => {
    expect(failure(() => decode(Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}\n')])))).toMatchObject({
      code: "WRONG_ENCODING",
      line: 1,
    })
  })

  it("refuses rows that use keys as data", () => {
    const row = JSON.stringify(Object.fromEntries(Array.from({ length: 4097 }, (_, i) => [`user ${i}`, 1])))
    expect(failure(() => decode(`${row}\n`))).toMatchObject({
      code: "JSON_SHAPE",
      message: expect.stringContaining("4096 different keys") as string,
    })
  })

  it("names itself for worker threads", () => {
    const reference = ndjsonDecoder({ columns: [column("a", "integer")], batchSize: 5 })
    expect(reference.name).toBe("makeNdjsonDecoder")
    expect(structuredClone(reference)).toEqual(reference)
  })

  it("gives the rows that JSON.parse gives", () => {
    const value = fc.oneof(fc.integer(), fc.boolean(), fc.constant(null), fc.string({ unit: "grapheme" }))
    const row = fc.dictionary(fc.oneof(fc.constantFrom("a", "b", "c", 'x"y', "é", "\\"), fc.string({ maxLength: 3 })), value, {
      maxKeys: 5,
      noNullPrototype: true,
    })
    fc.assert(
      fc.property(fc.array(row, { maxLength: 20 }), (rows) => {
        const names = [...new Set(rows.flatMap((one) => Object.keys(one)))]
        const found = rowsOf(rows.map((one) => `${JSON.stringify(one)}\n`).join(""))
        expect(found).toEqual(
          rows.map((one) => Object.fromEntries(names.map((name) => [name, Object.hasOwn(one, name) ? one[name] : null]))),
        )
      }),
    )
  })
})

describe("elements of an array", () => {
  const decoder = () => makeJsonArrayDecoder({ columns: [], batchSize: 5000 })

  it("come piece by piece", () => {
    const array = decoder()
    const start = array(Buffer.from('{"a":1},\n{"a":2'), { first: true, final: false })
    expect(start).toMatchObject({ rows: 1, consumed: 7, closed: false, lines: 0 })
    const end = array(Buffer.from(',\n{"a":2}] '), { first: false, final: true })
    expect(end).toMatchObject({ rows: 1, consumed: 10, closed: true, lines: 1 })
    expect(end.batches[0]!.toRows()).toEqual([{ a: 2 }])
  })

  it("may be none", () => {
    expect(decoder()(Buffer.from(" ]"), { first: true, final: true })).toMatchObject({ rows: 0, closed: true })
  })

  it("must be objects with commas between them, and an end", () => {
    expect(failure(() => decoder()(Buffer.from('{"a":1} {"a":2}]'), { first: true, final: true }))).toMatchObject({
      code: "JSON_SYNTAX",
      row: 1,
    })
    expect(failure(() => decoder()(Buffer.from("1]"), { first: true, final: true }))).toMatchObject({ code: "JSON_SHAPE" })
    expect(failure(() => decoder()(Buffer.from('{"a":1}'), { first: true, final: true }))).toMatchObject({ code: "JSON_SYNTAX" })
  })

  it("goes on behind a key that is new", () => {
    const text = decoder()(Buffer.from('{"a":1},{"b":2},{"a":3,"c":4}]'), { first: true, final: true })
    expect(text.batches.flatMap((batch) => batch.toRows())).toEqual([
      { a: 1, b: null, c: null },
      { a: null, b: 2, c: null },
      { a: 3, b: null, c: 4 },
    ])
  })
})
