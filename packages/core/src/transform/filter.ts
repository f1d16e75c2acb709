/** `filter`: keeps the rows where the condition is true. False and null drop the row, as in SQL's WHERE. */
import type { StepScope } from "./scope.ts"
import type { FilterStep } from "./Step.ts"

export const checkFilter = (step: FilterStep, index: number, scope: StepScope): void => {
  const expression = scope.check(step.condition, index, "condition", "boolean")
  if (expression === undefined) return
  scope.statements.push({ step: index, field: undefined, expression, scope: scope.columns, target: undefined })
}
