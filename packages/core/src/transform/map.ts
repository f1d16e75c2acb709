/**
 * `map`: adds or replaces columns. All fields see the columns as they were before the step; a replaced column keeps its place, new ones
 * come at the end in the order in which they are written.
 */
import { reviveLiteral } from "../expression/Expression.ts"
import type { CheckedExpression } from "../expression/Scope.ts"
import type { ScopeColumn, Slot, StepScope } from "./scope.ts"
import type { MapStep } from "./Step.ts"

export const checkMap = (step: MapStep, index: number, scope: StepScope): void => {
  const before = scope.columns
  const fields = new Map<string, ScopeColumn>()
  for (const [name, text] of Object.entries(step.fields)) {
    const expression = scope.check(text, index, `fields.${name}`)
    if (expression === undefined) {
      scope.broken.add(name)
      continue
    }
    const slot = slotOf(expression, before, scope)
    if (slot.kind === "computed") scope.statements.push({ step: index, field: name, expression, scope: before, target: slot })
    fields.set(name, { name, type: expression.type, nullable: expression.nullable, slot })
  }
  const replaced = before.map((column) => fields.get(column.name) ?? column)
  const added = Array.from(fields.values()).filter((field) => !before.some((column) => column.name === field.name))
  scope.columns = [...replaced, ...added]
}

/** A bare column is the same column under another name, and a constant is one value for all rows; neither is computed per row. */
const slotOf = (expression: CheckedExpression, before: ReadonlyArray<ScopeColumn>, scope: StepScope): Slot => {
  const { node, type } = expression
  if (node.kind === "constant") return { kind: "constant", type, value: reviveLiteral(node.value, type) }
  const column = node.kind === "column" ? before[node.index] : undefined
  return column !== undefined && column.type === type ? column.slot : scope.newSlot(type)
}
