/**
 * `unnest`: one row for each element of an array column, in order, with the other columns of its row. Rows without an element, null or
 * empty, give none. `flatten`: the keys of a JSON column as columns of their own.
 */
import { TransformError } from "../contract/Errors.ts"
import { Batch, type Column, setOwn, ValuesColumn } from "../model/Batch.ts"
import { type BatchSchema, columnIndex, type ColumnSchema, type ColumnType, elementType, isArrayType } from "../model/ColumnType.ts"
import { parseJson, parseJsonDecimals, stringifyJson } from "../model/Json.ts"
import { quoteValue, type Row, type Value, ValueError } from "../model/Value.ts"
import { GatheredColumn } from "./derivedColumns.ts"
import { describeSchema, pathOf, placeOf, type RowReporter, sentence } from "./failure.ts"
import { OutputBuilder } from "./outputBuilder.ts"
import { OutputShape } from "./outputShape.ts"
import { StepScope } from "./scope.ts"
import { PerSchema, type Stage, type StageResult } from "./stage.ts"
import type { FlattenStep, StepIssue, StepsSpec, UnnestStep } from "./Step.ts"

interface NestedCheck {
  readonly issues: ReadonlyArray<StepIssue>
  readonly output: BatchSchema | undefined
}

/** Checks the step against columns. What `flatten` gives is known only when rows come. */
export const checkNested = (spec: StepsSpec, index: number, step: UnnestStep | FlattenStep, input: BatchSchema): NestedCheck => {
  const scope = new StepScope(input.columns, spec)
  const column = scope.find(step.column)
  if (column === undefined) scope.unknownColumn(step.column, index, "column")
  else if (step.type === "flatten" && column.type !== "json")
    scope.issue("EXPRESSION_TYPE", index, "column", `\`${step.column}\` is ${column.type}, and flatten takes JSON.`)
  else if (step.type === "unnest" && elementOf(column.type) === undefined)
    scope.issue("EXPRESSION_TYPE", index, "column", `\`${step.column}\` is ${column.type}, and unnest takes an array or JSON.`)
  if (step.type === "unnest" && step.as !== undefined && step.as !== step.column && scope.find(step.as) !== undefined)
    scope.issue("DUPLICATE_COLUMN", index, "as", `There is a column \`${step.as}\` already. Give the element another name.`)
  const output = scope.issues.length > 0 || step.type === "flatten" ? undefined : unnested(step, input)
  return { issues: scope.issues, output }
}

/** The type of an element; undefined where there are none. */
const elementOf = (type: ColumnType): ColumnType | undefined =>
  type === "json" ? "json" : isArrayType(type) ? elementType(type) : undefined

const unnested = ({ column, as }: UnnestStep, input: BatchSchema): BatchSchema => ({
  columns: input.columns.map((one): ColumnSchema =>
    one.name === column ? { name: as ?? column, type: elementOf(one.type)!, nullable: true } : one,
  ),
})

/** What both steps share: the column of each batch, checked, and rows whose value is not what it must be. */
abstract class NestedStage<Step extends UnnestStep | FlattenStep> implements Stage {
  readonly steps: ReadonlyArray<number>
  readonly isAsync = false
  protected readonly spec: StepsSpec
  protected readonly step: Step
  private readonly index: number
  private readonly checked: PerSchema<NestedCheck>

  constructor(spec: StepsSpec, index: number) {
    this.spec = spec
    this.index = index
    this.step = spec.steps[index] as Step
    this.steps = [index]
    this.checked = new PerSchema((schema) => {
      const check = checkNested(spec, index, this.step, schema)
      const [issue] = check.issues
      if (issue === undefined) return check
      const hint = issue.hint === undefined ? "" : ` ${sentence(issue.hint)}`
      const message = `${placeOf(spec, index)}: ${sentence(issue.message)}${hint} The rows that came have the columns ${describeSchema(schema)}.`
      throw new TransformError({ code: issue.code, message, path: pathOf(this.step, index) })
    })
  }

  abstract run(batch: Batch, reporter: RowReporter): StageResult

  protected check(batch: Batch): { readonly column: Column; readonly at: number; readonly output: BatchSchema | undefined } {
    const { output } = this.checked.get(batch.schema)
    const at = columnIndex(batch.schema, this.step.column)
    return { column: batch.columns[at]!, at, output }
  }

  protected valueError(row: number, column: string, what: string, advice: string): TransformError {
    return new TransformError({
      code: "VALUE_TYPE",
      message: `${placeOf(this.spec, this.index)}: row ${row}, column ${column}: ${sentence(what)} ${advice}`,
      path: pathOf(this.step, this.index),
      row,
      column,
    })
  }

