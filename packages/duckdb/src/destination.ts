import path from "node:path"
import {
  type Checkpoint,
  type Destination,
  DestinationError,
  type Load,
  type LoadRequest,
  PathError,
  type PluginContext,
  resolveInside,
} from "@deltaflow/core"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { loadDuckdb } from "./api.ts"
import { readCheckpoint } from "./checkpoints.ts"
import { readError } from "./failures.ts"
import { DuckdbLoad } from "./load.ts"
import { FileInUseError, IN_USE, type OpenFile, openForWriting } from "./openFiles.ts"

export const DuckdbDestinationConfig = Schema.Struct({
  path: Schema.String.annotate({ description: "The database file, relative to the project. Made where it is not there." }),
  table: Schema.String.annotate({ description: "The table to write. Made from the rows' columns where it is not there." }),
})

type Config = typeof DuckdbDestinationConfig.Type

/**
 * A table of a DuckDB file.
 *
 * Delivery: exactly once; rows and checkpoint commit in one transaction, in the table `_deltaflow_checkpoints`. Order: as they come.
 * Nothing else can have the file open meanwhile: that is DuckDB's rule. Deletes: not seen.
 */
export const duckdbDestination: Destination<Config> = {
  kind: "destination",
  type: "duckdb",
  summary: "A table of a DuckDB file, by the package `@deltaflow/duckdb`",
  config: Schema.toStandardSchemaV1(DuckdbDestinationConfig),
  delivery: "transactional",
  writeModes: ["append", "replace", "upsert"],
  checkpoint: (context) => Effect.tryPromise({ try: () => checkpointIn(context), catch: failed(context) }),
  open: (request) =>
    Effect.gen(function* () {
      const opened = yield* Effect.acquireRelease(Effect.tryPromise({ try: () => openFile(request), catch: failed(request) }), (file) =>
        Effect.promise(() => file.close()),
      )
      const load = new DuckdbLoad(yield* Effect.promise(loadDuckdb), opened.connection, request)
      yield* Effect.tryPromise({ try: () => load.open(), catch: failed(request) })
      return {
        label: request.config.table,
        commitsEarly: request.writeMode !== "replace",
        write: (batch) => Effect.tryPromise({ try: () => load.write(batch), catch: failed(request) }),
        commit: (checkpoint) => Effect.tryPromise({ try: () => load.commit(checkpoint), catch: failed(request) }),
      } satisfies Load
    }),
}

const openFile = async (request: LoadRequest<Config>): Promise<OpenFile> => {
  const { config, files, projectRoot, allowOutside } = request
  const file = await resolveInside(projectRoot, config.path, files, allowOutside)
  await files.makeDirectory(path.dirname(file))
  return await openForWriting(file)
}

const checkpointIn = async (context: PluginContext & { readonly config: Config }): Promise<Checkpoint | undefined> => {
  const { files, projectRoot, config, allowOutside, pipeline, name } = context
  const file = await resolveInside(projectRoot, config.path, files, allowOutside)
  // What cannot be written is told when it is opened for that.
  if ((await files.stat(file))?.kind !== "file") return undefined
  const opened = await openForWriting(file)
  try {
    return await readCheckpoint(opened.connection, pipeline, name)
  } finally {
    await opened.close()
  }
}

const failed =
  ({ name, config }: PluginContext & { readonly config: Config }) =>
  (cause: unknown): DestinationError => {
    if (cause instanceof DestinationError) return cause
    const [first = ""] = readError(cause).exception_message.split("\n")
    const isLocked = /Could not set lock/.test(first)
    const isInUse = isLocked || cause instanceof FileInUseError
    const isFull = /No space left|max_temp_directory_size/i.test(first)
    const advice = isLocked
      ? " Another process has the file open: try again when it is done."
      : cause instanceof FileInUseError
        ? IN_USE
        : ""
    const code = cause instanceof PathError ? cause.code : isFull ? "DISK_FULL" : "OUTPUT_NOT_WRITABLE"
    return new DestinationError({ code, message: `${name} (${config.path}): ${first}${advice}`, path: [name], retryable: isInUse, cause })
  }
