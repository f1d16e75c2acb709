/**
 * Are the packages what a user gets? Each is packed, looked at by publint and attw, and installed into an empty app, where
 * every sub-path is imported and required, and the command is started, under the oldest Node that we promise and the newest.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import { inOrder, run } from "./processes.mjs"
import { packageFolders } from "./stamps.mjs"

const root = path.resolve(import.meta.dirname, "..")

/** The oldest Node that `engines` promises. */
const oldestNode = "22.18.0"

/** What `@deltaflow/core` may bring along beside Effect. */
const limits = { packages: 15, megabytes: 12 }

/** @param {string} file */
const readJson = (file) => JSON.parse(readFileSync(file, "utf8"))

/** @typedef {{ name: string, folder: string, tarball: string }} Packed */

/** @param {string} work @returns {Promise<{ ok: boolean, output: string, packed: Packed[] }>} */
const packAll = async (work) => {
  const folders = packageFolders(root).filter((folder) => readJson(path.join(folder, "package.json")).private !== true)
  const packed = []
  for (const folder of folders) {
    const { name, version } = readJson(path.join(folder, "package.json"))
    const outcome = await run("pnpm", ["pack", "--pack-destination", work], { cwd: folder })
    if (!outcome.ok) return { ...outcome, packed }
    packed.push({ name, folder, tarball: path.join(work, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`) })
  }
  return { ok: true, output: "", packed }
}

/**
 * The sub-paths that a package promises. A pattern stands for every module of that shape in the sources, not in what was packed:
 * what the build left out has to be missed.
 *
 * @param {Packed} packed
 */
const subPaths = ({ name, folder }) => {
  /** @type {Record<string, string | { source: string }>} */
  const exported = readJson(path.join(folder, "package.json")).exports
  return Object.entries(exported).flatMap(([key, target]) => {
    if (!key.includes("*")) return [path.posix.join(name, key)]
    const [before = "", after = ""] = (typeof target === "string" ? target : target.source).split("*")
    return readdirSync(path.join(folder, before), { withFileTypes: true })
      .filter((entry) => existsSync(path.join(folder, before, entry.name + after)))
      .map((entry) => path.posix.join(name, key.replace("*", entry.name)))
  })
}

/** attw looks behind a pattern only where it is told what is there. @param {Packed} packed */
const lintTarball = (packed) => {
  const { name, tarball } = packed
  const entries = subPaths(packed).map((subPath) => subPath.replace(name, "."))
  return inOrder([
    () => run("publint", ["run", tarball, "--strict"]),
    () => run("attw", ["--profile", "esm-only", "--no-color", "--no-emoji", "--entrypoints", ...entries, "--", tarball]),
  ])
}

/** Runs in the app: prints a line for every sub-path that does not load both ways. */
const loader = (/** @type {string[]} */ names) => `
import { createRequire } from "node:module"
const require = createRequire(import.meta.url)
for (const name of ${JSON.stringify(names)}) {
  const imported = name.endsWith(".json") ? {} : await import(name)
  const required = require(name)
  const missing = Object.keys(imported).filter((key) => !(key in required))
  if (missing.length > 0) throw new Error(name + ": require() lacks " + missing.join(", "))
  if (!name.endsWith(".json") && Object.keys(imported).length === 0) throw new Error(name + ": exports nothing")
}
console.log(${names.length} + " sub-paths")
`

/** Runs in the app: reads a file that is large enough for worker threads, which have to find their own files in the packages. */
const worker = `
import { rmSync, writeFileSync } from "node:fs"
import { builtins } from "@deltaflow/connectors"
import { createEngine } from "@deltaflow/core"
const rows = 500_000
writeFileSync("in.csv", "id,name\\n" + Array.from({ length: rows }, (_, i) => i + ",a name that makes the row longer " + i + "\\n").join(""))
const engine = createEngine({ plugins: builtins })
const result = await engine.run({
  name: "large",
  defaults: { workers: 2 },
  sources: [{ type: "csv", path: "in.csv" }],
  transforms: [{ type: "filter", condition: "id >= 0 AND name ~ '^a'" }],
  destinations: [{ type: "ndjson", path: "out.ndjson" }],
})
await engine.close()
for (const file of ["in.csv", "out.ndjson"]) rmSync(file)
if (result.rowsLoaded !== rows) throw new Error(result.rowsLoaded + " rows were loaded, not " + rows)
`

/** In the app: a project as in the tutorial, with a step in TypeScript. */
const project = {
  "people.csv": "id,name\n1,Ada\n2,Bo\n",
  "initial.ts": "export default (row: { name: string }) => ({ initial: row.name.slice(0, 1) })\n",
  "deltaflow.yml": `name: people
sources: [{ type: csv, path: people.csv }]
transforms: [{ type: custom, module: initial.ts, mode: patch }, { type: sql, query: "SELECT * FROM input ORDER BY id DESC" }]
destinations: [{ type: sqlite, path: people.db, table: people }]
`,
}

/** An app with nothing but our tarballs. @param {string} app @param {Packed[]} packed */
const installApp = async (app, packed) => {
  mkdirSync(app, { recursive: true })
  writeFileSync(path.join(app, "package.json"), JSON.stringify({ name: "app", private: true, type: "module" }))
  const outcome = await run("npm", ["install", "--no-audit", "--no-fund", ...packed.map(({ tarball }) => tarball)], { cwd: app })
  if (!outcome.ok) return outcome
  writeFileSync(path.join(app, "load.mjs"), loader(packed.flatMap(subPaths)))
  writeFileSync(path.join(app, "worker.mjs"), worker)
  for (const [file, text] of Object.entries(project)) writeFileSync(path.join(app, file), text)
  return outcome
}

/** Kept between runs: the same version never changes. */
const oldNode = async () => {
  const home = path.join(root, "node_modules", ".cache", `node-${oldestNode}`)
  const binary = path.join(home, "node_modules", ".bin", "node")
  if (existsSync(binary)) return { ok: true, output: "", binary }
  mkdirSync(home, { recursive: true })
  writeFileSync(path.join(home, "package.json"), JSON.stringify({ name: "oldest-node", private: true }))
  const outcome = await run("npm", ["install", "--no-audit", "--no-fund", `node@${oldestNode}`], { cwd: home })
  return { ...outcome, binary }
}

/** The command under a Node, which must not add talk of its own. @param {string} app @param {string} node @param {string} name */
const runCommand = async (app, node, name) => {
  const outcome = await run(node, ["node_modules/deltaflow/bin/deltaflow.js", name], { cwd: app })
  return { ...outcome, ok: outcome.ok && !outcome.output.includes("Warning") }
}

/** @param {string} app @param {string} node */
const loadUnder = (app, node) =>
  inOrder([
    () => run(node, ["load.mjs"], { cwd: app }),
    () => run(node, ["worker.mjs"], { cwd: app }),
    ...["--version", "validate", "run", "doctor"].map((name) => () => runCommand(app, node, name)),
  ])

/** @param {string} folder @returns {number} */
const sizeOf = (folder) =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(path.join(entry.parentPath, entry.name)).size, 0)

/** What a package pulls in, itself included, Effect left out. @param {string} app @param {string} name @param {Set<string>} seen */
const closure = (app, name, seen = new Set()) => {
  if (seen.has(name) || name === "effect") return seen
  seen.add(name)
  const { dependencies = {} } = readJson(path.join(app, "node_modules", name, "package.json"))
  for (const next of Object.keys(dependencies)) closure(app, next, seen)
  return seen
}

/** @param {string} app */
const weighCore = (app) => {
  const names = [...closure(app, "@deltaflow/core")]
  const megabytes = names.reduce((sum, name) => sum + sizeOf(path.join(app, "node_modules", name)), 0) / 1e6
  const ok = names.length <= limits.packages && megabytes <= limits.megabytes
  const found = `${names.length} packages, ${megabytes.toFixed(1)} MB beside effect: ${names.join(", ")}`
  return { ok, output: ok ? "" : `@deltaflow/core: ${found}. The limit is ${limits.packages} packages and ${limits.megabytes} MB.\n` }
}

/** @param {string} work */
const checkIn = async (work) => {
  const app = path.join(work, "app")
  const { packed, ...packing } = await packAll(work)
  if (!packing.ok) return packing
  const node = await oldNode()
  if (!node.ok) return node
  return inOrder([
    () => installApp(app, packed),
    ...packed.map((one) => () => lintTarball(one)),
    async () => weighCore(app),
    () => loadUnder(app, process.execPath),
    () => loadUnder(app, node.binary),
  ])
}

export const checkPackages = async () => {
  const build = await run("node", ["scripts/build.mjs"], { cwd: root })
  if (!build.ok) return build
  const work = mkdtempSync(path.join(os.tmpdir(), "deltaflow-packages-"))
  try {
    return await checkIn(work)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
