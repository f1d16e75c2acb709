/** What a run in a test has left behind, and what expectations say of it. */
import {
  type BatchSchema,
  createEngine,
  DefinitionError,
  type DeltaflowError,
  type Issue,
  nearestName,
  type Row,
  type RunResult,
} from "@deltaflow/core"
import { type DecodedExpectation, type DecodedTestRun } from "@deltaflow/core/testing"
import { type CheckHost, type Equals, type ExpectedRows, type Failure, failuresOf } from "./checks.ts"
import { isRows, joined, readRowsFile } from "./fixtures.ts"
import { type Ended, type ReadyTest, STEP_ROWS, type TestTarget } from "./runs.ts"
import type { SnapshotFile } from "./SnapshotFile.ts"
import { TEST_ROWS, TestEnds } from "./testEnds.ts"
import { noRows, type TestRows, typesOf } from "./testRows.ts"

interface Place {
  /** As failures and snapshots name it. */
  readonly name: string
  readonly rows: TestRows
  readonly key: ReadonlyArray<string>
}

export class TestOutcome {
  readonly result: RunResult
  /** The error that ended the run; undefined after success. */
  readonly failure: DeltaflowError | undefined
  private readonly target: TestTarget
  private readonly ready: ReadyTest
  private readonly ended: Ended
  private readonly index: number
  private readonly testName: string
  private readonly snapshots: SnapshotFile | undefined

  constructor(fields: {
    readonly target: TestTarget
    readonly ready: ReadyTest
    readonly ended: Ended
    readonly index: number
    readonly testName: string
    readonly snapshots: SnapshotFile | undefined
  }) {
    this.target = fields.target
    this.ready = fields.ready
    this.ended = fields.ended
    this.index = fields.index
    this.testName = fields.testName
    this.snapshots = fields.snapshots
    this.result = fields.ended.result
    this.failure = fields.ended.failure
  }

  /** What a destination holds; the first where none is named. Throws `DefinitionError` where there is none of this name. */
  rows(destination?: string): TestRows {
    const name = destination ?? this.ready.destinations[0]!.name
    const table = this.ended.tables.get(name)
    if (table === undefined) throw new DefinitionError([this.unknownDestination(name, "")])
    return table
  }

  get rejected(): TestRows {
    return this.ended.rejected
  }

  /** Everything that does not hold. `fails` that the run should have ended otherwise is among it. */
  async failures(expectations: ReadonlyArray<DecodedExpectation>, fails?: DecodedTestRun["fails"]): Promise<ReadonlyArray<Failure>> {
    const end = this.endFailure(fails)
    if (end !== undefined) return [end]
    const failures: Array<Failure> = []
    for (const expectation of expectations)
      for (const place of await this.places(expectation)) {
        const found = await failuresOf(place.rows, expectation, this.host(place))
        failures.push(...found.map(([check, message]) => ({ check, place: this.inRun(this.shownName(place.name)), message })))
      }
    return withoutRepeats(failures)
  }

  /** What names something that is not there; `at` is where the expectations stand. */
  issues(expectations: ReadonlyArray<DecodedExpectation>, at: (index: number) => string): ReadonlyArray<Issue> {
    return expectationIssues(this.ready, expectations, at)
  }

  private endFailure(fails: DecodedTestRun["fails"]): Failure | undefined {
    const place = this.inRun("")
    const { failure } = this
    const wanted = typeof fails === "string" ? { code: fails } : fails
    const said = failure === undefined ? "" : `${failure.code}: ${failure.message}${failure.hint === undefined ? "" : `\n${failure.hint}`}`
    if (wanted === undefined) return failure === undefined ? undefined : { check: "run", place, message: `the run failed with ${said}` }
    if (failure === undefined) return { check: "fails", place, message: `the run was to fail with ${wanted.code}, and it succeeded.` }
    if (failure.code !== wanted.code)
      return { check: "fails", place, message: `the run was to fail with ${wanted.code}, and failed with ${said}` }
    if (wanted.message === undefined || failure.message.includes(wanted.message)) return undefined
    return { check: "fails", place, message: `the message was to hold ${JSON.stringify(wanted.message)}, and is:\n${failure.message}` }
  }

  private async places({ destination, step, rejected }: DecodedExpectation): Promise<ReadonlyArray<Place>> {
    if (rejected === true) return [{ name: "rejected rows", rows: this.rejected, key: [] }]
    if (step !== undefined) {
      const ended = (await this.ready.after(step))[this.index]!
      if (ended.failure !== undefined) throw ended.failure
      return [{ name: `step ${step}`, rows: ended.tables.get(STEP_ROWS) ?? noRows, key: [] }]
    }
    return this.ready.destinations
      .filter(({ name }) => destination === undefined || name === destination)
      .map(({ name, key }) => ({ name, key, rows: this.rows(name) }))
  }

