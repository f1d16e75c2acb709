/**
 * What becomes of each row, for destinations that merge, keep history or delete: conditions and new values are computed here, in the
 * language of all expressions, so that they mean the same for every database. See docs/decisions/0019-changes-of-rows.md.
 */
import type { RowChanges } from "../contract/Destination.ts"
import { TransformError } from "../contract/Errors.ts"
import type { Batch } from "../model/Batch.ts"
import { type BatchSchema, columnIndex } from "../model/ColumnType.ts"
import type { DecodedChanges, MergeRule } from "../pipeline/decodeChanges.ts"
import type { PlanIssue } from "../pipeline/Plan.ts"
import { placeOf } from "../transform/failure.ts"
import { compileSteps } from "../transform/Segment.ts"
import { PerSchema } from "../transform/stage.ts"
import type { CompiledSteps, MapStep, OnRowError, Step, StepIssue, StepsSpec } from "../transform/Step.ts"
import type { ResolvedDestination } from "./Resolved.ts"

/** What expressions need beside the columns. */
export type ChangesSpec = Pick<StepsSpec, "runtime" | "now" | "backend">

const MATCHED = "#matched"
const MISSING = "#missing"

/** The expressions of a destination, to be parsed before they are needed. */
export const changeExpressions = ({ changes }: ResolvedDestination): ReadonlyArray<string> =>
  changes === undefined ? [] : Object.values(fieldsOf(changes))

