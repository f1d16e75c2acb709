import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { ColumnSchema, ColumnType } from "../model/ColumnType.ts"
import type { Row } from "../model/Value.ts"
import { csvDecoder, type CsvDecoderOptions, makeCsvDecoder } from "./csvDecoder.ts"
import { copyText, NO_QUOTE } from "./csvDialect.ts"
import { checkHeader, readFirstRow } from "./csvHeader.ts"
import { DecodeError } from "./DecodeError.ts"
import { EscapedColumn, escapeText } from "./EscapedColumn.ts"
import { csvSplitter } from "./rowSplitter.ts"
import { TextColumn } from "./TextRows.ts"

const columnsOf = (names: string): ReadonlyArray<ColumnSchema> =>
  names.split(",").map((name) => {
    const [column = "", type = "string"] = name.split(":")
    return { name: column, type: type as ColumnType, nullable: true }
  })

const optionsOf = (names: string, options: Partial<CsvDecoderOptions> = {}): CsvDecoderOptions => ({
  delimiter: 44,
  quote: 34,
  nulls: [""],
  batchSize: 5000,
  lenient: false,
  ...options,
  columns: columnsOf(names),
})

const decode = (text: string | Uint8Array, names: string, options?: Partial<CsvDecoderOptions>) => {
  const { batches, rows, lines } = makeCsvDecoder(optionsOf(names, options))(Buffer.from(text))
  return { rows: batches.flatMap((batch) => batch.toRows()), count: rows, lines, batches }
}

const values = (text: string, names: string, options?: Partial<CsvDecoderOptions>) =>
  decode(text, names, options).rows.map((row) => Object.values(row))

const failure = (text: string | Uint8Array, names: string, options?: Partial<CsvDecoderOptions>): DecodeError => {
  try {
    decode(text, names, options)
  } catch (cause) {
    if (cause instanceof DecodeError) return cause
    throw cause
  }
  throw new Error("it was decoded")
}

