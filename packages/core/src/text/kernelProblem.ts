/** How the kernels say how a scan ended. The numbers are those in kernel/csv.ts and kernel/json.ts. */
import type { CsvProblem, JsonProblem } from "./kernelTypes.ts"

export const CsvStatus = { ok: 0, ragged: 1, quote: 2, mixed: 3, oneRow: 4 } as const

export const csvProblem = (status: number, at: number, row: number): CsvProblem | undefined => {
  if (status === CsvStatus.ragged) return { kind: "ragged", at, row }
  if (status === CsvStatus.quote) return { kind: "quote", at, row }
  if (status === CsvStatus.mixed) return { kind: "mixed", at, row }
  return undefined
}

export const JsonStatus = {
  done: 0,
  full: 1,
  expectedValue: 2,
  expectedKey: 3,
  expectedColon: 4,
  expectedCommaOrBrace: 5,
  expectedCommaOrBracket: 6,
  controlCharacter: 7,
  badEscape: 8,
  badNumber: 9,
  trailingText: 10,
  expectedObject: 11,
  unknownKey: 12,
  duplicateKey: 13,
  escapedKey: 14,
  notObject: 15,
  tooDeep: 16,
} as const

const words: ReadonlyArray<readonly [JsonProblem["kind"], string]> = [
  ["syntax", "a value is expected here"],
  ["syntax", "a key in double quotes is expected here"],
  ["syntax", "a colon is expected after the key"],
  ["syntax", "a comma or a closing brace is expected here"],
  ["syntax", "a comma or a closing bracket is expected here"],
  ["syntax", "the string is not closed, or holds a control character that is not escaped"],
  ["syntax", "no such escape sequence"],
  ["syntax", "no number of JSON"],
  ["syntax", "text follows the object in its line"],
  ["syntax", "an object is expected here"],
  ["unknown-key", "the key is none of the expected ones"],
  ["duplicate-key", "the key stands twice in one object"],
  ["escaped-key", "the key is spelled with escape sequences"],
  ["not-object", "the value is no object"],
  ["depth", "the value is nested more than 64 deep"],
]

export const jsonProblem = (status: number, at: number, row: number): JsonProblem | undefined => {
  const found = words[status - JsonStatus.expectedValue]
  return found === undefined ? undefined : { kind: found[0], at, row, message: found[1] }
}
