/** Tests of pipelines in code, for vitest, node:test and any other runner. */
import { AssertionError } from "node:assert"
import path from "node:path"
import { fileURLToPath } from "node:url"
import {
  type BatchSchema,
  DefinitionError,
  type DeltaflowError,
  type EngineOptions,
  loadProject,
  type PipelineInput,
  placeIssue,
  type Plugin,
  type Row,
  type RunResult,
  Secrets,
} from "@deltaflow/core"
import { nodeFiles } from "@deltaflow/core/node"
import {
  decodeExpectations,
  decodeTest,
  type ExpectationInput,
  listOfExpectations,
  testedPipeline,
  type TestInput,
} from "@deltaflow/core/testing"
import type { Failure } from "./checks.ts"
import { ReadyTest, type TestTarget } from "./runs.ts"
import { SnapshotFile, type SnapshotOptions } from "./SnapshotFile.ts"
import { TestOutcome } from "./TestOutcome.ts"

export interface TestPipelineOptions extends Omit<TestInput, "name" | "runs"> {
  /** Name of the test, for its snapshots. Default: `test`. */
  readonly name?: string
  /** Several runs, one after the other, in place of `expect` and `fails`. */
  readonly runs?: TestInput["runs"]
  /**
   * Transforms that the pipeline names, and connectors that read files of fixtures. Sources and destinations that fixtures replace need
   * not be there, but then nobody knows their default write mode.
   */
  readonly plugins?: ReadonlyArray<Plugin>
  /** Where modules of custom steps and files of fixtures lie. Default: the project of the pipeline's file, else the process's folder. */
  readonly folder?: string
  /** Values for `${VAR}`. Default: none. */
  readonly env?: EngineOptions["env"]
  /** Where `snapshot` keeps rows: a file of lines of JSON. */
  readonly snapshotFile?: string | URL
  readonly updateSnapshots?: boolean
  readonly signal?: AbortSignal
}

/** What a run of the pipeline left behind. */
export interface PipelineTestResult {
  /** What a destination holds, as plain objects; the first destination where none is named. */
  readonly rows: (destination?: string) => ReadonlyArray<Row>
  /** The columns of these rows. */
  readonly schema: (destination?: string) => BatchSchema
  /** Rejected rows, with the columns `step`, `code`, `error`, `row_number` and `row`. */
  readonly rejected: ReadonlyArray<Row>
  /** The run with its counts. */
  readonly run: RunResult
  /** The error that ended the run, which `fails` asked for; undefined after success. */
  readonly failure: DeltaflowError | undefined
  /**
   * The keys of `expect` in a test file. Rejects with an `AssertionError` that shows everything that does not hold, and with
   * `DefinitionError` where the expectation itself is wrong.
   */
  readonly check: (expect: ExpectationInput | ReadonlyArray<ExpectationInput>) => Promise<void>
}

/**
 * Runs a pipeline on fixtures: a definition, its text, or the URL of its file. Nothing is read from its sources or written to its
 * destinations. Takes the keys of a test in a test file; with `runs`, gives what the last one left behind.
 *
 * Rejects with an `AssertionError` where `expect` does not hold or the run ends otherwise than `fails` says, and with `DefinitionError`
 * where pipeline or test are wrong.
 */
export const testPipeline = async (pipeline: PipelineInput | URL, options: TestPipelineOptions): Promise<PipelineTestResult> => {
  const { plugins = [], folder, env = {}, snapshotFile, updateSnapshots = false, signal, ...written } = options
  const test = decodeTest(written)
  const target = await targetOf(pipeline, { plugins, folder, env, signal })
  const ready = await readyOrThrow(target, test)
  const snapshots = snapshotFile === undefined ? undefined : new SnapshotFile(pathOf(snapshotFile), snapshotOptions(updateSnapshots))
  const ended = await ready.run()
  const outcomes = ended.map((one, index) => new TestOutcome({ target, ready, ended: one, index, testName: test.name, snapshots }))
  const failures: Array<Failure> = []
  for (const [i, run] of ready.runs.entries()) failures.push(...(await checked(outcomes[i]!, listOfExpectations(run.expect), run.fails)))
  if (failures.length > 0) throw assertionOf(failures)
  return resultOf(outcomes.at(-1)!)
}

