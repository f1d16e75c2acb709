/**
 * `schema`: what columns must be after the steps. A rule is a list of conditions over one column, each an SQL expression or a known form of
 * text; a null passes all of them but `required`.
 *
 * A row that breaks a rule ends the run, or is set aside where the rule says `reject`, whatever the run does with other failing rows.
 */
import { TransformError } from "../contract/Errors.ts"
import { checkExpression, compileCondition, type Condition, ExpressionError } from "../expression/Expression.ts"
import type { Batch } from "../model/Batch.ts"
import { type BatchSchema, columnIndex, type ColumnType } from "../model/ColumnType.ts"
import { didYouMean } from "../model/nearestName.ts"
import { formatValue, quoteValue, type Value, ValueError } from "../model/Value.ts"
import { type RowReporter, sentence } from "./failure.ts"
import { PerSchema, type Stage, type StageResult } from "./stage.ts"
import type { ColumnRule, SchemaStep, StepIssue, StepsSpec } from "./Step.ts"
import { expressionsOfRule } from "./ruleExpressions.ts"
import { matchesForm } from "./textForms.ts"

/** One condition of a rule, in words for messages. */
interface Demand {
  readonly what: string
  readonly holds: Condition
}

interface CompiledRule {
  readonly rule: ColumnRule
  readonly column: number
  readonly demands: ReadonlyArray<Demand>
}

interface Checked {
  readonly issues: ReadonlyArray<StepIssue>
  readonly rules: ReadonlyArray<CompiledRule>
}

const NUMBERS: ReadonlySet<ColumnType> = new Set<ColumnType>(["integer", "double", "decimal"])

/** Checks the rules against columns. The schema of rows stays as it is, save that required columns are never null. */
export const checkSchemaStep = (
  spec: StepsSpec,
  index: number,
  step: SchemaStep,
  input: BatchSchema,
  isPartial = false,
): Checked & { output: BatchSchema } => {
  const issues: Array<StepIssue> = []
  const rules = step.rules.flatMap((rule): ReadonlyArray<CompiledRule> => {
    const column = columnIndex(input, rule.column)
    const issue = (code: StepIssue["code"], key: string | undefined, message: string, hint?: string): void => {
      const path = `schema.${rule.column}${key === undefined ? "" : `.${key}`}`
      issues.push({ code, message, step: index, path, ...(hint === undefined ? {} : { hint }) })
    }
    if (column < 0) {
      const names = input.columns.map(({ name }) => name)
      const hint = didYouMean(rule.column, names).trim() || `The columns here are: ${names.join(", ")}.`
      if (rule.required && !isPartial)
        issue("UNKNOWN_COLUMN", undefined, `There is no column \`${rule.column}\` after the transforms.`, hint)
      return []
    }
    const { type } = input.columns[column]!
    if (rule.type !== undefined && rule.type !== type) {
      issue(
        "EXPRESSION_TYPE",
        "type",
        `\`${rule.column}\` is ${type}, not ${rule.type}.`,
        `Declare the type in the source, or cast it: map: { ${rule.column}: "${rule.column}::…" }.`,
      )
      return []
    }
    if (rule.format !== undefined && type !== "string")
      issue("EXPRESSION_TYPE", "format", `A format is for text, and \`${rule.column}\` is ${type}.`)
    for (const key of ["min", "max"] as const)
      if (rule[key] !== undefined && type !== "string" && !NUMBERS.has(type))
        issue("EXPRESSION_TYPE", key, `\`${key}\` is for numbers and text, and \`${rule.column}\` is ${type}.`)
    if (issues.length > 0) return []
    const demands = expressionsOfRule(rule, type).flatMap(({ key, text }): ReadonlyArray<Demand> => {
      const result = checkExpression(text, { ...spec, columns: input.columns }, "boolean")
      if (result.ok) return [{ what: describe(rule, key, type), holds: compileCondition(result.expression) }]
      for (const found of result.issues) issue(found.code, key, found.message, found.hint)
      return []
    })
    const { format } = rule
    const form: ReadonlyArray<Demand> =
      format === undefined
        ? []
        : [{ what: `is no ${format}`, holds: (columns, row) => matchesForm(columns[column]!.value(row) as string, format) }]
    return [{ rule, column, demands: [...demands, ...form] }]
  })
  const required = new Set(step.rules.filter((rule) => rule.required).map((rule) => rule.column))
  const output = { columns: input.columns.map((column) => (required.has(column.name) ? { ...column, nullable: false } : column)) }
  return { issues, rules, output: input.columns.some(({ name, nullable }) => nullable && required.has(name)) ? output : input }
}

