/** Text functions. Lengths and places count characters, case follows Unicode character by character. */
import type { Whole } from "../../model/Decimal.ts"
import type { Value } from "../../model/Value.ts"
import { characterCount, isNarrow, lower, sliceCharacters, unitOf, upper } from "./characters.ts"
import { ExpressionError } from "../ExpressionError.ts"
import { joinWithin, LONGEST, withinLimit } from "./limits.ts"
import { fn, op, type Signature } from "./signatures.ts"

const invalid = (message: string): ExpressionError => new ExpressionError("INVALID_ARGUMENT", message)

export const concatText = (a: string, b: string): string => {
  if (a.length + b.length > LONGEST) withinLimit(a.length + b.length, "The joined text")
  return a + b
}

/** An argument that is larger than any text is as good as the largest. */
const count = (value: Whole): number =>
  typeof value === "number" ? value : value > 0n ? Number.MAX_SAFE_INTEGER : -Number.MAX_SAFE_INTEGER

const octetLength = (text: string): number => Buffer.byteLength(text)
const bitLength = (text: string): number => Buffer.byteLength(text) * 8

const substringFrom = (text: string, start: Whole): string => sliceCharacters(text, count(start) - 1, Number.MAX_SAFE_INTEGER)

/** A start before the text counts into the length, as the standard has it. */
const substringOf = (text: string, start: Whole, length: Whole): string => {
  if (length < 0) throw invalid(`substring: the length ${length} is negative.`)
  return sliceCharacters(text, count(start) - 1, count(start) - 1 + count(length))
}

/** A negative count leaves out that many characters at the other end. */
const leftText = (text: string, length: Whole): string =>
  sliceCharacters(text, 0, length < 0 ? characterCount(text) + count(length) : count(length))

const rightText = (text: string, length: Whole): string => {
  const from = length < 0 ? -count(length) : characterCount(text) - count(length)
  return sliceCharacters(text, Math.max(from, 0), Number.MAX_SAFE_INTEGER)
}

const replaceText = (text: string, from: string, to: string): string => {
  if (from === "" || !text.includes(from)) return text
  const parts = text.split(from)
  withinLimit(text.length + (parts.length - 1) * to.length, "replace")
  return parts.join(to)
}

const splitPart = (text: string, delimiter: string, index: Whole): string => {
  if (index === 0) throw invalid("split_part: parts are counted from 1, and from the end by negative numbers.")
  const parts = delimiter === "" ? [text] : text === "" ? [] : text.split(delimiter)
  return parts.at(index > 0 ? count(index) - 1 : count(index)) ?? ""
}

const characterSet = (characters: string): ReadonlySet<string> => new Set(characters)

const trimStart = (text: string, characters: ReadonlySet<string>): string => {
  let start = 0
  while (start < text.length) {
    const character = String.fromCodePoint(text.codePointAt(start)!)
    if (!characters.has(character)) break
    start += character.length
  }
  return text.slice(start)
}

const trimEnd = (text: string, characters: ReadonlySet<string>): string => {
  let end = text.length
  while (end > 0) {
    const isPair = end > 1 && (text.charCodeAt(end - 1) & 0xfc00) === 0xdc00 && (text.charCodeAt(end - 2) & 0xfc00) === 0xd800
    const character = text.slice(isPair ? end - 2 : end - 1, end)
    if (!characters.has(character)) break
    end -= character.length
  }
  return text.slice(0, end)
}

const BLANK: ReadonlySet<string> = new Set([" "])

const trimBlanks = (text: string): string => trimEnd(trimStart(text, BLANK), BLANK)
const trimBlanksStart = (text: string): string => trimStart(text, BLANK)
const trimBlanksEnd = (text: string): string => trimEnd(text, BLANK)
const trimBoth = (text: string, characters: ReadonlySet<string>): string => trimEnd(trimStart(text, characters), characters)

/** The place of `part` from 1, or 0. */
const positionOf = (text: string, part: string): number => {
  const unit = text.indexOf(part)
  return unit < 0 ? 0 : characterCount(text.slice(0, unit)) + 1
}

const startsWith = (text: string, start: string): boolean => text.startsWith(start)

const padding = (text: string, length: Whole, fill: string): string | undefined => {
  const wanted = count(length)
  withinLimit(wanted, "The padded text")
  const missing = wanted - characterCount(text)
  if (missing <= 0 || fill === "") return undefined
  if (isNarrow(fill)) return fill.repeat(Math.ceil(missing / fill.length)).slice(0, missing)
  return sliceCharacters(fill.repeat(Math.ceil(missing / characterCount(fill))), 0, missing)
}

const padStart = (text: string, length: Whole, fill: string): string => {
  const pad = padding(text, length, fill)
  return pad === undefined ? sliceCharacters(text, 0, count(length)) : pad + text
}

const padEnd = (text: string, length: Whole, fill: string): string => {
  const pad = padding(text, length, fill)
  return pad === undefined ? sliceCharacters(text, 0, count(length)) : text + pad
}

const padStartBlank = (text: string, length: Whole): string => padStart(text, length, " ")
const padEndBlank = (text: string, length: Whole): string => padEnd(text, length, " ")

const reverseText = (text: string): string => Array.from(text).reverse().join("")

const repeatText = (text: string, times: Whole): string => {
  if (times <= 0 || text === "") return ""
  withinLimit(text.length * count(times), "The repeated text")
  return text.repeat(count(times))
}

const ALPHANUMERIC = /[\p{Alphabetic}\p{Nd}]/u

const initcapText = (text: string): string => {
  let result = ""
  let inWord = false
  for (const character of text) {
    result += inWord ? lower(character) : upper(character)
    inWord = ALPHANUMERIC.test(character)
  }
  return result
}

