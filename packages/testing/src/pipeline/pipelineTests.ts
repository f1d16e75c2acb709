/** The test files of a project as tests of vitest, node:test and any other runner. */
import path from "node:path"
import { DefinitionError, type EngineOptions, loadProject, type Plugin, Secrets } from "@deltaflow/core"
import { nodeFiles } from "@deltaflow/core/node"
import type { Runner } from "../Law.ts"
import { findTestFiles, type LoadedTestFile, loadTestFile, type TestReport } from "./testFiles.ts"
import { assertionOf, isCi } from "./testPipeline.ts"

export interface PipelineTestsOptions extends Runner {
  /** Folder of the project. Default: the process's. */
  readonly project?: string
  /** Test files, and folders with test files, relative to the project. Default: `tests`. */
  readonly files?: ReadonlyArray<string>
  /** Connectors and transforms that pipelines and fixtures name, such as `builtins` of `@deltaflow/connectors`. */
  readonly plugins?: ReadonlyArray<Plugin>
  /** Values for `${VAR}` that fixtures do not replace. Default: none. */
  readonly env?: EngineOptions["env"]
  readonly updateSnapshots?: boolean
}

/**
 * Hands each test of the project's test files to the runner: `await pipelineTests({ test, plugins: builtins })`. A file that is wrong is a
 * test that fails. Rejects where there is no test file.
 */
export const pipelineTests = async ({
  test,
  project: folder = ".",
  files = [],
  plugins = [],
  env = {},
  updateSnapshots = false,
}: PipelineTestsOptions): Promise<void> => {
  const root = path.resolve(folder)
  const secrets = new Secrets()
  const project = await loadProject({
    root,
    files: nodeFiles(),
    plugins,
    env,
    secrets,
    loadModule: (url) => import(/* @vite-ignore */ url),
  })
  const places = await findTestFiles(
    root,
    files.map((file) => path.resolve(root, file)),
  )
  if (places.length === 0) throw new Error(`there is no test file in ${path.join(root, "tests")}. Its name ends in .test.yml.`)
  const engine: EngineOptions = { plugins, env, secrets, projectRoot: root }
  for (const place of places) hand(await loadTestFile(place, project, engine, { update: updateSnapshots, isCi: isCi() }), test)
}

const hand = ({ file, tests, issues }: LoadedTestFile, test: Runner["test"]): void => {
  if (issues.length > 0) void test(file, async () => await fail({ failures: [], issues }))
  for (const { name, run } of tests) void test(`${file} › ${name}`, async () => await fail(await run()))
}

const fail = async ({ failures, issues }: Pick<TestReport, "failures" | "issues">): Promise<void> => {
  if (issues.length > 0) throw new DefinitionError(issues)
  if (failures.length > 0) throw assertionOf(failures)
}