describe("strict CSV", () => {
  it("reads quoted fields with delimiters, quotes and line ends in them", () => {
    expect(decode('1,"a, ""b""\nc"\n2,d\n', "id:integer,text")).toMatchObject({
      rows: [
        { id: 1, text: 'a, "b"\nc' },
        { id: 2, text: "d" },
      ],
      count: 2,
      lines: 3,
    })
  })

  it("tells an empty field, which is null, from a quoted one, which is an empty text", () => {
    expect(values(',""\n', "a,b")).toEqual([[null, ""]])
    expect(values(',""\n', "a,b", { nulls: [] })).toEqual([["", ""]])
    expect(values('NULL,"NULL"\n,NA\n', "a,b", { nulls: ["NULL", "NA"] })).toEqual([
      [null, "NULL"],
      ["", null],
    ])
  })

  it("takes the last row without a line end, with LF and with CRLF", () => {
    expect(values("1,2\n3,4", "a,b")).toEqual([
      ["1", "2"],
      ["3", "4"],
    ])
    expect(values("1,2\r\n3,4\r\n5,6", "a,b")).toEqual([
      ["1", "2"],
      ["3", "4"],
      ["5", "6"],
    ])
  })

  it("follows a change of line ends, and a file that mixes them throughout", () => {
    expect(values("1,2\n3,4\r\n5,6\r\n7,8\n", "a,b").map((row) => row[1])).toEqual(["2", "4", "6", "8"])
    const mixed = Array.from({ length: 400 }, (_, i) => `${i},"x\r\ny"${i % 2 === 0 ? "\r\n" : "\n"}`).join("")
    const { rows, lines } = decode(mixed, "a:integer,b")
    expect(rows).toEqual(Array.from({ length: 400 }, (_, a) => ({ a, b: "x\r\ny" })))
    expect(lines).toBe(800)
  })

  it("cuts rows into batches that share the bytes of the chunk", () => {
    const { batches } = decode("1\n2\n3\n4\n5\n", "a:integer", { batchSize: 2 })
    expect(batches.map((batch) => batch.toRows().map((row) => row["a"]))).toEqual([[1, 2], [3, 4], [5]])
    const buffers = new Set(batches.map((batch) => (batch.columns[0] as unknown as { rows: { buffer: Uint8Array } }).rows.buffer))
    expect(buffers.size).toBe(1)
  })

  it("takes other delimiters and quotes, and none", () => {
    expect(values("1;'a;b'\n", "a,b", { delimiter: 59, quote: 39 })).toEqual([["1", "a;b"]])
    expect(values('1\t"a"\n', "a,b", { delimiter: 9, quote: NO_QUOTE })).toEqual([["1", '"a"']])
  })

  it("reads an empty chunk, and names itself for worker threads", () => {
    expect(decode("", "a,b")).toMatchObject({ rows: [], count: 0, lines: 0 })
    const reference = csvDecoder(optionsOf("a"))
    expect(reference.name).toBe("makeCsvDecoder")
    expect(structuredClone(reference)).toEqual(reference)
  })

  it("refuses a row with too few or too many fields, and says in which line it begins", () => {
    const few = failure('1,2\n"x\ny",3\n4\n', "a,b")
    expect(few).toMatchObject({ code: "CSV_RAGGED_ROW", row: 2, line: 4 })
    expect(few.message).toBe("the row has 1 field, and 2 are expected. Give every row the same fields, or set `lenient: true`.")
    expect(failure("1,2,3\n", "a,b")).toMatchObject({
      code: "CSV_RAGGED_ROW",
      row: 0,
      line: 1,
      message: expect.stringContaining("3 fields") as string,
    })
  })

  it("says of an empty line that it is empty", () => {
    expect(failure("1,2\n\n", "a,b").message).toContain("the line is empty")
    expect(failure("1,2\r\n\r\n", "a,b").message).toContain("the line is empty")
    expect(values("1\n\n2\n", "a")).toEqual([["1"], [null], ["2"]])
  })

  it("refuses a quote where none may stand, with line, character and column", () => {
    expect(failure('1,2\n3,é 5" disk\n', "a,b")).toMatchObject({ code: "CSV_QUOTE", row: 1, line: 2, character: 6, column: "b" })
    expect(failure('"a"b,1\n', "a,b").message).toContain("text follows the closing quote")
    const open = failure('1,2\n3,"never\nclosed', "a,b")
    expect(open).toMatchObject({ code: "CSV_QUOTE", row: 1, line: 2, character: 3, column: "b" })
    expect(open.message).toContain("is not closed before the text ends")
  })

  it("refuses a carriage return inside an unquoted field", () => {
    expect(failure("1,a\rb\n", "a,b")).toMatchObject({ code: "CSV_LINE_END", line: 1, character: 4, column: "b" })
    expect(failure("1,a\n2,b\r", "a,b")).toMatchObject({ code: "CSV_LINE_END", line: 2 })
  })

  it("counts lines from the chunk's start also behind rows whose line ends were rewritten", () => {
    const mixed = Array.from({ length: 40 }, (_, i) => `${i},x${i % 2 === 0 ? "\r\n" : "\n"}`).join("")
    expect(failure(`${mixed}1,2,3\n`, "a,b")).toMatchObject({ row: 40, line: 41 })
  })

  it("refuses bytes that are no UTF-8, with line and byte", () => {
    const error = failure(Buffer.concat([Buffer.from("1,é\n2,caf"), Buffer.from([0xe9, 0x0a])]), "a,b")
    expect(error).toMatchObject({ code: "WRONG_ENCODING", line: 2 })
    expect(error.message).toContain("byte 6 of the line is no UTF-8 (E9 0A)")
  })
})

