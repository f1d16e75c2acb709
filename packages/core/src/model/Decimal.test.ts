import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Decimal, whole } from "./Decimal.ts"

const decimals = fc
  .tuple(fc.bigInt({ min: -(10n ** 38n), max: 10n ** 38n }), fc.integer({ min: 0, max: 30 }))
  .map(([n, scale]) => new Decimal(whole(n), scale))

/** The value as a fraction of two whole numbers, which needs no code of ours. */
const fraction = (d: Decimal): readonly [bigint, bigint] => [BigInt(d.coefficient), 10n ** BigInt(d.scale)]

describe("Decimal", () => {
  it.each([
    ["1.50", "1.50"],
    ["-0.007", "-0.007"],
    [".5", "0.5"],
    ["5.", "5"],
    ["1e3", "1000"],
    ["1.25e-2", "0.0125"],
    ["-0", "0"],
    ["99999999999999999999999999999.999999999", "99999999999999999999999999999.999999999"],
    ["NaN", "NaN"],
    ["-Infinity", "-Infinity"],
  ])("reads %s and writes %s", (text, expected) => {
    expect(Decimal.parse(text)?.toString()).toBe(expected)
  })

  it.each(["", "-", ".", "1.2.3", "1e", "0x10", "1_000", "1e999999", "١"])("refuses %j", (text) => {
    expect(Decimal.parse(text)).toBeUndefined()
  })

  it("keeps every digit from text to text", () => {
    fc.assert(
      fc.property(decimals, (d) => {
        expect(Decimal.parse(d.toString())).toEqual(d)
      }),
    )
  })

  it("adds, multiplies and compares as fractions do", () => {
    fc.assert(
      fc.property(decimals, decimals, (a, b) => {
        const [[an, ad], [bn, bd]] = [fraction(a), fraction(b)]
        const [sn, sd] = fraction(Decimal.add(a, b))
        const [pn, pd] = fraction(Decimal.multiply(a, b))
        expect(sn * ad * bd).toBe((an * bd + bn * ad) * sd)
        expect(pn * ad * bd).toBe(an * bn * pd)
        expect(Decimal.compare(a, b)).toBe(an * bd < bn * ad ? -1 : an * bd > bn * ad ? 1 : 0)
      }),
    )
  })

  it.each([
    ["2.5", 0, "3"],
    ["-2.5", 0, "-3"],
    ["2.45", 1, "2.5"],
    ["2.44", 1, "2.4"],
    ["1", 3, "1.000"],
    ["12345678901234567890.5", 0, "12345678901234567891"],
  ])("rounds %s to %i places half away from zero: %s", (text, scale, expected) => {
    expect(Decimal.parse(text)!.withScale(scale).toString()).toBe(expected)
  })

  it("puts NaN above all else and equal to itself", () => {
    const nan = Decimal.parse("NaN")!
    expect([
      Decimal.compare(nan, nan),
      Decimal.compare(nan, Decimal.parse("Infinity")!),
      Decimal.compare(Decimal.parse("1")!, nan),
    ]).toEqual([0, 1, -1])
  })
})