  /** What `read` makes of a row, or undefined where the row was reported. */
  protected readRow<A>(row: number, reporter: RowReporter, read: (row: number) => A): A | undefined {
    try {
      return read(row)
    } catch (error) {
      if (!(error instanceof ValueError)) throw error
      reporter.fail(row, this.index, this.valueError(reporter.rowNumber(row), this.step.column, error.message, CORRECT))
      return undefined
    }
  }
}

const CORRECT = "Correct the value, or filter such rows before."

export class UnnestStage extends NestedStage<UnnestStep> {
  run(batch: Batch, reporter: RowReporter): StageResult {
    const { column, at, output } = this.check(batch)
    const rows: Array<number> = []
    const values: Array<Value | null> = []
    for (let i = 0; i < batch.length; i++) {
      const row = batch.physicalRow(i)
      for (const value of this.readRow(row, reporter, (one) => elementsOf(column, one)) ?? []) {
        rows.push(row)
        values.push(value)
      }
    }
    const order = Int32Array.from(rows)
    const columns = batch.columns.map((one, i) =>
      i === at ? new ValuesColumn(output!.columns[i]!.type, values) : new GatheredColumn(one, order),
    )
    const { firstRow } = batch
    const byteSize = batch.byteSize + VALUE_BYTES * values.length
    reporter.moved(order)
    return { batch: new Batch({ schema: output!, columns, rowCount: order.length, firstRow, byteSize }), passed: [order.length] }
  }
}

/** A rough size of one element. */
const VALUE_BYTES = 32

const elementsOf = (column: Column, row: number): ReadonlyArray<Value | null> => {
  const value = column.value(row)
  if (value === null) return []
  if (column.type !== "json") return value as ReadonlyArray<Value | null>
  // Each number keeps its digits.
  const parsed = parseJsonDecimals(value as string)
  if (parsed === null) return []
  if (!Array.isArray(parsed)) throw new ValueError("json", `${quoteValue(value)} is no JSON array`)
  return parsed.map((item: unknown) => (item === null ? null : stringifyJson(item)))
}

const ONE_TYPE = "Give the key one type in all rows, or take it out with map and ->> instead."

export class FlattenStage extends NestedStage<FlattenStep> {
  private readonly shape: OutputShape
  /** All columns that keys have given so far: once there, they stay. */
  private readonly names = new Set<string>()

  constructor(spec: StepsSpec, index: number) {
    super(spec, index)
    this.shape = new OutputShape({}, spec.backend)
  }

  run(batch: Batch, reporter: RowReporter): StageResult {
    const { column, at } = this.check(batch)
    const builder = new OutputBuilder(this.shape, batch, "patch", undefined)
    const known = new Set(batch.schema.columns.map(({ name }) => name))
    for (let i = 0; i < batch.length; i++) {
      const row = batch.physicalRow(i)
      const changes = this.readRow(row, reporter, (one) => this.keysOf(column, one, known))
      if (changes !== undefined) builder.patch(row, changes)
    }
    const { batch: built, misfits } = builder.build()
    const index = this.steps[0]!
    for (const { row, column: name, message } of misfits)
      reporter.fail(row, index, this.valueError(reporter.rowNumber(row), name, message, ONE_TYPE))
    const schema = { columns: built.schema.columns.filter((_, i) => i !== at) }
    const flat = built.withColumns(
      schema,
      built.columns.filter((_, i) => i !== at),
    )
    return { batch: flat, passed: [flat.length] }
  }

  private nulls(): Row {
    const row: Row = {}
    for (const name of this.names) setOwn(row, name, null)
    return row
  }

  /** The keys of one object as columns. */
  private keysOf(column: Column, row: number, known: ReadonlySet<string>): Row {
    const value = column.value(row)
    const parsed = value === null ? null : parseJson(value as string)
    if (parsed === null) return this.nulls()
    if (typeof parsed !== "object" || Array.isArray(parsed) || Object.getPrototypeOf(parsed) !== Object.prototype)
      throw new ValueError("json", `${quoteValue(value)} is no JSON object`)
    const changes = this.nulls()
    for (const [key, item] of Object.entries(parsed)) {
      const name = `${this.step.column}${this.step.separator}${key}`
      if (known.has(name)) throw new ValueError("json", `the key \`${key}\` would be the column \`${name}\`, which is there already`)
      setOwn(changes, name, item)
      this.names.add(name)
    }
    return changes
  }
}
