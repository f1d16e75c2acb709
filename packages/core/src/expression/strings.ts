/** Text functions. Lengths and places count characters (code points), as PostgreSQL counts them. */
import { fn, op, type Signature } from "./signatures.ts"

const concatText = (a: string, b: string): string => a + b

/** Whether no character takes two units, so that units can be counted instead of characters. */
// eslint-disable-next-line no-control-regex
const isNarrow = (text: string): boolean => !/[\ud800-\udfff]/.test(text)

const lengthText = (text: string): number => {
  if (isNarrow(text)) return text.length
  let length = 0
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xfc00) !== 0xdc00) length++
  return length
}

const lowerText = (text: string): string => text.toLowerCase()
const upperText = (text: string): string => text.toUpperCase()

export const stringRuntime = { concatText, lengthText, lowerText, upperText }

export const stringSignatures: ReadonlyArray<Signature> = [
  op("string || string", "string", "concatText"),
  fn("length(string)", "integer", "lengthText"),
  fn("char_length(string)", "integer", "lengthText"),
  fn("character_length(string)", "integer", "lengthText"),
  fn("lower(string)", "string", "lowerText"),
  fn("upper(string)", "string", "upperText"),
]
