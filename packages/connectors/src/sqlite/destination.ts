import type { DatabaseSync } from "node:sqlite"
import {
  type Checkpoint,
  type Destination,
  DestinationError,
  type Load,
  type LoadRequest,
  type PluginContext,
  resolveInside,
} from "@deltaflow/core"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { writeFailure } from "../files/failures.ts"
import { readCheckpoint } from "./checkpoints.ts"
import { describeSqlite, isSqliteError, openDatabase, whenUnlocked } from "./database.ts"
import { SqliteLoad } from "./load.ts"
import { WriterPlace } from "./writers.ts"

export const SqliteDestinationConfig = Schema.Struct({
  path: Schema.String.annotate({ description: "The database file, relative to the project. Made where it is not there." }),
  table: Schema.String.annotate({ description: "The table to write. Made from the rows' columns where it is not there." }),
})

type Config = typeof SqliteDestinationConfig.Type

/**
 * A table of a SQLite file.
 *
 * Delivery: exactly once; rows and checkpoint commit in one transaction, in the table `_deltaflow_checkpoints`. Order: as they come.
 * Readers in WAL mode see the old rows until the commit.
 */
export const sqliteDestination: Destination<Config> = {
  kind: "destination",
  type: "sqlite",
  summary: "A table of a SQLite file",
  config: Schema.toStandardSchemaV1(SqliteDestinationConfig),
  delivery: "transactional",
  writeModes: ["append", "replace", "upsert", "merge", "scd2"],
  takesChanges: true,
  checkpoint: (context) => Effect.tryPromise({ try: () => checkpointIn(context), catch: failed(context) }),
  open: (request) =>
    Effect.gen(function* () {
      const opened = yield* Effect.acquireRelease(
        Effect.tryPromise({ try: () => openForWriting(request), catch: failed(request) }),
        ({ database, place }) =>
          Effect.sync(() => {
            // Closing rolls back what is not committed.
            database.close()
            place.close()
          }),
      )
      const load = new SqliteLoad(opened.database, request, opened.place)
      yield* Effect.tryPromise({ try: () => load.open(), catch: failed(request) })
      return {
        label: request.config.table,
        // Rows that are aside wait until the first load of the file has made its last commit.
        commitsEarly: request.writeMode !== "replace" && request.changes?.absence !== true && opened.place.isFirst,
        write: (batch) => Effect.tryPromise({ try: () => load.write(batch), catch: failed(request) }),
        commit: (checkpoint, final, rows = { areAll: false }) =>
          Effect.tryPromise({ try: () => load.commit(checkpoint, final, rows), catch: failed(request) }),
      } satisfies Load
    }),
}

interface Opened {
  readonly database: DatabaseSync
  readonly place: WriterPlace
}

const openForWriting = async (request: LoadRequest<Config>): Promise<Opened> => {
  const { config, files, projectRoot, allowOutside } = request
  const file = await resolveInside(projectRoot, config.path, files, allowOutside)
  await checkDatabase(request, file)
  const database = await openDatabase(request, config.path, "write")
  try {
    // From here on the load waits for other processes itself, without holding up the thread.
    database.exec("PRAGMA busy_timeout = 0")
    await whenUnlocked(() => database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"))
    return { database, place: new WriterPlace(file) }
  } catch (cause) {
    database.close()
    throw cause
  }
}

const MAGIC = "SQLite format 3\0"

/** SQLite takes a small file of any kind for an empty database, and would write over it. */
const checkDatabase = async ({ files, config, name }: LoadRequest<Config>, absolute: string): Promise<void> => {
  const found = await files.stat(absolute)
  if (found?.kind !== "file" || found.size === 0) return
  const handle = await files.openRead(absolute)
  try {
    const start = Buffer.alloc(MAGIC.length)
    await handle.read(start, 0)
    if (start.toString("latin1") === MAGIC) return
  } finally {
    await handle.close()
  }
  const message = `${name}: ${config.path} is no SQLite database. Name another file, or remove this one.`
  throw new DestinationError({ code: "OUTPUT_NOT_WRITABLE", message, path: [name, "path"] })
}

const checkpointIn = async (context: PluginContext & { readonly config: Config }): Promise<Checkpoint | undefined> => {
  const { files, projectRoot, config } = context
  const absolute = await resolveInside(projectRoot, config.path, files, context.allowOutside)
  // What cannot be written is told when it is opened for that.
  if ((await files.stat(absolute))?.kind !== "file") return undefined
  const database = await openDatabase(context, config.path, "read")
  try {
    return readCheckpoint(database, context.pipeline, context.name)
  } finally {
    database.close()
  }
}

const failed =
  (context: PluginContext & { readonly config: Config }) =>
  (cause: unknown): DestinationError => {
    if (cause instanceof DestinationError) return cause
    // What went wrong before SQLite was asked is told as for any file.
    if (!isSqliteError(cause)) return writeFailure(context.config.path, context.name, cause)
    const { code, message, retryable } = describeSqlite(cause)
    return new DestinationError({
      code: code ?? "DESTINATION_FAILED",
      message: `${context.name} (${context.config.path}): ${message}`,
      path: [context.name],
      retryable,
      cause,
    })
  }
