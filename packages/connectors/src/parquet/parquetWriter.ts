/** A Parquet file on its way: row groups as they fill up, and the footer at the end. */
import { type Batch, isArrayType, messageOf, type ReadHandle, type Value } from "@deltaflow/core"
import type { ColumnChunk, ColumnMetaData, RowGroup, SchemaElement } from "hyparquet"
import { ByteWriter } from "hyparquet-writer/src/bytewriter.js"
import { writeMetadata } from "hyparquet-writer/src/metadata.js"
import { ChunkPages } from "./chunkPages.ts"
import { ChunkWriter, type Places, type WrittenChunk } from "./chunkWriter.ts"
import { columnReader } from "./columnReader.ts"
import {
  fittedTo,
  type FormedColumn,
  formedColumn,
  isStoredAlike,
  meetingType,
  nullPlaces,
  placesOf,
  schemaElements,
  valuesOf,
  widened,
} from "./columnForms.ts"
import { type Compressing, compressing } from "./compress.ts"
import { fileColumns } from "./fileColumns.ts"
import { FileBytes } from "./fileBytes.ts"
import type { ParquetCompression } from "./options.ts"
import { ParquetProblem, RowProblem } from "./problem.ts"

/** Where the bytes go, in order. */
export interface ParquetOutput {
  readonly write: (bytes: Uint8Array) => Promise<void>
  readonly readBack?: () => Promise<ReadHandle>
}

export interface WriterOptions {
  readonly compression: ParquetCompression
  /** Most rows of a row group. */
  readonly rowGroupSize: number
}

/** A row group with so many bytes of values ends, so that memory is bounded whatever the rows are. */
const GROUP_BYTES = 64 * 1024 * 1024

const MAGIC = Buffer.from("PAR1")

interface WrittenGroup {
  readonly rows: number
  /** By the names of their columns. */
  readonly chunks: Map<string, GroupChunk>
  byteSize: number
}

interface GroupChunk {
  readonly column: FormedColumn
  readonly metadata: ColumnMetaData
  readonly isNull: boolean
}

interface OpenGroup {
  rows: number
  readonly writers: Map<string, ChunkWriter>
}

export class ParquetWriter {
  private readonly output: ParquetOutput
  private readonly compressing: Compressing
  private readonly rowGroupSize: number
  private columns: ReadonlyArray<FormedColumn>
  private readonly groups: Array<WrittenGroup> = []
  private open: OpenGroup | undefined
  /** Columns whose values are too different for a dictionary. */
  private readonly withoutDictionary = new Set<string>()
  private position = 0

  constructor(output: ParquetOutput, schema: Batch["schema"], { compression, rowGroupSize }: WriterOptions) {
    this.output = output
    this.compressing = compressing(compression)
    this.rowGroupSize = rowGroupSize
    this.columns = schema.columns.map(({ name, type }) => formedColumn(name, type))
  }

  /** All rows of the batch, or none where it throws `RowProblem` or `ParquetProblem`. */
  async write(batch: Batch): Promise<void> {
    if (batch.length === 0) return
    const { columns, isChanged, parts } = this.prepared(batch)
    if (isChanged) await this.endGroup()
    this.columns = columns
    for (const { rows, places } of parts) await this.add(rows, places)
  }

  /** The rest of the rows and the footer. */
  async finish(): Promise<void> {
    await this.endGroup()
    await this.begin()
    await this.unify()
    await this.put(this.footer())
  }

  private async begin(): Promise<void> {
    if (this.position === 0) await this.put(MAGIC)
  }

  private async put(bytes: Uint8Array): Promise<void> {
    await this.output.write(bytes)
    this.position += bytes.length
  }

  /** Everything that may fail for a value of the batch comes before anything of it is kept. */
  private prepared(batch: Batch) {
    const rows = Int32Array.from({ length: batch.length }, (_, i) => batch.physicalRow(i))
    const known = this.columnsWith(batch)
    try {
      return this.preparedRows(batch, rows, known)
    } catch (cause) {
      // Columns are looked at one after the other, and whoever reads the message looks for the first row.
      if (cause instanceof RowProblem) this.failRowByRow(batch, rows, known)
      throw cause
    }
  }

