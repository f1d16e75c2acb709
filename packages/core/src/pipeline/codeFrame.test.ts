import { describe, expect, it } from "vitest"
import { codeFrame as frameOfLines, splitLines } from "./codeFrame.ts"

const codeFrame = (text: string, line: number, column: number, length?: number) => frameOfLines(splitLines(text), line, column, length)

describe("codeFrame", () => {
  it("shows two lines before and one after, with carets under the place", () => {
    expect(codeFrame("a: 1\nb: 2\nc: 3\nd: 4\ne: 5", 4, 4, 1)).toBe("  2 | b: 2\n  3 | c: 3\n> 4 | d: 4\n    |    ^\n  5 | e: 5")
  })

  it("lines up numbers of different length", () => {
    const text = Array.from({ length: 12 }, (_, i) => `line ${i + 1}`).join("\n")
    expect(codeFrame(text, 9, 1, 4)).toBe("   7 | line 7\n   8 | line 8\n>  9 | line 9\n     | ^^^^\n  10 | line 10")
  })

  it("shows a tab as an arrow, so that the caret stands under the right character", () => {
    expect(codeFrame("\tx: 1", 1, 2, 1)).toBe("> 1 | →x: 1\n    |  ^")
  })

  it("puts one caret behind the end of a line", () => {
    expect(codeFrame("abc", 1, 4, 10)).toBe("> 1 | abc\n    |    ^")
  })

  it("moves along a long line", () => {
    const frame = codeFrame(`${"x".repeat(500)}HERE${"y".repeat(500)}`, 1, 501, 4)
    const [shown, carets] = frame.split("\n") as [string, string]
    expect(shown.slice(carets.indexOf("^"), carets.lastIndexOf("^") + 1)).toBe("HERE")
    expect(shown.length).toBeLessThan(140)
  })

  it("counts Windows and old Macintosh line ends", () => {
    expect(codeFrame("a\r\nb\rc", 3, 1)).toBe("  1 | a\n  2 | b\n> 3 | c\n    | ^")
  })
})
