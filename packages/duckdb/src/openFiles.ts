/**
 * The database files that this process has open. DuckDB locks a file against other processes only: within one, all who write to a file
 * must share one database, and nobody may open it beside them.
 */
import type { DuckDBConnection, DuckDBInstance } from "@duckdb/node-api"
import { connectClosed, connectOpen, openClosedDatabase } from "./api.ts"

export interface OpenFile {
  readonly connection: DuckDBConnection
  readonly close: () => Promise<void>
}

interface Shared {
  readonly instance: Promise<DuckDBInstance>
  users: number
}

const writers = new Map<string, Shared>()
const readers = new Map<string, number>()

/** This process reads the file. */
export class FileInUseError extends Error {}

export const IN_USE = ". Read and write different files within a run, or run one after the other."

/** What DuckDB may hold; where it needs more to load, that goes to a folder beside the file. */
const MEMORY = 256 * 1024 * 1024

/** `file` is absolute. Its folder must be there. */
export const openForWriting = async (file: string): Promise<OpenFile> => {
  if (readers.has(file)) throw new FileInUseError("it is being read, and DuckDB cannot write to it meanwhile")
  const shared = writers.get(file) ?? { instance: openClosedDatabase({ path: file, threads: 1, memory: MEMORY }), users: 0 }
  writers.set(file, shared)
  shared.users++
  try {
    const connection = await connectOpen(await shared.instance)
    const close = async () => {
      connection.closeSync()
      await leave(file, shared)
    }
    return { connection, close }
  } catch (cause) {
    await leave(file, shared)
    throw cause
  }
}

const leave = async (file: string, shared: Shared): Promise<void> => {
  shared.users--
  if (shared.users > 0) return
  writers.delete(file)
  const [opened] = await Promise.allSettled([shared.instance])
  // Where it was not opened, the one who tried was told.
  if (opened.status === "fulfilled") opened.value.closeSync()
}

/** `file` is absolute, and there. */
export const openForReading = async (file: string): Promise<OpenFile> => {
  // Beside a writer, readers see what it has committed.
  if (writers.has(file)) return await openForWriting(file)
  readers.set(file, (readers.get(file) ?? 0) + 1)
  const done = () => {
    const left = readers.get(file)! - 1
    if (left > 0) readers.set(file, left)
    else readers.delete(file)
  }
  try {
    const instance = await openClosedDatabase({ path: file, threads: 1, memory: MEMORY, readOnly: true })
    const connection = await connectClosed(instance)
    const close = async () => {
      connection.closeSync()
      instance.closeSync()
      done()
    }
    return { connection, close }
  } catch (cause) {
    done()
    throw cause
  }
}
