/** The columns that increments of a table or query go by. */
import { type BatchSchema, SourceError, type SourceRequest } from "@deltaflow/core"

/**
 * Without a column to go by, or with a key that is not there, rows would be given twice or left out in silence. `product` is what messages
 * call the database. Gives the cursor column; undefined where no cursors are kept.
 */
export const checkCursorColumns = (
  { columns }: BatchSchema,
  { name, incremental, config, cursor }: SourceRequest<{ readonly table?: string }>,
  product: string,
): BatchSchema["columns"][number] | undefined => {
  if (incremental === undefined) return undefined
  const { column, key = [] } = incremental
  if (column === undefined) {
    const message = `${name}: incremental reading of ${product} goes by a column whose values grow. Name it: incremental: { column: … }.`
    throw new SourceError({ code: "INVALID_VALUE", message, path: [name, "incremental", "column"] })
  }
  checkCursor(cursor, name)
  const find = (wanted: string) => columns.find((found) => found.name === wanted)
  const missing = [column, ...key].find((wanted) => find(wanted) === undefined)
  if (missing === undefined) return find(column)
  const names = columns.map((found) => found.name).join(", ")
  throw new SourceError({
    code: "UNKNOWN_COLUMN",
    message: `${name}: incremental names ${JSON.stringify(missing)}, which ${config.table ?? "the query"} does not have. It has ${names}.`,
    path: [name, "incremental", missing === column ? "column" : "key"],
    column: missing,
  })
}

/** Somebody may have set it by hand. One without a value would begin from the start, in silence. */
const checkCursor = (cursor: unknown, name: string): void => {
  if (cursor === undefined) return
  const { value, seen = [] } = (typeof cursor === "object" && cursor !== null ? cursor : {}) as {
    readonly value?: unknown
    readonly seen?: unknown
  }
  if (["string", "number", "bigint"].includes(typeof value) && Array.isArray(seen)) return
  const message = `${name}: the stored cursor has no value of a column. Set it as {"value": …}, run once with --full-refresh, or reset the state.`
  throw new SourceError({ code: "CURSOR_INVALID", message, path: [name], hint: "deltaflow run --full-refresh" })
}
