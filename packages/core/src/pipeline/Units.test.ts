import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { Duration, formatDuration, formatSize, parseDuration, parseSize, Size } from "./Units.ts"

describe("durations", () => {
  it.each([
    [10, 10_000],
    [0, 0],
    [0.5, 500],
    ["500ms", 500],
    ["10s", 10_000],
    ["1.5s", 1500],
    ["5m", 300_000],
    ["1h", 3_600_000],
    ["1d", 86_400_000],
    [" 2 H ", 7_200_000],
    ["300", 300_000],
  ])("%j is %d ms", (written, milliseconds) => {
    expect(parseDuration(written)).toBe(milliseconds)
  })

  it.each(["", "10 parsecs", "-1s", "1w", "s", "1e3s", "NaN", "1m30s", -1, Number.NaN, Number.POSITIVE_INFINITY, "9".repeat(30) + "d"])(
    "%j is none",
    (written) => {
      expect(parseDuration(written)).toBeUndefined()
    },
  )

  it("print in the largest unit that divides them, and read back the same", () => {
    expect([0, 500, 10_000, 300_000, 90_000, 86_400_000].map(formatDuration)).toEqual(["0ms", "500ms", "10s", "5m", "90s", "1d"])
    for (const ms of [0, 1, 999, 1000, 61_000, 3_600_000, 123_456_789]) expect(parseDuration(formatDuration(ms))).toBe(ms)
  })
})

describe("sizes", () => {
  it.each([
    [1000, 1000],
    ["64kb", 65_536],
    ["256mb", 268_435_456],
    ["1gb", 1_073_741_824],
    ["1.5MB", 1_572_864],
    ["10b", 10],
    ["10", 10],
  ])("%j is %d bytes", (written, bytes) => {
    expect(parseSize(written)).toBe(bytes)
  })

  it.each(["", "lots", "-1mb", "1mib", "1 m", -1, Number.NaN, "999999999tb"])("%j is none", (written) => {
    expect(parseSize(written)).toBeUndefined()
  })

  it("print in the largest unit that divides them, and read back the same", () => {
    expect([0, 1000, 1024, 268_435_456].map(formatSize)).toEqual(["0b", "1000b", "1kb", "256mb"])
    for (const bytes of [0, 1, 1023, 1024, 5 * 1024 ** 3]) expect(parseSize(formatSize(bytes))).toBe(bytes)
  })
})

describe("the codecs", () => {
  it("decode to milliseconds and bytes, and encode to text", () => {
    expect(Schema.decodeUnknownSync(Duration)("10s")).toBe(10_000)
    expect(Schema.encodeSync(Duration)(10_000)).toBe("10s")
    expect(Schema.decodeUnknownSync(Size)("256mb")).toBe(268_435_456)
    expect(Schema.encodeSync(Size)(268_435_456)).toBe("256mb")
  })

  it("say what they expect", () => {
    expect(() => Schema.decodeUnknownSync(Duration)("soon")).toThrow("500ms, 10s, 5m, 1h, 1d")
    expect(() => Schema.decodeUnknownSync(Size)(true)).toThrow("64kb, 256mb, 1gb")
  })
})
