/** Events in SQLite: appended in one order, read on from any of them. */
import type { SQLInputValue } from "node:sqlite"
import type { EngineEvent, EventFilter } from "../contract/Store.ts"
import type { Database } from "./sqliteDatabase.ts"
import { eventTable } from "./sqliteTables.ts"

export const appendEvents = (database: Database, events: ReadonlyArray<EngineEvent>): void => {
  if (events.length === 0) return
  const last = database.prepare("SELECT clock FROM events ORDER BY seq DESC LIMIT 1").get()
  let clock = last === undefined ? -Infinity : Number(last["clock"])
  const insert = database.prepare(`${eventTable.insert} ON CONFLICT (id) DO NOTHING`)
  for (const event of events) {
    clock = Math.max(clock, event.timestamp)
    insert.run(...eventTable.values(event), clock)
  }
}

export const listEvents = (database: Database, filter: EventFilter): ReadonlyArray<EngineEvent> => {
  const { pipeline, runId, types, since, until, limit = 1000 } = filter
  const conditions: ReadonlyArray<readonly [sql: string, ...values: ReadonlyArray<SQLInputValue | undefined>]> = [
    ["pipeline = ?", pipeline],
    ["run_id = ?", runId],
    ["type IN (SELECT value FROM json_each(?))", types === undefined ? undefined : JSON.stringify(types)],
    ["timestamp >= ?", since],
    ["timestamp < ?", until],
    afterCondition(database, filter.after),
    // What `since` leaves out by time need not be read either.
    ["seq >= coalesce((SELECT seq FROM events WHERE clock >= ? ORDER BY clock, seq LIMIT 1), 9e18)", since],
  ]
  const given = conditions.filter(([, value]) => value !== undefined)
  const where = given.length === 0 ? "" : `WHERE ${given.map(([sql]) => sql).join(" AND ")}`
  return database
    .prepare(`SELECT ${eventTable.columns} FROM events ${indexFor(database, filter, limit)} ${where} ORDER BY seq LIMIT ?`)
    .all(...given.map(([, value]) => value!), limit)
    .map((row) => eventTable.read(row))
}

const afterCondition = (database: Database, after: string | undefined): readonly [string, SQLInputValue | undefined] => {
  if (after === undefined) return ["", undefined]
  const known = database.prepare("SELECT seq FROM events WHERE id = ?").get(after)
  return known === undefined ? ["id > ?", after] : ["seq > ?", Number(known["seq"])]
}

/** Which way to the events is short. SQLite could only guess: it knows neither how many there are nor how time and order go together. */
const indexFor = (database: Database, filter: EventFilter, limit: number): string => {
  if (filter.runId !== undefined) return "INDEXED BY events_by_run"
  if (filter.pipeline !== undefined) return "INDEXED BY events_by_pipeline"
  if (filter.until === undefined) return "NOT INDEXED"
  // A span with few events may lie long before the end of the table; one with many fills the page from where it begins.
  const sql = "SELECT count(*) AS events FROM (SELECT 1 FROM events WHERE timestamp >= ? AND timestamp < ? LIMIT ?)"
  const inSpan = Number(database.prepare(sql).get(filter.since ?? Number.MIN_SAFE_INTEGER, filter.until, limit + 1)?.["events"])
  return inSpan > limit ? "NOT INDEXED" : "INDEXED BY events_by_time"
}
