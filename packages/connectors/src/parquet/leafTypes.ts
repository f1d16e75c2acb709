/** What the values of a stored column are in ours, and how to read them without losing anything. */
import { isUtf8 } from "node:buffer"
import { Decimal, Interval, messageOf, type ScalarType, type Value, ValueError } from "@deltaflow/core"
import { decodeText } from "@deltaflow/core/text"
import type { SchemaElement } from "hyparquet"
import type { Lane, Spans } from "./lane.ts"

/** Gives the value at a place of a page. Throws `ValueError` for one that its type cannot hold. */
export type ReadValue = (index: number) => Value

export interface LeafType {
  readonly type: ScalarType
  readonly read: (lane: Lane) => ReadValue
  /** Reads under another type where the way over the own one would lose something. */
  readonly readAs?: Partial<Record<ScalarType, (lane: Lane) => ReadValue>>
  /** Whether bounds in statistics, as the file has them, are ordered as the values are. Gives the bound as a value. */
  readonly bound?: (bound: unknown) => Value | undefined
}

/** Undefined where there is no such type. */
export const leafType = (element: SchemaElement): LeafType | undefined => logicalLeaf(element) ?? physicalLeaf(element)

const logicalLeaf = (element: SchemaElement): LeafType | undefined => {
  const { type, logical_type: logical, converted_type: converted } = element
  switch (logical?.type ?? converted) {
    case "STRING":
    case "ENUM":
    case "UTF8":
      return type === "BYTE_ARRAY" ? STRING : undefined
    case "JSON":
      return type === "BYTE_ARRAY" ? JSON_TEXT : undefined
    case "UUID":
      return type === "FIXED_LEN_BYTE_ARRAY" && element.type_length === 16 ? UUID : undefined
    case "FLOAT16":
      return type === "FIXED_LEN_BYTE_ARRAY" && element.type_length === 2 ? HALF : undefined
    case "INTERVAL":
      return type === "FIXED_LEN_BYTE_ARRAY" && element.type_length === 12 ? INTERVAL : undefined
    case "DECIMAL":
      return decimalLeaf(element)
    case "DATE":
      return type === "INT32" ? DATE : undefined
    case "INTEGER":
    case "UINT_32":
    case "UINT_64":
      return integerLeaf(element)
    case "NULL":
      return NOTHING
    default:
      return timeLeaf(element)
  }
}

type Unit = "MILLIS" | "MICROS" | "NANOS"

const timeLeaf = ({ type, logical_type: logical, converted_type: converted }: SchemaElement): LeafType | undefined => {
  if (logical?.type === "TIME") return clock(logical.unit)
  if (logical?.type === "TIMESTAMP") return type === "INT64" ? instant(logical.unit, logical.isAdjustedToUTC) : undefined
  switch (converted) {
    case "TIME_MILLIS":
      return clock("MILLIS")
    case "TIME_MICROS":
      return clock("MICROS")
    // The older annotations mean an instant.
    case "TIMESTAMP_MILLIS":
      return instant("MILLIS", true)
    case "TIMESTAMP_MICROS":
      return instant("MICROS", true)
    default:
      return undefined
  }
}

const physicalLeaf = ({ type }: SchemaElement): LeafType | undefined => {
  switch (type) {
    case "BOOLEAN":
      return BOOLEAN
    case "INT32":
    case "INT64":
      return INTEGER
    case "FLOAT":
    case "DOUBLE":
      return DOUBLE
    case "INT96":
      return OLD_INSTANT
    default:
      return type === undefined ? undefined : BYTES
  }
}

const laneOf = <K extends Lane["kind"]>(lane: Lane, kind: K): Extract<Lane, { readonly kind: K }> => {
  if (lane.kind !== kind) throw new TypeError(`values are ${lane.kind}, not ${kind}`)
  return lane as Extract<Lane, { readonly kind: K }>
}

const ofSpans =
  (read: (spans: Spans, start: number, end: number) => Value) =>
  (lane: Lane): ReadValue => {
    const spans = laneOf(lane, "bytes")
    const { starts, ends } = spans
    return (i) => read(spans, starts[i]!, ends[i]!)
  }

const BOOLEAN: LeafType = {
  type: "boolean",
  read: (lane) => {
    const { values } = laneOf(lane, "boolean")
    return (i) => values[i] === 1
  },
  bound: (bound) => (typeof bound === "boolean" ? bound : undefined),
}

const DOUBLE: LeafType = {
  type: "double",
  read: (lane) => {
    const { values } = laneOf(lane, "double")
    return (i) => values[i]!
  },
}

const HALF: LeafType = { type: "double", read: ofSpans(({ bytes }, start) => halfOf(bytes.readUInt16LE(start))) }

