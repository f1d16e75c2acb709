/**
 * What steps mean, in the plainest way: one step after the other over all rows, each value decoded and kept. The engine's passes are
 * compared with it.
 */
import { checkExpression, compileClosure, compileCondition } from "../../src/expression/Expression.ts"
import { ExpressionError } from "../../src/expression/ExpressionError.ts"
import type { CheckedExpression } from "../../src/expression/Scope.ts"
import { ValuesColumn } from "../../src/model/Batch.ts"
import type { BatchSchema, ColumnType } from "../../src/model/ColumnType.ts"
import { type Value } from "../../src/model/Value.ts"
import type { TransparentStep } from "../../src/transform/Step.ts"
import type { Table } from "./batches.ts"

export interface NaiveRow {
  /** Index among the rows that came in. */
  readonly index: number
  readonly values: ReadonlyArray<Value | null>
}

export interface NaiveFailure {
  readonly index: number
  readonly step: number
  readonly code: string
}

export interface NaiveResult {
  readonly schema: BatchSchema
  readonly rows: ReadonlyArray<NaiveRow>
  /** Rows out of each step. */
  readonly passed: ReadonlyArray<number>
  readonly failures: ReadonlyArray<NaiveFailure>
}

export interface NaiveScope {
  readonly runtime: Readonly<Record<string, unknown>>
  readonly now: number
}

/** Undefined where a step is wrong. */
export const runNaively = (
  steps: ReadonlyArray<TransparentStep>,
  schema: BatchSchema,
  table: Table,
  scope: NaiveScope,
): NaiveResult | undefined => {
  const state: State = { schema, rows: table.map((values, index) => ({ index, values })), failures: [] }
  const passed: Array<number> = []
  for (const [index, step] of steps.entries()) {
    if (!applyStep(step, index, state, scope)) return undefined
    passed.push(state.rows.length)
  }
  return { schema: state.schema, rows: state.rows, passed, failures: state.failures }
}

interface State {
  schema: BatchSchema
  rows: ReadonlyArray<NaiveRow>
  readonly failures: Array<NaiveFailure>
}

const applyStep = (step: TransparentStep, index: number, state: State, scope: NaiveScope): boolean => {
  switch (step.type) {
    case "filter":
      return applyFilter(step.condition, index, state, scope)
    case "map":
      return applyMap(step.fields, index, state, scope)
    case "rename":
      return applyRename(step.columns, state)
    case "select":
      return applySelect(step.columns, state)
  }
}

const check = (text: string, state: State, scope: NaiveScope, expected?: ColumnType): CheckedExpression | undefined => {
  const result = checkExpression(text, { ...scope, columns: state.schema.columns }, expected)
  return result.ok ? result.expression : undefined
}

/** Goes through all rows; the ones for which `work` throws are failures. */
const forRows = (index: number, state: State, work: (row: NaiveRow) => ReadonlyArray<Value | null> | undefined): void => {
  state.rows = state.rows.flatMap((row) => {
    try {
      const values = work(row)
      return values === undefined ? [] : [{ index: row.index, values }]
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error
      state.failures.push({ index: row.index, step: index, code: error.code })
      return []
    }
  })
}

const columnsOf = ({ schema }: State, { values }: NaiveRow) => schema.columns.map(({ type }, i) => new ValuesColumn(type, [values[i]!]))

const applyFilter = (condition: string, index: number, state: State, scope: NaiveScope): boolean => {
  const expression = check(condition, state, scope, "boolean")
  if (expression === undefined) return false
  const test = compileCondition(expression)
  forRows(index, state, (row) => (test(columnsOf(state, row), 0) ? row.values : undefined))
  return true
}

const applyMap = (fields: Readonly<Record<string, string>>, index: number, state: State, scope: NaiveScope): boolean => {
  const entries = Object.entries(fields).map(([name, text]) => ({ name, expression: check(text, state, scope) }))
  const known = state.schema.columns
  const names = [...new Set([...known.map((column) => column.name), ...entries.map(({ name }) => name)])]
  const closures = entries.map(({ expression }) => (expression === undefined ? undefined : compileClosure(expression)))
  if (closures.includes(undefined)) return false
  forRows(index, state, (row) => {
    const columns = columnsOf(state, row)
    const computed = new Map(entries.map(({ name }, i) => [name, closures[i]!(columns, 0)]))
    return names.map((name) => (computed.has(name) ? computed.get(name)! : row.values[known.findIndex((column) => column.name === name)]!))
  })
  const given = new Map(entries.map(({ name, expression }) => [name, expression!]))
  state.schema = {
    columns: names.map((name) => {
      const expression = given.get(name)
      return expression === undefined
        ? known.find((column) => column.name === name)!
        : { name, type: expression.type, nullable: expression.nullable }
    }),
  }
  return true
}

const applyRename = (columns: Readonly<Record<string, string>>, state: State): boolean => {
  const known = state.schema.columns
  if (Object.keys(columns).some((name) => !known.some((column) => column.name === name))) return false
  const renamed = known.map((column) => ({ ...column, name: Object.hasOwn(columns, column.name) ? columns[column.name]! : column.name }))
  if (new Set(renamed.map((column) => column.name)).size !== renamed.length) return false
  state.schema = { columns: renamed }
  return true
}

const applySelect = (names: ReadonlyArray<string>, state: State): boolean => {
  const places = names.map((name) => state.schema.columns.findIndex((column) => column.name === name))
  if (places.includes(-1) || new Set(places).size !== places.length || places.length === 0) return false
  state.rows = state.rows.map(({ index, values }) => ({ index, values: places.map((place) => values[place]!) }))
  state.schema = { columns: places.map((place) => state.schema.columns[place]!) }
  return true
}
