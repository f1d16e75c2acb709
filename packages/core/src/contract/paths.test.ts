import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { mkdir } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { nodeFiles } from "../node/nodeFiles.ts"
import type { Files } from "./Files.ts"
import { PathError, resolveInside } from "./paths.ts"

const files = nodeFiles()
const CANARY = "outside of the project"

let base = ""
let root = ""
let outside = ""

beforeAll(() => {
  base = realpathSync(mkdtempSync(path.join(tmpdir(), "paths-")))
  root = path.join(base, "project")
  outside = path.join(base, "outside")
  mkdirSync(path.join(root, "data", "deep"), { recursive: true })
  mkdirSync(path.join(base, "project-2"))
  mkdirSync(outside)
  for (const file of ["secret.csv", "passwd"]) writeFileSync(path.join(outside, file), CANARY)
  writeFileSync(path.join(base, "secret.csv"), CANARY)
  writeFileSync(path.join(base, "project-2", "secret.csv"), CANARY)
  writeFileSync(path.join(root, "data", "in.csv"), "inside")
  const links: Record<string, string> = {
    "out-dir": outside,
    "out-file": path.join(outside, "secret.csv"),
    "out-relative": "../outside",
    "out-new": path.join(outside, "created.csv"),
    "out-new-dir": path.join(outside, "no-such-folder"),
    parent: "..",
    disk: "/",
    "null-device": "/dev/null",
    "zero-device": "/dev/zero",
    self: "/proc/self/root",
    loop: "loop",
    "loop-a": "loop-b",
    "loop-b": "loop-a",
    "chain-1": "chain-2",
    "chain-2": "chain-3",
    "chain-3": "../outside",
    "data/deep/up": "../../..",
    "data/deep/out": "../../../outside",
    "in-dir": "data",
    "in-file": "data/in.csv",
    "in-new": "data/new.csv",
  }
  for (const [name, target] of Object.entries(links)) symlinkSync(target, path.join(root, name))
  execFileSync("mkfifo", [path.join(root, "pipe")])
})

afterAll(() => rmSync(base, { recursive: true, force: true }))

const climb = (times: number, separator = "/") => `..${separator}`.repeat(times)

/** What must be refused, whatever stands on the disk. */
const refusedTexts = (): ReadonlyArray<string> => [
  "",
  " ",
  "\t",
  "..",
  "../",
  "./..",
  ".//..",
  ...[1, 2, 3, 4, 6, 8, 12, 40].flatMap((times) => [
    `${climb(times)}secret.csv`,
    `${climb(times)}etc/passwd`,
    `${climb(times, "\\")}secret.csv`,
  ]),
  "data/../../secret.csv",
  "data/deep/../../../secret.csv",
  "data/./../../secret.csv",
  "data//..//..//secret.csv",
  "data/../data/../../secret.csv",
  "no-such/../../secret.csv",
  "data/in.csv/../../../secret.csv",
  "../project-2/secret.csv",
  "../outside/secret.csv",
  "../outside/created.csv",
  "..//outside//secret.csv",
  "../project/../secret.csv",
  "/etc/passwd",
  "/etc/shadow",
  "/",
  "//",
  "///etc/passwd",
  "//etc/passwd",
  "/./etc/passwd",
  "/../etc/passwd",
  "/dev/null",
  "/dev/zero",
  "/dev/stdin",
  "/dev/fd/0",
  "/proc/self/environ",
  "/proc/self/cwd/secret.csv",
  "/proc/self/root/etc/passwd",
  "/tmp/created.csv",
  `${root}/../secret.csv`,
  `${root}/../outside/secret.csv`,
  `${root}-2/secret.csv`,
  `${outside}/secret.csv`,
  "..\\secret.csv",
  "..\\..\\secret.csv",
  "data\\..\\..\\secret.csv",
  "data/..\\..\\secret.csv",
  "data\\../..\\secret.csv",
  ".\\..\\secret.csv",
  "\\etc\\passwd",
  "\\",
  "\\\\server\\share\\secret.csv",
  "//server/share/secret.csv",
  "\\\\?\\C:\\secret.csv",
  "\\\\.\\COM1",
  "\\\\.\\PhysicalDrive0",
  "\\??\\C:\\secret.csv",
  "/\\server/share",
  "C:\\Windows\\win.ini",
  "C:/Windows/win.ini",
  "c:secret.csv",
  "C:",
  "z:\\secret.csv",
  "\0",
  "data/in.csv\0",
  "data/in.csv\0.txt",
  "data\0/../../secret.csv",
  "../secret.csv\0.csv",
  "\0/etc/passwd",
]