describe("lenient CSV", () => {
  const lenient = { lenient: true }

  it("fills up short rows with nulls and leaves surplus fields out", () => {
    expect(values("1,2\n3\n4,5,6\n", "a,b", lenient)).toEqual([
      ["1", "2"],
      ["3", null],
      ["4", "5"],
    ])
    expect(values("1,2\n3\n", "a,b", { lenient: true, nulls: ["NULL"] })).toEqual([
      ["1", "2"],
      ["3", null],
    ])
  })

  it("takes quotes inside fields as text", () => {
    expect(values('5" disk,x\n"a "b" c",y\n"un,closed\n', "a,b", lenient)).toEqual([
      ['5" disk', "x"],
      ['a "b" c', "y"],
      ['"un', "closed"],
    ])
    expect(values('5" disk,"he said ""no"""\n', "a,b", lenient)).toEqual([['5" disk', 'he said "no"']])
  })

  it("ends rows at a lone carriage return and passes over lines without text", () => {
    expect(values("1,2\r3,4\r\r\n5,6\n\n7,8", "a,b", lenient)).toEqual([
      ["1", "2"],
      ["3", "4"],
      ["5", "6"],
      ["7", "8"],
    ])
    expect(values("1\r\r2\n", "a", lenient)).toEqual([["1"], [null], ["2"]])
  })

  it("still tells null from the empty text", () => {
    expect(values('x\n,""\n', "a,b", lenient)).toEqual([
      ["x", null],
      [null, ""],
    ])
  })

  it("counts the lines of the text and not those of the strict form", () => {
    expect(decode("1\n\n\n2,3,4\n", "a,b", lenient).lines).toBe(4)
  })
})

describe("the first row", () => {
  const first = (text: string, options: { final?: boolean; lenient?: boolean } = {}) =>
    readFirstRow(Buffer.from(text), { delimiter: 44, quote: 34, nulls: [""], lenient: false, final: false, ...options })

  it("gives its fields, and how much of the text it takes", () => {
    expect(first('id,"full\nname"\n1,2\n')).toEqual({ fields: ["id", "full\nname"], length: 15, lines: 2 })
    expect(first("id,name\r\n")).toEqual({ fields: ["id", "name"], length: 9, lines: 1 })
    expect(first("id,name", { final: true })).toEqual({ fields: ["id", "name"], length: 7, lines: 0 })
    expect(first("a,b\rc,d\r", { lenient: true })).toMatchObject({ fields: ["a", "b"], length: 4 })
    expect(first('\n\n5" a,b\n', { lenient: true })).toMatchObject({ fields: ['5" a', "b"], length: 9, lines: 3 })
  })

  it("waits for its end", () => {
    expect(first("id,na")).toBeUndefined()
    expect(first('id,"na\n')).toBeUndefined()
    expect(first("a,b\r", { lenient: true })).toBeUndefined()
  })

  it("must name every column once", () => {
    expect(() => checkHeader(["a", "", "c"])).toThrow("column 2 has no name")
    expect(() => checkHeader(["a", "b", "a"])).toThrow('columns 1 and 3 are both named "a"')
    expect(() => checkHeader(["a", "A"])).not.toThrow()
  })
})

