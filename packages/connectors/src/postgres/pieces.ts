/**
 * A table read in pieces, several at once, all in one snapshot and given in the order of the table. See
 * docs/decisions/0022-tables-in-pieces.md.
 */
import { type SourceBatch, SourceError, type SourceRequest } from "@deltaflow/core"
import { copiedRows } from "./copiedRows.ts"
import type { SourceColumn } from "./columns.ts"
import { quoteText } from "./quote.ts"
import type { Session } from "./session.ts"

export interface Pieces {
  /** `WHERE` of each piece, in the order of the table. */
  readonly conditions: ReadonlyArray<string>
}

/** Pages of one piece: what a connection may read ahead is about as much. */
const PIECE_PAGES = 1024

/** From version 14 on the server reads a range of pages without the others. */
const OLDEST = 140_000

/** `table` is quoted. Throws where it has no pages of its own. */
export const piecesOf = async (
  session: Session,
  table: string,
  { name, config }: SourceRequest<{ readonly table?: string }>,
): Promise<Pieces> => {
  const [found] = await session.query(
    `SELECT relkind, pg_relation_size(oid) / current_setting('block_size')::bigint AS pages, current_setting('server_version_num') AS version
     FROM pg_catalog.pg_class WHERE oid = $1::regclass`,
    [table],
  )
  const problem =
    found!["relkind"] !== "r" && found!["relkind"] !== "m"
      ? `${config.table} has no pages of its own, as it is a view or has partitions`
      : Number(found!["version"]) < OLDEST
        ? "the server is older than PostgreSQL 14"
        : undefined
  if (problem !== undefined) {
    const message = `${name}: parallel reads a table by its pages, and ${problem}. Take parallel out.`
    throw new SourceError({ code: "INVALID_VALUE", message, path: [name, "parallel"] })
  }
  const pages = Number(found!["pages"])
  const starts = Array.from({ length: Math.max(1, Math.ceil(pages / PIECE_PAGES)) }, (_, i) => i * PIECE_PAGES)
  const conditions = starts.map((start, i) => {
    const next = starts[i + 1]
    // The last has no end: the table may have grown since.
    return `ctid >= '(${start},0)'${next === undefined ? "" : ` AND ctid < '(${next},0)'`}`
  })
  return { conditions }
}

/** Lets others see what this session sees, for as long as its transaction lasts. */
export const exportedSnapshot = async (session: Session): Promise<string> =>
  (await session.query("SELECT pg_catalog.pg_export_snapshot() AS name"))[0]!["name"]!

export const beginIn = async (session: Session, snapshot: string): Promise<void> => {
  await session.begin("ISOLATION LEVEL REPEATABLE READ READ ONLY")
  await session.query(`SET TRANSACTION SNAPSHOT ${quoteText(snapshot)}`)
}

/** The rows of all pieces, numbered from 1. `sqlOf` gives the SELECT of a piece. */
export async function* rowsOfPieces(
  sessions: ReadonlyArray<Session>,
  { conditions }: Pieces,
  sqlOf: (condition: string) => string,
  read: ReadonlyArray<SourceColumn>,
  request: { readonly name: string; readonly batchSize: number },
): AsyncGenerator<SourceBatch> {
  const begin = (piece: number): Started | undefined => {
    const condition = conditions[piece]
    if (condition === undefined) return undefined
    const rows = copiedRows(sessions[piece % sessions.length]!, sqlOf(condition), read, request)
    const first = rows.next()
    first.catch(() => {
      // Told when it is the piece's turn.
    })
    return { rows, first }
  }
  const started = sessions.map((_, i) => begin(i))
  let firstRow = 1
  for (let piece = 0; piece < conditions.length; piece++) {
    const { rows, first } = started[piece % sessions.length]!
    for (let next = await first; next.done !== true; next = await rows.next()) {
      const { batch } = next.value
      yield { ...next.value, batch: batch.withFirstRow(firstRow) }
      firstRow += batch.length
    }
    started[piece % sessions.length] = begin(piece + sessions.length)
  }
}

/** A piece that is being read, and its first rows. */
interface Started {
  readonly rows: AsyncGenerator<SourceBatch>
  readonly first: Promise<IteratorResult<SourceBatch, unknown>>
}
