/**
 * Rows that a test gave before, in a file beside it: a line of JSON with the columns, then a line of JSON for each row. Values keep all
 * their digits, and a changed row is a changed line.
 */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises"
import path from "node:path"
import {
  type BatchSchema,
  type ColumnType,
  EngineError,
  isColumnType,
  parseJson,
  type Row,
  type RowValue,
  stringifyJson,
} from "@deltaflow/core"
import { snapshotDifference } from "./checks.ts"
import { cellOf, identityOf, type TestRows, typedRows, typesOf } from "./testRows.ts"

export interface SnapshotOptions {
  /** Stores what differs instead of telling it. Default false. */
  readonly update?: boolean
  /** A snapshot that is missing fails where nobody would commit it. Default false. */
  readonly isCi?: boolean
}

/** Whose rows they are. */
export interface SnapshotName {
  readonly test: string
  /** Destination, step or rejected rows, and the run where there are several. */
  readonly place: string
}

interface Stored extends SnapshotName {
  readonly rows: TestRows
}

export interface SnapshotComparison {
  readonly ordered: boolean
  readonly key: ReadonlyArray<string>
}

export class SnapshotFile {
  written = 0
  updated = 0
  readonly file: string
  private readonly options: SnapshotOptions
  private stored: Array<Stored> | undefined
  private readonly asked = new Set<string>()

  constructor(file: string, options: SnapshotOptions) {
    this.file = file
    this.options = options
  }

  /** `tests/orders.test.yml` has its snapshots in `tests/__snapshots__/orders.test.ndjson`. */
  static beside(testFile: string, options: SnapshotOptions): SnapshotFile {
    const name = `${path.basename(testFile).replace(/\.\w+$/, "")}.ndjson`
    return new SnapshotFile(path.join(path.dirname(testFile), "__snapshots__", name), options)
  }

  /** Whether there are rows of this test, or of one place of it. */
  async has(test: string, place?: string): Promise<boolean> {
    return (await this.load()).some((one) => one.test === test && (place === undefined || one.place === place))
  }

  /** What differs; undefined where nothing does, or where it was stored. */
  async compare(name: SnapshotName, rows: TestRows, { ordered, key }: SnapshotComparison): Promise<string | undefined> {
    const all = await this.load()
    this.asked.add(idOf(name))
    const before = all.find((one) => idOf(one) === idOf(name))
    const now = ordered ? rows : inOneOrder(rows)
    const wrong = before === undefined ? undefined : snapshotDifference(before.rows, now, ordered, key)
    if (before !== undefined && wrong === undefined) return undefined
    if (before !== undefined && this.options.update !== true)
      return `other than in ${path.basename(this.file)}. Where this is right, run with --update-snapshot.\n${wrong}`
    if (before === undefined && this.options.update !== true && this.options.isCi === true)
      return `there is no snapshot in ${this.file}. Write it by running the tests elsewhere than in CI, and commit it.`
    if (before === undefined) this.written++
    else this.updated++
    await this.save([...all.filter((one) => one !== before), { ...name, rows: now }])
    return undefined
  }

  /** Those of tests that are not there any more, or that a test which ran has no use for. Removed where snapshots are updated. */
  async obsolete(tests: ReadonlySet<string>, complete: ReadonlySet<string>): Promise<ReadonlyArray<SnapshotName>> {
    const all = await this.load()
    const old = all.filter((one) => !tests.has(one.test) || (complete.has(one.test) && !this.asked.has(idOf(one))))
    if (old.length > 0 && this.options.update === true) await this.save(all.filter((one) => !old.includes(one)))
    return old.map(({ test, place }) => ({ test, place }))
  }

  private async load(): Promise<ReadonlyArray<Stored>> {
    this.stored ??= readSnapshots(await readText(this.file), this.file)
    return this.stored
  }

  /** In one order, whatever order tests ran in; whole or not at all. */
  private async save(all: ReadonlyArray<Stored>): Promise<void> {
    this.stored = all.toSorted((a, b) => compareText(idOf(a), idOf(b)))
    await mkdir(path.dirname(this.file), { recursive: true })
    const temporary = `${this.file}.${process.pid}.tmp`
    await writeFile(temporary, this.stored.map(snapshotText).join(""))
    await rename(temporary, this.file)
  }
}

