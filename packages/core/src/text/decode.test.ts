import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { type ColumnType, scalarTypes } from "../model/ColumnType.ts"
import { parseValue, toRowValue, type Value, ValueError } from "../model/Value.ts"
import { decodeBytes, decodeCsvField, decodeJsonToken, decoderOf, decodeText, isoText } from "./decode.ts"
import { type CsvRows, JsonKind, type JsonRows } from "./textLayout.ts"

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

type Outcome = { readonly value: Value | null } | { readonly message: string }

const outcome = (run: () => Value | null): Outcome => {
  try {
    return { value: run() }
  } catch (error) {
    if (error instanceof ValueError) return { message: error.message }
    throw error
  }
}

/** The text in the middle of other bytes, as it stands in a file. */
const within = (text: string, decode: (buffer: Uint8Array, start: number, end: number) => Value): Outcome => {
  const bytes = utf8(`9-${text}7:`)
  return outcome(() => decode(bytes, 2, bytes.length - 2))
}

/** Text that is nearly a value: the spellings that the quick ways take, and their neighbours that they must leave alone. */
const nearlyValue = fc.oneof(
  fc.string({ unit: fc.constantFrom(...Array.from("0123456789.-+eE :TZtrufalsyn")), maxLength: 30 }),
  fc.integer().map(String),
  fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(String),
  fc.double().map(String),
  fc.tuple(fc.integer({ min: -99_999_999, max: 99_999_999 }), fc.nat({ max: 12 })).map(([whole, scale]) => `${whole}.${"0".repeat(scale)}`),
  fc.tuple(fc.nat({ max: 9999 }), fc.nat({ max: 14 }), fc.nat({ max: 33 })).map(([y, m, d]) => `${pad(y, 4)}-${pad(m, 2)}-${pad(d, 2)}`),
  fc
    .record({
      date: fc.date({ min: new Date("0000-01-01"), max: new Date("9999-12-31"), noInvalidDate: true }),
      tail: tails(),
      separator: fc.constantFrom("T", " ", "t", "_"),
    })
    .map(({ date, tail, separator }) => date.toISOString().slice(0, 19).replace("T", separator) + tail),
  fc
    .tuple(fc.nat({ max: 25 }), fc.nat({ max: 61 }), fc.nat({ max: 61 }))
    .map(([h, m, s]) => `2025-01-31T${pad(h, 2)}:${pad(m, 2)}:${pad(s, 2)}`),
  fc.constantFrom(
    "",
    "-",
    ".",
    "-.",
    "5.",
    ".5",
    "-0",
    "-0.0",
    "+7",
    "007",
    "1e3",
    "NaN",
    "infinity",
    "-Infinity",
    " 12 ",
    "t",
    "f",
    "TRUE",
    "0",
    "1",
    "yes",
  ),
)

function tails(): fc.Arbitrary<string> {
  const fraction = fc
    .nat({ max: 9 })
    .chain((length) => fc.string({ unit: fc.constantFrom(...Array.from("0123456789")), minLength: length, maxLength: length }))
  const zone = fc.constantFrom("", "Z", "z", "+02", "-07:30", "+15:59", "+16", "+0530", " UTC", "+2", "-03:61")
  return fc.tuple(fc.option(fraction), zone).map(([digits, offset]) => `${digits === null ? "" : `.${digits}`}${offset}`)
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, "0")
}

describe("decodeBytes", () => {
  test.each(["boolean", "integer", "double", "decimal", "date", "time", "timestamp", "timestamptz", "uuid", "json"] as const)(
    "reads %s from bytes as from text, errors included",
    (type) => {
      fc.assert(
        fc.property(nearlyValue, (text) => {
          const expected = outcome(() => parseValue(text, type))
          expect(within(text, (...at) => decodeBytes(...at, type))).toStrictEqual(expected)
          expect(within(text, decoderOf(type))).toStrictEqual(expected)
        }),
        { numRuns: 2000 },
      )
    },
  )

  test("keeps the sign of a zero that is a double", () => {
    expect(within("-0", decoderOf("double"))).toStrictEqual({ value: -0 })
    expect(within("-0.00", decoderOf("double"))).toStrictEqual({ value: -0 })
  })
})

describe("isoText", () => {
  test.each(["date", "timestamp", "timestamptz"] as const)("gives of a %s what rows show, or nothing", (type) => {
    fc.assert(
      fc.property(nearlyValue, (text) => {
        const bytes = utf8(`9-${text}7:`)
        const found = isoText(bytes, 2, bytes.length - 2, type)
        if (found === undefined) return
        expect(found).toBe(toRowValue(parseValue(text, type), type))
      }),
      { numRuns: 2000 },
    )
  })

  test.each([
    ["2025-01-31", "date"],
    ["2025-01-31T04:05:06", "timestamp"],
    ["2025-01-31T04:05:06.7", "timestamp"],
    ["0001-01-01T00:00:00Z", "timestamptz"],
    ["2025-01-31T04:05:06.123456Z", "timestamptz"],
  ] as const)("takes %s as it is", (text, type) => {
    expect(isoText(utf8(text), 0, text.length, type)).toBe(text)
  })

  test.each([
    ["2025-01-31 04:05:06", "timestamp", "2025-01-31T04:05:06"],
    ["2025-01-31 04:05:06.7", "timestamp", "2025-01-31T04:05:06.7"],
    ["2025-01-31 04:05:06Z", "timestamptz", "2025-01-31T04:05:06Z"],
    ["2025-01-31T04:05:06+00", "timestamptz", "2025-01-31T04:05:06Z"],
    ["2025-01-31 04:05:06.123456+00", "timestamptz", "2025-01-31T04:05:06.123456Z"],
    ["2025-01-31 04:05:06.120+00", "timestamptz", undefined],
    ["2025-01-31 04:05:06+02", "timestamptz", undefined],
    ["2025-01-31 04:05:06-00", "timestamptz", undefined],
    ["2025-02-29 04:05:06+00", "timestamptz", undefined],
  ] as const)("brings %s to the form of rows", (text, type, shown) => {
    expect(isoText(utf8(text), 0, text.length, type)).toBe(shown)
  })
})