/** Rules with what `hard_deletes: key` adds: a row that is gone deletes, whatever the others say. */
const rulesOf = ({ rules, deletedColumn }: DecodedChanges): ReadonlyArray<MergeRule> => {
  const always: ReadonlyArray<MergeRule> = [
    { condition: undefined, action: "update", set: undefined },
    { condition: undefined, action: "insert", set: undefined },
  ]
  const others = rules ?? always
  if (deletedColumn === undefined) return others
  const gone: MergeRule = { condition: quoted(deletedColumn), action: "delete", set: undefined }
  return [gone, ...others]
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

const setName = (rule: number, column: string): string => `#set${rule}.${column}`

/** The columns that are added: what to do with the row, and what rules set. */
const fieldsOf = (changes: DecodedChanges): Readonly<Record<string, string>> => {
  const rules = rulesOf(changes)
  const updates = rules.filter(({ action }) => action !== "insert")
  const inserts = rules.filter(({ action }) => action === "insert")
  let number = 0
  const matched = updates.map(({ action, condition }) => ({ condition, result: action === "delete" ? -1 : ++number }))
  const isGone = changes.deletedColumn === undefined ? [] : [{ condition: quoted(changes.deletedColumn), result: 0 }]
  const missing = [...isGone, ...inserts.map(({ condition }, i) => ({ condition, result: i + 1 }))]
  const sets = rules.flatMap(({ set }, i) => Object.entries(set ?? {}).map(([column, text]) => [setName(i, column), text] as const))
  return { [MATCHED]: choice(matched), [MISSING]: choice(missing), ...Object.fromEntries(sets) }
}

/** The result of the first condition that holds. */
const choice = (cases: ReadonlyArray<{ readonly condition: string | undefined; readonly result: number }>): string =>
  cases.length === 0
    ? "0"
    : `CASE ${cases.map(({ condition, result }) => `WHEN (${condition ?? "true"}\n) THEN ${result}`).join(" ")} ELSE 0 END`

/** What a destination is told of them. */
export const rowChanges = (changes: DecodedChanges): RowChanges => {
  const assignments = (action: MergeRule["action"]) =>
    rulesOf(changes).flatMap((rule, i) =>
      rule.action === action
        ? [rule.set === undefined ? undefined : Object.keys(rule.set).map((column) => ({ column, from: setName(i, column) }))]
        : [],
    )
  return {
    matched: MATCHED,
    missing: MISSING,
    updates: assignments("update"),
    inserts: assignments("insert"),
    added: Object.keys(fieldsOf(changes)),
    lastDecides: changes.rules === undefined,
    absence: changes.absence,
    history: changes.history,
  }
}

/** The columns that are stored, of those that come. */
export const storedSchema = ({ deletedColumn }: DecodedChanges, { columns }: BatchSchema): BatchSchema => ({
  columns: columns.filter(({ name }) => name !== deletedColumn),
})

/** What is wrong with the conditions and values of a destination, over the rows that it will get. */
export const changesIssues = (
  { changes, key, rows }: ResolvedDestination,
  index: number,
  input: BatchSchema | undefined,
  spec: ChangesSpec,
): ReadonlyArray<PlanIssue> => {
  // Columns that are not known yet are looked at when they come.
  if (changes === undefined || input === undefined || input.columns.length === 0 || rows !== undefined) return []
  const place = `destinations[${index}]`
  const check = (step: Step, path: string): ReadonlyArray<PlanIssue> => {
    const result = compileSteps({ ...spec, steps: [step], input }, () => undefined)
    return result.ok ? [] : result.issues.map((issue) => placed(issue, path))
  }
  const names = new Set(input.columns.map(({ name }) => name))
  const missing = [...key, ...(changes.history?.changedAt === undefined ? [] : [changes.history.changedAt])].filter(
    (name) => !names.has(name),
  )
  const deleted = changes.deletedColumn
  return [
    ...missing.map((name): PlanIssue => ({ code: "UNKNOWN_COLUMN", message: `the rows have no column ${name}.`, path: place })),
    ...(deleted === undefined ? [] : check({ type: "filter", condition: quoted(deleted) }, `${place}.deleted_column`)),
    ...(changes.rules ?? []).flatMap(({ condition, set }, i) => [
      ...(condition === undefined ? [] : check({ type: "filter", condition }, `${place}.when[${i}].condition`)),
      ...Object.entries(set ?? {}).flatMap(([name, text]) =>
        check({ type: "map", fields: { [name]: text } }, `${place}.when[${i}].set.${name}`),
      ),
    ]),
  ]
}

const placed = ({ step: _, ...issue }: StepIssue, path: string): PlanIssue => ({ ...issue, path })

/** Adds to the rows of a destination what becomes of them. */
export class ChangedRows {
  private readonly name: string
  private readonly compiled: PerSchema<CompiledSteps>

  constructor(destination: ResolvedDestination, spec: ChangesSpec) {
    this.name = destination.name
    this.compiled = new PerSchema((input) => compileChanges(destination, input, spec))
  }

  /** Without `onRowError` the first row of which something cannot be computed throws its `TransformError`. */
  of(batch: Batch, onRowError: OnRowError | undefined): Batch {
    const report: OnRowError | undefined =
      onRowError === undefined ? undefined : (failure) => onRowError({ ...failure, error: this.placed(failure.error) })
    try {
      return sync(this.compiled.get(batch.schema).run(batch, report)).batch
    } catch (error) {
      throw error instanceof TransformError ? this.placed(error) : error
    }
  }

  /** The error at the destination, and not at a step that nobody has written. */
  private placed(error: TransformError): TransformError {
    const { code, message, row, column, cause } = error
    const step = placeOf({ steps: [mapOf(this.name, {})], runtime: {} }, 0).slice(0, -1)
    const from = message.indexOf(step)
    const to = message.indexOf(")", from)
    const told = from < 0 ? message : `${message.slice(0, from)}${this.name}${message.slice(to + 1)}`
    return new TransformError({
      code,
      message: told,
      path: [this.name],
      cause,
      ...(row === undefined ? {} : { row }),
      ...(column === undefined ? {} : { column }),
    })
  }
}

/** An expression never waits. */
const sync = <A>(result: A | Promise<A>): A => result as A

const mapOf = (name: string, fields: MapStep["fields"]): MapStep => ({ type: "map", name, fields })

const compileChanges = ({ name, changes }: ResolvedDestination, input: BatchSchema, spec: ChangesSpec): CompiledSteps => {
  const fields = fieldsOf(changes!)
  const taken = Object.keys(fields).find((field) => columnIndex(input, field) >= 0)
  if (taken !== undefined) throw unfit(name, `the rows have a column ${taken}, which says here what becomes of them. Rename it.`)
  const select = {
    type: "select",
    columns: [...storedSchema(changes!, input).columns.map((column) => column.name), ...Object.keys(fields)],
  } as const
  const result = compileSteps({ ...spec, steps: [mapOf(name, fields), select], input }, () => undefined)
  if (result.ok) return result.steps
  throw unfit(name, result.issues[0]!.message)
}

const unfit = (name: string, message: string): TransformError =>
  new TransformError({ code: "SCHEMA_CHANGED", message: `${name}: ${message}`, path: [name] })
