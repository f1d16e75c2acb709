/**
 * Adds to the end of a file so that a crash leaves no half of a row.
 *
 * While a run adds, a journal beside the file holds the length that the file had before. A run that finds a journal knows that the run
 * before ended badly, and cuts the file back: to the length that the engine's store has for that run's last commit, else to the one in the
 * journal.
 */
import { basename, dirname, join } from "node:path"
import type { Files, ReadHandle } from "@deltaflow/core"
import type { Compression } from "@deltaflow/core/text"
import { type OutputFile, type Owner, shortName, Writing } from "./outputFile.ts"

/** What the engine keeps for us beside the checkpoint. */
export interface AppendState {
  /** The run that wrote this. */
  readonly run: string
  /** The file's length with everything that the checkpoint holds. */
  readonly length: number
}

/** The last whole line of the journal. */
interface Journal {
  readonly run: string
  /** Length before the run, or where commits count by themselves after the last one; -1 where there was no file. */
  readonly base: number
}

export interface AppendedFile extends OutputFile {
  /** The file has no content yet, so that it needs a header. */
  readonly isNew: boolean
  readonly state: (length: number) => AppendState
}

export const readAppendState = (value: unknown): AppendState | undefined =>
  typeof value === "object" &&
  value !== null &&
  "run" in value &&
  "length" in value &&
  typeof value.run === "string" &&
  typeof value.length === "number"
    ? { run: value.run, length: value.length }
    : undefined

const journalPath = (target: string): string => join(dirname(target), `.${shortName(basename(target))}.journal`)

/** Cuts the file back to what counts, where a run ended badly. Called before anybody looks at the file. */
export const recoverAppend = async (files: Files, target: string, state: AppendState | undefined): Promise<void> => {
  const path = journalPath(target)
  if ((await files.stat(path)) === undefined) return
  const journal = await readJournal(files, path)
  const stat = await files.stat(target)
  // A journal that is not whole was being written, so nothing had been added yet.
  if (journal !== undefined && stat !== undefined) {
    const length = state?.run === journal.run ? state.length : journal.base
    if (length < 0) await files.remove(target)
    else if (stat.size > length) await cut(files, target, length)
  }
  await files.remove(path)
  await files.syncDirectory(dirname(target))
}

const cut = async (files: Files, target: string, length: number): Promise<void> => {
  const handle = await files.openWrite(target, "append")
  try {
    await handle.truncate(length)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export interface AppendOptions {
  readonly compression: Compression
  readonly owner: Owner
  /** In the encoding of the file. */
  readonly lineEnd: Uint8Array
  /** As in `LoadRequest`. */
  readonly keepsState: boolean
}

/** Opens the file to add to it; `recoverAppend` came before. */
export const appendFile = async (files: Files, target: string, options: AppendOptions): Promise<AppendedFile> => {
  const { compression, owner, lineEnd, keepsState } = options
  await files.makeDirectory(dirname(target))
  const size = (await files.stat(target))?.size
  // Whoever wrote the file by hand may have left out the last line end.
  const isTorn = compression === "none" && size !== undefined && size > 0 && !(await endsWith(files, target, size, lineEnd))
  const journal: Journal = { run: owner.runId, base: size ?? -1 }
  await writeJournal(files, target, "create", journal)
  const writing = new Writing(await files.openWrite(target, "append"), compression, size ?? 0)
  if (isTorn) await writing.write(lineEnd)
  return new Append(files, target, journal, writing, keepsState)
}

class Append implements AppendedFile {
  private readonly files: Files
  private readonly target: string
  private readonly journal: Journal
  private readonly writing: Writing
  private readonly keepsState: boolean
  private committed: number | undefined

  constructor(files: Files, target: string, journal: Journal, writing: Writing, keepsState: boolean) {
    this.files = files
    this.target = target
    this.journal = journal
    this.writing = writing
    this.keepsState = keepsState
  }

  get isNew(): boolean {
    return this.journal.base <= 0
  }

  state(length: number): AppendState {
    return { run: this.journal.run, length }
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.writing.write(bytes)
  }

  async commit(): Promise<number> {
    await this.writing.sync()
    const { length } = this.writing
    if (!this.keepsState) await writeJournal(this.files, this.target, "append", { run: this.journal.run, base: length })
    this.committed = length
    return length
  }

  /** A close that was held up may come after another run has found our journal, and added rows of its own. */
  private async ownsFile(): Promise<boolean> {
    const path = journalPath(this.target)
    if ((await this.files.stat(path)) === undefined) return false
    return (await readJournal(this.files, path))?.run === this.journal.run
  }

  /**
   * Without a commit the file is as it was. After one, only the engine knows whether its checkpoint was stored; unless the run ended well,
   * or each commit counts by itself, the journal stays and the next run decides.
   */
  async close(kept: boolean): Promise<void> {
    const { base } = this.journal
    let isOurs = kept
    try {
      isOurs ||= await this.ownsFile()
      if (!kept && isOurs) await this.writing.truncate(this.committed ?? Math.max(0, base))
    } finally {
      await this.writing.close()
    }
    if (!isOurs || (!kept && this.keepsState && this.committed !== undefined)) return
    if (this.committed === undefined && base < 0) await this.files.remove(this.target)
    await this.files.remove(journalPath(this.target))
    await this.files.syncDirectory(dirname(this.target))
  }
}

const writeJournal = async (files: Files, target: string, mode: "create" | "append", journal: Journal): Promise<void> => {
  const handle = await files.openWrite(journalPath(target), mode)
  try {
    await handle.write(Buffer.from(`${JSON.stringify(journal)}\n`))
    await handle.sync()
  } finally {
    await handle.close()
  }
  if (mode === "create") await files.syncDirectory(dirname(target))
}

/** Undefined where not even its first line is whole. */
const readJournal = async (files: Files, path: string): Promise<Journal | undefined> => {
  const handle = await files.openRead(path)
  try {
    const size = (await files.stat(path))?.size ?? 0
    const start = Math.max(0, size - LAST_LINES)
    const text = Buffer.alloc(LAST_LINES)
    const length = await handle.read(text, start)
    return parseJournal(text.toString("utf8", 0, length))
  } finally {
    await handle.close()
  }
}

/** Holds at least two lines. */
const LAST_LINES = 4096

const parseJournal = (text: string): Journal | undefined => {
  const line = text.split("\n").at(-2)
  if (line === undefined) return undefined
  const value = JSON.parse(line) as Partial<Journal>
  return typeof value.run === "string" && typeof value.base === "number" ? { run: value.run, base: value.base } : undefined
}

const endsWith = async (files: Files, path: string, size: number, end: Uint8Array): Promise<boolean> => {
  const handle: ReadHandle = await files.openRead(path)
  try {
    const last = Buffer.alloc(end.length)
    await handle.read(last, Math.max(0, size - end.length))
    return last.equals(end)
  } finally {
    await handle.close()
  }
}
