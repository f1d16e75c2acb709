/**
 * Compiles the steps of a pipeline: neighbouring transparent steps (filter, map, rename, select) become one pass over each batch, a custom
 * step stands for itself, and a step that needs all rows ends a section.
 *
 * Everything that can be known without a row is checked here. Past a custom step whose columns nobody declared, checking waits for the
 * first batch; the same happens where a batch comes with other columns than planned.
 */
import { type Batch, ConstantColumn } from "../model/Batch.ts"
import { type BatchSchema, columnIndex, type ColumnSchema, type ColumnType, isSameSchema } from "../model/ColumnType.ts"
import { CustomStage } from "./customStage.ts"
import { RowReporter } from "./failure.ts"
import { checkTransparent, FusedStage } from "./fusedStage.ts"
import { type Pass, usedInputs } from "./pass.ts"
import { checkNested, FlattenStage, UnnestStage } from "./unnest.ts"
import { checkSchemaStep, SchemaStage } from "./validate.ts"
import { isPromise, PerSchema, type Stage, type StageResult } from "./stage.ts"
import {
  type CompiledSteps,
  type CustomStep,
  isBlocking,
  isTransparent,
  type OnRowError,
  type ResolveCustom,
  type StepIssue,
  type StepsHost,
  type StepsResult,
  type StepsSpec,
} from "./Step.ts"
import { checkBlocking, columnsRead, startBlocking } from "./blocking/kinds.ts"

export { codeGenerationWorks } from "./Step.ts"

export type CompileResult =
  | { readonly ok: true; readonly steps: CompiledSteps }
  | { readonly ok: false; readonly issues: ReadonlyArray<StepIssue> }

/** `loadExpressions` must have resolved before. */
export const compileSteps = (spec: StepsSpec, resolve: ResolveCustom, host: StepsHost = {}): CompileResult => {
  const groups = groupSteps(spec)
  const checks = checkGroups(spec, groups, resolve)
  const issues = [...checks.flatMap((check) => check.issues), ...unresolved(spec, resolve)].sort((a, b) => a.step - b.step)
  if (issues.length > 0) return { ok: false, issues }
  const sections =
    host.onTime === undefined ? makeSections(spec, groups, checks, resolve, host) : timedSections(spec, resolve, host, host.onTime)
  const [first, ...later] = sections
  const used = usedColumns(spec, groups, checks[0]?.pass)
  const complete = completer(spec.input, new Set(used))
  return {
    ok: true,
    steps: {
      output: checks.length === 0 ? spec.input : checks.at(-1)!.output,
      schemas: checks.flatMap((check) => check.schemas),
      used,
      isAsync: first!.stages.some((stage) => stage.isAsync),
      passes: groups,
      later: later.map(({ blocking, stages }) => ({
        step: blocking!.step,
        start: (blockingHost) => startBlocking(spec, blocking!.step, blocking!.input, blockingHost),
        run: (batch, onRowError, onReject) => runStages(stages, batch, onRowError, onReject),
        isAsync: stages.some((stage) => stage.isAsync),
      })),
      run: (batch, onRowError, onReject) => runStages(first!.stages, complete(batch), onRowError, onReject),
    },
  }
}

/** Indexes of the steps that run together. */
const groupSteps = (spec: StepsSpec): ReadonlyArray<ReadonlyArray<number>> => {
  const groups: Array<Array<number>> = []
  spec.steps.forEach((step, index) => {
    const last = groups.at(-1)
    const joins = isTransparent(step) && last !== undefined && isTransparent(spec.steps[last[0]!]!)
    if (joins) last.push(index)
    else groups.push([index])
  })
  return groups
}

interface GroupCheck {
  readonly issues: ReadonlyArray<StepIssue>
  readonly output: BatchSchema | undefined
  readonly schemas: ReadonlyArray<BatchSchema | undefined>
  readonly pass: Pass | undefined
}

const checkGroups = (spec: StepsSpec, groups: ReadonlyArray<ReadonlyArray<number>>, resolve: ResolveCustom): ReadonlyArray<GroupCheck> => {
  let schema: BatchSchema | undefined = spec.input
  return groups.map((steps) => {
    const check = checkGroup(spec, steps, schema, resolve)
    schema = check.output
    return check
  })
}

