/** Rows of Parquet files. */
import {
  Batch,
  type BatchSchema,
  type ColumnSchema,
  type Pushdown,
  type Source,
  type SourceBatch,
  SourceError,
  type SourceRead,
  type SourceReader,
  type SourceRequest,
  ValuesColumn,
} from "@deltaflow/core"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { readFailure } from "../files/failures.ts"
import { FileProgress, type FileStart, hashFile } from "../files/fileCursor.ts"
import type { InputFile } from "../files/findFiles.ts"
import { emptyFile, type Inputs, openInputs } from "../files/inputs.ts"
import type { FileColumn } from "./fileColumns.ts"
import { loadReading, type Reading } from "./libraries.ts"
import { ParquetSourceConfig } from "./options.ts"
import type { ParquetFile, RowPart } from "./parquetFile.ts"
import { ParquetProblem } from "./problem.ts"

type Request = SourceRequest<ParquetSourceConfig>

/**
 * Delivery: exactly once into a destination that can. Order: by file name, then as the rows stand. Deletes: not seen. With `incremental`,
 * only new and changed files are read. Of a file, only the columns that are used are read, a page of each at a time; row groups that cannot
 * hold a row that passes a filter are left out.
 */
export const parquetSource: Source<ParquetSourceConfig> = {
  kind: "source",
  type: "parquet",
  summary: "Parquet files, with the columns and row groups that are needed",
  config: Schema.toStandardSchemaV1(ParquetSourceConfig),
  supportsIncremental: true,
  open: (request) =>
    Effect.tryPromise({
      try: () => openReader(request),
      catch: (cause) => readFailure(request.config.path, request.name, cause),
    }),
}

const openReader = async (request: Request): Promise<SourceReader> => {
  const reading = await loadReading(request.name)
  const inputs = await openInputs(request, { growing: false })
  const columns = inputs.stored ?? (await firstColumns(reading, request, inputs))
  return new ParquetRead(reading, request, inputs, { columns }).reader()
}

/** The columns of the first file, which all others must have too. */
const firstColumns = async (reading: Reading, request: Request, { files }: Inputs): Promise<ReadonlyArray<ColumnSchema>> => {
  const { columns: declared = {} } = request
  const first = files.find(({ size }) => size > 0)
  if (first === undefined) {
    if (files[0] !== undefined && request.optional !== true) throw emptyFile(files[0].label, request.name)
    return Object.entries(declared).map(([name, type]) => ({ name, type, nullable: true }))
  }
  const file = await openFile(reading, request, first)
  try {
    checkNames(file.columns, first.label, request)
    // What comes later may be of a file in which the column is not required.
    const isOnly = files.length === 1 && request.incremental === undefined
    return file.columns.map((column) => ({
      name: column.name,
      type: Object.hasOwn(declared, column.name) ? declared[column.name]! : column.type,
      nullable: !(isOnly && column.isRequired),
    }))
  } finally {
    await file.close()
  }
}

const checkNames = (columns: ReadonlyArray<FileColumn>, label: string, { name, columns: declared = {} }: Request): void => {
  const names = columns.map((column) => column.name)
  const twice = names.find((column, i) => names.indexOf(column) < i)
  if (twice !== undefined) {
    const message = `${label}: it has two columns ${JSON.stringify(twice)}. Write the file with names that differ.`
    throw new SourceError({ code: "DUPLICATE_COLUMN", message, path: [name], column: twice })
  }
  const missing = Object.keys(declared).find((column) => !names.includes(column))
  if (missing === undefined) return
  const message = `${name}: columns names ${JSON.stringify(missing)}, which ${label} does not have. It has ${names.join(", ")}.`
  throw new SourceError({ code: "UNKNOWN_COLUMN", message, path: [name, "columns", missing], column: missing })
}

const openFile = async ({ ParquetFile }: Reading, { files, name }: Request, { path, label, size }: InputFile): Promise<ParquetFile> => {
  try {
    return await ParquetFile.open(files, path, size)
  } catch (cause) {
    throw fileFailure(label, name, cause)
  }
}

/** One reading of the planned files. */
class ParquetRead {
  private readonly reading: Reading
  private readonly request: Request
  private readonly inputs: Inputs
  private readonly schema: BatchSchema
  private readonly progress: FileProgress

  constructor(reading: Reading, request: Request, inputs: Inputs, schema: BatchSchema) {
    this.reading = reading
    this.request = request
    this.inputs = inputs
    this.schema = schema
    this.progress = new FileProgress(inputs.plan.known, schema.columns)
  }

  reader(): SourceReader {
    const { notes, totalBytes } = this.inputs
    const types = this.schema.columns.map((column) => `${column.name} ${column.type}`).join(", ")
    return {
      schema: this.schema,
      notes: [...notes, `types of the file: ${types}`],
      ...(totalBytes === undefined ? {} : { totalBytes }),
      read: (offer) => this.read(offer),
    }
  }

