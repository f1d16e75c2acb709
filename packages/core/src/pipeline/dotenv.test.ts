import { describe, expect, it } from "vitest"
import { parseEnvFile } from "./dotenv.ts"

const valuesOf = (text: string) => Object.fromEntries(parseEnvFile(text, ".env").values)

describe("parseEnvFile", () => {
  it("reads names and values, exports, comments and empty lines", () => {
    const text = "# a comment\n\nA=1\n  B = two words  \nexport C=3 # why\nD=\nE_1.x=#none\nF=p#ss\n"
    expect(valuesOf(text)).toEqual({ A: "1", B: "two words", C: "3", D: "", "E_1.x": "", F: "p#ss" })
  })

  it("takes single quotes as they are and reads escapes in double quotes", () => {
    expect(valuesOf(`A='a\\nb $X # c'\nB="a\\nb\\t\\"q\\" \\\\ \\x"\nC="" # empty`)).toEqual({
      A: "a\\nb $X # c",
      B: 'a\nb\t"q" \\ \\x',
      C: "",
    })
  })

  it("reads quoted text over several lines, and goes on behind it", () => {
    expect(valuesOf('KEY="-----BEGIN\nabc\n-----END"\nNEXT=1\n')).toEqual({ KEY: "-----BEGIN\nabc\n-----END", NEXT: "1" })
  })

  it("reads Windows line ends, a byte order mark, and a last line without an end", () => {
    expect(valuesOf("\uFEFFA=1\r\nB='2'\r\nC=3")).toEqual({ A: "1", B: "2", C: "3" })
  })

  it("does not expand, and lets the last of two lines count", () => {
    expect(valuesOf("A=$HOME/${B}\nA=second\nC=$A")).toEqual({ A: "second", C: "$A" })
  })

  it("names the line that it cannot read, and shows no value", () => {
    const { issues, values } = parseEnvFile("TOKEN=hunter2\nthis is wrong\nB=1", ".env")
    expect(values.get("B")).toBe("1")
    expect(issues).toEqual([expect.objectContaining({ code: "INVALID_VALUE", file: ".env", line: 2, column: 1 })])
    expect(issues[0]!.frame).toBe("  1 | TOKEN=***\n> 2 | this is wrong\n    | ^\n  3 | B=***")
  })

  it.each([
    ['A="open\nB=1', "does not end"],
    ["A='open", "does not end"],
    ['A="x" y', "line goes on"],
    ["1A=x", "NAME=value"],
    ["A", "NAME=value"],
    ["=x", "NAME=value"],
  ])("refuses %j", (text, message) => {
    expect(parseEnvFile(text, ".env").issues[0]!.message).toContain(message)
  })

  it("reads a key named __proto__ as a name", () => {
    expect(parseEnvFile("__proto__=x", ".env").values.get("__proto__")).toBe("x")
  })
})
