import type { DatabaseSync, StatementSync } from "node:sqlite"
import {
  type Batch,
  type BatchSchema,
  type Checkpoint,
  type ColumnSchema,
  type Destination,
  DestinationError,
  type Load,
  type LoadRequest,
  type PluginContext,
  resolveInside,
} from "@deltaflow/core"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { MISREAD, writeFailure } from "../files/failures.ts"
import { describeSqlite, isSqliteError, openDatabase, quoteName } from "./database.ts"
import { declaredType, toSqlite } from "./types.ts"

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
  writeModes: ["append", "replace", "upsert"],
  checkpoint: (context) => Effect.tryPromise({ try: () => readCheckpoint(context), catch: failed(context) }),
  open: (request) =>
    Effect.gen(function* () {
      const database = yield* Effect.acquireRelease(
        Effect.tryPromise({ try: () => openForWriting(request), catch: failed(request) }),
        // Closing rolls back what is not committed.
        (opened) => Effect.sync(() => opened.close()),
      )
      const load = yield* Effect.try({ try: () => new SqliteLoad(database, request), catch: failed(request) })
      return {
        label: request.config.table,
        commitsEarly: request.writeMode !== "replace",
        write: (batch) => Effect.try({ try: () => load.write(batch), catch: failed(request) }),
        commit: (checkpoint, final) => Effect.try({ try: () => load.commit(checkpoint, final), catch: failed(request) }),
      } satisfies Load
    }),
}

const CHECKPOINTS = "_deltaflow_checkpoints"

const openForWriting = async (request: LoadRequest<Config>): Promise<DatabaseSync> => {
  await checkDatabase(request)
  const database = await openDatabase(request, request.config.path, "write")
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
  return database
}

const MAGIC = "SQLite format 3\0"

