import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Batch, ValuesColumn } from "../model/Batch.ts"
import type { BatchSchema, ColumnSchema, ColumnType } from "../model/ColumnType.ts"
import { Decimal } from "../model/Decimal.ts"
import { Interval } from "../model/Interval.ts"
import type { Row } from "../model/Value.ts"
import { makeCsvDecoder } from "./csvDecoder.ts"
import { type CsvDialect, NO_QUOTE } from "./csvDialect.ts"
import { encodeCsvHeader, makeCsvEncoder } from "./encodeCsv.ts"
import { EncodeError } from "./EncodeError.ts"
import { makeJsonEncoder } from "./encodeJson.ts"
import { makeNdjsonDecoder } from "./jsonDecoder.ts"

const schemaOf = (columns: Readonly<Record<string, ColumnType>>): BatchSchema => ({
  columns: Object.entries(columns).map(([name, type]): ColumnSchema => ({ name, type, nullable: true })),
})

const strict: CsvDialect = { delimiter: 44, quote: 34, nulls: [""] }

const fromCsv = (text: string, columns: Readonly<Record<string, ColumnType>>, dialect = strict): Batch =>
  makeCsvDecoder({ ...dialect, columns: schemaOf(columns).columns, batchSize: 5000, lenient: false })(Buffer.from(text)).batches[0]!

const fromNdjson = (text: string, columns: Readonly<Record<string, ColumnType>>): Batch =>
  makeNdjsonDecoder({ columns: schemaOf(columns).columns, batchSize: 5000 })(Buffer.from(text)).batches[0]!

const json = (batch: Batch, layout: "lines" | "array" | "pretty" = "lines"): string =>
  Buffer.from(makeJsonEncoder({ layout })(batch)).toString()

const csv = (batch: Batch, dialect: CsvDialect = strict, columns = batch.schema.columns.map((column) => column.name)): string =>
  Buffer.from(makeCsvEncoder({ ...dialect, columns })(batch)).toString()

/** The same batch with every value decoded, as if a step had computed all of them. */
const decoded = (batch: Batch): Batch =>
  batch.withColumns(
    batch.schema,
    batch.columns.map(
      (column) =>
        new ValuesColumn(
          column.type,
          Array.from({ length: batch.rowCount }, (_, row) => column.value(row)),
        ),
    ),
  )

const failure = (run: () => unknown): EncodeError => {
  try {
    run()
  } catch (cause) {
    if (cause instanceof EncodeError) return cause
    throw cause
  }
  throw new Error("it was encoded")
}

