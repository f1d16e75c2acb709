/**
 * Compiles the steps of a pipeline: neighbouring transparent steps (filter, map, rename, select) become one pass over each batch, a custom
 * step stands for itself, and a step that needs all rows ends a section.
 *
 * Everything that can be known without a row is checked here. Past a custom step whose columns nobody declared, checking waits for the
 * first batch; the same happens where a batch comes with other columns than planned.
 */
import { type Batch, ConstantColumn } from "../model/Batch.ts"
import { type BatchSchema, columnIndex, type ColumnSchema, type ColumnType, isSameSchema } from "../model/ColumnType.ts"
import { checkChildTables, ChildTablesStage, childSchemas } from "./childTables.ts"
import { CustomStage } from "./customStage.ts"
import { RowReporter } from "./failure.ts"
import { checkTransparent, FusedStage } from "./fusedStage.ts"
import { type Pass, usedInputs } from "./pass.ts"
import { checkNested, FlattenStage, UnnestStage } from "./unnest.ts"
import { checkSchemaStep, SchemaStage } from "./validate.ts"
import { isPromise, PerSchema, type Stage, type StageResult } from "./stage.ts"
import { Tee, type Tees, teesOf, TeeStage } from "./tee.ts"
import {
  type CompiledSteps,
  type CustomStep,
  isBlocking,
  isChildTables,
  type LaterSteps,
  isTransparent,
  type OnRowError,
  type ResolveCustom,
  type StatefulStep,
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
  const tees: Tees = new Map(teesOf(spec.steps).map((after) => [after, new Tee()]))
  const sections =
    host.onTime === undefined
      ? makeSections(spec, groups, checks, resolve, host, tees)
      : timedSections(spec, resolve, host, host.onTime, tees)
  const [first, ...later] = sections
  const last = spec.steps.at(-1)
  const beforeLast = checks.length === 1 ? spec.input : checks.at(-2)?.output
  const used = usedColumns(spec, groups, checks[0]?.pass)
  const complete = completer(spec.input, new Set(used))
  return {
    ok: true,
    steps: {
      output: checks.length === 0 ? spec.input : checks.at(-1)!.output,
      children: last !== undefined && isChildTables(last) && beforeLast !== undefined ? childSchemas(last, beforeLast) : new Map(),
      schemas: checks.flatMap((check) => check.schemas),
      used,
      isAsync: first!.stages.some((stage) => stage.isAsync),
      passes: groups,
      stateful: sections.flatMap(({ states }) => states.map(statefulStep)),
      later: later.map((section) => laterSteps(spec, section, tees)),
      run: (batch, onRowError, onReject) => runStages(first!.stages, complete(batch), onRowError, onReject),
    },
  }
}

const statefulStep = (stage: CustomStage): StatefulStep => ({
  step: stage.steps[0]!,
  finishes: stage.finishes,
  setup: () => stage.setup(),
  close: () => stage.close(),
})

const laterSteps = (spec: StepsSpec, { begins, stages }: Section, tees: Tees): LaterSteps => {
  const { step, input, last } = begins!
  const behind = {
    step,
    run: (batch, onRowError, onReject) => runStages(stages, batch, onRowError, onReject),
    isAsync: stages.some((stage) => stage.isAsync),
  } satisfies Pick<LaterSteps, "step" | "run" | "isAsync">
  return last === undefined
    ? { ...behind, kind: "blocking", start: (host) => startBlocking(spec, step, input, host, tees) }
    : { ...behind, kind: "last", finish: (batchSize) => last.finish(batchSize) }
}

