/** `rename`: gives columns other names, all at once, so that two may swap theirs. Columns keep their places. */
import type { StepScope } from "./scope.ts"
import type { RenameStep } from "./Step.ts"

export const checkRename = (step: RenameStep, index: number, scope: StepScope): void => {
  const names = new Map(Object.entries(step.columns))
  for (const name of names.keys()) {
    if (scope.find(name) === undefined) scope.unknownColumn(name, index, `columns.${name}`)
  }
  for (const [old, name] of names) if (scope.broken.has(old)) scope.broken.add(name)
  const renamed = scope.columns.map((column) => ({ ...column, name: names.get(column.name) ?? column.name }))
  renamed.forEach((column, i) => {
    const old = scope.columns[i]!.name
    if (!names.has(old) || renamed.findIndex((other, j) => j !== i && other.name === column.name) < 0) return
    const message = `\`${old}\` cannot become \`${column.name}\`: another column has this name.`
    scope.issue("DUPLICATE_COLUMN", index, `columns.${old}`, message, "Rename that one too, or leave it out with a select before.")
  })
  scope.columns = renamed
}
