/**
 * `flatten` with `children`: lists of the rows become rows of child tables, which carry the key of their parent and their place in the
 * list.
 *
 * It is the last step, so that only rows which reach the load have children. A list that cannot be taken apart is an error of its row, and
 * then none of the row's children is given.
 */
import { TransformError } from "../contract/Errors.ts"
import { Batch, type Column, setOwn, ValuesColumn } from "../model/Batch.ts"
import { type BatchSchema, columnIndex, type ColumnSchema, type ColumnType, elementType, isArrayType } from "../model/ColumnType.ts"
import { parseJson } from "../model/Json.ts"
import { quoteValue, type Row, toRowValue, ValueError } from "../model/Value.ts"
import { GatheredColumn } from "./derivedColumns.ts"
import { describeSchema, pathOf, placeOf, type RowReporter, sentence } from "./failure.ts"
import { OutputBuilder } from "./outputBuilder.ts"
import { OutputShape } from "./outputShape.ts"
import { StepScope } from "./scope.ts"
import { PerSchema, type Stage, type StageResult } from "./stage.ts"
import type { ChildTable, ChildTablesStep, StepIssue, StepsSpec } from "./Step.ts"

export interface ChildTablesCheck {
  readonly issues: ReadonlyArray<StepIssue>
  /** Columns of the rows themselves. */
  readonly output: BatchSchema | undefined
}

const isList = (type: ColumnType): boolean => type === "json" || isArrayType(type)

export const checkChildTables = (spec: StepsSpec, index: number, step: ChildTablesStep, input: BatchSchema): ChildTablesCheck => {
  const scope = new StepScope(input.columns, spec)
  const own = step.children.filter(({ of }) => of === undefined)
  for (const { name, column, key } of own) {
    const found = scope.find(column)
    if (found === undefined) scope.unknownColumn(column, index, `children.${name}.column`)
    else if (!isList(found.type))
      scope.issue(
        "EXPRESSION_TYPE",
        index,
        `children.${name}.column`,
        `\`${column}\` is ${found.type}, and a child table takes an array or JSON.`,
      )
    for (const { parent } of key) {
      if (scope.find(parent) === undefined) scope.unknownColumn(parent, index, `children.${name}.key`)
      else if (own.some((other) => other.column === parent))
        scope.issue(
          "INVALID_VALUE",
          index,
          `children.${name}.key`,
          `\`${parent}\` becomes a child table itself, so it cannot tell rows apart.`,
        )
    }
  }
  return { issues: scope.issues, output: scope.issues.length > 0 ? undefined : withoutLists(own, input) }
}

const withoutLists = (own: ReadonlyArray<ChildTable>, { columns }: BatchSchema): BatchSchema => ({
  columns: columns.filter(({ name }) => own.every(({ column }) => column !== name)),
})

/** Columns of each child table that are known before an element is: its key, its place, and what is declared. */
export const childSchemas = ({ children }: ChildTablesStep, input: BatchSchema): ReadonlyMap<string, BatchSchema> => {
  const schemas = new Map<string, BatchSchema>()
  for (const table of children) {
    const parent = table.of === undefined ? input : schemas.get(table.of)!
    const declared = Object.entries(table.columns).map(([name, type]): ColumnSchema => ({ name, type, nullable: true }))
    schemas.set(table.name, { columns: [...keySchema(table, parent), ...declared] })
  }
  return schemas
}

const keySchema = ({ key, index }: ChildTable, parent: BatchSchema): ReadonlyArray<ColumnSchema> => [
  ...key.map(({ parent: column, name }): ColumnSchema => ({
    name,
    type: parent.columns[columnIndex(parent, column)]?.type ?? "string",
    nullable: false,
  })),
  { name: index, type: "integer", nullable: false },
]

/** Rows that have lists. */
interface Parents {
  readonly batch: Batch
  /** Physical rows that are in. */
  readonly rows: Iterable<number>
  /** The elements of a row's list; null where it has none. Throws `ValueError`. */
  readonly elements: (column: string, row: number) => ReadonlyArray<unknown> | null
  /** The row of the batch that came in. */
  readonly origin: (row: number) => number
}

/** The elements of one list column, side by side. */
interface Elements {
  /** Physical row of the parent. */
  readonly parents: Array<number>
  readonly places: Array<number>
  readonly items: Array<unknown>
}

interface Problem {
  readonly column: string
  /** Without a full stop. */
  readonly message: string
}

