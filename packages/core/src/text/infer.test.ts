import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Decimal } from "../model/Decimal.ts"
import { formatValue, parseValue } from "../model/Value.ts"
import { TypeGuess } from "./infer.ts"

const typeOf = (...texts: ReadonlyArray<string>) => {
  const guess = new TypeGuess()
  for (const text of texts) guess.addText(text)
  return guess.type
}

describe("the type of texts", () => {
  it.each([
    ["boolean", ["true", "False"]],
    ["integer", ["0", "-12", "9223372036854775807", "-9223372036854775808"]],
    ["decimal", ["1", "1.50", "-0.5", ".5"]],
    ["decimal", ["9223372036854775808"]],
    ["double", ["1e5", "2", "0.25"]],
    ["double", ["NaN", "1.5"]],
    ["decimal", ["1e5", "1.12345678901234567"]],
    ["decimal", ["1.12345678901234567e5"]],
    ["double", ["1.2345678901234566e-50", "2.2250738585072014e-308", "5e-324", "1e308", "0.30000000000000004"]],
    ["date", ["2024-02-29", "1999-12-31"]],
    ["timestamp", ["2024-01-02 03:04", "2024-01-02T03:04:05.123456", "2024-01-02"]],
    ["timestamptz", ["2024-01-02T03:04:05Z", "2024-01-02 03:04:05+02:00"]],
    ["uuid", ["0f8fad5b-d9cb-469f-a165-70867728950e"]],
  ])("%s holds %j", (type, texts) => {
    expect(typeOf(...texts)).toBe(type)
  })

  it.each([
    [["007"]],
    [["01234"]],
    [["-01"]],
    [["00"]],
    [["1e400"]],
    [["1e-400"]],
    [["1.12345678901234567e50"]],
    [["5."]],
    [["0x1f"]],
    [["1,000"]],
    [["1 "]],
    [["nan"]],
    [["t"]],
    [["+5"]],
    [["1", "x"]],
    [["true", "1"]],
    [["2023-02-29"]],
    [["2024-01-02T03:04:05.1234567"]],
    [["2024-01-02T03:04:05Z", "2024-01-02T03:04:05"]],
    [["-"]],
    [["."]],
    [["1_000"]],
    [[" 5"]],
    [[""]],
    [["yes"]],
  ])("no type but text holds %j", (texts) => {
    expect(typeOf(...texts)).toBeUndefined()
  })

  it("holds what it was taken from: the same number, or the same text but for its spelling", () => {
    const digits = fc.stringMatching(/^\d{1,22}$/)
    const numbers = fc
      .tuple(
        fc.constantFrom("", "-", "+"),
        digits,
        fc.option(digits),
        fc.option(fc.tuple(fc.constantFrom("e", "E"), fc.integer({ min: -350, max: 350 }))),
      )
      .map(([sign, whole, fraction, exponent]) => `${sign}${whole}${fraction === null ? "" : `.${fraction}`}${exponent?.join("") ?? ""}`)
    const text = fc.oneof(numbers, fc.string({ maxLength: 6 }), fc.constantFrom("", " 1", "NaN", "Infinity", "true", "2024-02-29", "-0"))
    fc.assert(
      fc.property(text, (one) => {
        const type = typeOf(one)
        if (type === undefined) return
        const written = formatValue(parseValue(one, type), type)
        if (/\d/.test(one) && ["integer", "decimal", "double"].includes(type)) {
          expect(Decimal.compare(Decimal.parse(written)!, Decimal.parse(one)!)).toBe(0)
        } else expect(written.toLowerCase()).toBe(one.toLowerCase())
      }),
      { numRuns: 2000 },
    )
  })

  it("is unknown without a value", () => {
    expect(typeOf()).toBeUndefined()
  })
})
