/** SQLite through `node:sqlite`: opening, quoting, and what its errors mean. */
import { dirname } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { setTimeout as pause } from "node:timers/promises"
import type { ErrorCode, PluginContext } from "@deltaflow/core"
import { messageOf, resolveInside } from "@deltaflow/core"

export type SqliteValue = null | number | bigint | string | Uint8Array

/** The one function that quotes identifiers. Names come from users and may hold anything but NUL. */
export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** Opens the file below the project's root. `mode` says whether it may be made. */
export const openDatabase = async (context: PluginContext, path: string, mode: "read" | "write"): Promise<DatabaseSync> => {
  const sqlite = await import("node:sqlite")
  const absolute = await resolveInside(context.projectRoot, path, context.files, context.allowOutside)
  if (mode === "write") await context.files.makeDirectory(dirname(absolute))
  return new sqlite.DatabaseSync(absolute, { readOnly: mode === "read", timeout: BUSY_MS, enableForeignKeyConstraints: true })
}

/** How long to wait for another process that writes. */
const BUSY_MS = 10_000

/** SQLite's result codes (https://www.sqlite.org/rescode.html), by what they mean for a run. */
const codes: ReadonlyMap<number, { readonly code?: ErrorCode; readonly retryable: boolean; readonly hint: string }> = new Map([
  [
    5,
    {
      retryable: true,
      hint: "Something else holds the file, which may be a source of the same run. Try again when it is done. With `PRAGMA journal_mode = WAL` a file can be read and written at once.",
    },
  ],
  [6, { retryable: true, hint: "A table is locked. Try again when its reader is done." }],
  [8, { code: "OUTPUT_NOT_WRITABLE", retryable: false, hint: "The file or its folder cannot be written: look at its permissions." }],
  [10, { retryable: true, hint: "The disk could not be read or written." }],
  [11, { retryable: false, hint: "The file is damaged." }],
  [13, { code: "DISK_FULL", retryable: false, hint: "Make room on the disk, and run again." }],
  [14, { code: "OUTPUT_NOT_WRITABLE", retryable: false, hint: "The file cannot be opened: look at its path and its permissions." }],
  [26, { retryable: false, hint: "The file is no SQLite database." }],
])

/** Whether SQLite itself failed, and not the file system before it was asked. */
export const isSqliteError = (cause: unknown): cause is { readonly errcode: unknown } =>
  typeof cause === "object" && cause !== null && "errcode" in cause

/** Whether another connection holds the lock that is needed. */
const isBusy = (cause: unknown): boolean => isSqliteError(cause) && [5, 6].includes(Number(cause.errcode) & 0xff)

/** Runs what needs a lock, again and again while another process has it. SQLite itself would hold up the thread meanwhile. */
export const whenUnlocked = async (run: () => void | Promise<void>): Promise<void> => {
  const deadline = Date.now() + BUSY_MS
  for (;;) {
    try {
      return await run()
    } catch (cause) {
      if (!isBusy(cause) || Date.now() > deadline) throw cause
      await pause(LOOK_MS)
    }
  }
}

const LOOK_MS = 20

export interface SqliteFailure {
  readonly code: ErrorCode | undefined
  readonly message: string
  readonly retryable: boolean
}

export const describeSqlite = (cause: unknown): SqliteFailure => {
  const message = messageOf(cause)
  const errcode = isSqliteError(cause) ? Number(cause.errcode) : undefined
  // The lower byte is the primary code; the rest says more.
  const known = errcode === undefined ? undefined : codes.get(errcode & 0xff)
  return { code: known?.code, message: known === undefined ? message : `${message}. ${known.hint}`, retryable: known?.retryable ?? false }
}
