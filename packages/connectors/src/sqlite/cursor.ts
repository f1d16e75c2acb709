/** Where increments of a SQLite table stand: the last value of a column, and the rows that share it. */
import { createHash } from "node:crypto"
import type { BatchSchema, SourceRequest } from "@deltaflow/core"
import type { SqliteValue } from "./database.ts"

/** Stored between runs: only ever add optional fields. `seen` tells apart the rows that share the last value, as often as each came. */
export interface SqliteCursor {
  readonly value: string | number | bigint
  /** None in a cursor that was set by hand. */
  readonly seen?: ReadonlyArray<string>
  /** With a lookback: the value of each row of `seen`, which may lie before the last one. */
  readonly values?: ReadonlyArray<string | number | bigint>
}

/** The value to start from, earlier by `lookback` milliseconds where it is a time. */
export const lookedBack = (value: SqliteCursor["value"], lookback: number | undefined): SqliteCursor["value"] => {
  if (lookback === undefined || typeof value !== "string") return value
  const time = Date.parse(value)
  return Number.isNaN(time) ? value : new Date(time - lookback).toISOString().replace(/(\.\d+)?Z$/, value.endsWith("Z") ? "Z" : "")
}

/** Follows the cursor, and leaves out rows that an earlier run has given. */
export class CursorFollower {
  private readonly index: number
  private readonly keys: ReadonlyArray<number>
  /** How many rows with a mark an earlier run has given, and this one has not met yet. */
  private readonly before = new Map<string, number>()
  private readonly lookback: number | undefined
  private value: SqliteCursor["value"] | undefined
  private seen: Array<readonly [mark: string, value: SqliteCursor["value"]]>

  constructor(shape: BatchSchema, column: string, request: SourceRequest<unknown>, cursor: SqliteCursor | undefined) {
    this.index = shape.columns.findIndex((item) => item.name === column)
    this.keys = (request.incremental?.key ?? []).map((key) => shape.columns.findIndex((item) => item.name === key))
    for (const mark of cursor?.seen ?? []) this.before.set(mark, (this.before.get(mark) ?? 0) + 1)
    this.value = cursor?.value
    this.seen = cursor?.seen?.map((mark, i) => [mark, cursor.values?.[i] ?? cursor.value] as const) ?? []
    this.lookback = request.incremental?.lookback
  }

  /** Whether the row is new; remembers it. */
  take(row: Array<SqliteValue>): boolean {
    const value = row[this.index] as SqliteCursor["value"]
    const mark = this.markOf(row)
    const known = this.before.get(mark) ?? 0
    // Rows that are equal in all are as many as they are.
    if (known > 0) {
      this.before.set(mark, known - 1)
      return false
    }
    if (this.value === undefined || this.compare(value, this.value) > 0) {
      this.value = value
      // With a lookback rows from before the cursor come again, so their marks are kept as well.
      if (this.lookback === undefined) this.seen = []
    }
    this.seen.push([mark, value])
    return true
  }

  cursor(): SqliteCursor | undefined {
    if (this.value === undefined) return undefined
    if (this.lookback === undefined) return { value: this.value, seen: this.seen.map(([mark]) => mark) }
    // What no later run looks back to need not be known any more.
    const from = lookedBack(this.value, this.lookback)
    this.seen = this.seen.filter(([, value]) => this.compare(value, from) >= 0)
    return { value: this.value, seen: this.seen.map(([mark]) => mark), values: this.seen.map(([, value]) => value) }
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
