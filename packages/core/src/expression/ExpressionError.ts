import type { ErrorCode } from "../contract/errorCodes.ts"

export type ExpressionErrorCode = Extract<ErrorCode, "DIVISION_BY_ZERO" | "NUMBER_OUT_OF_RANGE" | "INVALID_CAST" | "INVALID_ARGUMENT">

/** A row for which an expression has no value. The message has the values; whoever catches it adds the row and the step. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError"
  readonly code: ExpressionErrorCode
  constructor(code: ExpressionErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
