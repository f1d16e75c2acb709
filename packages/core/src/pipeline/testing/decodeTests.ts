/** From the text of a test file, or a test in code, to what is run, or to everything that is wrong with it. */
import { DefinitionError, errorCodes, type Issue } from "../../contract/Errors.ts"
import { didYouMean } from "../../model/nearestName.ts"
import { parseTimestamp } from "../../model/Temporal.ts"
import { type DecodeContext, decodeKeys } from "../decodeKeys.ts"
import { isMapping, type Path } from "../path.ts"
import { parsePipelineText } from "../PipelineFile.ts"
import { missingKey, type Problem, toIssues, wrongValue } from "../problem.ts"
import { checkFields, type DecodedExpectation, type DecodedTest, TestFile, testFields, TIME_FORM } from "./TestDefinition.ts"

export interface DecodedTestFile {
  readonly pipeline: string
  readonly tests: ReadonlyArray<DecodedTest>
}

export type TestFileResult =
  | { readonly ok: true; readonly file: DecodedTestFile }
  | { readonly ok: false; readonly issues: ReadonlyArray<Issue> }

/** `file` is the name in messages. */
export const decodeTestText = (written: string, file: string): TestFileResult => {
  const text = parsePipelineText(written, file, true)
  const problems: Array<Problem> = [...text.problems]
  const decoded = text.isBroken ? undefined : decodeFile(text.value, contextOf(problems))
  return problems.length === 0 && decoded !== undefined
    ? { ok: true, file: decoded }
    : { ok: false, issues: toIssues(problems, text, (shown) => shown) }
}

/** A test in code. Throws `DefinitionError`. */
export const decodeTest = (value: unknown): DecodedTest => {
  const problems: Array<Problem> = []
  const test = isMapping(value) ? oneTest({ name: "test", ...value }, [], contextOf(problems)) : undefined
  if (test !== undefined && problems.length === 0) return test
  throw new DefinitionError(
    toIssues(test === undefined ? [wrongValue([], "a test: a mapping with fixtures", value)] : problems, undefined, (shown) => shown),
  )
}

/** One expectation or several, as they are given in code. Throws `DefinitionError`. */
export const decodeExpectations = (value: unknown): ReadonlyArray<DecodedExpectation> => {
  const problems: Array<Problem> = []
  const decoded = decodeKeys({ expect: testFields.expect }, { expect: value }, [], contextOf(problems))
  problems.push(...emptyExpectations(decoded, []))
  if (problems.length === 0) return listOfExpectations(decoded.expect)
  throw new DefinitionError(toIssues(problems, undefined, (shown) => shown))
}

export const listOfExpectations = (expect: DecodedTest["expect"]): ReadonlyArray<DecodedExpectation> =>
  expect === undefined ? [] : isList(expect) ? expect : [expect]

const isList = (value: DecodedExpectation | ReadonlyArray<DecodedExpectation>): value is ReadonlyArray<DecodedExpectation> =>
  Array.isArray(value)

const contextOf = (problems: Array<Problem>): DecodeContext => ({
  whole: new Set(),
  report: (more) => void problems.push(...more),
})

const decodeFile = (value: unknown, context: DecodeContext): DecodedTestFile | undefined => {
  if (!isMapping(value)) {
    context.report([
      value === undefined || value === null ? emptyFile : wrongValue([], "a test file: a mapping with pipeline and tests", value),
    ])
    return undefined
  }
  const { pipeline = "" } = decodeKeys(TestFile.fields, value, [], context, { elsewhere: ["tests"] })
  const list: unknown = value["tests"]
  if (list === undefined) return undefined
  if (!Array.isArray(list) || list.length === 0) {
    context.report([wrongValue(["tests"], "a list of tests, at least one", list)])
    return undefined
  }
  const tests = list.map((entry: unknown, i) => oneTest(entry, ["tests", i], context))
  context.report(sharedNames(tests))
  return { pipeline, tests: tests.filter((test) => test !== undefined) }
}

const emptyFile: Problem = {
  code: "MISSING_KEY",
  message: "there is no test here: the file is empty.",
  path: [],
  hint: "A test file has `pipeline`, the name of a pipeline, and `tests`.",
}

const oneTest = (value: unknown, path: Path, context: DecodeContext): DecodedTest | undefined => {
  if (!isMapping(value)) {
    context.report([wrongValue(path, "a test: a mapping with name, fixtures and expect", value)])
    return undefined
  }
  const test = decodeKeys(testFields, value, path, context)
  context.report([...besideRuns(value, path), ...runProblems(test, path)])
  for (const [i, run] of (test.runs ?? []).entries()) context.report(runProblems(run, [...path, "runs", i]))
  return { name: "", ...test }
}

