/** What the documentation tells people to type does what it says. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import { describe, expect, it } from "vitest"
import { deltaflow, folderWith, quickstart, users } from "./inProcess.ts"

const root = path.resolve(import.meta.dirname, "../../..")

const markdownIn = (folder: string): ReadonlyArray<string> =>
  readdirSync(path.join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => path.join(folder, name))

const pages = ["README.md", ...markdownIn("docs"), ...markdownIn("docs/how-to")]

interface Fence {
  readonly language: string
  readonly text: string
}

const fencesOf = (page: string): ReadonlyArray<Fence> =>
  [...readFileSync(path.join(root, page), "utf8").matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = "", text = ""]) => ({
    language,
    text,
  }))

/** What stands between backquotes within the text. */
const quotedIn = (page: string): ReadonlyArray<string> =>
  [...readFileSync(path.join(root, page), "utf8").matchAll(/`([^`\n]+)`/g)].map(([, text = ""]) => text)

/** The arguments of each `deltaflow …` in a piece of shell. */
const commandsOf = (text: string): ReadonlyArray<ReadonlyArray<string>> =>
  text
    .split(/\n|&&/)
    .map((line) => line.replace(/\s#.*$/, "").trim())
    .filter((line) => /^(npx )?deltaflow /.test(line))
    .map((line) => [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? ""))
    .map((words) => words.slice(words.indexOf("deltaflow") + 1))

const shell = pages.flatMap((page) =>
  [...fencesOf(page).flatMap(({ language, text }) => (language === "sh" ? [text] : [])), ...quotedIn(page)]
    .flatMap(commandsOf)
    .map((args) => ({ page, command: args.join(" "), args })),
)

describe("commands in the documentation", () => {
  it("are found", () => expect(shell.length).toBeGreaterThanOrEqual(10))

  it.each(shell)("$page: deltaflow $command", async ({ args }) => {
    const { code, stderr } = await deltaflow(root, [...args, "--help"])
    expect(stderr).toBe("")
    expect(code).toBe(0)
  })
})

const module = fencesOf("docs/tutorial.md").find(({ language, text }) => language === "ts" && text.startsWith("// "))!.text
const moduleName = module.slice("// ".length, module.indexOf("\n"))

const yamlOf = (page: string) =>
  fencesOf(page)
    .filter(({ language }) => language === "yaml")
    .map(({ text }, i) => ({ page, place: i + 1, text }))

/** Its snippets are test files, or tests of one more. */
const testsPage = "docs/how-to/test-pipelines.md"

const snippets = pages.filter((page) => page !== testsPage).flatMap(yamlOf)

const sectionsOf = (text: string): ReadonlyMap<string, string> =>
  new Map(text.split(/^(?=[a-z])/m).map((section) => [section.slice(0, section.indexOf(":")), section]))

/** A snippet shows some keys of a pipeline, or one step more. */
const completed = (base: string, snippet: string): string => {
  const whole = sectionsOf(base)
  const isStep = snippet.startsWith("  - ")
  const shown = isStep ? new Map([["transforms", `${whole.get("transforms")!.trimEnd()}\n${snippet}`]]) : sectionsOf(snippet)
  return [...new Map([...whole, ...shown]).values()].map((section) => `${section.trimEnd()}\n`).join("")
}

describe("snippets of pipelines in the documentation", () => {
  it("are found", () => expect(snippets.length).toBeGreaterThanOrEqual(5))

  it.each(snippets)("$page, snippet $place, is valid", async ({ text }) => {
    const others = /^depends_on: \[(.*)\]$/m.exec(text)?.[1]?.split(", ") ?? []
    const folder = folderWith({
      "deltaflow.yml": completed(quickstart, text),
      "data/users.csv": users,
      [moduleName]: module,
      // Those that it depends on.
      ...Object.fromEntries(others.map((name) => [`pipelines/${name}.yml`, completed(quickstart, `name: ${name}\n`)])),
    })
    const variables = Object.fromEntries(Array.from(text.matchAll(/\$\{([A-Z_]+)\}/g), ([, name]) => [name!, "a value"]))
    const { code, stderr } = await deltaflow(folder, ["validate"], variables)
    expect(stderr).not.toContain("error")
    expect(code).toBe(0)
  })
})

describe("snippets of tests in the documentation", () => {
  const tests = yamlOf(testsPage)
  it("are found", () => expect(tests.length).toBeGreaterThanOrEqual(4))

  it.each(tests)("$page, snippet $place, passes", async ({ text }) => {
    const file = text.startsWith("  - ") ? `pipeline: hello-world\ntests:\n${text}` : text
    const folder = folderWith({ "deltaflow.yml": quickstart, "tests/page.test.yml": file })
    const { code, stderr } = await deltaflow(folder, ["test"])
    expect(stderr).toMatch(/\n\d passed \(/)
    expect(code).toBe(0)
  })
})

it("the tutorial runs as it is written", async () => {
  const folder = folderWith({})
  const project = path.join(folder, "shop")
  const file = path.join(project, "deltaflow.yml")
  const say = async (...args: ReadonlyArray<string>) => {
    const said = await deltaflow(args[0] === "init" ? folder : project, args)
    expect(said.stderr).not.toContain("error")
    expect(said.code).toBe(0)
    return said
  }
  const follow = async (text: string) => {
    for (const args of commandsOf(text)) await say(...args)
  }
  const [start, look, change, fresh, step] = fencesOf("docs/tutorial.md").map(({ text }) => text) as [
    string,
    string,
    string,
    string,
    string,
  ]
  await follow(start)
  await follow(look)

  writeFileSync(file, completed(readFileSync(file, "utf8"), change))
  await say("run")
  writeFileSync(file, readFileSync(file, "utf8").replace("first_name ||", "first_nam ||"))
  const wrong = await deltaflow(project, ["validate"])
  expect(wrong.code).toBe(2)
  expect(wrong.stderr).toMatch(/deltaflow\.yml:\d+:\d+[\s\S]*first_name/)
  writeFileSync(file, readFileSync(file, "utf8").replace("first_nam ||", "first_name ||"))

  writeFileSync(file, completed(readFileSync(file, "utf8"), fresh))
  await say("run")
  expect((await say("run")).stderr).toContain("(0 rows)")
  writeFileSync(path.join(project, "data/more.csv"), "id,first_name,last_name,email,age\n6,Zoë,Ali,zoe@example.com,44\n")
  expect((await say("run")).stderr).toContain("(1 row)")
  expect((await say("state", "show", "csv-to-json")).stdout).toContain("data/more.csv")

  writeFileSync(path.join(project, moduleName), module)
  writeFileSync(file, completed(readFileSync(file, "utf8"), step))
  await say("run", "--full-refresh")
  expect(readFileSync(path.join(project, "output/people.ndjson"), "utf8")).toContain(
    '"full_name":"Zoë Ali","decade":40,"domain":"example.com"',
  )
})

it("nested rows load into several tables as it is written", async () => {
  const page = "docs/how-to/load-nested-rows.md"
  const [rows, pipeline, shown] = fencesOf(page).map(({ text }) => text) as [string, string, string]
  const folder = folderWith({ "deltaflow.yml": pipeline, "data/orders.ndjson": rows })
  const preview = await deltaflow(folder, ["preview", "deltaflow.yml"])
  for (const line of shown.split("\n").filter((text) => !text.includes("─") && text.trim() !== "" && text !== "items"))
    expect(preview.stdout.replaceAll(/^[+ ]/gm, "").replaceAll(/\s+/g, " ")).toContain(line.trim().replaceAll(/\s+/g, " "))
  for (let i = 0; i < 2; i++) expect((await deltaflow(folder, ["run"])).code).toBe(0)
  const again = await deltaflow(folder, ["preview", "deltaflow.yml"])
  expect(again.stderr).toContain("destinations[1]: 0 inserted, 0 updated, 2 unchanged")
  expect((await deltaflow(folder, ["explain", "deltaflow.yml"])).stdout).toContain(
    "→ items: _parent_id integer not null, _index integer not null, and the keys of its elements",
  )
})
