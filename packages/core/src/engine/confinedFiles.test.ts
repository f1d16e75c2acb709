import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { PathError, resolveInside } from "../contract/paths.ts"
import { nodeFiles } from "../node/nodeFiles.ts"
import { confinedFiles } from "./confinedFiles.ts"

let root: string
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), "deltaflow-confined-"))
  mkdirSync(path.join(root, "data"))
  mkdirSync(path.join(root, ".deltaflow/rejected"), { recursive: true })
  for (const name of [".env", "data/users.csv", ".deltaflow/state.db"]) writeFileSync(path.join(root, name), "")
  symlinkSync(path.join(root, ".env"), path.join(root, "data/innocent.csv"))
  symlinkSync(path.join(root, ".deltaflow"), path.join(root, "data/folder"))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const resolve = (wanted: string) => resolveInside(root, wanted, confinedFiles(nodeFiles(), root), false)

it("lets data through, there already or not", async () => {
  for (const wanted of [
    "data/users.csv",
    "users.csv",
    "out/a.b.json",
    "data/new/x.ndjson",
    ".",
    "./data",
    "data",
    "a..b.csv",
    ".deltaflow/rejected/orders/run_1.ndjson",
  ])
    expect(await resolve(wanted)).toBe(path.resolve(root, wanted))
})

it("refuses what is hidden, code, and what the project is made of, also behind a link", async () => {
  const refused = [
    ".env",
    "./.env",
    "data/../.env",
    ".env.production",
    ".deltaflow/state.db",
    ".deltaflow/state.db-wal",
    ".deltaflow/rejected.db",
    ".git/config",
    "deltaflow.yml",
    "pipelines/new.yaml",
    "transforms/index.ts",
    "x.MJS",
    "package.json",
    "PACKAGE.JSON",
    "node_modules/pg/index.txt",
    "data/innocent.csv",
    "data/folder/state.db",
  ]
  for (const wanted of refused) await expect(resolve(wanted), wanted).rejects.toBeInstanceOf(PathError)
})