  private read(offer: Pushdown): SourceRead {
    const { columns, conditions = [] } = offer
    const kept = columns === undefined ? this.schema.columns : this.schema.columns.filter(({ name }) => columns.includes(name))
    // A limit counts rows that pass, so it can be taken only where all of them do.
    const limit = conditions.length === 0 ? offer.limit : undefined
    const rows = this.batches({ columns: kept }, conditions, limit ?? Infinity)
    const { config, name } = this.request
    return {
      accepted: { columns: columns !== undefined, limit: limit !== undefined },
      notes: conditions.length === 0 ? [] : ["leaves out row groups whose statistics rule out the filter"],
      rows: { kind: "batches", stream: Stream.fromAsyncIterable(rows, (cause) => readFailure(config.path, name, cause)) },
    }
  }

  private async *batches(shape: BatchSchema, conditions: Conditions, limit: number): AsyncGenerator<SourceBatch> {
    const { starts } = this.inputs.plan
    let left = limit
    for (const [i, start] of starts.entries()) {
      const { label, path, size } = start.file
      this.progress.begin(label, start)
      const hash = this.request.incremental === undefined ? "" : await this.located(label, () => hashFile(this.request.files, path, size))
      for await (const part of this.fileRows(start, shape, conditions)) {
        const rows = Math.min(part.rows, left)
        const batch = this.batchOf(shape, part, rows)
        const cursor = this.cursor(start, hash, part.byteSize, false, false)
        this.count(label, part.firstRow - 1)
        this.progress.add(label, cursor, { rows, lines: 0 })
        yield cursor === undefined ? { batch } : { batch, cursor }
        left -= rows
        if (left === 0) return
      }
      const cursor = this.cursor(start, hash, 0, true, i === starts.length - 1)
      if (cursor !== undefined) yield { batch: Batch.empty(shape), cursor }
    }
  }

  /** Counts the rows that were left out too: the cursor says how many rows of the file are done. */
  private count(label: string, rows: number): void {
    this.progress.add(label, undefined, { rows: rows - this.progress.before(label).rows, lines: 0 })
  }

  private batchOf(schema: BatchSchema, { columns, firstRow, byteSize }: RowPart, rowCount: number): Batch {
    const values = columns.map((column, i) => new ValuesColumn(schema.columns[i]!.type, column))
    return new Batch({ schema, columns: values, rowCount, firstRow, byteSize })
  }

  private async *fileRows(start: FileStart, shape: BatchSchema, conditions: Conditions): AsyncGenerator<RowPart> {
    const { label } = start.file
    if (start.file.size === 0) {
      if (this.request.optional !== true) throw emptyFile(label, this.request.name)
      this.request.log.warn(`${label} is empty.`)
      return
    }
    const file = await openFile(this.reading, this.request, start.file)
    try {
      const columns = this.fitted(file.columns, label).filter(({ name }) => shape.columns.some((column) => column.name === name))
      yield* file.rows({ columns, conditions, from: start.rows, batchSize: this.request.batchSize })
    } catch (cause) {
      throw fileFailure(label, this.request.name, cause)
    } finally {
      await file.close()
    }
  }

  /** The columns of a file in the order of the schema, read as its types. */
  private fitted(found: ReadonlyArray<FileColumn>, label: string): ReadonlyArray<FileColumn> {
    const { columns: declared = {} } = this.request
    checkNames(found, label, this.request)
    const byName = new Map(found.map((column) => [column.name, column]))
    const fitted = this.schema.columns.map(({ name, type }): FileColumn => {
      const column = byName.get(name)
      if (column === undefined) throw this.changed(label, name, `it has no column ${name}`)
      if (Object.hasOwn(declared, name)) return this.reading.readAs(column, type)
      if (column.type === type) return column
      throw this.changed(label, name, `its column ${name} is ${column.type}, where ${type} is expected`)
    })
    const known = new Set(this.schema.columns.map(({ name }) => name))
    const added = found.find(({ name }) => !known.has(name))
    if (added === undefined) return fitted
    throw this.changed(label, added.name, `it has another column, ${added.name} (${added.type})`)
  }

  private changed(label: string, column: string, what: string): SourceError {
    return new SourceError({
      code: "SCHEMA_CHANGED",
      message: `${label}: ${what}. Read files with other columns by a source of their own, or declare the type of a column under columns.`,
      path: [this.request.name],
      column,
    })
  }

  private async located<A>(label: string, run: () => Promise<A>): Promise<A> {
    try {
      return await run()
    } catch (cause) {
      throw readFailure(label, this.request.name, cause)
    }
  }

  private cursor({ file }: FileStart, hash: string, bytes: number, done: boolean, isLast: boolean) {
    if (this.request.incremental === undefined) return undefined
    const mark = { size: file.size, modifiedMs: file.modifiedMs, hash, bytes: done ? file.size : 0, done }
    return this.progress.cursor(file.label, mark, bytes, isLast)
  }
}

type Conditions = NonNullable<Pushdown["conditions"]>

const fileFailure = (label: string, name: string, cause: unknown): SourceError => {
  if (!(cause instanceof ParquetProblem)) return readFailure(label, name, cause)
  const { code, message, row, column } = cause
  const place = [label, ...(row === undefined ? [] : [`row ${row}`]), ...(column === undefined ? [] : [`column ${column}`])]
  return new SourceError({
    code,
    message: `${place.length === 1 ? label : `${label}: ${place.slice(1).join(", ")}`}: ${message}`,
    path: [name],
    ...(row === undefined ? {} : { row }),
    ...(column === undefined ? {} : { column }),
    cause,
  })
}
