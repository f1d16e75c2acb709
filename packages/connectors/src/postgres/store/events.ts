/** Events in PostgreSQL: appended in one order, read on from any of them. */
import { stringifyJson } from "@deltaflow/core"
import type { EngineEvent, EventFilter } from "@deltaflow/core/store"
import type { Query } from "../hosts/Query.ts"
import { eventTable } from "./tables.ts"
import { encodeText } from "./texts.ts"

export const appendEvents = async (query: Query, events: ReadonlyArray<EngineEvent>): Promise<void> => {
  if (events.length === 0) return
  const rows = JSON.stringify(events.map((event) => rowOf(event)))
  // Held until the commit: see event_head. One statement alone would not see what was
  // committed while it waited.
  const [head] = await query("SELECT seq::text AS seq, clock::text AS clock FROM event_head FOR UPDATE", [])
  await query(
    `WITH added AS (
      INSERT INTO events (seq, id, type, timestamp, pipeline, run_id, data, clock)
      SELECT $2::bigint + n, id, type, timestamp, pipeline, run_id, data, greatest($3::bigint, max(timestamp) OVER (ORDER BY n))
      FROM ROWS FROM (json_to_recordset($1::json) AS (id text, type text, timestamp bigint, pipeline text, run_id text, data text))
        WITH ORDINALITY AS given (id, type, timestamp, pipeline, run_id, data, n)
      ORDER BY n
      ON CONFLICT (id) DO NOTHING
      RETURNING seq, clock
    )
    UPDATE event_head SET seq = added.seq, clock = added.clock
    FROM (SELECT max(seq) AS seq, max(clock) AS clock FROM added) AS added WHERE added.seq IS NOT NULL`,
    [rows, head!["seq"] ?? null, head!["clock"] ?? null],
  )
}

const rowOf = ({ id, type, timestamp, pipeline, runId, data }: EngineEvent) => ({
  id: encodeText(id),
  type: encodeText(type),
  timestamp,
  pipeline: encodeText(pipeline),
  run_id: runId === null ? null : encodeText(runId),
  data: stringifyJson(data).toWellFormed(),
})

export const listEvents = async (query: Query, filter: EventFilter): Promise<ReadonlyArray<EngineEvent>> => {
  const { pipeline, runId, types, since, until, limit = 1000 } = filter
  const after = await afterCondition(query, filter.after)
  const from = since === undefined ? undefined : String(Math.ceil(since))
  const conditions: ReadonlyArray<readonly [sql: string, value: string | undefined]> = [
    ["pipeline = $::text", encoded(pipeline)],
    ["run_id = $::text", encoded(runId)],
    ["type IN (SELECT json_array_elements_text($::json))", types === undefined ? undefined : JSON.stringify(types.map(encodeText))],
    ["timestamp >= $::bigint", from],
    ["timestamp < $::bigint", until === undefined ? undefined : String(Math.ceil(until))],
    after,
    // What `since` leaves out by time need not be read either.
    ["seq >= coalesce((SELECT seq FROM events WHERE clock >= $::bigint ORDER BY clock, seq LIMIT 1), 9223372036854775807)", from],
  ]
  const values: Array<string> = []
  const given = conditions.flatMap(([sql, value]) => (value === undefined ? [] : [sql.replace("$", `$${values.push(value)}`)]))
  const where = given.length === 0 ? "" : `WHERE ${given.join(" AND ")}`
  const order = (await isShort(query, filter, limit)) ? "seq + 0" : "seq"
  const rows = await query(`SELECT ${eventTable.columns} FROM events ${where} ORDER BY ${order} LIMIT ${limit}`, values)
  return rows.map((row) => eventTable.read(row))
}

const encoded = (text: string | undefined): string | undefined => (text === undefined ? undefined : encodeText(text))

const afterCondition = async (query: Query, after: string | undefined): Promise<readonly [string, string | undefined]> => {
  if (after === undefined) return ["", undefined]
  const [known] = await query("SELECT seq::text AS seq FROM events WHERE id = $1::text", [encodeText(after)])
  return known === undefined ? ["id > $::text", encodeText(after)] : ["seq > $::bigint", known["seq"] ?? undefined]
}

/** Whether all events of a span fit on the page: they are then found by time and sorted, in place of a walk that could be long. */
const isShort = async (query: Query, { since, until, pipeline, runId }: EventFilter, limit: number): Promise<boolean> => {
  if (until === undefined || pipeline !== undefined || runId !== undefined) return false
  const values = [String(Math.ceil(since ?? Number.MIN_SAFE_INTEGER)), String(Math.ceil(until))]
  const inSpan = `SELECT 1 FROM events WHERE timestamp >= $1::bigint AND timestamp < $2::bigint LIMIT ${limit + 1}`
  const [found] = await query(`SELECT count(*)::text AS events FROM (${inSpan}) AS span`, values)
  return Number(found?.["events"]) <= limit
}