describe("untouched CSV as JSON", () => {
  it("keeps numbers digit by digit", () => {
    const batch = fromCsv("12345678901234567890.10,9223372036854775807,1.50,0.10\n", {
      a: "decimal",
      b: "integer",
      c: "double",
      d: "decimal",
    })
    expect(json(batch)).toBe('{"a":12345678901234567890.10,"b":9223372036854775807,"c":1.50,"d":0.10}\n')
  })

  it("writes numbers that JSON spells otherwise as the values that they are", () => {
    const batch = fromCsv("007,+5,.5,-0,1e3,NaN\n", { a: "integer", b: "integer", c: "decimal", d: "integer", e: "double", f: "double" })
    expect(json(batch)).toBe('{"a":7,"b":5,"c":0.5,"d":0,"e":1000,"f":"NaN"}\n')
  })

  it("escapes text as JSON does, quoted or not", () => {
    const batch = fromCsv('a\\b\tc,"say ""hi""\r\n\u0001\\"\né𝄞,x"\n'.replace('x"\n', '"x"\n'), { a: "string", b: "string" })
    expect(
      json(batch)
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { a: "a\\b\tc", b: 'say "hi"\r\n\u0001\\' },
      { a: "é𝄞", b: "x" },
    ])
  })

  it("escapes characters wherever they stand in a word of four", () => {
    for (let length = 0; length < 10; length++) {
      for (let at = 0; at < length; at++) {
        for (const sign of ["\\", "\t", "\u001f", "\u0080", "\u007f"]) {
          const text = "abcdefghij".slice(0, at) + sign + "abcdefghij".slice(at + 1, length)
          // Behind the field stands more text, and once nothing.
          expect(JSON.parse(json(fromCsv(`${text},${text}\n`, { a: "string", b: "string" })))).toEqual({ a: text, b: text })
          expect(JSON.parse(json(fromCsv(`x,${text}`, { a: "string", b: "string" })))).toEqual({ a: "x", b: text })
        }
      }
    }
  })

  it("tells nulls from empty text", () => {
    expect(json(fromCsv(',"",\n', { a: "string", b: "string", c: "integer" }))).toBe('{"a":null,"b":"","c":null}\n')
    const dialect = { ...strict, nulls: ["NULL", "NA"] }
    expect(json(fromCsv('NULL,"NULL",NA\n,x,1\n'.replace(",x", "y,x"), { a: "string", b: "string", c: "integer" }, dialect))).toBe(
      '{"a":null,"b":"NULL","c":null}\n{"a":"y","b":"x","c":1}\n',
    )
  })

  it("keeps dates and times as they are spelled where the spelling is ISO 8601", () => {
    const batch = fromCsv(
      "2024-02-29,23:59:59.5,2024-01-02 03:04:05,2024-01-02T03:04:05.25+02:00,0f8fad5b-d9cb-469f-a165-70867728950e,true\n",
      {
        a: "date",
        b: "time",
        c: "timestamp",
        d: "timestamptz",
        e: "uuid",
        f: "boolean",
      },
    )
    expect(json(batch)).toBe(
      '{"a":"2024-02-29","b":"23:59:59.5","c":"2024-01-02 03:04:05","d":"2024-01-02T03:04:05.25+02:00","e":"0f8fad5b-d9cb-469f-a165-70867728950e","f":true}\n',
    )
  })

  it("writes other spellings of dates and words as the values that they are", () => {
    const batch = fromCsv("2024-1-5,2024-01-02 03:04,2024-01-02T03:04:05,T,0F8FAD5B-D9CB-469F-A165-70867728950E\n", {
      a: "date",
      b: "timestamp",
      c: "timestamptz",
      d: "boolean",
      e: "uuid",
    })
    expect(json(batch)).toBe(
      '{"a":"2024-01-05","b":"2024-01-02T03:04:00","c":"2024-01-02T03:04:05Z","d":true,"e":"0f8fad5b-d9cb-469f-a165-70867728950e"}\n',
    )
  })

  it.each([
    ["integer", ["1.5", "x", "12x", "9223372036854775808", "-", "1-2"]],
    ["decimal", ["1.2.3", "--1", "abc"]],
    ["double", ["1,5", "e5"]],
    ["boolean", ["maybe", "truf"]],
    ["date", ["2023-02-29", "2024-13-01", "2024-00-10", "0000-01-01", "2024-01-3x"]],
    ["time", ["24:00:01", "12:60:00"]],
    ["timestamp", ["2024-02-30T00:00:00", "2024-01-01T25:00:00"]],
    ["timestamptz", ["2024-01-01T00:00:00+20:00"]],
    ["uuid", ["0f8fad5b-d9cb-469f-a165-7086772895zz"]],
  ] as const)("refuses text that is no %s, with row and column", (type, texts) => {
    for (const text of texts) {
      const good = {
        integer: "1",
        decimal: "1",
        double: "1",
        boolean: "true",
        date: "2024-01-01",
        time: "01:02:03",
        timestamp: "2024-01-01",
        timestamptz: "2024-01-01",
        uuid: "0f8fad5b-d9cb-469f-a165-70867728950e",
      }[type]
      const batch = fromCsv(`x,${good}\ny,"${text}"\nz,${good}\n`, { id: "string", value: type })
      expect(failure(() => json(batch))).toMatchObject({
        code: "VALUE_TYPE",
        row: 1,
        column: "value",
        message: expect.stringContaining(text) as string,
      })
      expect(failure(() => csv(batch))).toMatchObject({ code: "VALUE_TYPE", row: 1, column: "value" })
    }
  })

  it("writes only the rows that are still in", () => {
    const batch = fromCsv("1\n2\n3\n4\n", { a: "integer" }).withSelection(Int32Array.of(1, 3))
    expect(json(batch)).toBe('{"a":2}\n{"a":4}\n')
    expect(csv(batch)).toBe("2\n4\n")
  })

  it("reads CRLF rows, a last row without line end, and a column that is used twice", () => {
    const batch = fromCsv("1,ab\r\n2,cd", { a: "integer", b: "string" })
    const twice = batch.withColumns(schemaOf({ a: "integer", b: "string", c: "string" }), [
      batch.columns[0]!,
      batch.columns[1]!,
      batch.columns[1]!,
    ])
    expect(json(twice)).toBe('{"a":1,"b":"ab","c":"ab"}\n{"a":2,"b":"cd","c":"cd"}\n')
  })

  it("writes a large field, and small ones behind it", () => {
    const large = `"${'x""\n'.repeat(300_000)}"`
    const batch = fromCsv(`${large},1\nsmall,2\n`, { a: "string", b: "integer" })
    const lines = json(batch)
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Row)
    expect(lines[0]!["a"]).toBe('x"\n'.repeat(300_000))
    expect(lines[1]).toEqual({ a: "small", b: 2 })
  })
})

