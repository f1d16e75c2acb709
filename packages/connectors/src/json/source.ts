/** Rows of JSON files: an array of objects, somewhere in the text. */
import {
  Batch,
  type BatchSchema,
  type ColumnSchema,
  type Source,
  type SourceBatch,
  SourceError,
  type SourceReader,
  type SourceRequest,
} from "@deltaflow/core"
import { DecodeError, type JsonText, makeJsonArrayDecoder, sampleColumns } from "@deltaflow/core/text"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { locatedFailure, readFailure } from "../files/failures.ts"
import { FileProgress, type FileStart, hashFile } from "../files/fileCursor.ts"
import type { InputFile } from "../files/findFiles.ts"
import { emptyFile, type Inputs, openInputs, typesNote } from "../files/inputs.ts"
import { rowLimit, sourceFields } from "../files/options.ts"
import { LargeRow } from "../files/rowChunks.ts"
import { EmptyText, type JsonPiece, readJsonRows } from "./jsonFile.ts"

export const JsonSourceConfig = Schema.Struct({
  ...sourceFields,
  records: Schema.optionalKey(
    Schema.String.check(Schema.isPattern(/^[^.]+(\.[^.]+)*$/, { expected: "keys with dots between them" })).annotate({
      expected: "keys with dots between them",
      description:
        "Keys on the way to the rows, such as `data.items`. Other keys are passed over. Default: the text itself is the array of rows, or the only row.",
    }),
  ),
})

export type JsonSourceConfig = typeof JsonSourceConfig.Type

/**
 * Delivery: exactly once into a destination that can. Order: by file name, then as the rows stand. Deletes: not seen. With `incremental`,
 * only new and changed files are read.
 */
export const makeJsonSource = (blockBytes = 1024 * 1024): Source<JsonSourceConfig> => ({
  kind: "source",
  type: "json",
  summary: "JSON files with an array of objects, streamed, gzip and Zstandard too",
  config: Schema.toStandardSchemaV1(JsonSourceConfig),
  supportsIncremental: true,
  open: (request) =>
    Effect.gen(function* () {
      const failed = (cause: unknown) => readFailure(request.config.path, request.name, cause)
      const inputs = yield* Effect.acquireRelease(
        Effect.tryPromise({ try: () => openInputs(request, { growing: false }), catch: failed }),
        (opened) => Effect.promise(() => opened.close()),
      )
      const source = new JsonSource(request, inputs, blockBytes)
      return yield* Effect.tryPromise({ try: () => source.reader(), catch: failed })
    }),
})

export const jsonSource: Source<JsonSourceConfig> = makeJsonSource()

class JsonSource {
  private readonly request: SourceRequest<JsonSourceConfig>
  private readonly inputs: Inputs
  private readonly blockBytes: number
  private schema: BatchSchema = { columns: [] }
  private spellings: Readonly<Record<string, string>> = {}
  private progress: FileProgress

  constructor(request: SourceRequest<JsonSourceConfig>, inputs: Inputs, blockBytes: number) {
    this.request = request
    this.inputs = inputs
    this.blockBytes = blockBytes
    this.progress = new FileProgress([], [])
  }

  async reader(): Promise<SourceReader> {
    const { plan, stored, totalBytes, notes } = this.inputs
    const sample = stored === undefined ? await this.sample() : undefined
    const columns =
      stored ?? (sample === undefined ? sampleColumns(NOTHING, this.request.columns) : sampleColumns(sample, this.request.columns))
    this.spellings = sample?.spellings ?? {}
    this.schema = { columns }
    this.progress = new FileProgress(plan.known, columns)
    return {
      schema: this.schema,
      notes: [...notes, typesNote(columns, sample?.rows ?? 0, stored !== undefined)],
      ...(totalBytes === undefined ? {} : { totalBytes }),
      read: () => ({
        rows: {
          kind: "batches",
          stream: Stream.fromAsyncIterable(this.batches(), (cause) => readFailure(this.request.config.path, this.request.name, cause)),
        },
      }),
    }
  }

