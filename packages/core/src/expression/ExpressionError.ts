import type { ErrorCode } from "../contract/errorCodes.ts"

export type ExpressionErrorCode = Extract<ErrorCode, "DIVISION_BY_ZERO" | "NUMBER_OUT_OF_RANGE" | "INVALID_CAST" | "INVALID_ARGUMENT">

/** A value for a message: a number may have thousands of digits. */
export const shown = (value: unknown): string => {
  const text = String(value)
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text
}

const LONGEST_SHOWN = 40

/** A row for which an expression has no value. The message has the values; whoever catches it adds the row and the step. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError"
  readonly code: ExpressionErrorCode
  constructor(code: ExpressionErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
