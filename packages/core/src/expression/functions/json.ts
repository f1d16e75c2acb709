/** Operators that take values out of JSON text. What they give is cut from the text as it stands, so no digit and no spelling is lost. */
import type { Whole } from "../../model/Decimal.ts"
import { ExpressionError } from "../ExpressionError.ts"
import { fn, op, type Signature } from "./signatures.ts"

/** Text that the model has already found to be JSON is only cut here, never checked again. */
const skipBlanks = (text: string, at: number): number => {
  let i = at
  while (i < text.length && (text.charCodeAt(i) === 32 || (text.charCodeAt(i) >= 9 && text.charCodeAt(i) <= 13))) i++
  return i
}

const skipString = (text: string, at: number): number => {
  let i = at + 1
  while (i < text.length && text[i] !== '"') i += text[i] === "\\" ? 2 : 1
  return i + 1
}

/** The place after the value that begins at `at`. */
const skipValue = (text: string, at: number): number => {
  const first = text[at]
  if (first === '"') return skipString(text, at)
  if (first !== "{" && first !== "[") {
    let i = at
    while (i < text.length && !",]} \t\r\n".includes(text[i]!)) i++
    return i
  }
  let depth = 0
  for (let i = at; i < text.length; i++) {
    const character = text[i]!
    if (character === '"') i = skipString(text, i) - 1
    else if (character === "{" || character === "[") depth++
    else if ((character === "}" || character === "]") && --depth === 0) return i + 1
  }
  return text.length
}

interface Member {
  readonly key: string | undefined
  readonly start: number
  readonly end: number
}

/** The members of the object or the items of the array in the text. */
function* membersOf(text: string): Generator<Member> {
  let at = skipBlanks(text, 0)
  const isObject = text[at] === "{"
  const closing = isObject ? "}" : "]"
  at = skipBlanks(text, at + 1)
  while (at < text.length && text[at] !== closing) {
    let key: string | undefined
    if (isObject) {
      const end = skipString(text, at)
      key = JSON.parse(text.slice(at, end)) as string
      at = skipBlanks(text, skipBlanks(text, end) + 1)
    }
    const end = skipValue(text, at)
    yield { key, start: at, end }
    at = skipBlanks(text, end)
    if (text[at] === ",") at = skipBlanks(text, at + 1)
  }
}

const kindOf = (text: string): string => text[skipBlanks(text, 0)] ?? ""

/** Of a key that stands twice the last one counts. */
const fieldOf = (text: string, key: string): string | null => {
  if (kindOf(text) !== "{") return null
  let found: string | null = null
  for (const member of membersOf(text)) if (member.key === key) found = text.slice(member.start, member.end)
  return found
}

const itemOf = (text: string, index: Whole): string | null => {
  if (kindOf(text) !== "[") return null
  if (index >= 0) {
    let i = 0
    for (const { start, end } of membersOf(text)) if (i++ === index) return text.slice(start, end)
    return null
  }
  const items = Array.from(membersOf(text))
  const item = items.at(Number(index))
  return item === undefined ? null : text.slice(item.start, item.end)
}

/** A string without its quotes, `null` as null, all else as it stands. */
const asText = (json: string | null): string | null => {
  if (json === null) return null
  const value = json.trim()
  if (value === "null") return null
  if (!value.startsWith('"')) return value
  const text = JSON.parse(value) as string
  if (text.includes("\0")) throw new ExpressionError("INVALID_CAST", `${value}: text cannot hold the NUL character.`)
  if (!text.isWellFormed()) throw new ExpressionError("INVALID_CAST", `${value}: the escapes stand for no character.`)
  return text
}

const fieldText = (json: string, key: string): string | null => asText(fieldOf(json, key))
const itemText = (json: string, index: Whole): string | null => asText(itemOf(json, index))

const INDEX = /^-?\d{1,10}$/

const atPath = (json: string, path: ReadonlyArray<string | null>): string | null => {
  let value: string | null = json
  for (const step of path) {
    if (value === null || step === null) return null
    if (kindOf(value) === "[") value = INDEX.test(step.trim()) ? itemOf(value, Number(step)) : null
    else value = fieldOf(value, step)
  }
  return path.length === 0 ? json : value
}

const textAtPath = (json: string, path: ReadonlyArray<string | null>): string | null => asText(atPath(json, path))
const extractPath = (json: string, ...path: ReadonlyArray<string>): string | null => atPath(json, path)
const extractPathText = (json: string, ...path: ReadonlyArray<string>): string | null => textAtPath(json, path)

const KINDS: Readonly<Record<string, string>> = { "{": "object", "[": "array", '"': "string", t: "boolean", f: "boolean", n: "null" }

const jsonTypeOf = (json: string): string => KINDS[kindOf(json)] ?? "number"

const jsonArrayLength = (json: string): number => {
  if (kindOf(json) !== "[")
    throw new ExpressionError("INVALID_ARGUMENT", `json_array_length takes an array, and this is of type ${jsonTypeOf(json)}.`)
  let length = 0
  for (const _ of membersOf(json)) length++
  return length
}

export const jsonRuntime = {
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
  fn("json_typeof(json)", "string", "jsonTypeOf"),
  fn("json_array_length(json)", "integer", "jsonArrayLength"),
]
