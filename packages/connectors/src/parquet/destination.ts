/** Rows into a Parquet file. */
import { basename } from "node:path"
import { type Batch, type Destination, DestinationError, isSameSchema, type Load, type LoadRequest } from "@deltaflow/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { MISREAD, writeFailure } from "../files/failures.ts"
import { FileCalls } from "../files/fileCalls.ts"
import { type OutputFile, replaceFile } from "../files/outputFile.ts"
import { findOutput, type OutputPath } from "../files/outputPath.ts"
import { fitBatch } from "../files/schemaChange.ts"
import { loadWriting } from "./libraries.ts"
import { ParquetDestinationConfig, ROW_GROUP_SIZE } from "./options.ts"
import type { ParquetWriter } from "./parquetWriter.ts"
import { ParquetProblem, RowProblem } from "./problem.ts"

type Request = LoadRequest<ParquetDestinationConfig>

/** Delivery: idempotent: written beside the file and renamed at the end. Order: kept. Deletes: not there. */
export const parquetDestination: Destination<ParquetDestinationConfig> = {
  kind: "destination",
  type: "parquet",
  summary: "A Parquet file, replaced as a whole",
  config: Schema.toStandardSchemaV1(ParquetDestinationConfig),
  delivery: "idempotent",
  writeModes: ["replace"],
  open: (request) =>
    Effect.acquireRelease(
      Effect.tryPromise({ try: () => openLoad(request), catch: (cause) => writeFailure(request.config.path, request.name, cause) }),
      (load, exit) => Effect.promise(() => load.close(Exit.isSuccess(exit))),
    ).pipe(Effect.map((load) => load.toLoad())),
}

const openLoad = async (request: Request): Promise<ParquetLoad> => {
  const { config, files, pipeline, runId, name } = request
  const { ParquetWriter } = await loadWriting(name)
  const output = await findOutput(request)
  const file = await replaceFile(files, output.path, "none", { pipeline, runId })
  const options = { compression: config.compression ?? "zstd", rowGroupSize: config.row_group_size ?? ROW_GROUP_SIZE }
  return new ParquetLoad(request, output, file, new ParquetWriter(file, request.schema, options))
}

class ParquetLoad {
  private readonly request: Request
  private readonly place: OutputPath
  private readonly file: OutputFile
  private readonly writer: ParquetWriter
  private readonly calls: FileCalls
  private isEnded = false

  constructor(request: Request, place: OutputPath, file: OutputFile, writer: ParquetWriter) {
    this.request = request
    this.place = place
    this.file = file
    this.writer = writer
    this.calls = new FileCalls(place.label, request)
  }

  toLoad(): Load {
    return {
      label: basename(this.place.label),
      location: this.place.path,
      commitsEarly: false,
      releases: true,
      write: (batch) => this.calls.attempt(() => this.write(batch)),
      commit: (_checkpoint, final) => this.calls.attempt(() => this.commit(final)),
    }
  }

  close(isSuccess: boolean): Promise<void> {
    return this.calls.close(() => this.file.close(isSuccess && this.isEnded))
  }

  private async write(batch: Batch): Promise<void> {
    const { schemaChanges, name, schema } = this.request
    const fitted = isSameSchema(batch.schema, schema) ? batch : fitBatch(batch, schema, schemaChanges, name)
    try {
      await this.writer.write(fitted)
    } catch (cause) {
      throw this.failure(batch, cause)
    }
  }

  private async commit(final: boolean) {
    if (final && !this.isEnded) {
      try {
        await this.writer.finish()
      } catch (cause) {
        throw this.failure(undefined, cause)
      }
    }
    await this.file.commit(final)
    this.isEnded ||= final
    return {}
  }

  private failure(batch: Batch | undefined, cause: unknown): unknown {
    const { name } = this.request
    if (cause instanceof ParquetProblem) {
      const { code, message, column } = cause
      const place = column === undefined ? name : `${name}: column ${column}`
      return new DestinationError({
        code,
        message: `${place}: ${message}.`,
        path: [name],
        ...(column === undefined ? {} : { column }),
        cause,
      })
    }
    if (!(cause instanceof RowProblem) || batch === undefined) return cause
    const { message, column, isMisread } = cause
    const row = batch.firstRow + cause.row
    return new DestinationError({
      code: isMisread ? "VALUE_TYPE" : "VALUE_NOT_SUPPORTED",
      message: `${name}: row ${row}, column ${column}: ${message}.${isMisread ? ` ${MISREAD}` : ""}`,
      path: [name],
      row,
      column,
      cause,
    })
  }
}
