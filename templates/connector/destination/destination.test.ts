import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { memorySource } from "@deltaflow/connectors/memory"
import { createEngine } from "@deltaflow/core"
import { afterEach, beforeEach, expect, it } from "vitest"
import { acmeOrdersDestination } from "./index.ts"

let projectRoot = ""

beforeEach(() => {
  projectRoot = mkdtempSync(join(tmpdir(), "acme-orders-"))
})

afterEach(() => rmSync(projectRoot, { recursive: true }))

const pipeline = {
  name: "acme-orders",
  sources: [{ type: "memory", batch_size: 2 }],
  destinations: [{ type: "acme-orders", path: "out/rows.jsonl" }],
}

const write = async (rows: () => Iterable<object>) => {
  await using engine = createEngine({ plugins: [memorySource({ rows }), acmeOrdersDestination], projectRoot })
  return await engine.run(pipeline)
}

const written = () => readFileSync(join(projectRoot, "out/rows.jsonl"), "utf8")

it("writes every row once, in order", async () => {
  const run = await write(() => [{ id: 1 }, { id: 2 }, { id: 3 }])
  expect(run.rowsLoaded).toBe(3)
  expect(written()).toBe('{"id":1}\n{"id":2}\n{"id":3}\n')
})

it("replaces what was there", async () => {
  await write(() => [{ id: 1 }])
  await write(() => [{ id: 2 }])
  expect(written()).toBe('{"id":2}\n')
})

it("leaves the old file, and no draft, where the run fails", async () => {
  await write(() => [{ id: 1 }])
  const failing = write(function* () {
    yield { id: 2 }
    yield { id: 3 }
    throw new Error("the source broke")
  })
  await expect(failing).rejects.toThrow("the source broke")
  expect(written()).toBe('{"id":1}\n')
  expect(readdirSync(join(projectRoot, "out"))).toEqual(["rows.jsonl"])
})

it("goes on where a killed run left its draft", async () => {
  await write(() => [{ id: 1 }])
  writeFileSync(join(projectRoot, "out/rows.jsonl.draft"), '{"id":')
  await write(() => [{ id: 2 }])
  expect(written()).toBe('{"id":2}\n')
})
