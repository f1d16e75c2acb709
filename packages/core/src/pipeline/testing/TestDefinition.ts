/**
 * The test file as one schema: what `deltaflow test` reads, what `testPipeline` takes, and what editors and the reference page show.
 *
 * Rows hold what JavaScript's rows hold. In a file, digits of numbers are kept.
 */
import * as Schema from "effect/Schema"
import { ColumnTypeName, Count, Expression, Flag, listOf, Names, optional, Positive, required, Text } from "../keys.ts"

export const TIME_FORM = "a time such as 2026-01-31T12:00:00Z"

/** ISO 8601; without a zone it is UTC. Whether there is such a day is looked at apart, as a schema for editors cannot. */
const Time = Schema.String.check(
  Schema.isPattern(/^\d{4,6}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?( ?(Z|[+-]\d\d(:?\d\d)?))?)?$/i, { expected: TIME_FORM }),
).annotate({ expected: TIME_FORM })

const Payload = Schema.Union([
  Schema.Record(Schema.String, Schema.Unknown),
  Schema.Array(Schema.Unknown),
  Schema.String,
  Schema.Number,
  Schema.Boolean,
  Schema.Null,
]).annotate({ expected: "any value of JSON" })

const Row = Schema.Record(Schema.String, Schema.Unknown).annotate({ expected: "a row: a mapping of column names to values" })

const Rows = Schema.Array(Row).annotate({ expected: "a list of rows" })

const columnTypes = optional(Schema.Record(Text, ColumnTypeName), "Column name: type. Goes over what the source says and what is inferred.")

const rowsKey = optional(Rows, "The rows; an empty list is no rows.")

const fileKey = optional(
  Text,
  "A `csv`, `ndjson` or `json` file in place of `rows`, relative to the test file; in a test in code, to the project. A source of the same type keeps its options.",
)

const FixtureSource = Schema.Struct({ rows: rowsKey, file: fileKey, columns: columnTypes }).annotate({
  expected: "a mapping with rows or file",
})

/** What a source gives in a run. */
export const Fixture = Schema.Union([Rows, FixtureSource]).annotate({
  expected: "a list of rows, or a mapping with rows or file",
})

const RowCount = Schema.Union([
  Count,
  Schema.Struct({ min: optional(Count, "Rows at least."), max: optional(Count, "Rows at most.") }),
]).annotate({ expected: "a number of rows, or a mapping with min and max" })

const equalsFields = {
  ordered: optional(Flag, "Whether the order of rows counts. Default: false."),
  columns: optional(
    listOf(Text, "a list of column names"),
    "Only these columns are looked at. Default: all, and each expected row must have them.",
  ),
  key: optional(Names, "Columns that tell rows apart, for a difference that is easier to read. Default: the destination's key."),
}

const Equals = Schema.Union([Rows, Schema.Struct({ rows: rowsKey, file: fileKey, ...equalsFields })]).annotate({
  expected: "a list of rows, or a mapping with rows or file",
})

/** The keys that say what must hold. */
export const checkFields = {
  row_count: optional(RowCount, "How many rows there are."),
  columns: optional(
    Schema.Union([
      Schema.Array(Text).annotate({ expected: "a list of column names" }),
      Schema.Record(Text, ColumnTypeName).annotate({ expected: "a mapping of column names to types" }),
    ]).annotate({ expected: "a list of column names, or a mapping of column names to types" }),
    "The columns that there are, all of them, in any order; as a mapping, with their types.",
  ),
  no_nulls: optional(Names, "Columns that have a value in every row."),
  unique: optional(Names, "Columns whose values together stand in one row only. As in PostgreSQL, nulls are no values."),
  equals: optional(Equals, "The rows that there are, compared value by value."),
  expression: optional(
    Schema.Union([Expression, listOf(Expression, "a list of SQL expressions")]).annotate({
      expected: "an SQL expression or a list of them",
    }),
    "SQL expression that is true for every row; one with aggregates, such as `SUM(amount) > 0`, is true once for all rows.",
  ),
  snapshot: optional(
    Schema.Literals([true, "ordered"]),
    "Compares the rows with those that were stored before; `ordered` minds their order.",
  ),
}

export const Expectation = Schema.Struct({
  destination: optional(Text, "The destination whose rows are looked at. Default: each of them."),
  step: optional(Count, "Looks at the rows after the first N steps instead; 0 are those of the sources."),
  rejected: optional(
    Schema.Literal(true),
    "Looks at the rejected rows instead, with the columns `step`, `code`, `error`, `row_number` and `row`.",
  ),
  ...checkFields,
})

const Failure = Schema.Union([
  Text,
  Schema.Struct({
    code: required(Text, "The code of the error, such as `SCHEMA_VIOLATION`."),
    message: optional(Text, "A part of its message."),
  }),
]).annotate({ expected: "the code of an error, or a mapping with code and message" })

const Expectations = Schema.Union([Expectation, listOf(Expectation, "a list of expectations")]).annotate({
  expected: "an expectation or a list of them",
})

const fixtures = optional(Schema.Record(Text, Fixture), "Source name, or `sources[0]` for one without: what it gives.")

const runFields = {
  now: optional(Time, "The time at which the run starts, for `NOW()` and `CURRENT_DATE`. Default: the time of the run before, else now."),
  payload: optional(Payload, "`:payload` in expressions."),
  full_refresh: optional(Flag, "Whether the run ignores what runs before it have read. Default: false."),
  expect: optional(Expectations, "What must hold after the run."),
  fails: optional(Failure, "The error that the run must end with."),
}

export const TestRun = Schema.Struct({
  fixtures: optional(Schema.Record(Text, Fixture), "Source name: what it gives in this run. Goes over the fixtures of the test."),
  ...runFields,
})

export const testFields = {
  name: required(Text, "Name of the test, unique in its file."),
  fixtures,
  variables: optional(
    Schema.Record(Text, Schema.Union([Schema.String, Schema.Finite, Schema.Boolean])),
    "Values for `${VAR}` in the pipeline, before the environment.",
  ),
  environment: optional(Text, "`:environment` in expressions. Default: that of the command, else development."),
  batch_size: optional(Positive, "Rows that travel together, to see that it does not matter. Default: the pipeline's."),
  ...runFields,
  runs: optional(
    listOf(TestRun, "a list of runs"),
    "Several runs, one after the other, which share state and destinations: for increments. In place of `expect` and `fails`.",
  ),
}

export const Test = Schema.Struct(testFields)

export const TestFile = Schema.Struct({
  pipeline: required(Text, "Name of the pipeline that is tested."),
  tests: required(listOf(Test, "a list of tests"), "The tests."),
}).annotate({ expected: "a test file: a mapping with pipeline and tests" })

/** A test as it is written. */
export type TestInput = typeof Test.Encoded
export type ExpectationInput = typeof Expectation.Encoded
export type FixtureInput = typeof Fixture.Encoded

/** A test that was checked. */
export type DecodedTest = typeof Test.Type
export type DecodedTestRun = typeof TestRun.Type
export type DecodedExpectation = typeof Expectation.Type
export type DecodedFixture = typeof Fixture.Type
