/** Test files of a project: found, read, and each test ready to be run by whatever runs tests. */
import { readdir, readFile, stat } from "node:fs/promises"
import path from "node:path"
import {
  DefinitionError,
  DeltaflowError,
  type EngineOptions,
  type Explanation,
  type Issue,
  nearestName,
  placeIssue,
  type Project,
  type ProjectPipeline,
} from "@deltaflow/core"
import { type DecodedTest, decodeTestText, listOfExpectations } from "@deltaflow/core/testing"
import { expressionProblem, type Failure } from "./checks.ts"
import { joined } from "./fixtures.ts"
import { ReadyTest, type TestTarget } from "./runs.ts"
import { SnapshotFile, type SnapshotName, type SnapshotOptions } from "./SnapshotFile.ts"
import { evaluating, expectationIssues, TestOutcome } from "./TestOutcome.ts"

export interface TestFilesOptions extends SnapshotOptions {
  /** Compares the output of every test with its snapshot, and not only of those that ask for it. Default false. */
  readonly allSnapshots?: boolean
  readonly allowOutside?: boolean
  readonly signal?: AbortSignal
}

/** How a test ended. */
export interface TestReport {
  /** What does not hold. */
  readonly failures: ReadonlyArray<Failure>
  /** What is wrong in the test or in its pipeline, so that it could not run. */
  readonly issues: ReadonlyArray<Issue>
  readonly durationMs: number
}

export interface FileTest {
  readonly name: string
  readonly run: () => Promise<TestReport>
  /** Everything that can be known without running it. */
  readonly validate: () => Promise<ReadonlyArray<Issue>>
}

export interface LoadedTestFile {
  /** As messages name it: relative to the project where it lies inside. */
  readonly file: string
  readonly tests: ReadonlyArray<FileTest>
  /** Where the file cannot be used as it is. */
  readonly issues: ReadonlyArray<Issue>
  /** Counts of stored snapshots, and those that nobody asked for, once its tests have run. */
  readonly snapshots: () => Promise<SnapshotCounts>
}

export interface SnapshotCounts {
  readonly written: number
  readonly updated: number
  readonly obsolete: ReadonlyArray<SnapshotName>
}

const TEST_ENDING = /\.test\.(ya?ml|json)$/i

/** Where test files are looked for. */
export const TESTS_FOLDER = "tests"

/**
 * The test files in these folders, and these files, in order of their names; without any, those in `tests/`. Throws an error with the code
 * `ENOENT` where a place is not there.
 */
export const findTestFiles = async (root: string, places: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  const wanted = places.length > 0 ? places : await existing(path.join(root, TESTS_FOLDER))
  const found = await Promise.all(wanted.map(async (place) => ((await stat(place)).isDirectory() ? await filesIn(place) : [place])))
  return [...new Set(found.flat())]
}

const existing = async (folder: string): Promise<ReadonlyArray<string>> => {
  try {
    return (await stat(folder)).isDirectory() ? [folder] : []
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return []
    throw error
  }
}

const filesIn = async (folder: string): Promise<ReadonlyArray<string>> => {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true })
  const files = entries
    .filter((entry) => entry.isFile() && TEST_ENDING.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name))
  return files.filter((file) => !/[\\/](node_modules|\.[^\\/]+)[\\/]/.test(path.relative(folder, file))).toSorted()
}