const idOf = ({ test, place }: SnapshotName): string => JSON.stringify([test, place])

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const readText = async (file: string): Promise<string> => {
  try {
    return await readFile(file, "utf8")
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return ""
    throw error
  }
}

/** Sorted by their values, so that the order in which rows came says nothing. */
const inOneOrder = ({ schema, rows }: TestRows): TestRows => {
  const keyed = rows.map((row) => ({ row, id: JSON.stringify(schema.columns.map(({ name, type }) => sortKey(row[name], type))) }))
  return { schema, rows: keyed.toSorted((a, b) => compareText(a.id, b.id)).map(({ row }) => row) }
}

const sortKey = (value: RowValue, type: ColumnType): string => {
  const cell = cellOf(value, type)
  const text = "problem" in cell ? cell.problem : identityOf(cell.value, type)
  // Short numbers before long ones, as people count.
  return type === "integer" && !text.startsWith("-") ? text.padStart(20) : text
}

const snapshotText = ({ test, place, rows: { schema, rows } }: Stored): string =>
  [{ test, place, columns: typesOf(schema), rows: rows.length }, ...rows.map((row) => plainRow(row, schema))]
    .map((line) => `${stringifyJson(line)}\n`)
    .join("")

/** Values as JSON has them; what JSON has not, as text that reads back. */
const plainRow = (row: Row, { columns }: BatchSchema): Row =>
  Object.fromEntries(columns.map(({ name, type }) => [name, type === "interval" && row[name] !== null ? String(row[name]) : row[name]]))

const readSnapshots = (text: string, file: string): Array<Stored> => {
  const lines = text.split("\n")
  const all: Array<Stored> = []
  for (let at = 0; at < lines.length;) {
    if (lines[at]!.trim() === "") {
      at++
      continue
    }
    const head = readHead(lines[at]!, file, at + 1)
    const rows = Array.from({ length: head.rows }, (_, i) => readRow(lines[at + 1 + i], file, at + 2 + i))
    const typed = typedRows(rows, head.columns, { fromFile: true })
    if ("schema" in typed) all.push({ test: head.test, place: head.place, rows: typed })
    else throw corrupt(file, at + 2 + typed[0]!.row, `${typed[0]!.column}: ${typed[0]!.message}`)
    at += 1 + head.rows
  }
  return all
}

interface Head extends SnapshotName {
  readonly columns: Readonly<Record<string, ColumnType>>
  readonly rows: number
}

const readHead = (line: string, file: string, number: number): Head => {
  const { test, place, columns, rows } = readLine(line, file, number)
  const isHead =
    typeof test === "string" && typeof place === "string" && typeof rows === "number" && typeof columns === "object" && columns !== null
  if (!isHead) throw corrupt(file, number, "expected the line of a snapshot, with test, place, columns and rows")
  const wrong = Object.entries(columns).find(([, type]) => typeof type !== "string" || !isColumnType(type))
  if (wrong !== undefined) throw corrupt(file, number, `the column ${wrong[0]} has no type that is known`)
  return { test, place, columns: columns as Head["columns"], rows }
}

const readRow = (line: string | undefined, file: string, number: number): Row => {
  if (line === undefined || line === "") throw corrupt(file, number, "a row is missing that the snapshot counts")
  const row = readLine(line, file, number)
  if ("test" in row && "place" in row && "columns" in row && "rows" in row && typeof row["columns"] === "object")
    throw corrupt(file, number, "a row is missing that the snapshot counts")
  return row
}

const readLine = (line: string, file: string, number: number): Row => {
  try {
    const value = parseJson(line)
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Row
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw corrupt(file, number, "this is no line of JSON")
}

const corrupt = (file: string, line: number, what: string): EngineError =>
  new EngineError({
    code: "JSON_SYNTAX",
    message: `${file}:${line}: the snapshots cannot be read: ${what}. Take the file back from version control, or delete it to write it again.`,
  })