/** What must be refused for what stands on the disk. */
const refusedLinks: ReadonlyArray<string> = [
  "out-dir",
  "out-dir/",
  "out-dir/secret.csv",
  "out-dir/created.csv",
  "out-dir/new/created.csv",
  "out-dir/./secret.csv",
  "out-file",
  "out-relative/secret.csv",
  "out-relative/created.csv",
  "out-new",
  "out-new-dir",
  "out-new-dir/created.csv",
  "parent",
  "parent/secret.csv",
  "parent/outside/secret.csv",
  "parent/created.csv",
  "disk/etc/passwd",
  "disk/tmp/created.csv",
  "null-device",
  "zero-device",
  "self/etc/passwd",
  "loop",
  "loop/x",
  "loop-a",
  "loop-b/x",
  "chain-1/secret.csv",
  "chain-1/created.csv",
  "chain-2",
  "chain-3/passwd",
  "data/deep/up/secret.csv",
  "data/deep/up/created.csv",
  "data/deep/out/secret.csv",
  "data/deep/out",
  "in-dir/deep/out/secret.csv",
  "in-dir/deep/up/created.csv",
  "parent/project/out-dir/secret.csv",
  "pipe",
]

/** What looks wrong, and stays inside: nobody decodes, expands or normalises it. */
const harmless = (): ReadonlyArray<string> => [
  ".",
  "./",
  "data",
  "data/in.csv",
  "./data/in.csv",
  "data//in.csv",
  "data/../data/in.csv",
  "data/deep/../in.csv",
  "no-such/../data/in.csv",
  "../project/data/in.csv",
  "out-dir/../data/in.csv",
  "parent/project/data/in.csv",
  "in-dir/in.csv",
  "in-dir/new.csv",
  "in-file",
  "%2e%2e%2fsecret.csv",
  "%2e%2e/secret.csv",
  "..%2fsecret.csv",
  "%252e%252e%252fsecret.csv",
  "..%c0%afsecret.csv",
  "..%00/secret.csv",
  "....//secret.csv",
  "...",
  ".../secret.csv",
  "..secret.csv",
  "secret..csv",
  ".. /secret.csv",
  " ../secret.csv",
  "~/secret.csv",
  "~root/secret.csv",
  "$HOME/secret.csv",
  "${HOME}/secret.csv",
  "$(cat secret.csv)",
  "`id`",
  "file:///etc/passwd",
  "http://127.0.0.1/secret.csv",
  "data/*/../in.csv",
  "․․/secret.csv",
  "‥/secret.csv",
  "..∕secret.csv",
  "．．/secret.csv",
  "-",
  "--help",
  "con.csv",
  "nul",
  "aux",
  "new\nline.csv",
  "emoji 😀.csv",
  `${root}/data/in.csv`,
  `${root}`,
  "__proto__",
]

const attempt = async (payload: string): Promise<string | PathError> => {
  try {
    return await resolveInside(root, payload, files, false)
  } catch (error) {
    if (error instanceof PathError) return error
    throw error
  }
}

const deepestReal = (target: string): string => (existsSync(target) ? realpathSync(target) : deepestReal(path.dirname(target)))

const snapshot = () => [base, outside, path.join(base, "project-2")].map((folder) => readdirSync(folder).toSorted())

