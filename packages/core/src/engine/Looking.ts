/**
 * What only looks: `explain`, `preview` and a dry run open the sources and make the plan, write nothing and move no state (invariant 6).
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Scope from "effect/Scope"
import type { PipelineError } from "../contract/Errors.ts"
import type { Batch } from "../model/Batch.ts"
import type { BatchSchema } from "../model/ColumnType.ts"
import type { Row } from "../model/Value.ts"
import { explainPlan, type Explanation } from "../pipeline/explain.ts"
import type { Plan } from "../pipeline/Plan.ts"
import type { ChildPreview, Preview, PreviewOptions } from "./EngineService.ts"
import { type Execution, newRunState, runtimeValues, slowToClose } from "./Execution.ts"
import { extract, type ExtractOptions } from "./Extract.ts"
import { type OpenedSource, openSources, passMemory, throughSteps } from "./Pass.ts"
import { sidesOf } from "../transform/Step.ts"
import { preparePlan } from "./Prepare.ts"
import { guaranteeOf } from "./Resolve.ts"
import { openStates } from "./Stateful.ts"
import type { StepsOptions } from "./Steps.ts"
import { scopedForRun } from "./scopedForRun.ts"

interface Look {
  readonly opened: ReadonlyArray<OpenedSource>
  readonly plan: Plan
}

/** Opens all sources from their start and makes the plan. */
const openForLooking = (execution: Execution, signal: AbortSignal, limit?: number): Effect.Effect<Look, PipelineError, Scope.Scope> =>
  Effect.gen(function* () {
    const { pipeline, environment } = execution
    const startedAt = environment.now()
    const context = (name: string) => environment.context(name, signal, startedAt, runtimeValues(execution, []))
    const opened = yield* openSources(pipeline, {}, context, { looksOnly: true })
    const plan = yield* preparePlan(execution, { opened, context: context(pipeline.name), ...(limit === undefined ? {} : { limit }) })
    return { opened, plan }
  })

/** Opens everything that is read and makes the plan, and no more. */
export const openOnly = (execution: Execution): Effect.Effect<void, PipelineError> =>
  scopedForRun(
    (signal) => Effect.asVoid(openForLooking(execution, signal)),
    () => slowToClose(execution),
  )

export const explainExecution = (execution: Execution): Effect.Effect<Explanation, PipelineError> =>
  scopedForRun(
    (signal) => Effect.map(openForLooking(execution, signal), (look) => explained(execution, look)),
    () => slowToClose(execution),
  )

const explained = (execution: Execution, { opened, plan }: Look): Explanation => {
  const { pipeline } = execution
  // Reading is only prepared here: a source says what it takes of the offer without giving a row.
  const reads = opened.map(({ reader }, i) => reader.read(plan.offers[i] ?? {}))
  return explainPlan({
    pipeline: pipeline.name,
    plan,
    sources: opened.map(({ source, reader }, i) => ({
      name: source.name,
      type: source.plugin.type,
      notes: [...(reader.notes ?? []), ...(reads[i]!.notes ?? [])],
      accepted: reads[i]!.accepted ?? {},
    })),
    destinations: pipeline.destinations.map((destination) => ({
      name: destination.name,
      type: destination.plugin.type,
      writeMode: destination.writeMode,
      guarantee: guaranteeOf(destination),
    })),
  })
}

/** The first rows after a step. Reading stops as soon as there are enough. */
export const previewRows = (execution: Execution, options: PreviewOptions): Effect.Effect<Preview, PipelineError> =>
  scopedForRun(
    (signal) => firstRows(execution, options, signal),
    () => slowToClose(execution),
  )

const firstRows = (
  execution: Execution,
  { limit = 20, step }: PreviewOptions,
  signal: AbortSignal,
): Effect.Effect<Preview, PipelineError, Scope.Scope> =>
  Effect.gen(function* () {
    const { pipeline } = execution
    const steps = step === undefined ? pipeline.steps : pipeline.steps.slice(0, step)
    const notYetJoined = sidesOf(pipeline.steps.slice(steps.length))
    const sources = pipeline.sources.filter(({ name }) => !notYetJoined.includes(name))
    const cut: Execution = { ...execution, pipeline: { ...pipeline, sources, steps, workers: 1 } }
    const { opened, plan } = yield* openForLooking(cut, signal, limit)
    const rows: Array<Row> = []
    const children = new ChildRows(limit, plan.steps.children)
    let schema: BatchSchema | undefined
    const options = lookOptions(cut, opened, plan)
    const memory = passMemory(options)
    yield* openStates(options)
    yield* throughSteps(options, extract(options, memory), memory).pipe(
      Stream.tap(({ batch, children: parts, permits }) => {
        if (batch !== undefined && batch.length > 0) {
          schema ??= batch.schema
          rows.push(...batch.slice(0, limit - rows.length).toRows())
          for (const [name, part] of parts ?? []) children.add(name, part)
        }
        return memory.release(permits)
      }),
      Stream.takeUntil(() => rows.length >= limit),
      Stream.runDrain,
    )
    // Behind a custom step that has given no row, no column is known.
    return { schema: schema ?? plan.output ?? { columns: [] }, rows, children: children.all() }
  })

/** The first rows of child tables. */
class ChildRows {
  private readonly limit: number
  private readonly tables: Map<string, { schema: BatchSchema; readonly rows: Array<Row> }>

  constructor(limit: number, schemas: ReadonlyMap<string, BatchSchema>) {
    this.limit = limit
    this.tables = new Map(Array.from(schemas, ([name, schema]) => [name, { schema, rows: [] }]))
  }

  /** Columns only ever come in addition. */
  add(name: string, batch: Batch): void {
    const table = this.tables.get(name)!
    if (batch.length === 0 || table.rows.length >= this.limit) return
    table.schema = batch.schema
    table.rows.push(...batch.slice(0, this.limit - table.rows.length).toRows())
  }

  all(): ReadonlyArray<ChildPreview> {
    return Array.from(this.tables, ([name, { schema, rows }]) => ({ name, schema, rows }))
  }
}

/** One thread, one stage after the other, and the first row that fails ends it. */
const lookOptions = (execution: Execution, opened: ReadonlyArray<OpenedSource>, plan: Plan): ExtractOptions & StepsOptions => {
  const { environment } = execution
  const pipeline = { ...execution.pipeline, errorHandling: { ...execution.pipeline.errorHandling, strategy: "fail" as const } }
  const state = newRunState({ ...execution, pipeline, options: {} })
  return { pipeline, opened, plan, state, startWorkers: undefined, overlaps: true, spill: environment.spill, sql: environment.sql }
}
