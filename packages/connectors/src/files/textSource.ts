/**
 * What all sources of text files with rows have in common: which files, which columns, and their text in chunks of whole rows.
 *
 * A format says how rows stand in the text; see `TextFormat`.
 */
import {
  type ColumnSchema,
  type DecodeErrorFields,
  type ModuleReference,
  type SourceChunk,
  SourceError,
  type SourceReader,
} from "@deltaflow/core"
import { DecodeError, type RowSplitter } from "@deltaflow/core/text"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { locatedFailure, readFailure } from "./failures.ts"
import { FileProgress, type FileStart, hashFile } from "./fileCursor.ts"
import type { InputFile } from "./findFiles.ts"
import { emptyFile, type FileRequest, type Inputs, openInputs, STDIN } from "./inputs.ts"
import { rowLimit } from "./options.ts"
import { BufferPool, cutRows, LargeRow, type RowChunk } from "./rowChunks.ts"
import { readFully, type TextReader } from "./textReader.ts"

/** How rows stand in the text of one format. Made anew for every opened source. */
export interface TextFormat {
  /** Takes rows from the start of a file, for the schema; gives how many there were. Throws `DecodeError`. */
  readonly sample: (bytes: Uint8Array, rowsWanted: number, final: boolean) => number
  /** The columns, after the samples, or as an earlier run found them. `notes` are for `explain`. */
  readonly columns: (stored: ReadonlyArray<ColumnSchema> | undefined) => {
    readonly columns: ReadonlyArray<ColumnSchema>
    readonly notes: ReadonlyArray<string>
  }
  /** What stands before the rows of a file. Throws `DecodeError`. */
  readonly begin: (bytes: Uint8Array) => { readonly length: number; readonly lines: number }
  readonly splitter: () => RowSplitter
  /** Whether text without a row end is broken, so that the decoder has the better message. */
  readonly isBroken: (bytes: Uint8Array) => boolean
  /** Whether the last row of a file, which no line end follows, is all there. */
  readonly isWhole: (row: Uint8Array) => boolean
  readonly decoder: () => ModuleReference
}

/** Sizes that tests make small. */
export interface TextSourceSizes {
  readonly chunkBytes: number
  readonly sampleBytes: number
  readonly sampleRows: number
}

export const defaultSizes: TextSourceSizes = { chunkBytes: 1024 * 1024, sampleBytes: 1024 * 1024, sampleRows: 1000 }

export const openTextSource = (
  request: FileRequest,
  makeFormat: () => TextFormat,
  sizes: TextSourceSizes = defaultSizes,
): Effect.Effect<SourceReader, SourceError, Scope.Scope> =>
  Effect.gen(function* () {
    const failed = (cause: unknown) => readFailure(request.config.path, request.name, cause)
    const inputs = yield* Effect.acquireRelease(
      Effect.tryPromise({ try: () => openInputs(request, { growing: true }), catch: failed }),
      (opened) => Effect.promise(() => opened.close()),
    )
    const format = makeFormat()
    const sampler = new Sampler(request, format, sizes, inputs)
    if (inputs.stored === undefined) yield* Effect.tryPromise({ try: () => sampler.run(), catch: failed })
    const { columns, notes } = yield* Effect.try({ try: () => format.columns(inputs.stored), catch: failed })
    return new TextRead(request, format, sizes, inputs, columns).reader([...inputs.notes, ...notes])
  })

/** Files that are looked at for the schema. */
const SAMPLE_FILES = 16

interface Sample {
  /** All that was read. */
  readonly bytes: Uint8Array
  /** Where the last whole row in it ends. */
  readonly rowsEnd: number
  /** The text ends here. */
  readonly final: boolean
}

/** Looks at the first rows of the first files. */
class Sampler {
  private readonly request: FileRequest
  private readonly format: TextFormat
  private readonly sizes: TextSourceSizes
  private readonly inputs: Inputs

  constructor(request: FileRequest, format: TextFormat, sizes: TextSourceSizes, inputs: Inputs) {
    this.request = request
    this.format = format
    this.sizes = sizes
    this.inputs = inputs
  }

  async run(): Promise<void> {
    const { files } = this.inputs
    let bytes = this.sizes.sampleBytes
    let rows = this.sizes.sampleRows
    let isEmpty = files.length > 0
    for (const file of files.slice(0, SAMPLE_FILES)) {
      if (bytes <= 0 || rows <= 0) break
      const sample = await this.read(file, bytes)
      if (sample.bytes.length > 0) isEmpty = false
      bytes -= sample.bytes.length
      rows -= this.add(file.label, sample, rows)
    }
    if (isEmpty && this.request.optional !== true) throw emptyFile(files[0]!.label, this.request.name)
  }

