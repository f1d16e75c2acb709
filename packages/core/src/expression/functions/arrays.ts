/** Arrays of one dimension: literals, items, and what joins and searches them. */
import { type ArrayType, type ColumnType, elementType } from "../../model/ColumnType.ts"
import type { Whole } from "../../model/Decimal.ts"
import { quoteValue, type Value } from "../../model/Value.ts"
import { castRuntime, readText } from "./casts.ts"
import { holds } from "../comparison.ts"
import { ExpressionError } from "../ExpressionError.ts"
import { formatAs } from "./format.ts"
import { fn, op, type Signature } from "./signatures.ts"

type Items = ReadonlyArray<Value | null>

const itemAt = (items: Items, index: Whole): Value | null => items[Number(index) - 1] ?? null

/** Null for an empty array, and for a dimension that there is not. */
const arrayLength = (items: Items, dimension: Whole): number | null => (dimension === 1 && items.length > 0 ? items.length : null)

const cardinality = (items: Items): number => items.length

/** A null array is as good as an empty one. */
const appendItem = (items: Items | null, item: Value | null): Items => [...(items ?? []), item]
const prependItem = (item: Value | null, items: Items | null): Items => [item, ...(items ?? [])]
const concatArrays = (a: Items | null, b: Items | null): Items | null => (a === null ? b : b === null ? a : [...a, ...b])

const itemCasts = castRuntime as unknown as Readonly<Record<string, (value: Value) => Value>>

const castItems = (items: Items, name: string): Items => {
  const cast = name === "booleanToOutput" ? (value: Value) => (value === true ? "t" : "f") : itemCasts[name]!
  return items.map((item) => (item === null ? null : cast(item)))
}

const joinItems = (texts: ReadonlyArray<string | null>, separator: string): string => texts.filter((text) => text !== null).join(separator)

const joinItemsWith = (texts: ReadonlyArray<string | null> | null, separator: string | null, absent: string | null): string | null => {
  if (texts === null || separator === null) return null
  return absent === null ? joinItems(texts, separator) : texts.map((text) => text ?? absent).join(separator)
}

/** A null separator splits into characters. */
const splitText = (text: string | null, separator: string | null): ReadonlyArray<string> | null => {
  if (text === null) return null
  if (text === "") return []
  if (separator === null) return Array.from(text)
  return separator === "" ? [text] : text.split(separator)
}

const splitTextWith = (text: string | null, separator: string | null, absent: string | null): Items | null =>
  splitText(text, separator)?.map((part) => (part === absent ? null : part)) ?? null

/** A bracketed list as PostgreSQL writes it: `{1,"a, b",NULL}`. */
export const readArray = (text: string, type: ColumnType): Items => {
  const items = parseItems(text.trim(), elementType(type as ArrayType))
  if (items === undefined) throw new ExpressionError("INVALID_CAST", `${quoteValue(text)} is no ${type}.`)
  return items
}

const ITEM = /\s*(?:"((?:[^"\\]|\\[^])*)"|((?:[^\s,{}"\\]|\\[^])(?:(?:[^,{}"\\]|\\[^])*(?:[^\s,{}"\\]|\\[^]))?))\s*([,}])/y

const parseItems = (text: string, type: ColumnType): Items | undefined => {
  if (/^\{\s*\}$/.test(text)) return []
  if (!text.startsWith("{")) return undefined
  const items: Array<Value | null> = []
  ITEM.lastIndex = 1
  for (;;) {
    const match = ITEM.exec(text)
    if (match === null) return undefined
    const [, quoted, plain, end] = match
    if (quoted === undefined && /^null$/i.test(plain!)) items.push(null)
    else items.push(readText((quoted ?? plain!).replace(/\\([^])/g, "$1"), type))
    if (end === "}") return ITEM.lastIndex === text.length ? items : undefined
    if (ITEM.lastIndex >= text.length) return undefined
  }
}

/** The test of equality is chosen by the type of the items, which the checker knows. */
const containsAll = (a: Items, b: Items): boolean =>
  b.every((item) => item !== null && a.some((other) => other !== null && same(item, other)))
const containedIn = (a: Items, b: Items): boolean => containsAll(b, a)
const overlapping = (a: Items, b: Items): boolean =>
  a.some((item) => item !== null && b.some((other) => other !== null && same(item, other)))

const positionIn = (items: Items, wanted: Value | null): number | null => {
  const index = items.findIndex((item) => (item === null || wanted === null ? item === wanted : same(item, wanted)))
  return index < 0 ? null : index + 1
}

const removeItem = (items: Items | null, wanted: Value | null): Items | null =>
  items?.filter((item) => !(item === null || wanted === null ? item === wanted : same(item, wanted))) ?? null

const tests = {
  number: holds("=", "double"),
  decimal: holds("=", "decimal"),
  bytes: holds("=", "bytes"),
  interval: holds("=", "interval"),
}

const same = (a: Value, b: Value): boolean => {
  if (typeof a !== "object") return typeof a === "number" ? tests.number(a, b) : a === b
  if (a instanceof Uint8Array) return tests.bytes(a, b)
  return "scale" in a ? tests.decimal(a, b) : tests.interval(a, b)
}

const arrayToText = (items: Items, type: string): string => formatAs(items, type as ColumnType)

export const arrayRuntime = {
  arrayToText,
  itemAt,
  arrayLength,
  cardinality,
  appendItem,
  prependItem,
  concatArrays,
  castItems,
  joinItems,
  joinItemsWith,
  splitText,
  splitTextWith,
  textToArray: readArray,
  containsAll,
  containedIn,
  overlapping,
  positionIn,
  removeItem,
}

const loose = { strict: false }
const maybe = { strict: false, nullable: true }

export const arraySignatures: ReadonlyArray<Signature> = [
  fn("array_length(anyarray, integer)", "integer", "arrayLength", { nullable: true }),
  fn("cardinality(anyarray)", "integer", "cardinality"),
  op("anyarray || anyelement", "anyarray", "appendItem", loose),
  op("anyelement || anyarray", "anyarray", "prependItem", loose),
  op("anyarray || anyarray", "anyarray", "concatArrays", maybe),
  fn("array_append(anyarray, anyelement)", "anyarray", "appendItem", loose),
  fn("array_prepend(anyelement, anyarray)", "anyarray", "prependItem", loose),
  fn("array_cat(anyarray, anyarray)", "anyarray", "concatArrays", maybe),
  fn("array_position(anyarray, anyelement)", "integer", "positionIn", maybe),
  fn("array_remove(anyarray, anyelement)", "anyarray", "removeItem", maybe),
  fn("array_to_string(outputs, string)", "string", "joinItems"),
  fn("array_to_string(outputs, string, string)", "string", "joinItemsWith", maybe),
  fn("string_to_array(string, string)", "string[]", "splitText", maybe),
  fn("string_to_array(string, string, string)", "string[]", "splitTextWith", maybe),
  op("anyarray @> anyarray", "boolean", "containsAll"),
  op("anyarray <@ anyarray", "boolean", "containedIn"),
  op("anyarray && anyarray", "boolean", "overlapping"),
]
