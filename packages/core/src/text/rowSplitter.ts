/** Cutting a stream of text between rows, without looking at what is in them. */
import { LenientSplitter } from "./csvDecoderLenient.ts"
import type { CsvDialect } from "./csvDialect.ts"
import { splitLines, textKernel } from "./kernel.ts"

/** Gets the text piece by piece, each once, and gives the place after the last row end in it, or -1. */
export type RowSplitter = (bytes: Uint8Array, from: number, to: number) => number

export const lineSplitter = (): RowSplitter => splitLines

/** A line end inside quotes ends no row. Where quotes are not as they should be, it may cut in the wrong place, after the error. */
export const csvSplitter = (dialect: Omit<CsvDialect, "nulls">, lenient: boolean): RowSplitter => {
  if (lenient) {
    const splitter = new LenientSplitter(dialect)
    return (bytes, from, to) => splitter.split(bytes, from, to)
  }
  let inside = false
  return (bytes, from, to) => {
    const { boundary, insideQuotes } = textKernel().splitCsv(bytes, from, to, dialect.quote, inside)
    inside = insideQuotes
    return boundary
  }
}
