import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { memoryStore } from "@deltaflow/core/store/memory"
import { sqliteStore } from "@deltaflow/core/store/sqlite"
import { expect, test } from "vitest"
import { runLaws } from "./Law.ts"
import { storeLaws } from "./StoreConformance.ts"

const corpus = process.env["DELTAFLOW_CORPUS"]
const strings = corpus === undefined ? [] : (JSON.parse(readFileSync(path.join(corpus, "strings/blns.json"), "utf8")) as Array<string>)

runLaws(
  storeLaws("memory", ({ now }) => ({ open: () => memoryStore({ now }) }), { runs: 300, strings }),
  { test },
)

runLaws(
  storeLaws(
    "sqlite",
    ({ now }) => {
      const folder = mkdtempSync(path.join(tmpdir(), "store-"))
      return {
        open: () => sqliteStore({ path: path.join(folder, ".deltaflow/state.db"), now }),
        dispose: () => rmSync(folder, { recursive: true }),
      }
    },
    { runs: 40, strings, durable: true },
  ),
  { test },
)

test.skipIf(corpus === undefined)("the big list of naughty strings (DELTAFLOW_CORPUS) is among the texts", () => {
  expect(strings.length).toBeGreaterThan(500)
})
