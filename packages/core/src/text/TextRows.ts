/**
 * Rows that still stand in a text format: the source's bytes and where each field begins and ends.
 *
 * Nothing is decoded until somebody asks. Writers look at `format` to copy bytes from one format to the other.
 */
import type { Column } from "../model/Batch.ts"
import type { ColumnType } from "../model/ColumnType.ts"
import type { Value } from "../model/Value.ts"
import { decodeCsvField, decodeJsonToken } from "./decode.ts"
import { isCsvNull, JsonKind, type TextRows } from "./textLayout.ts"

export * from "./textLayout.ts"

/** One field of text rows, decoded on demand. `name` is the source's own, for messages. */
export class TextColumn implements Column {
  readonly rows: TextRows
  readonly field: number
  readonly name: string
  readonly type: ColumnType
  constructor(rows: TextRows, field: number, name: string, type: ColumnType) {
    this.rows = rows
    this.field = field
    this.name = name
    this.type = type
  }
  value(row: number): Value | null {
    const rows = this.rows
    return rows.format === "csv" ? decodeCsvField(rows, row, this.field, this.type) : decodeJsonToken(rows, row, this.field, this.type)
  }
  isNull(row: number): boolean {
    const rows = this.rows
    return rows.format === "csv" ? isCsvNull(rows, row, this.field) : rows.kinds[row * rows.columns + this.field]! <= JsonKind.null
  }
  release(): void {
    if (this.rows.format === "csv") this.rows.release?.()
  }
}