  private failRowByRow(batch: Batch, rows: Int32Array, known: ReadonlyArray<FormedColumn>): void {
    const columns = [...known]
    for (let i = 0; i < rows.length; i++) {
      const row = rows.subarray(i, i + 1)
      for (const [at, column] of columns.entries()) {
        const fitted = fit(batch, row, column)
        placesOf(fitted.values, row, fitted.column)
        columns[at] = fitted.column
      }
    }
  }

  private preparedRows(batch: Batch, rows: Int32Array, known: ReadonlyArray<FormedColumn>) {
    const fitted = known.map((column) => fit(batch, rows, column))
    const columns = fitted.map(({ column }) => column)
    const values = fitted.map((found) => found.values)
    const isChanged = columns.some((column, i) => this.columns[i] === undefined || !isStoredAlike(column, this.columns[i]))
    return { columns, isChanged, parts: this.parts(values, rows, columns, isChanged) }
  }

  /** The columns so far, and those that the batch adds, with types for the values of both. */
  private columnsWith({ schema }: Batch): ReadonlyArray<FormedColumn> {
    const known = new Set(this.columns.map(({ name }) => name))
    const added = schema.columns.filter(({ name }) => !known.has(name)).map(({ name, type }) => formedColumn(name, type))
    const types = new Map(schema.columns.map(({ name, type }) => [name, type]))
    return [...this.columns.map((column) => retyped(column, types.get(column.name))), ...added]
  }

  /** Cut where row groups end. */
  private parts(
    values: ReadonlyArray<ReadonlyArray<Value | null>>,
    rows: Int32Array,
    columns: ReadonlyArray<FormedColumn>,
    isNewGroup: boolean,
  ) {
    const parts: Array<{ readonly rows: number; readonly places: ReadonlyArray<Places> }> = []
    let room = this.rowGroupSize - (isNewGroup ? 0 : (this.open?.rows ?? 0))
    for (let from = 0; from < rows.length;) {
      const to = Math.min(rows.length, from + room)
      const places = columns.map((column, i) => placesOf(values[i]!.slice(from, to), rows.subarray(from, to), column))
      parts.push({ rows: to - from, places })
      from = to
      room = this.rowGroupSize
    }
    return parts
  }

  private async add(rows: number, places: ReadonlyArray<Places>): Promise<void> {
    this.open ??= { rows: 0, writers: new Map(this.columns.map((column) => [column.name, this.writer(column)])) }
    const writers = [...this.open.writers.values()]
    writers.forEach((writer, i) => writer.add(places[i]!))
    this.open.rows += rows
    await Promise.all(writers.map((writer) => writer.flush()))
    const bytes = writers.reduce((sum, writer) => sum + writer.byteSize, 0)
    if (this.open.rows >= this.rowGroupSize || bytes >= GROUP_BYTES) await this.endGroup()
  }

  private writer(column: FormedColumn): ChunkWriter {
    return new ChunkWriter(column, this.compressing, !this.withoutDictionary.has(column.name))
  }

  private async endGroup(): Promise<void> {
    const { open } = this
    if (open === undefined) return
    this.open = undefined
    await this.begin()
    const finished = await Promise.all([...open.writers.values()].map((writer) => writer.finish()))
    const group: WrittenGroup = { rows: open.rows, chunks: new Map(), byteSize: 0 }
    const written = this.columns
    for (const [i, chunk] of finished.entries()) await this.putChunk(group, written[i]!, chunk)
    this.groups.push(group)
  }

  private async putChunk(
    group: WrittenGroup,
    column: FormedColumn,
    { pieces, metadata, isDictionary, isNull }: WrittenChunk,
  ): Promise<void> {
    const start = BigInt(this.position)
    for (const piece of pieces) await this.put(piece)
    if (!isDictionary && column.form.hasDictionary) this.withoutDictionary.add(column.name)
    const placed = {
      ...metadata,
      data_page_offset: metadata.data_page_offset + start,
      ...(isDictionary ? { dictionary_page_offset: start } : {}),
    }
    group.chunks.set(column.name, { column, metadata: placed, isNull })
  }

