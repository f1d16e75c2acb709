/** What kinds of JavaScript values a column was given, as bits, and which column types hold them. */
import type { ColumnType } from "../model/ColumnType.ts"
import { Decimal } from "../model/Decimal.ts"
import { Interval } from "../model/Interval.ts"
import type { RowValue } from "../model/Value.ts"

export const Kind = {
  none: 0,
  boolean: 1,
  integer: 2,
  double: 4,
  bigint: 8,
  string: 16,
  decimal: 32,
  interval: 64,
  date: 128,
  bytes: 256,
  json: 512,
  /** Functions and symbols, which no column holds. */
  foreign: 1024,
} as const

export const kindOf = (value: RowValue): number => {
  switch (typeof value) {
    case "string":
      return Kind.string
    case "number":
      return Number.isSafeInteger(value) ? Kind.integer : Kind.double
    case "boolean":
      return Kind.boolean
    case "bigint":
      return Kind.bigint
    case "undefined":
      return Kind.none
    case "object":
      return value === null ? Kind.none : objectKind(value)
    default:
      return Kind.foreign
  }
}

const objectKind = (value: object): number => {
  if (value instanceof Decimal) return Kind.decimal
  if (value instanceof Date) return Kind.date
  if (value instanceof Interval) return Kind.interval
  return value instanceof Uint8Array ? Kind.bytes : Kind.json
}

const numbers = Kind.integer | Kind.double | Kind.bigint | Kind.decimal
const datesAndText = Kind.string | Kind.date

// Text counts only where rows show the type as text: a zip code "01234" is not to become the number 1234.
const HELD: Partial<Record<ColumnType, number>> = {
  boolean: Kind.boolean,
  integer: Kind.integer | Kind.bigint,
  double: Kind.integer | Kind.double,
  decimal: numbers,
  string: Kind.string,
  bytes: Kind.bytes,
  date: datesAndText,
  time: Kind.string,
  timestamp: datesAndText,
  timestamptz: datesAndText,
  interval: Kind.interval,
  uuid: Kind.string,
  json: ~Kind.foreign,
}

/**
 * Whether a column of the type may be given values of these kinds without anybody saying so. The values may still not fit, as text that is
 * no date.
 */
export const mayHold = (type: ColumnType, kinds: number): boolean => (kinds & ~(HELD[type] ?? Kind.json)) === 0

/** Whether values of these kinds are a column's values as they are. */
export const isValueAlready = (type: ColumnType, kinds: number): boolean => {
  switch (type) {
    case "string":
      return (kinds & ~Kind.string) === 0
    case "integer":
      return (kinds & ~Kind.integer) === 0
    case "double":
      return (kinds & ~(Kind.integer | Kind.double)) === 0
    case "boolean":
      return (kinds & ~Kind.boolean) === 0
    case "decimal":
      return (kinds & ~Kind.decimal) === 0
    default:
      return false
  }
}

/** The smallest type for values of these kinds; undefined where there is none, `string` where there are only nulls. */
export const smallestType = (kinds: number): ColumnType | undefined => {
  if (kinds === Kind.none) return "string"
  if ((kinds & ~numbers) === 0) return kinds & Kind.decimal ? "decimal" : kinds & Kind.double ? "double" : "integer"
  return SINGLE.get(kinds)
}

const SINGLE: ReadonlyMap<number, ColumnType> = new Map<number, ColumnType>([
  [Kind.boolean, "boolean"],
  [Kind.string, "string"],
  [Kind.interval, "interval"],
  [Kind.date, "timestamptz"],
  [Kind.bytes, "bytes"],
  [Kind.json, "json"],
])
