/** Operators that take values out of JSON text. What they give is cut from the text as it stands, so no digit and no spelling is lost. */
import { type ColumnType, elementType, isArrayType } from "../../model/ColumnType.ts"
import type { Whole } from "../../model/Decimal.ts"
import type { Value } from "../../model/Value.ts"
import { ExpressionError } from "../ExpressionError.ts"
import { formatAs, formatStamp } from "./format.ts"
import { joinWithin } from "./limits.ts"
import { fn, op, type Signature } from "./signatures.ts"

/** Text that the model has already found to be JSON is only cut here, never checked again. */
const skipBlanks = (text: string, at: number): number => {
  let i = at
  while (i < text.length && (text.charCodeAt(i) === 32 || (text.charCodeAt(i) >= 9 && text.charCodeAt(i) <= 13))) i++
  return i
}

const QUOTE = 34
const BACKSLASH = 92

const skipString = (text: string, at: number): number => {
  let i = at + 1
  for (;;) {
    const unit = text.charCodeAt(i)
    // NaN past the end.
    if (unit === QUOTE || unit !== unit) return i + 1
    i += unit === BACKSLASH ? 2 : 1
  }
}

const COMMA = 44
const OPEN_ARRAY = 91
const CLOSE_ARRAY = 93
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125

const opens = (unit: number): boolean => unit === OPEN_OBJECT || unit === OPEN_ARRAY
const closes = (unit: number): boolean => unit === CLOSE_OBJECT || unit === CLOSE_ARRAY

/** The place after the value that begins at `at`. */
const skipValue = (text: string, at: number): number => {
  const first = text.charCodeAt(at)
  if (first === QUOTE) return skipString(text, at)
  return opens(first) ? skipNested(text, at) : skipWord(text, at)
}

const skipWord = (text: string, at: number): number => {
  for (let i = at; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit <= 32 || unit === COMMA || closes(unit)) return i
  }
  return text.length
}

const skipNested = (text: string, at: number): number => {
  let depth = 0
  for (let i = at; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit === QUOTE) i = skipString(text, i) - 1
    else if (opens(unit)) depth++
    else if (closes(unit) && --depth === 0) return i + 1
  }
  return text.length
}

/**
 * Calls `found` with the places of each member of the object or item of the array, until that gives true. `key` is the place of the key.
 */
const eachMember = (text: string, found: (start: number, end: number, key: number) => boolean | void): void => {
  let at = skipBlanks(text, 0)
  const isObject = text.charCodeAt(at) === OPEN_OBJECT
  at = skipBlanks(text, at + 1)
  while (at < text.length && !closes(text.charCodeAt(at))) {
    const key = at
    if (isObject) at = skipBlanks(text, skipBlanks(text, skipString(text, at)) + 1)
    const end = skipValue(text, at)
    if (found(at, end, key) === true) return
    at = skipBlanks(text, end)
    if (text.charCodeAt(at) === COMMA) at = skipBlanks(text, at + 1)
  }
}

/** Whether the string at `at` is `key`. */
const isKey = (text: string, at: number, key: string): boolean => {
  if (text.startsWith(key, at + 1) && text.charCodeAt(at + 1 + key.length) === QUOTE && !key.includes("\\") && !key.includes('"'))
    return true
  for (let i = at + 1; ; i++) {
    const unit = text.charCodeAt(i)
    if (unit === BACKSLASH) return JSON.parse(text.slice(at, skipString(text, at))) === key
    if (unit === QUOTE || unit !== unit) return false
  }
}

const kindOf = (text: string): string => text[skipBlanks(text, 0)] ?? ""

/** Of a key that stands twice the last one counts. */
const fieldOf = (text: string, key: string): string | null => {
  if (kindOf(text) !== "{") return null
  let from = -1
  let to = -1
  eachMember(text, (start, end, place) => {
    if (!isKey(text, place, key)) return
    from = start
    to = end
  })
  return from < 0 ? null : text.slice(from, to)
}

const itemOf = (text: string, index: Whole): string | null => {
  if (kindOf(text) !== "[") return null
  let place = index >= 0 ? Number(index) : lengthOf(text) + Number(index)
  let item: string | null = null
  eachMember(text, (start, end) => {
    if (place-- !== 0) return false
    item = text.slice(start, end)
    return true
  })
  return item
}

const lengthOf = (text: string): number => {
  let length = 0
  eachMember(text, () => void length++)
  return length
}

/** A string without its quotes, `null` as null, all else as it stands. */
const asText = (json: string | null): string | null => {
  if (json === null) return null
  const value = json.trim()
  if (value === "null") return null
  if (!value.startsWith('"')) return json
  const text = value.includes("\\") ? (JSON.parse(value) as string) : value.slice(1, -1)
  if (text.includes("\0")) throw new ExpressionError("INVALID_CAST", `${value}: text cannot hold the NUL character.`)
  if (!text.isWellFormed()) throw new ExpressionError("INVALID_CAST", `${value}: the escapes stand for no character.`)
  return text
}

const fieldText = (json: string, key: string): string | null => asText(fieldOf(json, key))
const itemText = (json: string, index: Whole): string | null => asText(itemOf(json, index))

const INDEX = /^-?\d{1,10}$/

const atPath = (json: string, path: ReadonlyArray<string | null>): string | null =>
  path.length === 0 ? wholeOf(json) : path.includes(null) ? null : (findPath(json, path as ReadonlyArray<string>, 0) ?? null)

