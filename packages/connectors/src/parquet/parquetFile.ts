/** An open Parquet file: its columns, and its rows from any row on. */
import type { Files, PushedCondition, Value } from "@deltaflow/core"
import { ChunkPages } from "./chunkPages.ts"
import { type ColumnReader, columnReader, ValueProblem } from "./columnReader.ts"
import { type FileColumn, fileColumns, type Leaf, leavesOf } from "./fileColumns.ts"
import { FileBytes } from "./fileBytes.ts"
import { type FileMetaData, readFooter, type RowGroup } from "./footer.ts"
import { damaged, orDamaged, ParquetProblem } from "./problem.ts"
import { isRuledOut } from "./skipGroups.ts"

/** Neighbouring rows, column by column in the order in which the columns were asked for. */
export interface RowPart {
  readonly columns: ReadonlyArray<ReadonlyArray<Value | null>>
  readonly rows: number
  /** Within the file, from 1. */
  readonly firstRow: number
  /** About how many bytes the rows take in memory. */
  readonly byteSize: number
}

export interface RowsWanted {
  readonly columns: ReadonlyArray<FileColumn>
  /** All must hold; only whole row groups are left out for them. */
  readonly conditions: ReadonlyArray<PushedCondition>
  /** Rows at the start to pass over. */
  readonly from: number
  /** Most rows in one part. */
  readonly batchSize: number
}

export class ParquetFile {
  readonly columns: ReadonlyArray<FileColumn>
  private readonly file: FileBytes
  private readonly metadata: FileMetaData

  private constructor(file: FileBytes, metadata: FileMetaData) {
    this.file = file
    this.metadata = metadata
    this.columns = orDamaged("its schema cannot be read", () => fileColumns(metadata.schema))
  }

  /** Reads the footer. Throws `ParquetProblem`, and what the disk does. */
  static async open(files: Files, path: string, size: number): Promise<ParquetFile> {
    const file = new FileBytes(await files.openRead(path), size)
    try {
      return new ParquetFile(file, await readFooter(file))
    } catch (cause) {
      await file.close()
      throw cause
    }
  }

  close(): Promise<void> {
    return this.file.close()
  }

  async *rows(wanted: RowsWanted): AsyncGenerator<RowPart> {
    const byName = new Map(this.columns.map((column) => [column.name, wanted.columns.find(({ name }) => name === column.name) ?? column]))
    let before = 0
    for (const group of this.metadata.row_groups) {
      const count = Number(group.num_rows)
      if (before + count > wanted.from && !isRuledOut(group, wanted.conditions, byName)) yield* this.groupRows(group, before, wanted)
      before += count
    }
  }

  /** `before` are the rows of the groups before. */
  private async *groupRows(group: RowGroup, before: number, { columns, from, batchSize }: RowsWanted): AsyncGenerator<RowPart> {
    const readers = columns.map((column) => new NamedReader(column, this.reader(group, column)))
    const total = Number(group.num_rows)
    const rowBytes = columns.reduce((sum, column) => sum + storedBytes(group, column) / total + VALUE_BYTES, 0)
    const step = Math.max(1, Math.min(batchSize, Math.floor(PART_BYTES / rowBytes)))
    for (let at = 0; at < total;) {
      const passed = Math.min(step, Math.max(0, from - before - at))
      const rows = passed > 0 ? passed : Math.min(step, total - at)
      const firstRow = before + at + 1
      await allOf(readers.map((reader) => reader.prepare(rows, firstRow)))
      if (passed > 0) readers.forEach((reader) => reader.skip(rows, firstRow))
      else yield { columns: readers.map((reader) => reader.take(rows, firstRow)), rows, firstRow, byteSize: Math.ceil(rows * rowBytes) }
      at += rows
    }
  }

  private reader(group: RowGroup, column: FileColumn): ColumnReader {
    return columnReader(column.node, column.type, (leaf) => this.pages(group, leaf))
  }

  private pages(group: RowGroup, leaf: Leaf): ChunkPages {
    const column = group.columns[leaf.index]
    const chunk = column?.meta_data
    if (column?.file_path !== undefined)
      throw new ParquetProblem("UNSUPPORTED_FEATURE", `its values stand in another file, ${column.file_path}. Write all into one file.`)
    if (chunk === undefined) throw damaged("a row group lacks a column")
    if (leaf.repetition === 0 && chunk.num_values !== group.num_rows)
      throw damaged(`a column has ${chunk.num_values} values in a row group of ${group.num_rows} rows`)
    return new ChunkPages(this.file, leaf, chunk)
  }
}

/** Beside what is stored of it, a value takes about so many bytes in memory. */
const VALUE_BYTES = 16

/** Rows with large values come in smaller parts. */
const PART_BYTES = 16 * 1024 * 1024

const storedBytes = (group: RowGroup, column: FileColumn): number =>
  leavesOf(column.node).reduce((sum, leaf) => sum + Number(group.columns[leaf.index]?.meta_data?.total_uncompressed_size ?? 0), 0)

/** Waits for all, so that nothing goes on behind the back of whoever gets the failure of one. */
const allOf = async (calls: ReadonlyArray<Promise<void>>): Promise<void> => {
  for (const result of await Promise.allSettled(calls)) if (result.status === "rejected") throw result.reason
}

/** Names the column, and the row where a value is the matter, in what goes wrong. */
class NamedReader {
  private readonly column: FileColumn
  private readonly reader: ColumnReader

  constructor(column: FileColumn, reader: ColumnReader) {
    if (column.problem !== undefined) {
      const message = `${column.problem}. Leave the column out by a select, or write it with another type.`
      throw new ParquetProblem("UNSUPPORTED_FEATURE", message, { column: column.name })
    }
    this.column = column
    this.reader = reader
  }

  async prepare(rows: number, firstRow: number): Promise<void> {
    try {
      await this.reader.prepare(rows)
    } catch (cause) {
      throw this.named(cause, firstRow)
    }
  }

  take(rows: number, firstRow: number): ReadonlyArray<Value | null> {
    return this.attempt(firstRow, () => this.reader.take(rows))
  }

  skip(rows: number, firstRow: number): void {
    this.attempt(firstRow, () => this.reader.skip(rows))
  }

  private attempt<A>(firstRow: number, run: () => A): A {
    try {
      return run()
    } catch (cause) {
      throw this.named(cause, firstRow)
    }
  }

  private named(cause: unknown, firstRow: number): unknown {
    const column = this.column.name
    if (cause instanceof ParquetProblem) return new ParquetProblem(cause.code, cause.message, { column, cause })
    if (!(cause instanceof ValueProblem)) return cause
    return new ParquetProblem("VALUE_TYPE", `${cause.message}.`, { column, row: firstRow + cause.row, cause })
  }
}
