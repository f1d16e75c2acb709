/**
 * Values on their way into DuckDB.
 *
 * | column | DuckDB |
 * |---|---|
 * | boolean, integer, double, string, bytes | BOOLEAN, BIGINT, DOUBLE, VARCHAR, BLOB |
 * | decimal | DECIMAL(38, s), s as many digits as any value of the column has behind the point |
 * | date, time, timestamp, timestamptz | DATE, TIME, TIMESTAMP, TIMESTAMPTZ |
 * | interval, uuid, json | INTERVAL, UUID, JSON |
 * | T[] | T[] |
 */
import {
  type ColumnType,
  type Decimal,
  elementType,
  formatValue,
  type Interval,
  isArrayType,
  type ScalarType,
  type Value,
} from "@deltaflow/core"
import type { DuckDBType, DuckDBValue } from "@duckdb/node-api"
import type { Duckdb } from "./api.ts"

/** Digits that a DECIMAL has at most. */
export const MOST_DIGITS = 38

/** A value that DuckDB cannot hold. The catcher adds where it stands. */
export class UnfitError extends Error {
  override readonly name = "UnfitError"
}

const SQL_TYPES: Readonly<Record<Exclude<ScalarType, "decimal">, string>> = {
  boolean: "BOOLEAN",
  integer: "BIGINT",
  double: "DOUBLE",
  string: "VARCHAR",
  bytes: "BLOB",
  date: "DATE",
  time: "TIME",
  timestamp: "TIMESTAMP",
  timestamptz: "TIMESTAMPTZ",
  interval: "INTERVAL",
  uuid: "UUID",
  json: "JSON",
}

/** The name of the type in SQL. `scale` is that of decimals. */
export const sqlType = (type: ColumnType, scale: number): string => {
  if (isArrayType(type)) return `${sqlType(elementType(type), scale)}[]`
  return type === "decimal" ? `DECIMAL(${MOST_DIGITS}, ${scale})` : SQL_TYPES[type]
}

/** The same for the client. */
export const vectorType = (duckdb: Duckdb, type: ColumnType, scale: number): DuckDBType => {
  if (isArrayType(type)) return duckdb.LIST(vectorType(duckdb, elementType(type), scale))
  if (type === "decimal") return duckdb.DECIMAL(MOST_DIGITS, scale)
  return {
    boolean: duckdb.BOOLEAN,
    integer: duckdb.BIGINT,
    double: duckdb.DOUBLE,
    string: duckdb.VARCHAR,
    bytes: duckdb.BLOB,
    date: duckdb.DATE,
    time: duckdb.TIME,
    timestamp: duckdb.TIMESTAMP,
    timestamptz: duckdb.TIMESTAMPTZ,
    interval: duckdb.INTERVAL,
    uuid: duckdb.UUID,
    // To the client JSON is the text that it is stored as.
    json: duckdb.VARCHAR,
  }[type]
}

/** Digits that decimals of a column need before and behind the point. */
export interface Digits {
  readonly before: number
  readonly behind: number
}

export const NO_DIGITS: Digits = { before: 0, behind: 0 }

/** What the column needs with this value too; throws `UnfitError` where that is more than there is. */
export const digitsWith = (known: Digits, value: Value): Digits => {
  if (Array.isArray(value))
    return value.reduce((digits: Digits, item: Value | null) => (item === null ? digits : digitsWith(digits, item)), known)
  const decimal = value as Decimal
  if (!decimal.isFinite) throw new UnfitError(`DuckDB has no decimal ${decimal.toString()}. Make the column a double, or the value null`)
  const length = String(decimal.coefficient).replace("-", "").length
  const before = Math.max(known.before, length - decimal.scale)
  const behind = Math.max(known.behind, decimal.scale)
  if (before === known.before && behind === known.behind) return known
  if (before + behind <= MOST_DIGITS) return { before, behind }
  throw new UnfitError(
    `with ${decimal.toString()} the column needs ${before} digits before the point and ${behind} behind it, and a decimal of DuckDB has ${MOST_DIGITS}. Round the values, or make the column a double`,
  )
}

/** Gives the client's form of a value that is not null; throws `UnfitError`. Decimals get the scale of their column. */
export type ToDuckdb = (value: Value, scale: number) => DuckDBValue

export const toDuckdb = (duckdb: Duckdb, type: ColumnType): ToDuckdb => {
  if (isArrayType(type)) {
    const convert = toDuckdb(duckdb, elementType(type))
    return (value, scale) =>
      new duckdb.DuckDBListValue((value as ReadonlyArray<Value | null>).map((item) => (item === null ? null : convert(item, scale))))
  }
  return converters(duckdb)[type]
}

const converters = (duckdb: Duckdb): Readonly<Record<ScalarType, ToDuckdb>> => ({
  boolean: (value) => value as boolean,
  integer: (value) => BigInt(value as number | bigint),
  double: (value) => value as number,
  decimal: (value, scale) => new duckdb.DuckDBDecimalValue(BigInt((value as Decimal).withScale(scale).coefficient), MOST_DIGITS, scale),
  string: (value) => wholeText(value as string),
  bytes: (value) => new duckdb.DuckDBBlobValue(value as Uint8Array),
  date: (value) => dateValue(duckdb, value as number),
  time: (value) => new duckdb.DuckDBTimeValue(BigInt(value as number)),
  timestamp: (value) => new duckdb.DuckDBTimestampValue(microseconds(duckdb, value as number | bigint, "timestamp")),
  timestamptz: (value) => new duckdb.DuckDBTimestampTZValue(microseconds(duckdb, value as number | bigint, "timestamptz")),
  interval: (value) => intervalValue(duckdb, value as Interval),
  uuid: (value) => duckdb.DuckDBUUIDValue.fromUint128(BigInt(`0x${(value as string).replaceAll("-", "")}`)),
  json: (value) => wholeText(value as string),
})

/** DuckDB keeps text in UTF-8, which has no half of a surrogate pair. */
const wholeText = (text: string): string => {
  if (text.isWellFormed()) return text
  throw new UnfitError("the text has half of a character that takes two, which DuckDB cannot hold. Replace it")
}

const dateValue = (duckdb: Duckdb, days: number): DuckDBValue => {
  const { PosInf, NegInf, Min, Max } = duckdb.DuckDBDateValue
  if (!Number.isFinite(days)) return days > 0 ? PosInf : NegInf
  if (days >= Min.days && days <= Max.days) return new duckdb.DuckDBDateValue(days)
  throw new UnfitError(`${formatValue(days, "date")} lies outside of DuckDB's calendar`)
}

const microseconds = (duckdb: Duckdb, value: number | bigint, type: "timestamp" | "timestamptz"): bigint => {
  const { PosInf, NegInf, Min, Max } = duckdb.DuckDBTimestampValue
  if (value === Infinity) return PosInf.micros
  if (value === -Infinity) return NegInf.micros
  const micros = BigInt(value)
  if (micros >= Min.micros && micros <= Max.micros) return micros
  throw new UnfitError(`${formatValue(value, type)} lies outside of DuckDB's calendar`)
}

const INT32 = 2 ** 31

const intervalValue = (duckdb: Duckdb, value: Interval): DuckDBValue => {
  const { months, days, micros, isFinite } = value
  const fits = isFinite && [months, days].every((part) => part >= -INT32 && part < INT32)
  if (!fits) throw new UnfitError(`DuckDB has no interval ${value.toString()}`)
  return new duckdb.DuckDBIntervalValue(months, days, BigInt(micros))
}
