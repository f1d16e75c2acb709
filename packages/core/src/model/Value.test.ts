import { describe, expect, it } from "vitest"
import fc from "fast-check"
import type { ColumnType } from "./ColumnType.ts"
import { Decimal } from "./Decimal.ts"
import { Interval } from "./Interval.ts"
import { parseJson, stringifyJson } from "./Json.ts"
import { formatValue, fromRowValue, parseValue, quoteValue, toRowValue, typeOfRowValue, ValueError } from "./Value.ts"

describe("values", () => {
  it.each<[ColumnType, string, string]>([
    ["boolean", "T", "true"],
    ["boolean", "off", "false"],
    ["integer", "9223372036854775807", "9223372036854775807"],
    ["integer", "-9007199254740993", "-9007199254740993"],
    ["integer", "+07", "7"],
    ["double", "1e-7", "1e-7"],
    ["double", "NaN", "NaN"],
    ["double", "-Infinity", "-Infinity"],
    ["double", "-0", "-0"],
    ["decimal", "12345678901234567890.123456789", "12345678901234567890.123456789"],
    ["string", "", ""],
    ["bytes", "\\x00FF", "\\x00ff"],
    ["date", "2025-1-2", "2025-01-02"],
    ["time", "4:05", "04:05:00"],
    ["timestamp", "2025-01-31 04:05:06.000001", "2025-01-31T04:05:06.000001"],
    ["timestamptz", "2025-01-31T04:05:06+01", "2025-01-31T03:05:06Z"],
    ["interval", "1 year 2 mons -3 days +04:05:06.7", "1 year 2 mons -3 days +04:05:06.7"],
    ["uuid", "{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
    ["json", '{"a": 12345678901234567890}', '{"a": 12345678901234567890}'],
    ["integer[]", "[1,null,9007199254740993]", "[1,null,9007199254740993]"],
    ["decimal[]", '[1.50, "2.0", null, 3, 1e3, "NaN"]', '[1.50,2.0,null,3,1000,"NaN"]'],
    ["double[]", "[-0, 1.50]", "[-0,1.5]"],
  ])("reads %s from %s and writes %s", (type, text, expected) => {
    expect(formatValue(parseValue(text, type), type)).toBe(expected)
  })

  it.each<[ColumnType, string]>([
    ["boolean", "maybe"],
    ["integer", "9223372036854775808"],
    ["integer", "1.0"],
    ["integer", ""],
    ["double", "1,5"],
    ["decimal", "abc"],
    ["date", "2025-02-30"],
    ["uuid", "a0eebc99"],
    ["json", "{a: 1}"],
    ["bytes", "00ff"],
    ["interval", "soon"],
  ])("refuses to read %s from %j, and says both", (type, text) => {
    expect(() => parseValue(text, type)).toThrow(new ValueError(type, `${JSON.stringify(text)} is no ${type}`))
  })

  it("lets JavaScript's values in only where they belong", () => {
    expect(fromRowValue(1.5, "decimal")).toEqual(Decimal.parse("1.5"))
    expect(fromRowValue(new Date(0), "date")).toBe(0)
    expect(fromRowValue(new Date(1), "timestamptz")).toBe(1000)
    expect(fromRowValue(2n ** 62n, "integer")).toBe(2n ** 62n)
    expect(fromRowValue(undefined, "string")).toBeNull()
    expect(() => fromRowValue(1.5, "integer")).toThrow("1.5 is no integer")
    expect(() => fromRowValue(2n ** 63n, "integer")).toThrow("is no integer")
    expect(() => fromRowValue(1, "string")).toThrow("1 is no string")
    expect(() => fromRowValue(new Date(Number.NaN), "timestamp")).toThrow("is no timestamp")
  })

  it("gives dates and times to JavaScript as ISO text, and takes them back", () => {
    const value = parseValue("2025-01-31T04:05:06.789012Z", "timestamptz")
    expect(toRowValue(value, "timestamptz")).toBe("2025-01-31T04:05:06.789012Z")
    expect(fromRowValue(toRowValue(value, "timestamptz"), "timestamptz")).toBe(value)
  })

  it("knows the type of a JavaScript value", () => {
    const types = [
      true,
      1,
      2 ** 53,
      1.5,
      1n,
      "a",
      new Date(),
      new Decimal(1, 0),
      new Interval(1, 0, 0),
      new Uint8Array(),
      {},
      [],
      null,
    ].map(typeOfRowValue)
    expect(types).toEqual([
      "boolean",
      "integer",
      "double",
      "double",
      "integer",
      "string",
      "timestamptz",
      "decimal",
      "interval",
      "bytes",
      "json",
      "json",
      undefined,
    ])
  })

  it("shortens long values in messages", () => {
    expect(quoteValue("x".repeat(100))).toHaveLength(58)
    const cyclic: Record<string, unknown> = {}
    cyclic["self"] = cyclic
    expect(quoteValue(cyclic)).toBe("[object Object]")
  })
})

describe("JSON", () => {
  it("keeps numbers that a double would change", () => {
    const text = '{"id":9007199254740993,"price":0.1234567890123456789,"n":1.5,"list":[12345678901234567890]}'
    expect(stringifyJson(parseJson(text))).toBe(text)
    expect(parseJson(text)).toMatchObject({ id: 9007199254740993n, n: 1.5 })
  })

  it("writes what JSON.stringify writes, for plain values", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = stringifyJson(value)
        // JSON.stringify loses the sign of a zero.
        if (!text.includes("-0")) expect(text).toBe(JSON.stringify(value))
        expect(JSON.parse(text)).toEqual(value)
      }),
    )
  })

  it("indents exact values as JSON.stringify indents plain ones", () => {
    const exact = stringifyJson({ a: [1n, { b: [] }], c: {} }, 2)
    expect(exact).toBe(JSON.stringify({ a: [1, { b: [] }], c: {} }, null, 2))
  })
})
