import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { formatPath, isMapping, parsePath, type Path, valueAt, withValueAt } from "./path.ts"
import { placeIssue } from "./placeIssue.ts"

const anyPath = fc.array(fc.oneof(fc.nat(99), fc.string(), fc.constantFrom("a", "full name", "a.b", 'a"b', "[0]", "", "__proto__")), {
  maxLength: 5,
})

describe("paths", () => {
  it("print as people write them", () => {
    expect(formatPath(["transforms", 1, "fields", "full name"])).toBe('transforms[1].fields["full name"]')
    expect(formatPath([])).toBe("")
  })

  it("read back as they were", () => {
    fc.assert(
      fc.property(anyPath, (path) => {
        expect(parsePath(formatPath(path))).toEqual(path)
      }),
    )
  })

  it("lead to values, own ones only", () => {
    const root = { a: [{ b: 1 }], constructor: 2 }
    expect(valueAt(root, ["a", 0, "b"])).toBe(1)
    expect(valueAt(root, ["constructor"])).toBe(2)
    for (const path of [["a", "0"], ["toString"], ["a", 0, "b", "c"], ["__proto__"]] satisfies ReadonlyArray<Path>) {
      expect(valueAt(root, path)).toBeUndefined()
    }
  })

  it("lead to a copy with another value", () => {
    const root = { a: [{ b: 1 }, 2] }
    expect(withValueAt(root, ["a", 0, "b"], 5)).toEqual({ a: [{ b: 5 }, 2] })
    expect(root.a[0]).toEqual({ b: 1 })
  })
})

it("a mapping is no list, no instance and no function", () => {
  expect([{}, Object.create(null), JSON.parse("{}")].every(isMapping)).toBe(true)
  expect([[], null, new Map(), new Date(), () => 1, "x", 1, Object.create({ a: 1 })].some(isMapping)).toBe(false)
})

it("an issue that was found later gets its place in the file", () => {
  const text = 'transforms:\n  - type: map\n    fields: { "full name": frist || last }\n'
  const issue = { code: "UNKNOWN_COLUMN", message: "no column frist.", path: 'transforms[0].fields["full name"]' } as const
  expect(placeIssue(issue, text, "deltaflow.yml")).toMatchObject({ file: "deltaflow.yml", line: 3, column: 28, path: issue.path })
})