  /** The first rows that are found; undefined where no file has any. */
  private async sample(): Promise<JsonText | undefined> {
    const { files } = this.inputs
    let isEmpty = files.length > 0
    for (const file of files) {
      const sample = await this.sampleFile(file)
      if (sample !== "empty") isEmpty = false
      if (typeof sample === "object") return sample
    }
    if (isEmpty && this.request.optional !== true) throw emptyFile(files[0]!.label, this.request.name)
    return undefined
  }

  private async sampleFile(file: InputFile): Promise<JsonText | "empty" | "no rows"> {
    try {
      for await (const { text } of this.pieces({ ...NO_START, file }, [])) return text
      return "no rows"
    } catch (cause) {
      if (cause instanceof EmptyText) return "empty"
      throw this.failure(file.label, { rows: 0, lines: 0 }, cause)
    }
  }

  private async *pieces(start: FileStart, columns: ReadonlyArray<ColumnSchema>): AsyncGenerator<JsonPiece> {
    const { config, batchSize, columns: declared = {} } = this.request
    const inRows = start.bytes > 0
    const text = await this.inputs.openText(start.file, start.bytes)
    const decode = makeJsonArrayDecoder({ columns, spellings: this.spellings, declared, batchSize })
    const options = { path: config.records?.split(".") ?? [], decode, blockBytes: this.blockBytes, rowLimit: rowLimit(config), inRows }
    yield* readJsonRows(text, options)
  }

  private async *batches(): AsyncGenerator<SourceBatch> {
    const { starts } = this.inputs.plan
    for (const [i, start] of starts.entries()) {
      const { label } = start.file
      this.progress.begin(label, start)
      let end = start.bytes
      const hash = this.request.incremental === undefined ? "" : await hashFile(this.request.files, start.file.path, start.file.size)
      try {
        end = yield* this.fileBatches(start, hash)
      } catch (cause) {
        if (!(cause instanceof EmptyText)) throw this.failure(label, { rows: this.progress.before(label).rows, lines: start.lines }, cause)
        this.request.log.warn(`${label} is empty.`)
      }
      // Behind an empty file too: the cursor of the last one stands for all files before it.
      const cursor = this.cursor(start, hash, end, 0, true, i === starts.length - 1)
      if (cursor !== undefined) yield { batch: Batch.empty(this.schema), cursor }
    }
  }

  /** The rows of one file; returns where it ends. */
  private async *fileBatches(start: FileStart, hash: string): AsyncGenerator<SourceBatch, number> {
    const { label } = start.file
    let lines = 0
    let end = start.bytes
    for await (const piece of this.pieces(start, this.schema.columns)) {
      const cursor = piece.inRows ? this.cursor(start, hash, piece.end, piece.end - end, false, false) : undefined
      let first = this.progress.add(label, cursor, { rows: piece.text.rows, lines: piece.lines - lines })
      lines = piece.lines
      end = piece.end
      for (const [i, batch] of piece.text.batches.entries()) {
        const isLast = i === piece.text.batches.length - 1
        yield { batch: batch.withFirstRow(first), ...(isLast && cursor !== undefined ? { cursor } : {}) }
        first += batch.rowCount
      }
    }
    return end
  }

  private cursor({ file }: FileStart, hash: string, end: number, bytes: number, done: boolean, isLast: boolean) {
    if (this.request.incremental === undefined) return undefined
    return this.progress.cursor(file.label, { size: file.size, modifiedMs: file.modifiedMs, hash, bytes: end, done }, bytes, isLast)
  }

  private failure(label: string, before: { readonly rows: number; readonly lines: number }, cause: unknown): SourceError {
    const { name, config } = this.request
    if (cause instanceof DecodeError) return locatedFailure(label, name, before, cause)
    if (!(cause instanceof LargeRow)) return readFailure(label, name, cause)
    return new SourceError({
      code: "ROW_TOO_LARGE",
      message: `${label}: the row that begins behind byte ${cause.position} is larger than ${rowLimit(config)} bytes. See whether a bracket or a quote is missing, or raise max_row_size.`,
      path: [name],
      row: before.rows + 1,
    })
  }
}

const NOTHING = { batches: [], rows: 0, lines: 0 }

const NO_START = { bytes: 0, rows: 0, lines: 0 }