/** Reads a test file. `engine` has what the project's engine has. */
export const loadTestFile = async (
  place: string,
  project: Project,
  engine: EngineOptions,
  options: TestFilesOptions,
): Promise<LoadedTestFile> => {
  const file = shownName(place, project.root)
  const snapshots = SnapshotFile.beside(place, options)
  const text = await readText(place)
  const read = text === undefined ? { ok: false as const, issues: [notText(file)] } : decodeTestText(text, file)
  if (!read.ok || text === undefined) return { file, tests: [], issues: read.ok ? [] : read.issues, snapshots: async () => nothingStored }
  const placed = async (issue: Issue): Promise<Issue> => await placeIssue(issue, text, file)
  const pipeline = project.pipelines.find(({ name }) => name === read.file.pipeline)
  if (pipeline === undefined) {
    const issues = [await placed(unknownPipeline(read.file.pipeline, project))]
    return { file, tests: [], issues, snapshots: async () => nothingStored }
  }
  const context: Context = { target: targetOf(place, pipeline, project, engine, options), placed, snapshots, options, complete: new Set() }
  const tests = read.file.tests.map((test, i) => fileTest(test, `tests[${i}]`, context))
  const names = new Set(read.file.tests.map(({ name }) => name))
  const counts = async (): Promise<SnapshotCounts> => {
    const obsolete = await snapshots.obsolete(names, options.allSnapshots === true ? context.complete : new Set())
    return { written: snapshots.written, updated: snapshots.updated, obsolete }
  }
  return { file, tests, issues: [], snapshots: counts }
}

const nothingStored: SnapshotCounts = { written: 0, updated: 0, obsolete: [] }

const shownName = (place: string, root: string): string => {
  const relative = path.relative(root, place)
  return relative.startsWith("..") || path.isAbsolute(relative) ? place : relative.replaceAll("\\", "/")
}

const readText = async (file: string): Promise<string | undefined> => {
  const bytes = await readFile(file)
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    return undefined // The caller says what is wrong and what to do.
  }
}

const notText = (file: string): Issue => ({
  code: "WRONG_ENCODING",
  message: "the file is not text in UTF-8. Save it as UTF-8.",
  path: "",
  file,
})

