/** What a source of files reads in one run: which files, from where, and how their text is opened. */
import { type ColumnSchema, SourceError, type SourceRequest } from "@deltaflow/core"
import { type FileStart, planReading, readAll, readFileCursor, type ReadPlan } from "./fileCursor.ts"
import { findFiles, type InputFile, isPattern } from "./findFiles.ts"
import { archiveLimits, compressionFor, type TransportConfig } from "./options.ts"
import { openFileText, openStreamText, replayed, type TextOptions, type TextReader } from "./textReader.ts"

export type FileRequest = SourceRequest<TransportConfig>

export interface Inputs {
  /** All that the path names, those too that need no reading. */
  readonly files: ReadonlyArray<InputFile>
  readonly plan: ReadPlan
  /** The columns as an earlier run found them. */
  readonly stored: ReadonlyArray<ColumnSchema> | undefined
  /** Bytes to read, where that is known. */
  readonly totalBytes: number | undefined
  /** For `explain`. */
  readonly notes: ReadonlyArray<string>
  /** Standard input can be opened twice: for a sample, and once more from its start. */
  readonly openText: (file: InputFile, position: number) => Promise<TextReader>
  readonly close: () => Promise<void>
}

/** `growing` says whether a file may get more rows at its end. Throws `SourceError` and `PathError`. */
export const openInputs = (request: FileRequest, { growing }: { readonly growing: boolean }): Promise<Inputs> =>
  request.config.path === "-" ? standardInput(request) : namedFiles(request, growing)

const namedFiles = async (request: FileRequest, growing: boolean): Promise<Inputs> => {
  const { config, name, files } = request
  const found = await findFiles(request, config.path)
  if (found.length === 0 && request.optional !== true) throw notFound(request)
  const cursor = readFileCursor(request.cursor, name)
  const plan = request.incremental === undefined ? readAll(found) : await planReading(request, found, cursor, growing)
  const isPlain = (config.encoding ?? "utf-8") === "utf-8" && found.every((file) => compressionFor(config, file.path) === "none")
  return {
    files: found,
    plan,
    stored: cursor === undefined || cursor.columns.length === 0 ? undefined : cursor.columns,
    totalBytes: isPlain ? plan.starts.reduce((sum, { file, bytes }) => sum + file.size - bytes, 0) : undefined,
    notes: [planNote(plan)],
    openText: (file, position) => openFileText(files, file.path, textOptions(config, file.path), position),
    close: async () => undefined,
  }
}

export const STDIN: InputFile = { path: "-", label: "stdin", size: 0, modifiedMs: 0 }

const standardInput = async (request: FileRequest): Promise<Inputs> => {
  const { stdin, incremental, name, signal, config } = request
  if (stdin === undefined) {
    throw new SourceError({
      code: "FILE_NOT_FOUND",
      message: `${name}: path is "-", and the host gives no standard input.`,
      path: [name, "path"],
    })
  }
  if (incremental !== undefined) {
    const message = `${name}: standard input cannot be read again, so incremental does not work with it.`
    throw new SourceError({ code: "UNSUPPORTED_FEATURE", message, path: [name, "incremental"] })
  }
  const text = await openStreamText(stdin, textOptions(config, ""), signal)
  const record: Array<Uint8Array> = []
  let isSampled = false
  return {
    files: [STDIN],
    plan: readAll([STDIN]),
    stored: undefined,
    totalBytes: undefined,
    notes: ["reads standard input"],
    openText: async () => {
      if (isSampled) return replayed(text, Buffer.concat(record.splice(0)))
      isSampled = true
      return recorded(text, record)
    },
    close: text.close,
  }
}

/** Keeps what is read from it; closing it leaves the stream open. */
const recorded = (text: TextReader, record: Array<Uint8Array>): TextReader => ({
  position: text.position,
  close: async () => undefined,
  read: async (buffer) => {
    const read = await text.read(buffer)
    record.push(buffer.slice(0, read))
    return read
  },
})

const textOptions = (config: TransportConfig, path: string): TextOptions => ({
  compression: compressionFor(config, path),
  encoding: config.encoding,
  limits: archiveLimits(config),
})

const planNote = ({ starts, known }: ReadPlan): string => {
  const named = starts.slice(0, 5).map(({ file, bytes }: FileStart) => (bytes === 0 ? file.label : `${file.label} from byte ${bytes}`))
  const more = starts.length > 5 ? ` and ${starts.length - 5} more` : ""
  const skipped = known.length > 0 ? `; ${known.length} read before` : ""
  return starts.length === 0 ? `no file to read${skipped}` : `reads ${named.join(", ")}${more}${skipped}`
}

const notFound = ({ config, name, projectRoot }: FileRequest): SourceError =>
  new SourceError({
    code: "FILE_NOT_FOUND",
    message: `${name}: ${isPattern(config.path) ? "no file matches" : "there is no file"} ${config.path} in ${projectRoot}. Check path, or set optional: true.`,
    path: [name, "path"],
  })

export const emptyFile = (label: string, name: string): SourceError =>
  new SourceError({
    code: "SOURCE_EMPTY",
    message: `${label}: the file is empty. See whether it was written to its end, or set optional: true.`,
    path: [name, "path"],
  })

/** Types for `explain`. */
export const typesNote = (columns: ReadonlyArray<ColumnSchema>, rows: number, isStored: boolean): string => {
  const types = columns.map((column) => `${column.name} ${column.type}`).join(", ")
  return isStored ? `types as the first run found them: ${types}` : `types from ${rows === 1 ? "1 row" : `${rows} rows`}: ${types}`
}