  private async read(file: InputFile, size: number): Promise<Sample> {
    try {
      const text = await this.inputs.openText(file, 0)
      try {
        return await this.readRows(text, size)
      } finally {
        await text.close()
      }
    } catch (cause) {
      throw readFailure(file.label, this.request.name, cause)
    }
  }

  /** The first rows, and more of the text where not even one ends in it. */
  private async readRows(text: TextReader, size: number, start: Uint8Array = new Uint8Array(0)): Promise<Sample> {
    const buffer = new Uint8Array(size)
    buffer.set(start)
    const length = start.length + (await readFully(text, buffer.subarray(start.length)))
    const bytes = buffer.subarray(0, length)
    const final = length < size
    const rowsEnd = final ? length : this.format.splitter()(bytes, 0, length)
    if (rowsEnd >= 0) return { bytes, rowsEnd, final }
    if (size < rowLimit(this.request.config) && !this.format.isBroken(bytes)) return await this.readRows(text, 2 * size, bytes)
    return { bytes, rowsEnd: length, final }
  }

  private add(label: string, { bytes, rowsEnd, final }: Sample, rowsWanted: number): number {
    if (bytes.length === 0) return 0
    try {
      const rows = bytes.subarray(0, rowsEnd)
      if (!final || this.request.incremental === undefined) return this.format.sample(rows, rowsWanted, final)
      this.format.begin(rows)
      return this.format.sample(rows.subarray(0, wholeRowsEnd(this.format, rows)), rowsWanted, final)
    } catch (cause) {
      throw cause instanceof DecodeError ? locatedFailure(label, this.request.name, { rows: 0, lines: 0 }, cause) : cause
    }
  }
}

/** Behind the last row that is all there, in text that nothing follows yet. */
const wholeRowsEnd = (format: TextFormat, bytes: Uint8Array): number => {
  const boundary = Math.max(0, format.splitter()(bytes, 0, bytes.length))
  return boundary === bytes.length || format.isWhole(bytes.subarray(boundary)) ? bytes.length : boundary
}

/** One reading of the planned files. */
class TextRead {
  private readonly request: FileRequest
  private readonly format: TextFormat
  private readonly inputs: Inputs
  private readonly columns: ReadonlyArray<ColumnSchema>
  private readonly progress: FileProgress
  private readonly pool: BufferPool
  private readonly release = (buffer: ArrayBufferLike): void => this.pool.give(buffer)

  constructor(request: FileRequest, format: TextFormat, sizes: TextSourceSizes, inputs: Inputs, columns: ReadonlyArray<ColumnSchema>) {
    this.request = request
    this.format = format
    this.inputs = inputs
    this.columns = columns
    this.pool = new BufferPool(sizes.chunkBytes)
    this.progress = new FileProgress(inputs.plan.known, columns)
  }

  reader(notes: ReadonlyArray<string>): SourceReader {
    const { name } = this.request
    const { totalBytes } = this.inputs
    return {
      schema: { columns: this.columns },
      notes,
      ...(totalBytes === undefined ? {} : { totalBytes }),
      read: () => ({
        rows: {
          kind: "chunks",
          stream: Stream.fromAsyncIterable(this.chunks(), (cause) => readFailure(this.request.config.path, name, cause)),
          decoder: this.format.decoder(),
          decoded: (chunk, result) => this.progress.add(chunk.label, chunk.cursor, result),
          located: (chunk, error: DecodeErrorFields) => locatedFailure(chunk.label, name, this.progress.before(chunk.label), error),
        },
      }),
    }
  }

  private async *chunks(): AsyncGenerator<SourceChunk> {
    const { starts } = this.inputs.plan
    for (const [i, start] of starts.entries()) {
      try {
        yield* this.fileChunks(start, i === starts.length - 1)
      } catch (cause) {
        throw await this.failure(start, cause)
      }
    }
  }

  private async *fileChunks(planned: FileStart, isLastFile: boolean): AsyncGenerator<SourceChunk> {
    const start = planned.bytes === 0 ? planned : await this.continued(planned)
    const { label, path, size } = start.file
    const hash = this.request.incremental === undefined ? "" : await hashFile(this.request.files, path, size)
    let isFirst = true
    for await (const chunk of cutRows(await this.inputs.openText(start.file, start.bytes), this.cutOptions())) {
      const rows = isFirst ? this.beginFile(start, chunk) : chunk
      isFirst = false
      const { bytes, end } = chunk.last ? this.withoutTorn(label, rows) : rows
      const cursor = this.cursor(start, hash, end, bytes.length, chunk.last, isLastFile)
      if (bytes.length > 0 || cursor !== undefined)
        yield { bytes, label, release: this.release, ...(cursor === undefined ? {} : { cursor }) }
    }
  }