  /**
   * Writes those chunks again that are not as the last batch left the columns: a column came later, a decimal with more digits, a wider
   * type. What they were before stays in the file, and nothing names it any more.
   */
  private async unify(): Promise<void> {
    const outdated = this.groups.flatMap((group) =>
      this.columns.flatMap((column) => {
        const chunk = group.chunks.get(column.name)
        return chunk !== undefined && isStoredAlike(chunk.column, column) ? [] : [{ group, column, chunk }]
      }),
    )
    if (outdated.length === 0) return
    const handle = await this.output.readBack?.()
    if (handle === undefined) throw new Error("the output cannot be read, so its columns cannot change")
    const file = new FileBytes(handle, this.position)
    try {
      for (const { group, column, chunk } of outdated) {
        const writer = new ChunkWriter(column, this.compressing, column.form.hasDictionary)
        for (const places of await this.again(file, group, column, chunk)) {
          writer.add(places)
          await writer.flush()
        }
        await this.putChunk(group, column, await writer.finish())
      }
    } finally {
      await file.close()
    }
  }

  private async again(
    file: FileBytes,
    group: WrittenGroup,
    column: FormedColumn,
    chunk: GroupChunk | undefined,
  ): Promise<ReadonlyArray<Places>> {
    // A list without items has no value either.
    if (chunk === undefined || (chunk.isNull && chunk.column.repetition === 0)) return [nullPlaces(group.rows, column)]
    const { node, type } = fileColumns(fileSchema([chunk.column]))[0]!
    const reader = columnReader(node, type, (leaf) => new ChunkPages(file, leaf, chunk.metadata))
    await reader.prepare(group.rows)
    const values = reader.take(group.rows)
    try {
      const wide = values.map((value) => (value === null ? null : widened(value, chunk.column.type, column.type)))
      return [placesOf(wide, new Int32Array(group.rows), column)]
    } catch (cause) {
      const reason = messageOf(cause)
      throw new ParquetProblem(
        "VALUE_NOT_SUPPORTED",
        `it became ${column.type} after other rows had been written, and among those ${reason}. Give the column one type before`,
        { column: column.name, cause },
      )
    }
  }

  private footer(): Uint8Array {
    const writer = new ByteWriter(4096)
    const rows = this.groups.reduce((sum, group) => sum + group.rows, 0)
    writeMetadata(writer, {
      version: 2,
      created_by: "deltaflow",
      schema: [...fileSchema(this.columns)],
      num_rows: BigInt(rows),
      row_groups: this.groups.map((group) => this.groupMetadata(group)),
      metadata_length: 0,
    })
    writer.appendBytes(MAGIC)
    return new Uint8Array(writer.getBuffer())
  }

  private groupMetadata({ rows, chunks }: WrittenGroup): RowGroup {
    const columns = this.columns.map(({ name }): ColumnChunk => ({ file_offset: 0n, meta_data: chunks.get(name)!.metadata }))
    const total = (size: (chunk: ColumnMetaData) => bigint) => columns.reduce((sum, column) => sum + size(column.meta_data!), 0n)
    return {
      columns,
      total_byte_size: total((chunk) => chunk.total_uncompressed_size),
      total_compressed_size: total((chunk) => chunk.total_compressed_size),
      num_rows: BigInt(rows),
    }
  }
}

/** The values of a column in these rows, and the column with what they need of it. */
const fit = (batch: Batch, rows: Int32Array, column: FormedColumn) => {
  const index = batch.schema.columns.findIndex(({ name }) => name === column.name)
  const values = valuesOf(batch.columns[index], rows, column)
  return { values, column: fittedTo(values, rows, column) }
}

const fileSchema = (columns: ReadonlyArray<FormedColumn>): ReadonlyArray<SchemaElement> => [
  { name: "schema", num_children: columns.length },
  ...columns.flatMap(schemaElements),
]

/** The column with a type for values of another type too. */
const retyped = (column: FormedColumn, type: FormedColumn["type"] | undefined): FormedColumn => {
  if (type === undefined || type === column.type) return column
  // Without a value, the type was only a guess.
  if (!column.hasValues) return formedColumn(column.name, type)
  const meeting = isArrayType(type) || isArrayType(column.type) ? undefined : meetingType(column.type, type)
  if (meeting !== undefined) return meeting === column.type ? column : formedColumn(column.name, meeting, column.digits, true)
  throw new ParquetProblem(
    "SCHEMA_CHANGED",
    `the rows held ${column.type} before and now hold ${type}, and a file has one type for all. Give the column one type before`,
    { column: column.name },
  )
}