describe("JSON layouts", () => {
  const rows = [
    { a: 1, 'k"ey': "x\ny", nested: { list: [1, [], {}], text: "a{b:,}" } },
    { a: null, 'k"ey': "", nested: null },
  ]
  const batch = fromNdjson(rows.map((row) => JSON.stringify(row)).join("\n"), { a: "integer", 'k"ey': "string", nested: "json" })

  it("are those of JSON.stringify", () => {
    expect(json(batch)).toBe(rows.map((row) => `${JSON.stringify(row)}\n`).join(""))
    expect(`[${json(batch, "pretty").slice(1)}\n]`).toBe(JSON.stringify(rows, null, 2))
    expect(JSON.parse(`[${json(batch, "array").slice(1)}]`)).toEqual(rows)
  })

  it("are the same where every value was computed", () => {
    for (const layout of ["lines", "array", "pretty"] as const) expect(json(decoded(batch), layout)).toBe(json(batch, layout))
  })

  it("bring nested values of several lines to one", () => {
    const text = fromCsv('"{ ""a"" :\n [1,\r\n  2] }"\n', { value: "json" })
    expect(json(text)).toBe('{"value":{"a":[1,2]}}\n')
    expect(json(text, "pretty")).toBe(',\n  {\n    "value": {\n      "a": [\n        1,\n        2\n      ]\n    }\n  }')
  })

  it("know objects without keys", () => {
    const none = new Batch({ schema: { columns: [] }, columns: [], rowCount: 2, byteSize: 0 })
    expect(json(none)).toBe("{}\n{}\n")
    expect(`[${json(none, "pretty").slice(1)}\n]`).toBe(JSON.stringify([{}, {}], null, 2))
  })
})

describe("untouched JSON", () => {
  it("keeps tokens as they are spelled", () => {
    const batch = fromNdjson('{"a":12345678901234567890.10,"b":"\\u00e9\\/","c":true,"d":{"x": 1.0}}\n', {
      a: "decimal",
      b: "string",
      c: "boolean",
      d: "json",
    })
    expect(json(batch)).toBe('{"a":12345678901234567890.10,"b":"\\u00e9\\/","c":true,"d":{"x": 1.0}}\n')
  })

  it("refuses a value of another type, with row and column", () => {
    for (const [type, value] of [
      ["integer", '"5"'],
      ["integer", "1.5"],
      ["string", "5"],
      ["boolean", "1"],
      ["date", '"soon"'],
      ["decimal", "true"],
    ] as const) {
      const batch = fromNdjson(`{"v":null}\n{"v":${value}}\n`, { v: type })
      expect(failure(() => json(batch))).toMatchObject({ code: "VALUE_TYPE", row: 1, column: "v" })
      expect(failure(() => csv(batch))).toMatchObject({ code: "VALUE_TYPE", row: 1, column: "v" })
    }
  })

  it("becomes CSV with quotes where they are needed", () => {
    const batch = fromNdjson('{"a":"x,y","b":"say \\"hi\\"\\n","c":{"k":"v"},"d":1.50,"e":""}\n{"a":null,"d":-1,"e":"plain"}\n', {
      a: "string",
      b: "string",
      c: "json",
      d: "decimal",
      e: "string",
    })
    expect(csv(batch)).toBe('"x,y","say ""hi""\n","{""k"":""v""}",1.50,""\n,,,-1,plain\n')
  })
})

