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

/** Half of the space between two neighbours, for whole doubles. */
const halfStep = (magnitude: number): bigint => 2n ** BigInt(Math.max(Math.floor(Math.log2(magnitude)) - 53, 0))

/** PostgreSQL takes no digits that lie exactly between two doubles, though the even one of them would be read. */
const clearDigits = (value: number): string => {
  const shortest = value.toExponential()
  const magnitude = Math.abs(value)
  if (magnitude < 2 ** 53 || magnitude >= 1e30) return shortest
  const written = BigInt(Math.abs(Number(shortest.split("e")[0]!.replace(".", "")))) * 10n ** BigInt(exponentOfDigits(shortest))
  const distance = written - BigInt(magnitude)
  const isBetween = (distance < 0n ? -distance : distance) === halfStep(magnitude)
  return isBetween ? value.toExponential(digitsOf(shortest)) : shortest
}

const digitsOf = (text: string): number => text.split("e")[0]!.replace(/[-.]/g, "").length

const exponentOfDigits = (text: string): number => Number(text.split("e")[1]) - (digitsOf(text) - 1)

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