describe("paths of a config", () => {
  test("more than 150 payloads are tried", () => {
    expect(new Set([...refusedTexts(), ...refusedLinks, ...harmless()]).size).toBeGreaterThanOrEqual(150)
  })

  test("what leads out by its text is refused with PATH_OUTSIDE_PROJECT", async () => {
    for (const payload of refusedTexts())
      expect([payload, await attempt(payload)]).toEqual([payload, expect.objectContaining({ code: "PATH_OUTSIDE_PROJECT" })])
  })

  test("what leads out through a link, or to a device or pipe, is refused with PATH_OUTSIDE_PROJECT", async () => {
    for (const payload of refusedLinks)
      expect([payload, await attempt(payload)]).toEqual([payload, expect.objectContaining({ code: "PATH_OUTSIDE_PROJECT" })])
  })

  test("odd names that stay inside are taken as they are", async () => {
    for (const payload of harmless()) expect([payload, await attempt(payload)]).toEqual([payload, expect.any(String)])
  })

  test("no payload reaches a byte outside, neither by reading nor by writing", async () => {
    const before = snapshot()
    for (const payload of [...refusedTexts(), ...refusedLinks, ...harmless()]) {
      const resolved = await attempt(payload)
      if (typeof resolved !== "string") continue
      expect(`${deepestReal(resolved)}/`.startsWith(`${root}/`)).toBe(true)
      if (existsSync(resolved) && (await files.stat(resolved))?.kind === "file")
        expect(readFileSync(resolved, "utf8")).not.toContain(CANARY)
      await mkdir(path.dirname(resolved), { recursive: true }).catch(() => undefined) // house-rules: allow, a refusal is fine
      const handle = await files.openWrite(resolved, "append").catch(() => undefined) // house-rules: allow, a refusal is fine
      await handle?.close()
    }
    expect(snapshot()).toEqual(before)
  })

  test("links inside are resolved, so that a rename reaches the file and not the link", async () => {
    expect(await resolveInside(root, "in-file", files, false)).toBe(path.join(root, "data/in.csv"))
    expect(await resolveInside(root, "in-dir/new.csv", files, false)).toBe(path.join(root, "data/new.csv"))
  })

  test("a project reached through a link keeps the name that it was given", async () => {
    const linked = path.join(base, "linked")
    symlinkSync(root, linked)
    expect(await resolveInside(linked, "in-dir/in.csv", files, false)).toBe(path.join(linked, "data/in.csv"))
    expect(await resolveInside(linked, `${linked}/data/in.csv`, files, false)).toBe(path.join(linked, "data/in.csv"))
    await expect(resolveInside(linked, "../outside/secret.csv", files, false)).rejects.toThrow("leads out")
    rmSync(linked)
  })

  test("a project that does not exist yet is no reason to refuse", async () => {
    const missing = path.join(base, "missing")
    expect(await resolveInside(missing, "out/a.csv", files, false)).toBe(path.join(missing, "out/a.csv"))
    await expect(resolveInside(missing, "../secret.csv", files, false)).rejects.toThrow(PathError)
  })

  test("`allowOutside` lets paths out, but no NUL byte", async () => {
    expect(await resolveInside(root, "../outside/secret.csv", files, true)).toBe(path.join(outside, "secret.csv"))
    expect(await resolveInside(root, "/dev/null", files, true)).toBe("/dev/null")
    await expect(resolveInside(root, "a\0b", files, true)).rejects.toMatchObject({ code: "PATH_OUTSIDE_PROJECT" })
  })

  test("the message names the path, the reason and what to do", async () => {
    await expect(resolveInside(root, "../secret.csv", files, false)).rejects.toThrow(
      `"../secret.csv": the path leads out of the project's folder. Give a path inside ${root}, or start the engine with \`allowOutside\`.`,
    )
    await expect(resolveInside(root, "out-new", files, false)).rejects.toThrow("cannot be followed (ENOENT)")
  })
})

describe("paths on Windows", () => {
  const windows: Pick<Files, "realPath" | "stat"> = {
    realPath: async (name) => (name.toLowerCase() === "c:\\project" ? "C:\\project" : undefined),
    stat: async () => undefined,
  }
  const resolve = (name: string) => resolveInside("C:\\project", name, windows, false, path.win32)

  test.each([
    "C:\\Windows\\win.ini",
    "c:/windows/win.ini",
    "D:\\x.csv",
    "D:x.csv",
    "\\x.csv",
    "/x.csv",
    "..\\x.csv",
    "../x.csv",
    "data\\..\\..\\x.csv",
    "\\\\server\\share\\x.csv",
    "//server/share/x.csv",
    "\\\\?\\C:\\project\\x.csv",
    "\\\\.\\COM1",
    "C:\\project-2\\x.csv",
    "C:\\project\\..\\x.csv",
    "nul",
    "NUL",
    "con",
    "aux.csv",
    "data\\prn.txt",
    "com1",
    "LPT9.csv",
    "com¹",
    "data/CONIN$",
    "nul .csv",
    "data\\nul\\x.csv",
    "x.csv:stream",
    "x.csv::$DATA",
    "data\\x.csv.",
    "data\\x.csv ",
    ".. \\x.csv",
    "..\\ .\\x.csv",
    "... \\x.csv",
    "data\\.. \\.. \\x.csv",
  ])("%j is refused", async (name) => {
    await expect(resolve(name)).rejects.toMatchObject({ code: "PATH_OUTSIDE_PROJECT" })
  })

  test.each([
    "data\\x.csv",
    "data/x.csv",
    "C:\\project\\data\\x.csv",
    "c:/project/data/x.csv",
    "..\\project\\x.csv",
    "console.csv",
    "nullable.csv",
    "com10.csv",
  ])("%j is taken", async (name) => {
    expect((await resolve(name)).toLowerCase()).toMatch(/^c:\\project\\/)
  })
})
