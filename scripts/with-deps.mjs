/**
 * Runs a script of package.json after setting up: `node scripts/with-deps.mjs <script> [arguments]`.
 *
 * Set-up is an install when the lock file changed, and a build when a source changed. When nothing changed it costs some
 * milliseconds. Needs a plain Node and npm, nothing else: every other tool, a newer Node among them, comes with the install.
 */
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import { buildStamp, installStamp, isBuilt } from "./stamps.mjs"
import { withLock } from "./lock.mjs"

const root = path.resolve(import.meta.dirname, "..")
const modules = path.join(root, "node_modules")
const bin = path.join(modules, ".bin")

/** npm hands its own settings down to children; only those that say where packages come from are wanted there. */
const keptSettings = /^npm_config_(registry|cache|userconfig|proxy|https_proxy|noproxy|cafile)$/i

const environment = () => {
  const kept = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name) || keptSettings.test(name))
  const env = Object.fromEntries(kept)
  env["PATH"] = bin + path.delimiter + (process.env["PATH"] ?? "")
  env["TURBO_TELEMETRY_DISABLED"] = "1"
  return env
}

/** @param {string} command @param {string} why */
const setUpStep = (command, why) => {
  process.stderr.write(`${why}\n`)
  // Without CI, pnpm asks before it replaces a node_modules of another version.
  const env = { ...environment(), CI: "true" }
  // Talk of the set-up goes to stderr, so that stdout holds only what the script itself says.
  const { status } = spawnSync(command, { cwd: root, env, shell: true, stdio: ["ignore", 2, 2] })
  if (status !== 0) {
    process.stderr.write(`Set-up: \`${command}\` ended with code ${status}. Its output above says why.\n`)
    process.exit(1)
  }
}

/** @typedef {{ why: string, file: string, stamp: () => string, isThere: () => boolean, command: () => string }} Step */

/** @type {Step[]} */
const steps = [
  {
    why: "Installing the packages …",
    file: path.join(modules, ".install-stamp"),
    stamp: () => installStamp(root),
    isThere: () => existsSync(bin),
    command: () => `npx -y pnpm@${pinOf("pnpm")} install --frozen-lockfile --reporter=append-only`,
  },
  {
    why: "Building …",
    file: path.join(modules, ".build-stamp"),
    stamp: () => buildStamp(root),
    isThere: () => isBuilt(root),
    command: () => "node scripts/build.mjs",
  },
]

/** @param {Step} step */
const isDone = ({ file, stamp, isThere }) => existsSync(file) && isThere() && readFileSync(file, "utf8") === stamp()

/** @param {Step} step */
const perform = (step) => {
  if (isDone(step)) return
  // Taken before the step, so that a source saved in the meantime is built next time; written after success only, so that
  // a set-up that was cut off starts again.
  const stamp = step.stamp()
  setUpStep(step.command(), step.why)
  writeFileSync(step.file, stamp)
}

/** The version that the workspace pins for a package. @param {string} name */
const pinOf = (name) => {
  const workspace = readFileSync(path.join(root, "pnpm-workspace.yaml"), "utf8")
  return new RegExp(`^  ${name}: (\\S+)$`, "m").exec(workspace)?.[1] ?? "latest"
}

/** @param {string} argument */
const quoted = (argument) => (/^[\w@%+=:,./!-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`)

const [name = "", ...rest] = process.argv.slice(2)
const { scripts } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"))
if (typeof scripts[name] !== "string") {
  process.stderr.write(`with-deps: package.json has no script "${name}". It has: ${Object.keys(scripts).join(", ")}.\n`)
  process.exit(2)
}

if (!steps.every(isDone)) withLock(path.join(root, ".setup.lock"), () => steps.forEach(perform))

const command = [scripts[name], ...rest.map(quoted)].join(" ")
const { status, signal } = spawnSync(command, { cwd: root, env: environment(), shell: true, stdio: "inherit" })
if (signal !== null) process.kill(process.pid, signal)
process.exitCode = status ?? 1
