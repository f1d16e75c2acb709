/** Runs in PostgreSQL: pages without walking the table, totals without counting it. */
import { StoreError } from "@deltaflow/core"
import { isTerminal, type Run, type RunFilter, type RunStatus, runStatuses } from "@deltaflow/core/store"
import type { Query } from "../hosts/Query.ts"
import { runTable } from "./tables.ts"
import { encodeText } from "./texts.ts"

export const getRun = async (query: Query, id: string, lock: "" | "FOR UPDATE" = ""): Promise<Run | undefined> => {
  const [row] = await query(`SELECT ${runTable.columns} FROM runs WHERE id = $1::text ${lock}`, [encodeText(id)])
  return row === undefined ? undefined : runTable.read(row)
}

export const createRun = async (query: Query, run: Run): Promise<void> => {
  if ((await addRun(query, run)) % ADD_UP_EVERY === 0) await addUpChanges(query)
}

/** Gives its number. */
export const addRun = async (query: Query, run: Run): Promise<number> => {
  const [added] = await query(`${runTable.insert} ON CONFLICT (id) DO NOTHING RETURNING seq::text AS seq`, runTable.values(run))
  if (added === undefined) {
    const message = `there is a run ${JSON.stringify(run.id)} already. Ids of runs are new ones.`
    throw new StoreError({ code: "STORE_FAILED", message })
  }
  return Number(added["seq"])
}

export const saveRun = async (query: Query, run: Run): Promise<void> => {
  await query(runTable.upsert, runTable.values(run))
}

const ADD_UP_EVERY = 100

/** Two who do it at once take different changes, and lock counts in one order. */
const addUpChanges = async (query: Query): Promise<void> => {
  await query(
    `WITH taken AS (
      DELETE FROM run_changes WHERE seq IN (SELECT seq FROM run_changes ORDER BY seq LIMIT 10000 FOR UPDATE SKIP LOCKED)
      RETURNING pipeline, status, day, runs
    ), counted AS (
      INSERT INTO run_counts SELECT pipeline, status, sum(runs) FROM taken GROUP BY 1, 2 ORDER BY 1, 2
      ON CONFLICT (pipeline, status) DO UPDATE SET runs = run_counts.runs + excluded.runs
    )
    INSERT INTO run_days SELECT status, day, sum(runs) FROM taken GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (status, day) DO UPDATE SET runs = run_days.runs + excluded.runs`,
    [],
  )
}

export const listRuns = async (query: Query, filter: RunFilter): Promise<{ readonly runs: ReadonlyArray<Run>; readonly total: number }> => {
  const statuses = filter.status === undefined ? undefined : runStatuses.filter((status) => filter.status!.includes(status))
  if (statuses?.length === 0) return { runs: [], total: 0 }
  const runs = await pageOfRuns(query, filter, statuses)
  return { runs, total: await countRuns(query, filter, statuses) }
}

type Statuses = ReadonlyArray<RunStatus> | undefined

/** One scan per status, each in the order of its index, so that nothing but the page is read. */
const pageOfRuns = async (query: Query, filter: RunFilter, statuses: Statuses): Promise<ReadonlyArray<Run>> => {
  const { limit = 100, skip = 0 } = filter
  const values: Array<string> = []
  const last = skip + limit
  const scans = (statuses ?? [undefined]).map(
    (status) => `(SELECT at, seq FROM runs ${whereOf(filter, status, values)} ORDER BY at DESC, seq DESC LIMIT ${last})`,
  )
  const rows = await query(
    `SELECT ${runTable.columns}
    FROM (SELECT at, seq FROM (${scans.join(" UNION ALL ")}) AS found ORDER BY at DESC, seq DESC LIMIT ${limit} OFFSET ${skip}) AS page
    JOIN runs ON runs.seq = page.seq ORDER BY page.at DESC, page.seq DESC`,
    values,
  )
  return rows.map((row) => runTable.read(row))
}

