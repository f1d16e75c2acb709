/** What DuckDB says is wrong, as problems of a query and as errors of a run. */
import { type ErrorCode, messageOf, type SqlProblem, TransformError } from "@deltaflow/core"

/** What `errors_as_json` gives. */
interface DuckdbError {
  readonly exception_type: string
  readonly exception_message: string
  readonly error_subtype?: string
  /** Index of the byte within the query. */
  readonly position?: string
}

export const readError = (cause: unknown): DuckdbError => {
  const text = messageOf(cause)
  const start = text.indexOf("{")
  try {
    const parsed: unknown = JSON.parse(text.slice(Math.max(0, start)))
    if (typeof parsed === "object" && parsed !== null && "exception_message" in parsed) return parsed as DuckdbError
  } catch {
    // Not every failure has a form; then the text is all there is.
  }
  return { exception_type: "", exception_message: text }
}

const QUERY_CODES: Readonly<Record<string, ErrorCode>> = {
  COLUMN_NOT_FOUND: "UNKNOWN_COLUMN",
  NO_MATCHING_FUNCTION: "EXPRESSION_TYPE",
}

/** A query that DuckDB does not take. */
export const queryProblem = (cause: unknown, query: string): SqlProblem => {
  const error = readError(cause)
  const [first = "", ...rest] = error.exception_message.trim().split("\n")
  const hint = hintOf(rest)
  const isColumn = / does not have a column named /.test(first)
  const isFunction = error.error_subtype === "MISSING_ENTRY" && /Function/.test(first)
  return {
    code: isColumn ? "UNKNOWN_COLUMN" : isFunction ? "UNKNOWN_FUNCTION" : (QUERY_CODES[error.error_subtype ?? ""] ?? "SQL_INVALID"),
    message: `DuckDB does not take the query: ${first}`,
    ...(hint === "" ? {} : { hint }),
    ...(error.position === undefined ? {} : { position: characterAt(query, Number(error.position)) }),
  }
}

/** Lines below the first name what could have been meant; of long lists of functions the first few will do. */
const hintOf = (lines: ReadonlyArray<string>): string => {
  const told = lines.map((line) => line.trim().replace(": : ", ": ")).filter((line) => line !== "")
  return `${told.slice(0, MOST_LINES).join(" ")}${told.length > MOST_LINES ? " …" : ""}`
}

const MOST_LINES = 6

/** DuckDB counts bytes of UTF-8. */
export const characterAt = (text: string, byte: number): number => Buffer.from(text).subarray(0, byte).toString().length

const RUN_CODES: Readonly<Record<string, ErrorCode>> = {
  Conversion: "INVALID_CAST",
  "Out of Range": "NUMBER_OUT_OF_RANGE",
  "Invalid Input": "INVALID_ARGUMENT",
}

/** A query that failed while it ran. */
export const runError = (cause: unknown, place: string, folder: string): TransformError => {
  if (cause instanceof TransformError) return cause
  const { exception_type: type, exception_message: message } = readError(cause)
  const [first = ""] = message.trim().split("\n")
  if (isDiskFull(message)) {
    const what = `no room is left in ${folder} for rows that do not fit into memory. Free some, choose another tempFolder, or raise buffer_memory.`
    return new TransformError({ code: "DISK_FULL", message: `${place}: ${what}`, cause })
  }
  const what =
    type === "Out of Memory"
      ? `the query needs more memory than its share of buffer_memory: ${sentence(first)} Raise buffer_memory.`
      : `the query failed: ${sentence(first)} Correct the query, or the rows before it.`
  return new TransformError({ code: RUN_CODES[type] ?? "SQL_FAILED", message: `${place}: ${what}`, cause })
}

const isDiskFull = (message: string): boolean => /No space left|max_temp_directory_size/i.test(message)

const sentence = (text: string): string => (/[.!?…]$/.test(text) ? text : `${text}.`)
