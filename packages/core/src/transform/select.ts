/** `select`: keeps the named columns, in the order in which they are named. */
import type { ScopeColumn, StepScope } from "./scope.ts"
import type { SelectStep } from "./Step.ts"

export const checkSelect = (step: SelectStep, index: number, scope: StepScope): void => {
  const selected: Array<ScopeColumn> = []
  step.columns.forEach((name, i) => {
    const column = scope.find(name)
    if (column === undefined) scope.unknownColumn(name, index, `columns[${i}]`)
    else if (selected.includes(column))
      scope.issue("DUPLICATE_COLUMN", index, `columns[${i}]`, `\`${name}\` is named twice. Name each column once.`)
    else selected.push(column)
  })
  if (step.columns.length === 0)
    scope.issue("INVALID_VALUE", index, "columns", "A select without columns leaves nothing of the rows. Name at least one.")
  scope.columns = selected
}
