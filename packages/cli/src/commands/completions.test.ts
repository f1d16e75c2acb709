import { spawnSync } from "node:child_process"
import { expect, it } from "vitest"
import { commands } from "../commands.ts"
import { bashScript, fishScript, zshScript } from "./completions.ts"

/** What bash offers for these words. */
const offered = (...words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const list = words.map((word) => `'${word}'`).join(" ")
  const script = `${bashScript()}\nCOMP_WORDS=(deltaflow ${list}); COMP_CWORD=${words.length}; _deltaflow; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr } = spawnSync("bash", ["-c", script], { encoding: "utf8" })
  expect(stderr).toBe("")
  return stdout.trim().split("\n")
}

it("completes commands in bash", () => {
  expect(offered("run")).toEqual(["run", "runs"])
  expect(offered("sch")).toEqual(["scheduler", "schedule", "schema"])
})

it("completes the options and words of a command in bash", () => {
  expect(offered("run", "--f")).toEqual(["--full-refresh", "--from"])
  expect(offered("state", "re")).toEqual(["reset"])
})

it.each([
  ["zsh", zshScript],
  ["fish", fishScript],
])("names every command and option for %s", (_, script) => {
  for (const { name, options } of commands) {
    expect(script()).toContain(name)
    for (const option of Object.keys(options)) expect(script()).toContain(option)
  }
})
