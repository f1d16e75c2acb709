/** Rows that COPY writes, as batches. */
import { type Batch, type BatchSchema, type ColumnSchema, SourceError } from "@deltaflow/core"
import { DecodeError, makeCsvDecoder, strictCsv } from "@deltaflow/core/text"
import { selected, type SourceColumn } from "./columns.ts"
import type { Session } from "./session.ts"

/** Bytes in one block of rows. */
const BLOCK_BYTES = 1024 * 1024

export const shapeOf = (columns: ReadonlyArray<SourceColumn>): BatchSchema => ({
  columns: columns.map(({ name, type, nullable }) => ({ name, type, nullable })),
})

/** COPY writes nothing for a null that is alone in its row, so that no row has one column. */
export const selectList = (read: ReadonlyArray<SourceColumn>): string =>
  [...read.map(selected), ...(read.length < 2 ? ["0", "0"] : [])].join(", ")

/** The rows of a SELECT over `selectList(read)`, numbered from 1. */
export async function* copiedRows(
  session: Session,
  sql: string,
  read: ReadonlyArray<SourceColumn>,
  request: { readonly name: string; readonly batchSize: number },
): AsyncGenerator<Batch> {
  const shape = shapeOf(read)
  const filler = read.length < 2 ? ["0", "1"].map((name): ColumnSchema => ({ name: `\0${name}`, type: "integer", nullable: false })) : []
  const decode = makeCsvDecoder({ ...strictCsv, columns: [...shape.columns, ...filler], batchSize: request.batchSize, lenient: false })
  let firstRow = 1
  for await (const block of session.copyOut(`COPY (${sql}) TO STDOUT (FORMAT csv)`, BLOCK_BYTES)) {
    for (const decoded of decodeBlock(decode, block, request, firstRow)) {
      const batch = filler.length === 0 ? decoded : decoded.withColumns(shape, decoded.columns.slice(0, read.length))
      yield batch.withFirstRow(firstRow)
      firstRow += batch.length
    }
  }
}

const decodeBlock = (
  decode: ReturnType<typeof makeCsvDecoder>,
  block: Uint8Array,
  { name }: { readonly name: string },
  firstRow: number,
): ReadonlyArray<Batch> => {
  try {
    return decode(block).batches
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause
    const row = firstRow + cause.row
    throw new SourceError({ code: cause.code, message: `${name}: row ${row}: ${cause.message}`, path: [name], row, cause })
  }
}
