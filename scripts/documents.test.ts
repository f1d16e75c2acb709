/** What the documents point at is there, and the README stays as short as it promises to be. */
import { execFileSync } from "node:child_process"
import { existsSync, globSync, readFileSync } from "node:fs"
import path from "node:path"
import { describe, expect, it } from "vitest"

const root = path.resolve(import.meta.dirname, "..")
const documents = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "*.md"], { cwd: root, encoding: "utf8" })
  .split("\n")
  .filter((file) => file !== "" && existsSync(path.join(root, file)))

const textOf = (file: string) => readFileSync(path.join(root, file), "utf8")

const linksOf = (file: string) =>
  [...textOf(file).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link).filter((link) => !/^[a-z]+:/.test(link))

/** As GitHub makes them of titles. */
const anchorsOf = (file: string) =>
  [...textOf(file).matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  )

describe.each(documents)("%s", (file) => {
  it("has no link that leads nowhere", () => {
    const dead = linksOf(file).filter((link) => {
      const [target = "", anchor] = link.split("#")
      const found = target === "" ? file : path.join(path.dirname(file), target)
      return !existsSync(path.join(root, found)) || (anchor !== undefined && !anchorsOf(found).includes(anchor))
    })
    expect(dead).toEqual([])
  })
})

it("every page of docs/ is reached from the README", () => {
  const seen = new Set<string>()
  const follow = (file: string): void => {
    if (seen.has(file)) return
    seen.add(file)
    const isFolder = !file.endsWith(".md")
    const next = isFolder ? globSync(`${file}/*.md`, { cwd: root }) : linksOf(file).map((link) => link.split("#")[0] ?? "")
    for (const link of next) follow(isFolder ? link : path.normalize(path.join(path.dirname(file), link)))
  }
  const docs = documents.filter((file) => file.startsWith("docs/"))
  follow("README.md")
  expect(docs.filter((file) => !seen.has(file))).toEqual([])
})

it("ARCHITECTURE.md names only places that there are", () => {
  const rows = textOf("ARCHITECTURE.md")
    .split("\n")
    .filter((line) => line.startsWith("|"))
  const missing = rows.flatMap((row) => {
    let folder = "."
    return [...row.matchAll(/`([\w@<>*./…-]+)`/g)]
      .map(([, name = ""]) => name)
      .filter((name) => /[/.]/.test(name))
      .filter((name) => {
        const pattern = name.replace("<type>", "csv").replace("…/", "packages/core/src/")
        const found = [".", folder, "packages/core", "packages/core/src"]
          .map((start) => path.join(start, pattern))
          .find((candidate) => globSync(candidate, { cwd: root }).length > 0)
        folder = found === undefined ? folder : /\.\w+$/.test(found) ? path.dirname(found) : found
        return found === undefined
      })
  })
  expect(missing).toEqual([])
})

describe("the README", () => {
  const snippets = [...textOf("README.md").matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = ""]) => code.trimEnd().split("\n"))
  it("says in five lines what it is for", () => {
    const about = textOf("README.md")
      .split("\n## ")[0]
      ?.split("\n")
      .filter((line) => line !== "" && !line.startsWith("# "))
    expect(about).toHaveLength(5)
  })
  it("has an example of at most 20 lines and a source of at most 15", () => {
    expect(snippets.map((lines) => lines.length)).toEqual([expect.toSatisfy((n) => n <= 20), expect.toSatisfy((n) => n <= 15)])
  })
})
