/** Runs steps over a batch, for tests. */
import type { TransformFunction } from "../../src/contract/Transform.ts"
import type { Batch } from "../../src/model/Batch.ts"
import { compileSteps } from "../../src/transform/Segment.ts"
import type {
  Backend,
  CompiledSteps,
  CustomFunction,
  CustomStep,
  RowFailure,
  Step,
  StepsHost,
  StepsResult,
  StepsSpec,
} from "../../src/transform/Step.ts"

export interface RunStepsOptions {
  readonly backend?: Backend
  readonly functions?: Readonly<Record<string, TransformFunction>>
  readonly config?: unknown
  readonly host?: StepsHost
  readonly runtime?: Readonly<Record<string, unknown>>
  readonly sides?: NonNullable<StepsSpec["sides"]>
}

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5)

/** The steps, compiled for the batch's schema. Throws where something is wrong with them. */
export const compiled = (steps: ReadonlyArray<Step>, input: StepsSpec["input"], options: RunStepsOptions = {}): CompiledSteps => {
  const spec: StepsSpec = {
    steps,
    input,
    runtime: { pipeline_name: "orders", ...options.runtime },
    now: NOW,
    backend: options.backend ?? "code",
    ...(options.sides === undefined ? {} : { sides: options.sides }),
  }
  const result = compileSteps(spec, resolver(options), options.host)
  if (!result.ok) throw new Error(result.issues.map((issue) => `${issue.path}: ${issue.message}`).join("\n"))
  return result.steps
}

export const resolver =
  ({ functions = {}, config }: RunStepsOptions) =>
  (step: CustomStep): CustomFunction | undefined => {
    const apply = "local" in step.reference ? functions[step.reference.local] : undefined
    return apply === undefined ? undefined : { apply, config }
  }

/** One step that calls `run`, under the name `it`. */
export const custom = (options: Omit<CustomStep, "type" | "reference"> = {}): CustomStep => ({
  type: "custom",
  name: "it",
  reference: { local: "it" },
  ...options,
})

export const runSteps = async (steps: ReadonlyArray<Step>, batch: Batch, options: RunStepsOptions = {}): Promise<StepsResult> =>
  await compiled(steps, batch.schema, options).run(batch)

export interface Skipped extends StepsResult {
  readonly failures: ReadonlyArray<RowFailure>
}

/** The same with failing rows dropped and reported. */
export const runSkipping = async (steps: ReadonlyArray<Step>, batch: Batch, options: RunStepsOptions = {}): Promise<Skipped> => {
  const failures: Array<RowFailure> = []
  const result = await compiled(steps, batch.schema, options).run(batch, (failure) => void failures.push(failure))
  return { ...result, failures }
}
