/** Runs of the pipeline under test with its ends replaced, and what they leave behind. */
import {
  createEngine,
  DeltaflowError,
  type DecodedPipeline,
  DefinitionError,
  type EngineOptions,
  type Explanation,
  type Issue,
  parseValue,
  type RunResult,
} from "@deltaflow/core"
import { type DecodedTest, type DecodedTestRun, TEST_DEAD_LETTER, type TestedPipeline, withoutEnds } from "@deltaflow/core/testing"
import { type FixturePlace, joined, readFixtures, type TestedSource } from "./fixtures.ts"
import { TEST_ROWS, TestEnds } from "./testEnds.ts"
import { noRows, type TestRows } from "./testRows.ts"

/** A pipeline, and what it needs to be run in a test. */
export interface TestTarget {
  readonly tested: TestedPipeline
  /** With `projectRoot`; its plugins and store are the test's own. */
  readonly engine: EngineOptions & { readonly projectRoot: string }
  /** Where files that tests name lie. Absolute. */
  readonly folder: string
  /** Whether tests come from a file. */
  readonly fromFile: boolean
  readonly signal?: AbortSignal
  /** Gives what is wrong in the pipeline its place in the pipeline's file. */
  readonly placed?: (issue: Issue) => Promise<Issue>
}

/** One run that has ended. */
export interface Ended {
  readonly result: RunResult
  readonly failure: DeltaflowError | undefined
  readonly tables: ReadonlyMap<string, TestRows>
  readonly rejected: TestRows
}

/** A test that is ready to run: everything about it is right but what only running shows. */
export class ReadyTest {
  readonly destinations: ReadonlyArray<{ readonly name: string; readonly key: ReadonlyArray<string> }>
  readonly stepCount: number
  private readonly target: TestTarget
  private readonly test: DecodedTest
  private readonly definition: unknown
  private readonly pipeline: DecodedPipeline
  private readonly ends: TestEnds
  private readonly fixtures: ReadonlyArray<ReadonlyMap<string, TestRows>>
  private readonly steps = new Map<number, Promise<ReadonlyArray<Ended>>>()

  private constructor(target: TestTarget, test: DecodedTest, decoded: Decoded, fixtures: ReadonlyArray<ReadonlyMap<string, TestRows>>) {
    this.target = target
    this.test = test
    this.definition = decoded.definition
    this.pipeline = decoded.pipeline
    this.ends = decoded.ends
    this.fixtures = fixtures
    this.destinations = decoded.pipeline.destinations.map(({ name, key }) => ({ name, key }))
    this.stepCount = decoded.pipeline.steps.length
  }

  /** Throws `DefinitionError` with everything that is wrong in the pipeline; gives what is wrong in the test. `at` is its place there. */
  static async make(target: TestTarget, test: DecodedTest, at: string): Promise<ReadyTest | ReadonlyArray<Issue>> {
    const definition = withoutEnds(target.tested.written)
    const decoded = await decode(target, definition, test)
    const place: FixturePlace = {
      folder: target.folder,
      fromFile: target.fromFile,
      engine: { ...target.engine, plugins: target.tested.plugins },
    }
    const sources = sourcesOf(target.tested.written, decoded.pipeline)
    const sets = await Promise.all(
      runsOf(test).map((run, i) =>
        readFixtures(
          sources,
          { path: test.runs === undefined ? at : joined(at, "runs", i), fixtures: run.fixtures ?? {} },
          { path: at, fixtures: test.fixtures ?? {} },
          place,
        ),
      ),
    )
    const issues = [...new Map(sets.flatMap((set) => set.issues).map((issue) => [`${issue.path}\n${issue.message}`, issue])).values()]
    return issues.length > 0
      ? issues
      : new ReadyTest(
          target,
          test,
          decoded,
          sets.map(({ rows }) => rows),
        )
  }

  get runs(): ReadonlyArray<DecodedTestRun> {
    return runsOf(this.test)
  }

  /** Throws `DefinitionError` where the pipeline is found to be wrong, and the test does not say so. */
  async run(): Promise<ReadonlyArray<Ended>> {
    const ended = await this.sequence(this.pipeline, this.ends)
    for (const [i, { failure }] of ended.entries())
      if (failure instanceof DefinitionError && this.runs[i]!.fails === undefined) throw failure
    return ended
  }

  /** The plan with the fixtures of the first run. Throws what is wrong with it. */
  async explain(): Promise<Explanation> {
    this.ends.beginRun(this.fixtures[0]!)
    await using engine = this.engine(() => Date.now())
    try {
      return await engine.explain(this.pipeline)
    } catch (error) {
      throw error instanceof DeltaflowError ? await this.placed(error, 0) : error
    }
  }

  /** The rows after the first steps, of each run. */
  async after(step: number): Promise<ReadonlyArray<Ended>> {
    let ended = this.steps.get(step)
    if (ended === undefined) {
      ended = this.runCut(step)
      this.steps.set(step, ended)
    }
    return await ended
  }

  private async runCut(step: number): Promise<ReadonlyArray<Ended>> {
    const { pipeline, ends } = await decode(
      this.target,
      cutAfter(this.definition, step, sidesOf(this.pipeline.steps.slice(step))),
      this.test,
    )
    return await this.sequence(pipeline, ends)
  }

