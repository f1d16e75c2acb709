/**
 * JSON without loss: whole numbers beyond 2^53 become bigint, decimals that a double would change become `Decimal`,
 * and both are written back as plain JSON numbers.
 */
import { Decimal, whole } from "./Decimal.ts"

/** Parses JSON text. Throws `SyntaxError` as `JSON.parse` does. */
export const parseJson = (text: string): unknown => {
  // Only a text with a long number can lose digits, and the reviver costs ten times the plain parse.
  if (!LONG_NUMBER.test(text)) return JSON.parse(text)
  return JSON.parse(text, reviveExact)
}

/** Parses JSON text with each number as a `Decimal`, so that 1.50 keeps its scale. Throws `SyntaxError` as `JSON.parse` does. */
export const parseJsonDecimals = (text: string): unknown => JSON.parse(text, reviveDecimal)

/** JSON text of plain values, `bigint`, `Decimal`, dates (ISO 8601) and bytes (hex, `\x00ff`). NaN and infinities are written as text. */
export const stringifyJson = (value: unknown, indent?: number): string => {
  if (!needsExact(value, 0)) return JSON.stringify(value, null, indent) ?? "null"
  return writeExact(value, indent === undefined ? "" : " ".repeat(indent), "")
}

const LONG_NUMBER = /\d[\d.]{14}/

const reviveExact = (_key: string, value: unknown, context?: { readonly source?: string }): unknown => {
  if (typeof value !== "number" || context?.source === undefined) return value
  const source = context.source
  if (/^-?\d+$/.test(source)) return value === 0 ? value : whole(BigInt(source))
  const exact = Decimal.parse(source)
  if (exact === undefined) return value
  return Decimal.compare(exact, Decimal.fromNumber(value)) === 0 ? value : exact
}

const reviveDecimal = (_key: string, value: unknown, context?: { readonly source?: string }): unknown =>
  typeof value === "number" && context?.source !== undefined ? (Decimal.parse(context.source) ?? value) : value

const MAX_DEPTH = 1000

const needsExact = (value: unknown, depth: number): boolean => {
  if (typeof value === "bigint") return true
  if (typeof value === "number") return !Number.isFinite(value) || Object.is(value, -0)
  if (typeof value !== "object" || value === null) return false
  if (depth > MAX_DEPTH) throw new RangeError("the value is nested too deeply, or contains itself")
  if (value instanceof Decimal || value instanceof Uint8Array) return true
  return Object.values(value).some((item) => needsExact(item, depth + 1))
}

const writeExact = (value: unknown, indent: string, margin: string): string => {
  if (typeof value === "bigint") return String(value)
  if (value instanceof Decimal) return value.isFinite ? value.toString() : JSON.stringify(value.toString())
  if (value instanceof Uint8Array) return JSON.stringify(`\\x${Buffer.from(value).toString("hex")}`)
  if (typeof value === "number" && !Number.isFinite(value)) return JSON.stringify(String(value))
  if (Object.is(value, -0)) return "-0"
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null"
  if ("toJSON" in value && typeof value.toJSON === "function") return JSON.stringify(value) ?? "null"
  const inner = margin + indent
  const isArray = Array.isArray(value)
  const parts = isArray
    ? value.map((item) => writeExact(item, indent, inner))
    : Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .map(([key, item]) => `${JSON.stringify(key)}:${indent === "" ? "" : " "}${writeExact(item, indent, inner)}`)
  const [open, close] = isArray ? ["[", "]"] : ["{", "}"]
  if (parts.length === 0) return open + close
  return indent === "" ? open + parts.join(",") + close : `${open}\n${inner}${parts.join(`,\n${inner}`)}\n${margin}${close}`
}
