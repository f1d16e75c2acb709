/**
 * A cursor says where a source stands. The engine does not look inside: it stores the text that `encodeCursor` gives.
 *
 * Bigint, Decimal, Date and bytes survive, and so do the values of every JSON type. The stored form is JSON in which
 * what JSON lacks is an object with one key that begins with `$`.
 */
import { Decimal } from "./Decimal.ts"

/** What a plugin yields as its cursor: any JSON value, with bigint, Decimal, Date and Uint8Array inside where needed. */
export type CursorValue = unknown

/** Throws `TypeError` for functions, symbols and cyclic objects, which could not be read back. */
export const encodeCursor = (cursor: CursorValue): string => JSON.stringify(wrap(cursor, 0))

export const decodeCursor = (text: string): CursorValue => unwrap(JSON.parse(text))

const MAX_DEPTH = 64

const wrap = (value: unknown, depth: number): unknown => {
  if (depth > MAX_DEPTH) throw new TypeError(`a cursor is nested more than ${MAX_DEPTH} deep, or contains itself`)
  switch (typeof value) {
    case "bigint":
      return { $bigint: String(value) }
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0) ? value : { $number: Object.is(value, -0) ? "-0" : String(value) }
    case "object":
      return value === null ? null : wrapObject(value, depth)
    case "function":
    case "symbol":
      throw new TypeError(`a cursor cannot hold a ${typeof value}`)
    default:
      return value
  }
}

const wrapObject = (value: object, depth: number): unknown => {
  if (value instanceof Decimal) return { $decimal: value.toString() }
  if (value instanceof Date) return { $date: value.toISOString() }
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString("base64") }
  if (Array.isArray(value)) return value.map((item) => wrap(item, depth + 1))
  // A key of the author's own that begins with `$` gets another one in front, so that it is not taken for ours.
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key.startsWith("$") ? `$${key}` : key, wrap(item, depth + 1)]))
}

const unwrap = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map(unwrap)
  const entries = Object.entries(value)
  const first = entries[0]
  if (first !== undefined && entries.length === 1 && Object.hasOwn(UNWRAP, first[0])) return UNWRAP[first[0]]!(String(first[1]))
  return Object.fromEntries(entries.map(([key, item]) => [key.startsWith("$$") ? key.slice(1) : key, unwrap(item)]))
}

const UNWRAP: Record<string, (text: string) => unknown> = {
  $bigint: (text) => BigInt(text),
  $number: (text) => Number(text),
  $decimal: (text) => Decimal.parse(text),
  $date: (text) => new Date(text),
  $bytes: (text) => new Uint8Array(Buffer.from(text, "base64")),
}
