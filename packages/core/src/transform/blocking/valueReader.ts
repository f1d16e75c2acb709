/** Reads the values of one column of a batch, with all that is known of how it is stored looked up once. */
import type { Column } from "../../model/Batch.ts"
import type { Value } from "../../model/Value.ts"
import { decodeQuoted, decoderOf, isNullText } from "../../text/decode.ts"
import { TextColumn } from "../../text/TextRows.ts"

/** Gives the value in a physical row. Throws `ValueError` as the column does. */
export type ReadValue = (row: number) => Value | null

export const valueReader = (column: Column): ReadValue => {
  if (!(column instanceof TextColumn) || column.rows.format !== "csv") return (row) => column.value(row)
  const { rows, field, type } = column
  const { buffer, offsets, columns, quotes, quote, nulls } = rows
  const gap = rows.crlf && field === columns - 1 ? 2 : 1
  const decode = decoderOf(type)
  return (row) => {
    const cell = row * columns + field
    const start = offsets[cell]!
    const end = offsets[cell + 1]! - gap
    if (isNullText(buffer, start, end, nulls)) return null
    if (quotes && buffer[start] === quote && start < end) return decodeQuoted(rows, start, end, type)
    return decode(buffer, start, end)
  }
}
