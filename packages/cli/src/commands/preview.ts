/** `deltaflow preview`: rows after a step. Nothing is written. */
import { type BatchSchema, type ColumnType, formatValue, fromRowValue, type Preview, type RowValue, stringifyJson } from "@deltaflow/core"
import { countFlag, isSet, type RunCommand } from "../Command.ts"
import { lookingAt, onePipeline, openSession } from "../session.ts"
import { table } from "../table.ts"

export const run: RunCommand = async (invocation) => {
  const limit = countFlag(invocation, "limit")
  const step = countFlag(invocation, "step")
  await using session = await openSession(invocation, { files: invocation.operands, inMemory: true })
  const { engine, project } = session
  const pipeline = onePipeline(invocation, project)
  const options = { ...(limit === undefined ? {} : { limit }), ...(step === undefined ? {} : { step }) }
  const preview = await lookingAt(project, pipeline, engine.preview(pipeline, options))
  const { terminal } = invocation
  if (isSet(invocation, "json")) {
    for (const row of preview.rows) terminal.data(stringifyJson(row))
  } else {
    terminal.data(previewTable(preview))
    terminal.say(`${preview.rows.length} row${preview.rows.length === 1 ? "" : "s"}, nothing was written`)
  }
  return 0
}

export const previewTable = ({ schema, rows }: Preview): string =>
  table(
    schema.columns.map(({ name, type }) => ({ title: name, note: type, align: isNumber(type) ? "right" : "left" })),
    rows.map((row) => cells(schema, row)),
  )

const isNumber = (type: ColumnType): boolean => type === "integer" || type === "double" || type === "decimal"

const cells = ({ columns }: BatchSchema, row: Readonly<Record<string, RowValue>>): ReadonlyArray<string> =>
  columns.map(({ name, type }) => {
    const value = fromRowValue(row[name], type)
    return value === null ? "null" : formatValue(value, type)
  })
