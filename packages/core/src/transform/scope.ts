/**
 * What the transparent steps (filter, map, rename, select) do to columns, before any row is there.
 *
 * Every column that a pass knows is a slot: an input column, a constant, or a value that the pass computes. Renaming and selecting only
 * rearrange slots, which is why they cost nothing per row.
 */
import type { ErrorCode } from "../contract/Errors.ts"
import { checkExpression } from "../expression/Expression.ts"
import type { CheckedExpression, ExpressionIssue } from "../expression/Scope.ts"
import type { ColumnSchema, ColumnType } from "../model/ColumnType.ts"
import { nearestName } from "../model/nearestName.ts"
import type { Value } from "../model/Value.ts"
import type { StepIssue, StepsSpec } from "./Step.ts"

export type Slot =
  | { readonly kind: "input"; readonly index: number; readonly type: ColumnType }
  | { readonly kind: "constant"; readonly type: ColumnType; readonly value: Value | null }
  /** `index` counts the computed slots of the pass. */
  | { readonly kind: "computed"; readonly index: number; readonly type: ColumnType }

/** A column as it stands between two steps. */
export interface ScopeColumn extends ColumnSchema {
  readonly slot: Slot
}

/** One expression that is evaluated for every row that gets to it. */
export interface Statement {
  /** Index among all steps. */
  readonly step: number
  /** The map field that it computes; undefined for a condition. */
  readonly field: string | undefined
  readonly expression: CheckedExpression
  /** The columns that the expression counts. */
  readonly scope: ReadonlyArray<ScopeColumn>
  /** The computed slot that takes the value; undefined for a condition. */
  readonly target: Extract<Slot, { readonly kind: "computed" }> | undefined
}

/** Follows the columns from step to step and collects what has to be done per row, and what is wrong. */
export class StepScope {
  readonly spec: Pick<StepsSpec, "runtime" | "now">
  readonly statements: Array<Statement> = []
  readonly issues: Array<StepIssue> = []
  /** Names of fields that could not be checked; what a later step says about them would only repeat the first issue. */
  readonly broken = new Set<string>()
  columns: ReadonlyArray<ScopeColumn>
  private computed = 0

  constructor(columns: ReadonlyArray<ColumnSchema>, spec: Pick<StepsSpec, "runtime" | "now">) {
    this.spec = spec
    this.columns = columns.map((column, index) => ({ ...column, slot: { kind: "input", index, type: column.type } }))
  }

  get computedCount(): number {
    return this.computed
  }

  newSlot(type: ColumnType): Extract<Slot, { readonly kind: "computed" }> {
    return { kind: "computed", index: this.computed++, type }
  }

  names(): ReadonlyArray<string> {
    return this.columns.map((column) => column.name)
  }

  find(name: string): ScopeColumn | undefined {
    return this.columns.find((column) => column.name === name)
  }

  check(text: string, step: number, path: string, expected?: ColumnType): CheckedExpression | undefined {
    const result = checkExpression(text, { ...this.spec, columns: this.columns }, expected)
    if (result.ok) return result.expression
    const follows = Array.from(this.broken).some((name) => text.includes(name))
    for (const issue of result.issues) if (!(follows && FOLLOWING.has(issue.code))) this.issues.push(expressionIssue(issue, step, path))
    return undefined
  }

  issue(code: ErrorCode, step: number, path: string, message: string, hint?: string): void {
    this.issues.push({ code, message, step, path: `transforms[${step}].${path}`, ...(hint === undefined ? {} : { hint }) })
  }

  unknownColumn(name: string, step: number, path: string): void {
    if (this.broken.has(name)) return
    const names = this.names()
    const nearest = nearestName(name, names)
    const hint = nearest === undefined ? `The columns here are: ${listed(names)}.` : `Did you mean \`${nearest}\`?`
    this.issue("UNKNOWN_COLUMN", step, path, `There is no column \`${name}\` at this step.`, hint)
  }
}

const expressionIssue = ({ code, message, position, hint }: ExpressionIssue, step: number, path: string): StepIssue => ({
  code,
  message,
  step,
  path: `transforms[${step}].${path}`,
  position,
  ...(hint === undefined ? {} : { hint }),
})

/** Issues that a column which is missing only because of an earlier issue can cause. */
const FOLLOWING: ReadonlySet<ErrorCode> = new Set(["UNKNOWN_COLUMN", "EXPRESSION_TYPE", "UNKNOWN_FUNCTION"])

const MOST_NAMES = 12

const listed = (names: ReadonlyArray<string>): string =>
  names.length === 0 ? "none" : `${names.slice(0, MOST_NAMES).join(", ")}${names.length > MOST_NAMES ? ", …" : ""}`
