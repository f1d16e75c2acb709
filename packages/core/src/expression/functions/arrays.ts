/** Arrays of one dimension: literals, items, and what joins and searches them. */
import { type ArrayType, type ColumnType, elementType } from "../../model/ColumnType.ts"
import type { Whole } from "../../model/Decimal.ts"
import { quoteValue, type Value } from "../../model/Value.ts"
import { castRuntime, readText } from "./casts.ts"
import { comparerOf, holds } from "../comparison.ts"
import { ExpressionError } from "../ExpressionError.ts"
import { formatAs } from "./format.ts"
import { joinWithin, withinItems } from "./limits.ts"
import { fn, op, type Signature } from "./signatures.ts"

type Items = ReadonlyArray<Value | null>

const itemAt = (items: Items, index: Whole): Value | null => items[Number(index) - 1] ?? null

/** Null for an empty array, and for a dimension that there is not. */
const arrayLength = (items: Items, dimension: Whole): number | null => (dimension === 1 && items.length > 0 ? items.length : null)

const cardinality = (items: Items): number => items.length

/** The items from one place to another; an end that is left out is that of the array. */
const sliceItems = (items: Items, from: Whole, to: Whole): Items =>
  items.slice(Math.max(clampPlace(from) - 1, 0), Math.max(clampPlace(to), 0))

const clampPlace = (place: Whole): number => Math.max(-(2 ** 31), Math.min(2 ** 31, Number(place)))

const upperBound = (items: Items, dimension: Whole): number | null => arrayLength(items, dimension)
const lowerBound = (items: Items, dimension: Whole): number | null => (arrayLength(items, dimension) === null ? null : 1)
const dimensions = (items: Items): number | null => (items.length > 0 ? 1 : null)

const trimItems = (items: Items, count: Whole): Items => {
  if (count < 0 || count > items.length) {
    throw new ExpressionError(
      "INVALID_ARGUMENT",
      `trim_array: ${String(count)} is not between 0 and ${items.length}, the length of the array.`,
    )
  }
  return items.slice(0, items.length - Number(count))
}

/** A null array is as good as an empty one. */
const appendItem = (items: Items | null, item: Value | null): Items => joined(items ?? [], [item])
const prependItem = (item: Value | null, items: Items | null): Items => joined([item], items ?? [])
const concatArrays = (a: Items | null, b: Items | null): Items | null => (a === null ? b : b === null ? a : joined(a, b))

const joined = (a: Items, b: Items): Items => {
  withinItems(a.length + b.length, "The array")
  return a.concat(b)
}

const itemCasts = castRuntime as unknown as Readonly<Record<string, (value: Value) => Value>>

const castItems = (items: Items, name: string): Items => {
  const cast = name === "booleanToOutput" ? (value: Value) => (value === true ? "t" : "f") : itemCasts[name]!
  return items.map((item) => (item === null ? null : cast(item)))
}

const joinItems = (texts: ReadonlyArray<string | null>, separator: string): string =>
  joinWithin(
    texts.filter((text) => text !== null),
    separator,
    "array_to_string",
  )

const joinItemsWith = (texts: ReadonlyArray<string | null> | null, separator: string | null, absent: string | null): string | null => {
  if (texts === null || separator === null) return null
  return absent === null
    ? joinItems(texts, separator)
    : joinWithin(
        texts.map((text) => text ?? absent),
        separator,
        "array_to_string",
      )
}

