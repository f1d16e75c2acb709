/** Expectations against rows. Each check gives what is wrong, with the rows that it is wrong in. */
import { type ColumnSchema, DefinitionError, DeltaflowError, type PipelineDefinition, type Row } from "@deltaflow/core"
import type { DecodedExpectation } from "@deltaflow/core/testing"
import { difference, more, MOST_ROWS, rowsTable, shownCell } from "./difference.ts"
import { cellOf, identityOf, mergeSchemas, namesOf, type TestRows, typesOf } from "./testRows.ts"

/** One thing that does not hold. */
export interface Failure {
  /** The key of the expectation: `row_count`, `equals`; `fails` and `run` for the run itself. */
  readonly check: string
  /** Destination, step or rejected rows, and the run where there are several. */
  readonly place: string
  /** What is wrong, and below it the rows. */
  readonly message: string
}

/** What checks ask of whoever runs them. */
export interface CheckHost {
  /** The values of a column that a step adds to the rows, or of the single row that an aggregate gives. */
  readonly evaluate: (rows: TestRows, transforms: PipelineDefinition["transforms"] & object) => Promise<ReadonlyArray<Row>>
  /** Rows that are expected, from a file or as they are written. */
  readonly expectedRows: (equals: Equals) => Promise<ExpectedRows>
  readonly snapshot: (rows: TestRows, kind: true | "ordered") => Promise<string | undefined>
}

export type Equals = Exclude<DecodedExpectation["equals"], undefined>

export interface ExpectedRows {
  readonly rows: ReadonlyArray<Row>
  /** Types of a file's columns; undefined for rows that were written. */
  readonly schema: TestRows["schema"] | undefined
  readonly ordered: boolean
  readonly columns: ReadonlyArray<string> | undefined
  readonly key: ReadonlyArray<string>
}

type Check = (rows: TestRows, expectation: DecodedExpectation, host: CheckHost) => Promise<string | undefined> | string | undefined

/** Gives all failures of one expectation about these rows, as pairs of the check's name and its message. */
export const failuresOf = async (
  rows: TestRows,
  expectation: DecodedExpectation,
  host: CheckHost,
): Promise<ReadonlyArray<readonly [string, string]>> => {
  const failures: Array<readonly [string, string]> = []
  for (const [name, check] of Object.entries(checks)) {
    const message = expectation[name as keyof typeof checks] === undefined ? undefined : await check(rows, expectation, host)
    if (message !== undefined) failures.push([name, message])
  }
  return failures
}

const checkRowCount: Check = ({ rows }, { row_count: expected }) => {
  if (typeof expected === "number") return rows.length === expected ? undefined : `expected ${count(expected)}, found ${rows.length}.`
  const { min = 0, max = Number.POSITIVE_INFINITY } = expected!
  if (rows.length >= min && rows.length <= max) return undefined
  const range =
    max === Number.POSITIVE_INFINITY ? `at least ${count(min)}` : min === 0 ? `at most ${count(max)}` : `${min} to ${count(max)}`
  return `expected ${range}, found ${rows.length}.`
}

const count = (rows: number): string => `${rows} row${rows === 1 ? "" : "s"}`

const checkColumns: Check = ({ schema }, { columns }) => {
  const isList = Array.isArray(columns)
  const expected = isList ? Object.fromEntries(columns.map((name: string) => [name, undefined])) : columns
  return otherColumns(schema, expected as Readonly<Record<string, string | undefined>>)
}

/** Names, and types where they are expected. */
const otherColumns = (schema: TestRows["schema"], expected: Readonly<Record<string, string | undefined>>): string | undefined => {
  const found = typesOf(schema)
  const lines = [
    ...Object.entries(expected).flatMap(([name, type]) => {
      if (!Object.hasOwn(found, name)) return [`- ${name}${type === undefined ? "" : ` ${type}`}`]
      return type === undefined || found[name] === type ? [] : [`~ ${name} ${type} → ${found[name]}`]
    }),
    ...namesOf(schema).flatMap((name) => (Object.hasOwn(expected, name) ? [] : [`+ ${name} ${found[name]}`])),
  ]
  return lines.length === 0 ? undefined : `the columns are others:\n${lines.join("\n")}\n${LEGEND}`
}

const LEGEND = "- expected and not there   + there and not expected   ~ expected → found"

const listed = (names: string | ReadonlyArray<string>): ReadonlyArray<string> => (typeof names === "string" ? [names] : names)

