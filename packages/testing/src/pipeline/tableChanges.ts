/** What `merge`, `scd2` and hard deletes leave in a table of a test: the rules of the destinations that can, one row after the other. */
import {
  type Assignments,
  type BatchSchema,
  type ColumnSchema,
  type ColumnType,
  type CommittedRows,
  Decimal,
  formatValue,
  fromRowValue,
  type LoadRequest,
  type Row,
  type RowChanges,
  setOwn,
  type Value,
} from "@deltaflow/core"
import { identityOf, mergeSchemas, type TestRows, typesOf } from "./testRows.ts"

/** Text that rows share exactly where they have the same key; the name of a column of the key that has no value. */
export const keyOf = (
  row: Row,
  key: ReadonlyArray<string>,
  types: Readonly<Record<string, ColumnType>>,
): string | { readonly empty: string } => {
  const values = key.map((name) => fromRowValue(row[name], types[name]!))
  const empty = values.indexOf(null)
  return empty >= 0 ? { empty: key[empty]! } : JSON.stringify(values.map((value, i) => formatValue(value!, types[key[i]!]!)))
}

/** A point in the history of a key. Of several at one time the one of the highest rank counts, and then the last. */
interface Moment {
  readonly at: Value
  readonly isGone: boolean
  readonly row: Row
  /** Gaps that were known, versions that were known, what this run says. */
  readonly rank: 0 | 1 | 2
}

export class ChangedTable {
  private readonly request: LoadRequest<unknown>
  private readonly changes: RowChanges
  private schema: BatchSchema
  /** By key: the rows of the table, of which a table without history has one. */
  private readonly rows = new Map<string, ReadonlyArray<Row>>()
  private readonly told = new Map<string, Array<Moment>>()

  constructor(request: LoadRequest<unknown>, { schema, rows }: TestRows) {
    this.request = request
    this.changes = request.changes!
    this.schema = schema
    for (const row of rows) {
      const key = this.keyOf(row)
      this.rows.set(key, [...(this.rows.get(key) ?? []), row])
    }
  }

  /** Throws what is wrong with a row by its column that has no value. */
  write(rows: ReadonlyArray<Row>, schema: BatchSchema): void {
    this.schema = mergeSchemas(this.schema, { columns: this.columnsOf(schema) })
    for (const row of rows) {
      const key = this.keyOf(row)
      if (this.changes.history === undefined) this.change(key, row)
      else this.told.set(key, [...(this.told.get(key) ?? []), this.momentOf(row, this.changes.history.changedAt)])
      if (!this.told.has(key)) this.told.set(key, [])
    }
  }

  result({ areAll }: CommittedRows): TestRows {
    const { changes } = this
    for (const key of areAll && changes.absence ? [...this.rows.keys()] : []) {
      if (this.told.has(key)) continue
      if (changes.history === undefined) this.rows.delete(key)
      else this.told.set(key, [{ at: this.started, isGone: true, row: {}, rank: 2 }])
    }
    if (changes.history !== undefined) for (const [key, moments] of this.told) this.rows.set(key, this.versionsOf(key, moments))
    const rows = [...this.rows.values()]
      .flat()
      .map((row) => Object.fromEntries(this.schema.columns.map(({ name }) => [name, row[name] ?? null])))
    return { schema: this.schema, rows }
  }

  private change(key: string, row: Row): void {
    const { matched, missing, updates, inserts } = this.changes
    const known = this.rows.get(key)?.[0]
    const number = Number(row[known === undefined ? missing : matched])
    if (known === undefined) {
      if (number > 0) this.rows.set(key, [{ ...this.own(row), ...assigned(row, inserts[number - 1]) }])
    } else if (number === -1) this.rows.delete(key)
    else if (number > 0) {
      const assignments = updates[number - 1]
      this.rows.set(key, [{ ...known, ...(assignments === undefined ? this.own(row) : assigned(row, assignments)) }])
    }
  }

  private momentOf(row: Row, changedAt: string | undefined): Moment {
    const isGone = Number(row[this.changes.matched]) === -1
    if (changedAt === undefined) return { at: this.started, isGone, row: this.own(row), rank: 2 }
    const at = fromRowValue(row[changedAt], typesOf(this.schema)[changedAt]!)
    if (at === null) throw new EmptyColumnError(changedAt)
    return { at, isGone, row: this.own(row), rank: 2 }
  }

