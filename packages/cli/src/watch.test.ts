import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import path from "node:path"
import { expect, it, vi } from "vitest"
import { start } from "../test/child.ts"
import { deltaflow, folderWith, project, quickstart, users } from "../test/inProcess.ts"

vi.setConfig({ testTimeout: 120_000 })

const WAITING = "Waiting for a change"

const step = (word: string) => `import { word } from "./words/word.mjs"\nexport default (row) => ({ ...row, said: word + "${word}" })\n`

const watched = {
  ...project,
  "deltaflow.yml": quickstart
    .replace("transforms:", "transforms:\n  - type: custom\n    module: steps/say.mjs")
    .replace("data/users.csv", "data/*.csv"),
  "steps/say.mjs": step("one"),
  "steps/words/word.mjs": 'export const word = "a "\n',
}

const outputOf = (root: string): string => readFileSync(path.join(root, "output/filtered_users.json"), "utf8")

it("runs again when an input, the pipeline or a module changes, and ends at Ctrl-C", async () => {
  const root = folderWith(watched)
  const { child, said, ended, hears } = start(root, ["run", "--watch"])
  let runs = 0
  const ran = () => hears("stderr", WAITING, ++runs)
  const write = (name: string, text: string): void => writeFileSync(path.join(root, name), text)
  await ran()
  expect(outputOf(root)).toContain('"a one"')
  write("data/more.csv", "id,first_name,last_name,email,age\n6,Zoë,Zed,zoe@example.com,44\n")
  await ran()
  expect(said.stderr).toContain("data/more.csv has changed.")
  expect(outputOf(root)).toContain("Zoë")
  write("steps/words/word.mjs", 'export const word = "b "\n')
  await ran()
  expect(outputOf(root)).toContain('"b one"')
  rmSync(path.join(root, "data/more.csv"))
  write("deltaflow.yml", watched["deltaflow.yml"].replace("pretty", "prety"))
  await ran()
  expect(said.stderr).toContain("unknown key `prety`")
  write("deltaflow.yml", watched["deltaflow.yml"])
  await ran()
  expect(outputOf(root)).toContain("Chidi")
  child.kill("SIGINT")
  expect(await ended).toBe(130)
  expect(said.stderr.split(WAITING)).toHaveLength(runs + 1)
})

it("does not run again for what the run itself writes, though another pipeline reads it", async () => {
  const second = quickstart.replace("hello-world", "second").replace("data/users.csv", "output/*.json").replace("type: csv", "type: json")
  const root = folderWith({
    "data/users.csv": users,
    "pipelines/a.yml": quickstart,
    "pipelines/b.yml": `${second.replace("filtered_users", "second").replace(/transforms:[^]*destinations:/, "destinations:")}depends_on: hello-world\n`,
  })
  const { child, said, ended, hears } = start(root, ["run", "--watch"])
  await hears("stderr", WAITING)
  writeFileSync(path.join(root, "data/users.csv"), users.replace("Ada", "Eva"))
  await hears("stderr", WAITING, 2)
  expect(readFileSync(path.join(root, "output/second.json"), "utf8")).toContain("Eva")
  child.kill("SIGINT")
  expect(await ended).toBe(130)
  expect(said.stderr.match(/Loaded pipeline: second/g)).toHaveLength(2)
})

it("hands Ctrl-C on to the run that goes on, which stops at its checkpoint", async () => {
  const hang = "export default () => (process.stdout.write('hanging\\n'), new Promise(() => {}))\n"
  const root = folderWith({ ...watched, "steps/say.mjs": hang })
  const { child, said, ended, hears } = start(root, ["run", "--watch"])
  await hears("stdout", "hanging")
  child.kill("SIGINT")
  expect(await ended).toBe(130)
  expect(said.stderr).toContain("Go on with: deltaflow run --retry")
  expect(said.stderr).not.toContain(WAITING)
  expect(existsSync(path.join(root, "output/filtered_users.json"))).toBe(false)
})

it("watches the file of a run without a project", async () => {
  const root = folderWith({ "users.csv": users })
  const { child, ended, hears } = start(root, ["run", "--from", "users.csv", "--to", "users.ndjson", "--watch"])
  await hears("stderr", WAITING)
  writeFileSync(path.join(root, "users.csv"), users.replace("Ada", "Eva"))
  await hears("stderr", WAITING, 2)
  expect(readFileSync(path.join(root, "users.ndjson"), "utf8")).toContain("Eva")
  child.kill("SIGTERM")
  expect(await ended).toBe(130)
})

it("refuses to watch standard input", async () => {
  expect(await deltaflow(folderWith({}), ["run", "--from", "-", "--to", "x.ndjson", "--watch"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("standard input cannot") as string,
  })
})
