import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import { expect, it, vi } from "vitest"
import { say, start } from "./child.ts"
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
    .replace("    path: data/users.csv", `    path: data/users.csv${incremental}`)
    .replace("pretty: true", "write_mode: replace"),
})

it("runs the quickstart", async () => {
  const root = folderWith(project)
  const { said, ended } = start(root, ["run"])
  expect(await ended).toBe(0)
  expect(said.stderr).toContain("✓ Destination: filtered_users.json (3 rows written)")
  expect(said.stdout).toBe("")
})

it("ends though a module of the user's left something open", async () => {
  const root = folderWith({
    ...project,
    "deltaflow.yml": quickstart.replace("transforms:", "transforms:\n  - type: custom\n    module: steps/open.mjs"),
    "steps/open.mjs": "setInterval(() => undefined, 1000)\nexport default (row) => row\n",
  })
  expect(await say(root, ["run"])).toMatchObject({ code: 0, stderr: expect.stringContaining("(3 rows written)") as string })
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
  expect(said.stderr).toContain("Interrupted: nothing was written. Go on with: deltaflow run --retry")
  expect(readdirSync(path.join(root, "output"))).toEqual(["filtered_users.json"])
  expect(readFileSync(path.join(root, "output/filtered_users.json"), "utf8")).toBe("the old output")
})

/** Waits at row 25 until the test has made a file. */
const waiting = `import { existsSync } from "node:fs"
export default async (row) => {
  if (row.id === 25 && !existsSync("go")) process.stdout.write("waiting\\n")
  while (row.id === 25 && !existsSync("go")) await new Promise((resolve) => setTimeout(resolve, 10))
  return row
}
`

it("keeps what was written up to the next checkpoint at Ctrl-C, and the retry brings the rest, once", async () => {
  const lines = (from: number, to: number): string =>
    Array.from({ length: to - from + 1 }, (_, i) => `${JSON.stringify({ id: from + i })}\n`).join("")
  const root = folderWith({
    "in/1.ndjson": lines(1, 20),
    "in/2.ndjson": lines(21, 40),
    "in/3.ndjson": lines(41, 60),
    "steps/wait.mjs": waiting,
    "orders.yml": `name: orders
sources: [{ type: ndjson, path: "in/*.ndjson", incremental: true, batch_size: 10 }]
transforms: [{ type: custom, module: steps/wait.mjs, concurrency: 1 }]
destinations: [{ type: ndjson, path: out/orders.ndjson, write_mode: append }]
`,
  })
  const { child, said, ended, hears } = start(root, ["run", "orders.yml"])
  await hears("stdout", "waiting")
  child.kill("SIGINT")
  await hears("stderr", "Stopping at the next checkpoint")
  writeFileSync(path.join(root, "go"), "")
  expect(await ended).toBe(130)
  const [, kept] = /Interrupted: (\d+) rows written, and they stay\. Go on with: deltaflow run orders\.yml --retry/.exec(said.stderr) ?? []
  const ids = (): ReadonlyArray<number> =>
    readFileSync(path.join(root, "out/orders.ndjson"), "utf8")
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { id: number }).id)
  expect(ids()).toEqual(Array.from({ length: Number(kept) }, (_, i) => i + 1))
  expect(Number(kept)).toBeGreaterThanOrEqual(20)
  expect(Number(kept)).toBeLessThan(60)
  const retry = await say(root, ["run", "orders.yml", "--retry"])
  expect(retry.stderr).toContain(`(${60 - Number(kept)} rows written)`)
  expect(ids()).toEqual(Array.from({ length: 60 }, (_, i) => i + 1))
  expect(readdirSync(path.join(root, "out"))).toEqual(["orders.ndjson"])
})

it("ends with code 130 where Ctrl-C comes with --json, the events and the result being whole", async () => {
  const root = folderWith(hanging(""))
  const { child, said, ended, hears } = start(root, ["run", "--json"])
  await hears("stdout", "hanging")
  child.kill("SIGINT")
  expect(await ended).toBe(130)
  const lines = said.stdout.split("\n").filter((line) => line.startsWith("{"))
  expect(lines.map((line) => JSON.parse(line) as { event?: string }).at(-2)?.event).toBe("pipeline.cancelled")
  expect(JSON.parse(lines.at(-1)!)).toMatchObject({ run: { status: "cancelled", error: { code: "RUN_CANCELLED" } } })
})

it("stops a test of a pipeline at Ctrl-C, which leaves nothing", async () => {
  const test = `pipeline: hello-world
tests: [{ name: slow, fixtures: { sample_data: { rows: [{ id: 1, first_name: A, last_name: B, email: C, age: 20 }] } }, expect: { row_count: 3 } }]
`
  const root = folderWith({ ...hanging(""), "tests/hang.test.yml": test })
  const { child, said, ended, hears } = start(root, ["test"])
  await hears("stdout", "hanging")
  child.kill("SIGINT")
  expect(await ended).toBe(130)
  expect(said.stderr).toContain("Interrupted. Nothing was written.")
  expect(readdirSync(root).toSorted()).toEqual(["data", "deltaflow.yml", "output", "steps", "tests"])
})

it("ends quietly when the reader of its output goes away", async () => {
  const { child, said, ended } = start(folderWith({}), ["schema"])
  child.stdout.destroy()
  expect(await ended).toBe(0)
  expect(said.stderr).toBe("")
})

it("stops waiting for a killed process at Ctrl-C", async () => {
  const root = folderWith(hanging(""))
  const first = start(root, ["run"])
  await first.hears("stdout", "hanging")
  const second = start(root, ["run", "--retry"])
  await second.hears("stderr", "A run of hello-world has not ended.")
  second.child.kill("SIGINT")
  expect(await second.ended).toBe(130)
  expect(second.said.stderr).toContain("Interrupted before hello-world began.")
  first.child.kill("SIGKILL")
})

it("does not run what another process runs", async () => {
  const root = folderWith(hanging(""))
  const first = start(root, ["run"])
  await first.hears("stdout", "hanging")
  const second = await say(root, ["run", "--retry"])
  expect(second).toMatchObject({ code: 1, stderr: expect.stringContaining("error[LEASE_HELD]") as string })
  first.child.kill("SIGKILL")
})
