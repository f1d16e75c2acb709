import { describe, expect, it } from "vitest"
import { TypeGuess } from "./infer.ts"

const typeOf = (...texts: ReadonlyArray<string>) => {
  const guess = new TypeGuess()
  for (const text of texts) guess.addText(text)
  return guess.type
}

describe("the type of texts", () => {
  it.each([
    ["boolean", ["true", "False"]],
    ["integer", ["0", "-12", "9223372036854775807", "-9223372036854775808"]],
    ["decimal", ["1", "1.50", "-0.5", ".5"]],
    ["decimal", ["9223372036854775808"]],
    ["double", ["1e5", "2", "0.25"]],
    ["double", ["NaN", "1.5"]],
    ["decimal", ["1e5", "1.12345678901234567"]],
    ["date", ["2024-02-29", "1999-12-31"]],
    ["timestamp", ["2024-01-02 03:04", "2024-01-02T03:04:05.123456", "2024-01-02"]],
    ["timestamptz", ["2024-01-02T03:04:05Z", "2024-01-02 03:04:05+02:00"]],
    ["uuid", ["0f8fad5b-d9cb-469f-a165-70867728950e"]],
  ])("%s holds %j", (type, texts) => {
    expect(typeOf(...texts)).toBe(type)
  })

  it.each([
    [["007"]],
    [["+5"]],
    [["1", "x"]],
    [["true", "1"]],
    [["2023-02-29"]],
    [["2024-01-02T03:04:05.1234567"]],
    [["2024-01-02T03:04:05Z", "2024-01-02T03:04:05"]],
    [["-"]],
    [["."]],
    [["1_000"]],
    [[" 5"]],
    [[""]],
    [["yes"]],
  ])("no type but text holds %j", (texts) => {
    expect(typeOf(...texts)).toBeUndefined()
  })

  it("is unknown without a value", () => {
    expect(typeOf()).toBeUndefined()
  })
})
