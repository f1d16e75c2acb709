/** Text as a row of characters (code points). JavaScript counts units of UTF-16, of which some characters take two. */

/** Whether no character takes two units, so that units can be counted instead. */
export const isNarrow = (text: string): boolean => !WIDE.test(text)

const WIDE = /[\ud800-\udfff]/

export const characterCount = (text: string): number => {
  if (isNarrow(text)) return text.length
  let count = 0
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xfc00) !== 0xdc00) count++
  return count
}

/** The unit at which character `index` begins; the length where there are fewer. */
export const unitOf = (text: string, index: number): number => {
  if (isNarrow(text)) return Math.min(Math.max(index, 0), text.length)
  let unit = 0
  for (let i = 0; i < index && unit < text.length; i++) unit += text.codePointAt(unit)! > 0xffff ? 2 : 1
  return unit
}

/** The characters from `start` to before `end`, counted from 0. */
export const sliceCharacters = (text: string, start: number, end: number): string => {
  if (isNarrow(text)) return text.slice(Math.max(start, 0), Math.max(end, 0))
  const from = unitOf(text, start)
  return text.slice(from, from + unitOf(text.slice(from), Math.max(end - Math.max(start, 0), 0)))
}

// eslint-disable-next-line no-control-regex
const ASCII = /^[\x00-\x7f]*$/

export const isAscii = (text: string): boolean => ASCII.test(text)

/** Characters whose full change takes several, and that have a single one too: İ, and Greek letters with an iota below. */
const SINGLE: ReadonlyMap<string, string> = new Map([
  ["\u0130", "i"],
  ...[0x1f80, 0x1f90, 0x1fa0].flatMap((first) =>
    Array.from({ length: 8 }, (_, i): [string, string] => [String.fromCodePoint(first + i), String.fromCodePoint(first + i + 8)]),
  ),
  ["\u1fb3", "\u1fbc"],
  ["\u1fc3", "\u1fcc"],
  ["\u1ff3", "\u1ffc"],
])

/** Changes case character by character: `ß` has no single upper case letter and stays, as in PostgreSQL. */
const mapCase = (text: string, change: (character: string) => string): string => {
  let result = ""
  for (const character of text) {
    const changed = change(character)
    result += characterCount(changed) === 1 ? changed : (SINGLE.get(character) ?? character)
  }
  return result
}

/** The final form of sigma depends on its place in the word, which changing character by character does not look at. */
const SIGMA = "\u03a3"

/** A character whose full change takes several makes the text longer, so where the length stays all were changed one by one. */
export const lower = (text: string): string => {
  const lowered = text.toLowerCase()
  return lowered.length === text.length && (isAscii(text) || !text.includes(SIGMA))
    ? lowered
    : mapCase(text, (character) => character.toLowerCase())
}

export const upper = (text: string): string => {
  const raised = text.toUpperCase()
  return raised.length === text.length ? raised : mapCase(text, (character) => character.toUpperCase())
}
