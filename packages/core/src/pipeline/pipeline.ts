/** Pipelines in TypeScript: the same definition as in a file, checked by the compiler. Importing this loads nothing. */
import type { BuiltinStepDefinition, PipelineDefinition, StepDefinition } from "./Definition.ts"

/** A built-in type must have the keys of that step; any other type is a transform of the host's own. */
type CheckedStep<Step extends { readonly type: string }> = Step["type"] extends BuiltinStepDefinition["type"]
  ? Extract<BuiltinStepDefinition, { readonly type: Step["type"] }>
  : StepDefinition

type CheckedSteps<Steps extends ReadonlyArray<{ readonly type: string }>> = { readonly [I in keyof Steps]: CheckedStep<Steps[I]> }

/** A pipeline with the keys of the pipeline file. Gives what it gets: it is there for types and completion. */
export const pipeline = <const Steps extends ReadonlyArray<StepDefinition>>(
  definition: Omit<PipelineDefinition, "transforms"> & { readonly transforms?: Steps & CheckedSteps<Steps> },
): PipelineDefinition => definition
