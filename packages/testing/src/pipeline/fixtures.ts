/** The fixtures of a test as rows with types, or everything that is wrong with them, at once. */
import path from "node:path"
import {
  type ColumnType,
  createEngine,
  DeltaflowError,
  type EngineOptions,
  type Issue,
  nearestName,
  type Row,
  type SourceDefinition,
} from "@deltaflow/core"
import type { DecodedFixture } from "@deltaflow/core/testing"
import { TEST_ROWS, TestEnds } from "./testEnds.ts"
import { type ColumnTypes, type TestRows, typedRows } from "./testRows.ts"

/** A source as the definition has it. */
export interface TestedSource {
  readonly name: string
  /** As it is written. */
  readonly entry: Readonly<Record<string, unknown>>
}

export interface FixturePlace {
  /** Where files of fixtures lie. Absolute. */
  readonly folder: string
  /** Whether rows come from a file, where digits of numbers are only digits. */
  readonly fromFile: boolean
  /** For reading files. */
  readonly engine: EngineOptions & { readonly projectRoot: string }
}

type Fixtures = Readonly<Record<string, DecodedFixture>>

export interface FixtureSet {
  readonly rows: ReadonlyMap<string, TestRows>
  readonly issues: ReadonlyArray<Issue>
}

/** `own` goes over `shared`; `paths` is where each of them stands in the test. */
export const readFixtures = async (
  sources: ReadonlyArray<TestedSource>,
  own: { readonly path: string; readonly fixtures: Fixtures },
  shared: { readonly path: string; readonly fixtures: Fixtures },
  place: FixturePlace,
): Promise<FixtureSet> => {
  const names = sources.map(({ name }) => name)
  const unknown = [own, shared].flatMap(({ path: at, fixtures }) => unknownSources(at, fixtures, names))
  const meant = new Set(unknown.map(({ near }) => near))
  const issues = unknown.map(({ issue }) => issue)
  const rows = new Map<string, TestRows>()
  for (const source of sources) {
    const from = Object.hasOwn(own.fixtures, source.name) ? own : shared
    const fixture = Object.hasOwn(from.fixtures, source.name) ? from.fixtures[source.name] : undefined
    // A name that is misspelt is told once.
    if (fixture === undefined && meant.has(source.name)) continue
    const read =
      fixture === undefined
        ? [missingFixture(source.name, own.path)]
        : await readFixture(fixture, source, joined(from.path, "fixtures", source.name), place)
    if ("schema" in read) rows.set(source.name, read)
    else issues.push(...read)
  }
  return { rows, issues: distinct(issues) }
}

const distinct = (issues: ReadonlyArray<Issue>): ReadonlyArray<Issue> => [
  ...new Map(issues.map((issue) => [`${issue.path}\n${issue.message}`, issue])).values(),
]

/** A path within a test, as `formatPath` of the core prints it. */
export const joined = (base: string, ...parts: ReadonlyArray<string | number>): string =>
  parts.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`
    if (!/^[\w-]+$/.test(part)) return `${text}[${JSON.stringify(part)}]`
    return text === "" ? part : `${text}.${part}`
  }, base)

interface UnknownSource {
  readonly near: string | undefined
  readonly issue: Issue
}

const unknownSources = (base: string, fixtures: Fixtures, names: ReadonlyArray<string>): ReadonlyArray<UnknownSource> =>
  Object.keys(fixtures)
    .filter((name) => !names.includes(name))
    .map((name) => {
      const near = nearestName(name, names)
      const message = `the pipeline has no source \`${name}\`.${near === undefined ? "" : ` Did you mean \`${near}\`?`}`
      const path = joined(base, "fixtures", name)
      return { near, issue: { code: "INVALID_VALUE", message, path, hint: `The sources are: ${names.join(", ")}.` } }
    })

const missingFixture = (source: string, base: string): Issue => ({
  code: "MISSING_KEY",
  message: `the source \`${source}\` has no fixture, and a test reads nothing else.`,
  path: base,
  hint: `Give its rows under \`fixtures\`; no rows are \`${source}: []\`.`,
})

