/**
 * What only looks: `explain`, `preview` and a dry run open the sources and make the plan, write nothing and move no state (invariant 6).
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Scope from "effect/Scope"
import type { PipelineError } from "../contract/Errors.ts"
import type { Batch } from "../model/Batch.ts"
import { explainPlan, type Explanation } from "../pipeline/explain.ts"
import type { Plan } from "../pipeline/Plan.ts"
import type { StepsResult } from "../transform/Step.ts"
import { Counters } from "./Counters.ts"
import type { Preview, PreviewOptions } from "./EngineService.ts"
import { type Execution, runtimeValues } from "./Execution.ts"
import { extract } from "./Extract.ts"
import { makeMemory } from "./Memory.ts"
import { type OpenedSource, openSources } from "./Pass.ts"
import { preparePlan } from "./Prepare.ts"
import { guaranteeOf } from "./Resolve.ts"
import { RunState } from "./RunState.ts"

export interface Look {
  readonly opened: ReadonlyArray<OpenedSource>
  readonly plan: Plan
}

/** Opens all sources from their start and makes the plan. */
export const openForLooking = (execution: Execution, limit?: number): Effect.Effect<Look, PipelineError, Scope.Scope> =>
  Effect.gen(function* () {
    const { pipeline, environment } = execution
    const controller = yield* Effect.acquireRelease(
      Effect.sync(() => new AbortController()),
      (it) => Effect.sync(() => it.abort()),
    )
    const startedAt = environment.now()
    const context = (name: string) => environment.context(name, controller.signal, startedAt, runtimeValues(execution, []))
    const opened = yield* openSources(pipeline, {}, context)
    const plan = yield* preparePlan(execution, { opened, context: context(pipeline.name), ...(limit === undefined ? {} : { limit }) })
    return { opened, plan }
  })

export const explainExecution = (execution: Execution): Effect.Effect<Explanation, PipelineError, Scope.Scope> =>
  Effect.map(openForLooking(execution), ({ opened, plan }) => {
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
  })

/** The first rows after a step. Reading stops as soon as there are enough. */
export const previewRows = (
  execution: Execution,
  { limit = 20, step }: PreviewOptions,
): Effect.Effect<Preview, PipelineError, Scope.Scope> =>
  Effect.gen(function* () {
    const steps = step === undefined ? execution.pipeline.steps : execution.pipeline.steps.slice(0, step)
    const cut: Execution = { ...execution, pipeline: { ...execution.pipeline, steps, workers: 1 } }
    const { opened, plan } = yield* openForLooking(cut, limit)
    const batches: Array<Batch> = []
    let rows = 0
    yield* extract(lookOptions(cut, opened, plan), makeMemory(cut.pipeline.bufferMemory)).pipe(
      Stream.mapEffect((item) => (item.kind === "batch" ? runSteps(plan, item.batch) : Effect.succeed(undefined))),
      Stream.takeUntil((result) => {
        if (result === undefined) return false
        batches.push(result.batch)
        rows += result.batch.length
        return rows >= limit
      }),
      Stream.runDrain,
    )
    const schema = batches.find((batch) => batch.length > 0)?.schema ?? plan.output ?? plan.input
    return { schema, rows: batches.flatMap((batch) => batch.toRows()).slice(0, limit) }
  })

const runSteps = (plan: Plan, batch: Batch): Effect.Effect<StepsResult, PipelineError> =>
  Effect.tryPromise({ try: async () => await plan.steps.run(batch), catch: (cause) => cause as PipelineError })

const lookOptions = (execution: Execution, opened: ReadonlyArray<OpenedSource>, plan: Plan) => {
  const { pipeline, run } = execution
  const counters = new Counters({ sources: pipeline.sources.map((source) => source.name), steps: [], destinations: [] })
  return { pipeline, opened, plan, state: new RunState(run.id, counters, pipeline.errorHandling, undefined), startWorkers: undefined }
}
