/** What is wrong with a Parquet file, or with a value in it, before source and file are named. */
import { type ErrorCode, messageOf, ValueError } from "@deltaflow/core"

export class ParquetProblem extends Error {
  override readonly name = "ParquetProblem"
  readonly code: ErrorCode
  readonly column: string | undefined
  /** Within the file, from 1. */
  readonly row: number | undefined

  constructor(
    code: ErrorCode,
    message: string,
    { column, row, cause }: { readonly column?: string; readonly row?: number; readonly cause?: unknown } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.column = column
    this.row = row
  }
}

/** A value that cannot be stored. */
export class RowProblem extends Error {
  override readonly name = "RowProblem"
  /** Physical row of the batch. */
  readonly row: number
  readonly column: string
  readonly isMisread: boolean

  constructor(row: number, column: string, cause: unknown) {
    super(messageOf(cause), { cause })
    this.row = row
    this.column = column
    this.isMisread = cause instanceof ValueError
  }
}

/** `what` says what is damaged and how, without a stop at its end. */
export const damaged = (what: string, cause?: unknown): ParquetProblem =>
  new ParquetProblem("CORRUPT_FILE", `${what}. Write the file again, or get it anew.`, { cause })

/** What reads bytes by rules of its own trips over damaged ones. Failures of the disk, which have a code, are let through. */
export const asDamage = (what: string, cause: unknown): unknown => {
  if (cause instanceof ParquetProblem || !(cause instanceof Error)) return cause
  const isOfBytes = cause instanceof RangeError || cause instanceof TypeError || !("code" in cause)
  return isOfBytes ? damaged(`${what} (${cause.message})`, cause) : cause
}

export const orDamaged = <A>(what: string, run: () => A): A => {
  try {
    return run()
  } catch (cause) {
    throw asDamage(what, cause)
  }
}
