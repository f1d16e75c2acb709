/** What all destinations of text files have in common: the file, its beginning and end, and batches as bytes. */
import { basename } from "node:path"
import {
  type Batch,
  type BatchSchema,
  DestinationError,
  isSameSchema,
  type Load,
  type LoadRequest,
  type ModuleReference,
} from "@deltaflow/core"
import { type Compression, EncodeError, type TextEncode } from "@deltaflow/core/text"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { type AppendedFile, appendFile, readAppendState, recoverAppend } from "./appendFile.ts"
import { MISREAD, writeFailure } from "./failures.ts"
import { FileCalls } from "./fileCalls.ts"
import { compressionFor } from "./options.ts"
import { type OutputFile, replaceFile } from "./outputFile.ts"
import { findOutput } from "./outputPath.ts"
import { fitBatch } from "./schemaChange.ts"

/** How batches stand in the text of one format. Made anew for every load. */
export interface TextLayout {
  /** May lend its bytes until two more batches have been encoded. */
  readonly encode: TextEncode
  /** The same encoder for the engine to call elsewhere; undefined where only this load can encode. */
  readonly encoder: ((schema: BatchSchema) => ModuleReference) | undefined
  /** What the file begins with. `isNew` is false where it has content already. */
  readonly begin: (isNew: boolean) => Uint8Array
  /** Bytes of rows as they stand in the file; `isFirst` says that no row stands before them. */
  readonly join: (rows: Uint8Array, isFirst: boolean) => Uint8Array
  /** What the file ends with. */
  readonly end: (hasRows: boolean) => Uint8Array
  /** Throws `DestinationError` where a batch with another schema than the first cannot be written. */
  readonly accept: (schema: BatchSchema) => void
  /** Text in another encoding than UTF-8. */
  readonly transcode: ((bytes: Uint8Array) => Uint8Array) | undefined
}

interface PathConfig {
  readonly path: string
  readonly compression?: "auto" | Compression
}

/** Where the rows go, before the layout is known. `existing` is the file that will be added to, where it has content. */
export interface Target {
  readonly label: string
  readonly path: string | undefined
  readonly existing: { readonly path: string; readonly compression: Compression } | undefined
}

type MakeLayout<Config> = (request: LoadRequest<Config>, target: Target) => Promise<TextLayout>

export const openTextLoad = <Config extends PathConfig>(
  request: LoadRequest<Config>,
  makeLayout: MakeLayout<Config>,
): Effect.Effect<Load, DestinationError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () => openLoad(request, makeLayout),
      catch: (cause) => writeFailure(request.config.path, request.name, cause),
    }),
    (load, exit) => Effect.promise(() => load.close(Exit.isSuccess(exit))),
  ).pipe(Effect.map((load) => load.toLoad()))

const openLoad = async <Config extends PathConfig>(request: LoadRequest<Config>, makeLayout: MakeLayout<Config>): Promise<TextLoad> => {
  const target = await findTarget(request)
  const layout = await makeLayout(request, target)
  const { file, isNew } = await openOutput(request, target, layout)
  return new TextLoad(request, target, layout, file, isNew)
}

const STDOUT = "stdout"

const NEW_LINE = Buffer.from("\n")

const findTarget = async (request: LoadRequest<PathConfig>): Promise<Target> => {
  const { config, files, writeMode } = request
  if (config.path === "-") return { label: STDOUT, path: undefined, existing: undefined }
  const { path, label } = await findOutput(request)
  if (writeMode === "append") await recoverAppend(files, path, readAppendState(request.state))
  const size = (await files.stat(path))?.size ?? 0
  const existing = writeMode === "append" && size > 0 ? { path, compression: compressionFor(config, path) } : undefined
  return { label, path, existing }
}

const openOutput = async (
  request: LoadRequest<PathConfig>,
  target: Target,
  layout: TextLayout,
): Promise<{ readonly file: OutputFile | AppendedFile; readonly isNew: boolean }> => {
  const { config, files, pipeline, runId, writeMode } = request
  const owner = { pipeline, runId }
  if (target.path === undefined) return { file: standardOutput(request), isNew: true }
  const compression = compressionFor(config, target.path)
  if (writeMode === "append") {
    const lineEnd = layout.transcode?.(NEW_LINE) ?? NEW_LINE
    const file = await appendFile(files, target.path, { compression, owner, lineEnd, keepsState: request.keepsState ?? true })
    return { file, isNew: file.isNew }
  }
  return { file: await replaceFile(files, target.path, compression, owner), isNew: true }
}

