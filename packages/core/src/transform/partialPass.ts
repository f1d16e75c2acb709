/** A pass over rows that lack some columns: what they would be made of is left out, and stays as it is where the rows go. */
import { type Batch, type Column, ConstantColumn } from "../model/Batch.ts"
import { type BatchSchema, columnIndex, type ColumnSchema } from "../model/ColumnType.ts"
import type { Pass } from "./pass.ts"
import type { Slot, Statement } from "./scope.ts"

/** The columns of a whole row, where the batch has some of them, and perhaps more that nobody planned with. */
export const wholeSchema = (planned: BatchSchema, schema: BatchSchema): BatchSchema => ({
  columns: [
    ...planned.columns.map((column) => schema.columns[columnIndex(schema, column.name)] ?? column),
    ...schema.columns.filter(({ name }) => columnIndex(planned, name) < 0),
  ],
})

/** The batch with nulls for what it lacks; nobody reads them. */
export const filledBatch = (batch: Batch, whole: BatchSchema): Batch =>
  batch.withColumns(
    whole,
    whole.columns.map(({ name, type }): Column => batch.columns[columnIndex(batch.schema, name)] ?? new ConstantColumn(type, null)),
  )

/** A condition that reads what is not there: nobody knows whether the rows pass it. */
export interface UnknownCondition {
  readonly statement: Statement
  readonly column: string
}

/** The pass without what depends on columns that `schema` lacks. */
export const partialPass = (pass: Pass, schema: BatchSchema): { readonly pass: Pass; readonly unknown: UnknownCondition | undefined } => {
  const absentInputs = new Set(pass.input.columns.flatMap(({ name }, i) => (columnIndex(schema, name) < 0 ? [i] : [])))
  const absentValues = new Set<number>()
  const isAbsent = (slot: Slot): boolean =>
    slot.kind === "input" ? absentInputs.has(slot.index) : slot.kind === "computed" && absentValues.has(slot.index)
  let unknown: UnknownCondition | undefined
  const statements = pass.statements.filter((statement) => {
    const lacking = statement.expression.columns.map((index) => statement.scope[index]!).find(({ slot }) => isAbsent(slot))
    if (lacking === undefined) return true
    if (statement.target === undefined) unknown ??= { statement, column: lacking.name }
    else absentValues.add(statement.target.index)
    return false
  })
  const isKept = (_: ColumnSchema, i: number): boolean => !isAbsent(pass.slots[i]!)
  return {
    pass: {
      ...pass,
      statements,
      slots: pass.slots.filter((slot) => !isAbsent(slot)),
      output: { columns: pass.output.columns.filter(isKept) },
    },
    unknown,
  }
}
