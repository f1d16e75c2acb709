import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { nodeFiles } from "../../node/nodeFiles.ts"
import { SpillFile } from "./spill.ts"

let folder = ""
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "spill-"))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const open = () => SpillFile.open({ files: nodeFiles(), folder, place: "orders / transforms[0] (sort)", now: Date.now, timeout: 60_000 })

test("blocks are read back from their places, and the file has no name meanwhile", async () => {
  const spill = await open()
  const first = await spill.append(Buffer.from("one"))
  const second = await spill.append(Buffer.from("two three"))
  expect([first, second]).toEqual([
    { start: 0, end: 3 },
    { start: 3, end: 12 },
  ])
  const buffer = new Uint8Array(9)
  expect(await spill.read(buffer, second.start)).toBe(9)
  expect(Buffer.from(buffer).toString()).toBe("two three")
  expect(await spill.read(buffer, 10)).toBe(2)
  expect(readdirSync(folder)).toEqual([])
  await spill.close()
})

test("what a process left that was killed between making the file and removing it is taken away", async () => {
  const [old, young] = [path.join(folder, "a.spill"), path.join(folder, "b.spill")]
  const other = path.join(folder, "c.txt")
  for (const file of [old, young, other]) writeFileSync(file, "")
  for (const file of [old, other]) utimesSync(file, 1, 1)
  await (await open()).close()
  expect([old, young, other].map((file) => existsSync(file))).toEqual([false, true, true])
})

test("a disk that does not answer is an error after the time that a step has", async () => {
  const files = nodeFiles()
  const hanging = {
    ...files,
    openWrite: async (file: string, mode: "create" | "append") => ({
      ...(await files.openWrite(file, mode)),
      write: () => new Promise<void>(() => {}),
    }),
  }
  const spill = await SpillFile.open({ files: hanging, folder, place: "orders / transforms[0] (sort)", now: Date.now, timeout: 20 })
  await expect(spill.append(Buffer.from("one"))).rejects.toMatchObject({
    code: "STEP_TIMEOUT",
    message: `orders / transforms[0] (sort): the disk did not answer within 0.02 s while rows were kept in ${folder}. See what the disk waits for, or raise timeout.`,
  })
  await spill.close()
})

test("a process that is killed while it spills leaves nothing", async () => {
  const script = `
    const { SpillFile } = await import(${JSON.stringify(new URL("./spill.ts", import.meta.url).href)})
    const { nodeFiles } = await import(${JSON.stringify(new URL("../../node/nodeFiles.ts", import.meta.url).href)})
    const spill = await SpillFile.open({ files: nodeFiles(), folder: process.argv[1], place: "x", now: Date.now, timeout: 1000 })
    await spill.append(new Uint8Array(1_000_000))
    console.log("spilled")
    setInterval(() => {}, 1000)`
  const flags = ["--conditions=source", "--disable-warning=ExperimentalWarning", "--input-type=module"]
  const child = spawn(process.execPath, [...flags, "-e", script, folder], { stdio: ["ignore", "pipe", "inherit"] })
  await new Promise((resolve) => child.stdout.once("data", resolve))
  child.kill("SIGKILL")
  const [, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    child.once("exit", (code, name) => {
      resolve([code, name])
    }),
  )
  expect(signal).toBe("SIGKILL")
  expect(readdirSync(folder)).toEqual([])
})
