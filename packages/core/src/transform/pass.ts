/**
 * Neighbouring transparent steps as one pass over a batch: what is evaluated per row, and which slots become which columns.
 *
 * A pass depends on the schema alone. The function that runs it depends on how the columns are stored too; see `passCode.ts` and
 * `passClosures.ts`.
 */
import { type BatchSchema, type ColumnSchema } from "../model/ColumnType.ts"
import type { Column } from "../model/Batch.ts"
import type { Value } from "../model/Value.ts"
import { checkFilter } from "./filter.ts"
import { checkMap } from "./map.ts"
import { checkRename } from "./rename.ts"
import { type Slot, type Statement, StepScope } from "./scope.ts"
import { checkSelect } from "./select.ts"
import type { StepIssue, StepsSpec, TransparentStep } from "./Step.ts"

export interface Pass {
  readonly input: BatchSchema
  readonly output: BatchSchema
  /** Index of the first step among all steps. */
  readonly first: number
  /** How many steps it does. */
  readonly count: number
  readonly statements: ReadonlyArray<Statement>
  /** The slot of each output column. */
  readonly slots: ReadonlyArray<Slot>
  readonly computed: number
  /** The schema after each step. */
  readonly schemas: ReadonlyArray<BatchSchema>
  /** Input columns that are read or carried to the output. */
  readonly used: ReadonlySet<number>
  /** Whether every column that comes in and is not named goes out, so that a column nobody knew of does too. */
  readonly isOpen: boolean
}

export type PassCheck = { readonly ok: true; readonly pass: Pass } | { readonly ok: false; readonly issues: ReadonlyArray<StepIssue> }

/** What a pass does to the rows of one batch. */
export interface PassOutcome {
  /** Physical rows that are left, at the start of the array; undefined where all are. */
  readonly rows: Int32Array | undefined
  readonly kept: number
  /** Rows that each condition let through, in the order of the statements. */
  readonly passed: ReadonlyArray<number>
  /** Values of the computed slots, by physical row. */
  readonly values: ReadonlyArray<Array<Value | null | undefined>>
}

/** Called for a row that cannot be computed; returns where the row is to be dropped, throws where the run is to end. */
export type PassFailure = (error: unknown, row: number, statement: number, computed: ReadonlyArray<Value | null | undefined>) => void

export type RunPass = (
  columns: ReadonlyArray<Column>,
  rowCount: number,
  selection: Int32Array | undefined,
  length: number,
  fail: PassFailure,
) => PassOutcome

export const checkPass = (
  steps: ReadonlyArray<TransparentStep>,
  first: number,
  input: BatchSchema,
  spec: Pick<StepsSpec, "runtime" | "now">,
): PassCheck => {
  const scope = new StepScope(input.columns, spec)
  const schemas = steps.map((step, i) => {
    checkStep(step, first + i, scope)
    return schemaOf(scope.columns)
  })
  if (scope.issues.length > 0) return { ok: false, issues: scope.issues }
  const slots = scope.columns.map((column) => column.slot)
  const pass: Pass = {
    input,
    output: schemas.at(-1) ?? input,
    first,
    count: steps.length,
    statements: scope.statements,
    slots,
    computed: scope.computedCount,
    schemas,
    used: usedInputs(scope.statements, slots),
    isOpen: steps.every((step) => step.type !== "select"),
  }
  return { ok: true, pass }
}

const checkStep = (step: TransparentStep, index: number, scope: StepScope): void => {
  switch (step.type) {
    case "filter":
      return checkFilter(step, index, scope)
    case "map":
      return checkMap(step, index, scope)
    case "rename":
      return checkRename(step, index, scope)
    case "select":
      return checkSelect(step, index, scope)
  }
}

const schemaOf = (columns: ReadonlyArray<ColumnSchema>): BatchSchema => ({
  columns: columns.map(({ name, type, nullable }) => ({ name, type, nullable })),
})

/** Input columns that are read by statements, or are among these slots. */
export const usedInputs = (statements: ReadonlyArray<Statement>, slots: ReadonlyArray<Slot>): ReadonlySet<number> => {
  const read = statements.flatMap((statement) => statement.expression.columns.map((column) => statement.scope[column]!.slot))
  return new Set([...read, ...slots].flatMap((slot) => (slot.kind === "input" ? [slot.index] : [])))
}
