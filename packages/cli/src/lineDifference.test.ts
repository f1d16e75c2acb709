import { describe, expect, it } from "vitest"
import { lineDifference } from "./lineDifference.ts"

/** All texts of up to four lines, each of them one of two. */
const texts = [1, 2, 3, 4].flatMap((count) =>
  Array.from({ length: 2 ** count }, (_, bits) => Array.from({ length: count }, (__, i) => ((bits >> i) & 1 ? "a" : "b")).join("\n")),
)

describe("lineDifference", () => {
  it("shows what goes and what comes, with what stands around", () => {
    const before = ["1", "2", "3", "4", "5", "6", "7", "8", "9"].join("\n")
    expect(lineDifference(before, before)).toEqual([])
    expect(lineDifference(before, before.replace("5", "five"))).toEqual(["  2", "  3", "  4", "- 5", "+ five", "  6", "  7", "  8"])
    const far = Array.from({ length: 12 }, (_, i) => `line ${i}`)
    expect(lineDifference(far.join("\n"), ["new", ...far.slice(0, -1)].join("\n"))).toEqual([
      "+ new",
      "  line 0",
      "  line 1",
      "  line 2",
      "…",
      "  line 8",
      "  line 9",
      "  line 10",
      "- line 11",
    ])
  })

  it("makes the one text out of the other", () => {
    for (const before of texts) {
      for (const after of texts) {
        const lines = lineDifference(before, after)
        expect(lines.length === 0).toBe(before === after)
        if (lines.length === 0) continue
        const side = (sign: string): string =>
          lines
            .filter((line) => !line.startsWith(sign))
            .map((line) => line.slice(2))
            .join("\n")
        expect([side("+"), side("-")]).toEqual([before, after])
      }
    }
  })

  it("gives up on what is alike in long texts that differ everywhere", () => {
    const long = (of: string): string => Array.from({ length: 3000 }, (_, i) => `${of} ${i}`).join("\n")
    expect(lineDifference(long("a"), long("b"))).toHaveLength(6000)
  })
})
