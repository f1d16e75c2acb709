/**
 * The plan of a run, made when the sources are open and no row is read yet: which columns are read, what the sources are offered to do
 * themselves, and the compiled steps.
 *
 * A plan never changes a result: what the naive order of steps would give, it gives.
 */
import type { ErrorCode } from "../contract/Errors.ts"
import type { Pushdown } from "../contract/Source.ts"
import type { Batch } from "../model/Batch.ts"
import type { BatchSchema } from "../model/ColumnType.ts"
import { checkTransparent } from "../transform/fusedStage.ts"
import type { Pass } from "../transform/pass.ts"
import { compileSteps } from "../transform/Segment.ts"
import {
  type Backend,
  type CompiledSteps,
  isTransferable,
  type ResolveCustom,
  sidesOf,
  isSide,
  isTransparent,
  type Step,
  type StepIssue,
  type StepsHost,
  type StepsSpec,
} from "../transform/Step.ts"
import { teesOf } from "../transform/tee.ts"
import { pushableConditions } from "./pushdown.ts"
import { conformer, type NamedSchema, unionSchema } from "./unionSchema.ts"

export interface PlanOptions {
  /** In the order of the definition; the rows of those that no step reads for itself are concatenated. */
  readonly sources: ReadonlyArray<NamedSchema>
  readonly steps: ReadonlyArray<Step>
  readonly resolve: ResolveCustom
  /** Values of `:run_id` and the like. */
  readonly runtime: Readonly<Record<string, unknown>>
  /** What `NOW()` says, milliseconds since 1970. */
  readonly now: number
  readonly backend: Backend
  readonly host?: StepsHost
  /** Rows that are wanted at most, for a preview. */
  readonly limit?: number
  /** Names of the sources whose rows do not stand with the others. Default: those that the steps read for themselves. */
  readonly sides?: ReadonlyArray<string>
  /** Columns that queries give, by the index of their step. */
  readonly queried?: Readonly<Record<number, BatchSchema>>
  /** Index of the step that goes on from what earlier runs have seen. */
  readonly remembers?: number
}

/** Something wrong with a step, or with the sources together. */
export interface PlanIssue extends Omit<StepIssue, "step" | "code"> {
  readonly code: ErrorCode
  readonly step?: number
}

export interface PlannedSource {
  readonly name: string
  readonly schema: BatchSchema
  readonly offer: Pushdown
  /** Columns that nobody needs. */
  readonly pruned: ReadonlyArray<string>
}

export interface Plan {
  /** What worker threads compile; see `isTransferable`. */
  readonly spec: StepsSpec
  /** Whether worker threads can run the steps. */
  readonly isTransferable: boolean
  readonly sources: ReadonlyArray<PlannedSource>
  /** What each source is offered, in the order of the sources. */
  readonly offers: ReadonlyArray<Pushdown>
  /** Columns of the batches that `conform` gives. */
  readonly input: BatchSchema
  /** Undefined where it is known only when the first batch has gone through a custom step. */
  readonly output: BatchSchema | undefined
  /** Brings a batch of a source to the planned columns. */
  readonly conform: (batch: Batch, source: number) => Batch
  readonly steps: CompiledSteps
}

export type PlanResult = { readonly ok: true; readonly plan: Plan } | { readonly ok: false; readonly issues: ReadonlyArray<PlanIssue> }

/** `loadExpressions` must have resolved before. */
export const makePlan = (options: PlanOptions): PlanResult => {
  const { sources } = options
  const sideNames = options.sides ?? sidesOf(options.steps)
  const sides = Object.fromEntries(sources.filter(({ name }) => sideNames.includes(name)).map(({ name, schema }) => [name, schema]))
  const rows = sources.filter(({ name }) => !isSide({ sides }, name))
  const union = unionSchema(rows)
  if (union.conflicts.length > 0) {
    const place = (source: number): string => `sources[${sources.indexOf(rows[source]!)}]`
    return {
      ok: false,
      issues: union.conflicts.map(({ source, message }) => ({ code: "EXPRESSION_TYPE", message, path: place(source) })),
    }
  }
  const spec: StepsSpec = {
    steps: options.steps,
    input: union.schema,
    ...(rows.some(({ isPartial }) => isPartial === true) ? { isPartial: true } : {}),
    ...(sideNames.length === 0 ? {} : { sides }),
    ...(options.queried === undefined ? {} : { queried: options.queried }),
    ...(options.remembers === undefined ? {} : { remembers: options.remembers }),
    runtime: options.runtime,
    now: options.now,
    backend: options.backend,
  }
  const compiled = compileSteps(spec, options.resolve, options.host)
  if (!compiled.ok) return compiled
  const { steps } = compiled
  const used = new Set(steps.used)
  const pass = leadingPass(spec, steps)
  const planned = sources.map((source) =>
    isSide(spec, source.name) ? { ...source, offer: {}, pruned: [] } : planSource(source, used, pass, options),
  )
  const conform = [false, true].map((isPartial) => conformer(union.schema, isOpen(spec, pass), isPartial))
  const plan: Plan = {
    spec,
    isTransferable: isTransferable(options.steps) && steps.stateful.length === 0,
    sources: planned,
    offers: planned.map((source) => source.offer),
    input: union.schema,
    output: steps.output,
    conform: (batch, source) =>
      isSide(spec, sources[source]!.name) ? batch : conform[Number(sources[source]!.isPartial ?? false)]!(batch),
    steps,
  }
  return { ok: true, plan }
}

/** The transparent steps before the first other one. */
const leadingPass = (spec: StepsSpec, steps: CompiledSteps): Pass | undefined => {
  const first = steps.passes[0]
  if (first === undefined || !isTransparent(spec.steps[first[0]!]!) || teesOf(spec.steps).includes(-1)) return undefined
  const checked = checkTransparent(spec, first, spec.input)
  return checked.ok ? checked.pass : undefined
}

/** Whether a column that nobody planned with reaches the end, or a step that may look at it. */
const isOpen = (spec: StepsSpec, pass: Pass | undefined): boolean => spec.steps.length === 0 || pass === undefined || pass.isOpen

const planSource = (
  { name, schema }: NamedSchema,
  used: ReadonlySet<string>,
  pass: Pass | undefined,
  options: PlanOptions,
): PlannedSource => {
  const needed = schema.columns.map((column) => column.name).filter((column) => used.has(column))
  // Rows have to come also where none of their columns is used.
  const columns = needed.length === 0 ? schema.columns.slice(0, 1).map((column) => column.name) : needed
  const conditions =
    pass === undefined
      ? []
      : pushableConditions(pass).filter(({ column, type }) => schema.columns.some((own) => own.name === column && own.type === type))
  const limit = options.limit !== undefined && options.steps.every((step) => keepsRows(step, options.resolve)) ? options.limit : undefined
  return {
    name,
    schema,
    offer: {
      ...(columns.length === schema.columns.length ? {} : { columns }),
      ...(conditions.length === 0 ? {} : { conditions }),
      ...(limit === undefined ? {} : { limit }),
    },
    pruned: schema.columns.map((column) => column.name).filter((column) => !used.has(column)),
  }
}

/** Whether exactly one row comes out for each that goes in. */
const keepsRows = (step: Step, resolve: ResolveCustom): boolean => {
  if (step.type !== "custom") return isTransparent(step) && step.type !== "filter"
  const apply = resolve(step)?.apply
  return apply?.mode === "patch" && apply.state === undefined
}
