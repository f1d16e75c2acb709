import { existsSync, readdirSync } from "node:fs"
import { defineConfig } from "vitest/config"
import { seededBugPlugin } from "./packages/testing/test/seededBugs.ts"

const root = import.meta.dirname

// Tests, and the worker threads that they start, read the TypeScript sources, so nothing has to be built first.
const conditions = ["source", "node", "module"]
const resolve = { conditions }
const ssr = { resolve: { conditions } }

/** A bug that the sources have while a suite shows that it finds it. */
const bug = process.env["DELTAFLOW_SEEDED_BUG"]
const plugins = bug === undefined ? [] : [seededBugPlugin(bug, root)]

const setupFiles = [`${root}/packages/testing/test/propertySeed.ts`]

const foldersOf = (parent: string) =>
  existsSync(`${root}/${parent}`)
    ? readdirSync(`${root}/${parent}`, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && existsSync(`${root}/${parent}/${entry.name}/package.json`))
        .map((entry) => ({ name: entry.name, folder: `${parent}/${entry.name}` }))
    : []

const quick = (name: string, folder: string) => ({
  plugins,
  resolve,
  ssr,
  test: {
    name,
    root: `${root}/${folder}`,
    include: ["**/*.test.ts"],
    exclude: ["**/*.t1.test.ts", "**/node_modules/**", "**/dist/**"],
    testTimeout: 120_000,
    hookTimeout: 30_000,
    setupFiles,
  },
})

/** The large suites: minutes, not seconds. `pnpm verify` runs them, `npm test` does not. */
const large = {
  plugins,
  resolve,
  ssr,
  test: {
    name: "t1",
    root,
    include: ["packages/**/*.t1.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**"],
    testTimeout: 600_000,
    hookTimeout: 120_000,
    setupFiles,
  },
}

/** Where a run leaves its counts for `.ci/run`, which adds up several of them. */
const results = process.env["DELTAFLOW_RESULTS"]

export default defineConfig({
  test: {
    // Vitest alone would leave one processor free, which is half of a small machine.
    maxWorkers: "100%",
    // Sources with a bug must not be found by another run.
    fsModuleCache: bug === undefined,
    ...(results === undefined
      ? {}
      : { reporters: ["default", ["json", { outputFile: `${results}/vitest-${process.pid}-${Date.now()}.json` }]] }),
    projects: [
      ...foldersOf("packages").map(({ name, folder }) => quick(name, folder)),
      ...foldersOf("examples").map(({ name, folder }) => quick(`examples/${name}`, folder)),
      ...foldersOf("templates").map(({ name, folder }) => quick(`templates/${name}`, folder)),
      quick("scripts", "scripts"),
      large,
    ],
  },
})