/** What is wrong where rows have no such column; no rows with no columns have none that could be missing. */
const missingColumns = ({ schema, rows }: TestRows, names: ReadonlyArray<string>): string | undefined => {
  const known = namesOf(schema)
  if (known.length === 0 && rows.length === 0) return undefined
  const missing = names.filter((name) => !known.includes(name))
  return missing.length === 0 ? undefined : `the rows have no column ${missing.join(", ")}. They have: ${known.join(", ")}.`
}

const checkNoNulls: Check = (rows, { no_nulls: names }) => {
  const columns = listed(names!)
  const wrong = rows.rows.flatMap((row, i) => (columns.some((name) => row[name] === null) ? [i] : []))
  return (
    missingColumns(rows, columns) ??
    (wrong.length === 0 ? undefined : `${hasNulls(wrong.length, columns)}\n${someRows(rows, wrong, columns)}`)
  )
}

const hasNulls = (number: number, columns: ReadonlyArray<string>): string =>
  `${number === 1 ? "1 row has" : `${number} rows have`} no value in ${columns.join(" or ")}:`

const checkUnique: Check = (rows, { unique: names }) => {
  const columns = listed(names!)
  const missing = missingColumns(rows, columns)
  if (missing !== undefined) return missing
  const types = typesOf(rows.schema)
  const groups = new Map<string, Array<number>>()
  rows.rows.forEach((row, i) => {
    if (columns.some((name) => row[name] === null)) return
    const id = JSON.stringify(columns.map((name) => identity(row[name], types[name]!)))
    groups.set(id, [...(groups.get(id) ?? []), i])
  })
  const repeated = [...groups.values()].filter((places) => places.length > 1)
  if (repeated.length === 0) return undefined
  const shown = repeated.length === 1 ? "1 value stands" : `${repeated.length} values stand`
  return `${shown} in several rows of ${columns.join(", ")}:\n${someRows(rows, repeated.flat(), columns)}`
}

const identity = (value: unknown, type: ColumnSchema["type"]): string => {
  const cell = cellOf(value, type)
  return "problem" in cell ? cell.problem : identityOf(cell.value, type)
}

/** Rows by number, the columns that are meant first. */
const someRows = ({ schema, rows }: TestRows, places: ReadonlyArray<number>, first: ReadonlyArray<string>): string => {
  const meant = schema.columns.filter(({ name }) => first.includes(name))
  const others = schema.columns.filter(({ name }) => !first.includes(name)).slice(0, Math.max(0, 8 - meant.length))
  const columns = [...meant, ...others]
  const lines = places
    .slice(0, MOST_ROWS)
    .map((place) => [String(place + 1), ...columns.map(({ name, type }) => shownCell(rows[place]![name], type))])
  return [rowsTable(columns, lines), ...more(places.length - MOST_ROWS)].join("\n")
}

const checkEquals: Check = async (rows, { equals }, host) => {
  const expected = await host.expectedRows(equals!)
  const names = expected.columns ?? namesOf(rows.schema)
  const wrong = expected.columns === undefined ? columnProblem(rows, expected) : missingColumns(rows, expected.columns)
  if (wrong !== undefined) return wrong
  const known = rows.schema.columns.length === 0 ? columnsOf(expected) : rows.schema.columns
  const columns = known.filter(({ name }) => rows.schema.columns.length === 0 || names.includes(name))
  const unnamed = expected.rows.findIndex((row) => columns.some(({ name }) => !Object.hasOwn(row, name)))
  if (unnamed >= 0) return leftOut(expected.rows[unnamed]!, unnamed, columns)
  return difference(expected.rows, rows.rows, { columns, ordered: expected.ordered, key: expected.key })
}

const columnsOf = ({ rows, schema }: ExpectedRows): ReadonlyArray<ColumnSchema> =>
  schema?.columns ?? [...new Set(rows.flatMap((row) => Object.keys(row)))].map((name) => ({ name, type: "string", nullable: true }))

const columnProblem = ({ schema, rows }: TestRows, expected: ExpectedRows): string | undefined => {
  if (expected.rows.length === 0 || (schema.columns.length === 0 && rows.length === 0)) return undefined
  const found = namesOf(schema)
  const named = new Set(expected.rows.flatMap((row) => Object.keys(row)))
  const [added, missing] = [found.filter((name) => !named.has(name)), [...named].filter((name) => !found.includes(name))]
  if (missing.length > 0)
    return `the rows have no column ${missing.join(", ")}, which the expected rows name. They have: ${found.join(", ")}.`
  if (added.length === 0) return undefined
  return `the expected rows leave out ${added.join(", ")}. Name all columns, or list under \`columns\` those that are to be looked at.`
}

const leftOut = (row: Row, index: number, columns: ReadonlyArray<ColumnSchema>): string => {
  const missing = columns.find(({ name }) => !Object.hasOwn(row, name))!.name
  return `expected row ${index + 1} leaves out ${missing}, which others have. Write null where there is no value.`
}

