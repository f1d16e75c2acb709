import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { makeConnector, objection, renamed } from "./new.mjs"

const repository = path.resolve(import.meta.dirname, "..")
let root = ""

beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), "deltaflow-new-"))
  cpSync(path.join(repository, "templates", "connector"), path.join(root, "templates", "connector"), {
    recursive: true,
    filter: (file) => !file.includes("node_modules"),
  })
})

afterEach(() => rmSync(root, { recursive: true }))

it.each(["source", "destination"])("makes a %s that speaks of its own name only", (kind) => {
  const files = makeConnector(root, "google-sheets-2", kind)
  expect(files.map((file) => path.basename(file)).sort()).toEqual([`${kind}.test.ts`, `${kind}.ts`, "index.ts"].sort())
  const text = files.map((file) => readFileSync(path.join(root, file), "utf8")).join("\n")
  expect(text).not.toMatch(/acme/i)
  expect(text).toContain(`type: "google-sheets-2"`)
  expect(text).toContain(`googleSheets2${kind === "source" ? "Source" : "Destination"}`)
})

it("leaves a connector that is there already as it is", () => {
  makeConnector(root, "shop", "source")
  expect(() => makeConnector(root, "shop", "destination")).toThrow("packages/connectors/src/shop is there already")
  expect(readdirSync(path.join(root, "packages/connectors/src/shop"))).not.toContain("destination.ts")
})

it.each([
  [undefined, "source", "it needs a name"],
  ["Shop", "source", '"Shop" is no name'],
  ["../shop", "source", '"../shop" is no name'],
  ["shop-", "source", '"shop-" is no name'],
  ["shop", undefined, "--kind is missing"],
  ["shop", "transform", "--kind is transform"],
])("refuses the name %s of kind %s", (name, kind, message) => {
  expect(objection(name, kind)).toContain(message)
  expect(existsSync(path.join(root, "packages"))).toBe(false)
})

it("puts the name in as it is written in each place", () => {
  expect(renamed("acme-orders acmeOrdersSource AcmeOrdersConfig", "s3")).toBe("s3 s3Source S3Config")
})
