/** Neighbouring transparent steps, done in one pass per batch. */
import { TransformError } from "../contract/Errors.ts"
import { type Batch, type Column, ConstantColumn, ComputedColumn } from "../model/Batch.ts"
import { type BatchSchema, isSameSchema } from "../model/ColumnType.ts"
import { describeSchema, placeOf, type RowReporter, sentence, statementError } from "./failure.ts"
import { checkPass, type Pass, type PassFailure, type PassOutcome, type RunPass } from "./pass.ts"
import { closurePass } from "./passClosures.ts"
import { codePass } from "./passCode.ts"
import { filledBatch, partialPass, wholeSchema } from "./partialPass.ts"
import type { Slot } from "./scope.ts"
import { PerSchema, type Stage, type StageResult } from "./stage.ts"
import type { StepIssue, StepsSpec, TransparentStep } from "./Step.ts"

interface Compiled {
  readonly pass: Pass
  readonly run: RunPass
  /** The columns that the pass takes, where a batch lacks some of them. */
  readonly whole: BatchSchema | undefined
}

export class FusedStage implements Stage {
  readonly steps: ReadonlyArray<number>
  readonly isAsync = false
  private readonly spec: StepsSpec
  private readonly compiled: PerSchema<Compiled>

  /** `known` is the pass for the schema that was planned with, where there is one. */
  constructor(spec: StepsSpec, steps: ReadonlyArray<number>, known: Pass | undefined) {
    this.spec = spec
    this.steps = steps
    this.compiled = new PerSchema((schema) => {
      const whole = spec.isPartial === true && known !== undefined ? wholeSchema(known.input, schema) : schema
      const planned = known !== undefined && isSameSchema(known.input, whole) ? known : this.check(whole)
      const isWhole = whole.columns.length === schema.columns.length
      const pass = isWhole ? planned : this.partial(planned, schema)
      return { pass, run: spec.backend === "code" ? codePass(pass) : closurePass(pass), whole: isWhole ? undefined : whole }
    })
  }

  private partial(planned: Pass, schema: BatchSchema): Pass {
    const { pass, unknown } = partialPass(planned, schema)
    if (unknown === undefined) return pass
    const step = unknown.statement.step
    throw new TransformError({
      code: "UNKNOWN_COLUMN",
      message: `${placeOf(this.spec, step)}: its condition reads \`${unknown.column}\`, and rows came without it: the source gives only parts of some rows, such as the key of one that was deleted. Let it give whole rows, as PostgreSQL does with REPLICA IDENTITY FULL, or leave the column out of the condition.`,
      path: [`transforms[${step}]`],
      column: unknown.column,
    })
  }

  private check(schema: BatchSchema): Pass {
    const result = checkTransparent(this.spec, this.steps, schema)
    if (result.ok) return result.pass
    throw schemaError(this.spec, result.issues[0]!, schema)
  }

  run(given: Batch, reporter: RowReporter): StageResult {
    const { pass, run, whole } = this.compiled.get(given.schema)
    const batch = whole === undefined ? given : filledBatch(given, whole)
    if (pass.statements.length === 0)
      return { batch: arrange(batch, pass, [], batch.selection), passed: pass.schemas.map(() => batch.length) }
    const failures = new Map<number, number>()
    const fail: PassFailure = (error, row, at, computed) => {
      const statement = pass.statements[at]!
      const rowNumber = reporter.rowNumber(row)
      reporter.fail(
        row,
        statement.step,
        statementError({ spec: this.spec, statement, error, row, rowNumber, columns: batch.columns, computed }),
      )
      failures.set(statement.step, (failures.get(statement.step) ?? 0) + 1)
    }
    const outcome = run(batch.columns, batch.rowCount, batch.selection, batch.length, fail)
    return {
      batch: arrange(batch, pass, outcome.values, selectionAfter(batch, outcome)),
      passed: passedBySteps(pass, batch.length, outcome, failures),
    }
  }
}

export const checkTransparent = (spec: StepsSpec, steps: ReadonlyArray<number>, schema: BatchSchema) =>
  checkPass(
    steps.map((index) => spec.steps[index] as TransparentStep),
    steps[0]!,
    schema,
    spec,
  )

/** The rows came with other columns than planned, and a step does not work with them. */
const schemaError = (spec: StepsSpec, issue: StepIssue, schema: BatchSchema): TransformError =>
  new TransformError({
    code: issue.code,
    message: `${placeOf(spec, issue.step)}: ${sentence(issue.message)}${issue.hint === undefined ? "" : ` ${sentence(issue.hint)}`} The rows that came have the columns ${describeSchema(schema)}.`,
    path: issue.path.split(/\.(.*)/s).filter((part) => part !== ""),
    ...(issue.hint === undefined ? {} : { hint: issue.hint }),
  })

const selectionAfter = (batch: Batch, { rows, kept }: PassOutcome): Int32Array | undefined =>
  rows === undefined || kept === batch.length ? batch.selection : kept === rows.length ? rows : rows.slice(0, kept)

const arrange = (batch: Batch, pass: Pass, values: PassOutcome["values"], selection: Int32Array | undefined): Batch =>
  batch.withColumns(
    pass.output,
    pass.slots.map((slot) => columnOf(slot, batch.columns, values)),
    selection,
  )

const columnOf = (slot: Slot, inputs: ReadonlyArray<Column>, values: PassOutcome["values"]): Column => {
  if (slot.kind === "input") return inputs[slot.index]!
  return slot.kind === "constant" ? new ConstantColumn(slot.type, slot.value) : new ComputedColumn(slot.type, values[slot.index]!)
}

/** Only conditions count in the loop; every other step lets through what it gets, failing rows aside. */
const passedBySteps = (pass: Pass, length: number, outcome: PassOutcome, failures: ReadonlyMap<number, number>): ReadonlyArray<number> => {
  const conditions = pass.statements.filter((statement) => statement.target === undefined)
  let rows = length
  return pass.schemas.map((_, i) => {
    const step = pass.first + i
    const condition = conditions.findIndex((statement) => statement.step === step)
    rows = condition >= 0 ? outcome.passed[condition]! : rows - (failures.get(step) ?? 0)
    return rows
  })
}