  private cutOptions() {
    const { format, request, pool } = this
    return {
      split: format.splitter(),
      pool,
      rowLimit: rowLimit(request.config),
      isBroken: (bytes: Uint8Array) => format.isBroken(bytes),
    }
  }

  /** The first chunk without what stands before the rows. */
  private beginFile({ file, bytes, rows, lines }: FileStart, chunk: RowChunk): RowChunk {
    if (bytes > 0) {
      this.progress.begin(file.label, { rows, lines })
      return chunk
    }
    this.progress.begin(file.label, { rows: 0, lines: 0 })
    if (chunk.bytes.length === 0) {
      this.request.log.warn(`${file.label} is empty.`)
      return chunk
    }
    const head = this.format.begin(chunk.bytes)
    this.progress.begin(file.label, { rows: 0, lines: head.lines })
    return { ...chunk, bytes: chunk.bytes.subarray(head.length) }
  }

  /** Where more may be written to a file, a last row that is not all there is left for the next run. */
  private withoutTorn(label: string, chunk: RowChunk): RowChunk {
    const { bytes } = chunk
    if (this.request.incremental === undefined || bytes.length === 0) return chunk
    const boundary = wholeRowsEnd(this.format, bytes)
    if (boundary === bytes.length) return chunk
    this.request.log.warn(`${label} ends in the middle of a row, which is left for the next run.`)
    return { ...chunk, bytes: bytes.subarray(0, boundary), end: chunk.end - bytes.length + boundary }
  }

  private cursor({ file }: FileStart, hash: string, end: number, length: number, done: boolean, isLastFile: boolean) {
    if (this.request.incremental === undefined) return undefined
    const mark = { size: file.size, modifiedMs: file.modifiedMs, hash, bytes: end, done }
    return this.progress.cursor(file.label, mark, length, done && isLastFile)
  }

  /**
   * Where a file that was read before goes on. Its last row may have had no line end then: if that comes now, it is passed; if the row
   * itself goes on, what was read of it was not all, and the file is read again.
   */
  private async continued(start: FileStart): Promise<FileStart> {
    const text = await this.inputs.openText(start.file, start.bytes - 1)
    const next = new Uint8Array(3)
    const length = await readFully(text, next)
    await text.close()
    const [last, ...behind] = next.subarray(0, length)
    if (last === LF || last === CR || behind.length === 0) return start
    if (behind[0] === LF) return { ...start, bytes: start.bytes + 1, lines: start.lines + 1 }
    if (behind[0] === CR && behind[1] === LF) return { ...start, bytes: start.bytes + 2, lines: start.lines + 1 }
    this.request.log.warn(`${start.file.label}: its last row was longer than when it was read, so the file is read again from its start.`)
    return { ...start, bytes: 0, rows: 0, lines: 0 }
  }

  private async failure(start: FileStart, cause: unknown): Promise<SourceError> {
    const { name } = this.request
    const { label } = start.file
    if (cause instanceof DecodeError) return locatedFailure(label, name, this.progress.before(label), cause)
    if (!(cause instanceof LargeRow)) return readFailure(label, name, cause)
    const line = start.file === STDIN ? undefined : await this.lineAt(start, cause.position)
    const limit = rowLimit(this.request.config)
    return new SourceError({
      code: "ROW_TOO_LARGE",
      message: `${label}${line === undefined ? "" : `:${line}`}: the row that begins ${line === undefined ? `at byte ${cause.position}` : "here"} is larger than ${limit} bytes. See whether a quote or a line end is missing, or raise \`max_row_size\`.`,
      path: [name],
    })
  }

  /** Lines are not counted while the file is cut, so for this one message it is read once more. */
  private async lineAt(start: FileStart, position: number): Promise<number> {
    const text = await this.inputs.openText(start.file, 0)
    try {
      return 1 + (await countLinesTo(text, position - text.position))
    } finally {
      await text.close()
    }
  }
}

const LF = 10
const CR = 13

const countLinesTo = async (text: TextReader, length: number): Promise<number> => {
  const buffer = new Uint8Array(1024 * 1024)
  let lines = 0
  for (let left = length; left > 0;) {
    const read = await text.read(buffer.subarray(0, Math.min(left, buffer.length)))
    if (read === 0) break
    for (let at = 0; at < read; at++) if (buffer[at] === LF) lines++
    left -= read
  }
  return lines
}
