/** Rows that a step cannot compute: one error each, which names the step, the row, the column and the values. */
import { TransformError } from "../contract/Errors.ts"
import { ExpressionError } from "../expression/ExpressionError.ts"
import type { Batch, Column } from "../model/Batch.ts"
import type { BatchSchema } from "../model/ColumnType.ts"
import { formatValue, quoteValue, type Value, ValueError } from "../model/Value.ts"
import type { Statement } from "./scope.ts"
import type { OnRowError, Step, StepsSpec } from "./Step.ts"

/**
 * Follows the rows of one batch through all stages, so that a failure names the row of the batch that came in, and decides what a failure
 * does: ends the run, or drops the row and reports it.
 */
export class RowReporter {
  readonly input: Batch
  rejected = 0
  private readonly onRowError: OnRowError | undefined
  private readonly onReject: OnRowError | undefined
  /** Row of the batch that came in for each physical row of the batch at hand; undefined where they are the same. */
  private origin: Int32Array | undefined

  constructor(input: Batch, onRowError: OnRowError | undefined, onReject?: OnRowError) {
    this.input = input
    this.onRowError = onRowError
    this.onReject = onReject
  }

  /** Whether failing rows are dropped rather than ending the run. */
  get skips(): boolean {
    return this.onRowError !== undefined
  }

  /** The stage at hand made a batch of other physical rows; `rows` says from which row of its own input each came. */
  moved(rows: Int32Array): void {
    this.origin = rows.map((row) => this.originalRow(row))
  }

  originalRow(row: number): number {
    return this.origin === undefined ? row : this.origin[row]!
  }

  /** Number of the row within its source, from 1. */
  rowNumber(row: number): number {
    return this.input.firstRow + this.originalRow(row)
  }

  /** Sets the row aside, also where failing rows end the run. Throws the error where nobody takes such rows. */
  reject(row: number, step: number, error: TransformError): void {
    if (this.onReject === undefined) throw error
    this.rejected++
    this.onReject({ row: this.originalRow(row), step, error })
  }

  /** Throws the error, or reports it where failing rows are dropped. */
  fail(row: number, step: number, error: TransformError): void {
    if (this.onRowError === undefined) throw error
    this.rejected++
    this.onRowError({ row: this.originalRow(row), step, error })
  }
}

/** `orders / transforms[1] (map cents)`: where a message is about. */
export const placeOf = (spec: Pick<StepsSpec, "runtime" | "steps">, index: number, field?: string): string => {
  const pipeline = spec.runtime["pipeline_name"]
  const step = spec.steps[index]!
  const what = [step.type, step.name, field].filter((part) => part !== undefined).join(" ")
  return `${typeof pipeline === "string" ? `${pipeline} / ` : ""}transforms[${index}] (${what})`
}

export const pathOf = (step: Step, index: number, field?: string): ReadonlyArray<string> => [
  `transforms[${index}]`,
  ...(field === undefined ? (step.type === "filter" ? ["condition"] : []) : [`fields.${field}`]),
]

/** What is known of a statement that failed in one row. */
export interface FailedStatement {
  readonly spec: Pick<StepsSpec, "runtime" | "steps">
  readonly statement: Statement
  readonly error: unknown
  readonly row: number
  readonly rowNumber: number
  readonly columns: ReadonlyArray<Column>
  /** Values of the computed slots, as far as this row has come. */
  readonly computed: ReadonlyArray<Value | null | undefined>
}

/** The error of a row; anything that is no fault of the data is thrown on as it is. */
export const statementError = (failed: FailedStatement): TransformError => {
  const { spec, statement, error, rowNumber } = failed
  if (error instanceof ValueError) return valueError(failed, error)
  if (!(error instanceof ExpressionError)) throw error
  const values = valuesRead(failed)
  const message = `${placeOf(spec, statement.step, statement.field)}: row ${rowNumber}: ${sentence(error.message)}${values === "" ? "" : ` The row has ${values}.`} ${GUARD}`
  return new TransformError({
    code: error.code,
    message,
    path: pathOf(spec.steps[statement.step]!, statement.step, statement.field),
    row: rowNumber,
    cause: error,
  })
}

const GUARD = "Guard the expression against such rows, or let error_handling skip them."

/** With exactly one full stop at its end. */
export const sentence = (text: string): string => (/[.!?…]$/.test(text) ? text : `${text}.`)

const valueError = (failed: FailedStatement, error: ValueError): TransformError => {
  const { spec, statement, rowNumber } = failed
  const candidates = statement.expression.columns.flatMap((index) => {
    const { name, slot } = statement.scope[index]!
    return slot.kind === "input" ? [{ name, column: failed.columns[slot.index]! }] : []
  })
  const place = placeOf(spec, statement.step, statement.field)
  return columnError(
    place,
    rowNumber,
    unreadable(candidates, failed.row, error),
    error,
    pathOf(spec.steps[statement.step]!, statement.step, statement.field),
  )
}

interface NamedColumn {
  readonly name: string
  readonly column: Column
}

/** The column whose text gave this very error. It is looked for only now, so that reading costs nothing while all is well. */
const unreadable = (candidates: ReadonlyArray<NamedColumn>, row: number, error: ValueError): string | undefined =>
  candidates.find(({ column }) => {
    try {
      column.value(row)
      return false
    } catch (found) {
      return found instanceof ValueError && found.message === error.message
    }
  })?.name

/** The same for a step that reads whole rows. */
export const batchValueError = (
  place: string,
  rowNumber: number,
  batch: Batch,
  row: number,
  error: ValueError,
  path: ReadonlyArray<string>,
): TransformError => {
  const candidates = batch.schema.columns.map(({ name }, i) => ({ name, column: batch.columns[i]! }))
  return columnError(place, rowNumber, unreadable(candidates, row, error), error, path)
}

const columnError = (
  place: string,
  row: number,
  column: string | undefined,
  error: ValueError,
  path: ReadonlyArray<string>,
): TransformError =>
  new TransformError({
    code: "VALUE_TYPE",
    message: `${place}: row ${row}${column === undefined ? "" : `, column ${column}`}: ${sentence(error.message)} Correct the value, or declare another type for the column.`,
    path,
    row,
    ...(column === undefined ? {} : { column }),
    cause: error,
  })

const MOST_VALUES = 6

const valuesRead = (failed: FailedStatement): string =>
  failed.statement.expression.columns
    .slice(0, MOST_VALUES)
    .map((index) => `${failed.statement.scope[index]!.name} = ${shown(failed, index)}`)
    .join(", ")

const shown = (failed: FailedStatement, index: number): string => {
  const { slot, type } = failed.statement.scope[index]!
  const value = slotValue(failed, slot)
  return value === null || value === undefined ? "null" : typeof value === "string" ? quoteValue(value) : formatValue(value, type)
}

const slotValue = (failed: FailedStatement, slot: Statement["scope"][number]["slot"]): Value | null | undefined => {
  if (slot.kind === "constant") return slot.value
  if (slot.kind === "computed") return failed.computed[slot.index]
  try {
    return failed.columns[slot.index]!.value(failed.row)
  } catch (error) {
    // A branch that was not taken may hold a column that cannot be read; the message is about another one.
    if (error instanceof ValueError) return undefined
    throw error
  }
}

/** A row number for a message where the schema came as a surprise. */
export const describeSchema = (schema: BatchSchema): string => schema.columns.map(({ name, type }) => `${name} ${type}`).join(", ")
