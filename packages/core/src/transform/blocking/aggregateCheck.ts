/** What `aggregate` makes of columns that are known: the columns of the result, and how its metrics are computed. */
import { checkMetric, type CheckedMetric, type ExpressionIssue } from "../../expression/Expression.ts"
import { type BatchSchema, columnIndex, type ColumnSchema } from "../../model/ColumnType.ts"
import { StepScope } from "../scope.ts"
import type { AggregateStep, StepIssue, StepsSpec } from "../Step.ts"
import { checkColumns } from "./keyedRows.ts"

export interface CheckedAggregate {
  readonly issues: ReadonlyArray<StepIssue>
  /** The keys and then the metrics; undefined where there are issues. */
  readonly output: BatchSchema | undefined
  /** Of the columns that come in. */
  readonly keys: ReadonlyArray<ColumnSchema>
  readonly metrics: ReadonlyArray<CheckedMetric>
}

export const checkAggregate = (spec: StepsSpec, index: number, step: AggregateStep, input: BatchSchema): CheckedAggregate => {
  const scope = new StepScope(input.columns, spec)
  const path = (i: number): string => (step.groupBy.length === 1 ? "group_by" : `group_by[${i}]`)
  checkColumns(
    scope,
    step.groupBy.map((name, i) => ({ name, path: path(i) })),
    index,
    step,
  )
  step.groupBy.forEach((name, i) => {
    if (step.groupBy.indexOf(name) < i)
      scope.issue("DUPLICATE_COLUMN", index, path(i), `\`${name}\` is named twice. Name each column once.`)
  })
  const keys = step.groupBy.map((name) => columnIndex(input, name))
  const known = keys.filter((key) => key >= 0)
  const metrics: Array<CheckedMetric> = []
  const issues: Array<StepIssue> = []
  for (const [name, text] of Object.entries(step.metrics)) {
    if (step.groupBy.includes(name))
      scope.issue("DUPLICATE_COLUMN", index, `metrics.${name}`, `\`${name}\` is a column of group_by too. Give the metric another name.`)
    const result = checkMetric(text, { ...spec, columns: input.columns }, known)
    if (result.ok) metrics.push(result.metric)
    // A key that is not there has been told already, and would only be told again.
    else if (known.length === keys.length) issues.push(...result.issues.map((issue) => metricIssue(issue, index, name)))
  }
  const all = [...scope.issues, ...issues]
  const columns = known.map((key) => input.columns[key]!)
  if (all.length > 0) return { issues: all, output: undefined, keys: columns, metrics }
  const computed = Object.keys(step.metrics).map((name, i): ColumnSchema => {
    const { type, nullable } = metrics[i]!.result
    return { name, type, nullable }
  })
  return { issues: [], output: { columns: [...columns, ...computed] }, keys: columns, metrics }
}

const metricIssue = ({ code, message, position, hint }: ExpressionIssue, step: number, name: string): StepIssue => ({
  code,
  message,
  step,
  path: `transforms[${step}].metrics.${name}`,
  position,
  ...(hint === undefined ? {} : { hint }),
})