/** SQLite takes a small file of any kind for an empty database, and would write over it. */
const checkDatabase = async ({ files, projectRoot, allowOutside, config, name }: LoadRequest<Config>): Promise<void> => {
  const absolute = await resolveInside(projectRoot, config.path, files, allowOutside)
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

const readCheckpoint = async (context: PluginContext & { readonly config: Config }): Promise<Checkpoint | undefined> => {
  const { files, projectRoot, config } = context
  const absolute = await resolveInside(projectRoot, config.path, files, context.allowOutside)
  if ((await files.stat(absolute)) === undefined) return undefined
  const database = await openDatabase(context, config.path, "read")
  try {
    const known = database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(CHECKPOINTS)
    if (known === undefined) return undefined
    const row = database.prepare(`SELECT * FROM ${CHECKPOINTS} WHERE pipeline = ? AND destination = ?`).get(context.pipeline, context.name)
    return row === undefined ? undefined : toCheckpoint(row)
  } finally {
    database.close()
  }
}

const toCheckpoint = (row: Record<string, unknown>): Checkpoint => ({
  pipeline: String(row["pipeline"]),
  runId: String(row["run_id"]),
  cursors: JSON.parse(String(row["cursors"])) as Record<string, string>,
  epoch: Number(row["epoch"]),
  batchId: Number(row["batch_id"]),
})

class SqliteLoad {
  private readonly database: DatabaseSync
  private readonly request: LoadRequest<Config>
  private columns: ReadonlyArray<ColumnSchema>
  private insert: StatementSync | undefined

  constructor(database: DatabaseSync, request: LoadRequest<Config>) {
    this.database = database
    this.request = request
    this.columns = request.schema.columns
    database.exec("BEGIN IMMEDIATE")
    // A source without rows may not know its columns, and then there is no table to make of them.
    const isThere = request.schema.columns.length > 0 ? this.prepareTable(request.schema) : this.existingColumns().length > 0
    if (isThere && request.writeMode === "replace") database.exec(`DELETE FROM ${quoteName(request.config.table)}`)
  }

  /** All rows of the batch, or none: a batch that fails leaves nothing behind. */
  write(batch: Batch): void {
    if (batch.length === 0) return
    const { columns } = batch.schema
    if (columns.length !== this.columns.length || columns.some((column, i) => column.name !== this.columns[i]!.name)) {
      this.prepareTable(batch.schema)
      this.columns = columns
      this.insert = undefined
    }
    this.insert ??= this.prepareInsert()
    this.database.exec("SAVEPOINT batch")
    try {
      for (let i = 0; i < batch.length; i++) this.writeRow(batch, batch.physicalRow(i))
      this.database.exec("RELEASE batch")
    } catch (error) {
      this.database.exec("ROLLBACK TO batch; RELEASE batch")
      throw error
    }
  }

  private writeRow(batch: Batch, row: number): void {
    let column = 0
    try {
      const values = this.columns.map(({ type }, i) => {
        column = i
        return toSqlite(batch.columns[i]!.value(row), type)
      })
      column = -1
      this.insert!.run(...values)
    } catch (cause) {
      throw this.rowError(cause, batch.firstRow + row, this.columns[column]?.name)
    }
  }

  private rowError(cause: unknown, row: number, column: string | undefined): DestinationError {
    const { code, message, retryable } = describeSqlite(cause)
    const place = `${this.request.name} (${this.request.config.table}): row ${row}${column === undefined ? "" : `, column ${column}`}`
    const isMisread = code === undefined && cause instanceof Error && cause.name === "ValueError"
    return new DestinationError({
      code: code ?? (cause instanceof RangeError ? "VALUE_NOT_SUPPORTED" : isMisread ? "VALUE_TYPE" : "DESTINATION_FAILED"),
      message: isMisread ? `${place}: ${message}. ${MISREAD}` : `${place}: ${message}`,
      path: [this.request.name],
      retryable,
      row,
      ...(column === undefined ? {} : { column }),
      cause,
    })
  }

  /** Invariants 2 and 7: rows and checkpoint in one transaction, and only with an epoch that is not behind. */
  commit(checkpoint: Checkpoint, final: boolean): Record<string, never> {
    const { database } = this
    database.exec(
      `CREATE TABLE IF NOT EXISTS ${CHECKPOINTS} (pipeline TEXT, destination TEXT, run_id TEXT, cursors TEXT, epoch INTEGER, batch_id INTEGER, PRIMARY KEY (pipeline, destination))`,
    )
    const { changes } = database
      .prepare(
        `INSERT INTO ${CHECKPOINTS} VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
         run_id = excluded.run_id, cursors = excluded.cursors, epoch = excluded.epoch, batch_id = excluded.batch_id WHERE epoch <= excluded.epoch`,
      )
      .run(
        checkpoint.pipeline,
        this.request.name,
        checkpoint.runId,
        JSON.stringify(checkpoint.cursors),
        checkpoint.epoch,
        checkpoint.batchId,
      )
    if (Number(changes) === 0) {
      throw new DestinationError({
        code: "LEASE_LOST",
        message: `${checkpoint.pipeline} / ${this.request.name}: a later run has committed to this table, so this one may not.`,
        path: [checkpoint.pipeline, this.request.name],
      })
    }
    database.exec("COMMIT")
    if (!final) database.exec("BEGIN IMMEDIATE")
    return {}
  }

  private existingColumns(): ReadonlyArray<{ readonly name: string }> {
    const { table } = this.request.config
    return this.database.prepare(`PRAGMA table_xinfo(${quoteName(table)})`).all() as unknown as ReadonlyArray<{ readonly name: string }>
  }

  /** Makes the table, or adds the columns that it lacks. */
  private prepareTable(schema: BatchSchema): true {
    const { table } = this.request.config
    const existing = this.existingColumns()
    if (existing.length === 0) return this.createTable(schema)
    const names = new Set(existing.map((column) => column.name.toLowerCase()))
    const missing = schema.columns.filter((column) => !names.has(column.name.toLowerCase()))
    if (missing.length === 0) return true
    if (this.request.schemaChanges !== "evolve") throw this.schemaError(missing)
    for (const column of missing)
      this.database.exec(`ALTER TABLE ${quoteName(table)} ADD COLUMN ${quoteName(column.name)} ${declaredType(column.type)}`)
    return true
  }

  private createTable(schema: BatchSchema): true {
    const { config, key, writeMode } = this.request
    const columns = schema.columns.map((column) => `${quoteName(column.name)} ${declaredType(column.type)}`)
    const primary = writeMode === "upsert" ? [`PRIMARY KEY (${key.map(quoteName).join(", ")})`] : []
    this.database.exec(`CREATE TABLE ${quoteName(config.table)} (${[...columns, ...primary].join(", ")})`)
    return true
  }

  private schemaError(missing: ReadonlyArray<ColumnSchema>): DestinationError {
    const { name, config, schemaChanges } = this.request
    const names = missing.map((column) => column.name).join(", ")
    return new DestinationError({
      code: "SCHEMA_CHANGED",
      message: `${name}: the table ${config.table} has no column ${names}, and schema_changes is ${schemaChanges}. Add the column, select others, or set schema_changes: evolve.`,
      path: [name],
    })
  }

  private prepareInsert(): StatementSync {
    const { config, writeMode, key } = this.request
    const names = this.columns.map((column) => quoteName(column.name))
    const conflict = writeMode === "upsert" ? upsertClause(key, this.columns) : ""
    return this.database.prepare(
      `INSERT INTO ${quoteName(config.table)} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")}) ${conflict}`,
    )
  }
}

const upsertClause = (key: ReadonlyArray<string>, columns: ReadonlyArray<ColumnSchema>): string => {
  const others = columns
    .filter((column) => !key.includes(column.name))
    .map((column) => `${quoteName(column.name)} = excluded.${quoteName(column.name)}`)
  return `ON CONFLICT (${key.map(quoteName).join(", ")}) DO ${others.length === 0 ? "NOTHING" : `UPDATE SET ${others.join(", ")}`}`
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
