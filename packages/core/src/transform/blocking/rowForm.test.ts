import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { batchOf, shapes, type Table } from "../../../test/steps/batches.ts"
import { Batch, ValuesColumn } from "../../model/Batch.ts"
import type { BatchSchema, ColumnType } from "../../model/ColumnType.ts"
import { Decimal } from "../../model/Decimal.ts"
import { Interval } from "../../model/Interval.ts"
import type { Value } from "../../model/Value.ts"
import { type CsvRows, TextColumn } from "../../text/TextRows.ts"
import { BatchBuilder } from "./batchBuilder.ts"
import { ByteWriter } from "./byteWriter.ts"
import { RowForm } from "./rowForm.ts"

/** The rows of all batches, kept and given back as one. */
const throughBytes = (batches: ReadonlyArray<Batch>): Batch => {
  const form = new RowForm(undefined)
  const builder = new BatchBuilder(form)
  for (const batch of batches) {
    const put = form.writer(batch)
    for (let row = 0; row < batch.rowCount; row++) {
      const out = new ByteWriter()
      put(out, row)
      builder.add(out.bytes, 0, out.length)
    }
  }
  return builder.build()
}

const VALUES: Readonly<Record<string, ReadonlyArray<Value>>> = {
  boolean: [true, false],
  integer: [0, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 2 ** 53 - 1, 2n ** 63n - 1n, -(2n ** 63n)],
  double: [0, -0, 1.5, NaN, Infinity, -Infinity, 5e-324, 1.7976931348623157e308],
  decimal: ["0", "0.000", "-1.50", "1e40", "123456789012345678901234567890.123", "NaN", "-Infinity"].map((text) => Decimal.parse(text)!),
  string: ["", "a", "Zoë 👋", "line\nbreak", 'quote "x"', "\u0000", "x".repeat(1000)],
  bytes: [new Uint8Array(), Uint8Array.of(0, 255, 128)],
  uuid: ["00000000-0000-0000-0000-000000000000"],
  date: [0, -719_162, 2_932_896, Infinity, -Infinity],
  time: [0, 86_399_999_999],
  timestamp: [0, 1, -1, 253_402_300_799_999_999n, Infinity],
  timestamptz: [1_700_000_000_123_456, -Infinity],
  interval: [new Interval(0, 0, 0), new Interval(-14, 40, -10_000_001)],
  json: ['{"a": [1, 2.50, "x"], "b": null}', "null", '"text"', "12345678901234567890.5", " [ ] "],
  "integer[]": [[], [1, null, 2n ** 60n]],
  "string[]": [["", null, "a,b"], [null]],
  "decimal[]": [[Decimal.parse("1.50")!, Decimal.parse("1.5")!]],
}

const schemaOf = (types: ReadonlyArray<string>): BatchSchema => ({
  columns: types.map((type, i) => ({ name: `c${i}`, type: type as ColumnType, nullable: true })),
})