export class ChildTablesStage implements Stage {
  readonly steps: ReadonlyArray<number>
  readonly isAsync = false
  private readonly spec: StepsSpec
  private readonly step: ChildTablesStep
  private readonly shapes = new Map<string, OutputShape>()
  private readonly checked: PerSchema<BatchSchema>

  constructor(spec: StepsSpec, index: number) {
    this.spec = spec
    this.steps = [index]
    this.step = spec.steps[index] as ChildTablesStep
    this.checked = new PerSchema((schema) => this.outputFor(schema))
  }

  private outputFor(schema: BatchSchema): BatchSchema {
    const { issues, output } = checkChildTables(this.spec, this.steps[0]!, this.step, schema)
    const [issue] = issues
    if (issue === undefined) return output!
    const hint = issue.hint === undefined ? "" : ` ${sentence(issue.hint)}`
    const message = `${this.place}: ${sentence(issue.message)}${hint} The rows that came have the columns ${describeSchema(schema)}.`
    throw new TransformError({ code: issue.code, message, path: this.path })
  }

  run(batch: Batch, reporter: RowReporter): StageResult {
    const output = this.checked.get(batch.schema)
    let rows = Array.from({ length: batch.length }, (_, i) => batch.physicalRow(i))
    for (;;) {
      const split = new Split(this.step, this.shapes)
      split.addTables(undefined, rootParents(batch, rows))
      if (split.problems.size === 0) return this.result(batch, output, rows, split.children)
      for (const row of rows) this.report(split.problems.get(row), row, reporter)
      // Their other children must not come out either.
      rows = rows.filter((row) => !split.problems.has(row))
    }
  }

  private result(batch: Batch, output: BatchSchema, rows: ReadonlyArray<number>, children: ReadonlyMap<string, Batch>): StageResult {
    const columns = output.columns.map(({ name }) => batch.columns[columnIndex(batch.schema, name)]!)
    const selection = rows.length === batch.length ? batch.selection : Int32Array.from(rows)
    const count = [...children.values()].reduce((sum, child) => sum + child.length, rows.length)
    return { batch: batch.withColumns(output, columns, selection), passed: [count], children }
  }

  private report(problem: Problem | undefined, row: number, reporter: RowReporter): void {
    if (problem === undefined) return
    const { column, message } = problem
    const number = reporter.rowNumber(row)
    const error = new TransformError({
      code: "VALUE_TYPE",
      message: `${this.place}: row ${number}, column ${column}: ${sentence(message)} ${CORRECT}`,
      path: this.path,
      row: number,
      column,
    })
    reporter.fail(row, this.steps[0]!, error)
  }

  /** The step stands behind `schema`, and is named by where it was written. */
  private get place(): string {
    const steps = [...this.spec.steps]
    steps[this.step.writtenAt] = this.step
    return placeOf({ steps, runtime: this.spec.runtime }, this.step.writtenAt)
  }

  private get path(): ReadonlyArray<string> {
    return pathOf(this.step, this.step.writtenAt)
  }
}

const CORRECT = "Correct the value, filter such rows before, or let error_handling skip them."

const rootParents = (batch: Batch, rows: ReadonlyArray<number>): Parents => ({
  batch,
  rows,
  origin: (row) => row,
  elements: (name, row) => {
    const column = batch.columns[columnIndex(batch.schema, name)]!
    const value = column.value(row)
    if (value === null) return null
    if (column.type === "json") return listOf(parseJson(value as string), value)
    return toRowValue(value, column.type) as ReadonlyArray<unknown>
  },
})

const listOf = (value: unknown, shown: unknown): ReadonlyArray<unknown> | null => {
  if (value === null || value === undefined) return null
  if (!Array.isArray(value)) throw new ValueError("json", `${quoteValue(shown)} is no JSON array`)
  return value
}

/** One batch taken apart. */
class Split {
  readonly children = new Map<string, Batch>()
  /** By row of the batch that came in; the first of each. */
  readonly problems = new Map<number, Problem>()
  private readonly step: ChildTablesStep
  private readonly shapes: Map<string, OutputShape>

  constructor(step: ChildTablesStep, shapes: Map<string, OutputShape>) {
    this.step = step
    this.shapes = shapes
  }

  /** The child tables of these rows, and theirs. */
  addTables(of: string | undefined, parents: Parents): void {
    for (const table of this.step.children) if (table.of === of) this.addTable(table, parents)
  }