const halfOf = (bits: number): number => {
  const sign = bits >> 15 === 0 ? 1 : -1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** Whole numbers of 32 or 64 bits, safe ones as `number`. */
const wholes = (lane: Lane): ((index: number) => number | bigint) => {
  if (lane.kind === "int32") {
    const { values } = lane
    return (i) => values[i]!
  }
  const { words } = laneOf(lane, "int64")
  return (i) => wholeOf(words[2 * i]! >>> 0, words[2 * i + 1]!)
}

const WORD = 4_294_967_296

const wholeOf = (low: number, high: number): number | bigint => {
  const value = high * WORD + low
  return Number.isSafeInteger(value) ? value : BigInt(high) * 4_294_967_296n + BigInt(low)
}

const toWhole = (value: bigint): number | bigint =>
  value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER) ? Number(value) : value

const times = (value: number | bigint, factor: number): number | bigint => {
  const product = Number(value) * factor
  return Number.isSafeInteger(product) ? product : toWhole(BigInt(value) * BigInt(factor))
}

const wholeBound = (bound: unknown): number | bigint | undefined =>
  typeof bound === "number" ? bound : typeof bound === "bigint" ? toWhole(bound) : undefined

const INTEGER: LeafType = { type: "integer", read: wholes, bound: wholeBound }

const integerLeaf = ({ type, logical_type: logical, converted_type: converted }: SchemaElement): LeafType | undefined => {
  if (type !== "INT32" && type !== "INT64") return undefined
  const isSigned = logical?.type === "INTEGER" ? logical.isSigned : false
  const bits = logical?.type === "INTEGER" ? logical.bitWidth : converted === "UINT_64" ? 64 : 32
  if (isSigned || bits < 32) return INTEGER
  return type === "INT32" ? UNSIGNED_32 : UNSIGNED_64
}

const UNSIGNED_32: LeafType = {
  type: "integer",
  read: (lane) => {
    const { values } = laneOf(lane, "int32")
    return (i) => values[i]! >>> 0
  },
  bound: wholeBound,
}

/** Half of these numbers are too large for 64 bits with a sign. */
const UNSIGNED_64: LeafType = {
  type: "decimal",
  read: (lane) => {
    const { words } = laneOf(lane, "int64")
    return (i) => Decimal.fromWhole(wholeOf(words[2 * i]! >>> 0, words[2 * i + 1]! >>> 0))
  },
}

const decimalLeaf = (element: SchemaElement): LeafType => {
  const scale = (element.logical_type?.type === "DECIMAL" ? element.logical_type.scale : undefined) ?? element.scale ?? 0
  const decimal = (value: number | bigint) => (scale < 0 ? Decimal.parse(`${value}e${-scale}`)! : new Decimal(value, scale))
  return {
    type: "decimal",
    read: (lane) => {
      const number = lane.kind === "bytes" ? bigEndian(lane) : wholes(lane)
      return (i) => decimal(number(i))
    },
  }
}

/** Whole numbers in two's complement, the highest byte first. */
const bigEndian = ({ bytes, starts, ends }: Spans): ((index: number) => number | bigint) => {
  return (i) => {
    let at = starts[i]!
    const end = ends[i]!
    if (at === end) return 0
    const sign = bytes[at]! >= 128 ? 255 : 0
    // Bytes that only repeat the sign say nothing.
    while (end - at > SHORT && bytes[at] === sign && bytes[at + 1]! >= 128 === sign > 0) at++
    if (end - at <= SHORT) return bytes.readIntBE(at, end - at)
    return toWhole(BigInt.asIntN(8 * (end - at), BigInt(`0x${bytes.toString("hex", at, end)}`)))
  }
}

/** The longest that a Buffer reads as one number. */
const SHORT = 6

const text = ({ bytes }: Spans, start: number, end: number): string => {
  const value = decodeText(bytes, start, end)
  // What is no UTF-8 would be replaced by this character in silence.
  if (value.includes("\ufffd") && !isUtf8(bytes.subarray(start, end))) throw new ValueError("string", "the bytes are no UTF-8")
  return value
}

const STRING: LeafType = {
  type: "string",
  read: ofSpans(text),
  bound: (bound) => (bound instanceof Uint8Array && isUtf8(bound) ? Buffer.from(bound).toString() : undefined),
}

const JSON_TEXT: LeafType = {
  type: "json",
  read: ofSpans((spans, start, end) => {
    const value = text(spans, start, end)
    try {
      JSON.parse(value)
    } catch (cause) {
      throw new ValueError("json", `the text is no JSON (${messageOf(cause)})`)
    }
    return value
  }),
}

/** A copy: what a page is in goes with the page. */
const BYTES: LeafType = {
  type: "bytes",
  read: ofSpans(({ bytes }, start, end) => new Uint8Array(bytes.subarray(start, end))),
  readAs: { string: ofSpans(text) },
}