/** What a value is that breaks the rule. */
const describe = (rule: ColumnRule, key: string, type: ColumnType): string => {
  const length = type === "string" ? "characters" : undefined
  switch (key) {
    case "min":
      return length === undefined ? `is below ${rule.min}` : `has fewer than ${rule.min} ${length}`
    case "max":
      return length === undefined ? `is above ${rule.max}` : `has more than ${rule.max} ${length}`
    case "enum":
      return `is none of ${rule.enum!.map((value) => String(value)).join(", ")}`
    default:
      return `does not match ${rule.pattern}`
  }
}

export class SchemaStage implements Stage {
  readonly steps: ReadonlyArray<number>
  readonly isAsync = false
  private readonly spec: StepsSpec
  private readonly index: number
  private readonly checked: PerSchema<ReturnType<typeof checkSchemaStep>>

  constructor(spec: StepsSpec, index: number) {
    this.spec = spec
    this.index = index
    this.steps = [index]
    this.checked = new PerSchema((schema) => {
      const checked = checkSchemaStep(spec, index, spec.steps[index] as SchemaStep, schema, spec.isPartial)
      const [issue] = checked.issues
      if (issue === undefined) return checked
      const message = `${this.pipeline}${issue.path}: ${sentence(issue.message)}${issue.hint === undefined ? "" : ` ${sentence(issue.hint)}`}`
      throw new TransformError({ code: issue.code, message, path: [issue.path] })
    })
  }

  private get pipeline(): string {
    const name = this.spec.runtime["pipeline_name"]
    return typeof name === "string" ? `${name} / ` : ""
  }

  run(batch: Batch, reporter: RowReporter): StageResult {
    const { rules, output } = this.checked.get(batch.schema)
    const kept = new Int32Array(batch.length)
    let count = 0
    for (let i = 0; i < batch.length; i++) {
      const row = batch.physicalRow(i)
      if (this.passes(batch, row, rules, reporter)) kept[count++] = row
    }
    const selection = count === batch.length ? batch.selection : kept.slice(0, count)
    return { batch: batch.withColumns(output, batch.columns, selection), passed: [count] }
  }

  /** Whether the row keeps all rules; the first that it breaks is reported. */
  private passes(batch: Batch, row: number, rules: ReadonlyArray<CompiledRule>, reporter: RowReporter): boolean {
    for (const { rule, column, demands } of rules) {
      const what = this.broken(batch, row, rule, column, demands)
      if (what === undefined) continue
      const error = this.violation(reporter.rowNumber(row), rule.column, what)
      if (rule.onViolation === "reject") reporter.reject(row, this.index, error)
      else reporter.fail(row, this.index, error)
      return false
    }
    return true
  }

  private broken(batch: Batch, row: number, rule: ColumnRule, index: number, demands: ReadonlyArray<Demand>): string | undefined {
    const column = batch.columns[index]!
    try {
      // Text that is none of the column's type is found by reading it.
      const value = column.value(row)
      if (value === null) return rule.required ? "the value is missing" : undefined
      const demand = demands.find(({ holds }) => !holds(batch.columns, row))
      return demand === undefined ? undefined : `${shown(value, column.type)} ${demand.what}`
    } catch (error) {
      if (error instanceof ValueError || error instanceof ExpressionError) return error.message
      throw error
    }
  }

  private violation(row: number, column: string, what: string): TransformError {
    return new TransformError({
      code: "SCHEMA_VIOLATION",
      message: `${this.pipeline}schema.${column}: row ${row}: ${sentence(what)} Correct the row, or set it aside with on_violation: reject.`,
      path: [`schema.${column}`],
      row,
      column,
    })
  }
}

const shown = (value: Value, type: ColumnType): string => (typeof value === "string" ? quoteValue(value) : formatValue(value, type))