const checkExpression: Check = async (rows, { expression }, host) => {
  const wrong: Array<string> = []
  for (const text of listed(expression!)) {
    const message = await notTrue(rows, text, host)
    if (message !== undefined) wrong.push(message)
  }
  return wrong.length === 0 ? undefined : wrong.join("\n\n")
}

/** Without rows and columns there is nothing to be wrong for. */
const notTrue = async (rows: TestRows, text: string, { evaluate }: CheckHost): Promise<string | undefined> => {
  if (rows.schema.columns.length === 0 && rows.rows.length === 0) return undefined
  const computed = await compute(rows, text, evaluate)
  if ("problem" in computed) return `${text}: ${computed.problem}`
  const { values, isAggregate } = computed
  if (values.some((value) => value !== null && typeof value !== "boolean"))
    return `${text} is neither true nor false. Compare it with something.`
  if (!isAggregate) return rowsNotTrue(rows, text, values)
  return values[0] === true ? undefined : `${text} is ${String(values[0])} over ${count(rows.rows.length)}.`
}

/** What keeps an expression from being computed over rows with these columns. */
export const expressionProblem = async (
  schema: TestRows["schema"],
  text: string,
  evaluate: CheckHost["evaluate"],
): Promise<string | undefined> => {
  const computed = await compute({ schema, rows: [] }, text, evaluate)
  return "problem" in computed ? computed.problem : undefined
}

interface Computed {
  /** One for each row, or one for all of them. */
  readonly values: ReadonlyArray<unknown>
  readonly isAggregate: boolean
}

const compute = async (rows: TestRows, text: string, evaluate: CheckHost["evaluate"]): Promise<Computed | { readonly problem: string }> => {
  const name = unusedName(rows)
  try {
    const made = await evaluate(rows, [{ type: "map", fields: { [name]: text } }])
    return { values: made.map((row) => row[name]), isAggregate: false }
  } catch (error) {
    if (!isUnsupported(error)) return { problem: expressionMessage(error) }
  }
  try {
    const made = await evaluate(rows, [{ type: "aggregate", metrics: { [name]: text } }])
    return { values: made.map((row) => row[name]), isAggregate: true }
  } catch (error) {
    return { problem: expressionMessage(error) }
  }
}

/** An aggregate where a row is computed, say. */
const isUnsupported = (error: unknown): boolean =>
  error instanceof DefinitionError && error.issues.every(({ code }) => code === "UNSUPPORTED_EXPRESSION")

/** Without the names of the step that computes it, which say nothing to anybody. */
const expressionMessage = (error: unknown): string => {
  if (!(error instanceof DeltaflowError)) throw error
  const issues = error instanceof DefinitionError ? error.issues : [{ message: error.message, hint: error.hint }]
  return issues
    .map(
      ({ message, hint }) => `${message.replace(/^expectation \/ transforms\[0\] \([^)]*\): /, "")}${hint === undefined ? "" : ` ${hint}`}`,
    )
    .join("\n")
}

const unusedName = ({ schema }: TestRows): string => {
  const names = namesOf(schema)
  return Array.from({ length: names.length + 1 }, (_, i) => `holds_${i}`).find((name) => !names.includes(name))!
}

const rowsNotTrue = (rows: TestRows, text: string, values: ReadonlyArray<unknown>): string | undefined => {
  const wrong = values.flatMap((value, i) => (value === true ? [] : [i]))
  if (wrong.length === 0) return undefined
  const named = namesOf(rows.schema).filter((name) => text.includes(name))
  const kinds = new Set(wrong.map((i) => values[i]))
  const what = kinds.size === 1 ? String([...kinds][0]) : "false or null"
  return `${text} is ${what} in ${count(wrong.length)} of ${values.length}:\n${someRows(rows, wrong, named)}`
}

const checkSnapshot: Check = (rows, { snapshot }, host) => host.snapshot(rows, snapshot!)

const checks = {
  row_count: checkRowCount,
  columns: checkColumns,
  no_nulls: checkNoNulls,
  unique: checkUnique,
  equals: checkEquals,
  expression: checkExpression,
  snapshot: checkSnapshot,
}

/** What tells a stored snapshot from the rows that are there. */
export const snapshotDifference = (stored: TestRows, rows: TestRows, ordered: boolean, key: ReadonlyArray<string>): string | undefined => {
  return (
    otherColumns(rows.schema, typesOf(stored.schema)) ??
    difference(stored.rows, rows.rows, { columns: mergeSchemas(stored.schema, rows.schema).columns, ordered, key })
  )
}
