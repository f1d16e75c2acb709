/** Runs checked expressions by both back ends, and says what came out as text, so that values, nulls and errors compare alike. */
import {
  type CheckedExpression,
  checkExpression,
  compileClosure,
  compileCondition,
  emitCondition,
  type Emitter,
  emitExpression,
  ExpressionError,
  type Scope,
  type TextField,
} from "../../src/expression/Expression.ts"
import { formatAs } from "../../src/expression/functions/format.ts"
import { runtime } from "../../src/expression/runtime.ts"
import type { Column } from "../../src/model/Batch.ts"
import type { ColumnType } from "../../src/model/ColumnType.ts"
import { type Value, ValueError } from "../../src/model/Value.ts"
import { TextColumn } from "../../src/text/TextRows.ts"

export const emptyScope: Scope = { columns: [], runtime: {}, now: Date.parse("2025-03-04T05:06:07.890Z") }

/** The checked expression as a worker thread would get it. */
export const checked = (text: string, scope: Scope, expected?: ColumnType): CheckedExpression => {
  const result = checkExpression(text, scope, expected)
  if (result.ok) return structuredClone(result.expression)
  throw new Error(`${text}\n${result.issues.map((issue) => `${issue.code} at ${issue.position}: ${issue.message}`).join("\n")}`)
}

export type Evaluate = (columns: ReadonlyArray<Column>, row: number) => Value | null

interface Generated {
  readonly source: string
  readonly run: Evaluate
}

/** The generated code of an expression, made for the way in which these columns are stored. */
export const generated = (expression: CheckedExpression, columns: ReadonlyArray<Column>, kind: "value" | "condition"): Generated => {
  const constants: Array<unknown> = []
  let locals = 0
  const emitter: Emitter = {
    column: (index) => `columns[${index}].value(row)`,
    isNull: (index) => `columns[${index}].isNull(row)`,
    textField: (index) => textFieldOf(columns[index]!, index),
    constant: (value) => `constants[${constants.push(value) - 1}]`,
    runtime: (name) => `runtime.${name}`,
    local: () => `local${locals++}`,
  }
  const source = kind === "value" ? emitExpression(expression, emitter) : `(${emitCondition(expression, emitter)}) ? true : false`
  const names = Array.from({ length: locals + 1 }, (_, i) => `local${i}`).join(", ")
  const make = new Function("constants", "runtime", `"use strict"; return (columns, row) => { let ${names}; return ${source} }`)
  return { source, run: make(constants, runtime) as Evaluate }
}

const textFieldOf = (column: Column, index: number): TextField | undefined => {
  if (!(column instanceof TextColumn)) return undefined
  const { rows, field } = column
  const cell = `row * ${rows.columns} + ${field}`
  const of = (member: string): string => `columns[${index}].rows.${member}`
  if (rows.format === "json") {
    return {
      format: "json",
      buffer: of("buffer"),
      start: `${of("spans")}[2 * (${cell})]`,
      end: `${of("spans")}[2 * (${cell}) + 1]`,
      kind: `${of("kinds")}[${cell}]`,
    }
  }
  const tail = rows.crlf && field === rows.columns - 1 ? 2 : 1
  const { quote, quotes, nulls } = rows
  return {
    format: "csv",
    buffer: of("buffer"),
    start: `${of("offsets")}[${cell}]`,
    end: `(${of("offsets")}[${cell} + 1] - ${tail})`,
    quote,
    quotes,
    nulls,
  }
}

/** `decimal 1.50`, `decimal NULL`, `error DIVISION_BY_ZERO 1 / 0: …` */
export const outcome = (run: () => Value | null, type: ColumnType): string => {
  try {
    const value = run()
    return value === null ? `${type} NULL` : `${type} ${formatAs(value, type)}`
  } catch (error) {
    if (error instanceof ExpressionError) return `error ${error.code} ${error.message}`
    if (error instanceof ValueError) return `error VALUE ${error.message}`
    throw error
  }
}

/** The outcomes of both back ends, as value and (for booleans) as condition. */
export const outcomes = (
  expression: CheckedExpression,
  columns: ReadonlyArray<Column>,
  row: number,
): ReadonlyArray<readonly [string, string]> => {
  const pairs: Array<readonly [string, string]> = [
    [
      outcome(() => compileClosure(expression)(columns, row), expression.type),
      outcome(() => generated(expression, columns, "value").run(columns, row), expression.type),
    ],
  ]
  if (expression.type === "boolean") {
    pairs.push([
      outcome(() => compileCondition(expression)(columns, row), "boolean"),
      outcome(() => generated(expression, columns, "condition").run(columns, row), "boolean"),
    ])
  }
  return pairs
}
