/** Which columns a join has, and what they are made of. */
import { type BatchSchema, columnIndex, type ColumnSchema, type ColumnType } from "../../model/ColumnType.ts"
import { didYouMean } from "../../model/nearestName.ts"
import { widenRowTypes } from "../derivedColumns.ts"
import { StepScope } from "../scope.ts"
import type { JoinStep, StepIssue, StepsSpec } from "../Step.ts"
import { checkColumns } from "./keyedRows.ts"

/** One pair of columns that must be equal. */
export interface JoinKey {
  readonly left: string
  readonly right: string
  /** The type as which both are compared. */
  readonly type: ColumnType
}

/** A column of the other source that comes out. */
export interface JoinedColumn {
  readonly from: string
  /** Its own name, or with that of the source in front where the rows have a column of that name. */
  readonly name: string
}

export interface JoinLayout {
  readonly issues: ReadonlyArray<StepIssue>
  readonly keys: ReadonlyArray<JoinKey>
  /** Keys are not among them: they are equal to those of the rows. */
  readonly added: ReadonlyArray<JoinedColumn>
  readonly output: BatchSchema
}

/** Whether rows come out that have no match on the other side. */
export const keepsLeft = ({ how }: JoinStep): boolean => how === "left" || how === "full"
export const keepsRight = ({ how }: JoinStep): boolean => how === "right" || how === "full"
/** Whether only rows of the left side come out. */
export const isSelection = ({ how }: JoinStep): boolean => how === "semi" || how === "anti"

export const joinLayout = (spec: StepsSpec, index: number, step: JoinStep, left: BatchSchema, right: BatchSchema): JoinLayout => {
  const scope = new StepScope(left.columns, spec)
  const path = (i: number): string => (step.on.length === 1 ? "on" : `on[${i}]`)
  const written = step.on.filter((key) => isCondition(key, scope))
  for (const key of written) {
    const message = `\`${key.left}\` is no column, and looks like a condition.`
    scope.issue("UNKNOWN_COLUMN", index, path(step.on.indexOf(key)), message, "Write it under `condition` in place of `on`.")
  }
  const named = step.on.filter((key) => !written.includes(key))
  checkColumns(
    scope,
    named.map((key) => ({ name: key.left, path: path(step.on.indexOf(key)) })),
    index,
    step,
  )
  const keys = named.flatMap((key): ReadonlyArray<JoinKey> => {
    const i = step.on.indexOf(key)
    const own = scope.find(key.left)
    const other = right.columns[columnIndex(right, key.right)]
    if (other === undefined) {
      const names = right.columns.map(({ name }) => name)
      const hint = didYouMean(key.right, names).trim() || `It has the columns ${names.join(", ")}.`
      scope.issue("UNKNOWN_COLUMN", index, path(i), `The source \`${step.with}\` has no column \`${key.right}\`.`, hint)
      return []
    }
    if (own === undefined) return []
    const type = widenRowTypes(own.type, other.type)
    if (type !== undefined) return [{ ...key, type }]
    const message = `\`${key.left}\` is ${own.type} and \`${key.right}\` of \`${step.with}\` is ${other.type}, which are never equal.`
    scope.issue("EXPRESSION_TYPE", index, path(i), message, "Declare the same type for both, under `columns` of a source.")
    return []
  })
  const paired = addedColumns(step, left, right)
  const added = isSelection(step) ? [] : paired
  // A condition sees all columns, also where only those of the rows come out.
  for (const { name } of step.condition === undefined ? added : paired) {
    if (columnIndex(left, name) < 0) continue
    scope.issue("DUPLICATE_COLUMN", index, "with", `The rows already have a column \`${name}\`.`, "Rename it before the join.")
  }
  if (step.condition !== undefined && scope.issues.length === 0) {
    const columns = new StepScope(pairSchema(left, right, paired).columns, spec)
    columns.check(step.condition, index, "condition", "boolean")
    scope.issues.push(...columns.issues.map((issue) => ({ ...issue, path: `transforms[${index}].condition` })))
  }
  return { issues: scope.issues, keys, added, output: outputOf(step, left, right, keys, added) }
}

const isCondition = ({ left, right }: JoinStep["on"][number], scope: StepScope): boolean =>
  left === right && /[=<>]/.test(left) && scope.find(left) === undefined

/** The columns of a pair before anything is left out, under the names that they have behind the join. */
export const pairSchema = (left: BatchSchema, right: BatchSchema, added: ReadonlyArray<JoinedColumn>): BatchSchema => ({
  columns: [...left.columns, ...added.map((column) => ({ ...right.columns[rightColumn(right, column)]!, name: column.name }))],
})

export const rightColumn = (right: BatchSchema, { from }: JoinedColumn): number => columnIndex(right, from)

export const addedColumns = (step: JoinStep, left: BatchSchema, right: BatchSchema): ReadonlyArray<JoinedColumn> =>
  right.columns.flatMap(({ name }) => {
    if (step.on.some((key) => key.right === name)) return []
    return [{ from: name, name: columnIndex(left, name) < 0 ? name : `${step.with}_${name}` }]
  })

/** The columns that come out, for rows of these. */
export const outputOf = (
  step: JoinStep,
  left: BatchSchema,
  right: BatchSchema,
  keys: ReadonlyArray<JoinKey>,
  added: ReadonlyArray<JoinedColumn>,
): BatchSchema => {
  const own = left.columns.map((column): ColumnSchema => {
    const key = keysBoth(step) ? keys.find((one) => one.left === column.name) : undefined
    const nullable = column.nullable || (keepsRight(step) && key === undefined) || (key !== undefined && isNullable(right, key.right))
    return { name: column.name, type: key?.type ?? column.type, nullable }
  })
  const others = added.map(({ from, name }): ColumnSchema => {
    const column = right.columns[columnIndex(right, from)]!
    return { name, type: column.type, nullable: column.nullable || keepsLeft(step) }
  })
  return { columns: [...own, ...others] }
}

/** Whether a key's value may have to be taken from the other side. */
export const keysBoth = (step: JoinStep): boolean => keepsRight(step)

const isNullable = (schema: BatchSchema, name: string): boolean => schema.columns[columnIndex(schema, name)]?.nullable ?? true
