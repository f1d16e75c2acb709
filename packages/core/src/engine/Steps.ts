/** Runs row-wise steps over one batch: what they give, which rows they refuse, how long they may take. */
import * as Effect from "effect/Effect"
import { EngineError, type PipelineError, SourceError, StoreError, TransformError } from "../contract/Errors.ts"
import type { Files } from "../contract/Files.ts"
import type { SqlEngine } from "../contract/Sql.ts"
import type { Batch } from "../model/Batch.ts"
import type { Plan } from "../pipeline/Plan.ts"
import type { OnRowError, StepsResult } from "../transform/Step.ts"
import { limitTime } from "./limitTime.ts"
import { type LoadItem, readableRow, type Rejection } from "./Loads.ts"
import type { Remembering } from "./Remembering.ts"
import type { ResolvedPipeline } from "./Resolved.ts"
import type { RunState } from "./RunState.ts"

/** Where steps put what does not fit into memory. */
export interface SpillPlace {
  readonly files: Files
  /** Absolute. */
  readonly folder: string
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** What steps need to know while they run. */
export interface StepsOptions {
  readonly pipeline: ResolvedPipeline
  readonly plan: Plan
  readonly state: RunState
  /** Whether a stage may go on while the next one works. Where times are measured each waits for the others. */
  readonly overlaps: boolean
  readonly spill: SpillPlace
  /** Runs queries; undefined where no plugin does. */
  readonly sql: SqlEngine | undefined
  /** The step that goes on from what earlier runs have seen; undefined where there is none, and where rows are only looked at. */
  readonly remembering?: Pick<Remembering, "step" | "states"> | undefined
}

/** Rows on their way to the load, with the room that they take. */
export interface Transformed extends LoadItem {
  readonly permits: number
  readonly release?: (() => void) | undefined
}

/** Rows that a step gives by itself. */
export const itemOf = (batch: Batch, permits: number, rejections: Transformed["rejections"] = []): Transformed => ({
  kind: "batch",
  batch,
  permits,
  rejections,
  cursor: undefined,
  rowsIn: 0,
})

/** What comes out of the steps. */
type Done = Required<Pick<LoadItem, "batch" | "rejections">> & Pick<LoadItem, "children">

/** Runs row-wise steps, of which `first` is the first, over one batch, and counts. */
export const transformBatch = (
  options: StepsOptions,
  steps: Pick<Plan["steps"], "run" | "isAsync">,
  batch: Batch,
  first: number,
): Effect.Effect<Done, PipelineError> =>
  Effect.gen(function* () {
    const { counters } = options.state
    const started = performance.now()
    const rejected = collectRejections(options, batch)
    const result = yield* runSteps(options, steps, batch, rejected)
    counters.addSteps(batch.length, result.passed, rejected.byStep, first)
    counters.transformMs += performance.now() - started
    const { children } = result
    return { batch: result.batch, rejections: rejected.rejections, ...(children === undefined ? {} : { children }) }
  })

/** Where rows of one batch go that are set aside; undefined `onRowError` where failing rows end the run. */
export const collectRejections = ({ pipeline, state }: StepsOptions, batch: Batch) => {
  const rejections: Array<Rejection> = []
  const byStep = new Map<number, number>()
  const onReject: OnRowError = ({ row, step, error }) => {
    rejections.push({ row: readableRow(batch, row), rowNumber: batch.firstRow + row, step: stepName(pipeline, step), error })
    byStep.set(step, (byStep.get(step) ?? 0) + 1)
  }
  return { rejections, byStep, onReject, onRowError: state.skipsRows ? onReject : undefined }
}

const stepName = (pipeline: ResolvedPipeline, step: number): string => pipeline.steps[step]?.type ?? `step ${step + 1}`

const runSteps = (
  options: StepsOptions,
  steps: Pick<Plan["steps"], "run" | "isAsync">,
  batch: Batch,
  { onRowError, onReject }: Pick<ReturnType<typeof collectRejections>, "onRowError" | "onReject">,
): Effect.Effect<StepsResult, PipelineError> => {
  if (!steps.isAsync) return Effect.try({ try: () => steps.run(batch, onRowError, onReject) as StepsResult, catch: transformFailure })
  // A step that never resolves ends here: by the time limit, or by the run's signal.
  return Effect.tryPromise({ try: async () => await steps.run(batch, onRowError, onReject), catch: transformFailure }).pipe(
    limitTime(options.pipeline.timeout, () => stepTimeout(options, batch)),
  )
}

const stepTimeout = (options: StepsOptions, batch: Batch): TransformError => {
  const names = options.pipeline.steps.filter((step) => step.type === "custom").map((step) => step.name ?? step.type)
  const rows = `rows ${batch.firstRow} to ${batch.firstRow + batch.rowCount - 1}`
  return new TransformError({
    code: "STEP_TIMEOUT",
    message: `${options.pipeline.name} / ${names.join(", ")}: ${rows} did not finish within ${options.pipeline.timeout / 1000} s. Raise timeout, or see what the step waits for.`,
    path: [options.pipeline.name],
  })
}

export const transformFailure = (cause: unknown): PipelineError => {
  if (cause instanceof TransformError || cause instanceof SourceError || cause instanceof EngineError || cause instanceof StoreError)
    return cause
  throw cause
}
