import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { withLock } from "./lock.mjs"

let folder = ""
let file = ""

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "deltaflow-lock-"))
  file = path.join(folder, "lock")
})

afterEach(() => rmSync(folder, { recursive: true }))

/** Another process that takes the lock and writes that it came and that it went. */
const holdFor = async (milliseconds: number, log: string) => {
  const program = `
    import { appendFileSync } from "node:fs"
    import { withLock } from ${JSON.stringify(path.join(import.meta.dirname, "lock.mjs"))}
    withLock(${JSON.stringify(file)}, () => {
      appendFileSync(${JSON.stringify(log)}, "in ")
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${milliseconds})
      appendFileSync(${JSON.stringify(log)}, "out ")
    })`
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: "inherit" })
  const [code] = await once(child, "exit")
  expect(code).toBe(0)
}

it("lets one process in at a time", async () => {
  const log = path.join(folder, "log")
  await Promise.all([holdFor(150, log), holdFor(150, log), holdFor(150, log)])
  expect(readFileSync(log, "utf8")).toBe("in out in out in out ")
})

it("takes over from a holder that was killed", () => {
  // No process has this number: it is above the largest that Linux and macOS give.
  writeFileSync(file, "99999999")
  let entered = false
  withLock(file, () => {
    entered = true
  })
  expect(entered).toBe(true)
  expect(existsSync(file)).toBe(false)
})
