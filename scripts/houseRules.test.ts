import { describe, expect, it } from "vitest"
import { breaches } from "./houseRules.mjs"

const file = "packages/core/src/model/Row.ts"
const brokenBy = (line: string, path = file) => breaches(path, line).length

describe("words", () => {
  it.each([
    "const sink = open()",
    "class FileSink {}",
    "// Reads a record at a time.",
    "const recordCount = 1",
    "const parseRecord = () => 1",
    "import { trim } from './utils'",
    "class RunManager {}",
    "// TODO later",
    "try { go() } catch {}",
    "promise.catch(() => {})",
    'throw new Error("Failed to open")',
    `// ${"x".repeat(138)}`,
    `   * ${"x".repeat(138)}`,
    `/** ${"x".repeat(138)} */`,
  ])("refuses: %s", (line) => {
    expect(brokenBy(line)).toBeGreaterThan(0)
  })

  it.each([
    'import * as Sink from "effect/Sink"',
    "const counts: Record<string, number> = {}",
    "const Options = Schema.Record(Schema.String, Schema.Unknown)",
    "records: Schema.optional(Schema.String)",
    "// The store records the checkpoint first.",
    "// TODO https://example.org/issues/1 until Node 26",
    `// ${"x".repeat(137)}`,
    `const message = "${"x".repeat(137)}"`,
    'import { parseArgs } from "node:util"',
    "record.go() // a name that the SQL parser chose; house-rules: allow",
  ])("allows: %s", (line) => {
    expect(brokenBy(line)).toBe(0)
  })
})

describe("file names", () => {
  it.each([
    "packages/core/src/model/utils.ts",
    "packages/core/src/common/Row.ts",
    "packages/core/src/model/lazy-row.ts",
    "packages/connectors/src/GoogleSheets/index.ts",
  ])("refuses %s", (path) => {
    expect(brokenBy("", path)).toBe(1)
  })

  it.each([
    "packages/core/src/model/Row.ts",
    "packages/core/src/model/lazyRow.test.ts",
    "packages/core/src/model/Row.t1.test.ts",
    "packages/connectors/src/google-sheets/index.ts",
    "packages/connectors/src/index.ts",
  ])("allows %s", (path) => {
    expect(brokenBy("", path)).toBe(0)
  })
})