const unknownPipeline = (name: string, { pipelines }: Project): Issue => {
  const names = pipelines.flatMap((pipeline) => (pipeline.name === undefined ? [] : [pipeline.name]))
  const near = nearestName(name, names)
  return {
    code: "UNKNOWN_PIPELINE",
    message: `the project has no pipeline \`${name}\`.${near === undefined ? "" : ` Did you mean \`${near}\`?`}`,
    path: "pipeline",
    hint: names.length === 0 ? "It has none." : `It has: ${names.join(", ")}.`,
  }
}

const targetOf = (
  place: string,
  pipeline: ProjectPipeline,
  project: Project,
  engine: EngineOptions,
  { signal }: TestFilesOptions,
): TestTarget => ({
  tested: pipeline.tested,
  engine: { ...engine, projectRoot: project.root },
  folder: path.dirname(place),
  fromFile: true,
  placed: (issue) => placeIssue(issue, pipeline.text, pipeline.file, (text) => project.secrets.mask(text)),
  ...(signal === undefined ? {} : { signal }),
})

interface Context {
  readonly target: TestTarget
  /** Gives an issue its place in the test file. */
  readonly placed: (issue: Issue) => Promise<Issue>
  readonly snapshots: SnapshotFile
  readonly options: TestFilesOptions
  /** Tests that have run to their end. */
  readonly complete: Set<string>
}

const fileTest = (test: DecodedTest, at: string, context: Context): FileTest => ({
  name: test.name,
  run: async () => {
    const started = performance.now()
    const outcome = await caught(context, async () => await runTest(test, at, context))
    return { ...outcome, durationMs: performance.now() - started }
  },
  validate: async () => {
    const { issues } = await caught(context, async () => {
      const ready = await readyTest(test, at, context)
      const explanation = await ready.explain()
      return { failures: [], issues: await expressionIssues(ready, explanation, test, at, context) }
    })
    return issues
  },
})

/** Expressions of expectations over the columns that the plan knows. */
const expressionIssues = async (
  ready: ReadyTest,
  { sources, steps }: Explanation,
  test: DecodedTest,
  at: string,
  { target, placed }: Context,
): Promise<ReadonlyArray<Issue>> => {
  const issues: Array<Issue> = []
  for (const { expectation, place } of expectationsOf(ready, at, test)) {
    const { step = ready.stepCount, rejected, expression } = expectation
    const columns = step === 0 ? (sources.length === 1 ? sources[0]!.columns : null) : steps[step - 1]?.columns
    if (rejected === true || columns === undefined || columns === null) continue
    for (const [i, text] of listOf(expression).entries()) {
      const message = await expressionProblem({ columns }, text, evaluating(target, Date.now()))
      const path = joined(place, "expression", ...(typeof expression === "string" ? [] : [i]))
      const issue = { code: "INVALID_VALUE", message: `${text}: ${message}`, path } as const
      if (message !== undefined) issues.push(await placed(issue))
    }
  }
  return issues
}

const listOf = (texts: string | ReadonlyArray<string> | undefined): ReadonlyArray<string> =>
  texts === undefined ? [] : typeof texts === "string" ? [texts] : texts

/** All expectations of a test, each with its place in the file. */
const expectationsOf = (ready: ReadyTest, at: string, test: DecodedTest) =>
  ready.runs.flatMap((run, i) => {
    const base = joined(test.runs === undefined ? at : joined(at, "runs", i), "expect")
    const isList = Array.isArray(run.expect)
    return listOfExpectations(run.expect).map((expectation, index) => ({ expectation, place: isList ? joined(base, index) : base }))
  })

type Outcome = Omit<TestReport, "durationMs">

/** A wrong definition is an issue, in its file; every other error of ours is a failure of this test, and not of the others. */
const caught = async ({ target }: Context, run: () => Promise<Outcome>): Promise<Outcome> => {
  try {
    return await run()
  } catch (error) {
    if (error instanceof DefinitionError)
      return { failures: [], issues: await Promise.all(error.issues.map((issue) => placedOnce(issue, target))) }
    if (!(error instanceof DeltaflowError)) throw error
    return { failures: [{ check: "run", place: "", message: `${error.code}: ${error.message}` }], issues: [] }
  }
}

const placedOnce = async (issue: Issue, { placed }: TestTarget): Promise<Issue> =>
  issue.file === undefined && placed !== undefined ? await placed(issue) : issue

const readyTest = async (test: DecodedTest, at: string, { target, placed }: Context): Promise<ReadyTest> => {
  const ready = await ReadyTest.make(target, test, at)
  const issues = ready instanceof ReadyTest ? namedIssues(ready, at, test) : ready
  if (ready instanceof ReadyTest && issues.length === 0) return ready
  throw new DefinitionError(await Promise.all(issues.map(placed)))
}

/** What expectations name that is not there. */
const namedIssues = (ready: ReadyTest, at: string, test: DecodedTest): ReadonlyArray<Issue> =>
  expectationsOf(ready, at, test).flatMap(({ expectation, place }) => expectationIssues(ready, [expectation], () => place))

const runTest = async (test: DecodedTest, at: string, context: Context): Promise<Outcome> => {
  const { target, snapshots, options, complete } = context
  const ready = await readyTest(test, at, context)
  const ended = await ready.run()
  const failures: Array<Failure> = []
  for (const [index, run] of ready.runs.entries()) {
    const outcome = new TestOutcome({ target, ready, ended: ended[index]!, index, testName: test.name, snapshots })
    const isAll = options.allSnapshots === true || (options.update === true && (await snapshots.has(test.name)))
    const more = isAll ? snapshotsOf(outcome) : []
    failures.push(...(await outcome.failures([...listOfExpectations(run.expect), ...more], run.fails)))
  }
  complete.add(test.name)
  return { failures, issues: [] }
}

/** Those that nobody wrote down: of all destinations, and of rejected rows where there are any. */
const snapshotsOf = (outcome: TestOutcome) => [
  { snapshot: true as const },
  ...(outcome.rejected.rows.length > 0 ? [{ rejected: true as const, snapshot: true as const }] : []),
]