/** Fields that break things, and ordinary ones. */
const field = fc.oneof(
  fc.constantFrom("", '"', ",", "\n", "\r\n", "a", 'x"y', " ", "é", "𝄞", "NULL"),
  fc.string({ maxLength: 6, unit: "grapheme" }),
)

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`

const rowsOf = fc
  .integer({ min: 2, max: 4 })
  .chain((columns) => fc.array(fc.array(field, { minLength: columns, maxLength: columns }), { minLength: 1, maxLength: 30 }))

const asText = (rows: ReadonlyArray<ReadonlyArray<string>>, lineEnd: string): string =>
  rows.map((row) => row.map((text) => (/[",\r\n]/.test(text) || text === "" ? quoted(text) : text)).join(",") + lineEnd).join("")

const asRows = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<Row> =>
  rows.map((row) => Object.fromEntries(row.map((text, i) => [`c${i}`, text])))

const namesFor = (rows: ReadonlyArray<ReadonlyArray<string>>): string => rows[0]!.map((_, i) => `c${i}`).join(",")

describe("any rows", () => {
  it("come back as they were written", () => {
    fc.assert(
      fc.property(rowsOf, fc.constantFrom("\n", "\r\n"), (rows, lineEnd) => {
        expect(decode(asText(rows, lineEnd), namesFor(rows), { nulls: ["-"] }).rows).toEqual(asRows(rows).map((row) => nullsIn(row)))
      }),
    )
  })

  it("are the same to the lenient reader", () => {
    fc.assert(
      fc.property(rowsOf, fc.constantFrom("\n", "\r\n"), (rows, lineEnd) => {
        // A ragged row behind them sends the whole text through the careful way.
        const broken = `x\n${asText(rows, lineEnd)}`
        const [, ...found] = decode(broken, namesFor(rows), { lenient: true, nulls: ["-"] }).rows
        expect(found).toEqual(asRows(rows).map((row) => nullsIn(row)))
      }),
    )
  })

  it("are the same however the text is cut, strictly and leniently", () => {
    fc.assert(
      fc.property(rowsOf, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), fc.boolean(), (rows, sizes, lenient) => {
        const bytes = Buffer.from(asText(rows, "\n"))
        const found = cut(bytes, sizes, lenient).flatMap((chunk) => decode(chunk, namesFor(rows), { lenient, nulls: ["-"] }).rows)
        expect(found).toEqual(asRows(rows).map((row) => nullsIn(row)))
      }),
    )
  })
})

/** A field that is one dash is null here, so that no other text is. */
const nullsIn = (row: Row): Row => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value === "-" ? null : value]))

/** Chunks of whole rows from pieces of these sizes. */
const cut = (bytes: Buffer, sizes: ReadonlyArray<number>, lenient: boolean): ReadonlyArray<Buffer> => {
  const split = csvSplitter({ delimiter: 44, quote: 34 }, lenient)
  const chunks: Array<Buffer> = []
  let start = 0
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const to = Math.min(bytes.length, at + sizes[i % sizes.length]!)
    const boundary = split(bytes, at, to)
    if (boundary >= 0) {
      chunks.push(bytes.subarray(start, boundary))
      start = boundary
    }
    at = to
  }
  return [...chunks, bytes.subarray(start)]
}

describe("the text of COPY", () => {
  it("is read with its escapes and nulls", () => {
    const { rows } = decode("\\N\t\\\\N\n\t\\b\\f\\n\\r\\t\\v\\\\\n\u0001\\x\tN\n", "a,b", copyText)
    expect(rows).toEqual([
      { a: null, b: "\\N" },
      { a: "", b: "\b\f\n\r\t\v\\" },
      { a: "\u0001x", b: "N" },
    ])
  })

  it("stays text in the columns that have no escape", () => {
    const { batches } = decode("\\N\ta\t\\\\x00\n1\t\\N\t\\N\n", "a:integer,b,c:bytes", copyText)
    expect(batches[0]!.columns.map(({ constructor }) => constructor)).toEqual([TextColumn, TextColumn, EscapedColumn])
    expect(batches[0]!.toRows()).toEqual([
      { a: null, b: "a", c: new Uint8Array([0]) },
      { a: 1, b: null, c: null },
    ])
  })

  it("gives back any text, whatever the size of the batches", () => {
    const text = fc.option(fc.string({ unit: fc.constantFrom("\\", "\n", "\r", "\t", "N", "a", "é", "😀", ".") }))
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { minLength: 1 }), fc.integer({ min: 1, max: 5 }), (table, batchSize) => {
        const lines = table.map((row) => `${row.map((one) => (one === null ? "\\N" : escapeText(one))).join("\t")}\n`)
        const { rows } = decode(lines.join(""), "a,b", { ...copyText, batchSize })
        expect(rows).toEqual(table.map(([a, b]) => ({ a, b })))
      }),
    )
  })
})
