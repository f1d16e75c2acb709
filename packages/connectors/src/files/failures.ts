/** Errors of files as ours: where, what happened, what to do. */
import { DeltaflowError, type DecodeErrorFields, DestinationError, messageOf, PathError, SourceError } from "@deltaflow/core"
import { ArchiveError, EncodingError } from "@deltaflow/core/text"

/** What the file system calls its failures, or nothing. */
export const systemCode = (cause: unknown): string | undefined =>
  typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string" ? cause.code : undefined

/** Failures that may be gone at the next try. */
const PASSING: ReadonlySet<string> = new Set(["EAGAIN", "EBUSY", "EMFILE", "ENFILE", "ETIMEDOUT", "ESTALE"])

/** For a value that is read only when it is written, and then is none of its column's type. */
export const MISREAD = "It came so from the source: correct it there, or declare another type for the column."

/** What went wrong while `label` was opened or read. `name` is the source's. */
export const readFailure = (label: string, name: string, cause: unknown): SourceError => {
  if (cause instanceof SourceError) return cause
  const fields = { path: [name], cause }
  if (cause instanceof PathError) return new SourceError({ ...fields, code: cause.code, message: `${name}: ${cause.message}` })
  if (cause instanceof EncodingError) {
    return new SourceError({
      ...fields,
      code: "WRONG_ENCODING",
      message: `${label}: ${cause.message} stands at byte ${cause.byte}. Set \`encoding\` to what the file is written in.`,
    })
  }
  if (cause instanceof ArchiveError) return new SourceError({ ...fields, code: "CORRUPT_ARCHIVE", message: `${label}: ${cause.message}` })
  const code = systemCode(cause)
  if (code === "ENOENT")
    return new SourceError({ ...fields, code: "FILE_NOT_FOUND", message: `${label}: there is no such file. Check \`path\`.` })
  const advice = code === "EACCES" || code === "EPERM" ? " Check who may read it." : ""
  return new SourceError({
    ...fields,
    code: "SOURCE_FAILED",
    message: `${label}: the file could not be read: ${messageOf(cause)}.${advice}`,
    retryable: PASSING.has(code ?? ""),
  })
}

/** The error of a decoder, with the file and the rows and lines that came before the chunk. */
export const locatedFailure = (
  label: string,
  name: string,
  before: { readonly rows: number; readonly lines: number },
  error: DecodeErrorFields,
): SourceError => {
  const place = [label, before.lines + error.line, ...(error.character === undefined ? [] : [error.character])].join(":")
  return new SourceError({
    code: error.code,
    message: `${place}: ${error.message}`,
    path: [name],
    row: before.rows + error.row + 1,
    ...(error.column === undefined ? {} : { column: error.column }),
    cause: error,
  })
}

const NOT_WRITABLE: ReadonlySet<string> = new Set([
  "EACCES",
  "EPERM",
  "EROFS",
  "EISDIR",
  "ENOTDIR",
  "EEXIST",
  "ELOOP",
  "ENAMETOOLONG",
  "ENOENT",
])
const FULL: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EFBIG"])

/** What went wrong while `label` was opened, written or committed. `name` is the destination's. */
export const writeFailure = (label: string, name: string, cause: unknown): DestinationError => {
  if (cause instanceof DestinationError) return cause
  const fields = { path: [name], cause }
  if (cause instanceof DeltaflowError) return new DestinationError({ ...fields, code: cause.code, message: `${name}: ${cause.message}` })
  const code = systemCode(cause) ?? ""
  if (FULL.has(code)) {
    return new DestinationError({
      ...fields,
      code: "DISK_FULL",
      message: `${label}: there is no room left to write it (${code}). Make room and run again; the old output is as it was.`,
    })
  }
  if (NOT_WRITABLE.has(code)) {
    return new DestinationError({
      ...fields,
      code: "OUTPUT_NOT_WRITABLE",
      message: `${label}: it cannot be written (${code}). Check the folder and who may write to it.`,
    })
  }
  return new DestinationError({
    ...fields,
    // What the system refuses is no fault of a row: no other row would fare better.
    code: code === "" ? "DESTINATION_FAILED" : "OUTPUT_NOT_WRITABLE",
    message: `${label}: it could not be written: ${messageOf(cause)}.`,
  })
}
