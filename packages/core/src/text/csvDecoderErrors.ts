/** What is wrong with a row that is no strict CSV, and where. */
import type { ColumnSchema } from "../model/ColumnType.ts"
import { DecodeError, type DecodePlace } from "./DecodeError.ts"
import type { CsvProblem, CsvScan } from "./kernel.ts"
import { placeOf } from "./lines.ts"

interface Layout {
  readonly columns: ReadonlyArray<ColumnSchema>
  readonly delimiter: number
  readonly quote: number
}

/** `before` is what the chunk holds before `bytes` and before the rows of this scan. */
export const csvError = (
  bytes: Uint8Array,
  scan: CsvScan,
  before: { readonly rows: number; readonly lines: number },
  layout: Layout,
): DecodeError => {
  const problem = scan.problem!
  const start = scan.consumed
  const isRagged = problem.kind === "ragged"
  const { line, character } = placeOf(bytes, isRagged ? start : problem.at)
  const place: DecodePlace = { row: before.rows, line: before.lines + line, ...(isRagged ? {} : { character }) }
  if (isRagged) return raggedRow(bytes, start, problem, place, layout)
  const column = layout.columns[fieldsBefore(bytes, start, problem.at, layout)]?.name
  const named = column === undefined ? place : { ...place, column }
  return problem.kind === "quote" ? wrongQuote(bytes, problem, named, layout) : loneReturn(named)
}

const raggedRow = (bytes: Uint8Array, start: number, problem: CsvProblem, place: DecodePlace, layout: Layout): DecodeError => {
  const isEmpty = problem.at === start || (problem.at === start + 1 && bytes[start] === 13)
  const fields = fieldsBefore(bytes, start, problem.at, layout) + 1
  const wanted = layout.columns.length
  const message = isEmpty
    ? `the line is empty, where a row of ${count(wanted)} is expected. Remove it, or set \`lenient: true\`.`
    : `the row has ${count(fields)}, and ${wanted} ${wanted === 1 ? "is" : "are"} expected. Give every row the same fields, or set \`lenient: true\`.`
  return new DecodeError("CSV_RAGGED_ROW", message, place)
}

const count = (fields: number): string => (fields === 1 ? "1 field" : `${fields} fields`)

const wrongQuote = (bytes: Uint8Array, { at }: CsvProblem, place: DecodePlace, { delimiter, quote }: Layout): DecodeError => {
  const sign = String.fromCharCode(quote)
  const isQuote = bytes[at] === quote
  const opens = at === 0 || bytes[at - 1] === delimiter || bytes[at - 1] === 10
  const message =
    isQuote && opens
      ? `the quote (${sign}) that opens here is not closed before the text ends. Close it, or set \`lenient: true\`.`
      : isQuote
        ? `a quote (${sign}) stands inside a field that does not begin with one. Quote the whole field and double the quotes in it, or set \`lenient: true\`.`
        : `text follows the closing quote (${sign}) of a field. Put it inside the quotes and double the quotes in it, or set \`lenient: true\`.`
  return new DecodeError("CSV_QUOTE", message, place)
}

const loneReturn = (place: DecodePlace): DecodeError =>
  new DecodeError(
    "CSV_LINE_END",
    "a carriage return stands where no line ends. End lines with LF or CRLF and quote fields that hold a carriage return, or set `lenient: true`.",
    place,
  )

/** Delimiters outside of quotes from the row's start to `at`. */
const fieldsBefore = (bytes: Uint8Array, start: number, at: number, { delimiter, quote }: Layout): number => {
  let fields = 0
  let inside = false
  for (let i = start; i < at; i++) {
    if (bytes[i] === quote) inside = !inside
    else if (bytes[i] === delimiter && !inside) fields++
  }
  return fields
}