const checkGroup = (spec: StepsSpec, steps: ReadonlyArray<number>, schema: BatchSchema | undefined, resolve: ResolveCustom): GroupCheck => {
  const first = spec.steps[steps[0]!]!
  if (first.type === "custom") {
    const output = schema === undefined || resolve(first)?.apply.mode !== "patch" ? undefined : patchOutput(first, schema)
    return { issues: [], output, schemas: [output], pass: undefined }
  }
  const unknown = { issues: [], output: undefined, schemas: steps.map(() => undefined), pass: undefined }
  if (schema === undefined) return unknown
  if (first.type === "unnest" || first.type === "flatten") {
    const { issues, output } = checkNested(spec, steps[0]!, first, schema)
    return { issues, output, schemas: [output], pass: undefined }
  }
  if (first.type === "schema") {
    const { issues, output } = checkSchemaStep(spec, steps[0]!, first, schema)
    return { issues, output, schemas: [output], pass: undefined }
  }
  if (isBlocking(first)) {
    const { issues, output } = checkBlocking(spec, steps[0]!, schema)
    return { issues, output, schemas: [output], pass: undefined }
  }
  const result = checkTransparent(spec, steps, schema)
  return result.ok
    ? { issues: [], output: result.pass.output, schemas: result.pass.schemas, pass: result.pass }
    : { ...unknown, issues: result.issues }
}

/** A patch that declares what it adds is the one custom step whose columns are known before a row has gone through. */
const patchOutput = (step: CustomStep, input: BatchSchema): BatchSchema | undefined => {
  if (step.columns === undefined) return undefined
  const declared = new Map(Object.entries(step.columns))
  const kept = input.columns.map((column) => retyped(column, declared.get(column.name)))
  const added = Array.from(declared, ([name, type]): ColumnSchema => ({ name, type, nullable: true })).filter(
    (column) => !input.columns.some(({ name }) => name === column.name),
  )
  return { columns: [...kept, ...added] }
}

const retyped = (column: ColumnSchema, type: ColumnType | undefined): ColumnSchema => (type === undefined ? column : { ...column, type })

const unresolved = (spec: StepsSpec, resolve: ResolveCustom): ReadonlyArray<StepIssue> =>
  spec.steps.flatMap((step, index): ReadonlyArray<StepIssue> => {
    if (step.type !== "custom" || resolve(step) !== undefined) return []
    const message = `The function \`${step.name ?? nameOf(step)}\` is not there.`
    return [
      {
        code: "UNKNOWN_PLUGIN",
        message,
        step: index,
        path: `transforms[${index}]`,
        hint: "Register it on the engine, or name a module and its export.",
      },
    ]
  })

const nameOf = ({ reference }: CustomStep): string => ("url" in reference ? reference.name : reference.local)

const makeStage = (spec: StepsSpec, steps: ReadonlyArray<number>, check: GroupCheck, resolve: ResolveCustom, host: StepsHost): Stage => {
  const first = spec.steps[steps[0]!]!
  if (first.type === "unnest") return new UnnestStage(spec, steps[0]!)
  if (first.type === "flatten") return new FlattenStage(spec, steps[0]!)
  if (first.type === "schema") return new SchemaStage(spec, steps[0]!)
  return first.type === "custom" ? new CustomStage(spec, steps[0]!, resolve(first)!, host) : new FusedStage(spec, steps, check.pass)
}

/** Row-wise stages between two blocking steps. */
interface Section {
  /** The blocking step before them, with the columns that it gets as far as they are known. */
  readonly blocking: { readonly step: number; readonly input: BatchSchema | undefined } | undefined
  readonly stages: Array<Stage>
}

const makeSections = (
  spec: StepsSpec,
  groups: ReadonlyArray<ReadonlyArray<number>>,
  checks: ReadonlyArray<GroupCheck>,
  resolve: ResolveCustom,
  host: StepsHost,
): ReadonlyArray<Section> => {
  const sections: Array<Section> = [{ blocking: undefined, stages: [] }]
  groups.forEach((steps, i) => {
    const input = i === 0 ? spec.input : checks[i - 1]!.output
    if (isBlocking(spec.steps[steps[0]!]!)) sections.push({ blocking: { step: steps[0]!, input }, stages: [] })
    else sections.at(-1)!.stages.push(makeStage(spec, steps, checks[i]!, resolve, host))
  })
  return sections
}