const readFixture = async (
  fixture: DecodedFixture,
  source: TestedSource,
  at: string,
  place: FixturePlace,
): Promise<TestRows | ReadonlyArray<Issue>> => {
  const isList = isRows(fixture)
  const { file, rows = [], columns: own = {} } = isList ? { rows: fixture } : fixture
  const columns = { ...declaredColumns(source.entry), ...own }
  if (file !== undefined) return await readRowsFile(file, { name: source.name, columns, entry: source.entry, at: `${at}.file` }, place)
  const typed = typedRows(rows, columns, place)
  if ("schema" in typed) return typed
  return typed.map(({ row, column, message }) => ({
    code: "VALUE_TYPE",
    message: `row ${row + 1}, column ${column}: ${message}.`.replace(/\.\.$/, "."),
    path: joined(isList ? at : `${at}.rows`, row, column),
    hint: "Text goes into quotes; `columns` says the types of columns.",
  }))
}

/** Whether rows stand there as a list. */
export const isRows = <A extends object>(given: A | ReadonlyArray<Row>): given is ReadonlyArray<Row> => Array.isArray(given)

const declaredColumns = ({ columns }: Readonly<Record<string, unknown>>): ColumnTypes =>
  typeof columns === "object" && columns !== null ? (columns as Record<string, ColumnType>) : {}

interface RowsFile {
  /** Whose rows they are, for messages. */
  readonly name: string
  readonly columns: ColumnTypes
  /** The source that the file stands for: one of the same type keeps its options. */
  readonly entry: Readonly<Record<string, unknown>>
  /** Where the file is named, for messages. */
  readonly at: string
}

const FORMATS: Readonly<Record<string, string>> = { csv: "csv", ndjson: "ndjson", jsonl: "ndjson", json: "json" }

/** The rows of a file, by the connector for its ending. */
export const readRowsFile = async (
  file: string,
  { name, columns, entry, at }: RowsFile,
  place: FixturePlace,
): Promise<TestRows | ReadonlyArray<Issue>> => {
  const ending = /\.(\w+?)(\.(gz|br|zst))?$/.exec(file.toLowerCase())?.[1] ?? ""
  const type = FORMATS[ending]
  if (type === undefined)
    return [
      {
        code: "INVALID_VALUE",
        message: `\`${file}\` is no csv, ndjson or json file.`,
        path: at,
        hint: "The ending of its name says what it holds.",
      },
    ]
  const { projectRoot, plugins } = place.engine
  if (!plugins.some((plugin) => plugin.kind === "source" && plugin.type === type))
    return [
      {
        code: "UNKNOWN_PLUGIN",
        message: `no source of type \`${type}\` is there to read \`${file}\`.`,
        path: at,
        hint: "Give the connectors as `plugins`.",
      },
    ]
  const relative = path.relative(projectRoot, path.resolve(place.folder, file))
  const { incremental: _, ...options } = entry["type"] === type ? entry : { type }
  const source = { ...options, name, columns, path: relative } as unknown as SourceDefinition
  await using engine = createEngine({ ...place.engine, plugins: [...new TestEnds().plugins({}, []), ...plugins] })
  try {
    return await engine.preview(
      { name: "fixture", sources: [source], destinations: [{ type: TEST_ROWS }] },
      { limit: Number.MAX_SAFE_INTEGER },
    )
  } catch (error) {
    if (!(error instanceof DeltaflowError)) throw error
    const message = "issues" in error ? (error.issues as ReadonlyArray<Issue>).map((issue) => issue.message).join(" ") : error.message
    return [{ code: error.code, message, path: at, ...(error.hint === undefined ? {} : { hint: error.hint }) }]
  }
}
