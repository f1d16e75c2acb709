/**
 * Bytes of a text format that are not what they should be, with the place within the chunk that was decoded.
 *
 * The source that cut the chunk adds the file and the lines before it.
 */
export interface DecodePlace {
  /** Rows of the chunk before the bad one. */
  readonly row: number
  /** Line within the chunk, from 1. */
  readonly line: number
  /** Character within the line, from 1. */
  readonly character?: number
  readonly column?: string
}

export type DecodeCode =
  | "CSV_RAGGED_ROW"
  | "CSV_QUOTE"
  | "CSV_LINE_END"
  | "CSV_HEADER"
  | "SCHEMA_CHANGED"
  | "JSON_SYNTAX"
  | "JSON_SHAPE"
  | "DUPLICATE_KEY"
  | "WRONG_ENCODING"

export class DecodeError extends Error {
  override readonly name = "DecodeError"
  readonly code: DecodeCode
  readonly row: number
  readonly line: number
  declare readonly character?: number
  declare readonly column?: string

  constructor(code: DecodeCode, message: string, place: DecodePlace) {
    super(message)
    this.code = code
    this.row = place.row
    this.line = place.line
    if (place.character !== undefined) this.character = place.character
    if (place.column !== undefined) this.column = place.column
  }
}
