import { describe, expect, it } from "vitest"
import { deltaflow } from "../test/inProcess.ts"
import { commands } from "./commands.ts"

describe.each(commands.map((command) => [command.name, command] as const))("%s --help", (name, command) => {
  it("says what the command does, with all options and an example that it takes", async () => {
    const { code, stdout } = await deltaflow("/", [name, "--help"])
    expect(code).toBe(0)
    expect(stdout).toContain(command.summary)
    for (const option of ["help", "json", "verbose", ...Object.keys(command.options)]) expect(stdout).toContain(`--${option}`)
    expect(command.example).toMatch(new RegExp(`^deltaflow ${name}\\b`))
  })
})

it("loads every command that the table names", async () => {
  for (const { load } of commands) expect(typeof (await load()).run).toBe("function")
})

it.each([
  [["rnu"], "there is no command rnu. Did you mean run?"],
  [["run", "--dry"], "Unknown option '--dry'"],
  [["explain", "a", "b"], "b is one too many. Usage: deltaflow explain FILE"],
  [["logs"], "something is missing. Usage: deltaflow logs ID"],
  [["preview", "--limit", "many"], '--limit takes a whole number, not "many".'],
  [["runs", "--format", "pdf"], "--format takes table, json, csv, mermaid, svg"],
  [["runs", "--last", "yesterday"], "--last takes a time such as 90m, 24h or 7d"],
  [["state", "drop", "x"], "state takes show, reset or set"],
  [["completions", "tcsh"], "completions knows bash, zsh and fish"],
  [["run", "--from", "users.csv"], "--to is missing"],
  [["run", "--from", "users.xyz", "--to", "-"], "the ending says no type"],
  [["run", "--var", "novalue"], "--var takes NAME=VALUE"],
])("refuses %j with exit code 2 and says why", async (args, reason) => {
  const { code, stderr, stdout } = await deltaflow("/", args)
  expect(stderr).toContain(reason)
  expect(stdout).toBe("")
  expect(code).toBe(2)
})

it("gives wrong usage as JSON where JSON is asked for", async () => {
  const { code, stdout } = await deltaflow("/", ["runs", "--format", "pdf", "--json"])
  expect(code).toBe(2)
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: "USAGE" } })
})
