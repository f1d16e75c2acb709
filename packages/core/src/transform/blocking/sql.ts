/**
 * `sql`: the rows that a query gives, in its order. The tables that it names are copied into a database of the step's own; see
 * docs/decisions/0012-sql-steps.md.
 */
import { TransformError } from "../../contract/Errors.ts"
import type { SqlSession, SqlTable } from "../../contract/Sql.ts"
import { type Batch, type Column, ConstantColumn } from "../../model/Batch.ts"
import { type BatchSchema, columnIndex, isSameSchema } from "../../model/ColumnType.ts"
import { ValueError } from "../../model/Value.ts"
import { asType } from "../derivedColumns.ts"
import { pathOf, placeOf, sentence } from "../failure.ts"
import type { OnRowError, QueryTable, SqlStep, StepsSpec } from "../Step.ts"
import type { Copying, Tees } from "../tee.ts"
import type { BlockingHost, BlockingRun } from "./host.ts"
import type { BlockingKind } from "./kind.ts"
import { LayoutError, mergeSchemas } from "./rowForm.ts"

/** The rows of a table: those behind a step, or of a source. */
export type TableRows = number | string

/** The tables of a query, each once, with all names that the query has for it. */
export const queryTables = (step: SqlStep): ReadonlyMap<TableRows, ReadonlyArray<string>> => {
  const tables = new Map<TableRows, Array<string>>()
  for (const table of step.tables) {
    const names = tables.get(rowsOf(table))
    if (names === undefined) tables.set(rowsOf(table), [table.name])
    else names.push(table.name)
  }
  return tables
}

const rowsOf = (table: QueryTable): TableRows => ("after" in table ? table.after : table.source)

class SqlRun implements BlockingRun {
  private readonly spec: StepsSpec
  private readonly index: number
  private readonly step: SqlStep
  private readonly host: BlockingHost
  private readonly tables: ReadonlyArray<SqlTable>
  private readonly schemas: Array<BatchSchema | undefined>
  /** The place of each table in the two lists above. */
  private readonly places: ReadonlyMap<TableRows, number>
  private session: Promise<SqlSession> | undefined

  constructor(spec: StepsSpec, index: number, step: SqlStep, input: BatchSchema | undefined, host: BlockingHost, tees: Tees) {
    this.spec = spec
    this.index = index
    this.step = step
    this.host = host
    const tables = Array.from(queryTables(step), ([rows, names]) => ({ rows, names }))
    this.places = new Map(tables.map(({ rows }, place) => [rows, place]))
    this.tables = tables.map(({ rows, names }) => ({ names, schema: this.known(rows, input) }))
    this.schemas = this.tables.map((table) => table.schema)
    for (const [rows, place] of this.places) {
      // Those right before the step come by themselves.
      if (typeof rows === "number" && rows < index - 1)
        tees.get(rows)!.listeners.set(index, (batch, copying) => this.take(place, batch, copying))
    }
  }

  /** Columns that are known before a row comes. */
  private known(rows: TableRows, input: BatchSchema | undefined): BatchSchema | undefined {
    if (typeof rows === "string") return this.spec.sides![rows]
    return rows === this.index - 1 ? input : undefined
  }

  add(batch: Batch, onRowError?: OnRowError): void | Promise<void> {
    return this.addTo(this.index - 1, batch, onRowError)
  }

  addSide(batch: Batch, source: string, onRowError?: OnRowError): void | Promise<void> {
    return this.addTo(source, batch, onRowError)
  }

  private addTo(rows: TableRows, batch: Batch, onRowError: OnRowError | undefined): void | Promise<void> {
    const place = this.places.get(rows)
    if (place === undefined) return
    return this.take(place, batch, {
      rowNumber: (row) => batch.firstRow + row,
      refuse: (row, error) => {
        if (onRowError === undefined) throw error
        onRowError({ row, step: this.index, error })
      },
    })
  }

  private async take(place: number, batch: Batch, { rowNumber, refuse }: Copying): Promise<void> {
    if (batch.length === 0) return
    const session = await this.open()
    const schema = this.merged(this.schemas[place], batch.schema)
    if (schema !== this.schemas[place]) await session.define(place, schema)
    this.schemas[place] = schema
    await session.add(place, conform(batch, schema), (row, column, reason) => {
      refuse(row, this.rowError(rowNumber(row), column, reason))
    })
  }

  private open(): Promise<SqlSession> {
    this.session ??= this.host.openSql!(this.tables)
    return this.session
  }

  private merged(known: BatchSchema | undefined, schema: BatchSchema): BatchSchema {
    if (known === undefined) return schema
    try {
      const merged = mergeSchemas(known, schema)
      return isSameSchema(merged, known) ? known : merged
    } catch (error) {
      if (!(error instanceof LayoutError)) throw error
      throw new TransformError({
        code: "SCHEMA_CHANGED",
        message: `${this.place}: ${sentence(error.message)} Declare the column's type in the source or in the custom step before.`,
        path: pathOf(this.step, this.index),
      })
    }
  }

  private get place(): string {
    return placeOf(this.spec, this.index)
  }

  private rowError(row: number, column: string, reason: Error): TransformError {
    const isMisread = reason instanceof ValueError
    return new TransformError({
      code: isMisread ? "VALUE_TYPE" : "VALUE_NOT_SUPPORTED",
      message: `${this.place}: row ${row}, column ${column}: ${sentence(reason.message)}${isMisread ? " Correct the value, or declare another type for the column." : ""}`,
      path: pathOf(this.step, this.index),
      row,
      column,
      cause: reason,
    })
  }

  async *finish(): AsyncGenerator<Batch, void, undefined> {
    const session = await this.open()
    yield* session.rows()
  }
}

/** The batch with exactly these columns: what it lacks is null, and types are as wide as the table's. */
const conform = (batch: Batch, schema: BatchSchema): Batch => {
  if (isSameSchema(batch.schema, schema)) return batch
  const columns = schema.columns.map(({ name, type }): Column => {
    const column = batch.columns[columnIndex(batch.schema, name)]
    return column === undefined ? new ConstantColumn(type, null) : asType(column, type)!
  })
  return batch.withColumns(schema, columns)
}

export const sqlKind: BlockingKind<SqlStep> = {
  check: (spec, index) => ({ issues: [], output: spec.queried?.[index] }),
  start: (spec, index, step, input, host, tees) => new SqlRun(spec, index, step, input, host, tees),
}
