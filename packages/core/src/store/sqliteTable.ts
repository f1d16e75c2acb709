/** Rows of the SQLite store to values and back, with a checksum over each. */
import type { SQLInputValue, SQLOutputValue } from "node:sqlite"
import { crc32 } from "node:zlib"
import { StoreError } from "../contract/Errors.ts"
import { parseJson, stringifyJson } from "../model/Json.ts"

/**
 * A column and how its value is kept: as it is, as 0 or 1, or as JSON text. `added` is JSON in a column that tables of earlier versions
 * did not have: null is SQL's own, and is not counted in the checksum.
 */
type Field = readonly [column: string, kind?: "boolean" | "json" | "added"]

export type SqlRow = Readonly<Record<string, SQLOutputValue>>

/** How values of one kind are kept in one table. */
export class Table<A extends object> {
  readonly name: string
  /** For `SELECT`. */
  readonly columns: string
  readonly insert: string
  /** Inserts, or replaces the row with the same key. */
  readonly upsert: string
  private readonly fields: ReadonlyArray<readonly [key: string, ...Field]>

  /** `extra` columns are given with each write, beside the value, and are not part of it. */
  constructor(name: string, key: ReadonlyArray<string>, fields: { readonly [K in keyof A]-?: Field }, extra: ReadonlyArray<string> = []) {
    this.name = name
    this.fields = Object.entries<Field>(fields).map(([property, [column, kind]]) =>
      kind === undefined ? [property, column] : [property, column, kind],
    )
    const columns = [...this.fields.map(([, column]) => column), "checksum"]
    const all = [...columns, ...extra]
    this.columns = columns.map((column) => `${name}.${column}`).join(", ")
    this.insert = `INSERT INTO ${name} (${all.join(", ")}) VALUES (${all.map(() => "?").join(", ")})`
    this.upsert = `${this.insert} ON CONFLICT (${key.join(", ")}) DO UPDATE SET ${all.map((column) => `${column} = excluded.${column}`).join(", ")}`
  }

  /** The parameters of `insert` and `upsert`, without those of the extra columns. */
  values(value: A): Array<SQLInputValue> {
    const values = this.fields.map(([property, , kind]) => toSql(value[property as keyof A], kind))
    return [...values, this.checksum(values)]
  }

  /** Throws `StoreError` with `STORE_CORRUPT` where the row is not what was written. */
  read(row: SqlRow): A {
    const values = this.fields.map(([, column]) => row[column] ?? null)
    if (this.checksum(values) !== row["checksum"]) throw damaged(this.name, values[0])
    return Object.fromEntries(this.fields.map(([property, , kind], i) => [property, fromSql(values[i]!, kind)])) as A
  }

  private checksum(values: ReadonlyArray<SQLInputValue | SQLOutputValue>): number {
    return crc32(JSON.stringify(values.filter((value, i) => value !== null || this.fields[i]![2] !== "added")))
  }
}

const toSql = (value: unknown, kind: Field[1]): string | number | null => {
  if (kind === "added") return value === null || value === undefined ? null : stringifyJson(value)
  if (kind === "json") return stringifyJson(value ?? null)
  if (kind === "boolean") return value === true ? 1 : 0
  // SQLite's text is UTF-8, which has no half of a surrogate pair; it would come back as another character than the checksum saw.
  return typeof value === "string" ? value.toWellFormed() : ((value ?? null) as number | null)
}

const fromSql = (value: SQLOutputValue, kind: Field[1]): unknown =>
  kind === "json" || (kind === "added" && value !== null) ? parseJson(String(value)) : kind === "boolean" ? value === 1 : value

const damaged = (table: string, key: SQLOutputValue | undefined): StoreError =>
  new StoreError({
    code: "STORE_CORRUPT",
    message: `store: the row ${JSON.stringify(String(key))} of ${table} is not what was written; the file is damaged. Put a backup in its place, or move the file away to start anew.`,
    hint: "Put a backup of the state file in its place, or move it away to start anew.",
  })
