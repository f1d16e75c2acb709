/** The loop that all encoders of text share: row by row, field by field, with an error that names both. */
import type { Batch, Column } from "../model/Batch.ts"
import { ValueError } from "../model/Value.ts"
import { EncodeError } from "./EncodeError.ts"
import type { TextOutput } from "./encodeOutput.ts"
import { EscapedColumn } from "./EscapedColumn.ts"
import { type TextRows, TextColumn } from "./TextRows.ts"

/** Writes the field of one column in this physical row, with what stands before it, and gives the place behind. */
export type PutField = (out: TextOutput, at: number, row: number) => number

/** A value that the format has no way to hold. */
export class UnsupportedValue extends Error {
  override readonly name = "UnsupportedValue"
}

/** Whether the column's fields are text of its source, which may be copied. */
export const isTextAsItStands = (column: Column | undefined): column is TextColumn | EscapedColumn =>
  column instanceof TextColumn || column instanceof EscapedColumn

/** What the copied fields of columns can take at most: the text that each of them comes from, as often as it is used. */
export const copiedBytes = (columns: ReadonlyArray<Column>, length: number, perRow: number): number => {
  const uses = new Map<TextRows, Map<number, number>>()
  for (const column of columns) {
    if (!isTextAsItStands(column)) continue
    const fields = uses.get(column.rows) ?? new Map<number, number>()
    fields.set(column.field, (fields.get(column.field) ?? 0) + 1)
    uses.set(column.rows, fields)
  }
  let bytes = length * perRow
  for (const [rows, fields] of uses) bytes += textSize(rows) * Math.max(...fields.values())
  return bytes
}

const textSize = (rows: TextRows): number => (rows.format === "csv" ? rows.offsets.at(-1)! - rows.offsets[0]! : rows.buffer.length)

/** Writes all rows of a batch; an error about a value comes out with its row and column. */
export const writeRows = (out: TextOutput, batch: Batch, fields: ReadonlyArray<PutField>, putEnd: PutField): number => {
  try {
    return putRows(out, batch, fields, putEnd)
  } catch (cause) {
    if (!(cause instanceof ValueError) && !(cause instanceof UnsupportedValue)) throw cause
    throw located(out, batch, fields, cause)
  }
}

const putRows = (out: TextOutput, { length, selection }: Batch, fields: ReadonlyArray<PutField>, putEnd: PutField): number => {
  let at = 0
  for (let i = 0; i < length; i++) {
    const row = selection === undefined ? i : selection[i]!
    out.row = row
    for (let field = 0; field < fields.length; field++) at = fields[field]!(out, at, row)
    at = putEnd(out, at, row)
  }
  return at
}

/** Writes the row again, field by field, to see which one it is. */
const located = (out: TextOutput, batch: Batch, fields: ReadonlyArray<PutField>, cause: ValueError | UnsupportedValue): EncodeError => {
  const { row } = out
  const code = cause instanceof ValueError ? "VALUE_TYPE" : "VALUE_NOT_SUPPORTED"
  const index = fields.findIndex((put) => fails(() => put(out, 0, row)))
  return new EncodeError(code, cause.message, row, batch.schema.columns[index]?.name ?? "")
}

const fails = (run: () => unknown): boolean => {
  try {
    run()
    return false
  } catch {
    // Which error it is was looked at before; here only the place is wanted.
    return true
  }
}
