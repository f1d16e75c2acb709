// Installs the peers, here and nowhere else: the product's own installation stays light.
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const folder = fileURLToPath(new URL(".", import.meta.url))
const args = ["install", "--frozen-lockfile", "--reporter=append-only"]
const options = { cwd: folder, stdio: "inherit", env: { ...process.env, CI: "true" } }

const direct = spawnSync("pnpm", args, options)
// Without a pnpm on the PATH, npm brings one.
const { status, error } = direct.error === undefined ? direct : spawnSync("npx", ["--yes", "pnpm@12", ...args], options)
if (error !== undefined) console.error(`bench: neither pnpm nor npx can be started (${error.message}). Install Node with npm.`)
process.exitCode = status ?? 1
