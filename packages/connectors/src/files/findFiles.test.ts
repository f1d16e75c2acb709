import { mkdirSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { contextOf, projectFolder } from "../../test/harness.ts"
import { findFiles } from "./findFiles.ts"

const files = {
  "a.csv": "",
  "b.csv": "",
  "in/c.csv": "",
  "in/x/d.csv": "",
  "in/x/y/e.csv": "",
  "in/x/y/f.txt": "",
  "in/.hidden/g.csv": "",
  "in/.h.csv": "",
  "odd[1].csv": "",
  "wh?t.csv": "",
}

const find = async (path: string, root = projectFolder(files)) => (await findFiles(contextOf({ root }), path)).map((file) => file.label)

describe("a path", () => {
  it.each([
    ["a.csv", ["a.csv"]],
    ["./a.csv", ["a.csv"]],
    ["in/../a.csv", ["a.csv"]],
    ["no.csv", []],
    ["?.csv", ["a.csv", "b.csv"]],
    ["*.csv", ["a.csv", "b.csv", "odd[1].csv", "wh?t.csv"]],
    ["in/*.csv", ["in/c.csv"]],
    ["in/*/*.csv", ["in/x/d.csv"]],
    ["in/**/*.csv", ["in/c.csv", "in/x/d.csv", "in/x/y/e.csv"]],
    ["in/**", ["in/c.csv", "in/x/d.csv", "in/x/y/e.csv", "in/x/y/f.txt"]],
    ["in/**/y/*", ["in/x/y/e.csv", "in/x/y/f.txt"]],
    ["**/**/e.csv", ["in/x/y/e.csv"]],
    ["in/.h*", ["in/.h.csv"]],
    ["in/**/no.csv", []],
    ["no/**/*.csv", []],
    ["a.csv/*", []],
    ["odd[1].csv", ["odd[1].csv"]],
    ["odd[*].csv", ["odd[1].csv"]],
    ["wh?t.csv", ["wh?t.csv"]],
    ["*a*a*a*a*a*b", []],
  ])("%s names %j", async (path, expected) => {
    expect(await find(path)).toEqual(expected)
  })

  it("finds files in an absolute folder of the project", async () => {
    const root = projectFolder(files)
    expect(await find(`${root}/in/*.csv`, root)).toEqual(["in/c.csv"])
  })

  it("is not slow where a name almost matches", async () => {
    const root = projectFolder({ ["a".repeat(200)]: "" })
    expect(await find(`${"*a".repeat(60)}*b`, root)).toEqual([])
  })

  it("does not follow links in circles, nor out of the project", async () => {
    const root = projectFolder(files)
    symlinkSync(join(root, "in"), join(root, "in/x/loop"))
    expect(await find("in/**/c.csv", root)).toEqual(["in/c.csv"])
    const outside = projectFolder({ "secret.csv": "" })
    mkdirSync(join(root, "links"))
    symlinkSync(join(outside, "secret.csv"), join(root, "links/a.csv"))
    await expect(find("links/*.csv", root)).rejects.toMatchObject({ code: "PATH_OUTSIDE_PROJECT" })
    symlinkSync(outside, join(root, "links/folder"))
    await expect(find("links/folder/*.csv", root)).rejects.toMatchObject({ code: "PATH_OUTSIDE_PROJECT" })
  })
})
