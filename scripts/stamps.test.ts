import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { buildStamp, installStamp, isBuilt } from "./stamps.mjs"

let root = ""

const write = (file: string, text: string) => {
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
  writeFileSync(path.join(root, file), text)
}

beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), "deltaflow-stamps-"))
  const files = ["tsconfig.base.json", "tsconfig.build.json", "scripts/build.mjs", "pnpm-lock.yaml", "pnpm-workspace.yaml"]
  for (const file of files) write(file, "{}")
  write("packages/core/package.json", "{}")
  write("packages/core/src/index.ts", "export const a = 1")
})

afterEach(() => rmSync(root, { recursive: true }))

it("asks for a build after a source, and not after a test, was written", () => {
  const before = buildStamp(root)
  write("packages/core/src/index.test.ts", "")
  expect(buildStamp(root)).toBe(before)
  write("packages/core/src/model/Row.ts", "")
  expect(buildStamp(root)).not.toBe(before)
})

it("asks for a build after the way to build has changed", () => {
  const before = buildStamp(root)
  write("scripts/build.mjs", "export {}")
  expect(buildStamp(root)).not.toBe(before)
})

it("asks for a build after a source was removed", () => {
  write("packages/core/src/model/Row.ts", "")
  const before = buildStamp(root)
  rmSync(path.join(root, "packages/core/src/model/Row.ts"))
  expect(buildStamp(root)).not.toBe(before)
})

it("asks for an install after the lock file changed", () => {
  const before = installStamp(root)
  write("pnpm-lock.yaml", "changed: true")
  expect(installStamp(root)).not.toBe(before)
})

it("takes a package without dist as not built", () => {
  expect(isBuilt(root)).toBe(false)
  mkdirSync(path.join(root, "packages/core/dist"))
  expect(isBuilt(root)).toBe(true)
})