  private addTable(table: ChildTable, parents: Parents): void {
    const elements = this.collect(table, parents)
    if (elements.items.length === 0) return
    const lists = new Map(this.step.children.flatMap(({ of, column }) => (of === table.name ? [[column, [] as Array<unknown>]] : [])))
    const reserved = new Set([...table.key.map(({ name }) => name), table.index])
    const origin = (row: number): number => parents.origin(elements.parents[row]!)
    const builder = new OutputBuilder(this.shapeOf(table, parents), placeholder(elements.items.length), "rows", undefined)
    elements.items.forEach((item, i) => {
      const row = rowOf(item, lists, i)
      const taken = Object.keys(row).find((name) => reserved.has(name))
      if (taken !== undefined)
        this.problem(
          origin(i),
          table.column,
          `an element has the key \`${taken}\`, which the child table uses itself: give that another name`,
        )
      builder.replace(i, row)
    })
    const { batch: built, misfits } = builder.build()
    for (const { row, column, message } of misfits) this.problem(origin(row), `${table.name}.${column}`, message)
    const batch = withKey(table, parents.batch, elements, built)
    this.children.set(table.name, batch)
    this.addTables(table.name, {
      batch,
      rows: elements.items.keys(),
      origin,
      elements: (name, row) => listOf(lists.get(name)![row], lists.get(name)![row]),
    })
  }

  private collect(table: ChildTable, parents: Parents): Elements {
    const elements: Elements = { parents: [], places: [], items: [] }
    const keys = table.key.map(({ parent }) => ({ name: parent, column: columnOf(parents.batch, parent) }))
    for (const row of parents.rows) {
      const list = this.listAt(table, parents, row)
      if (list === null || list.length === 0) continue
      const missing = keys.find(({ column }) => column?.isNull(row) ?? true)
      if (missing !== undefined)
        this.problem(
          parents.origin(row),
          missing.name,
          `it is null, and is the key of ${list.length} rows of the child table \`${table.name}\``,
        )
      list.forEach((item, place) => {
        elements.parents.push(row)
        elements.places.push(place)
        elements.items.push(item)
      })
    }
    return elements
  }

  private listAt(table: ChildTable, parents: Parents, row: number): ReadonlyArray<unknown> | null {
    try {
      return parents.elements(table.column, row)
    } catch (error) {
      if (!(error instanceof ValueError)) throw error
      this.problem(parents.origin(row), table.column, error.message)
      return null
    }
  }

  private problem(row: number, column: string, message: string): void {
    if (!this.problems.has(row)) this.problems.set(row, { column, message })
  }

  /** Columns stay once they have come, from batch to batch. Elements of an array column have its type. */
  private shapeOf({ name, column, columns }: ChildTable, { batch }: Parents): OutputShape {
    const type = columnOf(batch, column)?.type
    const declared = type !== undefined && isArrayType(type) ? { value: elementType(type), ...columns } : columns
    const shape = this.shapes.get(name) ?? new OutputShape(declared)
    this.shapes.set(name, shape)
    return shape
  }
}

const columnOf = (batch: Batch, name: string): Column | undefined => batch.columns[columnIndex(batch.schema, name)]

/** As many rows without columns. */
const placeholder = (rowCount: number): Batch => new Batch({ schema: { columns: [] }, columns: [], rowCount, byteSize: 0 })

/** The element as a row; lists that become child tables themselves are put aside under the element's number. */
const rowOf = (item: unknown, lists: ReadonlyMap<string, Array<unknown>>, i: number): Row => {
  if (item === null || item === undefined) return {}
  const row: Row = {}
  if (!isObject(item)) return { value: item }
  for (const name of Object.keys(item)) {
    const list = lists.get(name)
    if (list === undefined) setOwn(row, name, item[name])
    else list[i] = item[name]
  }
  return row
}

/** An object of JSON, and not one that stands for a value, as a decimal does. */
const isObject = (item: unknown): item is Row =>
  typeof item === "object" && item !== null && Object.getPrototypeOf(item) === Object.prototype

/** A rough size of one value of a key. */
const VALUE_BYTES = 32

const withKey = (table: ChildTable, parent: Batch, elements: Elements, built: Batch): Batch => {
  const order = Int32Array.from(elements.parents)
  const keys = table.key.map(({ parent: name }) => columnOf(parent, name))
  const columns = [
    ...keys.map((column) => (column === undefined ? new ValuesColumn("string", []) : new GatheredColumn(column, order))),
    new ValuesColumn("integer", elements.places),
    ...built.columns,
  ]
  return new Batch({
    schema: { columns: [...keySchema(table, parent.schema), ...built.schema.columns] },
    columns,
    rowCount: elements.items.length,
    selection: built.selection,
    byteSize: VALUE_BYTES * columns.length * elements.items.length,
  })
}