  /** All runs, one after the other, over one store. */
  private async sequence(pipeline: DecodedPipeline, ends: TestEnds): Promise<ReadonlyArray<Ended>> {
    let fixed: number | undefined
    await using engine = this.engine(() => fixed ?? Date.now())
    const ended: Array<Ended> = []
    for (const [i, run] of this.runs.entries()) {
      const now = run.now ?? (i === 0 ? this.test.now : undefined)
      fixed = now === undefined ? fixed : timeOf(now)
      ends.beginRun(this.fixtures[i]!)
      const handle = await engine.start(pipeline, {
        workers: 1,
        fullRefresh: run.full_refresh ?? false,
        ...(run.payload === undefined ? {} : { payload: run.payload }),
        ...(this.test.batch_size === undefined ? {} : { batchSize: this.test.batch_size }),
        ...(this.target.signal === undefined ? {} : { signal: this.target.signal }),
      })
      const result = await handle.done
      const names = pipeline.destinations.map(({ name }) => name)
      ended.push({
        result,
        failure: result.failure === undefined ? undefined : await this.placed(result.failure, i),
        tables: new Map(names.map((name) => [name, ends.table(name)])),
        rejected: rejectedRows(ends.rejected),
      })
    }
    return ended
  }

  /** What is wrong in the pipeline, at its place; where rows are missing that would show the columns of a source, that is said. */
  private async placed(error: DeltaflowError, run: number): Promise<DeltaflowError> {
    if (!(error instanceof DefinitionError)) return error
    const unknown = [...this.fixtures[run]!].flatMap(([name, { schema }]) => (schema.columns.length === 0 ? [name] : []))
    const hint = `The fixture of ${unknown.join(", ")} has neither rows nor \`columns\`, and so no columns.`
    const issues = unknown.length === 0 ? error.issues : error.issues.map((issue) => ({ ...issue, hint }))
    const { placed } = this.target
    return new DefinitionError(placed === undefined ? issues : await Promise.all(issues.map(placed)))
  }

  private engine(now: () => number) {
    let count = 0
    const { target, test } = this
    return createEngine({
      ...target.engine,
      plugins: target.tested.plugins,
      now,
      newRunId: () => `run_${++count}`,
      ...(test.environment === undefined ? {} : { environment: test.environment }),
    })
  }
}

/** Milliseconds of a time that was checked. */
const timeOf = (text: string): number => Math.floor(Number(parseValue(text, "timestamptz")) / 1000)

const runsOf = (test: DecodedTest): ReadonlyArray<DecodedTestRun> => {
  if (test.runs !== undefined) return test.runs
  const { name: _, fixtures: _shared, variables: _variables, environment: _environment, batch_size: _size, runs: _runs, ...run } = test
  return [run]
}

interface Decoded {
  readonly definition: unknown
  readonly pipeline: DecodedPipeline
  readonly ends: TestEnds
}

const decode = async ({ tested }: TestTarget, definition: unknown, { variables }: DecodedTest): Promise<Decoded> => {
  const ends = new TestEnds()
  const plugins = ends.plugins(definition, tested.plugins)
  const result = await tested.decode(definition, { plugins, ...(variables === undefined ? {} : { variables }) })
  if (!result.ok) throw new DefinitionError(result.issues)
  return { definition, pipeline: result.pipeline, ends }
}

type Entry = Readonly<Record<string, unknown>>

const sourcesOf = (written: unknown, { sources }: DecodedPipeline): ReadonlyArray<TestedSource> =>
  sources.map(({ name }, i) => ({ name, entry: listIn(written, "sources")[i] ?? {} }))

const listIn = (definition: unknown, key: string): ReadonlyArray<Entry> => {
  const list = (definition as Entry)[key]
  return Array.isArray(list) ? (list as ReadonlyArray<Entry>) : []
}

/** Sources that these steps read for themselves: the other source of a join, and those that a query names. */
const sidesOf = (steps: DecodedPipeline["steps"]): ReadonlySet<string> =>
  new Set(
    steps.flatMap((step) => {
      if (step.kind === "query") return step.tables.flatMap((table) => ("source" in table ? [table.source] : []))
      return step.kind === "builtin" && step.step.type === "join" ? [step.step.with] : []
    }),
  )

/** The definition up to a step, into a destination that takes what comes. Sources that only later steps read are left out. */
const cutAfter = (definition: unknown, step: number, later: ReadonlySet<string>): unknown => {
  const { schema: _, ...part } = definition as Entry
  const transforms = listIn(definition, "transforms")
  const sources = listIn(definition, "sources").map((entry, i): Entry => ({ name: `sources[${i}]`, ...entry }))
  const now = sources.filter(({ name }) => !later.has(String(name)))
  return {
    ...part,
    sources: now.length === 0 ? sources : now,
    transforms: transforms.slice(0, step),
    destinations: [{ type: TEST_ROWS, name: STEP_ROWS, write_mode: "replace" }],
    error_handling: { ...(part["error_handling"] as Entry | undefined), dead_letter: { type: TEST_DEAD_LETTER } },
  }
}

/** Name of the destination that rows after a step go to. */
export const STEP_ROWS = "rows"

/** What differs from run to run says nothing of the pipeline. */
const rejectedRows = ({ schema, rows }: TestRows): TestRows => {
  if (schema.columns.length === 0) return noRows
  const columns = schema.columns.filter(({ name }) => !["failed_at", "pipeline", "run_id"].includes(name))
  return { schema: { columns }, rows: rows.map((row) => Object.fromEntries(columns.map(({ name }) => [name, row[name]]))) }
}
