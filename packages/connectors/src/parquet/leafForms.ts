/** How values of a column type are stored. What is stored is read back as it was, with the column's scale where it is a decimal. */
import type { Decimal, Interval, ScalarType, Value } from "@deltaflow/core"
import type { SchemaElement } from "hyparquet"
import type { GrowingBytes } from "./growingBytes.ts"
import { ENDLESS_DAYS, ENDLESS_MICROS } from "./leafTypes.ts"

/** A value as it is stored, before it becomes bytes; equal ones are stored alike. */
export type Stored = boolean | number | bigint | string | Uint8Array

export interface LeafForm {
  readonly element: Omit<SchemaElement, "name" | "repetition_type">
  /** Throws `RangeError` for a value that cannot be stored. */
  readonly stored: (value: Value) => Stored
  readonly append: (bytes: GrowingBytes, stored: Stored) => void
  /** Whether values may be stored as places in a dictionary of them. */
  readonly hasDictionary: boolean
  /** What the footer says of the least and the greatest value. */
  readonly bounds: "numbers" | "texts" | "none"
}

const asItIs = (value: Value): Stored => value as Stored

const int64 = (bytes: GrowingBytes, stored: Stored): void => bytes.int64(stored as number | bigint)
const spread = (bytes: GrowingBytes, stored: Stored): void => bytes.text(stored as string)
const fixed = (bytes: GrowingBytes, stored: Stored): void => bytes.bytes(stored as Uint8Array)

const text = (value: Value): Stored => {
  if ((value as string).isWellFormed()) return value as string
  throw new RangeError("the text holds half of a surrogate pair, which UTF-8 cannot hold")
}

const days = (value: Value): Stored => {
  if (value === Infinity || value === -Infinity) return value > 0 ? ENDLESS_DAYS : -ENDLESS_DAYS
  const count = value as number
  if (Math.abs(count) < ENDLESS_DAYS) return count
  throw new RangeError("the date is outside of the 32 bits that a date has")
}

const micros = (value: Value): Stored => {
  if (value === Infinity || value === -Infinity) return value > 0 ? ENDLESS_MICROS : -ENDLESS_MICROS
  return value as number | bigint
}

const uuidBytes = (value: Value): Stored => new Uint8Array(Buffer.from((value as string).replaceAll("-", ""), "hex"))

const UINT32 = 4_294_967_295

/** Months, days and milliseconds, none of them below zero. */
const intervalBytes = (value: Value): Stored => {
  const { months, days: wholeDays, micros: rest } = value as Interval
  const parts = [months, wholeDays, rest / 1000]
  if (!parts.every((part) => Number.isInteger(part) && part >= 0 && part <= UINT32)) {
    throw new RangeError(
      `an interval of Parquet holds whole milliseconds and nothing below zero, which ${String(value)} is not. Write it as text: CAST(… AS text)`,
    )
  }
  const bytes = Buffer.alloc(12)
  parts.forEach((part, i) => bytes.writeUInt32LE(part, 4 * i))
  return bytes
}

const instant = (isAdjustedToUTC: boolean): LeafForm => ({
  element: {
    type: "INT64",
    logical_type: { type: "TIMESTAMP", isAdjustedToUTC, unit: "MICROS" },
    // The older annotation means an instant.
    ...(isAdjustedToUTC ? { converted_type: "TIMESTAMP_MICROS" } : {}),
  },
  stored: micros,
  append: int64,
  hasDictionary: true,
  bounds: "numbers",
})

