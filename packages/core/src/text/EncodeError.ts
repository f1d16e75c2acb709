/** A value that cannot be written. The destination that asked for the bytes adds its name. */
export class EncodeError extends Error {
  override readonly name = "EncodeError"
  readonly code: "VALUE_TYPE" | "VALUE_NOT_SUPPORTED"
  /** Physical row of the batch. */
  readonly row: number
  readonly column: string

  constructor(code: EncodeError["code"], message: string, row: number, column: string) {
    super(message)
    this.code = code
    this.row = row
    this.column = column
  }
}