/** A null separator splits into characters. */
const splitText = (text: string | null, separator: string | null): ReadonlyArray<string> | null => {
  if (text === null) return null
  if (text === "") return []
  if (separator === "") return [text]
  if (separator === null) withinItems(text.length, "string_to_array")
  const parts = separator === null ? Array.from(text) : text.split(separator)
  withinItems(parts.length, "string_to_array")
  return parts
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

const positionIn = (items: Items | null, wanted: Value | null): number | null => {
  if (items === null) return null
  const index = items.findIndex((item) => isSame(item, wanted))
  return index < 0 ? null : index + 1
}

const removeItem = (items: Items | null, wanted: Value | null): Items | null => items?.filter((item) => !isSame(item, wanted)) ?? null

const positionsIn = (items: Items | null, wanted: Value | null): ReadonlyArray<number> | null =>
  items?.flatMap((item, i) => (isSame(item, wanted) ? [i + 1] : [])) ?? null

const replaceItems = (items: Items | null, from: Value | null, to: Value | null): Items | null =>
  items?.map((item) => (isSame(item, from) ? to : item)) ?? null

const reverseItems = (items: Items): Items => items.toReversed()

/** Nulls are last, or first where the order is turned. */
const sortItems = (items: Items): Items => sortItemsBy(items, false, false)
const sortItemsDown = (items: Items, descending: boolean): Items => sortItemsBy(items, descending, descending)

const sortItemsBy = (items: Items, descending: boolean, nullsFirst: boolean): Items =>
  items.toSorted((a, b) => {
    if (a === null || b === null) return a === b ? 0 : (a === null) === nullsFirst ? -1 : 1
    return descending ? order(b, a) : order(a, b)
  })

const orders = { number: comparerOf("double"), text: comparerOf("string"), plain: comparerOf("integer"), decimal: comparerOf("decimal") }
const objectOrders = { bytes: comparerOf("bytes"), interval: comparerOf("interval") }

/** Values of one type say by themselves how they are ordered. */
const order = (a: Value, b: Value): number => {
  if (typeof a === "number") return orders.number(a, b)
  if (typeof a === "string") return orders.text(a, b)
  if (typeof a !== "object") return orders.plain(a, b)
  if (a instanceof Uint8Array) return objectOrders.bytes(a, b)
  return "scale" in a ? orders.decimal(a, b) : objectOrders.interval(a, b)
}

const isSame = (a: Value | null, b: Value | null): boolean => (a === null || b === null ? a === b : same(a, b))

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
  positionsIn,
  removeItem,
  replaceItems,
  reverseItems,
  sortItems,
  sortItemsDown,
  sortItemsBy,
  sliceItems,
  upperBound,
  lowerBound,
  dimensions,
  trimItems,
}

const loose = { strict: false }
const maybe = { strict: false, nullable: true }

/** JSON text has no equality and no order in PostgreSQL. */
const refuseTypes = (types: ReadonlyArray<ColumnType>): string | undefined =>
  types.includes("json[]") ? "Items of json cannot be compared. Cast the array, as in x::text[]." : undefined

const comparing = { refuseTypes }
const comparingMaybe = { ...maybe, refuseTypes }

export const arraySignatures: ReadonlyArray<Signature> = [
  fn("array_length(anyarray, integer)", "integer", "arrayLength", { nullable: true }),
  fn("cardinality(anyarray)", "integer", "cardinality"),
  op("anyarray || anyelement", "anyarray", "appendItem", loose),
  op("anyelement || anyarray", "anyarray", "prependItem", loose),
  op("anyarray || anyarray", "anyarray", "concatArrays", maybe),
  fn("array_append(anyarray, anyelement)", "anyarray", "appendItem", loose),
  fn("array_prepend(anyelement, anyarray)", "anyarray", "prependItem", loose),
  fn("array_cat(anyarray, anyarray)", "anyarray", "concatArrays", maybe),
  fn("array_position(anyarray, anyelement)", "integer", "positionIn", comparingMaybe),
  fn("array_remove(anyarray, anyelement)", "anyarray", "removeItem", comparingMaybe),
  fn("array_positions(anyarray, anyelement)", "integer[]", "positionsIn", comparingMaybe),
  fn("array_replace(anyarray, anyelement, anyelement)", "anyarray", "replaceItems", comparingMaybe),
  fn("array_reverse(anyarray)", "anyarray", "reverseItems"),
  fn("array_sort(anyarray)", "anyarray", "sortItems", comparing),
  fn("array_sort(anyarray, boolean)", "anyarray", "sortItemsDown", comparing),
  fn("array_sort(anyarray, boolean, boolean)", "anyarray", "sortItemsBy", comparing),
  fn("array_upper(anyarray, integer)", "integer", "upperBound", { nullable: true }),
  fn("array_lower(anyarray, integer)", "integer", "lowerBound", { nullable: true }),
  fn("array_ndims(anyarray)", "integer", "dimensions", { nullable: true }),
  fn("trim_array(anyarray, integer)", "anyarray", "trimItems"),
  fn("array_to_string(outputs, string)", "string", "joinItems"),
  fn("array_to_string(outputs, string, string)", "string", "joinItemsWith", maybe),
  fn("string_to_array(string, string)", "string[]", "splitText", maybe),
  fn("string_to_array(string, string, string)", "string[]", "splitTextWith", maybe),
  op("anyarray @> anyarray", "boolean", "containsAll", comparing),
  op("anyarray <@ anyarray", "boolean", "containedIn", comparing),
  op("anyarray && anyarray", "boolean", "overlapping", comparing),
]