describe("decodeText", () => {
  test("reads text of any length and script", () => {
    const text = fc.oneof(fc.string({ unit: "binary-ascii", maxLength: 40 }), fc.string({ unit: "grapheme", maxLength: 40 }))
    fc.assert(
      fc.property(text, (value) => {
        expect(within(value, decodeText)).toStrictEqual({ value })
      }),
      { numRuns: 2000 },
    )
  })

  test.each(Array.from({ length: 70 }, (_, length) => length))("reads %i characters", (length) => {
    const value = "abcdefghijklmnopqrstuvwxyz".repeat(3).slice(0, length)
    expect(within(value, decodeText)).toStrictEqual({ value })
    if (length > 0) expect(within(`${value.slice(1)}é`, decodeText)).toStrictEqual({ value: `${value.slice(1)}é` })
  })
})

const csvRow = (fields: ReadonlyArray<string>, nulls: ReadonlyArray<string>, crlf = false): CsvRows => {
  const offsets = [0]
  let text = ""
  fields.forEach((field, i) => {
    text += field + (i < fields.length - 1 ? "," : crlf ? "\r\n" : "\n")
    offsets.push(utf8(text).length)
  })
  const quotes = fields.some((field) => field.startsWith('"'))
  return {
    format: "csv",
    buffer: utf8(text),
    offsets: Uint32Array.from(offsets),
    columns: fields.length,
    crlf,
    quotes,
    delimiter: 44,
    quote: 34,
    nulls: nulls.map(utf8),
  }
}

describe("decodeCsvField", () => {
  test("takes an unquoted null text for null, and a quoted one for text", () => {
    const rows = csvRow(["", '""', "NULL", '"NULL"', "NULLS", "x"], ["", "NULL"], true)
    expect(rows.offsets.length - 1).toBe(6)
    expect([0, 1, 2, 3, 4, 5].map((field) => decodeCsvField(rows, 0, field, "string"))).toStrictEqual([
      null,
      "",
      null,
      "NULL",
      "NULLS",
      "x",
    ])
  })

  test("makes doubled quotes single, and reads types inside of quotes", () => {
    const rows = csvRow(['"a ""b"" c"', '"12"', '"2025-01-31"'], [])
    expect(decodeCsvField(rows, 0, 0, "string")).toBe('a "b" c')
    expect(decodeCsvField(rows, 0, 1, "integer")).toBe(12)
    expect(decodeCsvField(rows, 0, 2, "date")).toBe(20_119)
  })

  test("names the value that is none of the type", () => {
    const rows = csvRow(["twelve"], [])
    expect(outcome(() => decodeCsvField(rows, 0, 0, "integer"))).toStrictEqual({ message: '"twelve" is no integer' })
  })
})

const KINDS: Readonly<Record<string, number>> = {
  n: JsonKind.null,
  t: JsonKind.true,
  f: JsonKind.false,
  '"': JsonKind.string,
  "{": JsonKind.object,
  "[": JsonKind.array,
}

const jsonCell = (token: string): JsonRows => {
  const number = /^-?\d+$/.test(token) ? JsonKind.integer : JsonKind.number
  const kind = token.startsWith('"') && token.includes("\\") ? JsonKind.escapedString : (KINDS[token[0]!] ?? number)
  return {
    format: "json",
    buffer: utf8(`[${token}]`),
    spans: Uint32Array.from([1, 1 + utf8(token).length]),
    kinds: Uint8Array.from([kind]),
    columns: 1,
  }
}

describe("decodeJsonToken", () => {
  const read = (token: string, type: ColumnType): Outcome => outcome(() => decodeJsonToken(jsonCell(token), 0, 0, type))

  test.each([
    ["12", "integer", 12],
    ["9007199254740993", "integer", 9_007_199_254_740_993n],
    ["1e3", "integer", 1000],
    ["1.0", "integer", 1],
    ["2.5", "double", 2.5],
    ["7", "double", 7],
    ['"a\\nb"', "string", "a\nb"],
    ['"2025-01-31"', "date", 20_119],
    ["true", "boolean", true],
    ["null", "boolean", null],
    ['{"a":1}', "json", '{"a":1}'],
  ] as ReadonlyArray<[string, ColumnType, Value | null]>)("reads %s as %s", (token, type, value) => {
    expect(read(token, type)).toStrictEqual({ value })
  })

  test.each([
    ['"12"', "integer", '"12" is text, not integer'],
    ['"tr\\u0075e"', "boolean", '"true" is text, not boolean'],
    ["1.5", "integer", "1.5 is no integer"],
    ["true", "string", "true is no string"],
    ["[1]", "date", "[1] is no date"],
    ["12", "boolean", "12 is no boolean"],
  ] as ReadonlyArray<[string, ColumnType, string]>)("says that %s is no %s", (token, type, message) => {
    expect(read(token, type)).toStrictEqual({ message })
  })

  test("has a value, null or an error for every kind of token and type", () => {
    const tokens = ["null", "true", "false", "1", "1.5", '"x"', '"\\u0041"', "{}", "[]"]
    for (const token of tokens) for (const type of scalarTypes) expect(read(token, type)).toBeDefined()
    expect(read("null", "uuid")).toStrictEqual({ value: null })
  })
})
