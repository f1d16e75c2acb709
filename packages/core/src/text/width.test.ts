import { expect, it } from "vitest"
import { cut, pad, textWidth, visible } from "./width.ts"

it.each([
  ["abc", 3],
  ["Élise", 5],
  ["e\u0301", 1],
  ["李小龍", 6],
  ["👩‍👩‍👧", 2],
  ["ｆｕｌｌ", 8],
  ["", 0],
])("counts the cells of %j as %i", (text, cells) => {
  expect(textWidth(text)).toBe(cells)
})

it("cuts between characters, never inside one, and stays within the width", () => {
  expect(cut("李小龍", 6)).toBe("李小龍")
  expect(cut("李小龍", 5)).toBe("李小…")
  expect(cut("李小龍", 4)).toBe("李…")
  expect(pad("李", 4)).toBe("李  ")
})

it("shows control characters instead of obeying them", () => {
  expect(visible("a\u001b[31mb\nc\td\u202e")).toBe("a\\x1b[31mb\\nc\\td\\u202e")
})
