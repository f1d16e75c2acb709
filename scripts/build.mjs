/**
 * Builds `dist/` of every package, in the order of their dependencies; what did not change comes from Turbo's cache.
 *
 * `--package` builds the one package in the current folder: that is what Turbo calls.
 */
import { spawnSync } from "node:child_process"
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs"
import path from "node:path"
import { pathToFileURL } from "node:url"
import { rolldown } from "rolldown"

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

/**
 * The sources that have a file of their own in `dist/`: what `exports` names, and worker threads.
 *
 * @param {string} folder
 */
const entriesOf = (folder) => {
  /** @type {{ exports: Record<string, string | { source: string }> }} */
  const { exports } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"))
  const exported = Object.values(exports).flatMap((target) => (typeof target === "string" ? [] : [path.normalize(target.source)]))
  const patterns = [...exported, "src/**/worker.ts"]
  return filesIn(path.join(folder, "src")).filter((file) => patterns.some((pattern) => path.matchesGlob(path.join("src", file), pattern)))
}

/** @param {string} file */
const toScript = (file) => file.replaceAll("\\", "/").replace(/\.ts$/, ".js")

/**
 * A module that asks for its own place, so that a worker thread finds it there, gets a file at the place that it has in `src/`.
 *
 * @param {string} source @returns {import("rolldown").Plugin}
 */
const keepPlaces = (source) => ({
  name: "keep-places",
  transform: {
    filter: { code: "import.meta.url" },
    handler(code, id) {
      if (!id.startsWith(source)) return null
      const place = this.emitFile({ type: "chunk", id, fileName: toScript(path.relative(source, id)), preserveSignature: "strict" })
      return { code: code.replaceAll("import.meta.url", `import.meta.ROLLUP_FILE_URL_${place}`) }
    },
  },
})

/** What the bundler puts in for syntax that the oldest Node does not know; part of our own files. */
const loweredSyntax = "@oxc-project/runtime/"

/**
 * Few files load faster than many and take less memory. What other packages hold is not taken in, so that a program has one copy of it.
 *
 * @param {string} folder @returns {Promise<Set<string>>} the files that it wrote, relative to `dist/`
 */
const bundle = async (folder) => {
  const source = path.join(folder, "src")
  const build = await rolldown({
    cwd: folder,
    input: Object.fromEntries(entriesOf(folder).map((file) => [toScript(file), path.join(source, file)])),
    platform: "node",
    external: (id) => !id.startsWith(".") && !path.isAbsolute(id) && !id.startsWith(loweredSyntax),
    preserveEntrySignatures: "strict",
    transform: { target: "es2024" },
    plugins: [keepPlaces(source)],
  })
  const { output } = await build.write({
    dir: path.join(folder, "dist"),
    entryFileNames: "[name]",
    chunkFileNames: "shared/[name].js",
  })
  await build.close()
  return new Set(output.map(({ fileName }) => path.normalize(fileName)))
}

/** A deleted source must not live on in the published package. @param {string} folder @param {Set<string>} bundled */
const pruneOrphans = (folder, bundled) => {
  for (const file of filesIn(path.join(folder, "dist"))) {
    const source = path.join(folder, "src", file.replace(/\.d\.ts$/, ".ts"))
    if (!bundled.has(file) && !existsSync(source) && file !== ".tsbuildinfo") rmSync(path.join(folder, "dist", file))
  }
}

/** @param {string} folder */
const buildPackage = async (folder) => {
  // A package that makes some of its files first says so in a build.mjs of its own.
  const own = path.join(folder, "build.mjs")
  if (existsSync(own)) await import(pathToFileURL(own).href)
  // `pnpm verify` checks the types of everything at once; checking them here too would double the time of a first start.
  run("tsc", ["-p", "tsconfig.build.json", "--noCheck", "--emitDeclarationOnly"], folder)
  const bundled = await bundle(folder)
  copyAssets(folder)
  pruneOrphans(folder, bundled)
}

if (process.argv.includes("--package")) await buildPackage(process.cwd())
else run("turbo", ["run", "build", "--ui=stream", "--output-logs=errors-only"], root)