/** Each step by itself, with a clock around it. What is read and what comes out stay as planned. */
const timedSections = (
  spec: StepsSpec,
  resolve: ResolveCustom,
  host: StepsHost,
  onTime: (step: number, milliseconds: number) => void,
): ReadonlyArray<Section> => {
  const groups = spec.steps.map((_, step) => [step])
  const sections = makeSections(spec, groups, checkGroups(spec, groups, resolve), resolve, host)
  return sections.map((section) => ({ ...section, stages: section.stages.map((stage) => timed(stage, stage.steps[0]!, onTime)) }))
}

const timed = (stage: Stage, step: number, onTime: (step: number, milliseconds: number) => void): Stage => ({
  steps: stage.steps,
  isAsync: stage.isAsync,
  run: (batch, reporter) => {
    const started = performance.now()
    const result = stage.run(batch, reporter)
    if (isPromise(result)) return Promise.resolve(result).finally(() => onTime(step, performance.now() - started))
    onTime(step, performance.now() - started)
    return result
  },
})

/** Only the first pass and an aggregate can leave columns out: a custom step may look at all that is there. */
const usedColumns = (spec: StepsSpec, groups: ReadonlyArray<ReadonlyArray<number>>, pass: Pass | undefined): ReadonlyArray<string> => {
  const next = groups[pass === undefined ? 0 : 1]?.[0]
  const step = next === undefined ? undefined : spec.steps[next]!
  const read = step !== undefined && isBlocking(step) ? columnsRead(spec, next!, pass?.output ?? spec.input) : undefined
  const used =
    pass === undefined
      ? read
      : read === undefined
        ? pass.used
        : usedInputs(
            pass.statements,
            pass.slots.filter((_, i) => read.has(i)),
          )
  return spec.input.columns.filter((_, index) => used === undefined || used.has(index)).map((column) => column.name)
}

/**
 * Puts placeholders where a source has left out columns that nobody uses. The steps may still name them (a rename, a select that a later
 * one narrows), so they have to be there when steps are checked against the batch.
 */
const completer = (input: BatchSchema, used: ReadonlySet<string>): ((batch: Batch) => Batch) => {
  const ways = new PerSchema((schema) => {
    const isMissing = ({ name }: ColumnSchema): boolean => columnIndex(schema, name) < 0
    if (!input.columns.some((column) => isMissing(column) && !used.has(column.name))) return undefined
    const added = schema.columns.filter(({ name }) => columnIndex(input, name) < 0)
    const known = input.columns.filter((column) => !isMissing(column) || !used.has(column.name))
    const columns = [...known, ...added].map((column) => schema.columns[columnIndex(schema, column.name)] ?? column)
    const completed = { columns }
    return { schema: isSameSchema(completed, input) ? input : completed, places: columns.map(({ name }) => columnIndex(schema, name)) }
  })
  return (batch) => {
    const way = ways.get(batch.schema)
    if (way === undefined) return batch
    const columns = way.places.map((place, i) => batch.columns[place] ?? new ConstantColumn(way.schema.columns[i]!.type, null))
    return batch.withColumns(way.schema, columns)
  }
}

const runStages = (
  stages: ReadonlyArray<Stage>,
  batch: Batch,
  onRowError: OnRowError | undefined,
  onReject: OnRowError | undefined,
): StepsResult | Promise<StepsResult> => {
  const reporter = new RowReporter(batch, onRowError, onReject)
  const passed: Array<number> = []
  const from = (start: Batch, index: number): StepsResult | Promise<StepsResult> => {
    let current = start
    for (let i = index; i < stages.length; i++) {
      const result = runStage(stages[i]!, current, reporter)
      if (isPromise(result)) {
        return Promise.resolve(result).then((done) => {
          passed.push(...done.passed)
          return from(done.batch, i + 1)
        })
      }
      passed.push(...result.passed)
      current = result.batch
    }
    return { batch: current, passed, rejected: reporter.rejected }
  }
  return from(batch, 0)
}

/** After a custom step that has given no row yet there are no columns to compile for, and no rows that would need it. */
const runStage = (stage: Stage, batch: Batch, reporter: RowReporter): StageResult | Promise<StageResult> =>
  batch.length === 0 && batch.schema.columns.length === 0 ? { batch, passed: stage.steps.map(() => 0) } : stage.run(batch, reporter)