const standardOutput = ({ stdout, name }: LoadRequest<PathConfig>): OutputFile => {
  if (stdout === undefined) {
    throw new DestinationError({
      code: "OUTPUT_NOT_WRITABLE",
      message: `${name}: path is "-", and the host gives no standard output.`,
      path: [name, "path"],
    })
  }
  // What a host does with the bytes, and until when, is not known.
  return { write: (bytes) => stdout(new Uint8Array(bytes)), commit: async () => 0, close: async () => undefined }
}

class TextLoad {
  private readonly request: LoadRequest<PathConfig>
  private readonly target: Target
  private readonly layout: TextLayout
  private readonly file: OutputFile | AppendedFile
  private readonly isNew: boolean
  private readonly calls: FileCalls
  private begun = false
  private hasRows = false
  private ended = false
  private known: BatchSchema

  constructor(request: LoadRequest<PathConfig>, target: Target, layout: TextLayout, file: OutputFile | AppendedFile, isNew: boolean) {
    this.request = request
    this.target = target
    this.layout = layout
    this.file = file
    this.isNew = isNew
    this.calls = new FileCalls(target.label, request)
    this.known = request.schema
  }

  toLoad(): Load {
    const { label, path } = this.target
    const { encoder, transcode } = this.layout
    return {
      label: path === undefined ? label : basename(label),
      ...(path === undefined ? {} : { location: path }),
      commitsEarly: "state" in this.file,
      releases: true,
      write: (batch) => this.calls.attempt(() => this.write(batch)),
      ...(encoder === undefined || transcode !== undefined
        ? {}
        : {
            encoded: {
              encoder,
              write: (bytes: Uint8Array, _rows: number, schema: BatchSchema) => this.calls.attempt(() => this.writeBytes(bytes, schema)),
            },
          }),
      commit: (_checkpoint, final) => this.calls.attempt(() => this.commit(final)),
    }
  }

  close(isSuccess: boolean): Promise<void> {
    return this.calls.close(() => this.file.close(isSuccess && this.ended))
  }

  private async write(batch: Batch): Promise<void> {
    const { schemaChanges, name } = this.request
    const fitted = isSameSchema(batch.schema, this.known) ? batch : fitBatch(batch, this.known, schemaChanges, name)
    await this.writeBytes(this.encode(fitted), fitted.schema)
  }

  private encode(batch: Batch): Uint8Array {
    this.accept(batch.schema)
    try {
      return this.layout.encode(batch)
    } catch (cause) {
      throw cause instanceof EncodeError ? this.wrongValue(batch, cause) : cause
    }
  }

  private accept(schema: BatchSchema): void {
    if (isSameSchema(schema, this.known)) return
    this.layout.accept(schema)
    this.known = schema
  }

  private async writeBytes(rows: Uint8Array, schema: BatchSchema): Promise<void> {
    this.accept(schema)
    if (rows.length === 0) return
    const text = this.transcoded(this.layout.join(rows, !this.hasRows))
    await this.begin()
    this.hasRows = true
    await this.file.write(text)
  }

  private async begin(): Promise<void> {
    if (this.begun) return
    this.begun = true
    await this.file.write(this.transcoded(this.layout.begin(this.isNew)))
  }

  private transcoded(bytes: Uint8Array): Uint8Array {
    return this.layout.transcode === undefined ? bytes : this.layout.transcode(bytes)
  }

  private async commit(final: boolean) {
    await this.begin()
    if (final && !this.ended) await this.file.write(this.transcoded(this.layout.end(this.hasRows)))
    const length = await this.file.commit(final)
    this.ended ||= final
    return "state" in this.file ? { state: this.file.state(length) } : {}
  }

  private wrongValue(batch: Batch, { code, message, row, column }: EncodeError): DestinationError {
    const number = batch.firstRow + row
    const { name } = this.request
    return new DestinationError({
      code,
      message: `${name}: row ${number}, column ${column}: ${message}.${code === "VALUE_TYPE" ? ` ${MISREAD}` : ""}`,
      path: [name],
      row: number,
      column,
    })
  }
}