describe("CSV", () => {
  it("has a header with quotes where they are needed", () => {
    expect(Buffer.from(encodeCsvHeader({ ...strict, columns: ["id", "a,b", ""] })).toString()).toBe('id,"a,b",\n')
  })

  it("copies rows of its own dialect as they stand", () => {
    const text = '1,"a,""b""","x",\n2,plain,"",3.50\n'
    expect(csv(fromCsv(text, { a: "integer", b: "string", c: "string", d: "decimal" }))).toBe(text)
  })

  it("writes in the order of its columns, with nulls for those that a batch lacks", () => {
    expect(csv(fromCsv("1,2\n", { a: "integer", b: "integer" }), strict, ["b", "none", "a"])).toBe("2,,1\n")
  })

  it("goes from one dialect to another", () => {
    const batch = fromCsv(
      'a;b,NULL,"NULL",,"x ""y"""\n',
      { a: "string", b: "string", c: "string", d: "string", e: "string" },
      { ...strict, nulls: ["NULL"] },
    )
    expect(csv(batch, { delimiter: 59, quote: 39, nulls: ["-"] })).toBe(`'a;b';-;NULL;;x "y"\n`)
    expect(csv(batch, strict)).toBe('a;b,,"NULL","","x ""y"""\n')
    expect(csv(batch, { ...strict, nulls: ["NULL"] })).toBe('a;b,NULL,"NULL",,"x ""y"""\n')
  })

  it("cannot write everything without quotes, and a null without a text for it", () => {
    const batch = fromCsv('ok\n"a,b"\n', { a: "string" })
    expect(failure(() => csv(batch, { ...strict, quote: NO_QUOTE }))).toMatchObject({ code: "VALUE_NOT_SUPPORTED", row: 1, column: "a" })
    expect(failure(() => csv(fromCsv("1\n\n", { a: "integer" }), { ...strict, nulls: [] }))).toMatchObject({
      code: "VALUE_NOT_SUPPORTED",
      row: 1,
    })
  })

  it("cannot write half of a surrogate pair", () => {
    const batch = Batch.fromRows([{ a: "x" }, { a: "\ud800" }])
    expect(failure(() => csv(batch))).toMatchObject({ code: "VALUE_NOT_SUPPORTED", row: 1, column: "a" })
    expect(json(batch)).toBe('{"a":"x"}\n{"a":"\\ud800"}\n')
  })
})

const anyText = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 90 }),
  fc.string({ unit: "binary", maxLength: 12 }).filter((text) => text.isWellFormed()),
  fc.constantFrom("", '"', "\n", "\\", ",", "\u0000"),
)

