/** Where increments of a PostgreSQL table or query stand: the last value of a column, and the rows that share it. */
import { createHash } from "node:crypto"
import { type Batch, type BatchSchema, type ColumnType, formatValue, SourceError, type SourceRequest, type Value } from "@deltaflow/core"
import { checkCursorColumns } from "../sql/cursorColumns.ts"

/** Stored between runs: only ever add optional fields. `value` is PostgreSQL's own text; `seen` tells apart the rows that share it. */
export interface PostgresCursor {
  readonly value: string
  /** None in a cursor that was set by hand. */
  readonly seen?: ReadonlyArray<string>
  /** With a lookback: `value` in microseconds since 1970, and the times of `seen`. */
  readonly at?: number
  readonly times?: ReadonlyArray<number>
}

/** What `incremental` of this source says has to be there, and a lookback has to go by time. */
export const checkIncremental = (schema: BatchSchema, request: SourceRequest<{ readonly table?: string }>): void => {
  const column = checkCursorColumns(schema, request, "PostgreSQL")
  if (column === undefined || request.incremental?.lookback === undefined || TIMES.has(column.type)) return
  const { name } = request
  const message = `${name}: lookback goes by time, and the cursor column ${column.name} is ${column.type}. Leave it out, or name a column of times.`
  throw new SourceError({ code: "INVALID_VALUE", message, path: [name, "incremental", "lookback"] })
}

const TIMES: ReadonlySet<ColumnType> = new Set<ColumnType>(["timestamptz", "timestamp", "date"])

/** Follows the cursor, and leaves out rows that an earlier run has given. */
export class CursorFollower {
  private readonly index: number
  private readonly marked: ReadonlyArray<number>
  /** How many rows with a mark an earlier run has given, and this one has not met yet. */
  private readonly before = new Map<string, number>()
  /** Microseconds; undefined without one. */
  private readonly lookback: number | undefined
  private value: string | undefined
  /** The last value as a time, where there is a lookback. */
  private at: number
  /** Marks of rows that share the last value, or lie within the lookback, with their times. */
  private seen: Array<readonly [mark: string, time: number]>

  constructor({ columns }: BatchSchema, column: string, request: SourceRequest<unknown>) {
    const cursor = request.cursor as PostgresCursor | undefined
    const { key = [], lookback } = request.incremental!
    const indexOf = (name: string): number => columns.findIndex((found) => found.name === name)
    this.index = indexOf(column)
    this.marked = key.length === 0 ? columns.map((_, i) => i) : [this.index, ...key.map(indexOf)]
    for (const mark of cursor?.seen ?? []) this.before.set(mark, (this.before.get(mark) ?? 0) + 1)
    this.value = cursor?.value
    this.at = cursor?.at ?? -Infinity
    this.seen = cursor?.seen?.map((mark, i) => [mark, cursor.times?.[i] ?? this.at] as const) ?? []
    this.lookback = lookback === undefined ? undefined : lookback * 1000
  }

  /** The rows that are new; all are remembered. They come in the order of the column. */
  take(batch: Batch): Batch {
    const rows: Array<number> = []
    for (let i = 0; i < batch.length; i++) {
      const row = batch.physicalRow(i)
      const mark = this.markOf(batch, row)
      const known = this.before.get(mark) ?? 0
      // Rows that are equal in all are as many as they are.
      if (known > 0) {
        this.before.set(mark, known - 1)
        continue
      }
      // The cursor moves first: at a new value all marks begin anew.
      const time = this.follow(batch, row)
      this.seen.push([mark, time])
      rows.push(row)
    }
    this.forget()
    return rows.length === batch.length ? batch : batch.withSelection(Int32Array.from(rows))
  }

  cursor(): PostgresCursor | undefined {
    if (this.value === undefined) return undefined
    const known = { value: this.value, seen: this.seen.map(([mark]) => mark) }
    return this.lookback === undefined ? known : { ...known, at: this.at, times: this.seen.map(([, time]) => time) }
  }

  /** Moves the cursor to the row, and gives the row's time. */
  private follow(batch: Batch, row: number): number {
    const text = this.textOf(batch, this.index, row)!
    if (this.lookback === undefined) {
      if (text === this.value) return 0
      this.value = text
      this.seen = []
      return 0
    }
    const time = microsOf(batch.columns[this.index]!.value(row), batch.schema.columns[this.index]!.type)
    // With a lookback rows from before the cursor come again.
    if (time > this.at) {
      this.at = time
      this.value = text
    }
    return time
  }

  /** What no later run looks back to need not be known any more. */
  private forget(): void {
    if (this.lookback === undefined) return
    const from = this.at - this.lookback
    if (this.seen.some(([, time]) => time < from)) this.seen = this.seen.filter(([, time]) => time >= from)
  }

  private textOf(batch: Batch, index: number, row: number): string | undefined {
    const value = batch.columns[index]!.value(row)
    return value === null ? undefined : formatValue(value, batch.schema.columns[index]!.type)
  }

  private markOf(batch: Batch, row: number): string {
    const hash = createHash("sha256")
    for (const index of this.marked) hash.update(JSON.stringify(this.textOf(batch, index, row) ?? null))
    return hash.digest("base64").slice(0, 22)
  }
}

const DAY_MICROS = 86_400_000_000

const microsOf = (value: Value | null, type: ColumnType): number => Number(value) * (type === "date" ? DAY_MICROS : 1)
