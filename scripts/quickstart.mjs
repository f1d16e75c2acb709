/** Runs `examples/quickstart` with the built command, as a user would, and says where the output is. */
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import path from "node:path"

const root = path.resolve(import.meta.dirname, "..")
const project = path.join(root, "examples", "quickstart")
const output = path.join(project, "output", "filtered_users.json")

const { status } = spawnSync("deltaflow", ["run", "deltaflow.yml"], { cwd: project, stdio: "inherit" })
if (status !== 0) process.exit(status ?? 1)
if (!existsSync(output)) {
  process.stderr.write(`quickstart: the run ended well, but ${output} is not there. This is a bug of ours, please report it.\n`)
  process.exit(1)
}
process.stdout.write(`Output: ${path.relative(root, output)}\n`)
