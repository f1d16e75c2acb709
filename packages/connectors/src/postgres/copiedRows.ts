/** Rows that COPY writes, as batches. */
import { type BatchSchema, type ColumnSchema, type SourceBatch, SourceError } from "@deltaflow/core"
import { DecodeError, type DecodedText, makeCsvDecoder, strictCsv } from "@deltaflow/core/text"
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
): AsyncGenerator<SourceBatch> {
  const shape = shapeOf(read)
  const filler = read.length < 2 ? ["0", "1"].map((name): ColumnSchema => ({ name: `\0${name}`, type: "integer", nullable: false })) : []
  const decode = makeCsvDecoder({ ...strictCsv, columns: [...shape.columns, ...filler], batchSize: request.batchSize, lenient: false })
  let firstRow = 1
  for await (const block of session.copyOut(`COPY (${sql}) TO STDOUT (FORMAT csv)`, BLOCK_BYTES)) {
    const { batches, release } = decodeBlock(decode, block.bytes, request, firstRow)
    const done = () => {
      release?.()
      block.release()
    }
    for (const [i, decoded] of batches.entries()) {
      const batch = filler.length === 0 ? decoded : decoded.withColumns(shape, decoded.columns.slice(0, read.length))
      yield { batch: batch.withFirstRow(firstRow), ...(i + 1 === batches.length ? { release: done } : {}) }
      firstRow += batch.length
    }
  }
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
