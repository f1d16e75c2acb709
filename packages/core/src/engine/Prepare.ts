/** Between opening the sources and reading them: functions loaded, plan made, worker threads started where they pay. */
import { availableParallelism } from "node:os"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Load } from "../contract/Destination.ts"
import { DefinitionError, type PipelineError, EngineError, TransformError } from "../contract/Errors.ts"
import type { ModuleReference, PluginContext } from "../contract/Plugin.ts"
import { messageOf } from "../model/messageOf.ts"
import { loadExpressions } from "../expression/load.ts"
import { treesOf } from "../expression/Expression.ts"
import { makePlan, type Plan, type PlanIssue } from "../pipeline/Plan.ts"
import { loadTransformFunctions } from "../transform/custom.ts"
import { expressionsOf } from "../transform/Step.ts"
import { needsAllRows } from "../pipeline/decodeSteps.ts"
import { changeExpressions, changesIssues } from "./Changes.ts"
import { placedInDefinition } from "./backfill.ts"
import type { Execution } from "./Execution.ts"
import type { OpenedSource } from "./Pass.ts"
import { rememberingStep } from "./Remembering.ts"
import { describeQueries } from "./SqlTables.ts"
import { makeWorkers, type Workers } from "./Workers.ts"

export interface PlanOptions {
  readonly opened: ReadonlyArray<OpenedSource>
  readonly context: PluginContext
  /** Rows that are wanted at most; for a preview. */
  readonly limit?: number
  /** Hears what each step took, where the run is measured. */
  readonly onTime?: (step: number, milliseconds: number) => void
}

/** Loads the functions of custom steps, checks the steps against the sources' columns and compiles them. */
export const preparePlan = (execution: Execution, { opened, context, limit, onTime }: PlanOptions): Effect.Effect<Plan, PipelineError> =>
  Effect.gen(function* () {
    const { pipeline, environment } = execution
    const functions = yield* Effect.tryPromise({
      try: async () => {
        await loadExpressions([...pipeline.steps.flatMap(expressionsOf), ...pipeline.destinations.flatMap(changeExpressions)])
        return await loadTransformFunctions(pipeline.steps, environment.loadModule, execution.functions)
      },
      catch: (cause) =>
        cause instanceof TransformError
          ? cause
          : new EngineError({ code: "MODULE_FAILED", message: `${pipeline.name}: ${messageOf(cause)}`, cause }),
    })
    const options = {
      steps: pipeline.steps,
      sources: opened.map(({ source, reader }) => ({
        name: source.name,
        schema: reader.schema,
        ...(reader.isPartial === true ? { isPartial: true } : {}),
        ...(reader.notes === undefined ? {} : { notes: reader.notes }),
      })),
      runtime: context.runtimeValues,
      now: context.startedAt,
      backend: environment.backend,
      resolve: functions,
      host: { log: context.log, signal: context.signal, ...(onTime === undefined ? {} : { onTime }) },
      ...(limit === undefined ? {} : { limit }),
    }
    const remembers = rememberingStep(pipeline)
    const queries = yield* Effect.tryPromise({ try: () => describeQueries(options, environment.sql), catch: notDescribed(pipeline.name) })
    const result = makePlan({ ...options, queried: queries.schemas, ...(remembers === undefined ? {} : { remembers }) })
    // Without rows not all columns need be known.
    const takers = opened.every(({ reader }) => reader.isEmpty === true) ? [] : pipeline.destinations
    const changed = (plan: Plan) => takers.flatMap((destination, i) => changesIssues(destination, i, plan.output, plan.spec))
    const issues = [...queries.issues, ...(result.ok ? [...lastRowsIssues(pipeline, result.plan), ...changed(result.plan)] : result.issues)]
    if (!result.ok || issues.length > 0)
      return yield* Effect.fail(new DefinitionError(pipeline.range === undefined ? issues : placedInDefinition(issues)))
    return result.plan
  })

const notDescribed =
  (pipeline: string) =>
  (cause: unknown): EngineError =>
    cause instanceof EngineError ? cause : new EngineError({ code: "MODULE_FAILED", message: `${pipeline}: ${messageOf(cause)}`, cause })

/** What a transform gives at the end of an increment is not what it would give at the end of all rows, unless it says so. */
const lastRowsIssues = ({ sources, steps }: Execution["pipeline"], plan: Plan): ReadonlyArray<PlanIssue> => {
  const source = sources.find(({ incremental }) => incremental !== undefined)
  if (source === undefined) return []
  return plan.steps.stateful
    .filter(({ finishes }) => finishes === "all rows")
    .map(({ step }) => ({ ...needsAllRows(steps[step]!.name ?? "custom", source.name), step, path: `transforms[${step}]` }))
}

/**
 * Threads for a single destination that takes encoded bytes, when a file is large enough. They are only an optimisation: with
 * and without them the same bytes are written.
 */
export const prepareWorkers = (
  execution: Execution,
  opened: ReadonlyArray<OpenedSource>,
  plan: Plan,
  loads: ReadonlyArray<Load>,
): WorkerStart | undefined => {
  const { pipeline, options } = execution
  const size = options.profile === true ? 1 : Math.min(pipeline.workers, availableParallelism())
  const load = loads.length === 1 ? loads[0] : undefined
  const isLarge = opened.some(({ reader }) => (reader.totalBytes ?? 0) >= WORKER_BYTES)
  if (size < 2 || opened.length > 1 || !isLarge || load?.encoded === undefined || plan.output === undefined || !plan.isTransferable)
    return undefined
  const { output, spec } = plan
  const encoder = load.encoded.encoder(output)
  const trees = treesOf(spec.steps.flatMap(expressionsOf))
  return (decoder) => makeWorkers(size - 1, { decoder, steps: spec, trees, encoder, output })
}

/** Starts the threads once the source has said how its chunks are decoded. */
export type WorkerStart = (decoder: ModuleReference) => Effect.Effect<Workers, never, Scope.Scope>

/** Below this size a file is read sooner than threads have started. */
export const WORKER_BYTES = 16 * 1024 * 1024
