import { describe, expect, it } from "vitest"
import { didYouMean, editDistance, nearestName } from "./nearestName.ts"

describe("nearestName", () => {
  it.each([
    ["conditon", ["columns", "condition", "config"], "condition"],
    ["tranforms", ["transforms", "sources"], "transforms"],
    ["destiantions", ["destinations", "description"], "destinations"],
    ["Retry-Delay", ["retry_delay", "max_retries"], "retry_delay"],
    ["naem", ["name", "mode"], "name"],
    ["postgress", ["postgres", "mysql"], "postgres"],
    ["dsc", ["asc", "desc"], "desc"],
    ["int", ["boolean", "integer", "interval"], "integer"],
    ["bool", ["boolean", "integer"], "boolean"],
  ])("finds what %s most likely meant", (name, candidates, nearest) => {
    expect(nearestName(name, candidates)).toBe(nearest)
  })

  it("says nothing where every name is too far away", () => {
    expect(nearestName("xyz", ["condition", "columns"])).toBeUndefined()
    expect(nearestName("id", ["key", "by"])).toBeUndefined()
    expect(nearestName("name", [])).toBeUndefined()
  })

  it("does not offer the name itself", () => {
    expect(nearestName("email", ["email"])).toBeUndefined()
  })

  it("stays fast for a name of a megabyte", () => {
    // The whole table of distances would be 10^12 cells: the test would run out of its time.
    expect(nearestName("a".repeat(1_000_000), ["b".repeat(1_000_000), "condition"])).toBeUndefined()
  })
})

describe("editDistance", () => {
  it.each([
    ["", "", 0],
    ["abc", "abc", 0],
    ["abc", "acb", 1],
    ["kitten", "sitting", 3],
    ["", "abc", 3],
    ["abcd", "badc", 2],
  ])("of %s and %s counts slips", (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance)
    expect(editDistance(b, a)).toBe(distance)
  })

  it("stops counting at the limit", () => {
    expect(editDistance("aaaa", "bbbb", 2)).toBe(2)
  })
})

it("didYouMean is a sentence to put behind a message", () => {
  expect(didYouMean("selct", ["select", "sort"])).toBe(" Did you mean `select`?")
  expect(didYouMean("quux", ["select", "sort"])).toBe("")
})
