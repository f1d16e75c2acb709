import { existsSync, readFileSync } from "node:fs"
import path from "node:path"
import { expect, it, vi } from "vitest"
import { start } from "./child.ts"
import { folderWith, project, quickstart, users } from "./inProcess.ts"

// A process starts in half a second, and in ten on a machine that has other work.
vi.setConfig({ testTimeout: 60_000 })

/** A step that tells that it has a row, and never ends. */
const hanging = (incremental: string) => ({
  "data/users.csv": users,
  "steps/hang.mjs": "export default () => (process.stdout.write('hanging\\n'), new Promise(() => {}))\n",
  "output/filtered_users.json": "the old output",
  "deltaflow.yml": quickstart
    .replace("transforms:", "transforms:\n  - type: custom\n    module: steps/hang.mjs")
    .replace("    path: data/users.csv", `    path: data/users.csv${incremental}`),
})

it("runs the quickstart", async () => {
  const root = folderWith(project)
  const { said, ended } = start(root, ["run"])
  expect(await ended).toBe(0)
  expect(said.stderr).toContain("✓ Destination: filtered_users.json (3 rows written)")
  expect(said.stdout).toBe("")
})

it("reads stdin and writes stdout, with the talk beside", async () => {
  const { child, said, ended } = start(folderWith({}), ["run", "--from", "-", "--to", "-", "--where", "age >= 18"])
  child.stdin.end('{"name":"Ada","age":36}\n{"name":"Bo","age":17}\n')
  expect(await ended).toBe(0)
  expect(said.stdout).toBe('{"name":"Ada","age":36}\n')
  expect(said.stderr).toContain("(1 row written)")
})

it("stops at Ctrl-C with exit code 130, says how to go on, and leaves the old output", async () => {
  const root = folderWith(hanging(""))
  const { child, said, ended, hears } = start(root, ["run"])
  await hears("stdout", "hanging")
  child.kill("SIGINT")
  expect(await ended).toBe(130)
  expect(said.stderr).toContain("Stopping at the next checkpoint. Press Ctrl-C again to stop at once.")
  expect(said.stderr).toContain("Go on with: deltaflow run --retry")
  expect(readFileSync(path.join(root, "output/filtered_users.json"), "utf8")).toBe("the old output")
  const runs = start(root, ["runs", "--json"])
  expect(await runs.ended).toBe(0)
  expect(JSON.parse(runs.said.stdout)).toMatchObject([{ status: "cancelled" }])
})

it("stops at once at the second Ctrl-C, where the next checkpoint never comes", async () => {
  const root = folderWith(hanging("\n    incremental: true"))
  const { child, said, ended, hears } = start(root, ["run"])
  await hears("stdout", "hanging")
  child.kill("SIGINT")
  await hears("stderr", "Press Ctrl-C again")
  child.kill("SIGINT")
  expect(await ended).toBe(130)
  expect(said.stderr).toContain("Interrupted")
  expect(existsSync(path.join(root, "output"))).toBe(true)
})

it("ends quietly when the reader of its output goes away", async () => {
  const { child, said, ended } = start(folderWith({}), ["schema"])
  child.stdout.destroy()
  expect(await ended).toBe(0)
  expect(said.stderr).toBe("")
})
