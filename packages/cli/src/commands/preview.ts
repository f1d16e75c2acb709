/** `deltaflow preview`: rows after a step, or what they would change in a destination with a key. Nothing is written. */
import { type BatchSchema, type ColumnType, formatValue, fromRowValue, type Preview, type RowValue, stringifyJson } from "@deltaflow/core"
import { table } from "@deltaflow/core/table"
import { countFlag, type Invocation, isSet, type RunCommand, UsageError } from "../Command.ts"
import { count } from "../Live.ts"
import { type Difference, differencesOf, type PreviewedRows, type RowChange } from "../rowDifference.ts"
import { lookingAt, onePipeline, openSession } from "../session.ts"

export const run: RunCommand = async (invocation) => {
  const limit = countFlag(invocation, "limit")
  const step = countFlag(invocation, "step")
  await using session = await openSession(invocation, { files: invocation.operands, inMemory: true })
  const { engine, project } = session
  const pipeline = onePipeline(invocation, project)
  if (step !== undefined && step > pipeline.steps.length)
    throw new UsageError(`--step ${step}: the pipeline has ${pipeline.steps.length} step${pipeline.steps.length === 1 ? "" : "s"}.`)
  const options = { ...(limit === undefined ? {} : { limit }), ...(step === undefined ? {} : { step }) }
  const preview = await lookingAt(project, pipeline, engine.preview(pipeline, options))
  const isWhole = step === undefined || step === pipeline.steps.length
  const differences = isWhole ? await differencesOf(session, pipeline, preview) : []
  if (isSet(invocation, "json")) sayJson(invocation, preview, differences)
  else sayText(invocation, preview, differences)
  return 0
}

const sayJson = ({ terminal }: Invocation, { rows, children }: Preview, differences: ReadonlyArray<Difference>): void => {
  if (differences.length === 0) for (const row of rows) terminal.data(stringifyJson(row))
  if (differences.length === 0)
    for (const child of children) for (const row of child.rows) terminal.data(stringifyJson({ table: child.name, row }))
  for (const { destination, problem, rows: changes } of differences) {
    if (problem !== undefined) terminal.data(stringifyJson({ destination, problem }))
    for (const { change, row, before } of changes) terminal.data(stringifyJson({ destination, change, row, before: before ?? null }))
  }
}

const sayText = ({ terminal }: Invocation, preview: Preview, differences: ReadonlyArray<Difference>): void => {
  const known = differences.filter(({ problem }) => problem === undefined)
  if (known.length === 0) {
    terminal.data(previewTable(preview))
    for (const { name, ...child } of preview.children) terminal.data(`\n${name}\n${previewTable(child)}`)
    const counts = [preview, ...preview.children].map(({ rows }) => rows.length)
    const names = ["", ...preview.children.map(({ name }) => ` of ${name}`)]
    terminal.say(`${counts.map((rows, i) => `${rows} row${rows === 1 ? "" : "s"}${names[i]}`).join(", ")}, nothing was written`)
  }
  for (const difference of known) {
    terminal.data(differenceTable(difference))
    const number = (change: RowChange["change"]): string =>
      `${count(difference.rows.filter((row) => row.change === change).length)} ${change}`
    terminal.say(`${difference.destination}: ${number("inserted")}, ${number("updated")}, ${number("unchanged")}; nothing was written`)
  }
  for (const { destination, problem } of differences)
    if (problem !== undefined) terminal.say(`${terminal.style("yellow", "!")} ${destination}: what would change is not known: ${problem}`)
}

export const previewTable = ({ schema, rows }: PreviewedRows): string =>
  table(
    tableColumns(schema),
    rows.map((row) => cells(schema, row)),
  )

const MARKS = { inserted: "+", updated: "~", unchanged: " " } as const

/** `+` a new row, `~` one that changes, with the old value before the new one. */
const differenceTable = ({ schema, rows }: Difference): string =>
  table(
    [{ title: "" }, ...tableColumns(schema)],
    rows.map(({ change, row, before, columns }) => {
      const now = cells(schema, row)
      const old = before === undefined ? [] : schema.columns.map(({ name }) => shown(before[name]))
      return [MARKS[change], ...now.map((text, i) => (columns.includes(schema.columns[i]!.name) ? `${old[i]} → ${text}` : text))]
    }),
  )

/** A value whose type in the destination may be another one than in the rows. */
const shown = (value: RowValue | undefined): string => {
  if (value === null || value === undefined) return "null"
  return typeof value === "string" ? unmistakable(value) : stringifyJson(value)
}

const tableColumns = (schema: BatchSchema) =>
  schema.columns.map(({ name, type }) => ({ title: name, note: type, align: isNumber(type) ? ("right" as const) : ("left" as const) }))

const isNumber = (type: ColumnType): boolean => type === "integer" || type === "double" || type === "decimal"

const cells = ({ columns }: BatchSchema, row: Readonly<Record<string, RowValue>>): ReadonlyArray<string> =>
  columns.map(({ name, type }) => {
    const value = fromRowValue(row[name], type)
    if (value === null) return "null"
    return type === "string" ? unmistakable(formatValue(value, type)) : formatValue(value, type)
  })

/** The word is not taken for the value. */
const unmistakable = (text: string): string => (text === "null" ? '"null"' : text)