/** Bounds are set in, so that each is a condition of the index. `values` grows by what they need. */
const whereOf = ({ pipeline, since, until }: RunFilter, status: RunStatus | undefined, values: Array<string>): string => {
  const given = [
    ["pipeline = $::text", pipeline === undefined ? undefined : encodeText(pipeline)],
    ["status = $::text", status],
    ["at >= $::bigint", wholeTime(since)],
    ["at < $::bigint", wholeTime(until)],
  ].filter((condition): condition is [string, string] => condition[1] !== undefined)
  if (given.length === 0) return ""
  return `WHERE ${given.map(([sql, value]) => sql.replace("$", `$${values.push(value)}`)).join(" AND ")}`
}

/** Times are whole, so a bound between two of them means the upper one. */
const wholeTime = (time: number | undefined): string | undefined => (time === undefined ? undefined : String(Math.ceil(time)))

const countRuns = async (query: Query, filter: RunFilter, statuses: Statuses): Promise<number> => {
  const hasSpan = filter.since !== undefined || filter.until !== undefined
  if (filter.pipeline === undefined) return await countByDays(query, filter, statuses)
  return hasSpan ? await countByScan(query, filter, statuses) : await countOfPipeline(query, filter.pipeline, statuses)
}

const totalOf = async (query: Query, sql: string, values: ReadonlyArray<string>): Promise<number> =>
  Number((await query(sql, values))[0]?.["total"] ?? 0)

const statusCondition = (statuses: Statuses): string =>
  statuses === undefined ? "" : ` AND status IN (${statuses.map((status) => `'${status}'`).join(", ")})`

const countOfPipeline = async (query: Query, pipeline: string, statuses: Statuses): Promise<number> => {
  const where = `WHERE pipeline = $1::text${statusCondition(statuses)}`
  const parts = ["run_counts", "run_changes"].map((table) => `SELECT runs FROM ${table} ${where}`)
  return await totalOf(query, `SELECT sum(runs)::text AS total FROM (${parts.join(" UNION ALL ")}) AS parts`, [encodeText(pipeline)])
}

const DAY_MS = 86_400_000

/** Past every date that JavaScript can say. */
const LAST_DAY = 100_000_001

/** The counts of the whole days within the span, and what is before and after them. */
const countByDays = async (query: Query, filter: RunFilter, statuses: Statuses): Promise<number> => {
  const { since = -LAST_DAY * DAY_MS, until = LAST_DAY * DAY_MS } = filter
  const [first, end] = [Math.ceil(since / DAY_MS), Math.floor(until / DAY_MS)]
  if (first >= end) return await countByScan(query, filter, statuses)
  const where = `WHERE day >= $1::bigint AND day < $2::bigint${statusCondition(statuses)}`
  const parts = ["run_days", "run_changes"].map((table) => `SELECT runs FROM ${table} ${where}`)
  const whole = await totalOf(query, `SELECT sum(runs)::text AS total FROM (${parts.join(" UNION ALL ")}) AS parts`, [
    String(first),
    String(end),
  ])
  const before = first * DAY_MS === since ? 0 : await countByScan(query, { since, until: first * DAY_MS }, statuses)
  const after = end * DAY_MS === until ? 0 : await countByScan(query, { since: end * DAY_MS, until }, statuses)
  return whole + before + after
}

const countByScan = async (query: Query, filter: RunFilter, statuses: Statuses): Promise<number> => {
  const values: Array<string> = []
  const scans = (statuses ?? [undefined]).map((status) => `SELECT count(*) AS runs FROM runs ${whereOf(filter, status, values)}`)
  return await totalOf(query, `SELECT sum(runs)::text AS total FROM (${scans.join(" UNION ALL ")}) AS parts`, values)
}

/** The run where it is there and has not ended, locked until the transaction ends. */
export const openRun = async (query: Query, id: string): Promise<Run | undefined> => {
  const run = await getRun(query, id, "FOR UPDATE")
  return run === undefined || isTerminal(run.status) ? undefined : run
}
