/** Counting lines, for places in messages. */
import { decodeText } from "./decode.ts"
import { textKernel } from "./kernel.ts"

const LF = 10

/** Line ends from `from` to before `to`. */
export const countLines = (bytes: Uint8Array, from: number, to: number): number => textKernel().count(bytes, from, to, LF)

/** Line and character of a byte, both from 1; a character outside of the basic plane counts as one. */
export const placeOf = (bytes: Uint8Array, at: number): { readonly line: number; readonly character: number } => {
  const start = lineStart(bytes, at)
  return { line: countLines(bytes, 0, at) + 1, character: Array.from(decodeText(bytes, start, at)).length + 1 }
}

/** Where the line of this byte begins. */
export const lineStart = (bytes: Uint8Array, at: number): number => bytes.subarray(0, at).lastIndexOf(LF) + 1