/** What a test with `runs` says of a run belongs to one of them. */
const besideRuns = (test: Readonly<Record<string, unknown>>, path: Path): ReadonlyArray<Problem> =>
  test["runs"] === undefined
    ? []
    : ["expect", "fails", "payload", "full_refresh"]
        .filter((key) => test[key] !== undefined)
        .map((key) => ({
          code: "INVALID_VALUE",
          message: `\`${key}\` stands beside \`runs\`. Move it into one of the runs.`,
          path: [...path, key],
          at: "key",
        }))

type Run = Pick<DecodedTest, "expect" | "fails" | "fixtures" | "now">

const runProblems = (run: Run, path: Path): ReadonlyArray<Problem> => [
  ...Object.entries(run.fixtures ?? {}).flatMap(([name, fixture]) => rowsOrFile(fixture, [...path, "fixtures", name])),
  ...emptyExpectations(run, path),
  ...codeProblems(run, path),
  ...(run.now === undefined || parseTimestamp(run.now, true) !== undefined ? [] : [wrongValue([...path, "now"], TIME_FORM, run.now)]),
]

/** Rows stand in one place: as a list, under `rows`, or in a file. */
const rowsOrFile = (given: object, path: Path): ReadonlyArray<Problem> => {
  const { rows, file } = given as { readonly rows?: unknown; readonly file?: unknown }
  if (Array.isArray(given) || (rows === undefined) !== (file === undefined)) return []
  const what = rows === undefined ? "neither `rows` nor `file` is given" : "`rows` and `file` are both given"
  return [{ code: rows === undefined ? "MISSING_KEY" : "INVALID_VALUE", message: `${what}. One of them says which rows there are.`, path }]
}

const codeProblems = ({ fails }: Run, path: Path): ReadonlyArray<Problem> => {
  const code = typeof fails === "string" ? fails : fails?.code
  if (code === undefined || Object.hasOwn(errorCodes, code)) return []
  const place = [...path, "fails", ...(typeof fails === "string" ? [] : ["code"])]
  return [
    { code: "INVALID_VALUE", message: `there is no error code \`${code}\`.${didYouMean(code, Object.keys(errorCodes))}`, path: place },
  ]
}

const emptyExpectations = (run: Pick<Run, "expect">, path: Path): ReadonlyArray<Problem> =>
  listOfExpectations(run.expect).flatMap((expectation, i) => {
    const place = [...path, "expect", ...(isList(run.expect!) ? [i] : [])]
    const { equals } = expectation
    const rows = equals === undefined ? [] : rowsOrFile(equals, [...place, "equals"])
    return [...placeProblems(expectation, place), ...checkProblems(expectation, place), ...rows]
  })

const checkProblems = (expectation: DecodedExpectation, path: Path): ReadonlyArray<Problem> => {
  const { row_count: count } = expectation
  const keys = Object.keys(checkFields)
  if (typeof count === "object" && count.min === undefined && count.max === undefined)
    return [
      {
        ...missingKey([...path, "row_count", "min"], undefined),
        message: "`row_count` has neither `min` nor `max`.",
        path: [...path, "row_count"],
      },
    ]
  if (keys.some((key) => expectation[key as keyof DecodedExpectation] !== undefined)) return []
  return [
    {
      code: "MISSING_KEY",
      message: "this expectation expects nothing, and so holds for everything.",
      path,
      hint: `Give it at least one of ${keys.join(", ")}.`,
    },
  ]
}

const placeProblems = ({ destination, step, rejected }: DecodedExpectation, path: Path): ReadonlyArray<Problem> => {
  const given = Object.entries({ destination, step, rejected }).flatMap(([key, value]) => (value === undefined ? [] : [key]))
  if (given.length < 2) return []
  const message = `\`${given[0]}\` and \`${given[1]}\` name two places. Make two expectations of them.`
  return [{ code: "INVALID_VALUE", message, path: [...path, given[1]!], at: "key" }]
}

const sharedNames = (tests: ReadonlyArray<DecodedTest | undefined>): ReadonlyArray<Problem> =>
  tests.flatMap((test, i) => {
    const first = tests.findIndex((other) => other !== undefined && other.name === test?.name)
    if (test === undefined || test.name === "" || first === i) return []
    return [
      {
        code: "INVALID_VALUE",
        message: `tests[${first}] has the name \`${test.name}\` too. Give each its own.`,
        path: ["tests", i, "name"],
      },
    ]
  })
