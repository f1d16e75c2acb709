import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { civilFromDays, daysFromCivil, daysInMonth, formatDate, formatTimestamp, parseDate, parseTime, parseTimestamp } from "./Temporal.ts"

describe("dates and times", () => {
  it("agrees with the calendar of Date over 10,000 years", () => {
    fc.assert(
      fc.property(fc.integer({ min: -719_162, max: 2_932_896 }), (days) => {
        const date = new Date(days * 86_400_000)
        expect(civilFromDays(days)).toEqual({ year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() })
        expect(parseDate(formatDate(days))).toBe(days)
      }),
    )
  })

  it("goes from days to a civil date and back over PostgreSQL's range", () => {
    fc.assert(
      fc.property(fc.integer({ min: -2_451_507, max: 2_145_031_948 }), (days) => {
        const { year, month, day } = civilFromDays(days)
        expect(day).toBeLessThanOrEqual(daysInMonth(year, month))
        expect(daysFromCivil(year, month, day)).toBe(days)
      }),
    )
  })

  it("keeps microseconds from text to text", () => {
    const micros = fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n })
    fc.assert(
      fc.property(micros, fc.boolean(), (value, zoned) => {
        const text = formatTimestamp(Number.isSafeInteger(Number(value)) ? Number(value) : value, zoned)
        expect(BigInt(parseTimestamp(text, zoned)!)).toBe(value)
      }),
    )
  })

  it.each([
    ["2025-01-31T04:05:06.789012Z", "2025-01-31T04:05:06.789012Z"],
    ["2025-01-31 04:05:06+02", "2025-01-31T02:05:06Z"],
    ["2025-01-31 04:05:06 -0330", "2025-01-31T07:35:06Z"],
    ["2025-01-31T04:05:06+05:30", "2025-01-30T22:35:06Z"],
    ["2025-01-31", "2025-01-31T00:00:00Z"],
    ["2025-01-31T24:00:00Z", "2025-02-01T00:00:00Z"],
    ["2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"],
    ["infinity", "infinity"],
    ["0044-03-15 BC", "0044-03-15T00:00:00Z BC"],
    ["294276-12-31T23:59:59.999999Z", "294276-12-31T23:59:59.999999Z"],
  ])("reads %s as %s", (text, expected) => {
    expect(formatTimestamp(parseTimestamp(text, true)!, true)).toBe(expected)
  })

  it.each(["2025-02-29", "2025-13-01", "2025-00-10", "0000-01-01", "2025-1", "yesterday", "", "2025-01-31T"])(
    "refuses the date %j",
    (text) => {
      expect(parseDate(text)).toBeUndefined()
    },
  )

  it.each(["25:00", "12:60", "24:00:01", "12", "noon"])("refuses the time %j", (text) => {
    expect(parseTime(text)).toBeUndefined()
  })

  it("ignores a zone where the column has none, and rounds what is finer than a microsecond", () => {
    expect(formatTimestamp(parseTimestamp("2025-01-31T04:05:06.1234567+02:00", false)!, false)).toBe("2025-01-31T04:05:06.123457")
  })
})