const asciiCode = (text: string): number => text.codePointAt(0) ?? 0

const chrText = (code: Whole): string => {
  if (code === 0) throw invalid("chr(0): text cannot hold the NUL character.")
  if (code < 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) throw invalid(`chr(${code}): there is no such character.`)
  return String.fromCodePoint(Number(code))
}

/** From each character to the one that replaces it; to nothing where the list of replacements is shorter. */
const translation = (from: string, to: string): ReadonlyMap<string, string> => {
  const replacements = Array.from(to)
  const map = new Map<string, string>()
  for (const [i, character] of Array.from(from).entries()) if (!map.has(character)) map.set(character, replacements[i] ?? "")
  return map
}

const translateText = (text: string, map: ReadonlyMap<string, string>): string => {
  let result = ""
  for (const character of text) result += map.get(character) ?? character
  return result
}

/** Nulls count as nothing. */
const concatAll = (...texts: ReadonlyArray<string | null>): string =>
  joinWithin(
    texts.filter((text) => text !== null),
    "",
    "concat",
  )

const concatWith = (separator: string | null, ...texts: ReadonlyArray<string | null>): string | null =>
  separator === null
    ? null
    : joinWithin(
        texts.filter((text) => text !== null),
        separator,
        "concat_ws",
      )

const booleanToOutput = (value: boolean): string => (value ? "t" : "f")

const overlayFrom = (text: string, part: string, start: Whole): string => overlayText(text, part, start, characterCount(part))

const overlayText = (text: string, part: string, start: Whole, length: Whole): string => {
  if (start <= 0) throw invalid(`overlay: places are counted from 1, and this is ${start}.`)
  const end = count(start) - 1 + count(length)
  withinLimit(text.length + part.length, "overlay")
  return sliceCharacters(text, 0, count(start) - 1) + part + text.slice(unitOf(text, end))
}

const toHex = (value: Whole): string => BigInt.asUintN(64, BigInt(value)).toString(16)

const withLength = (text: string, length: Whole): Value => sliceCharacters(text, 0, count(length))

export const stringRuntime = {
  concatText,
  lengthText: characterCount,
  octetLength,
  bitLength,
  lowerText: lower,
  upperText: upper,
  substringFrom,
  substringOf,
  leftText,
  rightText,
  replaceText,
  splitPart,
  characterSet,
  trimStart,
  trimEnd,
  trimBoth,
  trimBlanks,
  trimBlanksStart,
  trimBlanksEnd,
  positionOf,
  startsWith,
  padStart,
  padEnd,
  padStartBlank,
  padEndBlank,
  reverseText,
  repeatText,
  initcapText,
  asciiCode,
  chrText,
  translation,
  translateText,
  concatAll,
  concatWith,
  booleanToOutput,
  overlayFrom,
  overlayText,
  toHex,
  withLength,
}

const characters = { prepare: { by: "characterSet", from: [1] } }

export const stringSignatures: ReadonlyArray<Signature> = [
  op("string || string", "string", "concatText"),
  op("string || printed", "string", "concatText"),
  op("printed || string", "string", "concatText"),
  fn("length(string)", "integer", "lengthText"),
  fn("char_length(string)", "integer", "lengthText"),
  fn("character_length(string)", "integer", "lengthText"),
  fn("octet_length(string)", "integer", "octetLength"),
  fn("bit_length(string)", "integer", "bitLength"),
  fn("lower(string)", "string", "lowerText"),
  fn("upper(string)", "string", "upperText"),
  fn("initcap(string)", "string", "initcapText"),
  fn("substring(string, integer)", "string", "substringFrom"),
  fn("substring(string, integer, integer)", "string", "substringOf"),
  fn("substr(string, integer)", "string", "substringFrom"),
  fn("substr(string, integer, integer)", "string", "substringOf"),
  fn("left(string, integer)", "string", "leftText"),
  fn("right(string, integer)", "string", "rightText"),
  fn("replace(string, string, string)", "string", "replaceText"),
  fn("split_part(string, string, integer)", "string", "splitPart"),
  fn("trim(string)", "string", "trimBlanks"),
  fn("btrim(string)", "string", "trimBlanks"),
  fn("ltrim(string)", "string", "trimBlanksStart"),
  fn("rtrim(string)", "string", "trimBlanksEnd"),
  fn("btrim(string, string)", "string", "trimBoth", characters),
  fn("ltrim(string, string)", "string", "trimStart", characters),
  fn("rtrim(string, string)", "string", "trimEnd", characters),
  fn("position(string, string)", "integer", "positionOf"),
  fn("strpos(string, string)", "integer", "positionOf"),
  fn("starts_with(string, string)", "boolean", "startsWith"),
  op("string ^@ string", "boolean", "startsWith"),
  fn("lpad(string, integer)", "string", "padStartBlank"),
  fn("lpad(string, integer, string)", "string", "padStart"),
  fn("rpad(string, integer)", "string", "padEndBlank"),
  fn("rpad(string, integer, string)", "string", "padEnd"),
  fn("reverse(string)", "string", "reverseText"),
  fn("repeat(string, integer)", "string", "repeatText"),
  fn("ascii(string)", "integer", "asciiCode"),
  fn("chr(integer)", "string", "chrText"),
  fn("translate(string, string, string)", "string", "translateText", { prepare: { by: "translation", from: [1, 2] } }),
  fn("concat(...output)", "string", "concatAll", { strict: false }),
  fn("concat_ws(string, ...output)", "string", "concatWith", { strict: false, nullable: true }),
  fn("overlay(string, string, integer)", "string", "overlayFrom"),
  fn("overlay(string, string, integer, integer)", "string", "overlayText"),
  fn("to_hex(integer)", "string", "toHex"),
]
