/**
 * SQL engines: what answers the query of a step `sql`.
 *
 * The engine of pipelines asks twice. When a definition is checked: which tables the query names, and which columns it gives over tables
 * of given columns. In a run: a session is opened, its tables are filled, and the result is read. See docs/decisions/0012-sql-steps.md.
 */
import type { Batch } from "../model/Batch.ts"
import type { BatchSchema } from "../model/ColumnType.ts"
import type { ErrorCode } from "./errorCodes.ts"

export interface SqlEngine {
  readonly kind: "sql"
  /** `duckdb` */
  readonly type: string
  readonly summary: string
  /** Which tables the query names; looks at its text alone. A query that is no single `SELECT` is a problem. */
  readonly parse: (query: string) => Promise<ParsedSql>
  /** The columns that the query gives. */
  readonly describe: (query: SqlQuery) => Promise<DescribedSql>
  /** Makes the tables, empty. Rejects with `TransformError`. */
  readonly open: (request: SqlRequest) => Promise<SqlSession>
}

export interface SqlProblem {
  readonly code: ErrorCode
  readonly message: string
  readonly hint?: string
  /** Index of the character within the query. */
  readonly position?: number
}

export interface NamedTable {
  /** As the query has it. Names that differ in case alone are the same table. */
  readonly name: string
  /** Index of the character within the query. */
  readonly position: number
}

export type ParsedSql =
  | { readonly ok: true; readonly tables: ReadonlyArray<NamedTable> }
  | { readonly ok: false; readonly problem: SqlProblem }

/** Rows that the query sees, under one or more names. */
export interface SqlTable {
  readonly names: ReadonlyArray<string>
  /** Undefined where the columns are known only when rows come. */
  readonly schema: BatchSchema | undefined
}

export interface SqlQuery {
  readonly query: string
  readonly tables: ReadonlyArray<SqlTable>
  /** Values of `:run_id` and the like, bound as parameters. */
  readonly runtimeValues: Readonly<Record<string, unknown>>
}

export type DescribedSql = { readonly ok: true; readonly schema: BatchSchema } | { readonly ok: false; readonly problem: SqlProblem }

export interface SqlRequest extends SqlQuery {
  /** `orders / transforms[1] (sql)`, for messages. */
  readonly place: string
  /** Bytes that the session may hold in memory. */
  readonly memory: number
  readonly threads: number
  /** Absolute, on the local disk; for rows that do not fit into memory. Made where it is missing. */
  readonly folder: string
  /** Rows of a batch that comes out. */
  readonly batchSize: number
}

/** Hears of a row that its table cannot hold. The row is left out. */
export type OnBadRow = (row: number, column: string, reason: Error) => void

/** The tables of one query, in one pass. Calls come one after the other, `interrupt` and `close` aside. */
export interface SqlSession {
  /** Gives a table its columns, or more of them, or wider types; rows keep their values. */
  readonly define: (table: number, schema: BatchSchema) => Promise<void>
  /** Copies the rows of a batch, whose columns are those of the table. */
  readonly add: (table: number, batch: Batch, onBadRow: OnBadRow) => void | Promise<void>
  /** Runs the query. Called once. Rejects with `TransformError`. */
  readonly rows: () => AsyncGenerator<Batch, void, undefined>
  /** Ends a query that runs; what waits for it rejects. */
  readonly interrupt: () => void
  /** Interrupts, and removes everything. */
  readonly close: () => Promise<void>
}
