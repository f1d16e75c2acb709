/** Rows that COPY writes, as batches. */
import { type Batch, type BatchSchema, type Column, type SourceBatch, SourceError } from "@deltaflow/core"
import { copyText, DecodeError, type DecodedText, EscapedColumn, makeCsvDecoder, TextColumn } from "@deltaflow/core/text"
import { selected, type SourceColumn } from "./columns.ts"
import type { Session } from "./session.ts"

/** Bytes in one block of rows. */
const BLOCK_BYTES = 1024 * 1024

export const shapeOf = (columns: ReadonlyArray<SourceColumn>): BatchSchema => ({
  columns: columns.map(({ name, type, nullable }) => ({ name, type, nullable })),
})

/** COPY takes no query without a column. */
export const selectList = (read: ReadonlyArray<SourceColumn>): string => (read.length === 0 ? "0" : read.map(selected).join(", "))

/** The rows of a SELECT over `selectList(read)`, numbered from 1. */
export async function* copiedRows(
  session: Session,
  sql: string,
  read: ReadonlyArray<SourceColumn>,
  request: { readonly name: string; readonly batchSize: number },
): AsyncGenerator<SourceBatch> {
  const shape = shapeOf(read)
  const columns = read.length === 0 ? [{ name: "\0", type: "integer", nullable: false } as const] : shape.columns
  const decode = makeCsvDecoder({ ...copyText, columns, batchSize: request.batchSize, lenient: false })
  const isDeclared = read.map((column) => column.isDeclared === true)
  const asRead = isDeclared.includes(true) ? (batch: Batch): Batch => checked(batch, isDeclared) : (batch: Batch): Batch => batch
  let firstRow = 1
  for await (const block of session.copyOut(`COPY (${sql}) TO STDOUT`, BLOCK_BYTES)) {
    const { batches, release } = decodeBlock(decode, block.bytes, request, firstRow)
    const done = () => {
      release?.()
      block.release()
    }
    for (const [i, decoded] of batches.entries()) {
      const batch = read.length === 0 ? decoded.withColumns(shape, []) : asRead(decoded)
      yield { batch: batch.withFirstRow(firstRow), ...(i + 1 === batches.length ? { release: done } : {}) }
      firstRow += batch.length
    }
  }
}

/** The text of a column with a declared type need not be of that type: whoever copies it has to look. */
const checked = (batch: Batch, isDeclared: ReadonlyArray<boolean>): Batch =>
  batch.withColumns(
    batch.schema,
    batch.columns.map((column, i) => (isDeclared[i]! ? checkedColumn(column) : column)),
  )

const checkedColumn = (column: Column): Column => {
  const { rows, field, name, type } = column as TextColumn | EscapedColumn
  const Kind = column instanceof EscapedColumn ? EscapedColumn : TextColumn
  return rows.format === "csv" ? new Kind({ ...rows, escapes: false }, field, name, type) : column
}

const decodeBlock = (
  decode: ReturnType<typeof makeCsvDecoder>,
  block: Uint8Array,
  { name }: { readonly name: string },
  firstRow: number,
): DecodedText => {
  try {
    return decode(block)
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause
    const row = firstRow + cause.row
    throw new SourceError({ code: cause.code, message: `${name}: row ${row}: ${cause.message}`, path: [name], row, cause })
  }
}
