/**
 * Folders for rows of queries that do not fit into memory. Each holds a small database file, which its process keeps locked: one that can
 * be locked by another belongs to a process that is gone.
 */
import { randomUUID } from "node:crypto"
import { mkdir, readdir, rm, stat } from "node:fs/promises"
import path from "node:path"
import { loadDuckdb } from "./api.ts"

const BEGINNING = "sql-"
export const LOCK_FILE = "lock.duckdb"

/** A younger folder may be about to be used. */
const LEFTOVER_MS = 60_000

/** Makes a new folder below `parent`, and removes those of processes that are gone. */
export const makeFolder = async (parent: string): Promise<string> => {
  await mkdir(parent, { recursive: true })
  await removeLeftovers(parent)
  const folder = path.join(parent, BEGINNING + randomUUID())
  await mkdir(folder)
  return folder
}

export const removeFolder = async (folder: string): Promise<void> => await rm(folder, { recursive: true, force: true })

const removeLeftovers = async (parent: string): Promise<void> => {
  for (const name of await readdir(parent)) {
    const folder = path.join(parent, name)
    if (name.startsWith(BEGINNING) && (await isLeft(folder))) await removeFolder(folder)
  }
}

const isLeft = async (folder: string): Promise<boolean> => {
  const found = await stat(folder).catch(() => {
    // Another process has been quicker.
    return undefined
  })
  return found !== undefined && Date.now() - found.mtimeMs >= LEFTOVER_MS && !(await isLocked(path.join(folder, LOCK_FILE)))
}

const isLocked = async (file: string): Promise<boolean> => {
  const { DuckDBInstance } = await loadDuckdb()
  try {
    const instance = await DuckDBInstance.create(file, { threads: "1" })
    instance.closeSync()
    return false
  } catch (error) {
    // A file that is no database any more is nobody's either.
    return error instanceof Error && /Could not set lock|used by another process/.test(error.message)
  }
}