const anyValue: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  boolean: fc.boolean(),
  integer: fc.oneof(
    fc.integer(),
    fc.maxSafeInteger(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).filter((value) => value > 2n ** 53n || value < -(2n ** 53n)),
  ),
  double: fc.oneof(fc.double({ noNaN: false }), fc.constantFrom(-0, 1e300, 5e-324)),
  decimal: fc
    .tuple(fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }), fc.nat(12))
    .map(([coefficient, scale]) => Decimal.parse(new Decimal(coefficient, scale).toString())!),
  string: anyText,
  bytes: fc.uint8Array({ maxLength: 8 }),
  date: fc.integer({ min: -30000, max: 60000 }).map((day) => new Date(day * 86_400_000).toISOString().slice(0, 10)),
  time: fc.constantFrom("00:00:00", "23:59:59.999999", "12:30:00.5"),
  timestamp: fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }).map((date) => date.toISOString().slice(0, 19)),
  timestamptz: fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }).map((date) => `${date.toISOString().slice(0, 19)}Z`),
  interval: fc
    .tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: -50, max: 50 }), fc.integer({ min: -1e9, max: 1e9 }))
    .map(([m, d, u]) => new Interval(m, d, u)),
  uuid: fc.uuid(),
  json: fc.jsonValue({ maxDepth: 2 }).filter((value) => value !== null),
  "integer[]": fc.array(fc.option(fc.integer()), { maxLength: 3 }),
  "string[]": fc.array(anyText, { maxLength: 3 }),
}

const types = Object.fromEntries(Object.keys(anyValue).map((type) => [type, type])) as Readonly<Record<string, ColumnType>>

const anyRows = fc.array(
  fc.record(Object.fromEntries(Object.entries(anyValue).map(([type, value]) => [type, fc.option(value, { freq: 6 })]))),
  { minLength: 1, maxLength: 8 },
)

/** `-0` in an exact type is zero, and JSON's own minus zero too. */
const plain = (rows: ReadonlyArray<Row>): unknown =>
  JSON.parse(JSON.stringify(rows, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value)))

describe("any rows of any types", () => {
  const schema = schemaOf(types)

  it("come back from NDJSON, and again when nothing touched them", () => {
    fc.assert(
      fc.property(anyRows, (rows) => {
        const batch = Batch.fromRows(rows, schema)
        const text = json(batch)
        const back = fromNdjson(text, types)
        expect(plain(back.toRows())).toEqual(plain(batch.toRows()))
        expect(plain(fromNdjson(json(back), types).toRows())).toEqual(plain(batch.toRows()))
        expect(plain(fromNdjson(json(decoded(back)), types).toRows())).toEqual(plain(batch.toRows()))
      }),
    )
  })

  it("come back from CSV, and again when nothing touched them", () => {
    const dialects: ReadonlyArray<CsvDialect> = [strict, { delimiter: 59, quote: 39, nulls: ["NULL", "1"] }]
    fc.assert(
      fc.property(anyRows, fc.constantFrom(...dialects), fc.constantFrom(...dialects), (rows, first, second) => {
        const batch = Batch.fromRows(rows, schema)
        const back = fromCsv(csv(batch, first), types, first)
        expect(plain(back.toRows())).toEqual(plain(batch.toRows()))
        expect(plain(fromCsv(csv(back, second), types, second).toRows())).toEqual(plain(batch.toRows()))
      }),
    )
  })

  it("go from CSV to JSON and back", () => {
    fc.assert(
      fc.property(anyRows, (rows) => {
        const batch = Batch.fromRows(rows, schema)
        const viaJson = fromNdjson(json(fromCsv(csv(batch), types)), types)
        expect(plain(viaJson.toRows())).toEqual(plain(batch.toRows()))
        expect(plain(fromCsv(csv(viaJson), types).toRows())).toEqual(plain(batch.toRows()))
      }),
    )
  })

  it("are laid out in pretty JSON as JSON.stringify does it", () => {
    // JSON.stringify has no minus zero, which we keep.
    const written = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as typeof value)
    fc.assert(
      fc.property(fc.array(fc.record({ a: written, b: anyText, c: fc.integer() }), { minLength: 1, maxLength: 4 }), (rows) => {
        const batch = Batch.fromRows(rows, schemaOf({ a: "json", b: "string", c: "integer" }))
        expect(JSON.parse(`[${json(batch, "pretty").slice(1)}\n]`)).toEqual(JSON.parse(JSON.stringify(rows)))
        expect(`[${json(batch, "pretty").slice(1)}\n]`).toBe(JSON.stringify(JSON.parse(`[${json(batch, "array").slice(1)}]`), null, 2))
      }),
    )
  })
})
