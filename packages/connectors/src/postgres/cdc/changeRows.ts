/** Changes as rows: the columns of the table, and what happened to them. */
import {
  Batch,
  type BatchSchema,
  type Column,
  type ColumnSchema,
  ConstantColumn,
  type ColumnType,
  isArrayType,
  parseValue,
  SourceError,
  type Value,
  ValueError,
  ValuesColumn,
  elementType,
} from "@deltaflow/core"
import type { SourceColumn } from "../columns.ts"
import { quoteTable } from "../quote.ts"
import { arrayItems } from "../types.ts"
import { formatLsn, type Lsn, type OldRow, type Relation, sinceEpoch, type Tuple } from "./pgoutput.ts"
import { textOf } from "./tables.ts"

export type Operation = "snapshot" | "insert" | "update" | "delete" | "truncate"

const column = (name: string, type: ColumnType, nullable: boolean): ColumnSchema => ({ name, type, nullable })

/** Columns beside those of the table. */
export const metadata = (severalTables: boolean): ReadonlyArray<ColumnSchema> => [
  column("_op", "string", false),
  column("_deleted", "boolean", false),
  column("_lsn", "string", false),
  column("_commit_time", "timestamptz", true),
  ...(severalTables ? [column("_table", "string", false)] : []),
]

/** Whether a column of a table would stand twice in its rows. */
export const isTaken = (name: string): boolean => metadata(true).some((own) => own.name === name)

/** What one transaction gives its rows. */
export interface Commit {
  readonly lsn: Lsn
  /** Microseconds since 2000; null in a snapshot. */
  readonly time: bigint | null
}

/** A table as its changes come at the moment. */
export interface ChangedTable {
  readonly relation: Relation
  /** In the order of the relation. */
  readonly columns: ReadonlyArray<SourceColumn>
  readonly primaryKey: ReadonlyArray<string>
  /** Columns that other tables have: null in all rows. */
  readonly others: ReadonlyArray<ColumnSchema>
}

interface Pending {
  readonly table: ChangedTable
  /** Indexes of the columns that the rows have. */
  readonly present: ReadonlyArray<number>
  readonly rows: Array<Tuple>
  readonly operations: Array<Operation>
  readonly commits: Array<Commit>
  bytes: number
}

/** Gathers rows of one shape after the other; a row never overtakes another. */
export class ChangeRows {
  private readonly severalTables: boolean
  private readonly source: string
  private groups: Array<Pending> = []
  /** Rows that wait. */
  length = 0

  constructor(source: string, severalTables: boolean) {
    this.source = source
    this.severalTables = severalTables
  }

  insert(table: ChangedTable, row: Tuple, commit: Commit): void {
    this.add(table, row, "insert", commit)
  }

  update(table: ChangedTable, old: OldRow | undefined, row: Tuple, commit: Commit): void {
    const isMoved = old !== undefined && changesKey(table, old, row)
    if (isMoved) this.delete(table, old, commit)
    // With the whole row of before, what was not sent is known.
    const whole = old === undefined || old.isKey ? row : row.map((value, i) => (value === undefined ? old.row[i] : value))
    const unknown = whole.indexOf(undefined)
    if (isMoved && unknown >= 0) throw this.unknownAfterMove(table, unknown)
    this.add(table, whole, "update", commit)
  }

  delete(table: ChangedTable, old: OldRow, commit: Commit): void {
    // The server writes null for columns that are no part of the key.
    const row = old.isKey ? old.row.map((value, i) => (table.relation.columns[i]?.isKey === true ? value : undefined)) : old.row
    this.add(table, row, "delete", commit)
  }

  truncate(table: ChangedTable, commit: Commit): void {
    this.add(
      table,
      table.columns.map(() => undefined),
      "truncate",
      commit,
    )
  }

  /** The rows that wait, as batches in their order. */
  take(): ReadonlyArray<Batch> {
    const batches = this.groups.map((group) => batchOf(group, this.severalTables, this.source))
    this.groups = []
    this.length = 0
    return batches
  }

