/**
 * Builds `dist/` of every package, in the order of their dependencies; what did not change comes from Turbo's cache.
 *
 * `--package` builds the one package in the current folder: that is what Turbo calls.
 */
import { spawnSync } from "node:child_process"
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs"
import path from "node:path"
import { pathToFileURL } from "node:url"

const root = path.resolve(import.meta.dirname, "..")

/** @param {string} command @param {string[]} args @param {string} cwd */
const run = (command, args, cwd) => {
  const { status } = spawnSync(command, args, { cwd, stdio: "inherit", env: { ...process.env, TURBO_TELEMETRY_DISABLED: "1" } })
  if (status !== 0) process.exit(status ?? 1)
}

/** @param {string} folder @returns {string[]} */
const filesIn = (folder) =>
  existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true, recursive: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    : []

const assets = /\.(wasm|json|sql|txt|yml|yaml|csv|tpl)$/

/** The compiler leaves everything that is not TypeScript behind. @param {string} folder */
const copyAssets = (folder) => {
  for (const file of filesIn(path.join(folder, "src")).filter((name) => assets.test(name))) {
    const target = path.join(folder, "dist", file)
    mkdirSync(path.dirname(target), { recursive: true })
    copyFileSync(path.join(folder, "src", file), target)
  }
}

/** A deleted source must not live on in the published package. @param {string} folder */
const pruneOrphans = (folder) => {
  for (const file of filesIn(path.join(folder, "dist"))) {
    const source = path.join(folder, "src", file.replace(/\.(d\.ts|js)(\.map)?$/, ".ts"))
    if (!existsSync(source) && file !== ".tsbuildinfo") rmSync(path.join(folder, "dist", file))
  }
}

/** @param {string} folder */
const buildPackage = async (folder) => {
  // A package that makes some of its files first says so in a build.mjs of its own.
  const own = path.join(folder, "build.mjs")
  if (existsSync(own)) await import(pathToFileURL(own).href)
  // `pnpm verify` checks the types of everything at once; checking them here too would double the time of a first start.
  run("tsc", ["-p", "tsconfig.build.json", "--noCheck"], folder)
  copyAssets(folder)
  pruneOrphans(folder)
}

if (process.argv.includes("--package")) await buildPackage(process.cwd())
else run("turbo", ["run", "build", "--ui=stream", "--output-logs=errors-only"], root)