/** Indexes of the steps that run together. */
const groupSteps = (spec: StepsSpec): ReadonlyArray<ReadonlyArray<number>> => {
  const groups: Array<Array<number>> = []
  const tees = teesOf(spec.steps)
  spec.steps.forEach((step, index) => {
    const last = groups.at(-1)
    const joins = isTransparent(step) && last !== undefined && isTransparent(spec.steps[last[0]!]!) && !tees.includes(index - 1)
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
    const apply = resolve(first)?.apply
    // Rows that come at the end may have other columns.
    const isKnown = apply?.mode === "patch" && apply.state?.finish === undefined
    const output = schema === undefined || !isKnown ? undefined : patchOutput(first, schema)
    return { issues: [], output, schemas: [output], pass: undefined }
  }
  const unknown = { issues: [], output: undefined, schemas: steps.map(() => undefined), pass: undefined }
  if (schema === undefined) return unknown
  if (isChildTables(first)) {
    const { issues, output } = checkChildTables(spec, steps[0]!, first, schema)
    return { issues, output, schemas: [output], pass: undefined }
  }
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
  if (isChildTables(first)) return new ChildTablesStage(spec, steps[0]!)
  if (first.type === "unnest") return new UnnestStage(spec, steps[0]!)
  if (first.type === "flatten") return new FlattenStage(spec, steps[0]!)
  if (first.type === "schema") return new SchemaStage(spec, steps[0]!)
  return first.type === "custom" ? new CustomStage(spec, steps[0]!, resolve(first)!, host) : new FusedStage(spec, steps, check.pass)
}

/** Row-wise stages between two steps that give rows when the sources have ended. */
interface Section {
  /** The step before them, with the columns that it gets as far as they are known; `last` where it is a stateful one. */
  readonly begins: { readonly step: number; readonly input: BatchSchema | undefined; readonly last?: CustomStage } | undefined
  readonly stages: Array<Stage>
  /** Stages with a state. */
  readonly states: Array<CustomStage>
}

const makeSections = (
  spec: StepsSpec,
  groups: ReadonlyArray<ReadonlyArray<number>>,
  checks: ReadonlyArray<GroupCheck>,
  resolve: ResolveCustom,
  host: StepsHost,
  tees: Tees,
): ReadonlyArray<Section> => {
  const sections: Array<Section> = []
  const begin = (begins: Section["begins"]): void => void sections.push({ begins, stages: [], states: [] })
  begin(undefined)
  const addGroup = (steps: ReadonlyArray<number>, i: number): void => {
    const step = steps[0]!
    const input = i === 0 ? spec.input : checks[i - 1]!.output
    if (isBlocking(spec.steps[step]!)) return begin({ step, input })
    const stage = makeStage(spec, steps, checks[i]!, resolve, host)
    sections.at(-1)!.stages.push(stage)
    if (!(stage instanceof CustomStage) || !stage.isStateful) return
    sections.at(-1)!.states.push(stage)
    if (stage.finishes !== "no") begin({ step, input, last: stage })
  }
  const copyAfter = (step: number): void => {
    const tee = tees.get(step)
    if (tee === undefined) return
    const { stages } = sections.at(-1)!
    stages.push(new TeeStage(tee, stages.length === 0 ? step + 1 : step))
  }
  copyAfter(-1)
  groups.forEach((steps, i) => {
    addGroup(steps, i)
    copyAfter(steps.at(-1)!)
  })
  return sections
}

/** Each step by itself, with a clock around it. What is read and what comes out stay as planned. */
const timedSections = (
  spec: StepsSpec,
  resolve: ResolveCustom,
  host: StepsHost,
  onTime: (step: number, milliseconds: number) => void,
  tees: Tees,
): ReadonlyArray<Section> => {
  const groups = spec.steps.map((_, step) => [step])
  const sections = makeSections(spec, groups, checkGroups(spec, groups, resolve), resolve, host, tees)
  return sections.map((section) => ({ ...section, stages: section.stages.map((stage) => timed(stage, onTime)) }))
}

const timed = (stage: Stage, onTime: (step: number, milliseconds: number) => void): Stage => {
  const [step] = stage.steps
  // Copies belong to no step.
  if (step === undefined) return stage
  return {
    steps: stage.steps,
    isAsync: stage.isAsync,
    run: (batch, reporter) => {
      const started = performance.now()
      const result = stage.run(batch, reporter)
      if (isPromise(result)) return Promise.resolve(result).finally(() => onTime(step, performance.now() - started))
      onTime(step, performance.now() - started)
      return result
    },
  }
}

/** Only the first pass and an aggregate can leave columns out: a custom step may look at all that is there, and so may a query. */
const usedColumns = (spec: StepsSpec, groups: ReadonlyArray<ReadonlyArray<number>>, pass: Pass | undefined): ReadonlyArray<string> => {
  const tees = teesOf(spec.steps)
  if (tees.includes(-1)) return spec.input.columns.map((column) => column.name)
  const isCopied = pass !== undefined && tees.includes(groups[0]!.at(-1)!)
  const next = isCopied ? undefined : groups[pass === undefined ? 0 : 1]?.[0]
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
  let children: StageResult["children"]
  const from = (start: Batch, index: number): StepsResult | Promise<StepsResult> => {
    let current = start
    for (let i = index; i < stages.length; i++) {
      const result = runStage(stages[i]!, current, reporter)
      if (isPromise(result)) {
        const before = current.length
        return Promise.resolve(result).then((done) => {
          // Rows that a query's table could not hold count as rejected by the step before it, where there is one in this section.
          if (stages[i] instanceof TeeStage && passed.length > 0) passed[passed.length - 1]! -= before - done.batch.length
          passed.push(...done.passed)
          children = done.children
          return from(done.batch, i + 1)
        })
      }
      passed.push(...result.passed)
      children = result.children
      current = result.batch
    }
    return { batch: current, passed, rejected: reporter.rejected, ...(children === undefined ? {} : { children }) }
  }
  return from(batch, 0)
}

/** After a custom step that has given no row yet there are no columns to compile for, and no rows that would need it. */
const runStage = (stage: Stage, batch: Batch, reporter: RowReporter): StageResult | Promise<StageResult> =>
  batch.length === 0 && batch.schema.columns.length === 0 ? { batch, passed: stage.steps.map(() => 0) } : stage.run(batch, reporter)