  private add(table: ChangedTable, row: Tuple, operation: Operation, commit: Commit): void {
    const present = row.flatMap((value, i) => (value === undefined ? [] : [i]))
    const last = this.groups.at(-1)
    const fits = last !== undefined && last.table === table && isSame(last.present, present)
    const group = fits ? last : { table, present, rows: [], operations: [], commits: [], bytes: 0 }
    if (!fits) this.groups.push(group)
    group.rows.push(row)
    group.operations.push(operation)
    group.commits.push(commit)
    for (const value of row) group.bytes += 16 + 2 * (value?.length ?? 0)
    this.length++
  }

  private unknownAfterMove({ relation, columns }: ChangedTable, unknown: number): SourceError {
    const name = columns[unknown]!.name
    return new SourceError({
      code: "SOURCE_FAILED",
      message: `${this.source}: a row of ${textOf(relation)} got another key, and its large value in ${name} did not change, so it is not in the log. Run ALTER TABLE ${quoteTable(relation.schema, relation.name)} REPLICA IDENTITY FULL, then once with --full-refresh.`,
      path: [this.source],
      column: name,
    })
  }
}

const isSame = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i])

/** The server sends an old key where it has changed, and a whole old row always. Without a key each row is its own. */
const changesKey = ({ columns, primaryKey }: ChangedTable, old: OldRow, row: Tuple): boolean => {
  if (old.isKey || primaryKey.length === 0) return true
  return columns.some(({ name }, i) => primaryKey.includes(name) && row[i] !== undefined && row[i] !== old.row[i])
}

const batchOf = (group: Pending, severalTables: boolean, source: string): Batch => {
  const { table, present, rows, operations, commits } = group
  const own = present.map((i) => table.columns[i]!)
  const isTruncate = operations[0] === "truncate"
  const others = isTruncate ? [] : table.others
  const schema: BatchSchema = {
    columns: [...own.map(({ name, type }) => column(name, type, true)), ...others, ...metadata(severalTables)],
  }
  const columns: Array<Column> = [
    ...own.map(({ name, type }, at) => new TextsColumn(type, rows, present[at]!, `${source}: ${textOf(table.relation)}, column ${name}`)),
    ...others.map(({ type }) => new ConstantColumn(type, null)),
    new ValuesColumn("string", operations),
    new ValuesColumn(
      "boolean",
      operations.map((operation) => operation === "delete" || operation === "truncate"),
    ),
    new ValuesColumn(
      "string",
      commits.map(({ lsn }) => formatLsn(lsn)),
    ),
    new ValuesColumn(
      "timestamptz",
      commits.map(({ time }) => (time === null ? null : sinceEpoch(time))),
    ),
    ...(severalTables ? [new ConstantColumn("string", textOf(table.relation))] : []),
  ]
  return new Batch({ schema, columns, rowCount: rows.length, byteSize: group.bytes + 100 * rows.length })
}

/** One place of texts as the server writes them, read as values of a type. */
class TextsColumn implements Column {
  readonly type: ColumnType
  private readonly rows: ReadonlyArray<Tuple>
  private readonly at: number
  private readonly place: string

  constructor(type: ColumnType, rows: ReadonlyArray<Tuple>, at: number, place: string) {
    this.type = type
    this.rows = rows
    this.at = at
    this.place = place
  }

  value(row: number): Value | null {
    const text = this.rows[row]![this.at] ?? null
    if (text === null) return null
    const { type } = this
    if (!isArrayType(type)) return parseValue(text, type)
    try {
      return arrayItems(text).map((item) => (item === null ? null : parseValue(item, elementType(type))))
    } catch (cause) {
      if (cause instanceof RangeError) throw new ValueError(type, `${this.place}: ${cause.message}`)
      throw cause
    }
  }

  isNull(row: number): boolean {
    return (this.rows[row]![this.at] ?? null) === null
  }
}
