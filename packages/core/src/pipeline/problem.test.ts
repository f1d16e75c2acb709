import { describe, expect, it } from "vitest"
import { codeFrame, splitLines } from "./codeFrame.ts"
import { describeValue, type Problem, toIssue, toIssues } from "./problem.ts"
import { Secrets } from "./Secrets.ts"

const at = (path: Problem["path"], more: Partial<Problem> = {}): Problem => ({ code: "INVALID_VALUE", message: "wrong.", path, ...more })

describe("toIssues", () => {
  it("tells each problem once", () => {
    expect(toIssues([at(["a"]), at(["a"]), at(["b"])], undefined, (text) => text)).toHaveLength(2)
  })

  it("does not miss a key where a mistyped one was meant for it", () => {
    const unknown = at(["step", "conditon"], { code: "UNKNOWN_KEY", message: "unknown key `conditon`. Did you mean `condition`?" })
    const missing = (path: Problem["path"]) => at(path, { code: "MISSING_KEY" })
    const codes = toIssues([missing(["step", "condition"]), unknown, missing(["other", "condition"])], undefined, (text) => text)
    expect(codes.map(({ code, path }) => [code, path])).toEqual([
      ["UNKNOWN_KEY", "step.conditon"],
      ["MISSING_KEY", "other.condition"],
    ])
  })

  it("ends after 200, and says how many there are", () => {
    const issues = toIssues(
      Array.from({ length: 1000 }, (_, i) => at([i])),
      undefined,
      (text) => text,
    )
    expect(issues).toHaveLength(201)
    expect(issues.at(-1)!.message).toBe("800 more issues are not shown.")
  })
})

describe("toIssue", () => {
  it("masks a frame, and keeps the caret under its place", () => {
    const line = "  - { webhook: https://hooks.example.com/x, mode: wrong }"
    const frame = codeFrame(splitLines(`a: 1\n${line}\nb: 2`), 2, line.indexOf("wrong") + 1, 5)
    const place = () => ({ line: 2, column: 1, frame })
    const secrets = new Secrets(["https://hooks.example.com/x"])
    const [, marked, carets] = toIssue(at([]), { place }, (text) => secrets.mask(text)).frame!.split("\n")
    expect(marked).toBe("> 2 |   - { webhook: ***, mode: wrong }")
    expect([carets!.indexOf("^"), carets!.lastIndexOf("^")]).toEqual([marked!.indexOf("wrong"), marked!.indexOf("wrong") + 4])
  })
})

describe("describeValue", () => {
  it.each([
    ["x", 'the text "x"'],
    ["", "empty text"],
    [1.5, "the number 1.5"],
    [10n, "the number 10"],
    [false, "false"],
    [null, "nothing"],
    [undefined, "nothing"],
    [[], "an empty list"],
    [[1], "a list"],
    [{}, "a mapping"],
    [new Map(), "a mapping"],
    [() => 1, "a function"],
  ])("%o is %s", (value, text) => {
    expect(describeValue(value)).toBe(text)
  })
})