/** PostgreSQL drops the white space around an object and an array; of any other value only what stands behind it. */
const wholeOf = (json: string): string => (/^[{[]/.test(kindOf(json)) ? json.trim() : json.trimEnd())

/** Of keys that stand twice, the last one under which the path goes on counts. */
const findPath = (json: string, path: ReadonlyArray<string>, depth: number): string | undefined => {
  const step = path[depth]
  if (step === undefined) return json
  if (kindOf(json) === "[") {
    const item = INDEX.test(step.trim()) ? itemOf(json, Number(step)) : null
    return item === null ? undefined : findPath(item, path, depth + 1)
  }
  if (kindOf(json) !== "{") return undefined
  let found: string | undefined
  eachMember(json, (start, end, key) => {
    if (isKey(json, key, step)) found = findPath(json.slice(start, end), path, depth + 1) ?? found
  })
  return found
}

const textAtPath = (json: string, path: ReadonlyArray<string | null>): string | null => asText(atPath(json, path))
const extractPath = (json: string, ...path: ReadonlyArray<string>): string | null => atPath(json, path)
const extractPathText = (json: string, ...path: ReadonlyArray<string>): string | null => textAtPath(json, path)

const KINDS: Readonly<Record<string, string>> = { "{": "object", "[": "array", '"': "string", t: "boolean", f: "boolean", n: "null" }

const jsonTypeOf = (json: string): string => KINDS[kindOf(json)] ?? "number"

const jsonArrayLength = (json: string): number => {
  if (kindOf(json) !== "[")
    throw new ExpressionError("INVALID_ARGUMENT", `json_array_length takes an array, and this is of type ${jsonTypeOf(json)}.`)
  return lengthOf(json)
}

/** A value as PostgreSQL writes it into JSON: ISO 8601 for timestamps, text for what JSON has no form for. */
const valueToJson = (value: Value, type: ColumnType): string => {
  if (isArrayType(type)) {
    const items = (value as ReadonlyArray<Value | null>).map((item) => (item === null ? "null" : valueToJson(item, elementType(type))))
    return `[${items.join(",")}]`
  }
  switch (type) {
    case "json":
      return value as string
    case "boolean":
    case "integer":
      return String(value)
    case "double":
    case "decimal": {
      const text = formatAs(value, type)
      return /\d/.test(text) ? text : JSON.stringify(text)
    }
    case "timestamp":
      return JSON.stringify(formatStamp(value as Whole, false).replace(" ", "T"))
    case "timestamptz":
      return JSON.stringify(
        formatStamp(value as Whole, true)
          .replace(" ", "T")
          .replace("+00", "+00:00"),
      )
    default:
      return JSON.stringify(formatAs(value, type))
  }
}

/** Keys that are no text are written as text. */
const keyOf = (key: string | null, place: number): string => {
  if (key === null) throw new ExpressionError("INVALID_ARGUMENT", `json_build_object: argument ${place + 1} is a key, and it is null.`)
  return key.startsWith('"') ? key : JSON.stringify(key)
}

const buildObject = (...parts: ReadonlyArray<string | null>): string => {
  const members: Array<string> = []
  for (let i = 0; i < parts.length; i += 2) members.push(`${keyOf(parts[i]!, i)} : ${parts[i + 1] ?? "null"}`)
  return `{${joinWithin(members, ", ", "json_build_object")}}`
}

const buildArray = (...parts: ReadonlyArray<string | null>): string =>
  `[${joinWithin(
    parts.map((part) => part ?? "null"),
    ", ",
    "json_build_array",
  )}]`

const asJson = (json: string): string => json

/** Keys and values take turns. */
const refusePairs = (types: ReadonlyArray<ColumnType>): string | undefined => {
  if (types.length % 2 === 1) return `JSON_BUILD_OBJECT takes keys and values in turn, and there are ${types.length} arguments.`
  const place = types.findIndex((type, i) => i % 2 === 0 && (type === "json" || isArrayType(type)))
  return place < 0 ? undefined : `Argument ${place + 1} of JSON_BUILD_OBJECT is a key, and a key cannot be ${types[place]!}.`
}

export const jsonRuntime = {
  valueToJson,
  buildObject,
  buildArray,
  asJson,
  fieldOf,
  itemOf,
  fieldText,
  itemText,
  atPath,
  textAtPath,
  extractPath,
  extractPathText,
  jsonTypeOf,
  jsonArrayLength,
}

const nullable = { nullable: true }

export const jsonSignatures: ReadonlyArray<Signature> = [
  op("json -> string", "json", "fieldOf", nullable),
  op("json -> integer", "json", "itemOf", nullable),
  op("json ->> string", "string", "fieldText", nullable),
  op("json ->> integer", "string", "itemText", nullable),
  op("json #> string[]", "json", "atPath", nullable),
  op("json #>> string[]", "string", "textAtPath", nullable),
  fn("json_extract_path(json, ...string)", "json", "extractPath", nullable),
  fn("json_extract_path_text(json, ...string)", "string", "extractPathText", nullable),
  fn("json_build_object()", "json", "buildObject"),
  fn("json_build_object(...jsonValue)", "json", "buildObject", { strict: false, refuseTypes: refusePairs }),
  fn("json_build_array()", "json", "buildArray"),
  fn("json_build_array(...jsonValue)", "json", "buildArray", { strict: false }),
  fn("to_json(jsonValue)", "json", "asJson"),
  fn("json_typeof(json)", "string", "jsonTypeOf"),
  fn("json_array_length(json)", "integer", "jsonArrayLength"),
]