describe("rows that are kept as bytes", () => {
  it.each(shapes)("come back as the very same values from %s", (shape) => {
    // Text formats have no NUL in them, and JSON keeps its own spelling only where it is text.
    const inShape = (value: Value) => shape === "values" || value !== "\u0000"
    for (const [type, values] of Object.entries(VALUES)) {
      const table: Table = [...values.filter(inShape), null].map((value) => [value, null])
      const batch = batchOf(schemaOf([type, type]), table, shape)
      const back = throughBytes([batch])
      expect(back.schema).toEqual(batch.schema)
      expect(back.columns.map((column) => table.map((_, row) => column.value(row)))).toEqual(
        batch.columns.map((column) => table.map((_, row) => column.value(row))),
      )
      expect(back.columns.map((column) => table.map((_, row) => column.isNull(row)))).toEqual(
        batch.columns.map((column) => table.map((_, row) => column.isNull(row))),
      )
    }
  })

  it("keep halves of surrogate pairs, which UTF-8 cannot hold", () => {
    const texts = ["\ud800", "a\udc00b", "\ud83d\ude00\ud83d"]
    const batch = new Batch({ schema: schemaOf(["string"]), columns: [new ValuesColumn("string", texts)], rowCount: 3, byteSize: 0 })
    expect(texts.map((_, row) => throughBytes([batch]).columns[0]!.value(row))).toEqual(texts)
  })

  it("keep text that is none of its column's type, and say so only to who reads it", () => {
    const texts = batchOf(schemaOf(["string"]), [["12"], ["x"]], "csv")
    const batch = new Batch({
      schema: schemaOf(["integer"]),
      columns: texts.columns.map((column) =>
        Object.assign(Object.create(Object.getPrototypeOf(column) as object), column, { type: "integer" }),
      ),
      rowCount: 2,
      byteSize: 0,
    })
    const [column] = throughBytes([batch]).columns
    expect(column!.value(0)).toBe(12)
    expect(() => column!.value(1)).toThrow("is no integer")
  })

  it("meet in wider types, with nulls where a column was not there yet", () => {
    const first = batchOf({ columns: [{ name: "a", type: "integer", nullable: false }] }, [[1], [2]], "csv")
    const second = batchOf(
      {
        columns: [
          { name: "b", type: "string", nullable: false },
          { name: "a", type: "decimal", nullable: false },
        ],
      },
      [["x", Decimal.parse("1.50")!]],
      "values",
    )
    const back = throughBytes([first, second])
    expect(back.schema.columns).toEqual([
      { name: "a", type: "decimal", nullable: false },
      { name: "b", type: "string", nullable: true },
    ])
    expect([0, 1, 2].map((row) => back.columns.map((column) => column.value(row)))).toEqual([
      [Decimal.parse("1"), null],
      [Decimal.parse("2"), null],
      [Decimal.parse("1.50"), "x"],
    ])
  })

  it("of types that cannot meet are an error that names the column", () => {
    const [first, second] = (["boolean", "date"] as const).map((type) => batchOf(schemaOf([type]), [[null]], "values"))
    expect(() => throughBytes([first!, second!])).toThrow("the column c0 was boolean and is now date")
  })

  it("come from several batches, each in a form of its own, in their order", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...shapes), { minLength: 1, maxLength: 5 }), (forms) => {
        const schema = schemaOf(["integer", "string", "timestamp"])
        const tables = forms.map((_, i): Table => [
          [i, `text ${i}`, 1_700_000_000_000_000 + i],
          [null, "", null],
        ])
        const back = throughBytes(forms.map((form, i) => batchOf(schema, tables[i]!, form)))
        const rows = Array.from({ length: back.rowCount }, (_, row) => back.columns.map((column) => column.value(row)))
        expect(rows).toEqual(tables.flat())
      }),
      { numRuns: 50 },
    )
  })

  it("come from some columns of a text, in any order, in any dialect, also beside values and rows without columns", () => {
    const schema = schemaOf(["string", "integer", "string", "string"])
    const table: Table = [
      ["a,b", 1, "", null],
      ['say "x"', null, "line\nbreak", "z"],
      ["x".repeat(200), -5, "y".repeat(20_000), "NULL"],
    ]
    const texts = [batchOf(schema, table, "csv"), batchOf(schema, table, "csvCrlf"), otherDialect]
    const parts = fc.record({
      text: fc.constantFrom(...texts),
      chosen: fc.array(fc.nat(3), { minLength: 1, maxLength: 5 }),
      values: fc.boolean(),
      isNull: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(parts, { minLength: 1, maxLength: 3 }), fc.boolean(), (all, isSame) => {
        const batches = all.map((part) => {
          if (part.isNull) return new Batch({ schema: schemaOf([]), columns: [], rowCount: 1, byteSize: 0 })
          const { text, chosen, values } = isSame ? { ...all[0]!, text: part.text } : part
          const columns = chosen.map((i) => text.columns[i]!)
          if (values) columns.push(new ValuesColumn("string", ["v", null, "w"]))
          const types = columns.map((column) => column.type)
          const named = schemaOf(types).columns.map((column) => ({ ...column, name: `${column.name}${column.type}` }))
          return new Batch({ schema: { columns: named }, columns, rowCount: table.length, byteSize: 0 })
        })
        const back = throughBytes(batches)
        const expected = batches.flatMap((batch) =>
          Array.from({ length: batch.rowCount }, (_, row) =>
            back.schema.columns.map(
              ({ name }) => batch.columns[batch.schema.columns.findIndex((column) => column.name === name)]?.value(row) ?? null,
            ),
          ),
        )
        expect(Array.from({ length: back.rowCount }, (_, row) => back.columns.map((column) => column.value(row)))).toEqual(expected)
      }),
      { numRuns: 500 },
    )
  })

  it("use the memory of a batch again once it is released, and never before", () => {
    const form = new RowForm(undefined)
    const builder = new BatchBuilder(form)
    const next = (text: string): Batch => {
      const out = new ByteWriter()
      form.writer(batchOf(schemaOf(["string"]), [[text]], "csv"))(out, 0)
      builder.add(out.bytes, 0, out.length)
      return builder.build()
    }
    const [first, second] = [next("one"), next("two")]
    expect([first, second].map((batch) => batch.columns[0]!.value(0))).toEqual(["one", "two"])
    first.release()
    first.release()
    const [third, fourth] = [next("three"), next("four")]
    expect([second, third, fourth].map((batch) => batch.columns[0]!.value(0))).toEqual(["two", "three", "four"])
  })
})

/** Fields with another delimiter and quote, of which two texts are null. */
const otherDialect = ((): Batch => {
  const lines = ["a,b;1;'';NULL\n", "'say \"x\"';;'line\nbreak';z\n", "'it''s';-5;;'NULL'\n"]
  const buffer = Buffer.from(lines.join(""))
  const ends = Array.from(buffer.toString("latin1").matchAll(/'(?:[^']|'')*'|(?<end>[;\n])/g)).filter((match) => match.groups!.end)
  const rows: CsvRows = {
    format: "csv",
    buffer,
    offsets: Uint32Array.from([0, ...ends.map((match) => match.index + 1)]),
    columns: 4,
    crlf: false,
    quotes: true,
    delimiter: 59,
    quote: 39,
    nulls: [Buffer.from("NULL"), new Uint8Array()],
  }
  const schema = schemaOf(["string", "integer", "string", "string"])
  const columns = schema.columns.map(({ name, type }, field) => new TextColumn(rows, field, name, type))
  return new Batch({ schema, columns, rowCount: 3, byteSize: 0 })
})()
