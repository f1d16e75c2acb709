import { expect, it } from "vitest"
import { wrapComments } from "./format.mjs"

const words = (count: number) => Array.from({ length: count }, () => "word").join(" ")
const longest = (text: string) => Math.max(...text.split("\n").map((line) => line.length))

it.each([`// ${words(60)}`, `  // ${words(60)}`, `   * ${words(60)}`, `   * - ${words(60)}`, `  /** ${words(60)} */`])(
  "breaks a long comment and keeps its words: %s",
  (comment) => {
    const wrapped = wrapComments(comment)
    expect(longest(wrapped)).toBeLessThanOrEqual(140)
    expect(wrapped.match(/word/g)).toHaveLength(60)
    expect(wrapComments(wrapped)).toBe(wrapped)
  },
)

it("makes a block of a long line of documentation", () => {
  const [first, , last] = [0, 1, -1].map((i) =>
    wrapComments(`/** ${words(40)} */`)
      .split("\n")
      .at(i),
  )
  expect(first).toBe("/**")
  expect(last).toBe(" */")
})

it("goes on under the text of a list item", () => {
  expect(wrapComments(` * - ${words(40)}`).split("\n")[1]).toMatch(/^ \* {3}word/)
})

it.each([`const text = "${words(60)}"`, `// see https://example.org/${"x".repeat(140)}`, `// ${words(20)}`, `// ${"x".repeat(200)}`])(
  "leaves as it is: %s",
  (line) => {
    expect(wrapComments(line)).toBe(line)
  },
)

it("lets what is too much for a line go on in the next one of its paragraph", () => {
  const wrapped = wrapComments(` * ${words(30)}\n * the end`)
  expect(wrapped.split("\n")).toEqual([` * ${words(27)}`, ` * ${words(3)} the end`])
  const item = wrapComments(` * - ${words(30)}\n *   the end`)
  expect(item.split("\n")).toEqual([` * - ${words(27)}`, ` *   ${words(3)} the end`])
})

it.each(["", "- an item", "  an item's end", "@returns it", "| a | b |", "```ts", "1. first"])(
  "does not go on in a line of its own: %s",
  (next) => {
    expect(
      wrapComments(` * ${words(30)}\n * ${next}`)
        .split("\n")
        .at(-1),
    ).toBe(` * ${next}`)
  },
)