const FORMS: Record<Exclude<ScalarType, "decimal">, LeafForm> = {
  boolean: {
    element: { type: "BOOLEAN" },
    stored: asItIs,
    append: (bytes, stored) => bytes.byte(stored === true ? 1 : 0),
    hasDictionary: false,
    bounds: "none",
  },
  integer: { element: { type: "INT64" }, stored: asItIs, append: int64, hasDictionary: true, bounds: "numbers" },
  double: {
    element: { type: "DOUBLE" },
    stored: asItIs,
    append: (bytes, stored) => bytes.double(stored as number),
    // A dictionary would not tell -0 from 0.
    hasDictionary: false,
    bounds: "none",
  },
  string: {
    element: { type: "BYTE_ARRAY", converted_type: "UTF8", logical_type: { type: "STRING" } },
    stored: text,
    append: spread,
    hasDictionary: true,
    bounds: "texts",
  },
  json: {
    element: { type: "BYTE_ARRAY", converted_type: "JSON", logical_type: { type: "JSON" } },
    stored: text,
    append: spread,
    hasDictionary: true,
    bounds: "none",
  },
  bytes: {
    element: { type: "BYTE_ARRAY" },
    stored: asItIs,
    append: (bytes, stored) => {
      bytes.int32((stored as Uint8Array).length)
      bytes.bytes(stored as Uint8Array)
    },
    hasDictionary: false,
    bounds: "none",
  },
  date: {
    element: { type: "INT32", converted_type: "DATE", logical_type: { type: "DATE" } },
    stored: days,
    append: (bytes, stored) => bytes.int32(stored as number),
    hasDictionary: true,
    bounds: "numbers",
  },
  time: {
    element: { type: "INT64", logical_type: { type: "TIME", isAdjustedToUTC: false, unit: "MICROS" } },
    stored: asItIs,
    append: int64,
    hasDictionary: true,
    bounds: "numbers",
  },
  timestamp: instant(false),
  timestamptz: instant(true),
  interval: {
    element: { type: "FIXED_LEN_BYTE_ARRAY", type_length: 12, converted_type: "INTERVAL" },
    stored: intervalBytes,
    append: fixed,
    hasDictionary: false,
    bounds: "none",
  },
  uuid: {
    element: { type: "FIXED_LEN_BYTE_ARRAY", type_length: 16, logical_type: { type: "UUID" } },
    stored: uuidBytes,
    append: fixed,
    hasDictionary: false,
    bounds: "none",
  },
}

/** What decimals of a column need: digits before the point, and behind it. */
export interface Digits {
  readonly whole: number
  readonly scale: number
}

export const leafForm = (type: ScalarType, digits: Digits): LeafForm => (type === "decimal" ? decimalForm(digits) : FORMS[type])

/** What nearly all programs read, and what some do. */
const USUAL = { digits: 38, bytes: 16 }
const WIDE = { digits: 76, bytes: 32 }

/** Whether a decimal with more digits than most programs read is needed. */
export const isWide = ({ whole, scale }: Digits): boolean => whole + scale > USUAL.digits

export const isSameForm = (a: Digits, b: Digits): boolean => a.scale === b.scale && isWide(a) === isWide(b)

const decimalForm = (digits: Digits): LeafForm => {
  const { scale } = digits
  const size = isWide(digits) ? WIDE : USUAL
  return {
    element: {
      type: "FIXED_LEN_BYTE_ARRAY",
      type_length: size.bytes,
      converted_type: "DECIMAL",
      logical_type: { type: "DECIMAL", precision: size.digits, scale },
      precision: size.digits,
      scale,
    },
    stored: (value) => (value as Decimal).withScale(scale).coefficient,
    append: (bytes, stored) => appendBigEndian(bytes, stored as number | bigint, size.bytes),
    hasDictionary: true,
    bounds: "numbers",
  }
}

const WORD = 4_294_967_296

/** Two's complement, the highest byte first. */
const appendBigEndian = (bytes: GrowingBytes, value: number | bigint, size: number): void => {
  if (typeof value === "bigint") {
    bytes.bytes(
      Buffer.from(
        BigInt.asUintN(8 * size, value)
          .toString(16)
          .padStart(2 * size, "0"),
        "hex",
      ),
    )
    return
  }
  bytes.fill(value < 0 ? 255 : 0, size - 8)
  for (const word of [Math.floor(value / WORD), value]) for (const shift of [24, 16, 8, 0]) bytes.byte((word >> shift) & 255)
}

/** What the column needs with this value too. Throws `RangeError` where no decimal of Parquet has so many digits. */
export const withDigits = (known: Digits, { coefficient, scale, isFinite }: Decimal): Digits => {
  if (!isFinite) throw new RangeError("a decimal of Parquet is neither NaN nor infinite. Write it as double or text")
  if (scale <= known.scale && isBelowPower(coefficient, known.whole + scale)) return known
  const digits = { whole: Math.max(known.whole, String(coefficient).replace("-", "").length - scale), scale: Math.max(known.scale, scale) }
  if (digits.whole + digits.scale <= WIDE.digits) return digits
  throw new RangeError(
    `with it, the decimals of the column have ${digits.whole} digits before the point and ${digits.scale} behind it, which are more than the ${WIDE.digits} that a file can hold. Round them, or write them as text`,
  )
}

const POWERS = Array.from({ length: 16 }, (_, i) => 10 ** i)

const isBelowPower = (value: number | bigint, exponent: number): boolean =>
  typeof value === "number" && exponent < POWERS.length && value < POWERS[exponent]! && value > -POWERS[exponent]!
