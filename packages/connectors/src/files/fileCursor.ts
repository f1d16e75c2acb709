/** Which files of a folder have been read, and how far: the cursor of every source of text files. */
import { createHash } from "node:crypto"
import type { ColumnSchema, Files, PluginContext } from "@deltaflow/core"
import { SourceError } from "@deltaflow/core"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { InputFile } from "./findFiles.ts"

/** Stored between runs: only ever add optional fields. */
const FileMark = Schema.Struct({
  size: Schema.Finite,
  modifiedMs: Schema.Finite,
  /** Of the file as far as it reached then; see `hashFile`. */
  hash: Schema.String,
  /** Where the rows that have not been given begin. */
  bytes: Schema.Finite,
  rows: Schema.Finite,
  lines: Schema.Finite,
  /** The file was read to its end. */
  done: Schema.Boolean,
})

export type FileMark = typeof FileMark.Type

const FileCursor = Schema.Struct({
  files: Schema.Record(Schema.String, FileMark),
  /** The columns that the first run found, so that later files are read with the same types. */
  columns: Schema.Array(Schema.Struct({ name: Schema.String, type: Schema.String, nullable: Schema.Boolean })),
})

export interface FileCursor {
  readonly files: Readonly<Record<string, FileMark>>
  readonly columns: ReadonlyArray<ColumnSchema>
}

const decodeCursor = Schema.decodeUnknownExit(FileCursor)

/** Throws `SourceError` where the stored value is none of ours. */
export const readFileCursor = (value: unknown, name: string): FileCursor | undefined => {
  if (value === undefined) return undefined
  const exit = decodeCursor(value)
  if (Exit.isSuccess(exit)) return exit.value as FileCursor
  throw new SourceError({
    code: "CURSOR_INVALID",
    message: `${name}: the stored cursor is none of a file source. Run with a full refresh, or reset the state.`,
    path: [name],
  })
}

/** Where reading a file begins. */
export interface FileStart {
  readonly file: InputFile
  readonly bytes: number
  readonly rows: number
  readonly lines: number
}

export interface ReadPlan {
  /** In the order of reading. */
  readonly starts: ReadonlyArray<FileStart>
  /** What the cursor says of files that need no reading. */
  readonly known: ReadonlyArray<readonly [string, FileMark]>
}

type PlanContext = Pick<PluginContext, "files" | "log">

/** Compares the files with the cursor: new ones are read, grown ones from where they ended if `growing` lets them, changed ones again. */
export const planReading = async (
  context: PlanContext,
  files: ReadonlyArray<InputFile>,
  cursor: FileCursor | undefined,
  growing: boolean,
): Promise<ReadPlan> => {
  const starts: Array<FileStart> = []
  const known = new Map(Object.entries(cursor?.files ?? {}))
  for (const file of files) {
    const mark = known.get(file.label)
    if (mark !== undefined && mark.done && mark.size === file.size && mark.modifiedMs === file.modifiedMs) continue
    if (mark === undefined || (file.size > mark.size && !growing) || !(await isContinued(context.files, file, mark))) {
      if (mark !== undefined) context.log.warn(`${file.label} was changed since it was read, so it is read again from its start.`)
      starts.push({ file, bytes: 0, rows: 0, lines: 0 })
      known.delete(file.label)
    } else if (mark.done && mark.size === file.size) known.set(file.label, { ...mark, modifiedMs: file.modifiedMs })
    else {
      starts.push({ file, bytes: mark.bytes, rows: mark.rows, lines: mark.lines })
      known.delete(file.label)
    }
  }
  return { starts, known: [...known] }
}

/** The plan of a run that keeps no cursor. */
export const readAll = (files: ReadonlyArray<InputFile>): ReadPlan => ({
  starts: files.map((file) => ({ file, bytes: 0, rows: 0, lines: 0 })),
  known: [],
})

/** Whether what was read of the file then is still its beginning. */
const isContinued = async (files: Files, file: InputFile, mark: FileMark): Promise<boolean> =>
  file.size >= mark.size && (await hashFile(files, file.path, mark.size)) === mark.hash

const PIECE = 64 * 1024
const PIECES = 64

/**
 * A hash of the file's first `size` bytes: of all of them up to 4 MiB, of 64 pieces that are spread evenly from the first byte to the last
 * where there are more, so that a large file costs no second reading.
 */
