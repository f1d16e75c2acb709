import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { nodeFiles } from "./nodeFiles.ts"

const files = nodeFiles()
let folder = ""
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "node-files-"))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const at = (name: string) => path.join(folder, name)
const bytes = (text: string) => new TextEncoder().encode(text)

test("`create` makes a new file and leaves one that is there alone", async () => {
  const handle = await files.openWrite(at("a"), "create")
  await handle.write(bytes("one"))
  await handle.write(bytes(" two"))
  await handle.sync()
  await handle.close()
  expect(readFileSync(at("a"), "utf8")).toBe("one two")
  await expect(files.openWrite(at("a"), "create")).rejects.toMatchObject({ code: "EEXIST" })
  symlinkSync(at("elsewhere"), at("link"))
  await expect(files.openWrite(at("link"), "create")).rejects.toMatchObject({ code: "EEXIST" })
  expect(existsSync(at("elsewhere"))).toBe(false)
})

test("`append` makes a file or goes on at its end", async () => {
  for (const part of ["a", "b"]) {
    const handle = await files.openWrite(at("log"), "append")
    await handle.write(bytes(part))
    await handle.close()
  }
  expect(readFileSync(at("log"), "utf8")).toBe("ab")
})

test.each(["create", "append"] as const)(
  "after `truncate` a file opened with `%s` goes on at its new end, without a hole",
  async (mode) => {
    const handle = await files.openWrite(at("a"), mode)
    await handle.write(bytes("12345"))
    await handle.truncate(2)
    await handle.write(bytes("x"))
    await handle.close()
    expect(readFileSync(at("a"), "utf8")).toBe("12x")
  },
)

test("reads at any place, and gives 0 at the end", async () => {
  writeFileSync(at("a"), "0123456789")
  const handle = await files.openRead(at("a"))
  const buffer = new Uint8Array(4)
  expect([await handle.read(buffer, 3), new TextDecoder().decode(buffer)]).toEqual([4, "3456"])
  expect(await handle.read(buffer, 8)).toBe(2)
  expect(await handle.read(buffer, 10)).toBe(0)
  await handle.close()
  await handle.close()
})

test("names come sorted by code point", async () => {
  const names = ["b", "a", "B", "10", "2", "é", "\u{1F600}", "\uFFFD"]
  for (const name of names) writeFileSync(at(name), "")
  expect(await files.list(folder)).toEqual(["10", "2", "B", "a", "b", "é", "\uFFFD", "\u{1F600}"])
})

test("what is missing is undefined, and so is what lies below a file", async () => {
  writeFileSync(at("file"), "")
  for (const name of ["none", "none/below", "file/below"]) {
    expect(await files.stat(at(name))).toBeUndefined()
    expect(await files.realPath(at(name))).toBeUndefined()
  }
})

test("a link that leads nowhere is told apart from nothing", async () => {
  symlinkSync(at("nowhere"), at("link"))
  await expect(files.realPath(at("link"))).rejects.toMatchObject({ code: "ENOENT" })
  expect(await files.stat(at("link"))).toBeUndefined()
})

test("tells files, folders and others apart", async () => {
  writeFileSync(at("file"), "abc")
  expect(await files.stat(at("file"))).toEqual({ size: 3, modifiedMs: statSync(at("file")).mtimeMs, kind: "file" })
  expect((await files.stat(folder))?.kind).toBe("directory")
  expect((await files.stat("/dev/null"))?.kind).toBe("other")
})

test("makes folders with those above, and again without complaint", async () => {
  await files.makeDirectory(at("x/y/z"))
  await files.makeDirectory(at("x/y/z"))
  expect(readdirSync(at("x"))).toEqual(["y"])
})

test("renames over a file, removes files only, and syncs the folder", async () => {
  writeFileSync(at("new"), "new")
  writeFileSync(at("old"), "old")
  await files.rename(at("new"), at("old"))
  await files.syncDirectory(folder)
  expect(readFileSync(at("old"), "utf8")).toBe("new")
  await files.remove(at("old"))
  await expect(files.remove(at("old"))).rejects.toMatchObject({ code: "ENOENT" })
  mkdirSync(at("folder"))
  await expect(files.remove(at("folder"))).rejects.toThrow("directory")
  expect(readdirSync(folder)).toEqual(["folder"])
})

test("failures carry Node's own codes", async () => {
  writeFileSync(at("file"), "")
  await expect(files.openRead(at("none"))).rejects.toMatchObject({ code: "ENOENT" })
  await expect(files.openWrite(at("file/below"), "create")).rejects.toMatchObject({ code: "ENOTDIR" })
  await expect(files.list(at("none"))).rejects.toMatchObject({ code: "ENOENT" })
})
