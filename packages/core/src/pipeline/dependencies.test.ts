import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { circleProblem, circlesOf, type Dependent } from "./dependencies.ts"

const graph = (edges: Readonly<Record<string, ReadonlyArray<string>>>): ReadonlyArray<Dependent> =>
  Object.entries(edges).map(([name, needs]) => ({ name, needs }))

/** Pipelines that can start: all that they need can. What is left waits for ever. */
const stuck = (pipelines: ReadonlyArray<Dependent>): ReadonlySet<string> => {
  const left = new Map(pipelines.map(({ name, needs }) => [name, needs]))
  for (let before = -1; before !== left.size;) {
    before = left.size
    for (const [name, needs] of left) if (needs.every((need) => !left.has(need))) left.delete(name)
  }
  return new Set(left.keys())
}

describe("circlesOf", () => {
  it("finds circles, each once", () => {
    expect(circlesOf(graph({ a: ["b"], b: ["c"], c: ["a"], d: ["a"] }))).toEqual([["a", "b", "c"]])
    expect(circlesOf(graph({ a: ["b", "c"], b: ["a"], c: ["a"] }))).toEqual([
      ["a", "b"],
      ["a", "c"],
    ])
    expect(circlesOf(graph({ a: ["a"] }))).toEqual([["a"]])
  })

  it("finds none where there is none", () => {
    expect(circlesOf(graph({ a: ["b", "c"], b: ["d"], c: ["d"], d: [], e: ["nobody"] }))).toEqual([])
  })

  it("follows a chain of any length", () => {
    const chain = Array.from({ length: 5000 }, (_, i): Dependent => ({ name: `p${i}`, needs: [`p${i + 1}`] }))
    expect(circlesOf(chain)).toEqual([])
  })

  it("finds one exactly where pipelines wait for each other for ever, and only true circles", () => {
    const name = fc.constantFrom("a", "b", "c", "d", "e", "f")
    fc.assert(
      fc.property(fc.dictionary(name, fc.uniqueArray(name, { maxLength: 3 }), { maxKeys: 6 }), (edges) => {
        const pipelines = graph(edges)
        const circles = circlesOf(pipelines)
        expect(circles.length > 0).toBe(stuck(pipelines).size > 0)
        for (const circle of circles) {
          circle.forEach((from, i) => expect(edges[from]).toContain(circle[(i + 1) % circle.length]))
          expect(new Set(circle).size).toBe(circle.length)
        }
      }),
      { numRuns: 500 },
    )
  })

  it("is printed from each of its pipelines", () => {
    expect(circleProblem(["a", "b", "c"], "b").message).toContain("b → c → a → b")
  })
})