export const hashFile = async (files: Files, path: string, size: number): Promise<string> => {
  const hash = createHash("sha256")
  const handle = await files.openRead(path)
  try {
    const distance = size <= PIECES * PIECE ? PIECE : (size - PIECE) / (PIECES - 1)
    for (let i = 0; i < PIECES && Math.floor(i * distance) < size; i++) {
      const from = Math.floor(i * distance)
      hash.update(await readRange(handle, from, Math.min(size, from + PIECE)))
    }
  } finally {
    await handle.close()
  }
  return hash.digest("hex").slice(0, 32)
}

/** The bytes from `from` to `to`, or to the end of the file where it ends sooner. */
export const readRange = async (
  handle: { readonly read: (buffer: Uint8Array, position: number) => Promise<number> },
  from: number,
  to: number,
): Promise<Uint8Array> => {
  const buffer = new Uint8Array(to - from)
  let length = 0
  while (length < buffer.length) {
    const read = await handle.read(buffer.subarray(length), from + length)
    if (read === 0) break
    length += read
  }
  return buffer.subarray(0, length)
}

interface Counts {
  rows: number
  lines: number
}

/** A cursor to be, for rows that are not decoded yet: its counts are filled in when they are. */
interface Pending {
  readonly label: string
  readonly mark: Omit<FileMark, "rows" | "lines">
  /** Finished files before this one. */
  readonly finished: number
  counts: Counts | undefined
}

/**
 * Counts rows and lines per file as chunks are decoded, and makes the cursors.
 *
 * Chunks are decoded in the order in which they are given, so when one has been decoded all files before its own are complete.
 */
export class FileProgress {
  private readonly counts = new Map<string, Counts>()
  private readonly finished: Array<readonly [string, Omit<FileMark, "rows" | "lines">]> = []
  private readonly known: ReadonlyArray<readonly [string, FileMark]>
  private readonly columns: ReadonlyArray<ColumnSchema>
  private readonly pending = new WeakMap<object, Pending>()
  private bytesSinceCursor = 0

  constructor(known: ReadonlyArray<readonly [string, FileMark]>, columns: ReadonlyArray<ColumnSchema>) {
    this.known = known
    this.columns = columns
  }

  /** Before the first chunk of a file. */
  begin(label: string, { rows, lines }: Readonly<Counts>): void {
    this.counts.set(label, { rows, lines })
  }

  before(label: string): Readonly<Counts> {
    return this.counts.get(label) ?? { rows: 0, lines: 0 }
  }

  /** Adds a decoded chunk and gives the number of its first row. */
  add(label: string, cursor: unknown, { rows, lines }: Counts): number {
    const counts = this.counts.get(label)!
    const first = counts.rows + 1
    counts.rows += rows
    counts.lines += lines
    const pending = typeof cursor === "object" && cursor !== null ? this.pending.get(cursor) : undefined
    if (pending !== undefined) pending.counts = { ...counts }
    return first
  }

  /**
   * The cursor behind a chunk, or undefined where it is not worth its size yet: with many files a cursor is large, and one is given per
   * some bytes of rows for each file in it. `isLast` says that nothing comes after.
   */
  cursor(label: string, mark: Omit<FileMark, "rows" | "lines">, bytes: number, isLast: boolean): FileCursor | undefined {
    const finished = this.finished.length
    if (mark.done) this.finished.push([label, mark])
    this.bytesSinceCursor += bytes
    if (!isLast && this.bytesSinceCursor < (this.known.length + finished - FEW_FILES) * BYTES_PER_FILE) return undefined
    this.bytesSinceCursor = 0
    const pending: Pending = { label, mark, finished, counts: undefined }
    const cursor = Object.defineProperty({ columns: this.columns } as FileCursor, "files", {
      enumerable: true,
      get: () => this.files(pending),
    })
    this.pending.set(cursor, pending)
    return cursor
  }

  private files({ label, mark, finished, counts }: Pending): Readonly<Record<string, FileMark>> {
    const before = this.finished.slice(0, finished).map(([name, done]) => [name, { ...done, ...this.before(name) }] as const)
    return Object.fromEntries([...this.known, ...before, [label, { ...mark, ...(counts ?? this.before(label)) }]])
  }
}

const FEW_FILES = 100
const BYTES_PER_FILE = 4096