  private get started(): Value {
    return fromRowValue(new Date(this.request.startedAt), "timestamptz")!
  }

  /** All versions of a key in the order of time. */
  private versionsOf(key: string, told: ReadonlyArray<Moment>): ReadonlyArray<Row> {
    const { validFrom, validTo, isCurrent } = this.changes.history!
    const types = typesOf(this.schema)
    const time = (value: Row[string]): Value | null => fromRowValue(value, types[validFrom]!)
    const known = (this.rows.get(key) ?? []).flatMap((row): ReadonlyArray<Moment> => {
      const ended = time(row[validTo])
      const began = { at: time(row[validFrom])!, isGone: false, row, rank: 1 } as const
      return ended === null ? [began] : [began, { at: ended, isGone: true, row, rank: 0 }]
    })
    const moments: Array<Moment> = []
    for (const moment of [...known, ...told].toSorted((a, b) => compareTimes(a.at, b.at) || a.rank - b.rank)) {
      const before = moments.at(-1)
      if (before !== undefined && compareTimes(before.at, moment.at) === 0) moments.pop()
      moments.push(moment)
    }
    const kept = moments.filter((moment, i) => {
      const before = moments[i - 1]
      if (moment.isGone) return before !== undefined && !before.isGone
      return before === undefined || before.isGone || !this.isSame(before.row, moment.row)
    })
    return kept.flatMap(({ isGone, row, at }, i) => {
      if (isGone) return []
      const ends = kept[i + 1]?.at
      const shown = (value: Value | undefined) => (value === undefined ? null : formatValue(value, types[validFrom]!))
      return [{ ...row, [validFrom]: shown(at), [validTo]: shown(ends), [isCurrent]: ends === undefined }]
    })
  }

  private isSame(a: Row, b: Row): boolean {
    const { changedAt, validFrom, validTo, isCurrent } = this.changes.history!
    const others = new Set([changedAt, validFrom, validTo, isCurrent])
    const text = (row: Row, { name, type }: ColumnSchema): string => identityOf(fromRowValue(row[name], type), type)
    return this.schema.columns.every((column) => others.has(column.name) || text(a, column) === text(b, column))
  }

  private own(row: Row): Row {
    const own: Row = {}
    for (const [name, value] of Object.entries(row)) if (!this.changes.added.includes(name)) setOwn(own, name, value)
    return own
  }

  private columnsOf({ columns }: BatchSchema): ReadonlyArray<ColumnSchema> {
    const { added, updates, inserts, history } = this.changes
    const stored = columns.filter(({ name }) => !added.includes(name))
    const set = [...updates, ...inserts].flatMap((assignments) => assignments ?? [])
    const others = set.flatMap(({ column, from }): ReadonlyArray<ColumnSchema> => {
      const type = columns.find(({ name }) => name === from)?.type
      return type === undefined || stored.some(({ name }) => name === column) ? [] : [{ name: column, type, nullable: true }]
    })
    const distinct = [...new Map(others.map((column) => [column.name, column])).values()]
    if (history === undefined) return [...stored, ...distinct]
    const since = stored.find(({ name }) => name === history.changedAt)?.type ?? "timestamptz"
    const times = [history.validFrom, history.validTo].map((name): ColumnSchema => ({ name, type: since, nullable: true }))
    return [...stored, ...times, { name: history.isCurrent, type: "boolean", nullable: false }]
  }

  private keyOf(row: Row): string {
    const found = keyOf(row, this.request.key, typesOf(this.schema))
    if (typeof found === "string") return found
    throw new EmptyColumnError(found.empty)
  }
}

/** A row has no value in a column by which it would be found. */
export class EmptyColumnError extends Error {
  readonly column: string

  constructor(column: string) {
    super(`a row has no value in ${column}, by which it would be found`)
    this.column = column
  }
}

const assigned = (row: Row, assignments: Assignments): Row =>
  Object.fromEntries((assignments ?? []).map(({ column, from }) => [column, row[from]]))

const compareTimes = (a: Value, b: Value): number => {
  if (a instanceof Decimal && b instanceof Decimal) return Decimal.compare(a, b)
  return a < b ? -1 : a > b ? 1 : 0
}
