/** What SQLite and the file system say, as a `StoreError` that says what to do. */
import { type ErrorCode, StoreError } from "../contract/Errors.ts"
import { messageOf } from "../model/messageOf.ts"

interface Advice {
  readonly code: ErrorCode
  readonly what: string
  readonly hint: string
  readonly retryable?: boolean
}

/** The error that the caller of the store gets. */
export const storeError = (cause: unknown, file: string): StoreError => {
  if (cause instanceof StoreError) return cause
  const { code, what, hint, retryable = false } = adviceFor(cause) ?? unknownProblem(cause)
  return new StoreError({ code, message: `${file}: ${what}. ${hint}`, hint, retryable, cause })
}

export const isBusy = (error: unknown): boolean => {
  const result = resultOf(error)
  return result === SQLITE_BUSY || result === SQLITE_LOCKED
}

const adviceFor = (cause: unknown): Advice | undefined => {
  const result = resultOf(cause)
  return result === undefined ? FILE_SYSTEM[String((cause as NodeJS.ErrnoException | undefined)?.code)] : SQLITE[result]
}

const unknownProblem = (cause: unknown): Advice => ({
  code: "STORE_FAILED",
  what: `the store failed (${messageOf(cause)})`,
  hint: "Try again; `deltaflow doctor` checks the file.",
})

/** SQLite's primary result code, where SQLite made the error. The extended one says more than anybody needs. */
const resultOf = (cause: unknown): number | undefined =>
  cause instanceof Error && "errcode" in cause && typeof cause.errcode === "number" ? cause.errcode & 0xff : undefined

const SQLITE_BUSY = 5
const SQLITE_LOCKED = 6

const DAMAGED: Advice = {
  code: "STORE_CORRUPT",
  what: "the store is damaged",
  hint: "Put a backup of the state file in its place, or move it away to start anew.",
}
const FULL: Advice = { code: "DISK_FULL", what: "there is no room left on the disk", hint: "Free some space, then try again." }
const CLOSED: Advice = {
  code: "STORE_FAILED",
  what: "the store cannot be written",
  hint: "Make its folder and the files in it writable for this user, or give another path.",
}
const BUSY: Advice = {
  code: "STORE_FAILED",
  what: "another process has kept the store locked for too long",
  hint: "Try again when it has finished.",
  retryable: true,
}

const SQLITE: Readonly<Record<number, Advice>> = {
  3: CLOSED, // PERM
  [SQLITE_BUSY]: BUSY,
  [SQLITE_LOCKED]: BUSY,
  8: CLOSED, // READONLY
  10: {
    code: "STORE_FAILED",
    what: "the disk failed while the store was read or written",
    hint: "Check the disk, then try again.",
    retryable: true,
  }, // IOERR
  11: DAMAGED, // CORRUPT
  13: FULL, // FULL
  14: CLOSED, // CANTOPEN
  23: CLOSED, // AUTH
  26: { ...DAMAGED, what: "this is no SQLite file, or it is damaged" }, // NOTADB
}

const FILE_SYSTEM: Readonly<Record<string, Advice>> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EACCES: CLOSED,
  EPERM: CLOSED,
  EROFS: CLOSED,
  ENOTDIR: CLOSED,
  EEXIST: CLOSED,
}
