/** The text that PostgreSQL prints for a value: what `::text` gives. */
import { type ColumnType, elementType, isArrayType } from "../../model/ColumnType.ts"
import type { Whole } from "../../model/Decimal.ts"
import { formatDate, formatTime, splitMicros } from "../../model/Temporal.ts"
import type { Value } from "../../model/Value.ts"

/** The shortest digits that read back as the same double; an exponent from 1e+15 up and below 1e-04. */
export const formatDouble = (value: number): string => {
  if (!Number.isFinite(value)) return String(value)
  if (Object.is(value, -0)) return "-0"
  const magnitude = Math.abs(value)
  if (magnitude === 0 || (magnitude >= 1e-4 && magnitude < 1e15)) return String(value)
  const [mantissa, exponent] = clearDigits(value).split("e") as [string, string]
  const digits = exponent.slice(1)
  return `${mantissa}e${exponent.charAt(0)}${digits.length < 2 ? `0${digits}` : digits}`
}

/** Half of the space between a whole double and its neighbour on the side of `distance`. */
const halfStep = (magnitude: bigint, distance: bigint): bigint => {
  const bits = magnitude.toString(2).length
  const isPower = (magnitude & (magnitude - 1n)) === 0n
  const shift = bits - 54 - (isPower && distance < 0n ? 1 : 0)
  return shift < 0 ? 0n : 1n << BigInt(shift)
}

/** Digits can lie just between two doubles only in these. */
const FIRST_BETWEEN = 2 ** 53
const LAST_BETWEEN = 1e41

/** PostgreSQL takes no digits that lie exactly between two doubles, though the even one of them would be read. */
const clearDigits = (value: number): string => {
  const shortest = value.toExponential()
  const magnitude = Math.abs(value)
  if (magnitude < FIRST_BETWEEN || magnitude >= LAST_BETWEEN) return shortest
  const exact = BigInt(magnitude)
  let text = shortest
  for (let digits = digitsOf(shortest); digits < MOST_DIGITS && isBetween(text, exact); digits++) text = value.toExponential(digits)
  return text
}

/** As many digits say which double it is. */
const MOST_DIGITS = 17

const isBetween = (text: string, exact: bigint): boolean => {
  const [mantissa, exponent] = text.split("e") as [string, string]
  const written = BigInt(mantissa.replace(/[-.]/g, "")) * 10n ** BigInt(Number(exponent) - (digitsOf(text) - 1))
  const distance = written - exact
  return distance !== 0n && (distance < 0n ? -distance : distance) === halfStep(exact, distance)
}

const digitsOf = (text: string): number => text.split("e")[0]!.replace(/[-.]/g, "").length

/** `2025-01-31 04:05:06.7`, with `+00` where it is zoned. */
export const formatStamp = (micros: Whole, zoned: boolean): string => {
  if (micros === Infinity || micros === -Infinity) return micros > 0 ? "infinity" : "-infinity"
  const { days, microsOfDay } = splitMicros(micros)
  const date = formatDate(days)
  const zone = zoned ? "+00" : ""
  if (!date.endsWith(" BC")) return `${date} ${formatTime(microsOfDay)}${zone}`
  return `${date.slice(0, -3)} ${formatTime(microsOfDay)}${zone} BC`
}

export const formatBytes = (value: Uint8Array): string =>
  `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex")}`

const NEEDS_QUOTES = /^$|[{}",\\\s]|^null$/i

/** `{1,2,NULL}` */
const formatArray = (items: ReadonlyArray<Value | null>, type: ColumnType): string => {
  const texts = items.map((item) => {
    if (item === null) return "NULL"
    const text = type === "boolean" ? (item === true ? "t" : "f") : formatAs(item, type)
    return NEEDS_QUOTES.test(text) ? `"${text.replace(/["\\]/g, "\\$&")}"` : text
  })
  return `{${texts.join(",")}}`
}

export const formatAs = (value: Value, type: ColumnType): string => {
  if (isArrayType(type)) return formatArray(value as ReadonlyArray<Value | null>, elementType(type))
  switch (type) {
    case "double":
      return formatDouble(value as number)
    case "date":
      return formatDate(value as number)
    case "time":
      return formatTime(value as number)
    case "timestamp":
    case "timestamptz":
      return formatStamp(value as Whole, type === "timestamptz")
    case "bytes":
      return formatBytes(value as Uint8Array)
    case "boolean":
      return value === true ? "true" : "false"
    default:
      return String(value)
  }
}
