import { expect, it } from "vitest"
import { placeIssue } from "./placeIssue.ts"

const text = `name: users
transforms:
  - type: filter
    condition: "agee >= 18"
`

it("finds the line and the column of an issue by its path, and draws the lines around", () => {
  const issue = {
    code: "UNKNOWN_COLUMN",
    message: "There is no column agee.",
    path: "transforms[0].condition",
    hint: "Did you mean age?",
  } as const
  const placed = placeIssue(issue, text, "deltaflow.yml")
  expect(placed).toMatchObject({ ...issue, file: "deltaflow.yml", line: 4, column: 16 })
  expect(placed.frame).toContain('> 4 |     condition: "agee >= 18"')
})

it("leaves an issue that has a place as it is", () => {
  const issue = { code: "INVALID_VALUE", message: "no", path: "name", file: "a.yml", line: 9, column: 1 } as const
  expect(placeIssue(issue, text, "deltaflow.yml")).toBe(issue)
})