const snapshotOptions = (update: boolean): SnapshotOptions => ({ update, isCi: isCi() })

export const isCi = (): boolean => !["", "0", "false"].includes(process.env["CI"] ?? "")

const checked = async (
  outcome: TestOutcome,
  ...[expectations, fails]: Parameters<TestOutcome["failures"]>
): Promise<ReadonlyArray<Failure>> => {
  const issues = outcome.issues(expectations, (i) => (expectations.length === 1 ? "expect" : `expect[${i}]`))
  if (issues.length > 0) throw new DefinitionError(issues)
  return await outcome.failures(expectations, fails)
}

const resultOf = (outcome: TestOutcome): PipelineTestResult => ({
  rows: (destination) => outcome.rows(destination).rows,
  schema: (destination) => outcome.rows(destination).schema,
  rejected: outcome.rejected.rows,
  run: outcome.result,
  failure: outcome.failure,
  check: async (expect) => {
    const failures = await checked(outcome, decodeExpectations(expect), outcome.failure?.code)
    if (failures.length > 0) throw assertionOf(failures)
  },
})

/** The whole of it in the message, which every runner shows. */
export const assertionOf = (failures: ReadonlyArray<Failure>): AssertionError =>
  new AssertionError({ message: failures.map(failureText).join("\n\n"), stackStartFn: assertionOf })

/** `adults: row_count: expected 3 rows, found 2.` */
export const failureText = ({ check, place, message }: Failure): string =>
  [place, check === "run" ? "" : check, message].filter((part) => part !== "").join(": ")

const readyOrThrow = async (target: TestTarget, test: ReturnType<typeof decodeTest>): Promise<ReadyTest> => {
  const ready = await ReadyTest.make(target, test, "")
  if (ready instanceof ReadyTest) return ready
  throw new DefinitionError(ready)
}

interface TargetOptions {
  readonly plugins: ReadonlyArray<Plugin>
  readonly folder: string | undefined
  readonly env: Exclude<EngineOptions["env"], undefined>
  readonly signal: AbortSignal | undefined
}

const pathOf = (place: string | URL): string => (place instanceof URL ? fileURLToPath(place) : path.resolve(place))

export const targetOf = async (pipeline: PipelineInput | URL, options: TargetOptions): Promise<TestTarget> => {
  const { plugins, env, signal } = options
  const secrets = new Secrets()
  const shared = { fromFile: false, ...(signal === undefined ? {} : { signal }) }
  if (!(pipeline instanceof URL)) {
    const projectRoot = path.resolve(options.folder ?? ".")
    const tested = testedPipeline(pipeline, { plugins, variables: [env], secrets })
    return { ...shared, tested, folder: projectRoot, engine: { plugins, projectRoot, secrets, env } }
  }
  const file = fileURLToPath(pipeline)
  const root = path.resolve(options.folder ?? rootOf(file))
  const project = await loadProject({ root, files: nodeFiles(), plugins, env, secrets, pipelineFiles: [file], loadModule: load })
  const found = project.pipelines.find((one) => one.path === file)!
  return {
    ...shared,
    tested: found.tested,
    folder: root,
    engine: { plugins, projectRoot: root, secrets, env },
    placed: (issue) => placeIssue(issue, found.text, found.file, (text) => secrets.mask(text)),
  }
}

const load = async (url: string): Promise<Record<string, unknown>> => (await import(/* @vite-ignore */ url)) as Record<string, unknown>

/** A pipeline's project is where its file lies, or one folder up when that is `pipelines/`. */
const rootOf = (file: string): string => {
  const folder = path.dirname(file)
  return path.basename(folder) === "pipelines" ? path.dirname(folder) : folder
}
