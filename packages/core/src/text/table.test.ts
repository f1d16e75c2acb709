import { expect, it } from "vitest"
import { table } from "./table.ts"

it("aligns columns by cells, numbers to the right, with a note under each title", () => {
  const columns = [
    { title: "name", note: "string" },
    { title: "age", note: "integer", align: "right" },
  ] as const
  expect(
    table(columns, [
      ["李小龍", "36"],
      ["Bo", "7"],
    ]).split("\n"),
  ).toEqual(["name        age", "string  integer", "──────  ───────", "李小龍       36", "Bo            7"])
})

it("cuts long values and keeps each row on one line", () => {
  const lines = table([{ title: "text" }], [["x".repeat(100)], ["two\nlines"]]).split("\n")
  expect(lines).toHaveLength(4)
  expect(lines[2]).toBe(`${"x".repeat(39)}…`)
  expect(lines[3]).toBe("two\\nlines")
})
