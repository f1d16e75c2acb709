/** Runs in SQLite: pages without walking the table, totals without counting it. */
import type { SQLInputValue } from "node:sqlite"
import { StoreError } from "../contract/Errors.ts"
import { type EngineEvent, isTerminal, type Run, type RunFilter, type RunStatus, runStatuses } from "../contract/Store.ts"
import { changedRun } from "./runs.ts"
import type { Database } from "./sqliteDatabase.ts"
import { appendEvents } from "./sqliteEvents.ts"
import { runTable } from "./sqliteTables.ts"

export const getRun = (database: Database, id: string): Run | undefined => {
  const row = database.prepare(`SELECT ${runTable.columns} FROM runs WHERE id = ?`).get(id)
  return row === undefined ? undefined : runTable.read(row)
}

export const createRun = (database: Database, run: Run): void => {
  if (getRun(database, run.id) !== undefined) {
    throw new StoreError({
      code: "STORE_FAILED",
      message: `${database.path}: there is a run ${JSON.stringify(run.id)} already. Ids of runs are new ones.`,
    })
  }
  database.prepare(runTable.insert).run(...runTable.values(run))
}

export const updateRun = (
  database: Database,
  id: string,
  change: Partial<Omit<Run, "id" | "pipeline">>,
  events: ReadonlyArray<EngineEvent>,
): boolean => {
  const run = getRun(database, id)
  if (run === undefined || isTerminal(run.status)) return false
  database.prepare(runTable.upsert).run(...runTable.values(changedRun(run, change)))
  appendEvents(database, events)
  return true
}

export const listRuns = (database: Database, filter: RunFilter): { readonly runs: ReadonlyArray<Run>; readonly total: number } => {
  const statuses = runStatuses.filter((status) => filter.status?.includes(status) ?? true)
  if (statuses.length === 0) return { runs: [], total: 0 }
  return { runs: pageOfRuns(database, filter, statuses), total: countRuns(database, filter, statuses) }
}

/** One scan, or one per status, each in the order of its index and merged by SQLite, which stops when the page is full. */
const pageOfRuns = (database: Database, filter: RunFilter, statuses: ReadonlyArray<RunStatus>): ReadonlyArray<Run> => {
  const isAny = statuses.length === runStatuses.length
  const scans = isAny ? [scanOf(filter, undefined, "at, seq")] : statuses.map((status) => scanOf(filter, status, "at, seq"))
  const sql = `SELECT ${runTable.columns}
    FROM (${scans.map(({ sql }) => sql).join(" UNION ALL ")} ORDER BY at DESC, seq DESC LIMIT ? OFFSET ?) AS page
    JOIN runs ON runs.seq = page.seq ORDER BY page.at DESC, page.seq DESC`
  const parameters = [...scans.flatMap(({ parameters }) => parameters), filter.limit ?? 100, filter.skip ?? 0]
  return database
    .prepare(sql)
    .all(...parameters)
    .map((row) => runTable.read(row))
}

const countRuns = (database: Database, filter: RunFilter, statuses: ReadonlyArray<RunStatus>): number => {
  const hasSpan = filter.since !== undefined || filter.until !== undefined
  if (filter.pipeline !== undefined && !hasSpan) return countOfPipeline(database, filter.pipeline, statuses)
  return statuses.reduce(
    (sum, status) => sum + (filter.pipeline === undefined ? countByDays(database, filter, status) : countByScan(database, filter, status)),
    0,
  )
}

const countOfPipeline = (database: Database, pipeline: string, statuses: ReadonlyArray<RunStatus>): number => {
  const rows = database.prepare("SELECT status, runs FROM run_counts WHERE pipeline = ?").all(pipeline)
  return rows.filter(({ status }) => statuses.includes(status as RunStatus)).reduce((sum, { runs }) => sum + Number(runs), 0)
}

/** The counts of the whole days within the span, of the whole quarters of an hour before and after them, and what is at the ends. */
const countByDays = (database: Database, filter: RunFilter, status: RunStatus): number => {
  const { since = 0, until = LAST_DAY * DAY_MS } = filter
  const days = wholeWithin(since, until, DAY_MS)
  if (days === undefined) return countByQuarters(database, { since, until }, status)
  return (
    countOf(database, "run_days", "day", status, days) +
    countByQuarters(database, { since, until: days.first * DAY_MS }, status) +
    countByQuarters(database, { since: days.end * DAY_MS, until }, status)
  )
}

const countByQuarters = (database: Database, { since, until }: Span, status: RunStatus): number => {
  const quarters = wholeWithin(since, until, QUARTER_MS)
  if (quarters === undefined) return countByScan(database, { since, until }, status)
  return (
    countOf(database, "run_quarters", "quarter", status, quarters) +
    countByScan(database, { since, until: quarters.first * QUARTER_MS }, status) +
    countByScan(database, { since: quarters.end * QUARTER_MS, until }, status)
  )
}

interface Span {
  readonly since: number
  readonly until: number
}

/** The numbers of the whole pieces of this length within a span; undefined where there is none. */
const wholeWithin = (since: number, until: number, length: number): { readonly first: number; readonly end: number } | undefined => {
  const [first, end] = [Math.ceil(since / length), Math.floor(until / length)]
  return first < end ? { first, end } : undefined
}

const countOf = (
  database: Database,
  table: "run_days" | "run_quarters",
  piece: "day" | "quarter",
  status: RunStatus,
  { first, end }: { readonly first: number; readonly end: number },
): number =>
  Number(
    database
      .prepare(`SELECT sum(runs) AS runs FROM ${table} WHERE status = ? AND ${piece} >= ? AND ${piece} < ?`)
      .get(status, first, end)?.["runs"] ?? 0,
  )

const DAY_MS = 86_400_000

const QUARTER_MS = 900_000

/** Past every date that JavaScript can say. */
const LAST_DAY = 100_000_001

const countByScan = (database: Database, filter: RunFilter, status: RunStatus): number => {
  const { sql, parameters } = scanOf(filter, status, "count(*) AS runs")
  return Number(database.prepare(sql).get(...parameters)?.["runs"] ?? 0)
}

/** The part of an index that holds the runs of one status, or of any. */
const scanOf = (
  filter: RunFilter,
  status: RunStatus | undefined,
  columns: string,
): { readonly sql: string; readonly parameters: Array<SQLInputValue> } => {
  const { pipeline, since, until } = filter
  const conditions: ReadonlyArray<readonly [sql: string, value: SQLInputValue | undefined]> = [
    ["pipeline = ?", pipeline],
    ["status = ?", status],
    ["at >= ?", since],
    ["at < ?", until],
  ]
  const given = conditions.filter(([, value]) => value !== undefined)
  const where = given.length === 0 ? "" : `WHERE ${given.map(([sql]) => sql).join(" AND ")}`
  return {
    sql: `SELECT ${columns} FROM runs INDEXED BY ${indexOf(pipeline, status)} ${where}`,
    parameters: given.map(([, value]) => value!),
  }
}

const indexOf = (pipeline: string | undefined, status: RunStatus | undefined): string => {
  if (status === undefined) return pipeline === undefined ? "runs_by_time" : "runs_of_pipeline"
  return pipeline === undefined ? "runs_by_status" : "runs_by_pipeline"
}
