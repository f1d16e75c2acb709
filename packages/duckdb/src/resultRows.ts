/** Rows of a result as batches. */
import { Batch, type BatchSchema, type Value, ValuesColumn } from "@deltaflow/core"
import type { ResultColumn } from "./results.ts"

/** A rough size of a value in memory. */
const VALUE_BYTES = 24

/** Bytes of rows in one batch, where rows are large. */
const LARGEST_BATCH = 8 * 1024 * 1024

/** Gathers rows of a result to batches. */
export class ResultBuilder {
  rows = 0
  private readonly schema: BatchSchema
  private readonly columns: ReadonlyArray<ResultColumn>
  private readonly batchSize: number
  private values: ReadonlyArray<Array<Value | null>>
  private bytes = 0
  private firstRow = 1

  constructor(schema: BatchSchema, columns: ReadonlyArray<ResultColumn>, batchSize: number) {
    this.schema = schema
    this.columns = columns
    this.batchSize = batchSize
    this.values = columns.map(() => [])
  }

  get isFull(): boolean {
    return this.rows >= this.batchSize || this.bytes >= LARGEST_BATCH
  }

  add(row: ReadonlyArray<Parameters<ResultColumn["read"]>[0]>): void {
    for (let i = 0; i < row.length; i++) {
      const found = row[i]!
      const value = found === null ? null : this.columns[i]!.read(found)
      this.values[i]!.push(value)
      this.bytes += VALUE_BYTES + (typeof value === "string" || value instanceof Uint8Array ? value.length : 0)
    }
    this.rows++
  }

  build(): Batch {
    const { schema, values, rows: rowCount, bytes: byteSize, firstRow } = this
    const batch = new Batch({
      schema,
      columns: values.map((column, i) => new ValuesColumn(schema.columns[i]!.type, column)),
      rowCount,
      byteSize,
      firstRow,
    })
    this.values = this.columns.map(() => [])
    this.rows = 0
    this.bytes = 0
    this.firstRow += rowCount
    return batch
  }
}
