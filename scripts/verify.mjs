/**
 * Everything that a change must pass, part by part: `pnpm verify`, or `pnpm verify --only types,lint`.
 *
 * Each part prints one line with its time; one that fails prints what it said.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import path from "node:path"
import { parseArgs } from "node:util"
import { checkExamples } from "./examples.mjs"
import { checkHouse } from "./houseRules.mjs"
import { checkPackages } from "./packages.mjs"
import { inOrder, run } from "./processes.mjs"

/** @typedef {{ ok: boolean, output: string, skipped?: string }} Outcome */
/** @typedef {{ name: string, about: string, check: () => Promise<Outcome>, countsItself?: boolean }} Part */

const root = path.resolve(import.meta.dirname, "..")
process.chdir(root)
process.env["PATH"] = path.join(root, "node_modules", ".bin") + path.delimiter + process.env["PATH"]

const checkDocs = async () =>
  existsSync("scripts/docs.mjs")
    ? run("node", ["scripts/docs.mjs", "--check"])
    : { ok: true, output: "", skipped: "scripts/docs.mjs is not there" }

const checkRules = async () => {
  const found = checkHouse()
  return { ok: found.length === 0, output: found.map((line) => `${line}\n`).join("") }
}

const checkTypes = () => inOrder([() => run("tsc", ["-p", "tsconfig.json"]), () => run("tsc", ["-p", "scripts/tsconfig.json"])])

/** @type {Part[]} */
const parts = [
  { name: "format", about: "oxfmt", check: () => run("oxfmt", ["--check", "."]) },
  { name: "lint", about: "oxlint, with types", check: () => run("oxlint", ["--type-aware", "--quiet"]) },
  { name: "house", about: "words, names, line length", check: checkRules },
  { name: "types", about: "sources, tests, examples, scripts", check: checkTypes },
  { name: "unused", about: "knip: files and dependencies", check: () => run("knip", []) },
  {
    name: "kernel",
    about: "the WebAssembly is what its sources give",
    check: () => run("node", ["packages/core/kernel/build.mjs", "--check"]),
  },
  { name: "docs", about: "generated pages are fresh", check: checkDocs },
  { name: "exports", about: "pack, publint, attw, install under Node 22 and 24", check: checkPackages },
  { name: "bench", about: "the bench checks its contenders right", check: () => run("node", ["--test", "bench/harness/*.test.ts"]) },
  { name: "examples", about: "each one runs", check: checkExamples },
  { name: "t1", about: "the large suites", check: () => run("vitest", ["run", "--project=t1", "--passWithNoTests"]), countsItself: true },
]

/** @param {Part} part */
const perform = async (part) => {
  const started = performance.now()
  const outcome = await part.check().catch((cause) => ({ ok: false, output: `${cause?.stack ?? cause}\n`, skipped: undefined }))
  const seconds = `${((performance.now() - started) / 1000).toFixed(1)} s`
  const mark = outcome.skipped !== undefined ? "-" : outcome.ok ? "✓" : "✗"
  process.stdout.write(`${mark} ${part.name.padEnd(9)}${seconds.padStart(8)}  ${outcome.skipped ?? part.about}\n`)
  if (!outcome.ok) process.stdout.write(`${outcome.output.trimEnd().replaceAll(/^/gm, "    ")}\n`)
  return { ...part, ok: outcome.ok, isSkipped: outcome.skipped !== undefined }
}

/** @param {string} [only] */
const chosenParts = (only) => {
  if (only === undefined) return parts
  const names = only.split(",")
  const unknown = names.filter((name) => !parts.some((part) => part.name === name))
  if (unknown.length === 0) return parts.filter((part) => names.includes(part.name))
  process.stderr.write(`verify: no part is named ${unknown.join(", ")}. The parts: ${parts.map(({ name }) => name).join(", ")}.\n`)
  process.exit(2)
}

const { values } = parseArgs({ options: { only: { type: "string" } } })
const results = []
for (const part of chosenParts(values.only)) results.push(await perform(part))

const failed = results.filter(({ ok }) => !ok)
process.stdout.write(failed.length === 0 ? "\nverify: all well\n" : `\nverify: ${failed.map(({ name }) => name).join(", ")} failed\n`)
process.exitCode = failed.length === 0 ? 0 : 1

const folder = process.env["DELTAFLOW_RESULTS"]
if (folder !== undefined) {
  // A suite that counts its own tests is a check of its own only when it fails before any test does.
  const counted = results.filter(({ countsItself }) => countsItself !== true)
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    path.join(folder, "verify.json"),
    JSON.stringify({
      passed: counted.filter(({ ok, isSkipped }) => ok && !isSkipped).length,
      failed: counted.filter(({ ok }) => !ok).length,
      skipped: counted.filter(({ isSkipped }) => isSkipped).length,
    }),
  )
}
