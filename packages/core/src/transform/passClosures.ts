/** A pass as closures, for hosts that allow no generated code. It gives the same values, counts and errors as `passCode.ts`. */
import { type Closure, compileClosure, compileCondition, type Condition } from "../expression/Expression.ts"
import { type Column, ConstantColumn, ComputedColumn } from "../model/Batch.ts"
import type { ColumnType } from "../model/ColumnType.ts"
import type { Value } from "../model/Value.ts"
import { columnsRead } from "./passCode.ts"
import type { Pass, RunPass } from "./pass.ts"
import type { Slot, Statement } from "./scope.ts"

type Values = Array<Value | null | undefined>

export const closurePass = (pass: Pass): RunPass => {
  const evaluate = pass.statements.map(({ expression, target }): Closure | Condition =>
    target === undefined ? compileCondition(expression) : compileClosure(expression),
  )
  const read = columnsRead(pass)
  return (columns, rowCount, selection, length, fail) => {
    const values = Array.from({ length: pass.computed }, (): Values => Array.from({ length: rowCount }))
    const inputs = rememberingColumns(columns, read)
    const scopes = pass.statements.map((statement) => scopeColumns(statement, inputs, values))
    const passed = pass.statements.map(() => 0)
    const rows = new Int32Array(length)
    let kept = 0

    /** Gives whether the row is still in. */
    const evaluateRow = (row: number): boolean => {
      for (let at = 0; at < evaluate.length; at++) {
        try {
          const value = evaluate[at]!(scopes[at]!, row)
          const { target } = pass.statements[at]!
          if (target !== undefined) values[target.index]![row] = value
          else if (value === true) passed[at]!++
          else return false
        } catch (error) {
          fail(
            error,
            row,
            at,
            values.map((column) => column[row]),
          )
          return false
        }
      }
      return true
    }

    for (let i = 0; i < length; i++) {
      const row = selection === undefined ? i : selection[i]!
      if (evaluateRow(row)) rows[kept++] = row
    }
    return { rows, kept, passed: passed.filter((_, at) => pass.statements[at]!.target === undefined), values }
  }
}

/** The columns that an expression counts. Those that it does not read are never asked. */
const scopeColumns = (statement: Statement, inputs: ReadonlyArray<Column>, values: ReadonlyArray<Values>): ReadonlyArray<Column> =>
  statement.scope.map(({ slot }) => slotColumn(slot, inputs, values))

const slotColumn = (slot: Slot, inputs: ReadonlyArray<Column>, values: ReadonlyArray<Values>): Column => {
  if (slot.kind === "input") return inputs[slot.index]!
  return slot.kind === "constant" ? new ConstantColumn(slot.type, slot.value) : new ComputedColumn(slot.type, values[slot.index]!)
}

const rememberingColumns = (columns: ReadonlyArray<Column>, read: ReadonlyArray<number>): ReadonlyArray<Column> => {
  const result = [...columns]
  for (const index of read) result[index] = new RememberingColumn(columns[index]!)
  return result
}

/** Decodes the row at hand once, however often it is read. */
class RememberingColumn implements Column {
  readonly type: ColumnType
  private readonly column: Column
  private row = -1
  private last: Value | null = null

  constructor(column: Column) {
    this.type = column.type
    this.column = column
  }

  value(row: number): Value | null {
    if (row === this.row) return this.last
    this.last = this.column.value(row)
    this.row = row
    return this.last
  }

  isNull(row: number): boolean {
    return this.column.isNull(row)
  }
}