const UUID: LeafType = {
  type: "uuid",
  read: ofSpans(({ bytes }, start, end) => {
    const hex = bytes.toString("hex", start, end)
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }),
}

const INTERVAL: LeafType = {
  type: "interval",
  read: ofSpans(
    ({ bytes }, start) => new Interval(bytes.readUInt32LE(start), bytes.readUInt32LE(start + 4), bytes.readUInt32LE(start + 8) * 1000),
  ),
}

const NOTHING: LeafType = {
  type: "string",
  read: () => () => {
    throw new ValueError("string", "the column says that all of its values are null")
  },
}

/** DuckDB's infinite dates and times are the outermost numbers. */
export const ENDLESS_DAYS = 2_147_483_647
export const ENDLESS_MICROS = 9_223_372_036_854_775_807n

const daysOf = (days: number): number => (days === ENDLESS_DAYS ? Infinity : days === -ENDLESS_DAYS ? -Infinity : days)

const microsOf = (micros: number | bigint): number | bigint =>
  micros === ENDLESS_MICROS ? Infinity : micros === -ENDLESS_MICROS ? -Infinity : micros

const DATE: LeafType = {
  type: "date",
  read: (lane) => {
    const { values } = laneOf(lane, "int32")
    return (i) => daysOf(values[i]!)
  },
  bound: (bound) => (typeof bound === "number" ? daysOf(bound) : undefined),
}

const FACTORS: Record<Unit, number> = { MILLIS: 1000, MICROS: 1, NANOS: 1 / 1000 }

const clock = (unit: Unit): LeafType => ({
  type: "time",
  read: (lane) => {
    const count = wholes(lane)
    if (unit === "NANOS") return (i) => fromNanos(count(i), "time", () => `${count(i)} nanoseconds of the day`)
    return (i) => Number(count(i)) * FACTORS[unit]
  },
  readAs: { integer: wholes },
})

const instant = (unit: Unit, isZoned: boolean): LeafType => {
  const type = isZoned ? "timestamptz" : "timestamp"
  if (unit !== "NANOS") {
    const micros = (count: number | bigint) => microsOf(unit === "MICROS" ? count : times(count, 1000))
    const bound = (value: unknown) => {
      const count = wholeBound(value)
      return count === undefined ? undefined : micros(count)
    }
    return { type, read: mapWholes(micros), readAs: { integer: wholes }, bound }
  }
  const nanos = (count: number | bigint) => fromNanos(count, type, () => nanoText(BigInt(count), isZoned))
  return { type, read: mapWholes(nanos), readAs: { integer: wholes, string: mapWholes((count) => nanoText(BigInt(count), isZoned)) } }
}

const mapWholes =
  (map: (count: number | bigint) => Value) =>
  (lane: Lane): ReadValue => {
    const count = wholes(lane)
    return (i) => map(count(i))
  }

/** Throws where microseconds would not be all of it. */
const fromNanos = (nanos: number | bigint, type: ScalarType, shown: () => string): number | bigint => {
  const count = BigInt(nanos)
  if (count === ENDLESS_MICROS || count === -ENDLESS_MICROS) return count > 0n ? Infinity : -Infinity
  if (count % 1000n === 0n) return toWhole(count / 1000n)
  throw new ValueError(
    type,
    `${shown()} has nanoseconds, and a ${type} holds microseconds. Declare the column as ${type === "time" ? "integer" : "string"} under columns`,
  )
}

const nanoText = (nanos: bigint, isZoned: boolean): string => {
  const seconds = nanos / 1_000_000_000n - (nanos % 1_000_000_000n < 0n ? 1n : 0n)
  const rest = String(nanos - seconds * 1_000_000_000n).padStart(9, "0")
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${rest}${isZoned ? "Z" : ""}`
}

const NANOS_PER_DAY = 86_400_000_000_000n
/** The Julian day of 1970-01-01. */
const EPOCH = 2_440_588

const oldNanos = ({ bytes }: Spans, start: number): bigint =>
  BigInt(bytes.readInt32LE(start + 8) - EPOCH) * NANOS_PER_DAY + bytes.readBigInt64LE(start)

/** How Spark, Hive and Impala once wrote times: nanoseconds of a Julian day, without a zone. */
const OLD_INSTANT: LeafType = {
  type: "timestamp",
  read: ofSpans((spans, start) => {
    const nanos = oldNanos(spans, start)
    if (nanos % 1000n === 0n) return toWhole(nanos / 1000n)
    return fromNanos(nanos, "timestamp", () => nanoText(nanos, false))
  }),
  readAs: { string: ofSpans((spans, start) => nanoText(oldNanos(spans, start), false)) },
}
