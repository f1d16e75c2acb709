/** A DuckDB in memory, to ask what it makes of a file. */
import {
  DuckDBBlobValue,
  type DuckDBConnection,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBInstance,
  DuckDBIntervalValue,
  DuckDBListValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  DuckDBUUIDValue,
  type DuckDBValue,
} from "@duckdb/node-api"
import { Decimal, Interval, type Value } from "@deltaflow/core"

export const connectDuckDb = async (): Promise<DuckDBConnection> => (await DuckDBInstance.create(":memory:")).connect()

export interface DuckDbTable {
  readonly names: ReadonlyArray<string>
  readonly types: ReadonlyArray<string>
  readonly rows: ReadonlyArray<ReadonlyArray<Value | null>>
}

/** What a query gives, as our values. */
export const tableOf = async (connection: DuckDBConnection, sql: string): Promise<DuckDbTable> => {
  // A description says JSON where a result says VARCHAR.
  const described = (await connection.runAndReadAll(`DESCRIBE ${sql}`)).getRows()
  const reader = await connection.runAndReadAll(sql)
  return {
    names: reader.columnNames(),
    types: described.map((column) => String(column[1])),
    rows: reader.getRows().map((row) => row.map(valueOf)),
  }
}

const WITHIN = 9_223_372_036_854_775_807n

const whole = (value: bigint): number | bigint =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value

const micros = (value: bigint): number | bigint => (value === WITHIN ? Infinity : value === -WITHIN ? -Infinity : whole(value))

const valueOf = (value: DuckDBValue): Value | null => {
  if (typeof value === "bigint") return whole(value)
  if (typeof value !== "object" || value === null) return value
  if (value instanceof DuckDBDecimalValue) return new Decimal(whole(value.value), value.scale)
  if (value instanceof DuckDBBlobValue) return new Uint8Array(value.bytes)
  if (value instanceof DuckDBDateValue) return Math.abs(value.days) === 2_147_483_647 ? Math.sign(value.days) * Infinity : value.days
  if (value instanceof DuckDBTimeValue) return Number(value.micros)
  if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue) return micros(value.micros)
  if (value instanceof DuckDBIntervalValue) return new Interval(value.months, value.days, Number(value.micros))
  if (value instanceof DuckDBUUIDValue) return value.toString()
  if (value instanceof DuckDBListValue) return value.items.map(valueOf)
  throw new Error(`${value.constructor.name} has no form of ours`)
}
