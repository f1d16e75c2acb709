/** The tests can fail: each bug that is put into the sources makes its suite fail. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { type SeededBug, seededBugs } from "./seededBugs.ts"

const root = path.resolve(import.meta.dirname, "../../..")

interface Report {
  readonly numFailedTests: number
}

/** Runs the suite with the bug in its file. */
const reportWith = async ({ name, suite }: SeededBug): Promise<Report> => {
  const { DELTAFLOW_RESULTS: _, ...env } = process.env
  const vitest = path.join(root, "node_modules/vitest/vitest.mjs")
  const folder = mkdtempSync(path.join(tmpdir(), "deltaflow-bug-"))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const outputFile = path.join(folder, "report.json")
  const args = ["run", "--project", suite.project, suite.file, "-t", suite.tests, "--reporter=json", `--outputFile=${outputFile}`]
  const child = spawn(process.execPath, [vitest, ...args], {
    cwd: root,
    env: { ...env, DELTAFLOW_SEEDED_BUG: name, DELTAFLOW_SEEDS: "6000", DELTAFLOW_SEED: "1" },
    stdio: "ignore",
  })
  await once(child, "close")
  return JSON.parse(readFileSync(outputFile, "utf8")) as Report
}

test.each(seededBugs)("found: $name", async (bug) => {
  for (const { file, find } of bug.edits) expect(readFileSync(path.join(root, file), "utf8").split(find)).toHaveLength(2)
  expect((await reportWith(bug)).numFailedTests).toBeGreaterThan(0)
})
