/** Runs every example as its reader would: its `test` script, or else its `start` script. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import path from "node:path"
import { inOrder, run } from "./processes.mjs"

const root = path.resolve(import.meta.dirname, "..")

const exampleFolders = () =>
  readdirSync(path.join(root, "examples"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => path.join(root, "examples", entry.name))

/** @param {string} folder */
const runExample = async (folder) => {
  const name = path.relative(root, folder)
  const file = path.join(folder, "package.json")
  if (!existsSync(file)) return { ok: false, output: `${name}: has no package.json. Every example is a workspace package.\n` }
  const { scripts = {} } = JSON.parse(readFileSync(file, "utf8"))
  const script = ["test", "start"].find((candidate) => candidate in scripts)
  if (script === undefined) return { ok: false, output: `${name}: package.json has neither a "test" nor a "start" script.\n` }
  const outcome = await run("pnpm", ["run", script], { cwd: folder })
  return { ...outcome, output: `${name}:\n${outcome.output}` }
}

export const checkExamples = async () => {
  const folders = exampleFolders()
  if (folders.length === 0) return { ok: false, output: "examples/ holds no example.\n" }
  return inOrder([() => run("node", ["scripts/build.mjs"], { cwd: root }), ...folders.map((folder) => () => runExample(folder))])
}