  /** The only destination needs no name. */
  private shownName(place: string): string {
    const { destinations } = this.ready
    return destinations.length === 1 && destinations[0]!.name === place ? "" : place
  }

  /** `adults`, or `run 2, adults` where there are several. */
  private inRun(place: string): string {
    if (this.ready.runs.length === 1) return place
    return place === "" ? `run ${this.index + 1}` : `run ${this.index + 1}, ${place}`
  }

  private host(place: Place): CheckHost {
    return {
      evaluate: evaluating(this.target, this.result.startedAt ?? this.result.createdAt),
      expectedRows: async (equals) => await this.expected(equals, place),
      snapshot: async (rows, kind) => {
        if (this.snapshots === undefined) return "there is no file for snapshots. Give one as `snapshotFile`."
        const name = { test: this.testName, place: this.inRun(place.name) }
        return await this.snapshots.compare(name, rows, { ordered: kind === "ordered", key: place.key })
      },
    }
  }

  private async expected(equals: Equals, { rows, key }: Place): Promise<ExpectedRows> {
    if (isRows(equals)) return { rows: equals, schema: undefined, ordered: false, columns: undefined, key }
    const { ordered = false, columns, key: own, file, rows: written = [] } = equals
    const more = { ordered, columns, key: own === undefined ? key : typeof own === "string" ? [own] : own }
    if (file === undefined) return { rows: written, schema: undefined, ...more }
    const place = { folder: this.target.folder, fromFile: true, engine: { ...this.target.engine, plugins: this.target.tested.plugins } }
    const from = { name: "expected rows", columns: typesOf(rows.schema), entry: {}, at: "equals.file" }
    const read = await readRowsFile(file, from, place)
    if (!("schema" in read)) throw new DefinitionError(read)
    return { rows: onlyTheirs(read), schema: read.schema, ...more }
  }

  private unknownDestination(name: string, at: string): Issue {
    return unknownDestination(this.ready, name, at)
  }
}

/** Computes steps over rows, at one time. */
export const evaluating =
  (target: TestTarget, now: number): CheckHost["evaluate"] =>
  async (rows, transforms) => {
    const ends = new TestEnds()
    ends.beginRun(new Map([["rows", rows]]))
    const definition = {
      name: "expectation",
      sources: [{ type: TEST_ROWS, name: "rows" }],
      destinations: [{ type: TEST_ROWS }],
      transforms,
    }
    const plugins = ends.plugins(definition, [])
    await using engine = createEngine({ plugins, projectRoot: target.engine.projectRoot, now: () => now })
    return (await engine.preview(definition, { limit: Number.MAX_SAFE_INTEGER })).rows
  }

/** Columns that were declared for their types alone are not in the file. */
const onlyTheirs = ({ schema, rows }: { readonly schema: BatchSchema; readonly rows: ReadonlyArray<Row> }): ReadonlyArray<Row> => {
  const names = schema.columns.map(({ name }) => name)
  return rows.map((row) => Object.fromEntries(names.map((name) => [name, row[name]])))
}

/** Each destination gets all rows, so the same may be wrong in each. */
const withoutRepeats = (failures: ReadonlyArray<Failure>): ReadonlyArray<Failure> => [
  ...new Map(failures.map((failure) => [JSON.stringify(failure), failure])).values(),
]

export const expectationIssues = (
  ready: ReadyTest,
  expectations: ReadonlyArray<DecodedExpectation>,
  at: (index: number) => string,
): ReadonlyArray<Issue> =>
  expectations.flatMap(({ destination, step }, i): ReadonlyArray<Issue> => {
    if (destination !== undefined && ready.destinations.every(({ name }) => name !== destination))
      return [unknownDestination(ready, destination, joined(at(i), "destination"))]
    if (step === undefined || step <= ready.stepCount) return []
    const message = `the pipeline has ${ready.stepCount} step${ready.stepCount === 1 ? "" : "s"}, and so no rows after step ${step}.`
    return [{ code: "INVALID_VALUE", message, path: joined(at(i), "step") }]
  })

const unknownDestination = ({ destinations }: ReadyTest, name: string, at: string): Issue => {
  const names = destinations.map((destination) => destination.name)
  const near = nearestName(name, names)
  return {
    code: "INVALID_VALUE",
    message: `the pipeline has no destination \`${name}\`.${near === undefined ? "" : ` Did you mean \`${near}\`?`}`,
    path: at,
    hint: `The destinations are: ${names.join(", ")}.`,
  }
}
