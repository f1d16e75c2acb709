/** Where increments of a SQLite table stand: the last value of a column, and the rows that share it. */
import { createHash } from "node:crypto"
import { type BatchSchema, SourceError, type SourceRequest } from "@deltaflow/core"
import type { SqliteValue } from "./database.ts"

/** Stored between runs: only ever add optional fields. `seen` tells apart the rows that share the last value. */
export interface SqliteCursor {
  readonly value: string | number | bigint
  readonly seen: ReadonlyArray<string>
}

/** Without a column to go by, or with a key that is not there, rows would be given twice or left out in silence. */
export const checkCursorColumns = (
  { columns }: BatchSchema,
  { name, incremental, config }: SourceRequest<{ readonly table?: string }>,
): void => {
  if (incremental === undefined) return
  const { column, key = [] } = incremental
  if (column === undefined) {
    const message = `${name}: incremental reading of SQLite goes by a column whose values grow. Name it: incremental: { column: … }.`
    throw new SourceError({ code: "INVALID_VALUE", message, path: [name, "incremental", "column"] })
  }
  const missing = [column, ...key].find((wanted) => columns.every((found) => found.name !== wanted))
  if (missing === undefined) return
  const names = columns.map((found) => found.name).join(", ")
  throw new SourceError({
    code: "UNKNOWN_COLUMN",
    message: `${name}: incremental names ${JSON.stringify(missing)}, which ${config.table ?? "the query"} does not have. It has ${names}.`,
    path: [name, "incremental", missing === column ? "column" : "key"],
    column: missing,
  })
}

/** Follows the cursor, and leaves out rows that an earlier run has given. */
export class CursorFollower {
  private readonly index: number
  private readonly keys: ReadonlyArray<number>
  private readonly before: ReadonlySet<string>
  private readonly lookback: boolean
  private value: SqliteCursor["value"] | undefined
  private seen: Set<string>

  constructor(shape: BatchSchema, column: string, request: SourceRequest<unknown>, cursor: SqliteCursor | undefined) {
    this.index = shape.columns.findIndex((item) => item.name === column)
    this.keys = (request.incremental?.key ?? []).map((key) => shape.columns.findIndex((item) => item.name === key))
    this.before = new Set(cursor?.seen)
    this.value = cursor?.value
    this.seen = new Set(cursor?.seen)
    this.lookback = request.incremental?.lookback !== undefined
  }

  /** Whether the row is new; remembers it. */
  take(row: Array<SqliteValue>): boolean {
    const value = row[this.index] as SqliteCursor["value"]
    const mark = this.markOf(row)
    if (this.before.has(mark)) return false
    if (this.value === undefined || this.compare(value, this.value) > 0) {
      this.value = value
      // With a lookback rows from before the cursor come again, so their marks are kept as well.
      if (!this.lookback) this.seen = new Set()
    }
    this.seen.add(mark)
    return true
  }

  cursor(): SqliteCursor | undefined {
    return this.value === undefined ? undefined : { value: this.value, seen: [...this.seen] }
  }

  private compare(a: SqliteCursor["value"], b: SqliteCursor["value"]): number {
    return a < b ? -1 : a > b ? 1 : 0
  }

  private markOf(row: Array<SqliteValue>): string {
    const values = this.keys.length === 0 ? row : [row[this.index]!, ...this.keys.map((key) => row[key]!)]
    const text = JSON.stringify(
      values.map((value) =>
        typeof value === "bigint" ? `i${value}` : value instanceof Uint8Array ? `b${Buffer.from(value).toString("hex")}` : value,
      ),
    )
    return createHash("sha256").update(text).digest("base64").slice(0, 22)
  }
}
